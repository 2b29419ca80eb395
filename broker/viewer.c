/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "broker/broker.h"
#include "broker/operation.h"

#define CONSOLES_MORE	5	/* than of each power verb: it harms nobody */
#define OPERATORS_MAX	8	/* who watch one guest */
#define OPERATOR_TAIL	4096	/* a screenful */

struct viewer {
	TAILQ_ENTRY(viewer)	 link;	/* viewers.list */
	uint64_t		 number;
	struct connection	*connection;	/* NULL: it is being ended */
	const struct operation	*operation;	/* NULL: an operator's */
	struct peer		 overseer;	/* ...who is that */
	bool			 look;		/* promised not to write */
	char			 customer[WIRE_NAME];
	char			 guest[WIRE_NAME];
	char			 domain[WIRE_DOMAIN];
};

void
viewer_init(struct broker *b)
{
	TAILQ_INIT(&b->viewers.list);
}

static bool
viewer_may_write(const struct viewer *v)
{
	return v->operation != NULL && v->operation->type == WIRE_CONSOLE &&
	    !v->look;
}

static void
record(struct broker *b, const struct viewer *v, const char *event)
{
	const struct audit_record r = { .event = event,
		.customer = v->customer,
		.verb = v->operation == NULL ? "watch" : v->operation->name,
		.guest = v->guest, .domain = v->domain,
		.peer = v->operation == NULL ? &v->overseer :
		    v->connection == NULL ? NULL :
		    connection_peer(v->connection) };

	audit_write(&b->audit, &r);
}

static void
viewer_free(struct broker *b, struct viewer *v)
{
	record(b, v, "detach");
	if (v->connection != NULL) {
		if (viewer_may_write(v))
			connection_was_on(v->connection, v->guest);
		connection_pending(v->connection, -1);
	}
	TAILQ_REMOVE(&b->viewers.list, v, link);
	free(v);
}

void
viewer_gone(struct broker *b, uint64_t number)
{
	struct viewer *v;

	TAILQ_FOREACH(v, &b->viewers.list, link)
		if (v->number == number)
			break;
	if (v != NULL)
		viewer_free(b, v);
}

void
viewer_gone_all(struct broker *b)
{
	struct viewer *v;

	while ((v = TAILQ_FIRST(&b->viewers.list)) != NULL)
		viewer_free(b, v);
}

/* It counts until the console server has said that it is gone. */
static void
viewer_revoke(struct broker *b, const struct viewer *v)
{
	const struct wire_viewer revoke = { v->number };

	channel_send(b->console, WIRE_REVOKE, 0, &revoke, -1);
}

void
viewer_forget_connection(struct broker *b, const struct connection *c)
{
	struct viewer *v;

	TAILQ_FOREACH(v, &b->viewers.list, link)
		if (v->connection == c) {
			v->connection = NULL;
			viewer_revoke(b, v);
		}
}

/* An operator may see what is some customer's; of that name still. */
static bool
operator_may(const struct broker *b, const struct viewer *v)
{
	const struct policy_guest *g = policy_by_domain(b->policy, v->domain);

	return g != NULL && strcmp(g->owner, v->customer) == 0 &&
	    strcmp(g->name, v->guest) == 0;
}

void
viewer_recheck_all(struct broker *b)
{
	struct operation_how how = { 0 };
	struct viewer *v;
	struct verdict verdict;

	TAILQ_FOREACH(v, &b->viewers.list, link) {
		if (v->operation == NULL) {
			if (!operator_may(b, v))
				viewer_revoke(b, v);
			continue;
		}
		how.look = v->look;
		operation_decide(v->operation,
		    policy_customer(b->policy, v->customer), v->guest,
		    &how, &verdict);
		if (verdict.err != VPSH_OK)
			viewer_revoke(b, v);
	}
}

void
viewer_describe(const struct broker *b, const struct connection *c,
    struct wire_session *out)
{
	const struct viewer *v;

	TAILQ_FOREACH(v, &b->viewers.list, link)
		if (v->connection == c) {
			memcpy(out->guest, v->guest, sizeof(out->guest));
			out->may_write = viewer_may_write(v);
		}
}

/* Operators, or all others. */
static int
count_viewers(const struct broker *b, const char *domain, bool operators)
{
	const struct viewer *v;
	int count = 0;

	TAILQ_FOREACH(v, &b->viewers.list, link)
		count += (v->operation == NULL) == operators &&
		    strcmp(v->domain, domain) == 0;
	return count;
}

static struct viewer *
viewer_new(const struct request *r)
{
	struct broker *b = r->broker;
	struct viewer *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->number = ++b->viewers.last;
	v->connection = r->connection;
	v->operation = r->operation;
	v->look = (r->msg->u.attach.flags & WIRE_ATTACH_VIEW) != 0;
	(void)text_copy(v->customer, sizeof(v->customer), r->customer->name);
	(void)text_copy(v->guest, sizeof(v->guest), r->guest->name);
	(void)text_copy(v->domain, sizeof(v->domain), r->guest->domain);
	TAILQ_INSERT_TAIL(&b->viewers.list, v, link);
	connection_pending(r->connection, 1);
	return v;
}

/* One end to each side; after this no byte of it comes by here. */
static void
grant(const struct request *r, const struct viewer *v,
    const struct domain *d, const int pair[2])
{
	const struct wire_attach *ask = &r->msg->u.attach;
	const struct policy_guest *first = policy_by_domain(
	    r->broker->policy, d->name);
	bool may_write = viewer_may_write(v);
	struct wire_grant to_console = { .viewer = v->number,
		.from = ask->from, .tail = ask->tail, .may_write = may_write,
		.flags = ask->flags & (WIRE_ATTACH_FOLLOW | WIRE_ATTACH_BOOT),
		.since_ms = ask->since_ms };
	struct wire_attached to_client = { .viewer = v->number,
		.may_write = may_write,
		.state = (uint32_t)state_shown(r->broker, d) };

	/* The right that was asked for decides, not the flag. */
	if (r->operation->type == WIRE_LOG)
		to_console.flags |= WIRE_ATTACH_LOG;
	(void)text_copy(to_console.customer, sizeof(to_console.customer),
	    first->owner);
	(void)text_copy(to_console.guest, sizeof(to_console.guest),
	    first->name);
	memcpy(to_console.who, v->customer, sizeof(to_console.who));
	memcpy(to_client.guest, v->guest, sizeof(to_client.guest));
	channel_send(r->broker->console, WIRE_GRANT, 0, &to_console, pair[0]);
	connection_send_fd(r->connection, WIRE_ATTACHED, r->msg->head.id,
	    &to_client, pair[1]);
}

int
viewer_attach(struct request *r)
{
	struct broker *b = r->broker;
	struct domain *d = state_of(b, r->guest->domain);
	struct viewer *v;
	int pair[2];

	if (!channel_ready(b->console) ||
	    policy_by_domain(b->policy, r->guest->domain) == NULL)
		return VPSH_ERR_CONSOLE;
	if (d == NULL)
		return VPSH_ERR_MEMORY_HOST;
	if (count_viewers(b, d->name, false) >= r->customer->limits.consoles) {
		r->args.detail = "as many sessions as may look at it";
		return VPSH_ERR_BUSY;
	}
	r->args.number = state_domain_rate(b, d, RATE_CONSOLE,
	    r->customer->limits.power * CONSOLES_MORE);
	if (r->args.number != 0)
		return VPSH_ERR_RATE;
	if (fd_pair(pair) == -1)
		return VPSH_ERR_MEMORY_HOST;
	v = viewer_new(r);
	if (v == NULL) {
		fd_close(&pair[0]);
		fd_close(&pair[1]);
		return VPSH_ERR_MEMORY_HOST;
	}
	record(b, v, "attach");
	grant(r, v, d, pair);
	return VPSH_OK;
}

/* --- operators, and what is marked --------------------------------------- */

static struct viewer *
operator_viewer_new(struct operator_client *o, const struct policy_guest *g)
{
	struct viewer *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->number = ++o->broker->viewers.last;
	v->overseer = o->peer;
	v->look = true;
	(void)text_copy(v->customer, sizeof(v->customer), g->owner);
	(void)text_copy(v->guest, sizeof(v->guest), g->name);
	(void)text_copy(v->domain, sizeof(v->domain), g->domain);
	TAILQ_INSERT_TAIL(&o->broker->viewers.list, v, link);
	return v;
}

/* It goes on when the operator hangs up here: the viewer's socket counts. */
int
viewer_watch(struct operator_client *o, const struct policy_guest *g,
    int64_t from)
{
	struct broker *b = o->broker;
	const struct policy_guest *first = policy_by_domain(b->policy,
	    g->domain);
	const struct domain *d = state_of(b, g->domain);
	struct wire_grant grant = { .who = "operator",
		.from = from > 0 ? (uint64_t)from : WIRE_FROM_TAIL,
		.tail = OPERATOR_TAIL, .flags = WIRE_ATTACH_OPERATOR,
		.since_ms = -1 };
	struct wire_attached attached = { 0 };
	struct viewer *v;
	int pair[2];

	if (!channel_ready(b->console) || first == NULL)
		return VPSH_ERR_CONSOLE;
	if (count_viewers(b, g->domain, true) >= OPERATORS_MAX)
		return VPSH_ERR_BUSY;
	if (d == NULL || fd_pair(pair) == -1)
		return VPSH_ERR_MEMORY_HOST;
	v = operator_viewer_new(o, first);
	if (v == NULL) {
		fd_close(&pair[0]);
		fd_close(&pair[1]);
		return VPSH_ERR_MEMORY_HOST;
	}
	grant.viewer = attached.viewer = v->number;
	attached.state = (uint32_t)state_shown(b, d);
	memcpy(grant.customer, v->customer, sizeof(grant.customer));
	memcpy(grant.guest, v->guest, sizeof(grant.guest));
	memcpy(attached.guest, v->guest, sizeof(attached.guest));
	channel_send(b->console, WIRE_GRANT, 0, &grant, pair[0]);
	channel_send(o->channel, WIRE_WATCHED, o->id, &attached, pair[1]);
	return VPSH_OK;
}

void
viewer_mark(struct broker *b, const char *domain, const char *text)
{
	const struct policy_guest *first = policy_by_domain(b->policy,
	    domain);
	struct wire_stream mark = { 0 };

	if (!channel_ready(b->console) || first == NULL)
		return;
	(void)text_copy(mark.customer, sizeof(mark.customer), first->owner);
	(void)text_copy(mark.guest, sizeof(mark.guest), first->name);
	(void)text_copy(mark.text, sizeof(mark.text), text);
	channel_send(b->console, WIRE_MARK, 0, &mark, -1);
}

uint32_t
viewer_count(const struct broker *b)
{
	const struct viewer *v;
	uint32_t n = 0;

	TAILQ_FOREACH(v, &b->viewers.list, link)
		n += v->connection != NULL || v->operation == NULL;
	return n;
}
