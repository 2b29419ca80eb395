/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"
#include "broker/lend.h"
#include "broker/operate.h"
#include "wire/err.h"

#define OPERATORS_MAX	8
#define SESSIONS_MAX	4096	/* more than there can be connections */
#define BACKLOG_MAX	64	/* frames that wait for a slow reader */
#define QUIET_MS	30000	/* then it has forgotten us */
#define RETRY_S		1	/* after there was no descriptor left */
#define LOOK_MS		3000	/* for Xen to answer */

void
operator_init(struct broker *b)
{
	TAILQ_INIT(&b->operators.list);
	TAILQ_INIT(&b->operators.work);
	b->operators.listener = -1;
}

static void
operator_free(struct operator_client *o)
{
	TAILQ_REMOVE(&o->broker->operators.list, o, link);
	o->broker->operators.count--;
	operate_forget(o);
	lend_forget(o);
	event_free(o->timer);
	channel_free(o->channel);
	free(o->sessions);
	free(o->ask);
	free(o);
}

static void
stay(struct operator_client *o, int ms)
{
	struct timeval tv = { ms / 1000, 0 };

	evtimer_add(o->timer, &tv);
}

void
operator_answered(struct operator_client *o)
{
	o->id = 0;
	stay(o, QUIET_MS);
}

/* What changes a guest is recorded with its job; a look at the health not. */
static void
record(struct broker *b, const struct peer *peer, const char *verb,
    const char *verdict)
{
	const struct audit_record r = { .event = "operator", .peer = peer,
		.verb = verb, .verdict = verdict };

	audit_write(&b->audit, &r);
}

/* --- who is logged in ---------------------------------------------------- */

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
	operator_answered(o);
}

static bool
sessions(struct operator_client *o)
{
	o->nsessions = o->sent = 0;
	o->sessions = calloc(o->broker->connections.count + 1,
	    sizeof(*o->sessions));
	if (o->sessions == NULL)
		return false;
	record(o->broker, &o->peer, "sessions", "allow");
	connection_each(o->broker, collect, o);
	send_on(o);
	return true;
}

/* --- what is answered as Xen is now -------------------------------------- */

/* While there is no watcher, the next one's first look is waited for. */
static bool
look_first(struct operator_client *o, const struct wire_msg *msg)
{
	struct broker *b = o->broker;

	if ((o->ask = malloc(sizeof(*o->ask))) == NULL)
		return false;
	*o->ask = *msg;
	o->serial = channel_ready(b->watcher) ? state_scan(b) :
	    b->domains.asked + 1;
	stay(o, LOOK_MS);
	return true;
}

/* False: the operator cannot be served any more. */
static bool
looked(struct operator_client *o)
{
	struct wire_msg *ask = o->ask;
	struct wire_health health;
	bool good = true;

	o->ask = NULL;
	stay(o, QUIET_MS);
	if (ask->head.type == WIRE_HEALTH) {
		health_describe(o->broker, &health);
		channel_send(o->channel, WIRE_HEALTH_IS, o->id, &health, -1);
		operator_answered(o);
	} else
		good = operate_begin(o, ask);
	free(ask);
	return good;
}

bool
operator_scanned(struct broker *b, uint32_t serial)
{
	struct operator_client *o, *next;
	bool more = false;

	for (o = TAILQ_FIRST(&b->operators.list); o != NULL; o = next) {
		next = TAILQ_NEXT(o, link);
		if (o->ask == NULL)
			continue;
		if (o->serial > serial)
			more = true;
		else if (!looked(o))
			operator_free(o);
	}
	return more;
}

/* --- a guest's console --------------------------------------------------- */

static void
record_console(const struct operator_client *o, const char *verb,
    const struct policy_guest *g)
{
	const struct audit_record r = { .event = "operator", .peer = &o->peer,
		.verb = verb, .guest = g->name, .domain = g->domain,
		.customer = g->owner, .verdict = "allow" };

	audit_write(&o->broker->audit, &r);
}

void
operator_record_end(struct broker *b, const struct peer *peer,
    const char *verb, const struct policy_guest *g, int err)
{
	const struct audit_record r = { .event = "done", .peer = peer,
		.verb = verb, .guest = g->name, .domain = g->domain,
		.customer = g->owner, .err = err_name(err) };

	audit_write(&b->audit, &r);
}

static void
watch(struct operator_client *o, const struct policy_guest *g, int64_t from)
{
	char name[WIRE_DOMAIN];
	int err;

	record_console(o, "watch", g);
	err = viewer_watch(o, g, from);
	if (err == VPSH_OK) {
		operator_answered(o);
		return;
	}
	operator_record_end(o->broker, &o->peer, "watch", g, err);
	operate_name(g, name);
	operate_say(o, name, err, err == VPSH_ERR_BUSY ? "as many operators "
	    "as may watch it already. Nothing was done." : "its console "
	    "cannot be shown: vpsh is restarting, or out of memory. Ask "
	    "again.");
}

/* False: that cannot be asked. */
static bool
console(struct operator_client *o, const struct wire_msg *msg)
{
	const struct wire_operate *what = &msg->u.operate;
	const struct policy_guest *g;

	if (what->guest[0] == '\0' || what->text[0] != '\0' ||
	    what->flags != 0 || what->until_ms < 0)
		return false;
	g = operate_guest(o, what->guest);
	if (g == NULL)
		return true;
	if (msg->head.type == WIRE_WATCH) {
		watch(o, g, what->until_ms);
	} else {
		record_console(o, "lend", g);
		lend_guest(o, g, what->until_ms);
	}
	return true;
}

/* --- frames -------------------------------------------------------------- */

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

static bool
operator_asks(struct operator_client *o, const struct wire_msg *msg)
{
	if (msg->head.type == WIRE_SESSIONS)
		return sessions(o);
	if (msg->head.type == WIRE_HEALTH)
		return look_first(o, msg);
	if (msg->head.type == WIRE_WATCH ||
	    msg->head.type == WIRE_LEND_GUEST)
		return console(o, msg);
	if (!operate_is_good(msg))
		return false;
	/* Which guests that are is for Xen to say. */
	return msg->u.operate.guest[0] == '\0' ? look_first(o, msg) :
	    operate_begin(o, msg);
}

/* One question at a time: the next is taken when this is answered. */
static bool
operator_frame(void *arg, const struct wire_msg *msg, int *fd)
{
	struct operator_client *o = arg;

	(void)fd;
	stay(o, QUIET_MS);
	if (!o->greeted)
		return msg->head.type == WIRE_HELLO &&
		    operator_hello(o, &msg->u.hello);
	if (msg->head.type == WIRE_HELLO || msg->head.id == 0 || o->id != 0)
		return false;
	o->id = msg->head.id;
	return operator_asks(o, msg);
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

	if (o->sessions == NULL)
		return;
	stay(o, QUIET_MS);
	send_on(o);
}

static void
on_timer(evutil_socket_t socket, short what, void *arg)
{
	struct operator_client *o = arg;

	(void)socket;
	(void)what;
	/* Xen is silent: that is an answer, too. */
	if (o->operate != NULL)
		stay(o, QUIET_MS);
	else if (o->ask == NULL || !looked(o))
		operator_free(o);
}

static void
operator_new(struct broker *b, int fd, const struct peer *peer)
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
	o->peer = *peer;
	o->channel = channel_new(b->base, fd, WIRE_OPERATOR_BROKER, 0, &ops,
	    o);
	if (o->channel == NULL) {
		event_free(o->timer);
		free(o);
		return;
	}
	TAILQ_INSERT_TAIL(&b->operators.list, o, link);
	b->operators.count++;
	stay(o, QUIET_MS);
}

/* Whoever is not to wait is told so; one that only hangs up comes back. */
static void
turn_away(int fd, const struct peer *peer, int err, const char *why)
{
	struct wire_did did = { .err = err };
	char unread[1];

	log_warn("uid %ld, pid %ld: not let in as an operator: %s",
	    (long)peer->uid, (long)peer->pid, why);
	(void)text_copy(did.text, sizeof(did.text), why);
	(void)recv(fd, unread, sizeof(unread), MSG_DONTWAIT);
	(void)wire_send(fd, WIRE_DID, 0, &did, NULL, 0);
	fd_close(&fd);
}

static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
	const struct timeval later = { RETRY_S, 0 };
	struct broker *b = arg;
	struct peer peer;
	bool good;
	int fd;

	(void)what;
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		if (errno == EAGAIN || errno == EINTR ||
		    errno == ECONNABORTED)
			return;
		log_error("accept of an operator: %s", strerror(errno));
		event_del(b->operators.accept);
		evtimer_add(b->operators.retry, &later);
		return;
	}
	if (fd_peer(fd, &peer) == -1) {
		fd_close(&fd);
		return;
	}
	/* In a group by mistake: who has guests here runs no host. */
	good = account_of(b, peer.uid) == NULL || peer.uid == b->single_uid;
	if (!good)
		record(b, &peer, "connect", "deny");
	if (!good)
		turn_away(fd, &peer, VPSH_ERR_DENIED,
		    "it is a customer's account");
	else if (b->operators.count >= OPERATORS_MAX)
		turn_away(fd, &peer, VPSH_ERR_SESSIONS, "too many at once");
	else
		operator_new(b, fd, &peer);
}

static void
on_retry(evutil_socket_t socket, short what, void *arg)
{
	struct broker *b = arg;

	(void)socket;
	(void)what;
	event_add(b->operators.accept, NULL);
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
	if (all->retry == NULL)
		all->retry = evtimer_new(b->base, on_retry, b);
	if (fd_set_nonblock(fd) == -1 || all->accept == NULL ||
	    all->retry == NULL || event_add(all->accept, NULL) == -1)
		fatal("cannot listen for operators: %m");
}
