/* SPDX-License-Identifier: ISC */
/*
 * What guests use: read when the broker asks, when a guest shuts down, and
 * every few minutes, so that little is lost when one is destroyed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "domain/watch.h"

#define SAMPLE_S	300
/* A save waits for the disk: the loop has something else to do as well. */
#define SAVE_PAUSE	{ 0, 50000 }
/* The kernel remembers what is not saved, as long as its domain lives. */
#define CLOSE_MS	2000

static void
fill(struct dom *dom, int64_t at_ms)
{
	struct wire_counters *wire = &dom->now.counters;

	wire->at_ms = at_ms;
	wire->cpu_ns = dom->cpu_ns;
	wire->disk_read = dom->counters.disk_read;
	wire->disk_written = dom->counters.disk_written;
	wire->net_in = dom->counters.net_in;
	wire->net_out = dom->counters.net_out;
	wire->month_in = dom->traffic.now.in;
	wire->month_out = dom->traffic.now.out;
}

static bool
save(struct watch *watch, struct dom *dom)
{
	if (traffic_save(watch->paths.traffic, dom->name,
	    &dom->traffic) == 0)
		return true;
	log_error("%s/%s cannot be written: %s; the month's traffic may be "
	    "lost", watch->paths.traffic, dom->name, strerror(errno));
	return false;
}

static struct dom *
first_dirty(struct watch *watch)
{
	struct dom *dom;

	TAILQ_FOREACH(dom, &watch->doms, entry)
		if (dom->claimed && dom->traffic.dirty)
			break;
	return dom;
}

static void
on_save(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval pause = SAVE_PAUSE;
	struct watch *watch = arg;
	struct dom *dom = first_dirty(watch);

	(void)fd;
	(void)what;
	/* A disk that is full now is tried again at the next sample. */
	if (dom != NULL && save(watch, dom) && first_dirty(watch) != NULL)
		event_add(watch->save, &pause);
}

/* A new month is news about guests without a domain, too. */
static void
turn(struct watch *watch, int64_t wall_ms)
{
	char month[TRAFFIC_MONTH];

	traffic_month_of(wall_ms, month);
	if (strcmp(month, watch->month) == 0)
		return;
	(void)memcpy(watch->month, month, sizeof(month));
	domains_tell_all(watch);
}

static void
on_sample(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval pause = SAVE_PAUSE;
	struct watch *watch = arg;

	(void)fd;
	(void)what;
	(void)domains_scan(watch, true);
	turn(watch, clock_wall_ms());
	event_add(watch->save, &pause);
}

void
sample_begin(struct watch *watch, struct dom *dom)
{
	const int64_t wall_ms = clock_wall_ms(), since = dom->boot.since_ms;
	int64_t began_ms = -1;

	if (since != -1)
		began_ms = wall_ms - (clock_boot_ms() - since);
	(void)traffic_load(watch->paths.traffic, dom->name, &dom->traffic);
	traffic_follow(&dom->traffic, &dom->boot, began_ms, wall_ms);
	dom->sample = true;
}

void
sample_end(struct watch *watch, struct dom *dom)
{
	(void)save(watch, dom);
	dom->sample = false;
}

static int
compare(const void *a, const void *b)
{
	const struct counters *const *x = a, *const *y = b;

	return (*x)->domid < (*y)->domid ? -1 : (*x)->domid > (*y)->domid;
}

void
sample_read(struct watch *watch, int64_t at_ms)
{
	const int64_t wall_ms = clock_wall_ms();
	struct counters **all;
	struct dom *dom;
	size_t n = 0;
	bool read;

	TAILQ_FOREACH(dom, &watch->doms, entry)
		n += dom->sample;
	if (n == 0 || (all = calloc(n, sizeof(struct counters *))) == NULL)
		return;
	n = 0;
	TAILQ_FOREACH(dom, &watch->doms, entry)
		if (dom->sample)
			all[n++] = &dom->counters;
	qsort(all, n, sizeof(struct counters *), compare);
	read = counters_read(watch->paths.sys, all, n) == 0;
	if (!read && !watch->no_sys) {
		watch->no_sys = true;
		log_warn("%s/bus/xen-backend/devices: %s: no disk and network "
		    "counters", watch->paths.sys, strerror(errno));
	}
	free(all);
	TAILQ_FOREACH(dom, &watch->doms, entry) {
		if (!dom->sample)
			continue;
		dom->sample = false;
		/* Nothing read is not zero: that would be counted again. */
		if (read)
			traffic_add(&dom->traffic, wall_ms,
			    dom->counters.net_in, dom->counters.net_out);
		fill(dom, at_ms);
	}
}

void
sample_absent(struct watch *watch, struct wire_domain *absent)
{
	struct traffic traffic;

	absent->counters.at_ms = -1;
	if (traffic_load(watch->paths.traffic, absent->domain,
	    &traffic) == -1)
		return;
	traffic_turn(&traffic, clock_wall_ms());
	absent->counters.at_ms = clock_boot_ms();
	absent->counters.month_in = traffic.now.in;
	absent->counters.month_out = traffic.now.out;
}

void
sample_open(struct watch *watch)
{
	const struct timeval often = { SAMPLE_S, 0 };

	traffic_month_of(clock_wall_ms(), watch->month);
	watch->sample = event_new(watch->base, -1, EV_PERSIST, on_sample,
	    watch);
	watch->save = evtimer_new(watch->base, on_save, watch);
	if (watch->sample == NULL || watch->save == NULL ||
	    event_add(watch->sample, &often) == -1)
		fatal("no memory");
}

void
sample_close(struct watch *watch)
{
	const int64_t until = clock_ms() + CLOSE_MS;
	struct dom *dom;

	TAILQ_FOREACH(dom, &watch->doms, entry)
		dom->sample = dom->claimed;
	sample_read(watch, clock_boot_ms());
	TAILQ_FOREACH(dom, &watch->doms, entry)
		if (dom->claimed && clock_ms() < until)
			(void)save(watch, dom);
}
