/* SPDX-License-Identifier: ISC */
#ifndef BROKER_PREFS_H
#define BROKER_PREFS_H

#include <sys/queue.h>

#include <limits.h>
#include <stdbool.h>

#include "wire/wire.h"

struct broker;
struct connection;
struct policy_customer;
struct request;

/*
 * What customers prefer: files that vpsh-store writes and the broker only
 * reads.  And whose console each was on when the line dropped, for a while
 * and in memory only: nobody else is to be told, and no disk.
 */
#define PREFS_BACK_MS	(10 * 60 * 1000)

struct prefs {
	char			 dir[PATH_MAX];	/* customers/, of vpsh-store */
	TAILQ_HEAD(, prefs_known) known;	/* customers */
	TAILQ_HEAD(, prefs_put)	 puts;		/* what is to be kept */
};

void	 prefs_init(struct broker *b);

/* Handlers of PREFS, PREFER and LEAVE. */
int	 prefs_read(struct request *r);
int	 prefs_prefer(struct request *r);
int	 prefs_leave(struct request *r);

/* A worker of ours has ended; false: it was none. */
bool	 prefs_worker_gone(struct broker *b, const struct wire_gone *gone);

/* A client vanished from that console: its customer can go back there. */
void	 prefs_vanished(struct broker *b, const char *customer,
	    const char *guest);
/* The customer is on that console again. */
void	 prefs_returned(struct broker *b, const char *customer,
	    const char *guest);

void	 prefs_forget_connection(struct broker *b,
	    const struct connection *c);
/* The policy changed: who is no customer any more is forgotten. */
void	 prefs_prune(struct broker *b);

#endif
