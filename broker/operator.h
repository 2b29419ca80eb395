/* SPDX-License-Identifier: ISC */
#ifndef BROKER_OPERATOR_H
#define BROKER_OPERATOR_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fd.h"
#include "wire/wire.h"

struct broker;
struct channel;
struct event;
struct operate;
struct policy_guest;

/* One who was let in.  One question at a time. */
struct operator_client {
	TAILQ_ENTRY(operator_client)  link;
	struct broker		*broker;
	struct channel		*channel;
	struct peer		 peer;
	struct event		*timer;
	bool			 greeted;
	uint32_t		 id;	/* of the question; 0: none */
	struct wire_msg		*ask;	/* waits for Xen to be looked at */
	uint32_t		 serial;	/* by this scan */
	struct operate		*operate;	/* what it has done */
	/* SESSIONS: as of when it was asked for. */
	struct wire_session	*sessions;
	size_t			 nsessions;
	size_t			 sent;
};

/*
 * The operators' door, /run/vpsh/operator.sock.  Who may open it is said by
 * the socket's mode (root, group vpsh-operator) and by nothing else; a
 * customer is not let in even then.
 */
struct operators {
	TAILQ_HEAD(, operator_client)  list;
	TAILQ_HEAD(, operate)	 work;		/* operate.c */
	size_t			 count;
	int			 listener;	/* with accept only */
	struct event		*accept;
	struct event		*retry;	/* accepting again */
};

void	 operator_init(struct broker *b);

/* Take over the operators' listening socket. */
void	 operator_listen(struct broker *b, int fd);

/* That scan has ended.  True: somebody waits for one that has not begun. */
bool	 operator_scanned(struct broker *b, uint32_t serial);

/* What was allowed on a guest's console is over, or was not done at all. */
void	 operator_record_end(struct broker *b, const struct peer *peer,
	    const char *verb, const struct policy_guest *g, int err);

/* Its question is answered; the next may come. */
void	 operator_answered(struct operator_client *o);

#endif
