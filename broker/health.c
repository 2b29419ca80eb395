/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "broker/broker.h"
#include "wire/err.h"

void
health_init(struct broker *b)
{
	b->health.began_ms = clock_ms();
}

void
health_watcher(struct broker *b)
{
	b->health.watcher_ms = clock_ms();
}

void
health_console(struct broker *b)
{
	b->health.console_ms = clock_ms();
}

void
health_xen(struct broker *b)
{
	b->health.xen_ms = clock_ms();
}

void
health_request(struct broker *b, int err)
{
	b->health.requests++;
	if (err == VPSH_ERR_DENIED)
		b->health.denied++;
}

void
health_job(struct broker *b, int err)
{
	if (err == VPSH_OK)
		b->health.jobs_done++;
	else
		b->health.jobs_failed++;
}

static void
count_policy(const struct policy *policy, struct wire_health *out)
{
	size_t i;

	out->customers = (uint32_t)policy->ncustomers;
	out->guests = (uint32_t)policy->ndomains;
	for (i = 0; i < policy->ncustomers; i++)
		out->customers_closed +=
		    policy->customers[i].denied[0] != '\0';
	for (i = 0; i < policy->ndomains; i++)
		out->guests_closed += policy->by_domain[i]->closed[0] != '\0';
	if (policy->nfaults > 0)
		policy_fault_text(&policy->faults[0], out->note,
		    sizeof(out->note));
}

static void
count_domains(const struct broker *b, struct wire_health *out)
{
	const struct domain *d;
	char why[WIRE_TEXT];
	bool runs;

	TAILQ_FOREACH(d, &b->domains.list, link) {
		if (policy_by_domain(b->policy, d->name) == NULL)
			continue;
		runs = b->domains.known && d->present &&
		    d->now.reason == WIRE_REASON_NONE;
		out->running += runs;
		out->elsewhere += runs && d->now.ours == 0;
		out->held += state_held(d, why, sizeof(why));
		out->looping += d->looping;
	}
}

void
health_describe(const struct broker *b, struct wire_health *out)
{
	const struct health *h = &b->health;
	const struct job *job;
	int64_t now = clock_ms();

	memset(out, 0, sizeof(*out));
	out->broker_ms = now - h->began_ms;
	out->watcher_ms = channel_ready(b->watcher) ? now - h->watcher_ms : -1;
	out->console_ms = channel_ready(b->console) ? now - h->console_ms : -1;
	out->xen_ms = b->domains.known && h->xen_ms != 0 ? now - h->xen_ms :
	    -1;
	out->requests = h->requests;
	out->denied = h->denied;
	out->jobs_done = h->jobs_done;
	out->jobs_failed = h->jobs_failed;
	out->audit = audit_state(&b->audit);
	out->audit_lost = audit_lost(&b->audit);
	out->sessions = (uint32_t)b->connections.count;
	out->viewers = viewer_count(b);
	TAILQ_FOREACH(job, &b->jobs.list, link)
		out->jobs += job->state != JOB_OVER;
	count_policy(b->policy, out);
	count_domains(b, out);
}
