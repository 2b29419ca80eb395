/* SPDX-License-Identifier: ISC */
#ifndef BROKER_LEND_H
#define BROKER_LEND_H

#include <sys/queue.h>

#include <stdint.h>

#include "wire/wire.h"

struct broker;
struct lending;
struct operator_client;
struct policy_guest;

/* Consoles that an operator wants for another tool, until that is known. */
struct lendings {
	TAILQ_HEAD(, lending)	list;
	unsigned		count;
};

void	 lend_init(struct broker *b);

/*
 * Answered with DID, DID_END.  until_ms is of the wall clock; 0: until that
 * tool has used it.
 */
void	 lend_guest(struct operator_client *o, const struct policy_guest *g,
	    int64_t until_ms);

/* The watcher's LENT. */
void	 lend_lent(struct broker *b, const struct wire_lend *lent);

/* The watcher is gone. */
void	 lend_lost(struct broker *b);

/* The operator has gone. */
void	 lend_forget(struct operator_client *o);

#endif
