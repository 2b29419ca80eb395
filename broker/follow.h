/* SPDX-License-Identifier: ISC */
#ifndef BROKER_FOLLOW_H
#define BROKER_FOLLOW_H

#include <sys/queue.h>

#include <stdbool.h>

struct broker;
struct connection;
struct domain;
struct event;
struct request;

/*
 * Who wants to be told when a guest changes.  Each follower is sent what is
 * new to it and nothing twice; one that is slow to read is skipped and then
 * told how things are by then, so that nothing piles up for it.
 */
struct followers {
	TAILQ_HEAD(, follower)	 list;
	unsigned		 counting;	/* of them want counters */
	bool			 all_changed;
	struct event		*push;		/* tell them what has changed */
	struct event		*sample;	/* while any of them counts */
};

int	 follow_init(struct broker *b);

/* Handlers of FOLLOW and UNFOLLOW. */
int	 follow_begin(struct request *r);
int	 follow_end(struct request *r);

/* What customers see of that domain (NULL: of all) may be different now. */
void	 follow_changed(struct broker *b, struct domain *d);
/* Only its counters are: most who follow need not be looked at for that. */
void	 follow_counted(struct broker *b, struct domain *d);

/* The policy changed, and state_prune() is done. */
void	 follow_recheck_all(struct broker *b);

/* It has read all that waited for it. */
void	 follow_drained(struct broker *b, const struct connection *c);

void	 follow_forget_connection(struct broker *b,
	    const struct connection *c);

#endif
