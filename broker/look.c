/* SPDX-License-Identifier: ISC */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "broker/broker.h"
#include "wire/err.h"

#define SCAN_WAIT_MS	2000
#define SECOND_MS	250	/* between two samples of the counters */
#define LAST_KEPT_MS	(15 * 60 * 1000)

void
look_init(struct broker *b)
{
	TAILQ_INIT(&b->lookouts.list);
}

/* --- what is seen of a guest --------------------------------------------- */

static void
guest_note(const struct policy_guest *g, const struct domain *d, char *note,
    size_t size)
{
	char held[WIRE_TEXT];
	const struct err_args args = { .guest = g->name,
		.number = STATE_RESTARTS, .detail = held };

	if (g->closed[0] != '\0')
		err_sentence(VPSH_ERR_GUEST_CLOSED, &args, note, size);
	else if (d->holder != NULL)
		job_describe(d->holder, note, size);
	else if (d->watch != NULL)
		job_describe(d->watch, note, size);
	else if (state_held(d, held, sizeof(held)))
		err_sentence(VPSH_ERR_HELD, &args, note, size);
	else if (d->looping)
		err_sentence(VPSH_ERR_LOOP, &args, note, size);
	else if (d->last[0] != '\0' && clock_ms() - d->last_ms < LAST_KEPT_MS)
		(void)text_copy(note, size, d->last);
}

void
look_guest(const struct broker *b, const struct policy_guest *g,
    const struct domain *d, struct wire_guest *out)
{
	const struct job *job;

	memset(out, 0, sizeof(*out));
	out->uptime_ms = out->counters.at_ms = out->cpu_permille = -1;
	(void)text_copy(out->name, sizeof(out->name), g->name);
	out->state = (uint32_t)state_shown(b, d);
	out->boot = d->now.boot;
	out->rights = g->closed[0] == '\0' ? g->rights : 0;
	guest_note(g, d, out->note, sizeof(out->note));
	job = d->holder != NULL ? d->holder : d->watch;
	if (job != NULL) {
		(void)text_copy(out->job_verb, sizeof(out->job_verb),
		    job->verb);
		(void)text_copy(out->job_ref, sizeof(out->job_ref), job->ref);
	}
	/* The months are of the guest, whether it runs or not. */
	out->counters.month_in = d->now.counters.month_in;
	out->counters.month_out = d->now.counters.month_out;
	if (!d->present || !b->domains.known)
		return;
	out->elsewhere = d->now.ours == 0;
	out->memory_kib = d->now.memory_kib;
	out->counters = d->now.counters;
	out->cpu_permille = state_cpu(d);
	out->vcpus = d->now.vcpus;
	if (d->now.since_ms >= 0)
		out->uptime_ms = clock_boot_ms() - d->now.since_ms;
}

/* --- answers that wait for the watcher ----------------------------------- */

static const struct policy_customer *
customer_of(const struct lookout *l)
{
	return policy_customer(l->broker->policy,
	    connection_customer(l->connection));
}

static bool
is_meant(const struct lookout *l, const struct policy_guest *g)
{
	return l->guest[0] == '\0' || strcmp(g->name, l->guest) == 0;
}

static void
lookout_end(struct lookout *l)
{
	TAILQ_REMOVE(&l->broker->lookouts.list, l, link);
	connection_pending(l->connection, -1);
	event_free(l->timer);
	free(l);
}

/* As much as it reads; look_drained() goes on behind the last name sent. */
static void
lookout_answer(struct lookout *l)
{
	const struct policy_customer *customer = customer_of(l);
	const struct policy_guest *g;
	struct wire_count end = { 0 };
	struct wire_guest out;
	const struct domain *d;
	size_t i;

	l->answering = true;
	evtimer_del(l->timer);
	for (i = 0; customer != NULL && i < customer->nguests; i++) {
		g = &customer->guests[i];
		if (!is_meant(l, g) || strcmp(g->name, l->sent) <= 0 ||
		    (d = state_of(l->broker, g->domain)) == NULL)
			continue;
		if (connection_is_behind(l->connection))
			return;
		look_guest(l->broker, g, d, &out);
		connection_send(l->connection, WIRE_GUEST, l->id, &out);
		(void)text_copy(l->sent, sizeof(l->sent), g->name);
		l->count++;
	}
	end.count = l->count;
	connection_send(l->connection, WIRE_END, l->id, &end);
	lookout_end(l);
}

/* Would one more sample say how busy they are? */
static bool
wants_second(const struct lookout *l)
{
	const struct policy_customer *customer = customer_of(l);
	const struct domain *d;
	size_t i;

	if (l->again || (l->flags & WIRE_LOOK_COUNTERS) == 0)
		return false;
	for (i = 0; customer != NULL && i < customer->nguests; i++) {
		if (!is_meant(l, &customer->guests[i]))
			continue;
		d = state_of(l->broker, customer->guests[i].domain);
		if (d != NULL && d->present && d->now.counters.at_ms > 0 &&
		    state_cpu(d) < 0)
			return true;
	}
	return false;
}

static void
lookout_timer(struct lookout *l, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	evtimer_add(l->timer, &tv);
}

/*
 * While there is no watcher, the next one's first look is waited for; but
 * not again and again for one that does not come.
 */
static void
lookout_ask(struct lookout *l)
{
	struct broker *b = l->broker;

	l->serial = channel_ready(b->watcher) ? state_scan(b) :
	    b->domains.asked + 1;
	lookout_timer(l, b->domains.missed ? 0 : SCAN_WAIT_MS);
}

static void
on_timer(evutil_socket_t socket, short what, void *arg)
{
	struct lookout *l = arg;

	(void)socket;
	(void)what;
	if (l->resting) {
		l->resting = false;
		lookout_ask(l);
		return;
	}
	if (!channel_ready(l->broker->watcher))
		l->broker->domains.missed = true;
	lookout_answer(l);
}

int
look_later(struct broker *b, struct connection *c, uint32_t id,
    const char *guest, uint32_t flags)
{
	struct lookout *l = calloc(1, sizeof(*l));

	if (l == NULL ||
	    (l->timer = evtimer_new(b->base, on_timer, l)) == NULL) {
		free(l);
		return -1;
	}
	l->broker = b;
	l->connection = c;
	l->id = id;
	l->flags = flags;
	(void)text_copy(l->guest, sizeof(l->guest), guest);
	TAILQ_INSERT_TAIL(&b->lookouts.list, l, link);
	connection_pending(c, 1);
	lookout_ask(l);
	return 0;
}

bool
look_scanned(struct broker *b, uint32_t serial)
{
	struct lookout *l, *next;
	bool more = false;

	for (l = TAILQ_FIRST(&b->lookouts.list); l != NULL; l = next) {
		next = TAILQ_NEXT(l, link);
		if (l->resting || l->answering)
			continue;
		if (l->serial > serial) {
			more = true;
		} else if (wants_second(l)) {
			l->again = l->resting = true;
			lookout_timer(l, SECOND_MS);
		} else
			lookout_answer(l);
	}
	return more;
}

void
look_drained(struct broker *b, const struct connection *c)
{
	struct lookout *l, *next;

	for (l = TAILQ_FIRST(&b->lookouts.list); l != NULL; l = next) {
		next = TAILQ_NEXT(l, link);
		if (l->connection == c && l->answering)
			lookout_answer(l);
	}
}

void
look_forget_connection(struct broker *b, struct connection *c)
{
	struct lookout *l, *next;

	for (l = TAILQ_FIRST(&b->lookouts.list); l != NULL; l = next) {
		next = TAILQ_NEXT(l, link);
		if (l->connection == c)
			lookout_end(l);
	}
}
