/* SPDX-License-Identifier: ISC */
#ifndef CTL_PLACE_H
#define CTL_PLACE_H

#include <sys/types.h>

#include <stddef.h>

#include "ctl/ctl.h"

/*
 * Customers' files, put in place so that nobody ever sees half of anything:
 * a new customer's directory appears with all that is in it, a file that was
 * there is replaced in one step.  All are root's (or, with a prefix, ours),
 * readable by the group of the broker.
 */
struct place {
	int customers; /* the directory, locked: one vpshctl at a time */
	gid_t group;
};

struct place_file {
	const char *name;
	const char *text; /* NULL: no such file */
};

/* Returns CTL_OK or what report_fail() gives; place_close() in both cases. */
int place_open(struct ctl *ctl, struct place *place);
void place_close(struct place *place);

/* A new customer.  Returns 0, or -1 with errno and nothing there. */
int place_make(const struct place *place, const char *customer,
    const struct place_file *files, size_t n);

/* One file of a customer who is there.  Returns 0 or -1 with errno. */
int place_replace(const struct place *place, const char *customer,
    const struct place_file *file);

/* Take one away.  Returns 0, also when there was none, or -1 with errno. */
int place_unlink(const struct place *place, const char *customer,
    const char *name);

/*
 * Move a customer's directory out of the way, to removed/NAME-TIME, which is
 * left in where.  Returns 0 or -1 with errno.
 */
int place_remove(struct ctl *ctl, const struct place *place,
    const char *customer, char *where, size_t size);

#endif
