/* SPDX-License-Identifier: ISC */
#ifndef BROKER_ACCOUNT_H
#define BROKER_ACCOUNT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/state.h"
#include "wire/wire.h"

struct broker;
struct channel;
struct event;

/*
 * Which uid is which customer.  Policies say so ("uid = N"), or the name
 * service does, which may need anything and take any time: it is asked by a
 * worker.
 */
struct account {
	uid_t	uid;
	char	customer[WIRE_NAME];
	bool	refused;		/* nobody may have this uid */
	struct rate connects;
};

struct accounts {
	struct account		*rows;		/* what counts */
	size_t			 nrows;
	struct account		*found;		/* by the last worker */
	size_t			 nfound;
	struct account		*coming;	/* from the running worker */
	size_t			 ncoming;
	uint64_t		 job;		/* of that worker, 0: none */
	struct channel		*worker;
	bool			 complete;
	bool			 known;		/* one was complete */
	bool			 failed;	/* the newest was not */
	int64_t			 asked_ms;
	struct event		*timer;		/* next look-up */
};

int	 account_init(struct broker *b);

/* The customer's name, or NULL. */
const char *account_of(const struct broker *b, uid_t uid);

/* 0, or the seconds until that uid may connect once more. */
int	 account_may_connect(struct broker *b, uid_t uid);

/* Nobody can be told from a stranger, and nothing is under way to that. */
bool	 account_down(const struct broker *b);

/* Make the table again from the policy and what is known of accounts. */
void	 account_rebuild(struct broker *b);

/* Look all accounts up again, at most once per 2 s. */
void	 account_refresh(struct broker *b);

/* False when it is not a worker of ours. */
bool	 account_worker_gone(struct broker *b, const struct wire_gone *gone);

/* The worker: looks up all customers of etc and reports on control. */
int	 account_worker(const char *etc, const char *kept, int control);

#endif
