/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_STORE_H
#define DOMAIN_STORE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Reading xenstore.  Whatever comes out of it may have been written by a
 * guest.  libxenstore waits for ever for an xenstored that hangs, and does
 * not notice one that died once its thread runs: every call here is under
 * an alarm(2) whose signal ends the process.
 */
struct xs_handle;

#define STORE_PATIENCE_S	10

struct xs_handle *store_open(void);
void	 store_close(struct xs_handle *store);

/*
 * The value of a node, as a string without control characters.  Returns 0,
 * or -1 when there is no such node, or its value does not fit or is no text.
 */
int	 store_read(struct xs_handle *store, char *dst, size_t size,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Is the node there and does dom0 own it, so that no guest can write it? */
bool	 store_is_ours(struct xs_handle *store, const char *path);

/* Write a string.  Returns 0 or -1 with errno. */
int	 store_write(struct xs_handle *store, const char *path,
	    const char *value);

/*
 * Write to, if the value is from.  Returns 1, 0 when it is another one, or
 * -1 with errno.
 */
int	 store_swap(struct xs_handle *store, const char *path,
	    const char *from, const char *to);

/*
 * A connection on which nothing is ever said: it ends when xenstored does.
 * -1 where there is none, as with an xenstored in a domain of its own.
 */
int	 store_lifeline(void);

/* Is xenstored alive? */
bool	 store_alive(struct xs_handle *store);

/* A watch; false with errno. */
bool	 store_watch(struct xs_handle *store, const char *path,
	    const char *token);
void	 store_unwatch(struct xs_handle *store, const char *path,
	    const char *token);

#endif
