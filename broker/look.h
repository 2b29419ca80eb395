/* SPDX-License-Identifier: ISC */
#ifndef BROKER_LOOK_H
#define BROKER_LOOK_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"
#include "wire/wire.h"

struct broker;
struct connection;
struct domain;
struct event;

/* A request that waits until the watcher has looked once more. */
struct lookout {
	TAILQ_ENTRY(lookout)	 link;		/* lookouts.list */
	struct broker		*broker;
	struct connection	*connection;
	uint32_t		 id;		/* of the request */
	char			 guest[WIRE_NAME];	/* empty: all */
	uint32_t		 flags;
	uint32_t		 serial;	/* of the scan it waits for */
	bool			 resting;	/* between two samples */
	bool			 again;		/* waits for the second */
	bool			 answering;	/* as it reads */
	char			 sent[WIRE_NAME];	/* the last of them */
	uint32_t		 count;		/* so many */
	struct event		*timer;
};

struct lookouts {
	TAILQ_HEAD(, lookout)	 list;
};

void	 look_init(struct broker *b);

/* What its customer sees of a guest, whose domain is d, now. */
void	 look_guest(const struct broker *b, const struct policy_guest *g,
	    const struct domain *d, struct wire_guest *out);

/* Answer LIST (guest "") or STATUS when the watcher has looked.  0 or -1. */
int	 look_later(struct broker *b, struct connection *c, uint32_t id,
	    const char *guest, uint32_t flags);
void	 look_forget_connection(struct broker *b, struct connection *c);

/* That scan has ended.  True: somebody waits for one that has not begun. */
bool	 look_scanned(struct broker *b, uint32_t serial);

/* It has read all that waited for it. */
void	 look_drained(struct broker *b, const struct connection *c);

#endif
