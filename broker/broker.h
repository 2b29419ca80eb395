/* SPDX-License-Identifier: ISC */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <sys/types.h>

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/account.h"
#include "broker/activity.h"
#include "broker/audit.h"
#include "broker/autostart.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/door.h"
#include "broker/follow.h"
#include "broker/health.h"
#include "broker/job.h"
#include "broker/journal.h"
#include "broker/operator.h"
#include "broker/later.h"
#include "broker/lend.h"
#include "broker/look.h"
#include "broker/prefs.h"
#include "broker/recover.h"
#include "broker/reload.h"
#include "broker/state.h"
#include "broker/viewer.h"
#include "policy/policy.h"

struct event_base;

/*
 * The broker: all that customers can talk to, and the only thing that
 * decides.  It has no privilege; what it decides is done by others, whom it
 * knows as channels.  One struct, one loop; the one other thread does nothing
 * but write the audit log.
 */
struct broker {
	struct event_base	*base;
	char			 etc[PATH_MAX];
	char			 host[WIRE_DOMAIN];
	/*
	 * Not started by root (tests, demonstrations): the one uid that may
	 * be a customer although it is below 1000, our own; else 0.
	 */
	uid_t			 single_uid;
	struct policy		*policy;
	struct audit		 audit;
	struct activity		 activity;
	struct journal		 journal;
	struct health		 health;
	struct channel		*supervisor;
	struct channel		*console;	/* NULL: not there */
	int64_t			 console_lost_ms;	/* 0: never */
	struct channel		*watcher;	/* NULL: not there */
	uint64_t		 last_job;	/* newest worker's number */
	struct accounts		 accounts;
	struct connections	 connections;
	struct operators	 operators;
	struct domains		 domains;
	struct jobs		 jobs;
	struct lookouts		 lookouts;
	struct lendings		 lendings;
	struct laters		 laters;
	struct viewers		 viewers;
	struct prefs		 prefs;
	struct followers	 followers;
	struct reload		 reload;
};

/*
 * Everything set up but for the sockets.  control is the supervisor's, after
 * HELLO, and is taken over; the policy too.  Returns 0 or -1.
 */
int	 broker_init(struct broker *b, struct policy *policy, int control);

/* A worker's socket, its other end on the way to a new process; or NULL. */
struct channel *broker_spawn(struct broker *b, enum wire_worker kind,
		    uint32_t deadline_ms, const struct channel_ops *ops,
		    void *arg, uint64_t *job);

#endif
