/* SPDX-License-Identifier: ISC */
#ifndef BROKER_CONNECTION_H
#define BROKER_CONNECTION_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fd.h"

struct broker;
struct connection;
struct err_args;
struct event;

struct connections {
	TAILQ_HEAD(, connection) list;	/* oldest first */
	size_t			 count;
	uint64_t		 activity;	/* who is idle longest? */
	int			 listener;
	struct event		*accept;
	struct event		*retry;	/* accepting again */
};

void	 connection_init(struct broker *b);

/* Take over the customers' listening socket. */
void	 connection_listen(struct broker *b, int fd);

/* Begin to accept, once accounts are known and there is a socket. */
void	 connection_accept(struct broker *b);

/* The customer's name; "" before that is known. */
const char *connection_customer(const struct connection *c);
const char *connection_claim(const struct connection *c);
const struct peer *connection_peer(const struct connection *c);

/* A frame to the client; one that does not read them is dropped. */
void	 connection_send(struct connection *c, uint32_t type, uint32_t id,
	    const void *body);
/* The same with a descriptor, which is taken over. */
void	 connection_send_fd(struct connection *c, uint32_t type, uint32_t id,
	    const void *body, int fd);
/* The sentence for err as REFUSED or BYE. */
void	 connection_say(struct connection *c, uint32_t type, uint32_t id,
	    int err, const struct err_args *args);

/*
 * So many more (or, negative, fewer) things go on for it: answers that it
 * waits for, viewers.  While there is any it is not idle.
 */
void	 connection_pending(struct connection *c, int change);

/* The accounts were looked up; asked_ms: when.  ok: all of them. */
void	 connection_identify_all(struct broker *b, int64_t asked_ms, bool ok);

/* The policy changed: whoever may not be here any more is shown out. */
void	 connection_recheck_all(struct broker *b);

#endif
