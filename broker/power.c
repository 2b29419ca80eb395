/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "broker/broker.h"
#include "broker/operation.h"
#include "wire/err.h"

#define WAIT_MAX_S	600

/* Nothing to do is success, too. */
static bool
already_so(const struct request *r, enum wire_op op, const struct domain *d)
{
	struct wire_outcome out = { .err = VPSH_OK };
	const struct audit_record record = { .event = "done",
		.customer = r->customer->name, .verb = job_kind(op)->verb,
		.guest = r->guest->name, .domain = d->name,
		.err = err_name(VPSH_OK) };
	bool up = d->present && (d->now.state == WIRE_STATE_RUNNING ||
	    d->now.state == WIRE_STATE_PAUSED);

	if (job_kind(op)->already == NULL || d->holder != NULL ||
	    (op == WIRE_OP_START ? !up : d->present))
		return false;
	(void)text_format(out.text, sizeof(out.text), "%s %s", r->guest->name,
	    job_kind(op)->already);
	connection_send(r->connection, WIRE_DONE, r->msg->head.id, &out);
	audit_write(&r->broker->audit, &record);
	return true;
}

/* May it be done to this domain at all, as things are? */
static int
check_domain(struct request *r, enum wire_op op, const struct domain *d)
{
	const struct wire_power *power = &r->msg->u.power;
	bool boots = op == WIRE_OP_START || op == WIRE_OP_RESET ||
	    op == WIRE_OP_REBOOT;

	if ((op == WIRE_OP_DESTROY || op == WIRE_OP_RESET) &&
	    (power->flags & WIRE_POWER_CONFIRMED) == 0)
		return VPSH_ERR_CONFIRM;
	if (!channel_ready(r->broker->watcher) || !r->broker->domains.known)
		return VPSH_ERR_HOST;
	if (power->boot != 0 && power->boot != d->now.boot)
		return VPSH_ERR_BOOT;
	if (boots && (d->suspended || d->now.state == WIRE_STATE_SAVED))
		return VPSH_ERR_ELSEWHERE;
	if ((op == WIRE_OP_REBOOT || op == WIRE_OP_RESET) && !d->present)
		return VPSH_ERR_NOT_RUNNING;
	return VPSH_OK;
}

/* One holder per guest; only a destroy does not wait for it. */
static int
check_holder(struct request *r, enum wire_op op, const struct domain *d)
{
	const struct job *holder = d->next != NULL ? d->next : d->holder;

	if (holder == NULL ||
	    (op == WIRE_OP_DESTROY && holder->op != WIRE_OP_DESTROY))
		return VPSH_OK;
	job_describe(holder, r->detail, sizeof(r->detail));
	r->args.detail = r->detail;
	return VPSH_ERR_BUSY;
}

static void
power_begin(struct job *job)
{
	struct domain *d = job->domain;
	struct job *holder = d->holder;

	if (job->op == WIRE_OP_DESTROY && d->watch != NULL)
		job_note(d->watch, "destroy was asked for meanwhile.");
	if (holder == NULL)
		d->holder = job;
	else {
		d->next = job;
		holder->broken_off = true;
		if (holder->state == JOB_RUNNING)
			run_kill(holder);
		else
			job_end(holder, VPSH_ERR_FAILED, 0);
	}
	job_pump(job->broker);
	if (job->state == JOB_QUEUED && job->kind->creates)
		job_note(job, "Waiting: other guests of this host are being "
		    "started.");
}

int
power_request(struct request *r, enum wire_op op)
{
	const struct wire_power *power = &r->msg->u.power;
	struct broker *b = r->broker;
	struct domain *d = state_of(b, r->guest->domain);
	struct wire_job answer = { .zero = 0 };
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
	    r->customer->limits.power);
	if (r->args.number != 0)
		return VPSH_ERR_RATE;
	job = job_new(b, op, r->customer->name, r->customer->name,
	    r->guest->name, d);
	if (job == NULL)
		return VPSH_ERR_MEMORY_HOST;
	if (job_kind(op)->wait_s != 0)
		job->wait_s = power->wait_s == 0 ? job_kind(op)->wait_s :
		    power->wait_s > WAIT_MAX_S ? WAIT_MAX_S : power->wait_s;
	job_wait(job, r->connection, r->msg->head.id);
	(void)text_copy(answer.ref, sizeof(answer.ref), job->ref);
	answer.deadline_ms = job->kind->deadline_ms + job->wait_s * 1000;
	connection_send(r->connection, WIRE_JOB, r->msg->head.id, &answer);
	power_begin(job);
	return VPSH_OK;
}
