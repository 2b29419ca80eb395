/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_RING_H
#define DOMAIN_RING_H

#include <stdbool.h>

/*
 * Open the ring file of a console stream, DIR/CUSTOMER.GUEST, making it and
 * its folder if they are not there: root's, 0600, WIRE_RING_BYTES of which
 * every block exists, so that a full file system fails here and not as a
 * signal in whoever maps it.  One of another size or owner is replaced.
 * Where none can be made it has no name and is in memory only; the operator
 * is told.  Returns a descriptor, which is the caller's, or -1 with errno.
 */
int	 ring_open(const char *dir, const char *customer, const char *guest);

/* The same, but only a good one that is there already. */
int	 ring_open_old(const char *dir, const char *customer,
	    const char *guest);

/*
 * Remove the rings of customers who are no more: who gets that name next is
 * somebody else.  is_one says who is a customer, gone is called for each ring
 * that went.
 */
void	 ring_forget(const char *path,
	    bool (*is_one)(void *arg, const char *customer),
	    void (*gone)(void *arg, const char *customer, const char *guest),
	    void *arg);

#endif
