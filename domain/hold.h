/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_HOLD_H
#define DOMAIN_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/wire.h"

/*
 * HOLDS/DOMAIN: the operator wants that guest not to be booted by anybody,
 * for a while or until it is released.  Workers write it under the guest's
 * lock and obey it; the watcher reads it for everybody else.
 */
struct hold {
	int64_t	until_ms;		/* wall clock; 0: for good */
	char	reason[WIRE_CLAIM];	/* one line, for the customer, too */
};

/*
 * Is it held now?  A file that cannot be read or understood holds, too: it
 * was put there for a reason.
 */
bool	 hold_load(const char *dir, const char *domain, struct hold *hold);

/* Return 0 or -1 with errno.  Saving waits for the disk. */
int	 hold_save(const char *dir, const char *domain,
	    const struct hold *hold);
int	 hold_remove(const char *dir, const char *domain);

/* The operations. */
struct job;
int	 hold_run(struct job *job);
int	 hold_release(struct job *job);

/* VPSH_OK, or VPSH_ERR_HELD with job->text set. */
int	 hold_check(struct job *job);

#endif
