/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"
#include "wire/err.h"

struct found {
	struct journal_job	job;
	int			slot;
};

/* --- domains ------------------------------------------------------------- */

static void
take_domain(struct broker *b, const struct journal_domain *r, int slot)
{
	struct domain *d = NULL;

	if (policy_by_domain(b->policy, r->domain) != NULL)
		d = state_of(b, r->domain);
	if (d == NULL || d->slot != -1) {
		slots_drop(&b->journal.slots, JOURNAL_DOMAIN, &slot);
		return;
	}
	d->slot = slot;
	d->unburied_ms = r->unburied_ms;
	d->buried = r->buried;
	memcpy(d->restarts_ms, r->restarts_ms, sizeof(d->restarts_ms));
	memcpy(d->rates, r->rates, sizeof(d->rates));
	d->died = (r->flags & JOURNAL_DIED) != 0;
	d->poweroff = (r->flags & JOURNAL_POWEROFF) != 0;
	d->reboots = (r->flags & JOURNAL_REBOOTS) != 0;
	d->looping = (r->flags & JOURNAL_LOOPING) != 0;
}

static void
take_domains(struct broker *b)
{
	struct journal_domain r;
	int slot;

	for (slot = 0; slot < JOURNAL_DOMAINS; slot++)
		if (slots_get(&b->journal.slots, JOURNAL_DOMAIN, slot, &r))
			take_domain(b, &r, slot);
}

/* --- jobs ---------------------------------------------------------------- */

static void
fill_names(struct broker *b, struct job *job, const struct journal_job *r)
{
	const struct policy_guest *first = policy_by_domain(b->policy,
	    r->domain);

	memcpy(job->ref, r->ref, sizeof(job->ref));
	memcpy(job->owner, r->owner, sizeof(job->owner));
	memcpy(job->customer, r->customer, sizeof(job->customer));
	memcpy(job->guest, r->guest, sizeof(job->guest));
	memcpy(job->name, r->domain, sizeof(job->name));
	memcpy(job->text, r->text, sizeof(job->text));
	memcpy(job->said, r->said, sizeof(job->said));
	(void)text_copy(job->stream.customer, sizeof(job->stream.customer),
	    first != NULL ? first->owner : job->customer);
	(void)text_copy(job->stream.guest, sizeof(job->stream.guest),
	    first != NULL ? first->name : job->guest);
}

static struct job *
fill(struct broker *b, const struct journal_job *r, int slot)
{
	struct job *job = job_blank(b);

	if (job == NULL)
		return NULL;
	fill_names(b, job, r);
	job->slot = slot;
	job->taken_up = true;
	job->op = (enum wire_op)r->op;
	job->kind = job_kind(job->op);
	job->verb = job_verb(r->verb);
	job->state = (enum job_state)r->state;
	job->token = r->token;
	job->seq = r->seq;
	job->boot = r->boot;
	job->turn = r->turn;
	job->number = r->number;
	job->of = r->of;
	job->audit_mark = r->audit_mark;
	job->began_ms = r->began_ms;
	job->ended_ms = r->ended_ms;
	job->deadline_ms = r->deadline_ms;
	job->due_ms = r->due_ms;
	job->until_ms = r->until_ms;
	job->value = r->value;
	job->domid = r->domid;
	job->key = (char)r->key;
	job->wait_s = r->wait_s;
	job->run_flags = r->run_flags;
	job->recoveries = r->recoveries;
	job->err = r->err;
	job->force = (r->flags & JOURNAL_FORCE) != 0;
	job->forced = (r->flags & JOURNAL_FORCED) != 0;
	job->broken_off = (r->flags & JOURNAL_BROKEN_OFF) != 0;
	job->late = (r->flags & JOURNAL_LATE) != 0;
	job->again = (r->flags & JOURNAL_AGAIN) != 0;
	job->unrecorded = (r->flags & JOURNAL_UNRECORDED) != 0;
	return job;
}

/*
 * It was asked for and never begun.  Who asked will ask again, and the record
 * of the decision, if it was written, is to have its end: that of the refusal
 * (with an err), if it was not written.
 */
static void
take_asked(struct job *job, int64_t mark)
{
	bool written = job->audit_mark != mark;

	if (written == (job->err == VPSH_OK)) {
		if (written)
			job->err = VPSH_ERR_INTERRUPTED;
		job->ended_ms = clock_ms();
		job_record(job);
	}
	job_drop(job);
}

static void
take_over(struct job *job, int64_t mark)
{
	struct domain *d = policy_by_domain(job->broker->policy,
	    job->name) == NULL ? NULL : state_of(job->broker, job->name);

	if (job->unrecorded && job->audit_mark == mark)
		job_record(job);
	else if (job->unrecorded) {
		job->unrecorded = false;
		(void)journal_job_save(job);
	}
	if (d != NULL && job->ended_ms >= d->last_ms)
		job_remember(job, d);
}

static void
break_off(struct job *job)
{
	job->broken_off = true;
	if (job->state == JOB_RUNNING) {
		run_kill(job);
		run_kill_dead(job);
	}
	job_end(job, VPSH_ERR_FAILED, 0);
}

static void
take_queued(struct job *job)
{
	struct domain *d = job->domain;
	struct job *next = d->next;

	if (d->holder == NULL)
		job_hold(job);
	else
		job_hold_next(job);
	if (next != NULL)
		break_off(next);
}

/* mark: of the audit log, before we write to it. */
static void
take_job(struct broker *b, const struct journal_job *r, int slot,
    int64_t mark)
{
	struct job *job = fill(b, r, slot);

	if (job == NULL)
		return;
	if (job->seq > b->jobs.last)
		b->jobs.last = job->seq;
	if (job->turn > b->jobs.turns)
		b->jobs.turns = job->turn;
	if (job->number > b->last_job)
		b->last_job = job->number;
	if (job->state == JOB_ASKED)
		take_asked(job, mark);
	else if (job->state == JOB_OVER)
		take_over(job, mark);
	else if ((job->domain = state_of(b, job->name)) == NULL)
		job_drop(job);
	else if (job->state == JOB_QUEUED)
		take_queued(job);
	else if (job->state == JOB_WATCHING && job->domain->watch == NULL)
		job_watch_on(job);
	else if (job->state == JOB_RUNNING && job->domain->holder == NULL)
		job->domain->holder = job;
	else
		job_drop(job);
}

/* It holds its guest, and a destroy waits for it: it was to be ended. */
static bool
is_in_the_way(const struct job *job)
{
	const struct domain *d = job->domain;

	return d->holder == job && (job->broken_off || (d->next != NULL &&
	    d->next->op == WIRE_OP_DESTROY));
}

/* Of those with a worker: that may live on, or have died with the broker. */
static void
take_running(struct broker *b)
{
	struct job *job, *next;

	TAILQ_FOREACH(job, &b->jobs.list, link)
		if (job->state == JOB_RUNNING && job->kind->creates)
			b->jobs.creating++;
	for (job = TAILQ_FIRST(&b->jobs.list); job != NULL; job = next) {
		next = TAILQ_NEXT(job, link);
		if (job->domain == NULL)
			continue;
		if (is_in_the_way(job))
			break_off(job);
		else if (job->state == JOB_RUNNING)
			run_recover(job);
	}
}

/* --- the whole ----------------------------------------------------------- */

static int
by_age(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->job.seq < y->job.seq ? -1 : x->job.seq > y->job.seq;
}

static size_t
find_jobs(struct broker *b, struct found *found)
{
	size_t count = 0;
	int slot;

	for (slot = 0; slot < JOURNAL_JOBS; slot++) {
		found[count].slot = slot;
		if (slots_get(&b->journal.slots, JOURNAL_JOB, slot,
		    &found[count].job))
			count++;
	}
	return count;
}

int
recover_init(struct broker *b)
{
	struct found *found = calloc(JOURNAL_JOBS, sizeof(*found));
	int64_t mark = journal_audit_mark(b);
	size_t count, i;

	if (found == NULL)
		return -1;
	b->last_job = journal_number(b);
	take_domains(b);
	count = find_jobs(b, found);
	/* Who holds a guest was there before who waits for it. */
	qsort(found, count, sizeof(*found), by_age);
	for (i = 0; i < count; i++)
		take_job(b, &found[i].job, found[i].slot, mark);
	free(found);
	if (count > 0)
		log_info("taken up from the journal: %zu jobs", count);
	take_running(b);
	journal_taken_up(b);
	return 0;
}
