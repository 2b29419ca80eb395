/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/menu_rig.h"
#include "wire/err.h"

static struct menu_job job;

/* It is under way since now. */
static void
begin(const char *verb, enum menu_do what, int64_t seconds)
{
	menu_push(rig_menu, MENU_PLACE_JOB, "web", what);
	memset(&job, 0, sizeof(job));
	(void)text_copy(job.guest, sizeof(job.guest), "web");
	(void)text_copy(job.verb, sizeof(job.verb), verb);
	(void)text_copy(job.ref, sizeof(job.ref), "K7F3");
	(void)text_copy(job.text, sizeof(job.text), "web was asked.");
	job.began_ms = rig_now;
	job.deadline_ms = seconds < 0 ? -1 : rig_now + seconds * 1000;
	menu_job(rig_menu, &job);
	rig_draw();
}

static void
end(int err, const char *text)
{
	job.over = true;
	job.err = err;
	(void)text_copy(job.text, sizeof(job.text), text);
	menu_job(rig_menu, &job);
	rig_draw();
}

static void
a_shutdown_counts_down_by_itself(void **state)
{
	(void)state;
	rig_open(80, 24);
	begin("shutdown", MENU_DO_SHUTDOWN, 90);
	rig_shows("Shutting down web for 0:00");
	rig_shows("web was asked.");
	rig_shows("web has 1:30 left");
	rig_shows("Ref K7F3");
	assert_in_range(rig_next, rig_now + 1, rig_now + 1000);
	rig_pass(31000);
	rig_shows("for 0:31");
	rig_shows("web has 0:59 left");
	rig_pass(60000);
	rig_shows("Its time is over.");
}

static void
what_has_no_countdown_shows_none(void **state)
{
	(void)state;
	rig_open(80, 24);
	begin("start", MENU_DO_START, 60);
	rig_shows("Starting web for 0:00");
	rig_hides("left");
	rig_pass(3000);
	rig_shows("for 0:03");
}

static void
the_last_lines_of_the_console_are_live(void **state)
{
	int row;

	(void)state;
	rig_open(80, 24);
	begin("start", MENU_DO_START, -1);
	rig_shows("has said nothing yet");
	rig_console("one\ntwo\nthr\033[31mee\n", true);
	row = rig_find("two");
	assert_true(row > 0);
	assert_int_equal(rig_find("one"), row - 1);
	assert_string_equal(rig_row(row + 1), " thr\\x1b[31mee");
	assert_true(menu_wants(rig_menu, rig_now).console[0] != '\0');
}

static void
how_it_ended_stays_until_a_key(void **state)
{
	(void)state;
	rig_open(80, 24);
	begin("shutdown", MENU_DO_SHUTDOWN, 90);
	rig_pass(12000);
	rig_guest("web", WIRE_STATE_OFF, 7);
	end(VPSH_OK, "web is off.");
	rig_shows("Shutting down web after 0:12");
	rig_shows("web is off.");
	rig_pass(3600 * 1000);
	rig_shows("after 0:12");
	rig_shows("web is off.");
	/* The clock stands: nothing has to be painted. */
	assert_int_equal(rig_next, -1);
	rig_key(" ");
	assert_int_equal(rig_place(), MENU_PLACE_GUEST);
	rig_wanted_nothing();
}

static void
an_outcome_without_words_has_a_sentence(void **state)
{
	(void)state;
	rig_open(80, 24);
	begin("start", MENU_DO_START, -1);
	end(VPSH_OK, "");
	rig_shows("Done: start of web.");
	end(VPSH_ERR_CREATE, "");
	rig_shows("start of web did not work.");
}

static void
who_does_not_go_off_may_have_the_plug_pulled(void **state)
{
	(void)state;
	rig_open(80, 24);
	begin("shutdown", MENU_DO_SHUTDOWN, 1);
	rig_key("D");
	rig_wanted_nothing();
	assert_int_equal(rig_place(), MENU_PLACE_JOB);
	end(VPSH_ERR_STILL_UP, "web is still running after 60 seconds.");
	rig_shows("D pulls the plug (destroy); your disk is kept");
	rig_key("D");
	assert_int_equal(rig_place(), MENU_PLACE_CONFIRM);
	rig_wanted_nothing();
	rig_type("web");
	rig_key(RIG_ENTER);
	rig_wanted(MENU_DO_DESTROY);
	/* One job's screen, and no pile of them. */
	rig_key(RIG_ESC);
	assert_int_equal(rig_place(), MENU_PLACE_GUEST);
}

static void
no_plug_is_offered_without_the_right_or_when_it_is_off(void **state)
{
	struct wire_guest guest = { .name = "web",
		.state = WIRE_STATE_RUNNING, .boot = 7, .uptime_ms = 1 };

	(void)state;
	rig_open(80, 24);
	begin("shutdown", MENU_DO_SHUTDOWN, 1);
	end(VPSH_ERR_STILL_UP, "web is still running.");
	guest.rights = UINT32_MAX & ~RIGHT_BIT(RIGHT_DESTROY);
	menu_guest(rig_menu, &guest, rig_now);
	rig_draw();
	rig_hides("pulls the plug");
	rig_guest("web", WIRE_STATE_OFF, 7);
	rig_draw();
	rig_hides("pulls the plug");
	rig_guest("web", WIRE_STATE_RUNNING, 7);
	end(VPSH_ERR_CANCELLED, "shutdown of web was cancelled.");
	rig_hides("pulls the plug");
}

static void
x_cancels_once_and_only_what_has_a_reference(void **state)
{
	(void)state;
	rig_open(80, 24);
	menu_push(rig_menu, MENU_PLACE_JOB, "web", MENU_DO_SHUTDOWN);
	rig_draw();
	rig_shows("waiting for the answer");
	rig_hides("cancel");
	rig_key("x");
	rig_wanted_nothing();
	menu_pop(rig_menu);
	begin("shutdown", MENU_DO_SHUTDOWN, 90);
	rig_shows("x cancel");
	rig_key("x");
	assert_string_equal(rig_wanted(MENU_DO_CANCEL)->ref, "K7F3");
	rig_key("x");
	rig_wanted_nothing();
	rig_shows("Asking to cancel it.");
}

static void
leaving_says_that_it_goes_on(void **state)
{
	(void)state;
	rig_open(80, 24);
	begin("shutdown", MENU_DO_SHUTDOWN, 90);
	rig_key(RIG_ESC);
	assert_int_equal(rig_place(), MENU_PLACE_GUEST);
	rig_shows("The shutdown of web goes on.");
	rig_wanted_nothing();
}

static void
one_that_ended_before_is_not_taken_for_this_one(void **state)
{
	(void)state;
	rig_open(80, 24);
	begin("start", MENU_DO_START, -1);
	end(VPSH_ERR_CREATE, "web did not start.");
	rig_key(RIG_ENTER);
	rig_pass(1000);
	menu_push(rig_menu, MENU_PLACE_JOB, "web", MENU_DO_START);
	rig_draw();
	rig_hides("did not start");
	rig_shows("waiting for the answer");
	job.over = false;
	job.began_ms = rig_now;
	(void)text_copy(job.text, sizeof(job.text), "Building it.");
	menu_job(rig_menu, &job);
	rig_draw();
	rig_shows("Building it.");
}

static void
a_job_of_another_session_is_shown_as_far_as_it_is_known(void **state)
{
	struct wire_guest guest = { .name = "web",
		.state = WIRE_STATE_STOPPING, .boot = 7, .uptime_ms = 1,
		.rights = UINT32_MAX, .job_verb = "reboot",
		.job_ref = "AB12" };

	(void)state;
	rig_open(80, 24);
	menu_guest(rig_menu, &guest, rig_now);
	menu_push(rig_menu, MENU_PLACE_JOB, "web", MENU_DO_REBOOT);
	rig_draw();
	rig_shows("Another session, or the host itself");
	rig_key("x");
	assert_string_equal(rig_wanted(MENU_DO_CANCEL)->ref, "AB12");
	rig_guest("web", WIRE_STATE_RUNNING, 8);
	rig_draw();
	rig_shows("It is over: web is running now.");
	rig_key(RIG_ENTER);
	assert_int_equal(rig_place(), MENU_PLACE_GUEST);
}

static void
a_job_of_ones_own_is_never_called_anothers(void **state)
{
	struct wire_guest guest = { .name = "web",
		.state = WIRE_STATE_STOPPING, .boot = 7, .uptime_ms = 1,
		.rights = UINT32_MAX, .job_verb = "reboot",
		.job_ref = "AB12" };

	(void)state;
	rig_open(80, 24);
	menu_push(rig_menu, MENU_PLACE_JOB, "web", MENU_DO_REBOOT);
	/* The guest's news may come before the answer to the request. */
	menu_guest(rig_menu, &guest, rig_now);
	rig_draw();
	rig_hides("Another session");
	rig_shows("waiting for the answer");
}

static void
console_and_log_are_one_key_away(void **state)
{
	(void)state;
	rig_open(80, 24);
	begin("start", MENU_DO_START, -1);
	rig_key("c");
	rig_wanted(MENU_DO_CONSOLE);
	assert_int_equal(rig_place(), MENU_PLACE_JOB);
	rig_key("l");
	rig_wanted(MENU_DO_LOG);
	assert_int_equal(rig_place(), MENU_PLACE_LOG);
}

static void
what_matters_is_on_the_smallest_screen(void **state)
{
	(void)state;
	rig_open(40, 12);
	rig_console("first\nlast\n", true);
	begin("shutdown", MENU_DO_SHUTDOWN, 90);
	rig_shows("web has 1:30 left");
	rig_shows("last");
	rig_shows("x cancel");
	end(VPSH_ERR_STILL_UP,
	    "web was asked and is still running after 60 seconds. It may "
	    "need longer, or ignore the request: look at its console, or "
	    "pull the plug with destroy web. Ref K7F3.");
	rig_shows("still running");
	rig_shows("D destroy");
	rig_size(300, 100);
	rig_shows("still running");
}

#define RIGGED(test) cmocka_unit_test_teardown(test, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_shutdown_counts_down_by_itself),
		RIGGED(what_has_no_countdown_shows_none),
		RIGGED(the_last_lines_of_the_console_are_live),
		RIGGED(how_it_ended_stays_until_a_key),
		RIGGED(an_outcome_without_words_has_a_sentence),
		RIGGED(who_does_not_go_off_may_have_the_plug_pulled),
		RIGGED(no_plug_is_offered_without_the_right_or_when_it_is_off),
		RIGGED(x_cancels_once_and_only_what_has_a_reference),
		RIGGED(leaving_says_that_it_goes_on),
		RIGGED(one_that_ended_before_is_not_taken_for_this_one),
		RIGGED(a_job_of_another_session_is_shown_as_far_as_it_is_known),
		RIGGED(a_job_of_ones_own_is_never_called_anothers),
		RIGGED(console_and_log_are_one_key_away),
		RIGGED(what_matters_is_on_the_smallest_screen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
