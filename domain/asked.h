/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_ASKED_H
#define DOMAIN_ASKED_H

#include <stdbool.h>

struct job;

/*
 * Some things only an operator may ask for: what lets a guest be booted whose
 * disk may be in use elsewhere, and what has its console unread.  The broker
 * passes the request on, and is not believed: vpshctl also leaves a file of
 * the request's name in RUN/asked, where only root and the group of operators
 * can make any.
 *
 * Was that asked for within the last minutes?  It is used up by this.
 */
bool	 asked_take(const struct job *job, const char *verb);

/* The same of that guest, with the words in dir. */
bool	 asked_take_of(const char *dir, const char *verb,
	    const char *customer, const char *guest, const char *domain);

#endif
