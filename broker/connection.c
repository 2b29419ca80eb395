/* SPDX-License-Identifier: ISC */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"
#include "broker/operation.h"
#include "wire/err.h"

#define PENDING_MAX	16
#define BEHIND_MAX	32	/* frames that it has yet to read */
#define HELLO_MS	10000
#define LEAVING_MS	2000	/* to read the reason and hang up */
#define REQUESTS_MAX	40	/* of one client in a row, */
#define REQUESTS_MS	1000	/* then it waits: the audit log is finite */
#define IDLE_MS		(5 * 60 * 1000)
#define VANISHING_MS	1000	/* of a console, and then of its client */

struct connection {
	TAILQ_ENTRY(connection)	 link;	/* connections.list */
	struct broker		*broker;
	struct channel		*channel;
	struct peer		 peer;		/* as the kernel says */
	uint64_t		 number;
	char			 customer[WIRE_NAME];	/* "": not yet known */
	char			 claim[WIRE_CLAIM];
	bool			 greeted;
	bool			 leaving;	/* was told why; says no more */
	bool			 left;		/* its console */
	char			 was_on[WIRE_NAME];	/* that console, */
	int64_t			 was_on_ms;	/* until then */
	int64_t			 began_ms;
	int64_t			 since_ms;	/* the same, wall clock */
	uint64_t		 activity;	/* of connections.activity */
	int64_t			 active_ms;
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
	b->connections.idle_ms = IDLE_MS;
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

/* It was not idle just now. */
static void
connection_touch(struct connection *c)
{
	c->activity = ++c->broker->connections.activity;
	c->active_ms = clock_ms();
}

void
connection_pending(struct connection *c, int change)
{
	c->pending += change;
	connection_touch(c);
}

bool
connection_is_behind(const struct connection *c)
{
	return channel_backlog(c->channel) > BEHIND_MAX;
}

void
connection_left(struct connection *c, bool left)
{
	c->left = left;
	c->was_on[0] = '\0';
}

void
connection_was_on(struct connection *c, const char *guest)
{
	(void)text_copy(c->was_on, sizeof(c->was_on), guest);
	c->was_on_ms = clock_ms();
}

/*
 * Not shown out, and not gone of its own will: the line dropped.  Which of
 * its sockets is closed first, and who of us hears of it first, is for the
 * kernel to say.
 */
static void
connection_vanished(const struct connection *c)
{
	struct wire_session on = { 0 };

	if (c->leaving || c->left || c->customer[0] == '\0')
		return;
	viewer_describe(c->broker, c, &on);
	if (on.guest[0] != '\0' && on.may_write != 0)
		prefs_vanished(c->broker, c->customer, on.guest);
	else if (clock_ms() - c->was_on_ms < VANISHING_MS &&
	    c->was_on[0] != '\0')
		prefs_vanished(c->broker, c->customer, c->was_on);
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
	look_forget_connection(b, c);
	later_forget_connection(b, c);
	follow_forget_connection(b, c);
	job_forget_connection(b, c);
	viewer_forget_connection(b, c);
	prefs_forget_connection(b, c);
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
void
connection_turn_away(struct connection *c, uint32_t type, int err,
    const struct err_args *args)
{
	struct timeval tv = { LEAVING_MS / 1000, 0 };

	connection_forget(c);
	connection_say(c, type, 0, err, args);
	c->leaving = true;
	channel_pause(c->channel, false);
	evtimer_add(c->timer, &tv);
}

static void
connection_leave(struct connection *c, uint32_t type, int err,
    const char *detail)
{
	const struct err_args args = { .support = c->broker->policy->support,
		.detail = detail };

	if (c->customer[0] == '\0')
		record(c, "refused", err);
	connection_turn_away(c, type, err, &args);
}

/* --- who it is ----------------------------------------------------------- */

int
connection_customer_err(const struct policy_customer *customer)
{
	if (customer == NULL)
		return VPSH_ERR_NO_CUSTOMER;
	if (customer->suspended)
		return VPSH_ERR_SUSPENDED;
	if (customer->denied[0] != '\0')
		return VPSH_ERR_POLICY;
	return VPSH_OK;
}

/* The operator's words for a suspended customer, or NULL. */
static const char *
reason_of(const struct policy_customer *customer)
{
	return customer != NULL && customer->suspended ? customer->reason :
	    NULL;
}

/* Now that its customer is known. */
static void
connection_login(struct connection *c, const char *name)
{
	const struct policy_customer *customer = policy_customer(
	    c->broker->policy, name);
	int err = connection_customer_err(customer);

	if (err != VPSH_OK) {
		connection_leave(c, WIRE_BYE, err, reason_of(customer));
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
	if (account_down(c->broker)) {
		connection_leave(c, WIRE_BYE, VPSH_ERR_SERVICE, NULL);
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
		else if (!ok || c->began_ms <= asked_ms)
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
		err = connection_customer_err(customer);
		name = account_of(b, c->peer.uid);
		if (err == VPSH_OK &&
		    (name == NULL || strcmp(name, c->customer) != 0))
			err = VPSH_ERR_REVOKED;
		if (err != VPSH_OK)
			connection_leave(c, WIRE_BYE, err,
			    reason_of(customer));
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
	connection_touch(c);
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

	if (!c->leaving && strcmp(why, CHANNEL_HUNG_UP) != 0)
		log_info("uid %ld, pid %ld: dropped: %s", (long)c->peer.uid,
		    (long)c->peer.pid, why);
	connection_vanished(c);
	connection_free(c);
}

static void
client_drained(void *arg)
{
	struct connection *c = arg;

	look_drained(c->broker, c);
	follow_drained(c->broker, c);
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
		client_closed(c, "no hello");
}

/* --- the beginning, and the whole ---------------------------------------- */

struct connection *
connection_new(struct broker *b, int fd, const struct peer *peer)
{
	static const struct channel_ops ops = { .frame = client_frame,
		.closed = client_closed, .drained = client_drained };
	struct timeval tv = { HELLO_MS / 1000, 0 };
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->timer = evtimer_new(b->base, on_timer,
	    c)) == NULL) {
		fd_close(&fd);
		free(c);
		return NULL;
	}
	c->broker = b;
	c->peer = *peer;
	c->began_ms = clock_ms();
	c->since_ms = clock_wall_ms();
	c->number = ++b->connections.last;
	connection_touch(c);
	c->channel = channel_new(b->base, fd, WIRE_CLIENT_BROKER, 0, &ops, c);
	if (c->channel == NULL) {
		event_free(c->timer);
		free(c);
		return NULL;
	}
	evtimer_add(c->timer, &tv);
	TAILQ_INSERT_TAIL(&b->connections.list, c, link);
	b->connections.count++;
	return c;
}

void
connection_end(struct connection *c, int err)
{
	connection_leave(c, WIRE_BYE, err, NULL);
}

void
connection_tally(const struct broker *b, uid_t uid,
    struct connection_tally *tally)
{
	int64_t before = clock_ms() - b->connections.idle_ms;
	struct connection *c;

	memset(tally, 0, sizeof(*tally));
	TAILQ_FOREACH(c, &b->connections.list, link) {
		if (c->peer.uid != uid)
			continue;
		tally->leaving += c->leaving;
		tally->count++;
		if (c->pending == 0 && !c->leaving && c->active_ms < before &&
		    (tally->idle == NULL ||
		    c->activity < tally->idle->activity))
			tally->idle = c;
	}
}

void
connection_each(struct broker *b,
    void (*each)(void *arg, const struct wire_session *session), void *arg)
{
	struct wire_session out;
	struct connection *c;

	TAILQ_FOREACH(c, &b->connections.list, link) {
		if (c->customer[0] == '\0')
			continue;
		memset(&out, 0, sizeof(out));
		out.number = c->number;
		out.since_ms = c->since_ms;
		out.idle_ms = clock_ms() - c->active_ms;
		out.uid = (uint32_t)c->peer.uid;
		out.pid = (uint32_t)c->peer.pid;
		memcpy(out.customer, c->customer, sizeof(out.customer));
		memcpy(out.claim, c->claim, sizeof(out.claim));
		viewer_describe(b, c, &out);
		job_describe_waiting(b, c, &out);
		each(arg, &out);
	}
}
