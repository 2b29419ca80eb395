/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"
#include "shell/track.h"

static struct client client;
static struct track track;
static struct wire_power body;
static int broker;

static int
setup(void **state)
{
	int fds[2];

	(void)state;
	memset(&client, 0, sizeof(client));
	memset(&track, 0, sizeof(track));
	memset(&body, 0, sizeof(body));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == -1)
		return -1;
	client.fd = fds[0];
	broker = fds[1];
	client.version = CLIENT_PREFS;
	text_copy(body.guest, sizeof(body.guest), "web");
	track.type = WIRE_START;
	track.body = &body;
	track.again = track_token(&body.token);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	client_close(&client);
	close(broker);
	return 0;
}

static struct wire_msg
sent(void)
{
	struct wire_msg msg;

	assert_true(wire_recv(broker, &msg, WIRE_CLIENT_BROKER, NULL, NULL) >
	    0);
	return msg;
}

static struct wire_msg
begin(void)
{
	assert_int_equal(client_post(&client, track.type, track.body), 0);
	track_begin(&track, &client);
	return sent();
}

static enum track_news
take_job(const char *ref)
{
	struct wire_msg msg = { .head = { WIRE_JOB, track.id } };

	text_copy(msg.u.job.ref, sizeof(msg.u.job.ref), ref);
	msg.u.job.deadline_ms = 60000;
	return track_take(&track, &msg);
}

static enum track_news
take_note(const char *text)
{
	struct wire_msg msg = { .head = { WIRE_NOTE, track.id } };

	text_copy(msg.u.text.text, sizeof(msg.u.text.text), text);
	return track_take(&track, &msg);
}

static void
before_a_reference_the_very_same_is_said_again(void **state)
{
	struct wire_msg first = begin(), again;

	(void)state;
	assert_true(track_may_return(&track));
	track_return(&track, &client);
	again = sent();
	assert_int_equal(again.head.type, WIRE_START);
	assert_int_equal(again.u.power.token, first.u.power.token);
	assert_int_not_equal(again.u.power.token, 0);
	assert_int_equal(track.id, again.head.id);
}

static void
after_it_only_the_reference_is_asked_for(void **state)
{
	struct wire_msg again;

	(void)state;
	(void)begin();
	assert_int_equal(take_job("K7F3"), TRACK_JOB);
	assert_true(track.deadline > clock_ms() + 60000);
	assert_true(track_may_return(&track));
	track_return(&track, &client);
	again = sent();
	assert_int_equal(again.head.type, WIRE_FIND);
	assert_string_equal(again.u.ref.ref, "K7F3");
}

static void
what_could_be_done_twice_is_not_said_again(void **state)
{
	(void)state;
	track.again = false;
	(void)begin();
	assert_false(track_may_return(&track));
	/* Nor to a service that knows nothing of tokens. */
	track.again = true;
	track.version = CLIENT_TOKENS - 1;
	assert_false(track_may_return(&track));
}

static void
a_request_that_ends_the_service_each_time_is_given_up(void **state)
{
	int times = 0;

	(void)state;
	(void)begin();
	while (track_may_return(&track) && times < 1000)
		times++;
	assert_in_range(times, 2, 100);
}

static void
who_looks_at_the_console_often_still_hears_how_it_ends(void **state)
{
	int times;

	(void)state;
	(void)begin();
	assert_int_equal(take_job("K7F3"), TRACK_JOB);
	/* It is asked for again each time that the menu is there again. */
	for (times = 0; times < 100; times++) {
		assert_true(track_may_return(&track));
		track_return(&track, &client);
		(void)sent();
		assert_int_equal(take_job("K7F3"), TRACK_JOB);
	}
}

static void
a_note_is_news_once_after_a_restart(void **state)
{
	(void)state;
	(void)begin();
	assert_int_equal(take_job("K7F3"), TRACK_JOB);
	assert_int_equal(take_note("one"), TRACK_NOTE);
	assert_true(track_may_return(&track));
	assert_int_equal(take_note("one"), TRACK_NOTHING);
	assert_int_equal(take_note("two"), TRACK_NOTE);
	assert_string_equal(track.notes[track.nnotes - 1], "two");
}

static void
what_is_no_answer_to_it_is_wrong(void **state)
{
	struct wire_msg msg = { .head = { WIRE_WHO, 1 } };

	(void)state;
	(void)begin();
	assert_int_equal(track_take(&track, &msg), TRACK_WRONG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(before_a_reference_the_very_same_is_said_again),
		TEST(after_it_only_the_reference_is_asked_for),
		TEST(what_could_be_done_twice_is_not_said_again),
		TEST(a_request_that_ends_the_service_each_time_is_given_up),
		TEST(who_looks_at_the_console_often_still_hears_how_it_ends),
		TEST(a_note_is_news_once_after_a_restart),
		TEST(what_is_no_answer_to_it_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
