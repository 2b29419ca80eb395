/* SPDX-License-Identifier: ISC */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest name of a customer or guest, without the NUL. */
#define TEXT_NAME_MAX 32

/*
 * Copy src into dst[size].  Returns 0, or -1 when it did not fit; dst is a
 * string either way.
 */
int	 text_copy(char *dst, size_t size, const char *src);

/* snprintf() that returns 0, or -1 when the result did not fit. */
int	 text_format(char *dst, size_t size, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/* Is it a name as design and policy mean it: [a-z0-9][a-z0-9-]{0,31}? */
bool	 text_is_name(const char *s);

/*
 * Is it usable as a Xen domain name: [A-Za-z0-9._-]{1,64} that begins with
 * neither a dot nor a dash?
 */
bool	 text_is_domain(const char *s);

/*
 * Write len bytes of src so that a terminal and a log line survive them:
 * controls, DEL, C1, invalid UTF-8, bidirectional overrides and other
 * invisible formatting characters become \xNN or \u{NNNN}; of combining
 * marks in a row, four stay.  A backslash is kept.  Cuts at size, never
 * inside an escape or a character.  Returns the length written.
 */
size_t	 text_escape(char *dst, size_t size, const char *src, size_t len);

/*
 * Write len bytes of src as the inside of a JSON string (RFC 8259), made
 * valid UTF-8 on the way (an invalid byte becomes U+FFFD).  What
 * text_escape() would spell out is written as \uNNNN, so that the line is
 * safe to print and nothing is lost.  Cuts at size like text_escape().
 * Returns the length written.
 */
size_t	 text_json(char *dst, size_t size, const char *src, size_t len);

/*
 * The nearest of n words to s, for "did you mean"; NULL when none is near
 * (more than two edits away or more than half the word).
 */
const char *text_nearest(const char *s, const char *const *words, size_t n);

/* The whole string as a decimal number within [min, max]: 0, or -1. */
int	 text_number(const char *s, long long min, long long max,
	    long long *value);

/* "340 B", "1.2 GB": powers of 1000, as networks and disks are sold. */
#define TEXT_BYTES	16
void	 text_bytes(uint64_t bytes, char out[TEXT_BYTES]);

#endif
