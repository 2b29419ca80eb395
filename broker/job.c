/* SPDX-License-Identifier: ISC */
#include <sys/random.h>

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "broker/broker.h"
#include "wire/err.h"

#define KEEP_MS		(15 * 60 * 1000)
#define KEEP_MAX	1024
#define CREATES_MAX	2	/* libxl serialises nothing between two */
#define REF_LEN		4
#define WAS_SO		1	/* a worker's number: there was nothing to do */

/* No letter or digit that can be taken for another one. */
static const char ref_alphabet[] = "23456789ABCDEFGHJKMNPQRSTVWXYZ";

static const struct job_kind kinds[] = {
	[WIRE_OP_START] = { .verb = "start", .rate = RATE_START,
	    .creates = true, .looks = true, .deadline_ms = 300000,
	    .done = "is running.", .already = "is running already." },
	[WIRE_OP_SHUTDOWN] = { .verb = "shutdown", .rate = RATE_SHUTDOWN,
	    .stops = true, .deadline_ms = 90000, .wait_s = 60,
	    .force = WIRE_OP_DESTROY, .done = "is off.",
	    .already = "is off already." },
	[WIRE_OP_REBOOT] = { .verb = "reboot", .rate = RATE_REBOOT,
	    .deadline_ms = 90000, .wait_s = 90, .force = WIRE_OP_RESET,
	    .done = "has rebooted." },
	[WIRE_OP_RESET] = { .verb = "reset", .rate = RATE_RESET,
	    .creates = true, .stops = true, .looks = true,
	    .deadline_ms = 420000, .done = "was switched off and on again." },
	[WIRE_OP_DESTROY] = { .verb = "destroy", .rate = RATE_DESTROY,
	    .stops = true, .looks = true, .deadline_ms = 120000,
	    .done = "is off. Its disk is kept.",
	    .already = "is off already." },
	[WIRE_OP_DEATH] = { .verb = "restart", .rate = RATE_START,
	    .creates = true, .stops = true, .looks = true,
	    .deadline_ms = 420000, .done = "was cleaned up after." },
	[WIRE_OP_PAUSE] = { .verb = "pause", .rate = RATE_PAUSE,
	    .looks = true, .deadline_ms = 30000, .done = "is paused.",
	    .already = "is paused already." },
	[WIRE_OP_UNPAUSE] = { .verb = "unpause", .rate = RATE_UNPAUSE,
	    .looks = true, .deadline_ms = 30000, .done = "runs on.",
	    .already = "is running already." },
	[WIRE_OP_SYSRQ] = { .verb = "sysrq", .rate = RATE_SYSRQ,
	    .deadline_ms = 30000 },
};

void
job_init(struct broker *b)
{
	TAILQ_INIT(&b->jobs.list);
}

const struct job_kind *
job_kind(enum wire_op op)
{
	return &kinds[op];
}

void
job_describe(const struct job *job, char *dst, size_t size)
{
	(void)text_format(dst, size, "%s is under way, ref %s",
	    job->verb, job->ref);
}

void
job_describe_waiting(const struct broker *b, const struct connection *c,
    struct wire_session *out)
{
	const struct waiter *w;
	const struct job *job;

	TAILQ_FOREACH(job, &b->jobs.list, link)
		TAILQ_FOREACH(w, &job->waiters, link) {
			if (w->connection != c)
				continue;
			(void)text_copy(out->job_verb, sizeof(out->job_verb),
			    job->verb);
			memcpy(out->job_guest, job->guest,
			    sizeof(out->job_guest));
		}
}

void
job_timer(struct job *job, uint32_t ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	evtimer_add(job->timer, &tv);
}

/* --- who waits ----------------------------------------------------------- */

void
job_wait(struct job *job, struct connection *c, uint32_t id)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return;
	w->connection = c;
	w->id = id;
	TAILQ_INSERT_TAIL(&job->waiters, w, link);
	connection_pending(c, 1);
}

static void
waiter_free(struct job *job, struct waiter *w)
{
	TAILQ_REMOVE(&job->waiters, w, link);
	connection_pending(w->connection, -1);
	free(w);
}

void
job_forget_connection(struct broker *b, const struct connection *c)
{
	struct waiter *w, *next;
	struct job *job;

	TAILQ_FOREACH(job, &b->jobs.list, link)
		for (w = TAILQ_FIRST(&job->waiters); w != NULL; w = next) {
			next = TAILQ_NEXT(w, link);
			if (w->connection == c)
				waiter_free(job, w);
		}
}

void
job_note(const struct job *job, const char *text)
{
	struct wire_text note = { "" };
	struct waiter *w;

	(void)text_copy(note.text, sizeof(note.text), text);
	TAILQ_FOREACH(w, &job->waiters, link)
		connection_send(w->connection, WIRE_NOTE, w->id, &note);
}

/* --- making and ending --------------------------------------------------- */

static void
job_free(struct broker *b, struct job *job)
{
	TAILQ_REMOVE(&b->jobs.list, job, link);
	b->jobs.count--;
	event_free(job->timer);
	free(job);
}

static void
jobs_expire(struct broker *b)
{
	struct job *job, *next;

	for (job = TAILQ_FIRST(&b->jobs.list); job != NULL; job = next) {
		next = TAILQ_NEXT(job, link);
		if (job->state == JOB_OVER && (b->jobs.count > KEEP_MAX ||
		    clock_ms() - job->ended_ms > KEEP_MS))
			job_free(b, job);
	}
}

/* As random as it is: customers should not count each other's jobs. */
static int
job_name(const struct broker *b, struct job *job)
{
	const struct job *other;
	uint8_t random[REF_LEN];
	size_t i;

	do {
		i = 0;
		while (i < REF_LEN) {
			if (getrandom(random, 1, 0) != 1)
				return -1;
			/* 240 is a multiple of 30: every letter alike. */
			if (random[0] < 240)
				job->ref[i++] = ref_alphabet[random[0] % 30];
		}
		TAILQ_FOREACH(other, &b->jobs.list, link)
			if (strcmp(other->ref, job->ref) == 0)
				break;
	} while (other != NULL);
	return 0;
}

static void
on_timer(evutil_socket_t socket, short what, void *arg);

struct job *
job_new(struct broker *b, enum wire_op op, const char *owner,
    const char *customer, const char *guest, struct domain *d)
{
	const struct policy_guest *first = policy_by_domain(b->policy,
	    d->name);
	struct job *job;

	jobs_expire(b);
	job = calloc(1, sizeof(*job));
	if (job == NULL || first == NULL || job_name(b, job) == -1 ||
	    (job->timer = evtimer_new(b->base, on_timer, job)) == NULL) {
		free(job);
		return NULL;
	}
	TAILQ_INIT(&job->waiters);
	job->broker = b;
	job->op = op;
	job->kind = &kinds[op];
	job->verb = job->kind->verb;
	job->domain = d;
	job->boot = d->now.boot;
	job->domid = d->now.domid;
	job->began_ms = clock_ms();
	(void)text_copy(job->owner, sizeof(job->owner), owner);
	(void)text_copy(job->customer, sizeof(job->customer), customer);
	(void)text_copy(job->guest, sizeof(job->guest), guest);
	(void)text_copy(job->stream.customer, sizeof(job->stream.customer),
	    first->owner);
	(void)text_copy(job->stream.guest, sizeof(job->stream.guest),
	    first->name);
	TAILQ_INSERT_TAIL(&b->jobs.list, job, link);
	b->jobs.count++;
	return job;
}

void
job_hold(struct job *job)
{
	job->domain->holder = job;
	job->state = JOB_QUEUED;
	follow_changed(job->broker, job->domain);
}

static void
job_release(struct job *job)
{
	struct domain *d = job->domain;

	follow_changed(job->broker, d);
	if (d->holder == job) {
		d->holder = d->next;
		d->next = NULL;
	}
	if (d->next == job)
		d->next = NULL;
	if (d->watch == job)
		d->watch = NULL;
}

static void
job_answer(struct job *job, int err, const char *sentence)
{
	struct wire_outcome out = { .err = err };
	struct waiter *w;

	(void)text_copy(out.ref, sizeof(out.ref), job->ref);
	(void)text_copy(out.text, sizeof(out.text), sentence);
	while ((w = TAILQ_FIRST(&job->waiters)) != NULL) {
		connection_send(w->connection, WIRE_DONE, w->id, &out);
		waiter_free(job, w);
	}
}

static void
job_sentence(const struct job *job, int err, long long value, char *dst,
    size_t size)
{
	const struct err_args args = { .verb = job->verb,
		.guest = job->guest, .ref = job->ref,
		.support = job->broker->policy->support, .number = value,
		.detail = job->broken_off ? "destroy broke it off" : NULL };

	if (err != VPSH_OK)
		err_sentence(err, &args, dst, size);
	else if (value == WAS_SO && job->kind->already != NULL)
		(void)text_format(dst, size, "%s %s", job->guest,
		    job->kind->already);
	else if (job->op == WIRE_OP_SYSRQ)
		(void)text_format(dst, size, "sysrq %c was sent to %s.",
		    job->key, job->guest);
	else
		(void)text_format(dst, size, "%s %s", job->guest,
		    job->kind->done);
}

void
job_end(struct job *job, int err, long long value)
{
	struct broker *b = job->broker;
	struct domain *d = job->domain;
	const struct audit_record record = { .event = "done",
		.customer = job->owner, .verb = job->verb,
		.guest = job->guest, .domain = d->name, .ref = job->ref,
		.because = job->forced ? "forced: the plug was pulled" : NULL,
		.err = err_name(err), .ms = clock_ms() - job->began_ms + 1 };
	char sentence[WIRE_TEXT];

	job_sentence(job, err, value, sentence, sizeof(sentence));
	(void)text_copy(d->last, sizeof(d->last), err == VPSH_OK ||
	    err == VPSH_ERR_PAUSED || job->broken_off ? "" : sentence);
	d->last_ms = clock_ms();
	audit_write(&b->audit, &record);
	point("broker-ended");
	job_answer(job, err, sentence);

	evtimer_del(job->timer);
	channel_free(job->worker);
	job->worker = NULL;
	if (job->state == JOB_RUNNING && job->kind->creates)
		b->jobs.creating--;
	job->state = JOB_OVER;
	job->err = err;
	job->ended_ms = clock_ms();
	job_release(job);
	job->domain = NULL;
	if (job->op == WIRE_OP_DEATH)
		d->unburied_ms = err == VPSH_OK ? 0 : clock_ms();
	/* After a soft reset the same domain lives on. */
	if (job->op == WIRE_OP_DEATH && err == VPSH_OK &&
	    d->now.reason != WIRE_REASON_NONE)
		d->buried = job->domid;
	job_pump(b);
	job_domain_changed(b, d);
}

/* When that owner last had a turn; 0: not within memory. */
static uint64_t
last_turn(const struct broker *b, const char *owner)
{
	const struct job *job;
	uint64_t turn = 0;

	TAILQ_FOREACH(job, &b->jobs.list, link)
		if (job->turn > turn && strcmp(job->owner, owner) == 0)
			turn = job->turn;
	return turn;
}

/* Next is whose last turn is longest ago; among one's own, the oldest. */
static struct job *
job_next(const struct broker *b)
{
	struct job *job, *best = NULL;
	uint64_t turn, best_turn = 0;

	TAILQ_FOREACH(job, &b->jobs.list, link) {
		if (job->state != JOB_QUEUED || job->domain->holder != job)
			continue;
		if (!job->kind->creates)
			return job;
		if (b->jobs.creating >= CREATES_MAX)
			continue;
		turn = last_turn(b, job->owner);
		if (best == NULL || turn < best_turn) {
			best = job;
			best_turn = turn;
		}
	}
	return best;
}

void
job_pump(struct broker *b)
{
	struct job *job;

	while ((job = job_next(b)) != NULL)
		run_start(job);
}

/* --- watching ------------------------------------------------------------ */

static void
watch_check(struct job *job)
{
	const struct domain *d = job->domain;
	bool reboot = job->op == WIRE_OP_REBOOT;

	/* "reboot && shutdown" must not meet the restart's last moments. */
	if (d->holder != NULL && d->holder->op == WIRE_OP_DEATH)
		return;
	/* One that is kept, or that another tool left, is as good as off. */
	if (!d->present || (d->now.reason == WIRE_REASON_POWEROFF &&
	    (d->now.domid == d->buried || d->now.ours == 0))) {
		if (!reboot)
			job_end(job, VPSH_OK, 0);
	} else if (d->now.boot != job->boot &&
	    d->now.reason == WIRE_REASON_NONE)
		job_end(job, reboot ? VPSH_OK : VPSH_ERR_BOOT, 0);
}

/* The guest was asked; from here on the job holds nothing. */
void
job_watch(struct job *job)
{
	struct broker *b = job->broker;
	struct domain *d = job->domain;
	char note[WIRE_TEXT];

	if (d->watch != NULL)
		job_end(d->watch, VPSH_ERR_BUSY, 0);
	job_release(job);
	d->watch = job;
	job->state = JOB_WATCHING;
	channel_free(job->worker);
	job->worker = NULL;
	(void)text_format(note, sizeof(note), "%s was asked; waiting up to %u "
	    "seconds.", job->guest, job->wait_s);
	job_note(job, note);
	job_timer(job, job->wait_s * 1000);
	job_pump(b);
	job_domain_changed(b, d);
}

static void
on_timer(evutil_socket_t socket, short what, void *arg)
{
	struct job *job = arg;

	(void)socket;
	(void)what;
	if (job->state == JOB_WATCHING && job->force) {
		job->due = true;
		job_domain_changed(job->broker, job->domain);
	} else if (job->state == JOB_WATCHING)
		job_end(job, job->domain->present ? VPSH_ERR_STILL_UP :
		    VPSH_ERR_NOT_RUNNING, job->wait_s);
	else
		run_timer(job);
}

void
job_domain_changed(struct broker *b, struct domain *d)
{
	if (d->watch != NULL)
		watch_check(d->watch);
	if (d->holder == NULL && d->watch != NULL && d->watch->due)
		death_force(d->watch);
	if (d->holder == NULL)
		death_check(b, d);
}
