/* SPDX-License-Identifier: ISC */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/operation.h"

#define WAIT_MS		3000	/* within which the supervisor tries again */

struct later {
	TAILQ_ENTRY(later)	 link;	/* laters.list */
	struct broker		*broker;
	struct connection	*connection;
	const struct operation	*operation;
	struct event		*timer;
	struct wire_head	 head;
	union {
		struct wire_power	power;
		struct wire_sysrq	sysrq;
		struct wire_attach	attach;
	} u;
};

void
later_init(struct broker *b)
{
	TAILQ_INIT(&b->laters.list);
}

static bool
needs_console(const struct operation *op)
{
	return op->type == WIRE_CONSOLE || op->type == WIRE_LOG;
}

/* One that does not come is waited for once. */
static bool
is_awaited(const struct broker *b, const struct operation *op)
{
	if (b->laters.late)
		return false;
	if (needs_console(op))
		return !channel_ready(b->console) &&
		    !b->laters.console_missed;
	if ((op->flags & OPERATION_POWER) == 0 || b->domains.known)
		return false;
	return channel_ready(b->watcher) ?
	    b->domains.asked != b->domains.answered : !b->domains.missed;
}

static void
later_free(struct later *l)
{
	TAILQ_REMOVE(&l->broker->laters.list, l, link);
	connection_pending(l->connection, -1);
	event_free(l->timer);
	free(l);
}

static void
later_do(struct later *l)
{
	static struct wire_msg msg;
	struct broker *b = l->broker;
	struct connection *c = l->connection;

	memset(&msg, 0, sizeof(msg));
	msg.head = l->head;
	memcpy(&msg.u, &l->u, sizeof(l->u));
	later_free(l);
	(void)operation_dispatch(b, c, &msg);
}

static void
on_timer(evutil_socket_t socket, short what, void *arg)
{
	struct later *l = arg;
	struct broker *b = l->broker;

	(void)socket;
	(void)what;
	if (needs_console(l->operation))
		b->laters.console_missed = true;
	else if (!channel_ready(b->watcher))
		b->domains.missed = true;
	/* A watcher that is there may be slow: this one does not wait on. */
	b->laters.late = true;
	later_do(l);
	b->laters.late = false;
}

bool
later_put(struct broker *b, struct connection *c, const struct operation *op,
    const struct wire_msg *msg)
{
	struct timeval tv = { WAIT_MS / 1000, 0 };
	struct later *l;

	if (!is_awaited(b, op) || (l = calloc(1, sizeof(*l))) == NULL)
		return false;
	if ((l->timer = evtimer_new(b->base, on_timer, l)) == NULL) {
		free(l);
		return false;
	}
	l->broker = b;
	l->connection = c;
	l->operation = op;
	l->head = msg->head;
	memcpy(&l->u, &msg->u, sizeof(l->u));
	evtimer_add(l->timer, &tv);
	TAILQ_INSERT_TAIL(&b->laters.list, l, link);
	connection_pending(c, 1);
	return true;
}

void
later_check(struct broker *b)
{
	struct later *l;

	/* What is done for one may be the end of others. */
	do {
		TAILQ_FOREACH(l, &b->laters.list, link)
			if (!is_awaited(b, l->operation))
				break;
		if (l != NULL)
			later_do(l);
	} while (l != NULL);
}

void
later_forget_connection(struct broker *b, const struct connection *c)
{
	struct later *l, *next;

	for (l = TAILQ_FIRST(&b->laters.list); l != NULL; l = next) {
		next = TAILQ_NEXT(l, link);
		if (l->connection == c)
			later_free(l);
	}
}
