/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "menu/item.h"

/* Rates over less say nothing, and older ones are none. */
#define RATE_LEAST_MS 500
#define RATE_MOST_MS  60000

static const struct item_rates unknown = { -1, -1, -1, -1 };

struct item *
item_new(const struct wire_guest *guest, int64_t now)
{
	struct item *item = calloc(1, sizeof(*item));

	if (item == NULL)
		return NULL;
	item->is.counters.at_ms = -1;
	item->rates = unknown;
	item_update(item, guest, now);
	return item;
}

void
item_free(struct item *item)
{
	if (item == NULL)
		return;
	free(item->console);
	free(item->jobs);
	free(item);
}

bool
item_is_up(const struct item *item)
{
	switch ((enum wire_state)item->is.state) {
	case WIRE_STATE_STARTING:
	case WIRE_STATE_RUNNING:
	case WIRE_STATE_PAUSED:
	case WIRE_STATE_STOPPING:
	case WIRE_STATE_CRASHED:
		return true;
	case WIRE_STATE_UNKNOWN:
	case WIRE_STATE_OFF:
	case WIRE_STATE_SAVED:
		break;
	}
	return false;
}

static int64_t
rate(uint64_t before, uint64_t after, int64_t ms)
{
	if (after < before)
		return -1;
	return (int64_t)((after - before) / (uint64_t)ms * 1000 +
	    (after - before) % (uint64_t)ms * 1000 / (uint64_t)ms);
}

static void
update_rates(struct item *item, const struct wire_guest *guest, int64_t now)
{
	const struct wire_counters *a = &item->is.counters;
	const struct wire_counters *b = &guest->counters;
	const int64_t ms = b->at_ms - a->at_ms;

	if (b->at_ms == a->at_ms && guest->boot == item->is.boot)
		return;
	item->rates = unknown;
	if (a->at_ms <= 0 || b->at_ms <= 0 || guest->boot != item->is.boot ||
	    ms < RATE_LEAST_MS || ms > RATE_MOST_MS)
		return;
	item->rates.net_in = rate(a->net_in, b->net_in, ms);
	item->rates.net_out = rate(a->net_out, b->net_out, ms);
	item->rates.disk_read = rate(a->disk_read, b->disk_read, ms);
	item->rates.disk_written = rate(a->disk_written, b->disk_written, ms);
	item->rates_ms = now;
}

static void
cpu_push(struct item *item, int64_t value)
{
	if (item->ncpu == ITEM_SAMPLES) {
		memmove(item->cpu, item->cpu + 1,
		    (ITEM_SAMPLES - 1) * sizeof(item->cpu[0]));
		item->ncpu--;
	}
	item->cpu[item->ncpu++] = value;
}

/* A bar is the mean of what came in its time; times without any are -1. */
static void
update_cpu(struct item *item, const struct wire_guest *guest, int64_t now)
{
	int64_t value = guest->cpu_permille, *last;
	unsigned i;

	if (guest->cpu_permille < 0 || guest->counters.at_ms <= 0 ||
	    guest->counters.at_ms == item->is.counters.at_ms)
		return;
	if (guest->vcpus > 0)
		value /= guest->vcpus;
	if (value > 1000)
		value = 1000;
	if (item->ncpu > 0 && now - item->cpu_ms < ITEM_SAMPLE_MS) {
		last = &item->cpu[item->ncpu - 1];
		*last += (value - *last) / (int64_t)(item->cpu_parts + 1);
		item->cpu_parts++;
		return;
	}
	for (i = 0; item->ncpu > 0 && i < ITEM_SAMPLES &&
	     now - item->cpu_ms >= 2 * ITEM_SAMPLE_MS;
	     i++) {
		cpu_push(item, -1);
		item->cpu_ms += ITEM_SAMPLE_MS;
	}
	cpu_push(item, value);
	item->cpu_ms = now;
	item->cpu_parts = 1;
}

void
item_update(struct item *item, const struct wire_guest *guest, int64_t now)
{
	update_rates(item, guest, now);
	update_cpu(item, guest, now);
	item->is = *guest;
	item->seen_ms = now;
	item->stale = false;
}

int64_t
item_uptime(const struct item *item, int64_t now)
{
	if (item->is.uptime_ms < 0 || !item_is_up(item))
		return -1;
	if (now < item->seen_ms)
		return item->is.uptime_ms;
	return item->is.uptime_ms + now - item->seen_ms;
}

/* The line that more text goes into. */
static char *
line_open(struct item_console *console)
{
	size_t at;

	if (!console->open) {
		if (console->count == ITEM_LINES)
			console->first = (console->first + 1) % ITEM_LINES;
		else
			console->count++;
		console->open = true;
		at = (console->first + console->count - 1) % ITEM_LINES;
		console->line[at][0] = '\0';
	}
	at = (console->first + console->count - 1) % ITEM_LINES;
	return console->line[at];
}

/* CR begins the line again with what follows, as it does on a screen. */
static void
line_add(struct item_console *console, const char *text, size_t len)
{
	char *line = line_open(console);
	size_t have = strlen(line);

	for (; len > 0; text++, len--) {
		if (*text == '\r') {
			console->back = true;
			continue;
		}
		if (console->back)
			have = 0;
		console->back = false;
		if (*text != '\0' && have < ITEM_LINE - 1)
			line[have++] = *text;
	}
	line[have] = '\0';
}

void
item_console(struct item *item, const char *text, size_t len, bool fresh)
{
	const char *end;
	size_t n;

	if (item->console == NULL)
		item->console = calloc(1, sizeof(*item->console));
	if (item->console == NULL)
		return;
	if (fresh)
		item->console->count = 0;
	if (fresh)
		item->console->open = item->console->back = false;
	while (len > 0) {
		end = memchr(text, '\n', len);
		n = end != NULL ? (size_t)(end - text) : len;
		line_add(item->console, text, n);
		if (end == NULL)
			return;
		item->console->open = item->console->back = false;
		text += n + 1;
		len -= n + 1;
	}
}

const char *
item_line(const struct item *item, size_t nth)
{
	const struct item_console *console = item->console;
	const char *line;
	size_t i;

	if (console == NULL)
		return NULL;
	for (i = console->count; i > 0; i--) {
		line = console->line[(console->first + i - 1) % ITEM_LINES];
		if (line[strspn(line, " \t")] == '\0')
			continue;
		if (nth-- == 0)
			return line;
	}
	return NULL;
}

void
item_job(struct item *item, const struct menu_job *job)
{
	size_t i;

	if (item->jobs == NULL)
		item->jobs = calloc(ITEM_JOBS, sizeof(item->jobs[0]));
	if (item->jobs == NULL)
		return;
	for (i = 0; i < item->njobs; i++)
		if (strcmp(item->jobs[i].verb, job->verb) == 0)
			break;
	if (i == item->njobs && item->njobs < ITEM_JOBS)
		item->njobs++;
	if (i == ITEM_JOBS)
		i--;
	memmove(item->jobs + 1, item->jobs, i * sizeof(item->jobs[0]));
	item->jobs[0] = *job;
}
