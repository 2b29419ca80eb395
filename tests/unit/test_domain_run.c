/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/text.h"
#include "domain/run.h"
#include "tests/unit/base_help.h"
#include "wire/err.h"
#include "wire/wire.h"

/*
 * The front of a worker, with the test as the broker.  Nothing here gets as
 * far as Xen: what is asked is refused by the policy of a folder of its own.
 */
static char temp[64];

struct worker {
	pid_t	pid;
	int	fd;
};

static void
put(const char *path, const char *text)
{
	help_file(path, text, 0644);
}

static int
enter(void **state)
{
	(void)state;
	umask(022);
	help_temp_enter(temp);
	mkdir("etc", 0755);
	mkdir("etc/vpsh", 0755);
	mkdir("etc/vpsh/customers", 0755);
	mkdir("etc/vpsh/customers/alice", 0755);
	mkdir("etc/vpsh/customers/bob", 0755);
	mkdir("run", 0755);
	mkdir("run/vpsh", 0755);
	put("etc/vpsh/vpsh.conf", "");
	put("etc/vpsh/customers/alice/policy.conf", "guests = ( { name = "
	    "\"web\"; domain = \"taken\"; allow = [ \"start\" ]; } );\n");
	put("etc/vpsh/customers/bob/policy.conf", "guests = ( { name = "
	    "\"shop\"; domain = \"taken\"; allow = [ \"start\" ]; } );\n");
	return 0;
}

static int
leave(void **state)
{
	(void)state;
	help_temp_leave(temp);
	return 0;
}

static void
start(struct worker *worker)
{
	int pair[2];

	assert_int_equal(fd_pair(pair), 0);
	worker->pid = fork();
	assert_int_not_equal(worker->pid, -1);
	if (worker->pid == 0) {
		close(pair[0]);
		/* What it says to a person is not looked at here. */
		close(STDERR_FILENO);
		_exit(run_main(pair[1], temp));
	}
	close(pair[1]);
	worker->fd = pair[0];
	assert_int_equal(wire_hello_inner(worker->fd, WIRE_ROLE_BROKER,
	    WIRE_ROLE_WORKER), 0);
}

static int
end(struct worker *worker)
{
	int status;

	close(worker->fd);
	assert_int_equal(waitpid(worker->pid, &status, 0), worker->pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The next frame of the worker; 0 when it has closed its end. */
static ssize_t
answer(struct worker *worker, struct wire_msg *msg)
{
	struct pollfd p = { .fd = worker->fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, HELP_DEADLINE_MS), 1);
	return wire_recv(worker->fd, msg, WIRE_WORKER_BROKER, NULL, NULL);
}

static void
assert_result(const char *customer, const char *guest, int err)
{
	struct wire_run run = { .job = 5, .op = WIRE_OP_START, .ref = "K7F3" };
	struct worker worker;
	struct wire_msg msg;

	assert_int_equal(text_copy(run.customer, sizeof(run.customer),
	    customer), 0);
	assert_int_equal(text_copy(run.guest, sizeof(run.guest), guest), 0);
	start(&worker);
	assert_int_equal(wire_send(worker.fd, WIRE_RUN, 0, &run, NULL, 0), 0);
	assert_true(answer(&worker, &msg) > 0);
	assert_int_equal(msg.head.type, WIRE_RESULT);
	assert_int_equal(msg.u.result.job, 5);
	assert_int_equal(msg.u.result.err, err);
	assert_int_equal(answer(&worker, &msg), 0);
	assert_int_equal(end(&worker), 0);
	/* No lock was taken for it, anywhere. */
	assert_int_equal(access("run/vpsh/lock", F_OK), -1);
}

static void
H05_a_worker_knows_only_guests_of_the_policy(void **state)
{
	(void)state;
	assert_result("carol", "web", VPSH_ERR_NO_CUSTOMER);
	assert_result("", "", VPSH_ERR_NO_CUSTOMER);
	assert_result("../../etc", "web", VPSH_ERR_NO_CUSTOMER);
	assert_result("alice", "shop", VPSH_ERR_NO_GUEST);
	assert_result("alice", "Domain-0", VPSH_ERR_NO_GUEST);
	assert_result("alice", "../web", VPSH_ERR_NO_GUEST);
	assert_result("alice", "taken", VPSH_ERR_NO_GUEST);
}

static void
a_domain_that_two_customers_claim_is_left_alone(void **state)
{
	(void)state;
	assert_result("alice", "web", VPSH_ERR_GUEST_CLOSED);
	assert_result("bob", "shop", VPSH_ERR_GUEST_CLOSED);
}

static void
E05_a_policy_that_others_could_write_opens_nothing(void **state)
{
	(void)state;
	assert_int_equal(chmod("etc/vpsh/customers/alice/policy.conf", 0666),
	    0);
	assert_result("alice", "web", VPSH_ERR_POLICY);
}

/* A worker that is sent nonsense ends, and does nothing. */
static void
assert_ends(const void *frame, size_t len)
{
	struct worker worker;
	struct wire_msg msg;

	start(&worker);
	assert_int_equal(fd_send(worker.fd, frame, len, NULL, 0), 0);
	assert_int_equal(answer(&worker, &msg), 0);
	assert_int_equal(end(&worker), 1);
}

static void
E08_a_malformed_request_ends_the_worker(void **state)
{
	struct {
		struct wire_head head;
		struct wire_run	run;
		char		more;
	} frame = { .head = { .type = WIRE_RUN }, .run = { .op =
		WIRE_OP_DESTROY } };
	const size_t size = sizeof(frame.head) + sizeof(frame.run);

	(void)state;
	assert_ends(&frame, 1);
	assert_ends(&frame, sizeof(frame.head));
	assert_ends(&frame, size - 1);
	assert_ends(&frame, size + 1);
	memset(frame.run.guest, 'a', sizeof(frame.run.guest));
	assert_ends(&frame, size);
	memset(frame.run.guest, 0, sizeof(frame.run.guest));
	frame.head.type = WIRE_GO;
	assert_ends(&frame, size);
	frame.head.type = 0xffffffff;
	assert_ends(&frame, size);
}

static void
a_broker_that_says_nothing_and_goes_ends_the_worker(void **state)
{
	struct worker worker;

	(void)state;
	start(&worker);
	assert_int_equal(end(&worker), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    H05_a_worker_knows_only_guests_of_the_policy, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    a_domain_that_two_customers_claim_is_left_alone, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    E05_a_policy_that_others_could_write_opens_nothing, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    E08_a_malformed_request_ends_the_worker, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_broker_that_says_nothing_and_goes_ends_the_worker, enter,
		    leave),
	};

	return cmocka_run_group_tests_name("domain_run", tests, NULL, NULL);
}
