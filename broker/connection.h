/* SPDX-License-Identifier: ISC */
#ifndef BROKER_CONNECTION_H
#define BROKER_CONNECTION_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fd.h"
#include "wire/wire.h"

struct broker;
struct connection;
struct err_args;
struct event;
struct policy_customer;

struct connections {
	TAILQ_HEAD(, connection) list;	/* oldest first */
	size_t			 count;
	uint64_t		 last;		/* numbers never come twice */
	uint64_t		 activity;	/* who is idle longest? */
	int64_t			 idle_ms;	/* so long: it may give way */
	int			 listener;
	struct event		*accept;
	struct event		*retry;	/* accepting again */
	bool			 full;	/* some wait at the door */
};

/* How one uid stands at the door: see connection_tally(). */
struct connection_tally {
	int			 count;
	int			 leaving;	/* of these */
	struct connection	*idle;		/* the one to give way */
};

void	 connection_init(struct broker *b);

/* Take over that socket: one more client.  NULL: no memory for it. */
struct connection *connection_new(struct broker *b, int fd,
	    const struct peer *peer);

void	 connection_tally(const struct broker *b, uid_t uid,
	    struct connection_tally *tally);

/* Say why not (REFUSED or BYE); it ends when the client could read it. */
void	 connection_turn_away(struct connection *c, uint32_t type, int err,
	    const struct err_args *args);

/* The same with BYE, for one that was let in. */
void	 connection_end(struct connection *c, int err);

/* Why that customer may not be here, or VPSH_OK. */
int	 connection_customer_err(const struct policy_customer *customer);

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
/* So many frames wait for it to read what it was sent. */
bool	 connection_is_behind(const struct connection *c);

/* It has left its console of its own will; or is on one (again). */
void	 connection_left(struct connection *c, bool left);
/* That console of its has ended, who knows why. */
void	 connection_was_on(struct connection *c, const char *guest);

/*
 * So many more (or, negative, fewer) things go on for it: answers that it
 * waits for, viewers.  While there is any it is not idle.
 */
void	 connection_pending(struct connection *c, int change);

/* The accounts were looked up; asked_ms: when.  ok: all of them. */
void	 connection_identify_all(struct broker *b, int64_t asked_ms, bool ok);

/* The policy changed: whoever may not be here any more is shown out. */
void	 connection_recheck_all(struct broker *b);

/* Calls each() for every connection of a customer, oldest first. */
void	 connection_each(struct broker *b,
	    void (*each)(void *arg, const struct wire_session *session),
	    void *arg);

#endif
