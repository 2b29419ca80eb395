/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/point.h"
#include "base/text.h"
#include "broker/broker.h"
#include "broker/operation.h"
#include "wire/err.h"

#define WAIT_MAX_S	600
#define SYSRQ_MORE	5

static bool
is_running(const struct domain *d)
{
	return d->present && d->now.state == WIRE_STATE_RUNNING;
}

static bool
has_what_it_wants(enum wire_op op, const struct domain *d)
{
	return op == WIRE_OP_START ? is_running(d) : !d->present;
}

/* Nothing to do is success, too. */
static bool
already_so(const struct request *r, enum wire_op op, const struct domain *d)
{
	struct wire_outcome out = { .err = VPSH_OK };
	const struct audit_record record = { .event = "done",
		.customer = r->customer->name, .verb = job_kind(op)->verb,
		.guest = r->guest->name, .domain = d->name,
		.err = err_name(VPSH_OK) };

	/* Xen tells nobody of a pause: only a worker knows for sure. */
	if (job_kind(op)->already == NULL || d->holder != NULL ||
	    op == WIRE_OP_PAUSE || op == WIRE_OP_UNPAUSE ||
	    !has_what_it_wants(op, d))
		return false;
	(void)text_format(out.text, sizeof(out.text), "%s %s", r->guest->name,
	    job_kind(op)->already);
	connection_send(r->connection, WIRE_DONE, r->msg->head.id, &out);
	audit_write(&r->broker->audit, &record);
	return true;
}

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
	if (boots && (d->suspended || d->now.state == WIRE_STATE_SAVED))
		return VPSH_ERR_ELSEWHERE;
	if (needs_present(op) && !d->present && d->holder == NULL)
		return VPSH_ERR_NOT_RUNNING;
	return VPSH_OK;
}

/*
 * One holder per guest.  A destroy does not wait for it, and a start waits
 * while we tidy up after the last boot: nobody asked for that.
 */
static int
check_holder(struct request *r, enum wire_op op, const struct domain *d)
{
	const struct job *holder = d->next != NULL ? d->next : d->holder;

	if (holder == NULL ||
	    (op == WIRE_OP_DESTROY && holder->op != WIRE_OP_DESTROY) ||
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
	if (job->state == JOB_RUNNING)
		run_kill(job);
	else
		job_end(job, VPSH_ERR_FAILED, 0);
}

static void
power_begin(struct job *job)
{
	struct domain *d = job->domain;
	struct job *holder = d->holder;

	if (job->op == WIRE_OP_DESTROY && d->watch != NULL)
		job_note(d->watch, "destroy was asked for meanwhile.");
	if (job->op == WIRE_OP_DESTROY && d->next != NULL)
		break_off(d->next);
	if (holder == NULL)
		job_hold(job);
	else
		d->next = job;
	if (job->op == WIRE_OP_DESTROY && holder != NULL)
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

static struct job *
power_job(const struct request *r, enum wire_op op, struct domain *d)
{
	const struct wire_power *power = &r->msg->u.power;
	struct job *job = job_new(r->broker, op, r->customer->name,
	    r->customer->name, r->guest->name, d);

	if (job == NULL)
		return NULL;
	if (op == WIRE_OP_SYSRQ)
		job->key = (char)r->msg->u.sysrq.key;
	if (job->kind->wait_s == 0)
		return job;
	job->wait_s = power->wait_s == 0 ? job->kind->wait_s :
	    power->wait_s > WAIT_MAX_S ? WAIT_MAX_S : power->wait_s;
	job->force = (power->flags & WIRE_POWER_FORCE) != 0;
	return job;
}

static void
power_accept(const struct request *r, struct job *job)
{
	struct wire_job answer = { .zero = 0 };

	job_wait(job, r->connection, r->msg->head.id);
	(void)text_copy(answer.ref, sizeof(answer.ref), job->ref);
	answer.deadline_ms = job->kind->deadline_ms + job->wait_s * 1000;
	if (job->force)
		answer.deadline_ms += job_kind(job->kind->force)->deadline_ms;
	connection_send(r->connection, WIRE_JOB, r->msg->head.id, &answer);
}

int
power_request(struct request *r, enum wire_op op)
{
	struct domain *d = state_of(r->broker, r->guest->domain);
	struct job *job;
	int err;

	if (d == NULL)
		return VPSH_ERR_MEMORY_HOST;
	if ((err = check_domain(r, op, d)) != VPSH_OK)
		return err;
	if (already_so(r, op, d))
		return VPSH_OK;
	if ((err = check_holder(r, op, d)) != VPSH_OK)
		return err;
	r->args.number = state_rate(&d->rates[job_kind(op)->rate],
	    allowance(r, op));
	if (r->args.number != 0)
		return VPSH_ERR_RATE;
	job = power_job(r, op, d);
	if (job == NULL)
		return VPSH_ERR_MEMORY_HOST;
	if (op == WIRE_OP_START || op == WIRE_OP_RESET)
		state_restart_reset(d);
	point("broker-made");
	power_accept(r, job);
	power_begin(job);
	return VPSH_OK;
}
