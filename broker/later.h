/* SPDX-License-Identifier: ISC */
#ifndef BROKER_LATER_H
#define BROKER_LATER_H

#include <sys/queue.h>

#include <stdbool.h>

#include "wire/wire.h"

struct broker;
struct connection;
struct later;
struct operation;

/*
 * Requests that come while the watcher or the console server is being
 * started again: nothing is decided on them yet, they wait for a moment.
 */
struct laters {
	TAILQ_HEAD(, later)	 list;	/* oldest first */
	bool			 console_missed;	/* none came in time */
	bool			 late;	/* the one at hand has waited */
};

void	 later_init(struct broker *b);

/* True: it is kept, and operation_dispatch() is called for it once more. */
bool	 later_put(struct broker *b, struct connection *c,
	    const struct operation *op, const struct wire_msg *msg);

/* Xen was looked at, or the console server is there. */
void	 later_check(struct broker *b);
void	 later_forget_connection(struct broker *b,
	    const struct connection *c);

#endif
