/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/menu_rig.h"

static void
ask(enum menu_do what)
{
	menu_push(rig_menu, MENU_PLACE_CONFIRM, "web", what);
	rig_draw();
}

static void
a_shutdown_names_guest_and_uptime_and_means_no(void **state)
{
	(void)state;
	rig_open(80, 24);
	rig_key("d");
	assert_int_equal(rig_place(), MENU_PLACE_CONFIRM);
	rig_shows("Shut down web?");
	rig_shows("up for 2 hours.");
	rig_shows("> No, leave web as it is");
	rig_key(RIG_ENTER);
	rig_wanted_nothing();
	assert_int_equal(rig_place(), MENU_PLACE_GUEST);
}

static void
y_or_the_other_line_is_yes_and_once(void **state)
{
	const struct menu_intent *intent;

	(void)state;
	rig_open(80, 24);
	ask(MENU_DO_SHUTDOWN);
	rig_key("y");
	intent = rig_wanted(MENU_DO_SHUTDOWN);
	assert_string_equal(intent->guest, "web");
	assert_int_equal(intent->boot, 7);
	assert_int_equal(rig_place(), MENU_PLACE_JOB);
	rig_key("y");
	rig_key(RIG_ENTER);
	rig_wanted_nothing();
	rig_key(RIG_ESC);
	ask(MENU_DO_REBOOT);
	rig_key(RIG_DOWN);
	rig_shows("> Yes, reboot web");
	rig_key(RIG_ENTER);
	rig_wanted(MENU_DO_REBOOT);
}

static void
n_esc_and_q_are_no(void **state)
{
	static const char *const keys[] = { "n", RIG_ESC, "q", "\003" };
	size_t i;

	(void)state;
	rig_open(80, 24);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		ask(MENU_DO_REBOOT);
		rig_key(keys[i]);
		assert_int_equal(rig_place(), MENU_PLACE_GUEST);
	}
	rig_wanted_nothing();
}

static void
E16_destroy_wants_the_name_typed(void **state)
{
	(void)state;
	rig_open(80, 24);
	rig_key("D");
	rig_shows("pulls the plug of web");
	rig_key(RIG_ENTER);
	rig_type("y");
	rig_key(RIG_ENTER);
	rig_shows("That is not the name web. Nothing was done.");
	rig_wanted_nothing();
	rig_key("\177");
	rig_hides("That is not the name");
	rig_type("web");
	rig_shows("Name: web");
	rig_key(RIG_ENTER);
	assert_int_equal(rig_wanted(MENU_DO_DESTROY)->boot, 7);
}

static void
case_and_blanks_around_the_name_do_not_count(void **state)
{
	(void)state;
	rig_open(80, 24);
	ask(MENU_DO_DESTROY);
	rig_type("  WeB ");
	rig_key(RIG_ENTER);
	rig_wanted(MENU_DO_DESTROY);
	ask(MENU_DO_RESET);
	rig_type("w eb");
	rig_key(RIG_ENTER);
	rig_wanted_nothing();
	rig_key("\025");
	rig_type("web");
	rig_key(RIG_ENTER);
	rig_wanted(MENU_DO_RESET);
}

static void
keys_of_the_menu_are_letters_of_the_name(void **state)
{
	(void)state;
	rig_open(80, 24);
	ask(MENU_DO_DESTROY);
	rig_type("q?jk6");
	rig_key(RIG_LEFT);
	rig_key(RIG_UP);
	rig_shows("Name: q?jk6");
	assert_int_equal(rig_place(), MENU_PLACE_CONFIRM);
	rig_key(RIG_ESC);
	assert_int_equal(rig_place(), MENU_PLACE_GUEST);
	rig_wanted_nothing();
}

static void
C09_a_paste_fills_the_field_and_never_confirms(void **state)
{
	(void)state;
	rig_open(80, 24);
	ask(MENU_DO_DESTROY);
	/* The line's end is in the paste, and another comes right behind. */
	rig_bytes(RIG_PASTE("web\r") "\r");
	rig_pass(10);
	rig_wanted_nothing();
	rig_shows("Name: web");
	assert_int_equal(rig_place(), MENU_PLACE_CONFIRM);
	rig_key(RIG_ENTER);
	rig_wanted(MENU_DO_DESTROY);
}

static void
C09_a_paste_is_no_yes(void **state)
{
	(void)state;
	rig_open(80, 24);
	ask(MENU_DO_SHUTDOWN);
	rig_bytes(RIG_PASTE("y\ry\r") "y\r");
	rig_pass(10);
	rig_wanted_nothing();
	rig_bytes("yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\ry\r");
	rig_wanted_nothing();
}

static void
C09_what_was_typed_ahead_is_no_answer(void **state)
{
	(void)state;
	rig_open(80, 24);
	/* All in one read: the letter opens it, the rest is dropped. */
	rig_bytes("dy\r");
	assert_int_equal(rig_place(), MENU_PLACE_CONFIRM);
	rig_wanted_nothing();
	rig_shows("> No, leave web as it is");
}

static void
another_boot_is_not_shut_down(void **state)
{
	(void)state;
	rig_open(80, 24);
	ask(MENU_DO_SHUTDOWN);
	rig_guest("web", WIRE_STATE_RUNNING, 8);
	rig_draw();
	rig_shows("web has rebooted since you asked");
	rig_key("y");
	rig_wanted_nothing();
	rig_key(RIG_ENTER);
	assert_int_equal(rig_place(), MENU_PLACE_GUEST);
	rig_wanted_nothing();
}

static void
who_is_off_already_is_not_asked_about(void **state)
{
	(void)state;
	rig_open(80, 24);
	ask(MENU_DO_DESTROY);
	rig_type("web");
	rig_guest("web", WIRE_STATE_OFF, 7);
	rig_draw();
	rig_shows("web is off by now");
	rig_key(RIG_ENTER);
	rig_wanted_nothing();
}

static void
a_guest_that_is_gone_takes_its_question_along(void **state)
{
	(void)state;
	rig_open(80, 24);
	ask(MENU_DO_DESTROY);
	menu_left(rig_menu, "web");
	rig_draw();
	assert_int_equal(rig_place(), MENU_PLACE_LIST);
	rig_key(RIG_ENTER);
	rig_wanted_nothing();
}

static void
the_longest_name_has_room_on_the_smallest_screen(void **state)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyz-01234";

	(void)state;
	rig_open(40, 12);
	rig_guest(name, WIRE_STATE_RUNNING, 1);
	menu_push(rig_menu, MENU_PLACE_CONFIRM, name, MENU_DO_DESTROY);
	rig_draw();
	rig_shows("Name:");
	rig_type(name);
	rig_shows("z-01234");
	rig_type("x");
	rig_key(RIG_ENTER);
	rig_shows("That is not the name");
	rig_key("\177");
	rig_key(RIG_ENTER);
	rig_wanted(MENU_DO_DESTROY);
}

static void
it_stands_on_every_size(void **state)
{
	static const enum menu_do all[] = { MENU_DO_SHUTDOWN, MENU_DO_REBOOT,
		MENU_DO_RESET, MENU_DO_DESTROY };
	size_t i;

	(void)state;
	rig_open(40, 12);
	for (i = 0; i < 4; i++) {
		ask(all[i]);
		rig_size(40, 12);
		rig_shows("web");
		rig_shows(i < 2 ? "Yes, " : "Name:");
		rig_size(300, 100);
		rig_shows(i < 2 ? "Yes, " : "Name:");
		rig_key(RIG_ESC);
	}
	rig_wanted_nothing();
}

static void
a_question_that_is_left_alone_lets_no_clock_run(void **state)
{
	(void)state;
	rig_open(80, 24);
	rig_key("d");
	assert_int_equal(rig_place(), MENU_PLACE_CONFIRM);
	assert_true(rig_next > rig_now);
	rig_pass(MENU_ASLEEP_MS);
	assert_int_equal(rig_next, -1);
	rig_shows("No key for 5 minutes");
}

static void
while_the_service_is_away_nothing_is_begun(void **state)
{
	(void)state;
	rig_open(80, 24);
	menu_say(rig_menu, "Something of before.");
	rig_key("d");
	menu_away(rig_menu, "vpsh is restarting.");
	rig_draw();
	rig_shows("vpsh is restarting.");
	rig_key("y");
	rig_wanted_nothing();
	rig_shows("Nothing was done");
	rig_shows("Shut down web?");
	rig_key("j");
	rig_shows("vpsh is restarting.");
	menu_away(rig_menu, NULL);
	rig_draw();
	rig_hides("vpsh is restarting.");
	rig_key("y");
	assert_int_equal(rig_wanted(MENU_DO_SHUTDOWN)->boot, 7);
}

#define RIGGED(test) cmocka_unit_test_teardown(test, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_shutdown_names_guest_and_uptime_and_means_no),
		RIGGED(y_or_the_other_line_is_yes_and_once),
		RIGGED(n_esc_and_q_are_no),
		RIGGED(E16_destroy_wants_the_name_typed),
		RIGGED(case_and_blanks_around_the_name_do_not_count),
		RIGGED(keys_of_the_menu_are_letters_of_the_name),
		RIGGED(C09_a_paste_fills_the_field_and_never_confirms),
		RIGGED(C09_a_paste_is_no_yes),
		RIGGED(C09_what_was_typed_ahead_is_no_answer),
		RIGGED(another_boot_is_not_shut_down),
		RIGGED(who_is_off_already_is_not_asked_about),
		RIGGED(a_guest_that_is_gone_takes_its_question_along),
		RIGGED(the_longest_name_has_room_on_the_smallest_screen),
		RIGGED(it_stands_on_every_size),
		RIGGED(a_question_that_is_left_alone_lets_no_clock_run),
		RIGGED(while_the_service_is_away_nothing_is_begun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
