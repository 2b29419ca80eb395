/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/broker_world.h"
#include "wire/err.h"

#define GUESTS                                              \
	"plan = \"basic\"; guests = ( { name = \"g1\"; }, " \
	"{ name = \"g2\"; }, { name = \"g3\"; } );\n"

static void
set_up(struct world *w)
{
	world_folder(w);
	world_customer(w, "alice", "uid = 5001;\n" GUESTS);
	assert_int_equal(journal_open(&w->b.journal, w->dir), 0);
	world_start(w);
}

/* The first is killed: nothing of it happens any more but what is written. */
static void
succeed(struct world *next, const struct world *w)
{
	memset(next, 0, sizeof(*next));
	memcpy(next->dir, w->dir, sizeof(next->dir));
	assert_int_equal(journal_open(&next->b.journal, next->dir), 0);
	world_start(next);
}

static struct job *
make(struct world *w, enum wire_op op, const char *guest)
{
	struct domain *d;
	struct job *job;
	char name[80];

	assert_int_equal(text_format(name, sizeof(name), "alice-%s", guest),
	    0);
	d = state_of(&w->b, name);
	job = job_new(&w->b, op, "alice", "alice", guest, d);
	assert_non_null(job);
	return job;
}

static struct job *
same(struct world *w, const struct job *was)
{
	struct job *job = job_by_ref(&w->b, was->ref);

	assert_non_null(job);
	assert_string_equal(job->name, was->name);
	assert_string_equal(job->verb, was->verb);
	assert_string_equal(job->owner, was->owner);
	assert_string_equal(job->guest, was->guest);
	assert_string_equal(job->said, was->said);
	assert_int_equal(job->token, was->token);
	assert_int_equal(job->seq, was->seq);
	assert_true(job->taken_up);
	return job;
}

/* The records of that event in the audit log. */
static int
audited(const struct world *w, const char *event)
{
	char path[256], line[8192], wanted[80];
	FILE *f;
	int n = 0;

	assert_int_equal(text_format(path, sizeof(path), "%s/audit.jsonl",
			     w->dir),
	    0);
	assert_int_equal(text_format(wanted, sizeof(wanted),
			     "\"event\":\"%s\"", event),
	    0);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, wanted) != NULL;
	fclose(f);
	return n;
}

static void
every_job_is_taken_up_as_it_was(void **state)
{
	static struct world w, next;
	struct job *over, *queued, *watching, *running, *job;
	struct wire_msg msg;

	(void)state;
	set_up(&w);
	over = make(&w, WIRE_OP_START, "g1");
	over->token = 41;
	(void)text_copy(over->said, sizeof(over->said), "no disk");
	job_hold(over);
	job_end(over, VPSH_ERR_NO_DISK, 0);
	watching = make(&w, WIRE_OP_SHUTDOWN, "g2");
	watching->wait_s = 60;
	job_watch(watching);
	running = make(&w, WIRE_OP_RESET, "g1");
	job_hold(running);
	run_start(running);
	queued = make(&w, WIRE_OP_START, "g3");
	queued->verb = job_verb("autostart");
	job_hold(queued);

	succeed(&next, &w);
	job = same(&next, over);
	assert_int_equal(job->state, JOB_OVER);
	assert_int_equal(job->err, VPSH_ERR_NO_DISK);
	assert_ptr_equal(job_by_token(&next.b, "alice", 41), job);
	assert_null(job_by_token(&next.b, "bob", 41));
	assert_null(job_by_token(&next.b, "alice", 0));
	assert_non_null(strstr(state_of(&next.b, "alice-g1")->last,
	    over->ref));
	job = same(&next, watching);
	assert_int_equal(job->state, JOB_WATCHING);
	assert_ptr_equal(state_of(&next.b, "alice-g2")->watch, job);
	job = same(&next, queued);
	assert_int_equal(job->state, JOB_QUEUED);
	assert_ptr_equal(state_of(&next.b, "alice-g3")->holder, job);
	job = same(&next, running);
	assert_int_equal(job->state, JOB_RUNNING);
	assert_int_equal(job->of, running->number);
	assert_true(job->number > running->number);
	assert_int_equal(next.b.jobs.creating, 1);
	assert_true(world_expect(&next, WIRE_SPAWN, &msg) > 0);
	assert_int_equal(msg.u.spawn.job, job->number);
	assert_true(make(&next, WIRE_OP_START, "g2")->seq > queued->seq);
	assert_int_equal(audited(&w, "done"), 1);
}

static void
an_end_is_on_record_once_wherever_it_was_killed(void **state)
{
	static const struct {
		enum job_state state;
		int err;
		bool written; /* the record that was about to be */
		int ends;     /* written by those who come after */
	} cases[] = {
		{ JOB_ASKED, VPSH_OK, false, 0 },
		{ JOB_ASKED, VPSH_OK, true, 1 },
		{ JOB_ASKED, VPSH_ERR_BUSY, false, 1 },
		{ JOB_ASKED, VPSH_ERR_BUSY, true, 0 },
		{ JOB_OVER, VPSH_OK, false, 1 },
		{ JOB_OVER, VPSH_OK, true, 0 },
	};
	static struct world w[6], next[6], last[6];
	const struct audit_record r = { .event = "that" };
	struct job *job;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_up(&w[i]);
		job = make(&w[i], WIRE_OP_START, "g1");
		job->state = cases[i].state;
		job->unrecorded = job->state == JOB_OVER;
		job->err = cases[i].err;
		job->ended_ms = clock_ms();
		job->audit_mark = journal_audit_mark(&w[i].b);
		assert_int_equal(journal_job_save(job), 0);
		if (cases[i].written)
			assert_int_equal(audit_write(&w[i].b.audit, &r), 0);
		succeed(&next[i], &w[i]);
		assert_int_equal(job_by_ref(&next[i].b, job->ref) != NULL,
		    job->state == JOB_OVER);
		succeed(&last[i], &next[i]);
		assert_int_equal(audited(&w[i], "that"), cases[i].written);
		assert_int_equal(audited(&w[i], "done"), cases[i].ends);
	}
}

/* While no disk took records several may end and be on none. */
static void
every_end_that_was_kept_from_disk_is_recorded(void **state)
{
	static struct world w, next, last;
	struct job *job;
	int i;

	(void)state;
	set_up(&w);
	for (i = 0; i < 4; i++) {
		job = make(&w, WIRE_OP_START, "g1");
		job->state = JOB_OVER;
		job->unrecorded = true;
		job->ended_ms = clock_ms();
		job->audit_mark = journal_audit_mark(&w.b);
		assert_int_equal(journal_job_save(job), 0);
	}
	succeed(&next, &w);
	assert_int_equal(audited(&w, "done"), 4);
	succeed(&last, &next);
	assert_int_equal(audited(&w, "done"), 4);
}

/* What is forgotten to make room for it is not looked at any more. */
static void
a_lost_autostart_is_made_again_as_old_jobs_expire(void **state)
{
	static struct world w;
	struct job *lost, *old, *again;

	(void)state;
	set_up(&w);
	lost = make(&w, WIRE_OP_START, "g1");
	lost->verb = job_verb("autostart");
	job_hold(lost);
	old = make(&w, WIRE_OP_START, "g2");
	job_end(old, VPSH_ERR_CREATE, 0);
	old->ended_ms -= 16 * 60 * 1000;
	job_end(lost, VPSH_ERR_INTERRUPTED, JOB_NOT_BEGUN | JOB_IS_OFF);
	again = TAILQ_LAST(&w.b.jobs.list, joblist);
	assert_string_equal(again->verb, "autostart");
	assert_ptr_not_equal(again, lost);
	assert_int_not_equal(again->state, JOB_OVER);
}

static void
what_is_counted_of_a_domain_is_taken_up(void **state)
{
	static struct world w, next;
	struct domain *d, *other;
	int64_t since;
	int i;

	(void)state;
	set_up(&w);
	d = state_of(&w.b, "alice-g1");
	for (i = 0; i < 3; i++)
		assert_int_equal(state_domain_rate(&w.b, d, RATE_START, 3), 0);
	d->died = d->looping = true;
	d->buried = 7;
	d->restarts_ms[4] = since = clock_ms();
	journal_domain_save(&w.b, d);
	/* Of one that no policy has any more nothing is kept. */
	other = state_of(&w.b, "nobodys");
	assert_int_equal(state_domain_rate(&w.b, other, RATE_START, 3), 0);

	succeed(&next, &w);
	d = state_of(&next.b, "alice-g1");
	assert_int_not_equal(state_domain_rate(&next.b, d, RATE_START, 3), 0);
	assert_int_equal(state_domain_rate(&next.b, d, RATE_DESTROY, 3), 0);
	assert_true(d->died && d->looping && !d->poweroff && !d->reboots);
	assert_int_equal(d->buried, 7);
	assert_int_equal(d->restarts_ms[4], since);
	other = state_of(&next.b, "nobodys");
	assert_int_equal(other->slot, -1);
	assert_int_equal(other->rates[RATE_START].count, 0);
}

static void
a_full_journal_refuses_new_jobs_and_forgets_old_ones(void **state)
{
	static struct world w;
	struct job *job = NULL;
	int i;

	(void)state;
	set_up(&w);
	for (i = 0; i < JOURNAL_JOBS; i++) {
		job = make(&w, WIRE_OP_START, "g1");
		job->state = JOB_QUEUED;
		assert_int_equal(journal_job_save(job), 0);
	}
	job = make(&w, WIRE_OP_START, "g1");
	assert_int_equal(journal_job_save(job), -1);
	job_drop(job);
	job = TAILQ_FIRST(&w.b.jobs.list);
	job->state = JOB_OVER;
	job = make(&w, WIRE_OP_START, "g1");
	assert_int_equal(journal_job_save(job), 0);
}

/* A broker that was taken over knows the sums: no record may end the next. */
static void
a_hostile_journal_ends_nobody(void **state)
{
	static struct world w, *next[60];
	struct journal_job r, good;
	struct job *job;
	int round, slot, i;

	(void)state;
	set_up(&w);
	job = make(&w, WIRE_OP_SHUTDOWN, "g1");
	job->wait_s = 60;
	job_hold(job);
	assert_true(slots_get(&w.b.journal.slots, JOURNAL_JOB, job->slot,
	    &good));
	for (round = 0; round < 60; round++) {
		for (slot = 0; slot < 30; slot++) {
			unsigned char *bytes = (unsigned char *)&r;

			r = good;
			r.seq = (uint64_t)(1 + rand() % 40);
			r.state = (uint32_t)rand() % JOB_STATES;
			r.op = (uint32_t)rand() % 16;
			r.flags = (uint32_t)rand() % 64;
			r.domain[7] = (char)('1' + rand() % 4);
			for (i = rand() % 4; i > 0; i--)
				bytes[(size_t)rand() % sizeof(r)] =
				    (unsigned char)rand();
			i = slot;
			assert_int_equal(slots_put(&w.b.journal.slots,
			    JOURNAL_JOB, &i, &r), 0);
		}
		/* What is not sane is not read; what is left is believed. */
		next[round] = calloc(1, sizeof(*next[0]));
		assert_non_null(next[round]);
		memcpy(next[round]->dir, w.dir, sizeof(w.dir));
		next[round]->b.journal = w.b.journal;
		world_start(next[round]);
		world_loop(next[round]);
		assert_true(next[round]->b.jobs.count <= 30);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_job_is_taken_up_as_it_was),
		cmocka_unit_test(
		    an_end_is_on_record_once_wherever_it_was_killed),
		cmocka_unit_test(
		    every_end_that_was_kept_from_disk_is_recorded),
		cmocka_unit_test(
		    a_lost_autostart_is_made_again_as_old_jobs_expire),
		cmocka_unit_test(what_is_counted_of_a_domain_is_taken_up),
		cmocka_unit_test(
		    a_full_journal_refuses_new_jobs_and_forgets_old_ones),
		cmocka_unit_test(a_hostile_journal_ends_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
