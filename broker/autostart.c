/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "broker/broker.h"
#include "wire/err.h"

#define VERB	  "autostart"
#define TRIES_MAX 3 /* with a worker that dies every time */

void
autostart_domain(struct broker *b, struct domain *d,
    enum wire_autostart said)
{
	(void)b;
	d->autostart = said;
}

static bool
is_here(const struct broker *b, const struct policy_guest *g)
{
	size_t len = strcspn(b->host, ".");

	return g->host[0] == '\0' || strcmp(g->host, b->host) == 0 ||
	    (strlen(g->host) == len && memcmp(g->host, b->host, len) == 0);
}

/* How often it was begun: by this broker, or by one that died meanwhile. */
static unsigned
tries(const struct broker *b, const char *name)
{
	const struct job *job;
	unsigned n = 0;

	TAILQ_FOREACH(job, &b->jobs.list, link)
		n += strcmp(job->name, name) == 0 &&
		    strcmp(job->verb, VERB) == 0;
	return n;
}

static bool
is_wanted(const struct policy_guest *g, enum wire_autostart said)
{
	switch (g->autostart) {
	case POLICY_AUTOSTART_LAST:
		return said == WIRE_AUTOSTART_ON;
	case POLICY_AUTOSTART_ALWAYS:
		return said != WIRE_AUTOSTART_NONE;
	case POLICY_AUTOSTART_NEVER:
		break;
	}
	return false;
}

/* Why it is left off all the same; VPSH_OK: it is not. */
static int
obstacle(const struct broker *b, const struct domain *d,
    const struct policy_guest *g, char *why, size_t size)
{
	if (g->closed[0] != '\0') {
		(void)text_copy(why, size, g->closed);
		return VPSH_ERR_GUEST_CLOSED;
	}
	if (!is_here(b, g) || d->suspended) {
		(void)text_copy(why, size, d->suspended ?
		    "it was saved or moved" :
		    "the policy puts it on another host");
		return VPSH_ERR_ELSEWHERE;
	}
	return state_held(d, why, size) ? VPSH_ERR_HELD : VPSH_OK;
}

static void
skip(struct broker *b, const struct domain *d, const struct policy_guest *g,
    int err, const char *why)
{
	const struct audit_record record = { .event = "skipped",
		.customer = "system", .verb = VERB, .guest = g->name,
		.domain = d->name, .because = why, .err = err_name(err) };

	log_warn("%s is not started after the boot of the host: %s", d->name,
	    why);
	audit_write(&b->audit, &record);
}

/* Returns 0, or -1 when there is no memory. */
static int
make(struct broker *b, struct domain *d)
{
	const struct policy_guest *g = policy_by_domain(b->policy, d->name);
	char why[WIRE_TEXT];
	struct job *job;
	int err;

	/* A holder: its customer was quicker. */
	if (g == NULL || d->present || d->holder != NULL)
		return 0;
	err = obstacle(b, d, g, why, sizeof(why));
	if (err != VPSH_OK) {
		skip(b, d, g, err, why);
		return 0;
	}
	job = job_new(b, WIRE_OP_START, "system", g->owner, g->name, d);
	if (job == NULL)
		return -1;
	job->verb = VERB;
	job_hold(job);
	return 0;
}

/*
 * Its worker died before anything was done, and nobody has touched the guest
 * since.  A customer would ask again; for these nobody does.
 */
static bool
is_lost(const struct broker *b, const struct job *job)
{
	const struct job *later = job;

	if (job->state != JOB_OVER || strcmp(job->verb, VERB) != 0 ||
	    job->err != VPSH_ERR_INTERRUPTED ||
	    (job->value & ~JOB_NOT_BEGUN) != JOB_IS_OFF)
		return false;
	while ((later = TAILQ_NEXT(later, link)) != NULL)
		if (strcmp(later->name, job->name) == 0)
			return false;
	return tries(b, job->name) < TRIES_MAX;
}

/* The next one after those up to seq. */
static const struct job *
next_lost(const struct broker *b, uint64_t seq)
{
	const struct job *job;

	TAILQ_FOREACH(job, &b->jobs.list, link)
		if (job->seq > seq && is_lost(b, job))
			return job;
	return NULL;
}

void
autostart_again(struct broker *b)
{
	const struct job *job;
	struct domain *d;
	uint64_t seq = 0;

	/* Making one forgets old ones, which may be those at hand. */
	while ((job = next_lost(b, seq)) != NULL) {
		seq = job->seq;
		if (policy_by_domain(b->policy, job->name) != NULL &&
		    (d = state_of(b, job->name)) != NULL)
			(void)make(b, d);
	}
}

void
autostart_scanned(struct broker *b)
{
	const struct wire_empty nothing = { 0 };
	const struct policy_guest *g;
	struct domain *d;
	int r = 0;

	if (!b->domains.known || b->domains.autostarted == b->domains.watcher)
		return;
	TAILQ_FOREACH(d, &b->domains.list, link) {
		g = policy_by_domain(b->policy, d->name);
		if (g != NULL && is_wanted(g, d->autostart) && r == 0 &&
		    tries(b, d->name) == 0)
			r = make(b, d);
	}
	autostart_again(b);
	if (r == -1) {
		log_error("no memory to start guests after the boot of the "
		    "host: tried again soon");
		return;
	}
	TAILQ_FOREACH(d, &b->domains.list, link)
		d->autostart = WIRE_AUTOSTART_NONE;
	b->domains.autostarted = b->domains.watcher;
	point("autostart-made");
	channel_send(b->watcher, WIRE_AUTOSTARTED, 0, &nothing, -1);
	job_pump(b);
}
