/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/point.h"
#include "base/text.h"
#include "broker/broker.h"
#include "broker/operation.h"
#include "policy/sysrq.h"
#include "wire/err.h"

#define SYSRQ_MORE	5

/* Operations on what is there. */
static bool
needs_present(enum wire_op op)
{
	return op == WIRE_OP_REBOOT || op == WIRE_OP_RESET ||
	    op == WIRE_OP_PAUSE || op == WIRE_OP_UNPAUSE ||
	    op == WIRE_OP_SYSRQ;
}

/* May it be done to this domain at all, as things are? */
static int
check_domain(struct request *r, enum wire_op op, const struct domain *d)
{
	const struct wire_power *power = &r->msg->u.power;
	uint64_t boot = op == WIRE_OP_SYSRQ ? r->msg->u.sysrq.boot :
	    power->boot;
	bool boots = op == WIRE_OP_START || op == WIRE_OP_RESET ||
	    op == WIRE_OP_REBOOT;

	if ((op == WIRE_OP_DESTROY || op == WIRE_OP_RESET) &&
	    (power->flags & WIRE_POWER_CONFIRMED) == 0)
		return VPSH_ERR_CONFIRM;
	if (!channel_ready(r->broker->watcher) || !r->broker->domains.known)
		return VPSH_ERR_HOST;
	if (boot != 0 && boot != d->now.boot)
		return VPSH_ERR_BOOT;
	if (boots && state_held(d, r->detail, sizeof(r->detail))) {
		r->args.detail = r->detail;
		return VPSH_ERR_HELD;
	}
	if (boots && (d->suspended || d->now.state == WIRE_STATE_SAVED))
		return VPSH_ERR_ELSEWHERE;
	if (needs_present(op) && !d->present && d->holder == NULL)
		return VPSH_ERR_NOT_RUNNING;
	return VPSH_OK;
}

/*
 * One holder per guest.  A destroy does not wait for it unless it is the
 * operator's, and a start waits while we tidy up after the last boot: nobody
 * asked for that.
 */
static int
check_holder(struct request *r, enum wire_op op, const struct domain *d)
{
	const struct job *holder = d->next != NULL ? d->next : d->holder;

	if (holder == NULL ||
	    (op == WIRE_OP_DESTROY && holder->op != WIRE_OP_DESTROY &&
	    holder->op < WIRE_OP_ADOPT) ||
	    (op == WIRE_OP_START && holder->op == WIRE_OP_DEATH))
		return VPSH_OK;
	job_describe(holder, r->detail, sizeof(r->detail));
	r->args.detail = r->detail;
	return VPSH_ERR_BUSY;
}

static void
break_off(struct job *job)
{
	job->broken_off = true;
	(void)journal_job_save(job);
	if (job->state == JOB_RUNNING) {
		run_kill(job);
		run_kill_dead(job);
	} else
		job_end(job, VPSH_ERR_FAILED, 0);
}

/* What is in its way is broken off by a destroy, and awaited by others. */
static void
power_begin(struct job *job, struct job *holder, struct job *next)
{
	struct domain *d = job->domain;
	bool destroy = job->op == WIRE_OP_DESTROY;

	if (destroy && d->watch != NULL)
		job_note(d->watch, "destroy was asked for meanwhile.");
	if (destroy && next != NULL)
		break_off(next);
	if (destroy && holder != NULL)
		break_off(holder);
	job_pump(job->broker);
	if (job->state == JOB_QUEUED && job->kind->creates)
		job_note(job, d->holder != job ?
		    "Waiting: its last boot is being cleaned up." :
		    "Waiting: other guests of this host are being started.");
}

/* Of so many a minute; more keys than one make a sysrq of use. */
static int
allowance(const struct request *r, enum wire_op op)
{
	return r->customer->limits.power *
	    (op == WIRE_OP_SYSRQ ? SYSRQ_MORE : 1);
}

static bool
is_sysrq(const struct request *r)
{
	return r->msg->head.type == WIRE_SYSRQ;
}

static uint64_t
token_of(const struct request *r)
{
	return is_sysrq(r) ? r->msg->u.sysrq.token : r->msg->u.power.token;
}

bool
power_again(struct request *r)
{
	struct job *job = job_by_token(r->broker, r->customer->name,
	    token_of(r));

	if (job == NULL || strcmp(job->verb, r->operation->name) != 0 ||
	    strcmp(job->guest, r->guest->name) != 0)
		return false;
	job_attach(job, r->connection, r->msg->head.id, job->guest);
	return true;
}

static void
fill(struct job *job, const struct request *r)
{
	const struct wire_power *power = &r->msg->u.power;

	job->token = token_of(r);
	if (is_sysrq(r) && sysrq_right(r->msg->u.sysrq.key) != RIGHT_NONE)
		job->key = (char)r->msg->u.sysrq.key;
	if (job->kind->wait_s == 0)
		return;
	job->wait_s = power->wait_s == 0 ? job->kind->wait_s :
	    power->wait_s > WAIT_MAX_S ? WAIT_MAX_S : power->wait_s;
	job->force = (power->flags & WIRE_POWER_FORCE) != 0;
}

void
power_prepare(struct request *r)
{
	enum wire_op op = job_op(r->operation->name);
	struct domain *d = state_of(r->broker, r->guest->domain);

	if (d == NULL)
		return;
	r->job = job_new(r->broker, op, r->customer->name, r->customer->name,
	    r->guest->name, d);
	if (r->job == NULL)
		return;
	fill(r->job, r);
	r->job->audit_mark = journal_audit_mark(r->broker);
	if (journal_job_save(r->job) == -1) {
		job_drop(r->job);
		r->job = NULL;
	}
	point("broker-journalled");
}

void
power_refuse(struct job *job, int err)
{
	job->err = err;
	job->audit_mark = journal_audit_mark(job->broker);
	(void)journal_job_save(job);
}

int
power_request(struct request *r)
{
	struct job *job = r->job, *holder, *next;
	struct domain *d;
	int err;

	if (job == NULL)
		return VPSH_ERR_MEMORY_HOST;
	d = job->domain;
	if ((err = check_domain(r, job->op, d)) != VPSH_OK ||
	    (err = check_holder(r, job->op, d)) != VPSH_OK)
		return err;
	r->args.number = state_domain_rate(r->broker, d, job->kind->rate,
	    allowance(r, job->op));
	if (r->args.number != 0)
		return VPSH_ERR_RATE;
	if (job->op == WIRE_OP_START || job->op == WIRE_OP_RESET)
		state_restart_reset(r->broker, d);
	r->job = NULL;
	point("broker-made");
	holder = d->holder;
	next = d->next;
	if (holder == NULL)
		job_hold(job);
	else
		job_hold_next(job);
	/* What its client is told is so, whoever dies now. */
	job_attach(job, r->connection, r->msg->head.id, job->guest);
	power_begin(job, holder, next);
	return VPSH_OK;
}
