/* SPDX-License-Identifier: ISC */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "broker/broker.h"
#include "broker/lend.h"
#include "broker/operate.h"
#include "wire/err.h"

#define LENDINGS_MAX	16
#define ANSWER_S	5	/* for the watcher and the console server */
#define MINUTE_MS	(60 * 1000)
#define HOUR_MIN	60

struct lending {
	TAILQ_ENTRY(lending)	 link;		/* lendings.list */
	struct broker		*broker;
	struct operator_client	*client;	/* NULL: it hung up */
	struct event		*timer;
	char			 domain[WIRE_DOMAIN];
	char			 name[WIRE_DOMAIN];	/* CUSTOMER/GUEST */
	int64_t			 for_ms;	/* 0: no end by itself */
};

void
lend_init(struct broker *b)
{
	TAILQ_INIT(&b->lendings.list);
}

static void
lending_end(struct lending *l, int err, const char *text)
{
	struct operator_client *o = l->client;
	char name[WIRE_DOMAIN];

	(void)text_copy(name, sizeof(name), l->name);
	TAILQ_REMOVE(&l->broker->lendings.list, l, link);
	l->broker->lendings.count--;
	event_free(l->timer);
	free(l);
	if (o != NULL)
		operate_say(o, name, err, text);
}

/* " for up to 10 minutes"; nothing when there is no end to it. */
static void
duration(int64_t ms, char *dst, size_t size)
{
	long long n = (ms + MINUTE_MS - 1) / MINUTE_MS;
	const bool hours = n >= 2 * HOUR_MIN;

	*dst = '\0';
	if (hours)
		n = (n + HOUR_MIN - 1) / HOUR_MIN;
	if (n > 0)
		(void)text_format(dst, size, " for up to %lld %s%s", n,
		    hours ? "hour" : "minute", n == 1 ? "" : "s");
}

void
lend_lent(struct broker *b, const struct wire_lend *lent)
{
	char text[WIRE_TEXT], time[64];
	struct lending *l;

	TAILQ_FOREACH(l, &b->lendings.list, link)
		if (strcmp(l->domain, lent->domain) == 0)
			break;
	if (l == NULL)
		return;
	if (lent->err != VPSH_OK) {
		lending_end(l, VPSH_ERR_NOT_RUNNING, "the guest went off. "
		    "Nothing was done.");
		return;
	}
	duration(l->for_ms, time, sizeof(time));
	(void)text_format(text, sizeof(text),
	    "the operator has taken this console%s", time);
	viewer_mark(b, l->domain, text);
	(void)text_format(text, sizeof(text), "its console is yours%s: xl "
	    "console %s. vpsh takes it back when that ends; who watches "
	    "stays, and is told.", time, l->domain);
	lending_end(l, VPSH_OK, text);
}

void
lend_lost(struct broker *b)
{
	struct lending *l;

	while ((l = TAILQ_FIRST(&b->lendings.list)) != NULL)
		lending_end(l, VPSH_ERR_INTERRUPTED, "vpsh's watcher died and "
		    "is being restarted. The console is vpsh's; ask again.");
}

void
lend_forget(struct operator_client *o)
{
	struct lending *l;

	TAILQ_FOREACH(l, &o->broker->lendings.list, link)
		if (l->client == o)
			l->client = NULL;
}

static void
on_timer(evutil_socket_t socket, short what, void *arg)
{
	(void)socket;
	(void)what;
	lending_end(arg, VPSH_ERR_TIMEOUT, "nobody knows yet whether the "
	    "console was given up: vpsh's watcher does not answer. Ask "
	    "again.");
}

static struct lending *
lending_new(struct operator_client *o, const char *name, const char *domain)
{
	const struct timeval time = { ANSWER_S, 0 };
	struct broker *b = o->broker;
	struct lending *l;

	if (b->lendings.count >= LENDINGS_MAX ||
	    (l = calloc(1, sizeof(*l))) == NULL)
		return NULL;
	l->timer = evtimer_new(b->base, on_timer, l);
	if (l->timer == NULL || evtimer_add(l->timer, &time) == -1) {
		if (l->timer != NULL)
			event_free(l->timer);
		free(l);
		return NULL;
	}
	l->broker = b;
	l->client = o;
	(void)text_copy(l->domain, sizeof(l->domain), domain);
	(void)text_copy(l->name, sizeof(l->name), name);
	TAILQ_INSERT_TAIL(&b->lendings.list, l, link);
	b->lendings.count++;
	return l;
}

void
lend_guest(struct operator_client *o, const struct policy_guest *g,
    int64_t until_ms)
{
	const int64_t for_ms = until_ms - clock_wall_ms();
	struct broker *b = o->broker;
	const struct domain *d = state_of(b, g->domain);
	struct wire_lend lend = { 0 };
	struct lending *l;
	char name[WIRE_DOMAIN];

	operate_name(g, name);
	if (!channel_ready(b->watcher) || !b->domains.known)
		operate_say(o, name, VPSH_ERR_HOST, "vpsh is starting, or Xen "
		    "does not answer. Nothing was done; ask again.");
	else if (d == NULL || !d->present)
		operate_say(o, name, VPSH_ERR_NOT_RUNNING, "it is off and has "
		    "no console. Nothing was done.");
	else if (until_ms != 0 && for_ms <= 0)
		operate_say(o, name, VPSH_ERR_USAGE, "that time is over "
		    "already. Nothing was done.");
	else if ((l = lending_new(o, name, d->name)) == NULL)
		operate_say(o, name, VPSH_ERR_MEMORY_HOST, "the broker has "
		    "too much to do. Nothing was done; ask again.");
	else {
		l->for_ms = until_ms == 0 ? 0 : for_ms;
		(void)text_copy(lend.domain, sizeof(lend.domain), d->name);
		memcpy(lend.uuid, d->now.uuid, sizeof(lend.uuid));
		lend.domid = d->now.domid;
		lend.until_ms = until_ms == 0 ? 0 : clock_boot_ms() + for_ms;
		channel_send(b->watcher, WIRE_LEND, 0, &lend, -1);
	}
}
