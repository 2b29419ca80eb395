/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_LEND_H
#define DOMAIN_LEND_H

#include "wire/wire.h"

struct dom;
struct watch;

/*
 * A console that is given up for another tool of the operator's, and taken
 * back: as soon as that tool has had xenconsole's lock and let it go, or when
 * the time is over, but never from under it.  Of one domain: its next boot is
 * ours again.  A watcher that comes meanwhile leaves it lent: that is kept in
 * RUN/lent, one file for each.
 */
enum lend_state {
	LEND_NOT,
	LEND_ASKED,	/* the console server is to close it first */
	LEND_OUT
};

void	 lend_open(struct watch *watch);

/* A domain that is new to us: a watcher before us may have lent it. */
void	 lend_resume(struct watch *watch, struct dom *dom);

/* The broker's LEND; answered with LENT.  An operator has to have asked. */
void	 lend_begin(struct watch *watch, const struct wire_lend *what);

/* The console server has closed it. */
void	 lend_let_go(struct watch *watch, struct dom *dom);

/* To a console server that is new. */
void	 lend_tell(struct watch *watch, struct dom *dom);

/* The domain goes, or somebody else's guest it is now. */
void	 lend_forget(struct watch *watch, struct dom *dom);

#endif
