/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"
#include "policy/sysrq.h"
#include "wire/err.h"

#define RECOVERIES_MAX	16
#define TRIES_MAX	16

/* --- what may be so ------------------------------------------------------ */

#define IS_STRING(member) (memchr((member), '\0', sizeof(member)) != NULL)

static bool
is_time(int64_t ms)
{
	return ms >= -1 && ms < (int64_t)1 << 53;
}

static bool
times_are_sane(const struct journal_job *j)
{
	return is_time(j->audit_mark) && is_time(j->began_ms) &&
	    is_time(j->ended_ms) && is_time(j->deadline_ms) &&
	    is_time(j->due_ms) && is_time(j->until_ms) &&
	    j->wait_s <= WAIT_MAX_S;
}

static bool
state_is_sane(const struct journal_job *j)
{
	bool asks = j->op == WIRE_OP_SHUTDOWN || j->op == WIRE_OP_REBOOT;

	return j->state < JOB_STATES && j->seq != 0 &&
	    job_kind((enum wire_op)j->op) != NULL &&
	    (asks || j->state != JOB_WATCHING) && j->err <= 0 &&
	    j->err > -VPSH_ERR_COUNT && j->value >= INT32_MIN &&
	    j->value <= INT32_MAX &&
	    (j->key == 0 || sysrq_right(j->key) != RIGHT_NONE) &&
	    j->recoveries <= RECOVERIES_MAX &&
	    j->number < UINT64_MAX / 2 && j->seq < UINT64_MAX / 2 &&
	    j->turn < UINT64_MAX / 2;
}

static bool
job_is_sane(const void *record)
{
	const struct journal_job *j = record;

	return times_are_sane(j) && state_is_sane(j) &&
	    IS_STRING(j->ref) && IS_STRING(j->verb) &&
	    IS_STRING(j->owner) && IS_STRING(j->customer) &&
	    IS_STRING(j->guest) && IS_STRING(j->domain) &&
	    IS_STRING(j->text) && IS_STRING(j->said) &&
	    text_is_domain(j->ref) && text_is_name(j->owner) &&
	    text_is_name(j->customer) && text_is_name(j->guest) &&
	    text_is_domain(j->domain) && job_verb(j->verb) != NULL;
}

static bool
domain_is_sane(const void *record)
{
	const struct journal_domain *d = record;
	size_t i;

	for (i = 0; i < RATE_CLASSES; i++)
		if (d->rates[i].count < 0 || !is_time(d->rates[i].since_ms))
			return false;
	for (i = 0; i < STATE_RESTARTS; i++)
		if (!is_time(d->restarts_ms[i]))
			return false;
	return is_time(d->unburied_ms) && IS_STRING(d->domain) &&
	    text_is_domain(d->domain);
}

static bool
number_is_sane(const void *record)
{
	const struct journal_number *n = record;

	return n->last_job < UINT64_MAX / 2 && n->tries <= TRIES_MAX;
}

static const struct slots_table tables[SLOTS_TABLES] = {
	[JOURNAL_JOB] = { JOURNAL_JOBS, sizeof(struct journal_job),
	    job_is_sane },
	[JOURNAL_DOMAIN] = { JOURNAL_DOMAINS, sizeof(struct journal_domain),
	    domain_is_sane },
	[JOURNAL_NUMBER] = { 1, sizeof(struct journal_number),
	    number_is_sane },
};

int
journal_open(struct journal *journal, const char *dir)
{
	struct journal_number r = { 0 };

	memset(journal, 0, sizeof(*journal));
	if (slots_open(&journal->slots, tables, JOURNAL_VERSION, dir,
	    JOURNAL_NAME) == -1)
		return -1;
	(void)slots_get(&journal->slots, JOURNAL_NUMBER, journal->number, &r);
	if (dir != NULL && r.tries == TRIES_MAX) {
		slots_put_aside(dir, JOURNAL_NAME, "could not be taken up");
		slots_close(&journal->slots);
		return journal_open(journal, dir);
	}
	journal->tries = ++r.tries;
	return slots_put(&journal->slots, JOURNAL_NUMBER, &journal->number,
	    &r);
}

/* --- jobs ---------------------------------------------------------------- */

static uint32_t
flags_of(const struct job *job)
{
	return (job->force ? JOURNAL_FORCE : 0) |
	    (job->forced ? JOURNAL_FORCED : 0) |
	    (job->broken_off ? JOURNAL_BROKEN_OFF : 0) |
	    (job->late ? JOURNAL_LATE : 0) |
	    (job->again ? JOURNAL_AGAIN : 0) |
	    (job->unrecorded ? JOURNAL_UNRECORDED : 0);
}

int
journal_job_save(struct job *job)
{
	struct journal *journal = &job->broker->journal;
	struct journal_job r = { .token = job->token, .seq = job->seq,
		.boot = job->boot, .turn = job->turn, .number = job->number,
		.of = job->of, .audit_mark = job->audit_mark,
		.began_ms = job->began_ms, .ended_ms = job->ended_ms,
		.deadline_ms = job->deadline_ms, .due_ms = job->due_ms,
		.until_ms = job->until_ms, .value = job->value,
		.state = (uint32_t)job->state, .op = (uint32_t)job->op,
		.domid = job->domid, .key = (unsigned char)job->key,
		.wait_s = job->wait_s, .run_flags = job->run_flags,
		.recoveries = job->recoveries, .flags = flags_of(job),
		.err = job->err };

	memcpy(r.ref, job->ref, sizeof(r.ref));
	memcpy(r.owner, job->owner, sizeof(r.owner));
	memcpy(r.customer, job->customer, sizeof(r.customer));
	memcpy(r.guest, job->guest, sizeof(r.guest));
	memcpy(r.domain, job->name, sizeof(r.domain));
	memcpy(r.text, job->text, sizeof(r.text));
	memcpy(r.said, job->said, sizeof(r.said));
	(void)text_copy(r.verb, sizeof(r.verb), job->verb);
	return slots_put(&journal->slots, JOURNAL_JOB, &job->slot, &r);
}

void
journal_job_drop(struct job *job)
{
	slots_drop(&job->broker->journal.slots, JOURNAL_JOB, &job->slot);
}

/* --- domains ------------------------------------------------------------- */

void
journal_domain_save(struct broker *b, struct domain *d)
{
	struct journal_domain r = { .unburied_ms = d->unburied_ms,
		.buried = d->buried };

	r.flags = (d->died ? JOURNAL_DIED : 0) |
	    (d->poweroff ? JOURNAL_POWEROFF : 0) |
	    (d->reboots ? JOURNAL_REBOOTS : 0) |
	    (d->looping ? JOURNAL_LOOPING : 0);
	memcpy(r.restarts_ms, d->restarts_ms, sizeof(r.restarts_ms));
	memcpy(r.rates, d->rates, sizeof(r.rates));
	memcpy(r.domain, d->name, sizeof(r.domain));
	if (slots_put(&b->journal.slots, JOURNAL_DOMAIN, &d->slot, &r) == 0 ||
	    b->journal.full)
		return;
	b->journal.full = true;
	log_warn("more than %d guests: what is counted of some of them is "
	    "forgotten when we end", JOURNAL_DOMAINS);
}

void
journal_domain_drop(struct broker *b, struct domain *d)
{
	slots_drop(&b->journal.slots, JOURNAL_DOMAIN, &d->slot);
}

/* --- the rest ------------------------------------------------------------ */

void
journal_number_save(struct broker *b)
{
	const struct journal_number r = { b->last_job, b->journal.tries };

	(void)slots_put(&b->journal.slots, JOURNAL_NUMBER,
	    &b->journal.number, &r);
}

void
journal_taken_up(struct broker *b)
{
	b->journal.tries = 0;
	journal_number_save(b);
}

uint64_t
journal_number(const struct broker *b)
{
	struct journal_number r;

	return slots_get(&b->journal.slots, JOURNAL_NUMBER,
	    b->journal.number, &r) ?
	    r.last_job : 0;
}

int64_t
journal_audit_mark(const struct broker *b)
{
	return audit_mark(&b->audit);
}
