/* SPDX-License-Identifier: ISC */
#ifndef BROKER_ACTIVITY_H
#define BROKER_ACTIVITY_H

#include <sys/queue.h>

#include <stdint.h>

#include "wire/wire.h"

struct audit_record;
struct broker;
struct request;

/*
 * What was done to customers' guests, the newest of it and in memory: made of
 * what is written to the audit log, and after a start of what its end says.
 */
#define ACTIVITY_MAX		50	/* acts of a customer's guests */
#define ACTIVITY_TAIL		(1024 * 1024)	/* bytes of the log */

struct activity {
	TAILQ_HEAD(, activity_of) list;	/* customers */
	int			 log;	/* the audit log to read, or -1 */
};

void	 activity_init(struct broker *b);

/* While that can be done: before privilege is dropped. */
void	 activity_open(struct broker *b, const char *dir);
/* Read its end; customers' words are in it, so after the sandbox is there. */
void	 activity_refill(struct broker *b);

/* That is on record, as of wall_ms. */
void	 activity_note(struct broker *b, const struct audit_record *r,
	    int64_t wall_ms);
/* All before this was a predecessor's, and what it had open is not any more. */
void	 activity_close_open(struct broker *b);

/* Handler of ACTIVITY. */
int	 activity_request(struct request *r);

/* The policy changed: who is no customer any more is forgotten. */
void	 activity_prune(struct broker *b);

#endif
