/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "shell/client.h"
#include "shell/signals.h"
#include "tests/unit/shell_help.h"

/* Less than a person is told to wait. */
#define SHORT_MS 300

static const struct wire_empty empty = { 0 };
static const struct wire_look look = { .flags = 0 };
static struct help_broker broker;
static struct client client;

static void
start(void)
{
	help_broker_start(&broker);
	assert_int_equal(client_init(&client, broker.path, "192.0.2.7"), 0);
}

static void
stop(void)
{
	client_close(&client);
	help_broker_stop(&broker);
	memset(&broker, 0, sizeof(broker));
}

static int
ask_who(void)
{
	struct wire_msg msg;
	int err, fd;

	err = client_ask(&client, WIRE_WHOAMI, &empty, WIRE_WHO, &msg, &fd);
	assert_int_equal(fd, -1);
	if (err == 0)
		assert_string_equal(msg.u.who.customer, "alice");
	return err;
}

static void
it_connects_when_first_asked_and_again_when_hung_up(void **state)
{
	(void)state;
	start();
	assert_int_equal(client.fd, -1);
	assert_int_equal(ask_who(), 0);
	assert_int_equal(ask_who(), 0);
	client_close(&client);
	assert_int_equal(ask_who(), 0);
	assert_true(strlen(client.build) > 0);
	stop();
}

static void
an_answer_that_never_comes_is_an_error_and_not_a_hang(void **state)
{
	(void)state;
	broker.hang_up = true;
	start();
	assert_int_equal(ask_who(), VPSH_ERR_SERVICE);
	assert_int_equal(client.fd, -1);
	assert_false(client.over);
	stop();
}

static void
a_service_that_is_not_there_is_waited_for_so_long_only(void **state)
{
	int64_t begin = clock_ms();

	(void)state;
	assert_int_equal(client_init(&client, "/tmp/vpsh-shell-no/broker", ""),
	    0);
	assert_int_equal(client_connect(&client, SHORT_MS), VPSH_ERR_SERVICE);
	assert_true(clock_ms() - begin >= SHORT_MS);
	assert_true(clock_ms() - begin < SHORT_MS + 5000);
	broker.mute = true;
	start();
	begin = clock_ms();
	assert_int_equal(client_connect(&client, SHORT_MS), VPSH_ERR_SERVICE);
	assert_true(clock_ms() - begin >= SHORT_MS);
	assert_true(clock_ms() - begin < SHORT_MS + 5000);
	assert_int_equal(client.fd, -1);
	stop();
}

static void
another_version_of_the_protocol_is_not_spoken(void **state)
{
	(void)state;
	broker.version = WIRE_VERSION + 1;
	start();
	assert_int_equal(client_connect(&client, SHORT_MS), VPSH_ERR_VERSION);
	assert_int_equal(client.fd, -1);
	stop();
}

static void
A19_a_goodbye_is_told_and_the_session_is_over(void **state)
{
	(void)state;
	broker.bye.err = VPSH_ERR_POLICY;
	text_copy(broker.bye.text, sizeof(broker.bye.text), "suspended");
	start();
	assert_int_equal(ask_who(), VPSH_ERR_POLICY);
	assert_true(client.over);
	assert_int_equal(client.fd, -1);
	assert_string_equal(client.said.text, "suspended");
	stop();
}

static void
a_service_that_restarts_is_come_back_to(void **state)
{
	(void)state;
	broker.bye.err = VPSH_ERR_SERVICE;
	start();
	assert_int_equal(ask_who(), VPSH_ERR_SERVICE);
	assert_false(client.over);
	stop();
}

static void
another_answer_than_asked_for_ends_the_connection(void **state)
{
	struct wire_msg msg;
	int fd;

	(void)state;
	start();
	assert_int_equal(client_ask(&client, WIRE_LIST, &look, WIRE_WHO, &msg,
			     &fd),
	    VPSH_ERR_VERSION);
	assert_int_equal(client.fd, -1);
	stop();
}

/* Read until the broker has nothing more to say about this request. */
static void
read_until_done(void)
{
	struct wire_msg msg;
	int fd;

	do {
		assert_int_equal(client_recv(&client, &msg, &fd,
				     clock_ms() + 10000),
		    0);
	} while (msg.head.type != WIRE_DONE);
}

static void
the_end_of_a_job_that_was_left_alone_is_kept(void **state)
{
	struct wire_power power = { .guest = "web" };

	(void)state;
	start();
	assert_int_equal(client_send(&client, WIRE_START, &power), 0);
	assert_int_equal(help_seen(&broker).head.type, WIRE_START);
	/* Nobody waits for it; its frames come before the next answer. */
	assert_int_equal(ask_who(), 0);
	assert_int_equal(client.nlate, 1);
	assert_string_equal(client.late[0].ref, "K7F3");
	assert_string_equal(client.late[0].text, "It is done.");
	assert_int_equal(client_send(&client, WIRE_START, &power), 0);
	read_until_done();
	assert_int_equal(client.nlate, 1);
	stop();
}

static void
kept_ends_are_bounded(void **state)
{
	struct wire_power power = { .guest = "web" };
	int i;

	(void)state;
	start();
	for (i = 0; i < CLIENT_LATE_MAX * 3; i++) {
		assert_int_equal(client_send(&client, WIRE_START, &power), 0);
		assert_int_equal(ask_who(), 0);
	}
	assert_int_equal(client.nlate, CLIENT_LATE_MAX);
	stop();
}

static void
a_question_is_asked_again_when_the_service_died_over_it(void **state)
{
	(void)state;
	broker.deaths = CLIENT_TRIES - 1;
	start();
	assert_int_equal(ask_who(), 0);
	assert_int_equal(client.generation, CLIENT_TRIES);
	stop();
}

static void
the_version_before_gets_the_frames_it_knows(void **state)
{
	struct wire_power power = { .guest = "web", .token = 77 };

	(void)state;
	start();
	assert_int_equal(client_send(&client, WIRE_START, &power), 0);
	assert_int_equal(client.version, WIRE_VERSION);
	assert_int_equal(help_seen(&broker).u.power.token, 77);
	stop();
	broker.version = 2;
	start();
	assert_int_equal(client_send(&client, WIRE_START, &power), 0);
	assert_int_equal(client.version, 2);
	assert_int_equal(help_seen(&broker).u.power.token, 0);
	stop();
}

static void
a_new_broker_is_asked_for_the_jobs_that_were_left_alone(void **state)
{
	struct wire_msg msg;

	(void)state;
	start();
	assert_int_equal(ask_who(), 0);
	assert_int_equal(help_seen(&broker).head.type, WIRE_WHOAMI);
	client_leave(&client, "K7F3");
	client_close(&client);
	assert_int_equal(ask_who(), 0);
	msg = help_seen(&broker);
	assert_int_equal(msg.head.type, WIRE_FIND);
	assert_string_equal(msg.u.ref.ref, "K7F3");
	assert_int_equal(help_seen(&broker).head.type, WIRE_WHOAMI);
	assert_int_equal(client.nlate, 1);
	assert_string_equal(client.late[0].ref, "K7F3");
	/* Once is enough. */
	client_close(&client);
	assert_int_equal(ask_who(), 0);
	assert_int_equal(help_seen(&broker).head.type, WIRE_WHOAMI);
	assert_int_equal(client.nlate, 1);
	stop();
}

static void
a_job_that_nobody_knows_any_more_is_not_asked_for_for_ever(void **state)
{
	(void)state;
	broker.forgets = true;
	start();
	client_leave(&client, "K7F3");
	assert_int_equal(ask_who(), 0);
	assert_int_equal(help_seen(&broker).head.type, WIRE_FIND);
	assert_int_equal(help_seen(&broker).head.type, WIRE_WHOAMI);
	client_close(&client);
	assert_int_equal(ask_who(), 0);
	assert_int_equal(help_seen(&broker).head.type, WIRE_WHOAMI);
	assert_int_equal(client.nlate, 0);
	stop();
}

static void
a_path_that_is_too_long_is_refused(void **state)
{
	char path[200];

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(client_init(&client, path, ""), -1);
}

static int
setup(void **state)
{
	(void)state;
	signals_init();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    it_connects_when_first_asked_and_again_when_hung_up),
		cmocka_unit_test(
		    an_answer_that_never_comes_is_an_error_and_not_a_hang),
		cmocka_unit_test(
		    a_service_that_is_not_there_is_waited_for_so_long_only),
		cmocka_unit_test(another_version_of_the_protocol_is_not_spoken),
		cmocka_unit_test(A19_a_goodbye_is_told_and_the_session_is_over),
		cmocka_unit_test(a_service_that_restarts_is_come_back_to),
		cmocka_unit_test(
		    another_answer_than_asked_for_ends_the_connection),
		cmocka_unit_test(the_end_of_a_job_that_was_left_alone_is_kept),
		cmocka_unit_test(kept_ends_are_bounded),
		cmocka_unit_test(
		    a_question_is_asked_again_when_the_service_died_over_it),
		cmocka_unit_test(the_version_before_gets_the_frames_it_knows),
		cmocka_unit_test(
		    a_new_broker_is_asked_for_the_jobs_that_were_left_alone),
		cmocka_unit_test(
		    a_job_that_nobody_knows_any_more_is_not_asked_for_for_ever),
		cmocka_unit_test(a_path_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
