/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "broker/broker.h"

#define OPERATORS_MAX	8
#define SESSIONS_MAX	4096	/* more than there can be connections */
#define BACKLOG_MAX	64	/* frames that wait for a slow reader */
#define QUIET_MS	30000	/* then it has forgotten us */

struct operator_client {
	TAILQ_ENTRY(operator_client)  link;
	struct broker		*broker;
	struct channel		*channel;
	struct event		*timer;
	bool			 greeted;
	/* The answer that is on its way: as of when it was asked for. */
	uint32_t		 id;		/* 0: none */
	struct wire_session	*sessions;
	size_t			 nsessions;
	size_t			 sent;
};

void
operator_init(struct broker *b)
{
	TAILQ_INIT(&b->operators.list);
	b->operators.listener = -1;
}

static void
operator_free(struct operator_client *o)
{
	TAILQ_REMOVE(&o->broker->operators.list, o, link);
	o->broker->operators.count--;
	event_free(o->timer);
	channel_free(o->channel);
	free(o->sessions);
	free(o);
}

static void
stay(struct operator_client *o)
{
	struct timeval tv = { QUIET_MS / 1000, 0 };

	evtimer_add(o->timer, &tv);
}

static void
collect(void *arg, const struct wire_session *session)
{
	struct operator_client *o = arg;

	if (o->nsessions < SESSIONS_MAX)
		o->sessions[o->nsessions++] = *session;
}

/* As much as its socket takes; the rest when it has read that. */
static void
send_on(struct operator_client *o)
{
	struct wire_count end = { (uint32_t)o->nsessions };

	while (o->sent < o->nsessions &&
	    channel_backlog(o->channel) < BACKLOG_MAX)
		channel_send(o->channel, WIRE_SESSION, o->id,
		    &o->sessions[o->sent++], -1);
	if (o->sent < o->nsessions)
		return;
	channel_send(o->channel, WIRE_SESSIONS_END, o->id, &end, -1);
	free(o->sessions);
	o->sessions = NULL;
	o->id = 0;
}

static bool
sessions(struct operator_client *o, uint32_t id)
{
	o->nsessions = o->sent = 0;
	o->sessions = calloc(o->broker->connections.count + 1,
	    sizeof(*o->sessions));
	if (o->sessions == NULL)
		return false;
	o->id = id;
	connection_each(o->broker, collect, o);
	send_on(o);
	return true;
}

static void
record(struct broker *b, const struct peer *peer, const char *verb,
    const char *verdict)
{
	const struct audit_record r = { .event = "operator", .peer = peer,
		.verb = verb, .verdict = verdict };

	audit_write(&b->audit, &r);
}

static bool
operator_hello(struct operator_client *o, const struct wire_hello *hello)
{
	struct wire_hello ours;

	if (wire_hello_version(hello) == 0 ||
	    hello->role != WIRE_ROLE_OPERATOR)
		return false;
	o->greeted = true;
	wire_hello(&ours, WIRE_ROLE_BROKER, NULL);
	channel_send(o->channel, WIRE_HELLO, 0, &ours, -1);
	return true;
}

/* One question at a time: the next is taken when this is answered. */
static bool
operator_frame(void *arg, const struct wire_msg *msg, int *fd)
{
	struct operator_client *o = arg;

	(void)fd;
	stay(o);
	if (!o->greeted)
		return msg->head.type == WIRE_HELLO &&
		    operator_hello(o, &msg->u.hello);
	return msg->head.type == WIRE_SESSIONS && msg->head.id != 0 &&
	    o->id == 0 && sessions(o, msg->head.id);
}

static void
operator_closed(void *arg, const char *why)
{
	(void)why;
	operator_free(arg);
}

static void
operator_drained(void *arg)
{
	struct operator_client *o = arg;

	stay(o);
	if (o->id != 0)
		send_on(o);
}

static void
on_timer(evutil_socket_t socket, short what, void *arg)
{
	(void)socket;
	(void)what;
	operator_free(arg);
}

static void
operator_new(struct broker *b, int fd)
{
	static const struct channel_ops ops = { .frame = operator_frame,
		.closed = operator_closed, .drained = operator_drained };
	struct operator_client *o = calloc(1, sizeof(*o));

	if (o == NULL || (o->timer = evtimer_new(b->base, on_timer,
	    o)) == NULL) {
		fd_close(&fd);
		free(o);
		return;
	}
	o->broker = b;
	o->channel = channel_new(b->base, fd, WIRE_OPERATOR_BROKER, 0, &ops,
	    o);
	if (o->channel == NULL) {
		event_free(o->timer);
		free(o);
		return;
	}
	TAILQ_INSERT_TAIL(&b->operators.list, o, link);
	b->operators.count++;
	stay(o);
}

static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct broker *b = arg;
	struct peer peer;
	bool good;
	int fd;

	(void)what;
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			log_error("accept of an operator: %s",
			    strerror(errno));
		return;
	}
	if (fd_peer(fd, &peer) == -1) {
		fd_close(&fd);
		return;
	}
	/* In a group by mistake: who has guests here runs no host. */
	good = account_of(b, peer.uid) == NULL || peer.uid == b->single_uid;
	record(b, &peer, "connect", good ? "allow" : "deny");
	if (!good || b->operators.count >= OPERATORS_MAX) {
		log_warn("uid %ld, pid %ld: not let in as an operator: %s",
		    (long)peer.uid, (long)peer.pid,
		    good ? "too many at once" : "it is a customer's account");
		fd_close(&fd);
		return;
	}
	operator_new(b, fd);
}

void
operator_listen(struct broker *b, int fd)
{
	struct operators *all = &b->operators;

	if (all->accept != NULL)
		event_free(all->accept);
	fd_close(&all->listener);
	all->listener = fd;
	all->accept = event_new(b->base, fd, EV_READ | EV_PERSIST, on_accept,
	    b);
	if (fd_set_nonblock(fd) == -1 || all->accept == NULL ||
	    event_add(all->accept, NULL) == -1)
		fatal("cannot listen for operators: %m");
}
