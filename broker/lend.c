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
	struct peer		 peer;		/* who that is, or was */
	struct event		*timer;
	char			 domain[WIRE_DOMAIN];
	char			 name[WIRE_DOMAIN];	/* CUSTOMER/GUEST */
};

void
lend_init(struct broker *b)
{
	TAILQ_INIT(&b->lendings.list);
}

static void
lending_end(struct lending *l, int err, const char *text)
{
	const struct policy_guest *g = policy_by_domain(l->broker->policy,
	    l->domain);
	struct operator_client *o = l->client;
	char name[WIRE_DOMAIN];

	if (g != NULL)
		operator_record_end(l->broker, &l->peer, "lend", g, err);
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

static struct lending *
lending_of(const struct broker *b, const char *domain)
{
	struct lending *l;

	TAILQ_FOREACH(l, &b->lendings.list, link)
		if (strcmp(l->domain, domain) == 0)
			break;
	return l;
}

/* What the operator is told; the customers' mark was put already. */
static void
say(const struct wire_lend *lent, const char *time, char *dst, size_t size)
{
	if (lent->err == VPSH_OK)
		(void)text_format(dst, size, "its console is yours%s: xl "
		    "console %s. vpsh takes it back when that ends; who "
		    "watches stays, and is told.", time, lent->domain);
	else if (lent->err == VPSH_ERR_DENIED)
		(void)text_copy(dst, size, "no operator has left word for "
		    "that in /run/vpsh/asked, as vpshctl does. Nothing was "
		    "done.");
	else
		(void)text_copy(dst, size, "the guest went off. Nothing was "
		    "done.");
}

void
lend_lent(struct broker *b, const struct wire_lend *lent)
{
	const int err = lent->err == VPSH_OK || lent->err == VPSH_ERR_DENIED ?
	    lent->err : VPSH_ERR_NOT_RUNNING;
	char text[WIRE_TEXT], time[64];
	struct lending *l;

	duration(lent->until_ms == 0 ? 0 : lent->until_ms - clock_boot_ms(),
	    time, sizeof(time));
	/* However late that is, and whoever still waits for it. */
	if (err == VPSH_OK) {
		(void)text_format(text, sizeof(text),
		    "the operator has taken this console%s", time);
		viewer_mark(b, lent->domain, text);
	}
	say(lent, time, text, sizeof(text));
	while ((l = lending_of(b, lent->domain)) != NULL)
		lending_end(l, err, text);
}

void
lend_lost(struct broker *b)
{
	struct lending *l;

	while ((l = TAILQ_FIRST(&b->lendings.list)) != NULL)
		lending_end(l, VPSH_ERR_INTERRUPTED, "vpsh's watcher died and "
		    "is being restarted: nobody knows yet whether the console "
		    "was given up. Ask again.");
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
	l->peer = o->peer;
	(void)text_copy(l->domain, sizeof(l->domain), domain);
	(void)text_copy(l->name, sizeof(l->name), name);
	TAILQ_INSERT_TAIL(&b->lendings.list, l, link);
	b->lendings.count++;
	return l;
}

/* Why not; NULL: it can be asked for. */
static const char *
obstacle(const struct broker *b, const struct domain *d, int64_t until_ms,
    int *err)
{
	if (!channel_ready(b->watcher) || !b->domains.known) {
		*err = VPSH_ERR_HOST;
		return "vpsh is starting, or Xen does not answer. Nothing was "
		    "done; ask again.";
	}
	if (d == NULL || !d->present) {
		*err = VPSH_ERR_NOT_RUNNING;
		return "it is off and has no console. Nothing was done.";
	}
	*err = VPSH_ERR_USAGE;
	return until_ms != 0 && until_ms <= clock_wall_ms() ?
	    "that time is over already. Nothing was done." : NULL;
}

void
lend_guest(struct operator_client *o, const struct policy_guest *g,
    int64_t until_ms)
{
	struct broker *b = o->broker;
	const struct domain *d = state_of(b, g->domain);
	struct wire_lend lend = { 0 };
	char name[WIRE_DOMAIN];
	const char *why;
	int err;

	operate_name(g, name);
	why = obstacle(b, d, until_ms, &err);
	if (why == NULL && lending_new(o, name, d->name) == NULL) {
		err = VPSH_ERR_MEMORY_HOST;
		why = "the broker has too much to do. Nothing was done; ask "
		    "again.";
	}
	if (why != NULL) {
		operator_record_end(b, &o->peer, "lend", g, err);
		operate_say(o, name, err, why);
		return;
	}
	(void)text_copy(lend.domain, sizeof(lend.domain), d->name);
	memcpy(lend.uuid, d->now.uuid, sizeof(lend.uuid));
	lend.domid = d->now.domid;
	if (until_ms != 0)
		lend.until_ms = clock_boot_ms() + until_ms - clock_wall_ms();
	channel_send(b->watcher, WIRE_LEND, 0, &lend, -1);
}
