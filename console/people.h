/* SPDX-License-Identifier: ISC */
#ifndef CONSOLE_PEOPLE_H
#define CONSOLE_PEOPLE_H

#include <stddef.h>

struct stream;
struct viewer;

/*
 * Who is at a console: said to those who are there, and marked in its log.
 * Readers of the log alone are not there.
 */

/*
 * It joined or is about to leave.  One that only goes on after a restart of
 * ours or of the broker's has been there all the time.
 */
void	 people_came(struct stream *stream, struct viewer *viewer);
void	 people_left(struct stream *stream, const struct viewer *viewer);

/* It has taken the write side from another one. */
void	 people_took(struct stream *stream, const struct viewer *viewer);

/* "here: alice (types), bob (watches)" */
void	 people_here(const struct stream *stream, char *dst, size_t size);

#endif
