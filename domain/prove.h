/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_PROVE_H
#define DOMAIN_PROVE_H

#include <sys/types.h>

#include "domain/holder.h"

/*
 * A tty path in xenstore is a claim.  These checks say that the path is a
 * pseudo terminal of dom0 whose master a given process holds; whether it is
 * *this guest's* is for console.c, which knows when the node was written.
 */
enum proof {
	PROOF_OK,
	PROOF_PATH,		/* not "/dev/pts/N" */
	PROOF_OPEN,		/* cannot be opened: see errno */
	PROOF_KIND,		/* no pseudo terminal, or not of devpts */
	PROOF_OWNER,		/* not that user's */
	PROOF_HOLDER		/* the holder does not hold its master */
};

/* The N of exactly "/dev/pts/N".  Returns 0 or -1. */
int	 prove_index(const char *path, unsigned *index);

/*
 * Open path and check what was opened; owner is whose it must be, holder
 * who must hold the other end.  On PROOF_OK *fd is the caller's: non-blocking,
 * close-on-exec, never anybody's controlling terminal.
 */
enum proof prove_open(const char *path, uid_t owner,
	    const struct holder *holder, int *fd);

/* For the log: "is no pseudo terminal". */
const char *prove_text(enum proof proof);

#endif
