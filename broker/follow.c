/* SPDX-License-Identifier: ISC */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "broker/broker.h"
#include "broker/operation.h"
#include "wire/err.h"

#define PUSH_MS		20	/* a job's beginning is several changes */
#define SAMPLE_MS	2000
#define COUNTERS_MS	1500	/* at least, whoever else has them sampled */

struct followed {
	struct domain		*domain;
	bool			 sent;
	struct wire_guest	 last;	/* what it was sent */
};

struct follower {
	TAILQ_ENTRY(follower)	 link;	/* followers.list */
	struct broker		*broker;
	struct connection	*connection;
	uint32_t		 id;	/* of its request */
	bool			 counting;
	bool			 begun;	/* has had all of them, and END */
	bool			 behind;
	char			 guest[WIRE_NAME];	/* empty: all */
	struct followed		*guests;
	size_t			 nguests;
};

/* --- what is new to one -------------------------------------------------- */

/*
 * Time passes for everybody; that alone is no news.  Nor are counters that
 * somebody else had looked at a moment after the last ones.
 */
static bool
is_news(const struct follower *f, const struct wire_guest *now,
    const struct wire_guest *last)
{
	struct wire_guest a = *now, b = *last;

	a.uptime_ms = b.uptime_ms = 0;
	if (!f->counting ||
	    now->counters.at_ms - last->counters.at_ms < COUNTERS_MS) {
		a.counters = b.counters = (struct wire_counters){ 0 };
		a.cpu_permille = b.cpu_permille = 0;
	}
	return memcmp(&a, &b, sizeof(a)) != 0;
}

static void
send_news(struct follower *f, struct followed *g,
    const struct policy_guest *guest)
{
	struct wire_guest now;

	if (g->sent && !f->begun)
		return;
	look_guest(f->broker, guest, g->domain, &now);
	if (g->sent && !is_news(f, &now, &g->last))
		return;
	if (connection_is_behind(f->connection)) {
		f->behind = true;
		return;
	}
	connection_send(f->connection, WIRE_GUEST, f->id, &now);
	g->last = now;
	g->sent = true;
}

/* all: not only of domains that are marked as changed. */
static void
push_guests(struct follower *f, bool all)
{
	const struct policy_customer *customer = policy_customer(
	    f->broker->policy, connection_customer(f->connection));
	const struct policy_guest *guest;
	const struct domain *d;
	size_t i;

	for (i = 0; customer != NULL && i < f->nguests && !f->behind; i++) {
		d = f->guests[i].domain;
		if (!all && !d->changed && !(f->counting && d->counted))
			continue;
		guest = policy_guest(customer, f->guests[i].last.name);
		if (guest != NULL)
			send_news(f, &f->guests[i], guest);
	}
}

/* The first round is over; what it left out comes as news. */
static void
send_end(struct follower *f)
{
	struct wire_count end = { 0 };
	size_t i;

	for (i = 0; i < f->nguests; i++)
		end.count += f->guests[i].sent;
	connection_send(f->connection, WIRE_END, f->id, &end);
	f->begun = true;
}

static void
follower_push(struct follower *f, bool all)
{
	push_guests(f, all);
	if (f->begun || f->behind)
		return;
	send_end(f);
	push_guests(f, true);
}

/* --- whose guests they are ----------------------------------------------- */

static const struct followed *
find_followed(const struct follower *f, const char *name)
{
	size_t i;

	for (i = 0; i < f->nguests; i++)
		if (strcmp(f->guests[i].last.name, name) == 0)
			return &f->guests[i];
	return NULL;
}

static bool
is_meant(const struct follower *f, const struct policy_guest *guest)
{
	return f->guest[0] == '\0' || strcmp(f->guest, guest->name) == 0;
}

static void
send_left(struct follower *f, const struct policy_customer *customer)
{
	struct wire_name left;
	size_t i;

	for (i = 0; i < f->nguests; i++) {
		memcpy(left.guest, f->guests[i].last.name,
		    sizeof(left.guest));
		if (f->guests[i].sent &&
		    policy_guest(customer, left.guest) == NULL)
			connection_send(f->connection, WIRE_LEFT, f->id,
			    &left);
	}
}

/* The guests as the policy has them now.  0, or -1: no memory. */
static int
follower_guests(struct follower *f, const struct policy_customer *customer)
{
	struct followed *fresh, *g;
	const struct followed *old;
	size_t i, n = 0;

	fresh = calloc(customer->nguests + 1, sizeof(*fresh));
	if (fresh == NULL)
		return -1;
	for (i = 0; i < customer->nguests; i++) {
		if (!is_meant(f, &customer->guests[i]))
			continue;
		g = &fresh[n];
		old = find_followed(f, customer->guests[i].name);
		if (old != NULL)
			*g = *old;
		(void)text_copy(g->last.name, sizeof(g->last.name),
		    customer->guests[i].name);
		g->domain = state_of(f->broker, customer->guests[i].domain);
		if (g->domain != NULL)
			n++;
	}
	free(f->guests);
	f->guests = fresh;
	f->nguests = n;
	return 0;
}

/* --- their coming and going ---------------------------------------------- */

static void
follower_free(struct follower *f)
{
	struct followers *all = &f->broker->followers;

	TAILQ_REMOVE(&all->list, f, link);
	if (f->counting && --all->counting == 0)
		event_del(all->sample);
	free(f->guests);
	free(f);
}

static struct follower *
follower_of(const struct broker *b, const struct connection *c)
{
	struct follower *f;

	TAILQ_FOREACH(f, &b->followers.list, link)
		if (f->connection == c)
			break;
	return f;
}

void
follow_forget_connection(struct broker *b, const struct connection *c)
{
	struct follower *f = follower_of(b, c);

	if (f != NULL)
		follower_free(f);
}

/* Somebody looks at the counters. */
static void
on_sample(evutil_socket_t socket, short what, void *arg)
{
	struct broker *b = arg;

	(void)socket;
	(void)what;
	if (channel_ready(b->watcher) &&
	    b->domains.asked == b->domains.answered)
		(void)state_scan(b);
}

static void
start_counting(struct broker *b)
{
	struct timeval tv = { SAMPLE_MS / 1000, 0 };

	if (b->followers.counting++ > 0)
		return;
	evtimer_add(b->followers.sample, &tv);
	on_sample(-1, 0, b);
}

int
follow_begin(struct request *r)
{
	const struct wire_look *look = &r->msg->u.look;
	struct follower *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return VPSH_ERR_MEMORY_HOST;
	f->broker = r->broker;
	f->connection = r->connection;
	f->id = r->msg->head.id;
	(void)text_copy(f->guest, sizeof(f->guest), look->guest);
	if (follower_guests(f, r->customer) == -1) {
		free(f);
		return VPSH_ERR_MEMORY_HOST;
	}
	follow_forget_connection(r->broker, r->connection);
	TAILQ_INSERT_TAIL(&r->broker->followers.list, f, link);
	follower_push(f, true);
	if ((look->flags & WIRE_LOOK_COUNTERS) != 0) {
		f->counting = true;
		start_counting(r->broker);
	}
	return VPSH_OK;
}

int
follow_end(struct request *r)
{
	follow_forget_connection(r->broker, r->connection);
	return VPSH_OK;
}

/* --- what happens -------------------------------------------------------- */

static void
on_push(evutil_socket_t socket, short what, void *arg)
{
	struct broker *b = arg;
	struct follower *f;
	struct domain *d;

	(void)socket;
	(void)what;
	TAILQ_FOREACH(f, &b->followers.list, link)
		follower_push(f, b->followers.all_changed);
	TAILQ_FOREACH(d, &b->domains.list, link)
		d->changed = d->counted = false;
	b->followers.all_changed = false;
}

static void
push_soon(struct broker *b)
{
	struct timeval tv = { 0, PUSH_MS * 1000 };

	if (!evtimer_pending(b->followers.push, NULL))
		evtimer_add(b->followers.push, &tv);
}

void
follow_counted(struct broker *b, struct domain *d)
{
	if (b->followers.counting == 0)
		return;
	d->counted = true;
	push_soon(b);
}

void
follow_changed(struct broker *b, struct domain *d)
{
	if (TAILQ_EMPTY(&b->followers.list))
		return;
	if (d != NULL)
		d->changed = true;
	else
		b->followers.all_changed = true;
	push_soon(b);
}

void
follow_drained(struct broker *b, const struct connection *c)
{
	struct follower *f = follower_of(b, c);

	if (f == NULL || !f->behind)
		return;
	f->behind = false;
	follower_push(f, true);
}

void
follow_recheck_all(struct broker *b)
{
	const struct policy_customer *customer;
	struct follower *f, *next;

	for (f = TAILQ_FIRST(&b->followers.list); f != NULL; f = next) {
		next = TAILQ_NEXT(f, link);
		customer = policy_customer(b->policy,
		    connection_customer(f->connection));
		if (customer == NULL)
			continue;
		if (!f->begun)
			send_end(f);
		send_left(f, customer);
		if (follower_guests(f, customer) == -1)
			connection_end(f->connection, VPSH_ERR_MEMORY_HOST);
	}
	follow_changed(b, NULL);
}

int
follow_init(struct broker *b)
{
	TAILQ_INIT(&b->followers.list);
	b->followers.push = evtimer_new(b->base, on_push, b);
	b->followers.sample = event_new(b->base, -1, EV_PERSIST, on_sample,
	    b);
	return b->followers.push == NULL || b->followers.sample == NULL ? -1 :
	    0;
}
