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
#define BLIND_MS	30000	/* for a watcher to come, after a restart */

/* No letter or digit that can be taken for another one. */
static const char ref_alphabet[] = "23456789ABCDEFGHJKMNPQRSTVWXYZ";

void
job_init(struct broker *b)
{
	TAILQ_INIT(&b->jobs.list);
}

struct job *
job_by_ref(const struct broker *b, const char *ref)
{
	struct job *job;

	TAILQ_FOREACH(job, &b->jobs.list, link)
		if (strcmp(job->ref, ref) == 0)
			return job;
	return NULL;
}

struct job *
job_by_token(const struct broker *b, const char *owner, uint64_t token)
{
	struct job *job;

	TAILQ_FOREACH(job, &b->jobs.list, link)
		if (token != 0 && job->token == token &&
		    strcmp(job->owner, owner) == 0)
			return job;
	return NULL;
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
	const struct waiter *w;

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
	journal_job_drop(job);
	event_free(job->timer);
	free(job);
}

void
job_drop(struct job *job)
{
	job_free(job->broker, job);
}

/* Of that owner's, so many are over. */
static size_t
jobs_over(const struct broker *b, const char *owner)
{
	const struct job *job;
	size_t n = 0;

	TAILQ_FOREACH(job, &b->jobs.list, link)
		n += job->state == JOB_OVER && strcmp(job->owner, owner) == 0;
	return n;
}

/* The oldest of whoever has most: nobody crowds out another one's. */
static struct job *
jobs_crowding(const struct broker *b)
{
	struct job *job, *found = NULL;
	size_t n, most = 0;

	TAILQ_FOREACH(job, &b->jobs.list, link) {
		if (job->state != JOB_OVER || (found != NULL &&
		    strcmp(job->owner, found->owner) == 0))
			continue;
		n = jobs_over(b, job->owner);
		if (n > most) {
			found = job;
			most = n;
		}
	}
	return found;
}

static void
jobs_expire(struct broker *b)
{
	struct job *job, *next;

	for (job = TAILQ_FIRST(&b->jobs.list); job != NULL; job = next) {
		next = TAILQ_NEXT(job, link);
		if (job->state == JOB_OVER &&
		    clock_ms() - job->ended_ms > KEEP_MS)
			job_free(b, job);
	}
	while (b->jobs.count > KEEP_MAX && (job = jobs_crowding(b)) != NULL)
		job_free(b, job);
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
			if (other != job && strcmp(other->ref, job->ref) == 0)
				break;
	} while (other != NULL);
	return 0;
}

static void
on_timer(evutil_socket_t socket, short what, void *arg);

struct job *
job_blank(struct broker *b)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL ||
	    (job->timer = evtimer_new(b->base, on_timer, job)) == NULL) {
		free(job);
		return NULL;
	}
	TAILQ_INIT(&job->waiters);
	job->broker = b;
	job->slot = -1;
	TAILQ_INSERT_TAIL(&b->jobs.list, job, link);
	b->jobs.count++;
	return job;
}

struct job *
job_new(struct broker *b, enum wire_op op, const char *owner,
    const char *customer, const char *guest, struct domain *d)
{
	const struct policy_guest *first = policy_by_domain(b->policy,
	    d->name);
	struct job *job;

	jobs_expire(b);
	if (first == NULL || (job = job_blank(b)) == NULL)
		return NULL;
	if (job_name(b, job) == -1) {
		job_drop(job);
		return NULL;
	}
	job->op = op;
	job->kind = job_kind(op);
	job->verb = job->kind->verb;
	job->domain = d;
	job->boot = d->now.boot;
	job->domid = d->now.domid;
	job->seq = ++b->jobs.last;
	job->began_ms = clock_ms();
	(void)text_copy(job->name, sizeof(job->name), d->name);
	(void)text_copy(job->owner, sizeof(job->owner), owner);
	(void)text_copy(job->customer, sizeof(job->customer), customer);
	(void)text_copy(job->guest, sizeof(job->guest), guest);
	(void)text_copy(job->stream.customer, sizeof(job->stream.customer),
	    first->owner);
	(void)text_copy(job->stream.guest, sizeof(job->stream.guest),
	    first->name);
	return job;
}

void
job_hold(struct job *job)
{
	job->domain->holder = job;
	job->state = JOB_QUEUED;
	(void)journal_job_save(job);
	follow_changed(job->broker, job->domain);
}

void
job_hold_next(struct job *job)
{
	job->domain->next = job;
	job->state = JOB_QUEUED;
	(void)journal_job_save(job);
}

void
job_hold_again(struct job *job)
{
	struct broker *b = job->broker;

	if (job->kind->creates)
		b->jobs.creating--;
	job->again = true;
	job->of = 0;
	job->recoveries = 0;
	job->has_result = false;
	job->err = VPSH_OK;
	job->value = 0;
	job->said[0] = '\0';
	evtimer_del(job->timer);
	channel_free(job->worker);
	job->worker = NULL;
	job_hold(job);
	job_pump(b);
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

/* As its owner calls the guest, or as another one of its owners does. */
static void
job_sentence(const struct job *job, const char *guest, char *dst,
    size_t size)
{
	char detail[WIRE_NAME + 16] = "";
	const struct err_args args = { .verb = job->verb, .guest = guest,
		.ref = job->ref, .support = job->broker->policy->support,
		.number = job->value, .detail = detail };
	const long long state = job->value & ~JOB_NOT_BEGUN;

	if (job->broken_off)
		(void)text_copy(detail, sizeof(detail),
		    "destroy broke it off");
	else if (job->err == VPSH_ERR_INTERRUPTED)
		(void)text_format(detail, sizeof(detail), "%s is %s", guest,
		    state == JOB_IS_OFF ? "off" :
		    state == JOB_IS_PAUSED ? "paused" : "running");
	if (job->err != VPSH_OK)
		err_sentence(job->err, &args, dst, size);
	else if (job->value == JOB_WAS_SO && job->kind->already != NULL)
		(void)text_format(dst, size, "%s %s", guest,
		    job->kind->already);
	else if (job->op == WIRE_OP_SYSRQ)
		(void)text_format(dst, size, "sysrq %c was sent to %s.",
		    job->key, guest);
	else
		(void)text_format(dst, size, "%s %s", guest, job->kind->done);
}

static void
job_outcome(const struct job *job, const char *guest,
    struct wire_outcome *out)
{
	memset(out, 0, sizeof(*out));
	out->err = job->err;
	(void)text_copy(out->ref, sizeof(out->ref), job->ref);
	job_sentence(job, guest, out->text, sizeof(out->text));
}

static void
job_answer(struct job *job)
{
	struct wire_outcome out;
	struct waiter *w;

	job_outcome(job, job->guest, &out);
	while ((w = TAILQ_FIRST(&job->waiters)) != NULL) {
		connection_send(w->connection, WIRE_DONE, w->id, &out);
		waiter_free(job, w);
	}
}

/* A countdown is as long as it is; the rest is the workers' time at most. */
static int64_t
job_left_ms(const struct job *job)
{
	int64_t now = clock_boot_ms(), left = 0;

	if (job->state == JOB_OVER)
		return 0;
	if (job->state == JOB_WATCHING)
		left = job->due_ms - now;
	else
		left = (job->state == JOB_RUNNING ? job->deadline_ms - now :
		    job->kind->deadline_ms) + (int64_t)job->wait_s * 1000;
	if (job->force && job->kind->force != 0)
		left += job_kind(job->kind->force)->deadline_ms;
	return left > 0 ? left : 0;
}

void
job_attach(struct job *job, struct connection *c, uint32_t id,
    const char *guest)
{
	struct wire_job answer = { .zero = 0 };
	struct wire_text note = { "" };
	struct wire_outcome out;

	(void)text_copy(answer.ref, sizeof(answer.ref), job->ref);
	answer.deadline_ms = (uint32_t)job_left_ms(job);
	connection_send(c, WIRE_JOB, id, &answer);
	if (job->state == JOB_OVER) {
		job_outcome(job, guest, &out);
		connection_send(c, WIRE_DONE, id, &out);
		return;
	}
	job_wait(job, c, id);
	if (job->state != JOB_WATCHING)
		return;
	(void)text_format(note.text, sizeof(note.text), "%s was asked; "
	    "waiting up to %lld more seconds.", guest,
	    (long long)(job->due_ms - clock_boot_ms() + 999) / 1000);
	connection_send(c, WIRE_NOTE, id, &note);
}

void
job_remember(const struct job *job, struct domain *d)
{
	if (job->err == VPSH_OK || job->err == VPSH_ERR_PAUSED ||
	    job->err == VPSH_ERR_CANCELLED || job->broken_off)
		d->last[0] = '\0';
	else
		job_sentence(job, job->guest, d->last, sizeof(d->last));
	d->last_ms = job->ended_ms;
}

/* Exactly once, whenever we may be killed: see journal_audit_mark(). */
void
job_record(struct job *job)
{
	struct broker *b = job->broker;
	const struct audit_record record = { .event = "done",
		.customer = job->owner, .verb = job->verb,
		.guest = job->guest, .domain = job->name, .ref = job->ref,
		.how = (job->run_flags & WIRE_RUN_DRY) != 0 ? "--dry-run" :
		    NULL,
		.because = job->forced ? "forced: the plug was pulled" : NULL,
		.err = err_name(job->err),
		.ms = job->ended_ms - job->began_ms + 1 };

	job->unrecorded = true;
	job->audit_mark = journal_audit_mark(b);
	(void)journal_job_save(job);
	/* What waits in memory dies with us: a successor writes it then. */
	job->unrecorded = audit_write(&b->audit, &record) == -1;
	(void)journal_job_save(job);
}

/* What a death leaves to know of its domain. */
static void
job_bury(const struct job *job, struct domain *d)
{
	if (job->op != WIRE_OP_DEATH)
		return;
	d->unburied_ms = job->err == VPSH_OK ? 0 : clock_ms();
	/* After a soft reset the same domain lives on. */
	if (job->err == VPSH_OK && d->now.reason != WIRE_REASON_NONE)
		d->buried = job->domid;
	journal_domain_save(job->broker, d);
}

void
job_end(struct job *job, int err, long long value)
{
	struct broker *b = job->broker;
	struct domain *d = job->domain;
	bool creating = job->state == JOB_RUNNING && job->kind->creates;

	job->err = err;
	job->value = value;
	job->ended_ms = clock_ms();
	job->state = JOB_OVER;
	job_bury(job, d);
	job_record(job);
	health_job(b, err);
	point("broker-ended");
	job_remember(job, d);
	job_answer(job);

	evtimer_del(job->timer);
	channel_free(job->worker);
	job->worker = NULL;
	job->phase = 0;
	if (creating)
		b->jobs.creating--;
	job_release(job);
	job->domain = NULL;
	if (job->ended != NULL)
		job->ended(job, job->ended_arg);
	if (err == VPSH_ERR_INTERRUPTED)
		autostart_again(b);
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
		/* How its guest is now is not known yet. */
		if (job->taken_up && !b->domains.known)
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
	if (!job->broker->domains.known || (d->holder != NULL &&
	    d->holder->op == WIRE_OP_DEATH))
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

void
job_watch_on(struct job *job)
{
	int64_t left = job->due_ms - clock_boot_ms();
	int64_t most = (int64_t)job->wait_s * 1000;

	job->domain->watch = job;
	job_timer(job, left < 0 ? 0 : (uint32_t)(left < most ? left : most));
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
	job->state = JOB_WATCHING;
	job->due_ms = clock_boot_ms() + (int64_t)job->wait_s * 1000;
	job->of = 0;
	job->recoveries = 0;
	job->late = false;
	(void)journal_job_save(job);
	channel_free(job->worker);
	job->worker = NULL;
	job_watch_on(job);
	(void)text_format(note, sizeof(note), "%s was asked; waiting up to %u "
	    "seconds.", job->guest, job->wait_s);
	job_note(job, note);
	job_pump(b);
	job_domain_changed(b, d);
}

/* Its time is over, and nothing else holds the guest. */
static void
watch_over(struct job *job)
{
	if (job->force)
		death_force(job);
	else
		job_end(job, job->domain->present ? VPSH_ERR_STILL_UP :
		    VPSH_ERR_NOT_RUNNING, job->wait_s);
}

/* Who took it up may have yet to hear how the guest is. */
static bool
is_blind(const struct job *job)
{
	return job->taken_up && !job->broker->domains.known;
}

static void
on_timer(evutil_socket_t socket, short what, void *arg)
{
	struct job *job = arg;

	(void)socket;
	(void)what;
	if (job->state != JOB_WATCHING) {
		run_timer(job);
	} else if (is_blind(job) && job->due) {
		job_end(job, VPSH_ERR_TIMEOUT, job->wait_s);
	} else if (is_blind(job)) {
		job->due = true;
		job_timer(job, BLIND_MS);
	} else if (job->force) {
		job->due = true;
		job_domain_changed(job->broker, job->domain);
	} else
		watch_over(job);
}

void
job_domain_changed(struct broker *b, struct domain *d)
{
	if (d->watch != NULL)
		watch_check(d->watch);
	if (d->holder == NULL && d->watch != NULL && d->watch->due &&
	    !is_blind(d->watch))
		watch_over(d->watch);
	if (d->holder == NULL)
		death_check(b, d);
}
