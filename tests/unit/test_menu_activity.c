/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/menu_rig.h"
#include "wire/err.h"

#define MORNING INT64_C(1767600000000) /* 2026-01-05 08:00:00 UTC */

static struct wire_act
act_of(const char *who, const char *verb, int err, int64_t took_ms)
{
	struct wire_act act = { .wall_ms = MORNING, .took_ms = took_ms,
		.err = err, .guest = "web", .claim = "198.51.100.7",
		.ref = "K7F3" };

	(void)text_copy(act.who, sizeof(act.who), who);
	(void)text_copy(act.verb, sizeof(act.verb), verb);
	return act;
}

static void
open_with(const char *guest, int n)
{
	struct wire_act act = act_of("alice", "start", VPSH_OK, 3500);
	int i;

	(void)setenv("TZ", "UTC", 1);
	tzset();
	menu_push(rig_menu, MENU_PLACE_ACTIVITY, guest, MENU_DO_NOTHING);
	rig_pass(0);
	assert_string_equal(rig_wanted(MENU_DO_ACTIVITY)->guest, guest);
	for (i = 0; i < n; i++) {
		(void)text_format(act.ref, sizeof(act.ref), "R%d", i);
		menu_activity(rig_menu, &act);
	}
}

static void
loaded(void)
{
	menu_loaded(rig_menu, MENU_DO_ACTIVITY, true);
	rig_draw();
}

static void
who_what_when_from_where_and_how_it_ended(void **state)
{
	struct wire_act act;

	(void)state;
	rig_open(80, 24);
	open_with("", 0);
	rig_draw();
	rig_shows("Loading");
	act = act_of("alice", "shutdown", VPSH_ERR_STILL_UP, 60000);
	menu_activity(rig_menu, &act);
	act = act_of("system", "start", VPSH_OK, 2000);
	menu_activity(rig_menu, &act);
	act = act_of("operator", "reboot", VPSH_OK, -1);
	menu_activity(rig_menu, &act);
	loaded();
	rig_shows("Activity of all your guests");
	rig_shows("2026-01-05 08:00 alice         shutdown web");
	rig_shows("not done: still up");
	rig_shows("alice asked for shutdown of web on 2026-01-05 08:00:00, "
		  "from");
	rig_shows("1 of 3");
	rig_key(RIG_DOWN);
	rig_shows("vpsh itself did start of web on 2026-01-05 08:00:00: done "
		  "after 2 seconds.");
	rig_key(RIG_DOWN);
	rig_shows("operator asked for reboot of web");
	rig_shows("under way. Ref K7F3.");
}

static void
nothing_done_is_said_and_of_whom(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with("web", 0);
	loaded();
	rig_shows("Activity of web");
	rig_shows("Nothing was done to web lately.");
}

static void
many_are_scrolled(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with("", 50);
	loaded();
	rig_shows("Ref R0.");
	rig_key(RIG_END);
	rig_shows("50 of 50");
	rig_shows("Ref R49.");
	rig_key(RIG_PAGE_UP);
	rig_key("k");
	rig_shows("32 of 50");
	rig_key(RIG_HOME);
	rig_shows("1 of 50");
}

static void
r_loads_again_in_place_of_what_was(void **state)
{
	struct wire_act act = act_of("bob", "pause", VPSH_OK, 10);

	(void)state;
	rig_open(80, 24);
	open_with("web", 3);
	loaded();
	rig_key("r");
	rig_wanted(MENU_DO_ACTIVITY);
	rig_shows("1 of 3");
	menu_activity(rig_menu, &act);
	loaded();
	rig_shows("1 of 1");
	rig_shows("bob");
	rig_hides("alice");
}

static void
a_question_that_was_lost_is_asked_again(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with("web", 1);
	menu_away(rig_menu, "vpsh is not answering.");
	rig_draw();
	menu_away(rig_menu, NULL);
	rig_draw();
	assert_true(rig_next >= 0);
	rig_pass(rig_next - rig_now);
	rig_wanted(MENU_DO_ACTIVITY);
}

static void
more_than_there_can_be_is_not_kept(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with("", 5000);
	loaded();
	rig_key(RIG_END);
	rig_shows("64 of 64");
}

static void
C11_names_and_claims_are_made_visible(void **state)
{
	struct wire_act act = act_of("ev\033]0;x\007il", "start", -7, 1000);

	(void)state;
	rig_open(200, 60);
	(void)text_copy(act.claim, sizeof(act.claim),
	    "\xe2\x80\xae" "\x9b" "1m");
	open_with("web", 0);
	menu_activity(rig_menu, &act);
	loaded();
	rig_shows("ev\\x1b]0;x\\x07il asked for start");
	rig_shows("from \\u{202e}\\x9b1m: not done: denied");
}

static void
the_smallest_screen_has_rows_and_details(void **state)
{
	struct wire_act act = act_of("alice", "shutdown", -28, 60000);

	(void)state;
	rig_open(40, 12);
	open_with("", 0);
	menu_activity(rig_menu, &act);
	loaded();
	rig_shows("01-05 08:00 shutdown web     not done");
	rig_shows("alice asked for shutdown of web");
	rig_shows("Esc back");
}

#define RIGGED(test) cmocka_unit_test_teardown(test, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(who_what_when_from_where_and_how_it_ended),
		RIGGED(nothing_done_is_said_and_of_whom),
		RIGGED(many_are_scrolled),
		RIGGED(r_loads_again_in_place_of_what_was),
		RIGGED(a_question_that_was_lost_is_asked_again),
		RIGGED(more_than_there_can_be_is_not_kept),
		RIGGED(C11_names_and_claims_are_made_visible),
		RIGGED(the_smallest_screen_has_rows_and_details),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
