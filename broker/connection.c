/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"
#include "broker/operation.h"
#include "wire/err.h"

#define CONNECTIONS_MAX	2200	/* 2,000 sessions, and those at the door */
#define STRANGERS_MAX	4	/* of one uid that is no customer's (yet) */
#define PENDING_MAX	16
#define HELLO_MS	10000
#define LEAVING_MS	2000	/* to read the reason and hang up */
#define LEAVING_MAX	16	/* of one uid, beyond its limit */
#define RETRY_MS	200
#define REQUESTS_MAX	40	/* of one client in a row, */
#define REQUESTS_MS	1000	/* then it waits: the audit log is finite */
#define ACCEPTS_AT_ONCE	32

struct connection {
	TAILQ_ENTRY(connection)	 link;	/* connections.list */
	struct broker		*broker;
	struct channel		*channel;
	struct peer		 peer;		/* as the kernel says */
	char			 customer[WIRE_NAME];	/* "": not yet known */
	char			 claim[WIRE_CLAIM];
	bool			 greeted;
	bool			 leaving;	/* was told why; says no more */
	int64_t			 began_ms;
	uint64_t		 activity;	/* of connections.activity */
	int			 pending;
	uint32_t		 last_id;
	int64_t			 requests_ms;	/* since when */
	int			 requests;	/* so many */
	struct event		*timer;		/* HELLO is due, or the end */
};

void
connection_init(struct broker *b)
{
	TAILQ_INIT(&b->connections.list);
	b->connections.listener = -1;
}

const char *
connection_customer(const struct connection *c)
{
	return c->customer;
}

const char *
connection_claim(const struct connection *c)
{
	return c->claim;
}

const struct peer *
connection_peer(const struct connection *c)
{
	return &c->peer;
}

void
connection_pending(struct connection *c, int change)
{
	c->pending += change;
	c->activity = ++c->broker->connections.activity;
}

/* --- the end ------------------------------------------------------------- */

static void
record(struct connection *c, const char *event, int err)
{
	const struct audit_record r = { .event = event,
		.customer = c->customer, .peer = &c->peer, .claim = c->claim,
		.err = err == VPSH_OK ? NULL : err_name(err) };

	audit_write(&c->broker->audit, &r);
}

/* Nothing goes on for it any more. */
static void
connection_forget(struct connection *c)
{
	struct broker *b = c->broker;

	if (c->customer[0] != '\0')
		record(c, "logout", VPSH_OK);
	c->customer[0] = '\0';
	state_forget_connection(b, c);
	job_forget_connection(b, c);
	viewer_forget_connection(b, c);
}

static void
connection_free(struct connection *c)
{
	connection_forget(c);
	TAILQ_REMOVE(&c->broker->connections.list, c, link);
	c->broker->connections.count--;
	event_free(c->timer);
	channel_free(c->channel);
	free(c);
}

void
connection_send_fd(struct connection *c, uint32_t type, uint32_t id,
    const void *body, int fd)
{
	channel_send(c->channel, type, id, body, fd);
}

void
connection_send(struct connection *c, uint32_t type, uint32_t id,
    const void *body)
{
	channel_send(c->channel, type, id, body, -1);
}

void
connection_say(struct connection *c, uint32_t type, uint32_t id, int err,
    const struct err_args *args)
{
	struct wire_outcome out = { .err = err };

	err_sentence(err, args, out.text, sizeof(out.text));
	connection_send(c, type, id, &out);
}

/*
 * Say why, then go.  A close with frames of the client's still unread would
 * be a reset to it (unix(7)), and the reason would be lost: it hangs up, or
 * we do a little later.
 */
static void
connection_leave(struct connection *c, uint32_t type, int err,
    const char *detail)
{
	const struct err_args args = { .support = c->broker->policy->support,
		.detail = detail };
	struct timeval tv = { LEAVING_MS / 1000, 0 };

	if (c->customer[0] == '\0')
		record(c, "refused", err);
	connection_forget(c);
	connection_say(c, type, 0, err, &args);
	c->leaving = true;
	channel_pause(c->channel, false);
	evtimer_add(c->timer, &tv);
}

/* --- who it is ----------------------------------------------------------- */

/* Why that customer may not be here, or VPSH_OK. */
static int
customer_err(const struct policy_customer *customer)
{
	if (customer == NULL)
		return VPSH_ERR_NO_CUSTOMER;
	if (customer->suspended || customer->denied[0] != '\0')
		return VPSH_ERR_POLICY;
	return VPSH_OK;
}

/* Now that its customer is known. */
static void
connection_login(struct connection *c, const char *name)
{
	const struct policy_customer *customer = policy_customer(
	    c->broker->policy, name);
	int err = customer_err(customer);

	if (err != VPSH_OK) {
		connection_leave(c, WIRE_BYE, err, customer != NULL &&
		    customer->suspended ? "suspended by the operator" : NULL);
		return;
	}
	(void)text_copy(c->customer, sizeof(c->customer), name);
	record(c, "login", VPSH_OK);
	channel_pause(c->channel, false);
}

/* An unknown uid may be an account that was made a moment ago. */
static void
connection_identify(struct connection *c)
{
	const char *name = account_of(c->broker, c->peer.uid);

	if (name != NULL) {
		connection_login(c, name);
		return;
	}
	channel_pause(c->channel, true);
	account_refresh(c->broker);
}

void
connection_identify_all(struct broker *b, int64_t asked_ms, bool ok)
{
	struct connection *c, *next;
	bool again = false;
	const char *name;

	for (c = TAILQ_FIRST(&b->connections.list); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (!c->greeted || c->leaving || c->customer[0] != '\0')
			continue;
		name = account_of(b, c->peer.uid);
		if (name != NULL)
			connection_login(c, name);
		else if (c->began_ms <= asked_ms)
			connection_leave(c, WIRE_BYE,
			    ok ? VPSH_ERR_NO_CUSTOMER : VPSH_ERR_SERVICE,
			    NULL);
		else
			again = true;
	}
	if (again)
		account_refresh(b);
}

void
connection_recheck_all(struct broker *b)
{
	const struct policy_customer *customer;
	struct connection *c, *next;
	const char *name;
	int err;

	for (c = TAILQ_FIRST(&b->connections.list); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->customer[0] == '\0')
			continue;
		customer = policy_customer(b->policy, c->customer);
		err = customer_err(customer);
		name = account_of(b, c->peer.uid);
		if (err == VPSH_OK &&
		    (name == NULL || strcmp(name, c->customer) != 0))
			err = VPSH_ERR_REVOKED;
		if (err != VPSH_OK)
			connection_leave(c, WIRE_BYE, err, customer != NULL &&
			    customer->suspended ? "suspended by the operator" :
			    NULL);
	}
}

/* --- what it says -------------------------------------------------------- */

/* One that speaks no version of ours is told so, in words of any version. */
static bool
connection_hello(struct connection *c, const struct wire_hello *hello)
{
	struct wire_hello ours;

	if (wire_hello_version(hello) == 0 ||
	    hello->role != WIRE_ROLE_CLIENT) {
		connection_leave(c, WIRE_REFUSED, VPSH_ERR_VERSION, NULL);
		return true;
	}
	c->greeted = true;
	(void)text_copy(c->claim, sizeof(c->claim), hello->claim);
	event_del(c->timer);
	wire_hello(&ours, WIRE_ROLE_BROKER, NULL);
	connection_send(c, WIRE_HELLO, 0, &ours);
	connection_identify(c);
	return true;
}

/* What comes too fast is read later. */
static void
connection_throttle(struct connection *c)
{
	int64_t left = c->requests_ms + REQUESTS_MS - clock_ms();
	struct timeval tv = { left / 1000, left % 1000 * 1000 };

	if (left <= 0) {
		c->requests_ms = clock_ms();
		c->requests = 0;
	} else if (++c->requests >= REQUESTS_MAX) {
		channel_pause(c->channel, true);
		evtimer_add(c->timer, &tv);
	}
}

static bool
client_frame(void *arg, const struct wire_msg *msg, int *fd)
{
	struct connection *c = arg;

	(void)fd;
	if (c->leaving)
		return true;
	if (!c->greeted) {
		if (msg->head.type == WIRE_HELLO)
			return connection_hello(c, &msg->u.hello);
		return false;
	}
	if (msg->head.id <= c->last_id)
		return false;
	c->last_id = msg->head.id;
	connection_throttle(c);
	c->activity = ++c->broker->connections.activity;
	if (c->pending >= PENDING_MAX) {
		connection_say(c, WIRE_REFUSED, msg->head.id,
		    VPSH_ERR_MEMORY_HOST, &(struct err_args){
		    .support = c->broker->policy->support });
		return true;
	}
	return operation_dispatch(c->broker, c, msg) == 0;
}

static void
client_closed(void *arg, const char *why)
{
	struct connection *c = arg;

	(void)why;
	connection_free(c);
}

static void
on_timer(evutil_socket_t socket, short what, void *arg)
{
	struct connection *c = arg;

	(void)socket;
	(void)what;
	if (c->greeted && !c->leaving)
		channel_pause(c->channel, false);
	else
		client_closed(c, "no hello, or no end");
}

/* --- the door ------------------------------------------------------------ */

static void
connection_new(struct broker *b, int fd, const struct peer *peer)
{
	static const struct channel_ops ops = { client_frame, client_closed };
	struct timeval tv = { HELLO_MS / 1000, 0 };
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->timer = evtimer_new(b->base, on_timer,
	    c)) == NULL) {
		fd_close(&fd);
		free(c);
		return;
	}
	c->broker = b;
	c->peer = *peer;
	c->began_ms = clock_ms();
	c->activity = ++b->connections.activity;
	c->channel = channel_new(b->base, fd, WIRE_CLIENT_BROKER, 0, &ops, c);
	if (c->channel == NULL) {
		event_free(c->timer);
		free(c);
		return;
	}
	evtimer_add(c->timer, &tv);
	TAILQ_INSERT_TAIL(&b->connections.list, c, link);
	b->connections.count++;
}

/*
 * Is there a place for one more of that uid?  At the limit the session that
 * has been idle longest makes room, so that nobody is locked out by sessions
 * of their own that hang.
 */
static bool
make_room(struct broker *b, uid_t uid)
{
	const char *name = account_of(b, uid);
	const struct policy_customer *customer = name == NULL ? NULL :
	    policy_customer(b->policy, name);
	int limit = STRANGERS_MAX, count = 0, leaving = 0;
	struct connection *c, *idle = NULL;

	/* One who may do nothing is to hear that, not of sessions. */
	if (customer != NULL && customer_err(customer) == VPSH_OK)
		limit = customer->limits.sessions;
	TAILQ_FOREACH(c, &b->connections.list, link) {
		if (c->peer.uid != uid)
			continue;
		leaving += c->leaving;
		count++;
		if (c->pending == 0 && !c->leaving &&
		    (idle == NULL || c->activity < idle->activity))
			idle = c;
	}
	if (count - leaving < limit)
		return count < limit + LEAVING_MAX;
	if (idle == NULL || customer == NULL || leaving >= LEAVING_MAX)
		return false;
	connection_leave(idle, WIRE_BYE, VPSH_ERR_SESSIONS, NULL);
	return true;
}

static void
refuse(struct broker *b, int fd, const struct peer *peer)
{
	const struct err_args args = { .support = b->policy->support };
	struct wire_outcome out = { .err = VPSH_ERR_SESSIONS };
	char unread[1];

	log_info("uid %ld, pid %ld: too many sessions", (long)peer->uid,
	    (long)peer->pid);
	/* Its HELLO: see connection_leave(). */
	(void)recv(fd, unread, sizeof(unread), MSG_DONTWAIT);
	err_sentence(VPSH_ERR_SESSIONS, &args, out.text, sizeof(out.text));
	(void)wire_send(fd, WIRE_BYE, 0, &out, NULL, 0);
}

/* Until then connects wait in the backlog; nobody is refused. */
static void
pause_accepting(struct broker *b)
{
	struct timeval tv = { 0, RETRY_MS * 1000 };

	event_del(b->connections.accept);
	evtimer_add(b->connections.retry, &tv);
}

static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct broker *b = arg;
	struct peer peer;
	int fd, n;

	(void)what;
	for (n = 0; n < ACCEPTS_AT_ONCE; n++) {
		if (b->connections.count >= CONNECTIONS_MAX) {
			pause_accepting(b);
			return;
		}
		fd = accept4(listener, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno != EAGAIN && errno != EINTR &&
			    errno != ECONNABORTED) {
				log_error("accept: %s", strerror(errno));
				pause_accepting(b);
			}
			return;
		}
		if (fd_peer(fd, &peer) == -1)
			log_error("a peer without identity: dropped");
		else if (account_may_connect(b, peer.uid) &&
		    make_room(b, peer.uid)) {
			connection_new(b, fd, &peer);
			continue;
		} else
			refuse(b, fd, &peer);
		fd_close(&fd);
	}
}

static void
on_retry(evutil_socket_t socket, short what, void *arg)
{
	(void)socket;
	(void)what;
	connection_accept(arg);
}

void
connection_listen(struct broker *b, int fd)
{
	struct connections *all = &b->connections;

	if (all->accept != NULL)
		event_free(all->accept);
	fd_close(&all->listener);
	all->listener = fd;
	all->accept = event_new(b->base, fd, EV_READ | EV_PERSIST, on_accept,
	    b);
	if (all->retry == NULL)
		all->retry = evtimer_new(b->base, on_retry, b);
	if (fd_set_nonblock(fd) == -1 || all->accept == NULL ||
	    all->retry == NULL)
		fatal("cannot listen: %m");
	connection_accept(b);
}

/*
 * Until accounts are known everybody would be a stranger: connects wait in
 * the backlog, as they did while there was no broker.
 */
void
connection_accept(struct broker *b)
{
	if (b->accounts.known && b->connections.accept != NULL)
		event_add(b->connections.accept, NULL);
}
