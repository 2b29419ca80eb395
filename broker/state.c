/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"

#define RATE_WINDOW_MS	60000
#define RESTART_WINDOW_MS (15 * 60 * 1000)
#define CPU_APART_MS	100	/* samples that are closer say nothing */
#define CPU_KEPT_MS	10000

void
state_init(struct broker *b)
{
	TAILQ_INIT(&b->domains.list);
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
	d->slot = -1;
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
		journal_domain_drop(b, d);
		free(d);
	}
}

enum wire_state
state_shown(const struct broker *b, const struct domain *d)
{
	if (!b->domains.known)
		return WIRE_STATE_UNKNOWN;
	if (!d->present) {
		/* Few boot again after a poweroff; one that does will show. */
		if (d->holder != NULL && d->holder->kind->creates &&
		    d->holder->op < WIRE_OP_RECOVER &&
		    !(d->holder->op == WIRE_OP_DEATH && d->poweroff))
			return WIRE_STATE_STARTING;
		return d->suspended ? WIRE_STATE_SAVED : WIRE_STATE_OFF;
	}
	if (d->watch != NULL && d->now.state == WIRE_STATE_RUNNING &&
	    d->watch->kind->stops)
		return WIRE_STATE_STOPPING;
	/* Our own workers pause it for a moment: nobody asked for that. */
	if (d->holder != NULL && d->now.state == WIRE_STATE_PAUSED) {
		if (d->holder->phase == WIRE_PHASE_CREATED)
			return WIRE_STATE_STARTING;
		if (d->holder->phase == WIRE_PHASE_PAUSED)
			return WIRE_STATE_STOPPING;
	}
	return (enum wire_state)d->now.state;
}

static void
scan(struct broker *b)
{
	const struct wire_serial ask = { ++b->domains.asked, 0 };

	channel_send(b->watcher, WIRE_SCAN, 0, &ask, -1);
}

uint32_t
state_scan(struct broker *b)
{
	if (b->domains.asked != b->domains.answered)
		return b->domains.asked + 1;
	scan(b);
	return b->domains.asked;
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

int
state_domain_rate(struct broker *b, struct domain *d, enum rate_class class,
    int per_minute)
{
	int left = state_rate(&d->rates[class], per_minute);

	if (left == 0)
		journal_domain_save(b, d);
	return left;
}

/* Whether its time is over is for the watcher to say, and for the clock. */
bool
state_held(const struct domain *d, char *text, size_t size)
{
	char until[CLOCK_RFC3339_LEN];
	size_t len;

	if (d->now.held[0] == '\0' || (d->now.held_until_ms != 0 &&
	    d->now.held_until_ms <= clock_wall_ms()))
		return false;
	/* It stands within a sentence, which has its own end. */
	len = strlen(d->now.held);
	while (len > 1 && d->now.held[len - 1] == '.')
		len--;
	if (d->now.held_until_ms == 0) {
		(void)text_format(text, size, "%.*s", (int)len, d->now.held);
		return true;
	}
	clock_rfc3339(d->now.held_until_ms, until);
	/* 2026-01-31T09:00:00.000Z */
	(void)text_format(text, size, "%.*s, until %.10s %.5s UTC", (int)len,
	    d->now.held, until, until + 11);
	return true;
}

bool
state_restart_allowed(const struct domain *d)
{
	int64_t oldest = d->restarts_ms[0];

	return oldest == 0 || clock_ms() - oldest > RESTART_WINDOW_MS;
}

void
state_restart_reset(struct broker *b, struct domain *d)
{
	memset(d->restarts_ms, 0, sizeof(d->restarts_ms));
	d->looping = d->died = d->reboots = false;
	journal_domain_save(b, d);
}

int32_t
state_cpu(const struct domain *d)
{
	return clock_boot_ms() - d->cpu.at_ms < CPU_KEPT_MS ?
	    d->cpu.permille : -1;
}

static void
note_cpu(struct cpu *cpu, const struct wire_domain *now)
{
	const struct wire_counters *seen = &now->counters;
	const struct cpu fresh = { now->boot, now->domid, -1, seen->at_ms,
		seen->cpu_ns };
	int64_t ms = seen->at_ms - cpu->at_ms;

	if (seen->at_ms <= 0)
		return;
	if (cpu->boot != now->boot || cpu->domid != now->domid || ms < 0 ||
	    seen->cpu_ns < cpu->ns || ms > CPU_KEPT_MS) {
		*cpu = fresh;
	} else if (ms >= CPU_APART_MS) {
		uint64_t share = (seen->cpu_ns - cpu->ns) / (uint64_t)ms /
		    1000;

		*cpu = fresh;
		cpu->permille = share > INT32_MAX ? INT32_MAX :
		    (int32_t)share;
	}
}

void
state_watcher_new(struct broker *b)
{
	log_info("the watcher is there");
	health_watcher(b);
	b->domains.watcher++;
	b->domains.missed = false;
	b->domains.answered = b->domains.asked;
	scan(b);
}

void
state_watcher_lost(struct broker *b)
{
	b->domains.known = false;
	(void)run_scanned(b, UINT32_MAX);
	follow_changed(b, NULL);
}

/* It came back by itself: remember when, for state_restart_allowed(). */
static void
note_restart(struct domain *d)
{
	d->died = false;
	d->reboots |= d->poweroff;
	memmove(&d->restarts_ms[0], &d->restarts_ms[1],
	    sizeof(d->restarts_ms) - sizeof(d->restarts_ms[0]));
	d->restarts_ms[STATE_RESTARTS - 1] = clock_ms();
}

/* It is up: an end of its that was seen to is past. */
static void
note_boot(struct broker *b, struct domain *d, const struct wire_domain *now)
{
	bool buried = d->buried != 0 && now->domid == d->buried;
	bool booted = now->boot != d->now.boot && (d->looping || d->died);

	if (now->reason != WIRE_REASON_NONE || (!buried && !booted))
		return;
	if (booted && d->died)
		note_restart(d);
	if (booted)
		d->looping = false;
	if (buried)
		d->buried = 0;
	journal_domain_save(b, d);
}

/* Is there more to it than what it used meanwhile? */
static bool
is_change(const struct domain *d, const struct wire_domain *now)
{
	struct wire_domain was = d->now;

	was.counters = now->counters;
	return !d->present || memcmp(&was, now, sizeof(was)) != 0;
}

void
state_domain(struct broker *b, const struct wire_domain *now)
{
	struct domain *d;
	bool change;

	/* Bounded by the policy, whatever the watcher tells us. */
	if (policy_by_domain(b->policy, now->domain) == NULL ||
	    now->state > WIRE_STATE_SAVED ||
	    now->reason > WIRE_REASON_DESTROYED ||
	    (d = state_of(b, now->domain)) == NULL)
		return;
	note_boot(b, d, now);
	/* What a hold refused is not put off any longer. */
	if (d->now.held[0] != '\0' && now->held[0] == '\0')
		d->unburied_ms = 0;
	note_cpu(&d->cpu, now);
	change = is_change(d, now);
	d->now = *now;
	d->watcher = b->domains.watcher;
	d->present = true;
	d->suspended = now->reason == WIRE_REASON_SUSPEND;
	if (change)
		follow_changed(b, d);
	else
		follow_counted(b, d);
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
	autostart_domain(b, d, (enum wire_autostart)last->autostart);
	follow_changed(b, d);
	job_domain_changed(b, d);
}

void
state_scanned(struct broker *b, const struct wire_serial *result)
{
	bool known = b->domains.known, more;
	struct domain *d;

	if (result->serial != b->domains.asked)
		return;
	b->domains.answered = result->serial;
	b->domains.known = result->ok != 0;
	if (b->domains.known)
		health_xen(b);
	if (b->domains.known != known)
		follow_changed(b, NULL);
	/*
	 * What this watcher has not mentioned ended while nobody looked; what
	 * died before Xen was known to answer is looked at now.
	 */
	TAILQ_FOREACH(d, &b->domains.list, link) {
		if (!b->domains.known || (!d->present && d->watch == NULL))
			continue;
		if (d->present && d->watcher != b->domains.watcher) {
			d->present = false;
			follow_changed(b, d);
		}
		job_domain_changed(b, d);
	}
	if (b->domains.known && !known)
		job_pump(b);
	autostart_scanned(b);
	later_check(b);
	more = run_scanned(b, result->serial);
	more |= look_scanned(b, result->serial);
	more |= operator_scanned(b, result->serial);
	if (more && b->domains.asked == b->domains.answered)
		scan(b);
}
