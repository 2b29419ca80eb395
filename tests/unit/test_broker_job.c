/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/broker_world.h"
#include "wire/err.h"

#define GUESTS                                              \
	"plan = \"basic\"; guests = ( { name = \"g1\"; }, " \
	"{ name = \"g2\"; }, { name = \"g3\"; }, { name = \"g4\"; } );\n"

static void
set_up(struct world *w)
{
	world_folder(w);
	world_customer(w, "alice", "uid = 5001;\n" GUESTS);
	world_customer(w, "bob", "uid = 5002;\n" GUESTS);
	world_customer(w, "carol", "uid = 5003;\n" GUESTS);
	world_start(w);
}

static struct job *
queue(struct world *w, enum wire_op op, const char *customer, const char *guest)
{
	struct domain *d;
	struct job *job;
	char name[80];

	assert_int_equal(text_format(name, sizeof(name), "%s-%s", customer,
			     guest),
	    0);
	d = state_of(&w->b, name);
	assert_non_null(d);
	assert_null(d->holder);
	job = job_new(&w->b, op, customer, customer, guest, d);
	assert_non_null(job);
	job_hold(job);
	return job;
}

static int ends[64]; /* of the workers' sockets, by number */

/* Which domain the next worker is for. */
static void
expect_worker(struct world *w, const char *customer, const char *guest,
    uint64_t *job)
{
	struct wire_msg msg;
	int fd;

	do {
		fd = world_expect(w, WIRE_SPAWN, &msg);
		assert_true(fd > 0);
	} while (msg.u.spawn.worker != WIRE_WORKER_RUN);
	*job = msg.u.spawn.job;
	assert_true(wire_recv(fd, &msg, WIRE_BROKER_WORKER, NULL, NULL) > 0);
	assert_int_equal(msg.head.type, WIRE_HELLO);
	assert_true(wire_recv(fd, &msg, WIRE_BROKER_WORKER, NULL, NULL) > 0);
	assert_int_equal(msg.head.type, WIRE_RUN);
	assert_string_equal(msg.u.run.customer, customer);
	assert_string_equal(msg.u.run.guest, guest);
	assert_int_equal(msg.u.run.job, *job);
	ends[*job % 64] = fd;
}

static void
say(int fd, uint32_t type, const void *body)
{
	assert_int_equal(wire_send(fd, type, 0, body, NULL, 0), 0);
}

/* It says how it went, and ends as the supervisor would tell. */
static void
end_worker(struct world *w, uint64_t job)
{
	const struct wire_gone gone = { job, 0, 0 };
	const struct wire_result result = { .job = job,
		.err = VPSH_ERR_CREATE };
	struct wire_hello hello;

	wire_hello(&hello, WIRE_ROLE_WORKER, NULL);
	say(ends[job % 64], WIRE_HELLO, &hello);
	say(ends[job % 64], WIRE_RESULT, &result);
	world_loop(w);
	say(w->supervisor, WIRE_WORKER_GONE, &gone);
	world_loop(w);
}

static void
refs_are_four_unmistakable_characters_and_unique(void **state)
{
	static struct world w;
	static char seen[500][WIRE_REF];
	struct job *job;
	size_t i, j;

	(void)state;
	set_up(&w);
	for (i = 0; i < 500; i++) {
		job = job_new(&w.b, WIRE_OP_START, "alice", "alice", "g1",
		    state_of(&w.b, "alice-g1"));
		assert_non_null(job);
		assert_int_equal(strlen(job->ref), 4);
		assert_int_equal(strspn(job->ref,
				     "23456789ABCDEFGHJKMNPQRSTVWXYZ"),
		    4);
		for (j = 0; j < i; j++)
			assert_string_not_equal(seen[j], job->ref);
		memcpy(seen[i], job->ref, WIRE_REF);
	}
}

static void
creates_are_two_at_a_time_and_customers_take_turns(void **state)
{
	static struct world w;
	uint64_t first, second, third;

	(void)state;
	set_up(&w);
	queue(&w, WIRE_OP_START, "alice", "g1");
	queue(&w, WIRE_OP_START, "alice", "g2");
	queue(&w, WIRE_OP_START, "alice", "g3");
	queue(&w, WIRE_OP_RESET, "bob", "g1");
	queue(&w, WIRE_OP_START, "bob", "g2");
	queue(&w, WIRE_OP_START, "carol", "g1");
	job_pump(&w.b);
	expect_worker(&w, "alice", "g1", &first);
	expect_worker(&w, "bob", "g1", &second);
	assert_int_equal(w.b.jobs.creating, 2);
	end_worker(&w, first);
	expect_worker(&w, "carol", "g1", &third);
	end_worker(&w, second);
	expect_worker(&w, "alice", "g2", &first);
	end_worker(&w, third);
	expect_worker(&w, "bob", "g2", &second);
	end_worker(&w, second);
	expect_worker(&w, "alice", "g3", &second);
	end_worker(&w, first);
	end_worker(&w, second);
	assert_int_equal(w.b.jobs.creating, 0);
}

static void
what_creates_nothing_does_not_queue(void **state)
{
	static struct world w;
	uint64_t job;

	(void)state;
	set_up(&w);
	queue(&w, WIRE_OP_START, "alice", "g1");
	queue(&w, WIRE_OP_START, "alice", "g2");
	job_pump(&w.b);
	expect_worker(&w, "alice", "g1", &job);
	expect_worker(&w, "alice", "g2", &job);
	queue(&w, WIRE_OP_DESTROY, "alice", "g3");
	queue(&w, WIRE_OP_SHUTDOWN, "alice", "g4");
	job_pump(&w.b);
	expect_worker(&w, "alice", "g3", &job);
	expect_worker(&w, "alice", "g4", &job);
}

static void
an_ended_job_holds_nothing_and_is_kept(void **state)
{
	static struct world w;
	const struct wire_gone other = { 12345, 0, 0 };
	struct wire_gone gone = { 0 };
	struct job *job;
	uint64_t number;

	(void)state;
	set_up(&w);
	job = queue(&w, WIRE_OP_START, "alice", "g1");
	job_pump(&w.b);
	expect_worker(&w, "alice", "g1", &number);
	gone.job = number;
	assert_ptr_equal(state_of(&w.b, "alice-g1")->holder, job);
	end_worker(&w, number);
	assert_null(state_of(&w.b, "alice-g1")->holder);
	assert_int_equal(job->state, JOB_OVER);
	assert_int_equal(job->err, VPSH_ERR_CREATE);
	assert_ptr_equal(TAILQ_FIRST(&w.b.jobs.list), job);
	/* The end of somebody else's worker is nothing to it. */
	say(w.supervisor, WIRE_WORKER_GONE, &gone);
	say(w.supervisor, WIRE_WORKER_GONE, &other);
	world_loop(&w);
	assert_int_equal(job->err, VPSH_ERR_CREATE);
}

static void
ended_jobs_do_not_pile_up(void **state)
{
	static struct world w;
	struct domain *d;
	int i;

	(void)state;
	set_up(&w);
	d = state_of(&w.b, "alice-g1");
	for (i = 0; i < 3000; i++)
		job_end(job_new(&w.b, WIRE_OP_START, "alice", "alice", "g1", d),
		    VPSH_ERR_CREATE, 0);
	assert_true(w.b.jobs.count <= 1100);
}

static void
nobody_crowds_out_the_results_of_others(void **state)
{
	static struct world w;
	struct domain *d, *other;
	char refs[3][WIRE_REF];
	struct job *job;
	int i;

	(void)state;
	set_up(&w);
	d = state_of(&w.b, "alice-g1");
	other = state_of(&w.b, "bob-g1");
	for (i = 0; i < 3; i++) {
		job = job_new(&w.b, WIRE_OP_START, "bob", "bob", "g1", other);
		memcpy(refs[i], job->ref, sizeof(refs[i]));
		job_end(job, VPSH_ERR_CREATE, 0);
	}
	for (i = 0; i < 1500; i++) {
		job = job_new(&w.b, WIRE_OP_START, "alice", "alice", "g1", d);
		job_end(job, VPSH_ERR_CREATE, 0);
	}
	for (i = 0; i < 3; i++)
		assert_non_null(job_by_ref(&w.b, refs[i]));
}

static void
E17_rates_count_per_class(void **state)
{
	static struct world w;
	struct domain *d;
	int i, left;

	(void)state;
	set_up(&w);
	d = state_of(&w.b, "alice-g1");
	for (i = 0; i < 5; i++)
		assert_int_equal(state_rate(&d->rates[RATE_START], 5), 0);
	left = state_rate(&d->rates[RATE_START], 5);
	assert_in_range(left, 1, 60);
	/* H14: what one loops on does not lock them out of the rest. */
	for (i = 0; i < RATE_CLASSES; i++)
		if (i != RATE_START)
			assert_int_equal(state_rate(&d->rates[i], 5), 0);
	d = state_of(&w.b, "alice-g2");
	assert_int_equal(state_rate(&d->rates[RATE_START], 5), 0);
}

static void
domains_that_no_policy_claims_any_more_are_forgotten(void **state)
{
	static struct world w;
	struct domain *d;
	size_t count = 0;

	(void)state;
	set_up(&w);
	queue(&w, WIRE_OP_START, "carol", "g2");
	assert_non_null(state_of(&w.b, "carol-g1"));
	assert_non_null(state_of(&w.b, "alice-g1"));
	world_customer(&w, "carol", "plan = \"basic\"; guests = ();\n");
	policy_free(w.b.policy);
	w.b.policy = policy_load(w.dir, NULL);
	assert_non_null(w.b.policy);
	state_prune(&w.b);
	TAILQ_FOREACH(d, &w.b.domains.list, link) {
		assert_string_not_equal(d->name, "carol-g1");
		count++;
	}
	/* alice's, and the one that a job holds. */
	assert_int_equal(count, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    refs_are_four_unmistakable_characters_and_unique),
		cmocka_unit_test(
		    creates_are_two_at_a_time_and_customers_take_turns),
		cmocka_unit_test(what_creates_nothing_does_not_queue),
		cmocka_unit_test(an_ended_job_holds_nothing_and_is_kept),
		cmocka_unit_test(ended_jobs_do_not_pile_up),
		cmocka_unit_test(nobody_crowds_out_the_results_of_others),
		cmocka_unit_test(E17_rates_count_per_class),
		cmocka_unit_test(
		    domains_that_no_policy_claims_any_more_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
