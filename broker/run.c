/* SPDX-License-Identifier: ISC */
#include <event2/event.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/point.h"
#include "broker/broker.h"
#include "broker/operation.h"
#include "wire/err.h"

#define CREATED_MS	2000	/* for the console to have the new pty */
#define PAUSED_MS	3000	/* for the console to have read it empty */
#define YOUNG_MS	3000	/* a console server learns what there is */
#define LEAVE_MS	5000	/* for a worker to end after its result */
#define LOOK_MS		2000	/* for the watcher to see what was done */
#define RECOVER_MS	120000	/* to see to what a dead worker has left */
#define RECOVER_BOOT_MS	420000	/* the same, with a boot in it */
#define RECOVERIES	2	/* of which the first may die, too */

void
run_kill(const struct job *job)
{
	const struct wire_jobid id = { job->number };

	channel_send(job->broker->supervisor, WIRE_KILL, 0, &id, -1);
}

void
run_kill_dead(const struct job *job)
{
	const struct wire_jobid of = { job->of };

	if (job->of != 0 && job->taken_up)
		channel_send(job->broker->supervisor, WIRE_KILL, 0, &of, -1);
}

/* Why the guest goes off, for who is at its console. */
static const char *
ending(const struct job *job)
{
	static const char *const reasons[] = {
		[WIRE_REASON_POWEROFF] = "the guest has shut down",
		[WIRE_REASON_REBOOT] = "the guest is rebooting",
		[WIRE_REASON_CRASH] = "the guest has crashed",
		[WIRE_REASON_WATCHDOG] = "the guest's watchdog has ended it",
	};
	const uint32_t reason = job->domain->now.reason;

	if (job->op == WIRE_OP_DESTROY)
		return "the guest is being switched off";
	if (job->op == WIRE_OP_RESET)
		return "the guest is being reset";
	return job->op == WIRE_OP_DEATH &&
	    reason < sizeof(reasons) / sizeof(reasons[0]) ?
	    reasons[reason] : NULL;
}

static void
mark_ending(const struct job *job)
{
	const char *text = ending(job);

	if (text != NULL)
		viewer_mark(job->broker, job->domain->name, text);
}

static void
run_go(struct job *job)
{
	const struct wire_jobid id = { job->number };

	/* Its console has said all, or all that is waited for. */
	if (job->phase == WIRE_PHASE_PAUSED)
		mark_ending(job);
	job->phase = 0;
	follow_changed(job->broker, job->domain);
	evtimer_del(job->timer);
	channel_send(job->worker, WIRE_GO, 0, &id, -1);
}

static bool
console_is_ready(const struct job *job)
{
	const struct domain *d = job->domain;

	return d->ready_domid == job->at.domid &&
	    memcmp(d->ready_uuid, job->at.uuid, WIRE_UUID) == 0;
}

/*
 * A console server that has just come is soon told of its tty, and one that
 * has just gone is soon back.
 */
static bool
console_is_due(const struct job *job)
{
	const struct broker *b = job->broker;

	if (console_is_ready(job))
		return false;
	if (channel_ready(b->console))
		return clock_ms() - b->health.console_ms < YOUNG_MS;
	return job->taken_up || (b->console_lost_ms != 0 &&
	    clock_ms() - b->console_lost_ms < YOUNG_MS);
}

static void
console_drain(const struct job *job)
{
	if (channel_ready(job->broker->console))
		channel_send(job->broker->console, WIRE_DRAIN, 0,
		    &job->stream, -1);
}

/* The guest stands still until its console listens, or the time is up. */
static bool
run_phase(struct job *job, const struct wire_phase *phase)
{
	struct broker *b = job->broker;

	if (phase->phase == WIRE_PHASE_REQUESTED)
		return job->op == WIRE_OP_SHUTDOWN ||
		    job->op == WIRE_OP_REBOOT;
	if ((phase->phase != WIRE_PHASE_CREATED || !job->kind->creates) &&
	    (phase->phase != WIRE_PHASE_PAUSED ||
	    (!job->kind->stops && job->of == 0)))
		return false;
	job->at = *phase;
	job->phase = phase->phase;
	follow_changed(b, job->domain);
	if ((!channel_ready(b->console) && !console_is_due(job)) ||
	    (job->phase == WIRE_PHASE_CREATED && console_is_ready(job))) {
		run_go(job);
		return true;
	}
	if (job->phase == WIRE_PHASE_PAUSED) {
		/* Its counters go with it: a last look, for the month. */
		(void)state_scan(b);
		console_drain(job);
	}
	job_timer(job, job->phase == WIRE_PHASE_PAUSED ? PAUSED_MS :
	    CREATED_MS);
	return true;
}

static bool
worker_frame(void *arg, const struct wire_msg *msg, int *fd)
{
	struct job *job = arg;

	(void)fd;
	if (msg->head.type == WIRE_HELLO)
		return true;
	if (job->has_result)
		return false;
	if (msg->head.type == WIRE_PHASE)
		return msg->u.phase.job == job->number &&
		    run_phase(job, &msg->u.phase);
	if (msg->head.type != WIRE_RESULT ||
	    msg->u.result.job != job->number || msg->u.result.err > 0 ||
	    msg->u.result.err <= -VPSH_ERR_COUNT)
		return false;
	job->has_result = true;
	job->phase = 0;
	job->err = msg->u.result.err;
	job->value = msg->u.result.number;
	memcpy(job->said, msg->u.result.text, sizeof(job->said));
	if (job->err != VPSH_OK)
		log_warn("%s of %s (%s) failed, ref %s: %s", job->verb,
		    job->domain->name, job->customer, job->ref,
		    msg->u.result.text);
	job_timer(job, LEAVE_MS);
	return true;
}

static void
worker_closed(void *arg, const char *why)
{
	struct job *job = arg;

	channel_free(job->worker);
	job->worker = NULL;
	job->phase = 0;
	if (job->has_result || job->broken_off)
		return;
	log_warn("the worker of job %s: %s", job->ref, why);
	run_kill(job);
}

/*
 * A worker for this job, which is told to do op.  The journal has it first:
 * whoever finds it there without a worker only looks once too often.
 */
static int
run_worker(struct job *job, enum wire_op op, uint32_t lock_s,
    uint32_t deadline_ms)
{
	static const struct channel_ops ops = { .frame = worker_frame,
		.closed = worker_closed };
	struct broker *b = job->broker;
	struct wire_run run = { .job = b->last_job + 1, .op = (uint32_t)op,
		.key = (uint32_t)job->key, .lock_s = lock_s,
		.flags = job->run_flags, .until_ms = job->until_ms };

	job->number = run.job;
	(void)journal_job_save(job);
	if (job->of != 0)
		point("broker-recovering");
	job->worker = broker_spawn(b, WIRE_WORKER_RUN, deadline_ms, &ops, job,
	    &job->number);
	if (job->worker == NULL)
		return -1;
	if (op == WIRE_OP_RECOVER) {
		run.of = job->of;
		run.of_op = (uint32_t)job->op;
	}
	memcpy(run.ref, job->ref, sizeof(run.ref));
	memcpy(run.customer, job->customer, sizeof(run.customer));
	memcpy(run.guest, job->guest, sizeof(run.guest));
	memcpy(run.text, job->text, sizeof(run.text));
	if (op != WIRE_OP_RECOVER && job->domain->present)
		memcpy(run.uuid, job->domain->now.uuid, sizeof(run.uuid));
	channel_send(job->worker, WIRE_RUN, 0, &run, -1);
	point("broker-spawned");
	return 0;
}

/* It waited, without anybody who saw what became of its guest. */
static bool
is_past(const struct job *job)
{
	const struct domain *d = job->domain;

	if ((!job->taken_up && !job->again) || job->op == WIRE_OP_START ||
	    job->op >= WIRE_OP_RECOVER)
		return false;
	if (!d->present)
		return job->op == WIRE_OP_DEATH;
	return job->boot != 0 && job->boot != d->now.boot;
}

void
run_start(struct job *job)
{
	struct broker *b = job->broker;

	if (job->forced && death_obeyed(job))
		return;
	if (!operation_allows(job)) {
		job_end(job, VPSH_ERR_REVOKED, 0);
		return;
	}
	if (is_past(job)) {
		job_end(job, job->op == WIRE_OP_DEATH ? VPSH_OK :
		    VPSH_ERR_BOOT, 0);
		return;
	}
	job->state = JOB_RUNNING;
	job->turn = ++b->jobs.turns;
	job->deadline_ms = clock_boot_ms() + job->kind->deadline_ms;
	if (job->kind->creates)
		b->jobs.creating++;
	if (run_worker(job, job->op, 0, job->kind->deadline_ms) == -1)
		job_end(job, VPSH_ERR_MEMORY_HOST, 0);
}

/*
 * The dead one may be alive: one that lost its broker goes on, and has the
 * guest's lock until it is done or its time is over.
 */
void
run_recover(struct job *job)
{
	int64_t left = (job->deadline_ms - clock_boot_ms()) / 1000;
	int64_t most = job->kind->deadline_ms / 1000;
	uint32_t lock_s = (uint32_t)(left < 1 ? 1 : left < most ? left : most);

	if (job->of == 0)
		job->of = job->number;
	job->has_result = false;
	job->phase = 0;
	evtimer_del(job->timer);
	if (run_worker(job, WIRE_OP_RECOVER, lock_s, lock_s * 1000 +
	    (job->op == WIRE_OP_DEATH ? RECOVER_BOOT_MS : RECOVER_MS)) == -1)
		job_end(job, VPSH_ERR_WORKER, 0);
}

/*
 * Pausing and its end are no event of Xen's, and other events may be on
 * their way yet.  Who hears that it is done and asks for the next thing is
 * to meet the guest as it is.
 */
static void
run_look(struct job *job)
{
	job->serial = state_scan(job->broker);
	job_timer(job, LOOK_MS);
}

static void
run_looked(struct job *job)
{
	job->serial = 0;
	job_end(job, job->err, job->value);
}

bool
run_scanned(struct broker *b, uint32_t serial)
{
	struct job *job;
	bool more;

	/* The end of one may be the beginning or the freeing of others. */
	do {
		more = false;
		TAILQ_FOREACH(job, &b->jobs.list, link) {
			if (job->serial != 0 && job->serial <= serial)
				break;
			more |= job->serial != 0;
		}
		if (job != NULL)
			run_looked(job);
	} while (job != NULL);
	return more;
}

void
run_timer(struct job *job)
{
	if (job->serial != 0)
		run_looked(job);
	else if (job->phase != 0)
		run_go(job);
	else
		run_kill(job);
}

/* It said nothing of how it ended. */
static void
worker_died(struct job *job, const struct wire_gone *gone)
{
	if (job->of == 0 && gone->status == -1) {
		job_end(job, VPSH_ERR_MEMORY_HOST, 0);
		return;
	}
	if (job->recoveries == RECOVERIES) {
		job_end(job, VPSH_ERR_WORKER, 0);
		return;
	}
	job->late |= job->of == 0 && gone->killed != 0;
	job->recoveries++;
	channel_free(job->worker);
	job->worker = NULL;
	log_warn("the worker of %s of %s (%s) died, ref %s: another one sees "
	    "to what it left", job->verb, job->domain->name, job->customer,
	    job->ref);
	run_recover(job);
}

/*
 * Who asked need not ask again, where asking the same boot twice does no
 * harm: a key that is pressed twice may.
 */
static bool
is_to_be_done_again(const struct job *job)
{
	return job->of != 0 && job->err == VPSH_ERR_INTERRUPTED &&
	    (job->value & JOB_NOT_BEGUN) != 0 && !job->again &&
	    job->op < WIRE_OP_RECOVER && job->op != WIRE_OP_DEATH &&
	    job->op != WIRE_OP_SYSRQ;
}

void
run_worker_gone(struct broker *b, const struct wire_gone *gone)
{
	struct job *job;

	TAILQ_FOREACH(job, &b->jobs.list, link)
		if (job->state == JOB_RUNNING && job->number == gone->job &&
		    job->serial == 0)
			break;
	if (job == NULL)
		return;
	point("broker-worker-gone");
	channel_drain(job->worker);
	/* One that had not even begun must not do so now. */
	if (job->has_result)
		run_kill_dead(job);
	if (job->broken_off)
		job_end(job, VPSH_ERR_FAILED, 0);
	else if (!job->has_result)
		worker_died(job, gone);
	else if (job->late && job->err != VPSH_OK)
		job_end(job, VPSH_ERR_TIMEOUT, job->kind->deadline_ms / 1000);
	else if (is_to_be_done_again(job))
		job_hold_again(job);
	else if (job->err == VPSH_OK && job->wait_s != 0 &&
	    job->value != JOB_WAS_SO)
		job_watch(job);
	else if (job->err == VPSH_OK && job->kind->looks &&
	    channel_ready(b->watcher))
		run_look(job);
	else
		job_end(job, job->err, job->value);
}

void
run_console_ready(struct broker *b, const struct wire_pty *pty)
{
	const struct policy_customer *customer = policy_customer(b->policy,
	    pty->customer);
	const struct policy_guest *guest = customer == NULL ? NULL :
	    policy_guest(customer, pty->guest);
	struct domain *d = guest == NULL ? NULL : state_of(b, guest->domain);

	if (d == NULL)
		return;
	memcpy(d->ready_uuid, pty->uuid, sizeof(d->ready_uuid));
	d->ready_domid = pty->domid;
	if (d->holder == NULL || d->holder->phase == 0 ||
	    !console_is_ready(d->holder))
		return;
	if (d->holder->phase == WIRE_PHASE_CREATED)
		run_go(d->holder);
	else
		console_drain(d->holder);
}

void
run_console_drained(struct broker *b, const struct wire_stream *stream)
{
	struct job *job;

	TAILQ_FOREACH(job, &b->jobs.list, link)
		if (job->phase == WIRE_PHASE_PAUSED && !console_is_due(job) &&
		    strcmp(job->stream.customer, stream->customer) == 0 &&
		    strcmp(job->stream.guest, stream->guest) == 0)
			run_go(job);
}

void
run_console_lost(struct broker *b)
{
	struct domain *d;

	TAILQ_FOREACH(d, &b->domains.list, link) {
		memset(d->ready_uuid, 0, sizeof(d->ready_uuid));
		d->ready_domid = 0;
	}
}
