/* SPDX-License-Identifier: ISC */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"
#include "wire/err.h"

#define SCAN_WAIT_MS	2000
#define RATE_WINDOW_MS	60000
#define RESTART_WINDOW_MS (15 * 60 * 1000)
#define LAST_KEPT_MS	(15 * 60 * 1000)

void
state_init(struct broker *b)
{
	TAILQ_INIT(&b->domains.list);
	TAILQ_INIT(&b->domains.lookouts);
}

struct domain *
state_of(struct broker *b, const char *name)
{
	struct domain *d;

	TAILQ_FOREACH(d, &b->domains.list, link)
		if (strcmp(d->name, name) == 0)
			return d;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return NULL;
	(void)text_copy(d->name, sizeof(d->name), name);
	TAILQ_INSERT_TAIL(&b->domains.list, d, link);
	return d;
}

void
state_prune(struct broker *b)
{
	struct domain *d, *next;

	for (d = TAILQ_FIRST(&b->domains.list); d != NULL; d = next) {
		next = TAILQ_NEXT(d, link);
		if (d->holder != NULL || d->watch != NULL ||
		    policy_by_domain(b->policy, d->name) != NULL)
			continue;
		TAILQ_REMOVE(&b->domains.list, d, link);
		free(d);
	}
}

enum wire_state
state_shown(const struct broker *b, const struct domain *d)
{
	if (!b->domains.known)
		return WIRE_STATE_UNKNOWN;
	if (!d->present) {
		if (d->holder != NULL && d->holder->kind->creates)
			return WIRE_STATE_STARTING;
		return d->suspended ? WIRE_STATE_SAVED : WIRE_STATE_OFF;
	}
	if (d->watch != NULL && d->now.state == WIRE_STATE_RUNNING &&
	    d->watch->kind->stops)
		return WIRE_STATE_STOPPING;
	return (enum wire_state)d->now.state;
}

static void
guest_note(const struct policy_guest *g, const struct domain *d, char *note,
    size_t size)
{
	const struct err_args args = { .guest = g->name };

	if (g->closed[0] != '\0')
		err_sentence(VPSH_ERR_GUEST_CLOSED, &args, note, size);
	else if (d->holder != NULL)
		job_describe(d->holder, note, size);
	else if (d->watch != NULL)
		job_describe(d->watch, note, size);
	else if (d->last[0] != '\0' && clock_ms() - d->last_ms < LAST_KEPT_MS)
		(void)text_copy(note, size, d->last);
}

static void
send_guest(struct broker *b, const struct lookout *l,
    const struct policy_guest *g)
{
	struct domain *d = state_of(b, g->domain);
	struct wire_guest out = { .uptime_ms = -1 };

	if (d == NULL)
		return;
	(void)text_copy(out.name, sizeof(out.name), g->name);
	out.state = (uint32_t)state_shown(b, d);
	out.boot = d->now.boot;
	out.rights = g->closed[0] == '\0' ? g->rights : 0;
	guest_note(g, d, out.note, sizeof(out.note));
	if (d->present && b->domains.known) {
		out.elsewhere = d->now.ours == 0;
		out.memory_kib = d->now.memory_kib;
		out.cpu_ns = d->now.cpu_ns;
		out.vcpus = d->now.vcpus;
		if (d->now.since_ms >= 0)
			out.uptime_ms = clock_boot_ms() - d->now.since_ms;
	}
	connection_send(l->connection, WIRE_GUEST, l->id, &out);
}

static void
lookout_answer(struct broker *b, struct lookout *l)
{
	const struct policy_customer *customer = policy_customer(b->policy,
	    connection_customer(l->connection));
	const struct policy_guest *g;
	struct wire_count end = { 0 };
	size_t i;

	for (i = 0; customer != NULL && i < customer->nguests; i++) {
		g = &customer->guests[i];
		if (l->guest[0] != '\0' && strcmp(g->name, l->guest) != 0)
			continue;
		send_guest(b, l, g);
		end.count++;
	}
	connection_send(l->connection, WIRE_END, l->id, &end);
}

static void
lookout_end(struct broker *b, struct lookout *l)
{
	TAILQ_REMOVE(&b->domains.lookouts, l, link);
	connection_pending(l->connection, -1);
	event_free(l->timer);
	free(l);
}

static void
on_lookout_late(evutil_socket_t socket, short what, void *arg)
{
	struct lookout *l = arg;
	struct broker *b = l->broker;

	(void)socket;
	(void)what;
	lookout_answer(b, l);
	lookout_end(b, l);
}

static void
scan(struct broker *b)
{
	const struct wire_serial ask = { ++b->domains.asked, 0 };

	channel_send(b->watcher, WIRE_SCAN, 0, &ask, -1);
}

/*
 * A scan under way may have passed the domain in question already; only one
 * that begins after the request says how it is now.
 */
int
state_answer_later(struct broker *b, struct connection *c, uint32_t id,
    const char *guest)
{
	struct timeval tv = { SCAN_WAIT_MS / 1000, 0 };
	struct lookout *l = calloc(1, sizeof(*l));

	if (l == NULL ||
	    (l->timer = evtimer_new(b->base, on_lookout_late, l)) == NULL) {
		free(l);
		return -1;
	}
	l->broker = b;
	l->connection = c;
	l->id = id;
	(void)text_copy(l->guest, sizeof(l->guest), guest);
	TAILQ_INSERT_TAIL(&b->domains.lookouts, l, link);
	connection_pending(c, 1);
	if (!channel_ready(b->watcher)) {
		lookout_answer(b, l);
		lookout_end(b, l);
		return 0;
	}
	if (b->domains.asked == b->domains.answered)
		scan(b);
	else
		l->serial = 1;
	l->serial += b->domains.asked;
	evtimer_add(l->timer, &tv);
	return 0;
}

void
state_forget_connection(struct broker *b, struct connection *c)
{
	struct lookout *l, *next;

	for (l = TAILQ_FIRST(&b->domains.lookouts); l != NULL; l = next) {
		next = TAILQ_NEXT(l, link);
		if (l->connection == c)
			lookout_end(b, l);
	}
}

int
state_rate(struct rate *rate, int per_minute)
{
	int64_t now = clock_ms(), left;

	left = rate->since_ms + RATE_WINDOW_MS - now;
	if (rate->count == 0 || left <= 0) {
		rate->since_ms = now;
		rate->count = 0;
	} else if (rate->count >= per_minute)
		return (int)((left + 999) / 1000);
	rate->count++;
	return 0;
}

bool
state_restart_allowed(const struct domain *d)
{
	int64_t oldest = d->restarts_ms[0];

	return oldest == 0 || clock_ms() - oldest > RESTART_WINDOW_MS;
}

void
state_watcher_new(struct broker *b)
{
	log_info("the watcher is there");
	b->domains.watcher++;
	b->domains.answered = b->domains.asked;
	scan(b);
}

void
state_watcher_lost(struct broker *b)
{
	struct lookout *l;

	b->domains.known = false;
	while ((l = TAILQ_FIRST(&b->domains.lookouts)) != NULL) {
		lookout_answer(b, l);
		lookout_end(b, l);
	}
}

/* It came back by itself: remember when, for state_restart_allowed(). */
static void
note_restart(struct domain *d)
{
	d->died = false;
	memmove(&d->restarts_ms[0], &d->restarts_ms[1],
	    sizeof(d->restarts_ms) - sizeof(d->restarts_ms[0]));
	d->restarts_ms[STATE_RESTARTS - 1] = clock_ms();
}

void
state_domain(struct broker *b, const struct wire_domain *now)
{
	struct domain *d;

	/* Bounded by the policy, whatever the watcher tells us. */
	if (policy_by_domain(b->policy, now->domain) == NULL ||
	    now->state > WIRE_STATE_SAVED ||
	    now->reason > WIRE_REASON_DESTROYED ||
	    (d = state_of(b, now->domain)) == NULL)
		return;
	if (d->died && now->boot != d->now.boot &&
	    now->reason == WIRE_REASON_NONE)
		note_restart(d);
	d->now = *now;
	d->watcher = b->domains.watcher;
	d->present = true;
	d->suspended = now->reason == WIRE_REASON_SUSPEND;
	job_domain_changed(b, d);
}

void
state_gone(struct broker *b, const struct wire_domain *last)
{
	struct domain *d;

	if (policy_by_domain(b->policy, last->domain) == NULL ||
	    (d = state_of(b, last->domain)) == NULL)
		return;
	/* The end of an older domain of that name is no news. */
	if (d->present && d->now.domid != last->domid)
		return;
	d->now = *last;
	d->present = false;
	d->suspended = last->reason == WIRE_REASON_SUSPEND ||
	    last->state == WIRE_STATE_SAVED;
	job_domain_changed(b, d);
}

void
state_scanned(struct broker *b, const struct wire_serial *result)
{
	struct domain *d;
	struct lookout *l, *next;

	if (result->serial != b->domains.asked)
		return;
	b->domains.answered = result->serial;
	b->domains.known = result->ok != 0;
	/*
	 * What this watcher has not mentioned ended while nobody looked; what
	 * died before Xen was known to answer is looked at now.
	 */
	TAILQ_FOREACH(d, &b->domains.list, link) {
		if (!b->domains.known || !d->present)
			continue;
		d->present = d->watcher == b->domains.watcher;
		job_domain_changed(b, d);
	}
	for (l = TAILQ_FIRST(&b->domains.lookouts); l != NULL; l = next) {
		next = TAILQ_NEXT(l, link);
		if (l->serial > result->serial)
			continue;
		lookout_answer(b, l);
		lookout_end(b, l);
	}
	if (!TAILQ_EMPTY(&b->domains.lookouts) &&
	    b->domains.asked == b->domains.answered)
		scan(b);
}
