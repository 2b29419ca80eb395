/* SPDX-License-Identifier: ISC */
#include <event2/event.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"
#include "broker/operation.h"
#include "wire/err.h"

#define DEATH_AGAIN_MS	60000	/* after one of these jobs failed */

static void
record(struct broker *b, const struct domain *d, const char *event,
    const struct job *job, int err)
{
	const struct policy_guest *g = policy_by_domain(b->policy, d->name);
	const struct audit_record r = { .event = event,
		.customer = job != NULL ? job->owner : "system",
		.verb = job != NULL ? job->verb :
		    job_kind(WIRE_OP_DEATH)->verb,
		.guest = job != NULL ? job->guest : g->name,
		.domain = d->name, .ref = job != NULL ? job->ref : NULL,
		.err = err == VPSH_OK ? NULL : err_name(err) };

	audit_write(&b->audit, &r);
}

/*
 * One that has booted meanwhile obeyed in its own way: watch_check() has seen
 * to that, and looks at the boot number only.
 */
void
death_force(struct job *job)
{
	struct broker *b = job->broker;
	struct domain *d = job->domain;
	char note[WIRE_TEXT];

	if (!d->present || d->suspended || !b->domains.known) {
		job_end(job, !b->domains.known ? VPSH_ERR_TIMEOUT :
		    d->suspended ? VPSH_ERR_ELSEWHERE : VPSH_ERR_NOT_RUNNING,
		    job->wait_s);
		return;
	}
	if (!operation_allows(job)) {
		job_end(job, VPSH_ERR_REVOKED, 0);
		return;
	}
	(void)text_format(note, sizeof(note), "%s did not react within %u s: "
	    "pulling the plug.", job->guest, job->wait_s);
	job_note(job, note);
	record(b, d, "forced", job, VPSH_OK);
	d->watch = NULL;
	job->op = job->kind->force;
	job->kind = job_kind(job->op);
	job->forced = true;
	job->due = false;
	job->wait_s = 0;
	job->has_result = false;
	job_hold(job);
	job_pump(b);
}

bool
death_obeyed(struct job *job)
{
	const struct domain *d = job->domain;
	bool shutdown = job->op == WIRE_OP_DESTROY;

	if (d->present && d->now.boot == job->boot)
		return false;
	job->op = shutdown ? WIRE_OP_SHUTDOWN : WIRE_OP_REBOOT;
	job->kind = job_kind(job->op);
	job->forced = false;
	if (d->present)
		job_end(job, shutdown ? VPSH_ERR_BOOT : VPSH_OK, 0);
	else
		job_end(job, shutdown ? VPSH_OK : VPSH_ERR_NOT_RUNNING, 0);
	return true;
}

/* It would go on for ever; from here on it is for the customer to say. */
static void
leave(struct broker *b, struct domain *d)
{
	log_error("%s dies again and again: left as it is", d->name);
	d->looping = true;
	journal_domain_save(b, d);
	record(b, d, "left", NULL, VPSH_ERR_LOOP);
	follow_changed(b, d);
}

void
death_check(struct broker *b, struct domain *d)
{
	const struct policy_guest *g = policy_by_domain(b->policy, d->name);
	char held[WIRE_TEXT];
	struct job *job;

	if (g == NULL || !d->present || d->now.ours == 0 || d->looping ||
	    d->now.reason == WIRE_REASON_NONE ||
	    d->now.reason == WIRE_REASON_SUSPEND ||
	    d->now.domid == d->buried || !b->domains.known)
		return;
	if (d->unburied_ms != 0 &&
	    clock_ms() - d->unburied_ms < DEATH_AGAIN_MS)
		return;
	/* It is booted again when it is released; tidied up after at once. */
	if (d->now.reason != WIRE_REASON_POWEROFF &&
	    state_held(d, held, sizeof(held)))
		return;
	/*
	 * One that powers off is booted again by some only; and a shutdown
	 * that was asked for is the end of any loop.
	 */
	if ((d->now.reason != WIRE_REASON_POWEROFF ||
	    (d->reboots && d->watch == NULL)) && !state_restart_allowed(d)) {
		leave(b, d);
		return;
	}
	job = job_new(b, WIRE_OP_DEATH, "system", g->owner, g->name, d);
	if (job == NULL)
		return;
	d->died = d->watch == NULL;
	d->poweroff = d->now.reason == WIRE_REASON_POWEROFF;
	journal_domain_save(b, d);
	if (d->poweroff)
		job->verb = "cleanup";
	job_hold(job);
	job_pump(b);
}
