/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "menu/logbook.h"
#include "tests/unit/menu_rig.h"

#define MORNING INT64_C(1767600000000) /* 2026-01-05 08:00:00 UTC */

/* Lines "line 0" to "line n-1", one a second. */
static void
open_with(int n)
{
	char line[32];
	int i;

	(void)setenv("TZ", "UTC", 1);
	tzset();
	menu_push(rig_menu, MENU_PLACE_LOG, "web", MENU_DO_NOTHING);
	rig_pass(0);
	assert_string_equal(rig_wanted(MENU_DO_LOG)->guest, "web");
	rig_shows("Loading");
	for (i = 0; i < n; i++) {
		(void)text_format(line, sizeof(line), "line %d.", i);
		menu_log(rig_menu, MORNING + i * 1000, line);
	}
}

static void
loaded(void)
{
	menu_loaded(rig_menu, MENU_DO_LOG, true);
	rig_draw();
}

static void
it_begins_at_the_end_with_times(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(100);
	loaded();
	rig_shows("Log of web");
	rig_shows("2026-01-05  end, live");
	rig_shows("08:01:39 line 99.");
	assert_int_equal(rig_find("line 99."), rig_menu->bottom - 1);
	rig_hides("line 50.");
}

static void
few_lines_stand_at_the_top(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(3);
	loaded();
	assert_int_equal(rig_find("line 0."), FRAME_TOP);
	assert_int_equal(rig_find("line 2."), FRAME_TOP + 2);
	rig_key(RIG_UP);
	rig_key(RIG_HOME);
	assert_int_equal(rig_find("line 0."), FRAME_TOP);
}

static void
an_empty_log_says_so(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(0);
	loaded();
	rig_shows("The console of web has said nothing yet.");
	rig_key(RIG_UP);
	rig_key(RIG_HOME);
	rig_key("/");
	rig_key("x");
	rig_key(RIG_ENTER);
	rig_shows("nothing yet");
}

static void
what_could_not_be_loaded_is_not_called_empty(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(0);
	menu_loaded(rig_menu, MENU_DO_LOG, false);
	rig_draw();
	rig_shows("It could not be loaded. r tries again.");
	rig_hides("said nothing yet");
	/* By itself nothing is asked again. */
	rig_pass(1000);
	rig_wanted_nothing();
	rig_key("r");
	rig_wanted(MENU_DO_LOG);
	menu_log(rig_menu, MORNING, "here.");
	loaded();
	rig_shows("here.");
}

static void
asked_for_twice_it_is_there_once(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(2);
	/* The service died half-way, and was asked again. */
	menu_away(rig_menu, "away");
	rig_draw();
	menu_away(rig_menu, NULL);
	rig_guest("web", WIRE_STATE_RUNNING, 7);
	rig_draw();
	rig_pass(0);
	rig_wanted(MENU_DO_LOG);
	menu_log(rig_menu, MORNING, "line 0.");
	menu_log(rig_menu, MORNING + 1000, "line 1.");
	loaded();
	assert_int_equal(rig_find("line 0."), FRAME_TOP);
	assert_int_equal(rig_find("line 1."), FRAME_TOP + 1);
	/* A newer question takes the place of the one before. */
	rig_key("r");
	rig_wanted(MENU_DO_LOG);
	rig_key("r");
	rig_wanted(MENU_DO_LOG);
	menu_log(rig_menu, MORNING, "line 9.");
	loaded();
	rig_hides("line 0.");
	rig_key(RIG_ESC);
	open_with(1);
	loaded();
	rig_shows("line 0.");
	rig_hides("line 9.");
}

static void
keys_go_up_and_down_and_to_the_ends(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(100);
	loaded();
	rig_key(RIG_UP);
	rig_key("k");
	rig_shows("98/100");
	rig_hides("line 98.");
	rig_key("j");
	rig_shows("line 98.");
	rig_key(RIG_HOME);
	assert_int_equal(rig_find("line 0."), FRAME_TOP);
	rig_key(RIG_PAGE_DOWN);
	/* The last line of a page is the first of the next. */
	assert_int_equal(rig_find("line 20."), FRAME_TOP);
	rig_key(RIG_PAGE_UP);
	assert_int_equal(rig_find("line 0."), FRAME_TOP);
	rig_key(RIG_PAGE_UP);
	assert_int_equal(rig_find("line 0."), FRAME_TOP);
	rig_key(RIG_END);
	rig_shows("end, live");
}

static void
new_lines_are_followed_at_the_end_only(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(100);
	loaded();
	rig_console("line 97.\nline 98.\nline 99.\nline 100.\nline 101", true);
	rig_shows("line 100.");
	/* Not before it is a whole line. */
	rig_hides("line 101");
	rig_key(RIG_UP);
	rig_shows("line 99.");
	rig_hides("line 100.");
	rig_console(".\nline 102.\n", false);
	rig_hides("line 101.");
	rig_shows("100/103");
	rig_key(RIG_END);
	rig_shows("line 101.");
	rig_shows("line 102.");
	assert_int_equal(rig_find("line 102."), rig_menu->bottom - 1);
}

static void
what_the_log_has_already_does_not_come_twice(void **state)
{
	(void)state;
	rig_open(80, 24);
	/* The console's lines came before the log was read. */
	rig_console("line 95.\nline 96.\nline 97.\n", true);
	open_with(100);
	loaded();
	rig_shows("end, live");
	assert_int_equal(rig_find("line 97."), rig_menu->bottom - 3);
	rig_console("line 98.\nline 99.\nnew\n", false);
	assert_int_equal(rig_find("new"), rig_menu->bottom - 1);
	assert_int_equal(rig_find("line 99."), rig_menu->bottom - 2);
	assert_int_equal(rig_find("line 98."), rig_menu->bottom - 3);
}

static void
a_prompt_that_was_not_ended_is_completed(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(5);
	menu_log(rig_menu, MORNING, "web login: ");
	loaded();
	rig_console("line 3.\nline 4.\nweb login: ", true);
	assert_int_equal(rig_find("web login:"), FRAME_TOP + 5);
	rig_hides("too fast");
	rig_console("root\nwelcome\nroot@web:~# ", false);
	assert_int_equal(rig_find("web login: root"), FRAME_TOP + 5);
	assert_int_equal(rig_find("welcome"), FRAME_TOP + 6);
	assert_string_equal(rig_row(FRAME_TOP + 7), "");
	rig_hides("too fast");
}

static void
a_prompt_before_a_mark_is_no_gap(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(5);
	menu_log(rig_menu, MORNING, "web login: ");
	menu_log(rig_menu, MORNING, "\001alice has left");
	loaded();
	rig_console("line 3.\nline 4.\nweb login: ", true);
	rig_console("root\nwelcome\n", false);
	rig_hides("too fast");
	assert_int_equal(rig_find("-- alice has left --"), FRAME_TOP + 6);
	assert_int_equal(rig_find("web login: root"), FRAME_TOP + 7);
	assert_int_equal(rig_find("welcome"), FRAME_TOP + 8);
}

static void
marks_do_not_keep_new_lines_out(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(5);
	menu_log(rig_menu, MORNING, "\001alice watches");
	loaded();
	rig_console("line 3.\nline 4.\nnew\n", true);
	rig_shows("new");
	rig_hides("too fast");
	assert_int_equal(rig_find("line 4."), FRAME_TOP + 4);
	assert_int_equal(rig_find("new"), FRAME_TOP + 6);
}

static void
C11_a_guest_cannot_write_a_mark(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(0);
	menu_log(rig_menu, MORNING, "\001real");
	menu_log(rig_menu, MORNING, "-- faked --");
	menu_log(rig_menu, MORNING, "ordinary");
	loaded();
	rig_shows("-- real --");
	rig_shows("-- faked --");
	assert_string_equal(rig_row(FRAME_TOP), "*08:00:00 -- real --");
	assert_string_equal(rig_row(FRAME_TOP + 1), " 08:00:00 -- faked --");
	assert_true((mvinch(FRAME_TOP, 10) & A_BOLD) != 0);
	assert_false((mvinch(FRAME_TOP + 1, 10) & A_BOLD) != 0);
}

static void
lines_that_came_too_fast_are_owned_up_to(void **state)
{
	char line[32];
	int i;

	(void)state;
	rig_open(80, 24);
	open_with(5);
	loaded();
	rig_console("line 4.\n", true);
	for (i = 0; i < ITEM_LINES + 20; i++) {
		(void)text_format(line, sizeof(line), "flood %d.\n", i);
		menu_console(rig_menu, "web", line, strlen(line), false);
	}
	rig_draw();
	rig_shows("flood 119.");
	rig_key(RIG_HOME);
	rig_shows("lines came too fast");
	rig_shows("flood 20.");
	rig_hides("flood 19.");
}

static void
a_search_looks_up_from_the_end_whatever_the_case(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(50);
	menu_log(rig_menu, MORNING, "Kernel PANIC here");
	menu_log(rig_menu, MORNING, "panic again");
	loaded();
	rig_key("/");
	rig_shows("Search:");
	rig_type("panic");
	rig_key(RIG_ENTER);
	assert_string_equal(rig_row(rig_find("panic again")),
	    ">08:00:00 panic again");
	rig_key("n");
	assert_string_equal(rig_row(rig_find("Kernel PANIC")),
	    ">08:00:00 Kernel PANIC here");
	rig_key("n");
	rig_shows("No older line has \"panic\"");
	rig_key("N");
	assert_int_equal(rig_row(rig_find("panic again"))[0], '>');
	rig_key("N");
	rig_shows("No newer line has \"panic\"");
}

static void
a_hit_far_away_is_brought_into_view(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(500);
	loaded();
	rig_key("/");
	rig_type("line 7.");
	rig_key(RIG_ENTER);
	assert_int_equal(rig_row(rig_find("line 7."))[0], '>');
	rig_key(RIG_HOME);
	rig_key("/");
	rig_type("line 400.");
	rig_key(RIG_ENTER);
	assert_int_equal(rig_row(rig_find("line 400."))[0], '>');
}

static void
what_is_nowhere_is_said_to_be(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(50);
	loaded();
	rig_key("/");
	rig_type("q?n");
	rig_key(RIG_ENTER);
	rig_shows("\"q?n\" is nowhere in this log.");
	rig_shows("line 49.");
	rig_key(RIG_UP);
	rig_hides("nowhere");
}

static void
a_search_can_be_left_and_pasted_into(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(50);
	loaded();
	rig_key("/");
	rig_type("x");
	rig_key(RIG_ESC);
	rig_hides("Search:");
	assert_int_equal(rig_place(), MENU_PLACE_LOG);
	rig_key("/");
	rig_bytes(RIG_PASTE("line 3.\rq"));
	rig_shows("Search: line 3.");
	rig_key(RIG_ENTER);
	assert_int_equal(rig_row(rig_find("line 3."))[0], '>');
	rig_key(RIG_ESC);
	assert_int_equal(rig_place(), MENU_PLACE_GUEST);
	rig_wanted_nothing();
}

static void
long_lines_are_broken_where_the_row_ends(void **state)
{
	char line[300];

	(void)state;
	rig_open(80, 24);
	open_with(1);
	memset(line, 'x', 150);
	(void)text_copy(line + 150, sizeof(line) - 150, "END");
	menu_log(rig_menu, MORNING, line);
	menu_log(rig_menu, MORNING, "after");
	loaded();
	assert_int_equal(rig_find("END"), FRAME_TOP + 3);
	assert_int_equal(rig_find("after"), FRAME_TOP + 4);
	rig_size(40, 12);
	rig_shows("08:00 after");
	rig_shows("END");
	rig_size(300, 100);
	assert_int_equal(rig_find("END"), FRAME_TOP + 1);
}

static void
C12_a_hostile_line_is_made_visible(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(0);
	menu_log(rig_menu, MORNING, "a\033[2Jb\x9b" "31mc\xe2\x80\xae" "d\xff");
	loaded();
	rig_shows("a\\x1b[2Jb\\x9b31mc\\u{202e}d\\xff");
}

static void
r_loads_again_in_place_of_what_was(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_with(50);
	loaded();
	rig_key("r");
	rig_wanted(MENU_DO_LOG);
	rig_shows("line 49.");
	menu_log(rig_menu, MORNING, "all new");
	loaded();
	rig_shows("all new");
	rig_hides("line 49.");
}

static void
D08_a_flood_is_bounded_and_its_end_is_kept(void **state)
{
	struct logbook book = { .n = 0 };
	char line[64];
	size_t gone = 0;
	int i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		(void)text_format(line, sizeof(line), "this is line %d", i);
		gone += logbook_add(&book, i, line);
	}
	assert_int_equal(book.n + gone, 100000);
	assert_in_range(book.n, LOGBOOK_LINES / 2 - 1, LOGBOOK_LINES);
	assert_in_range(book.used, 1, LOGBOOK_BYTES);
	assert_string_equal(logbook_at(&book, book.n - 1),
	    "this is line 99999");
	(void)text_format(line, sizeof(line), "this is line %zu", gone);
	assert_string_equal(logbook_at(&book, 0), line);
	logbook_free(&book);
	logbook_free(&book);
}

static void
D08_one_endless_line_is_cut(void **state)
{
	static char line[2 * LOGBOOK_BYTES];
	struct logbook book = { .n = 0 };
	int i;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	for (i = 0; i < 10; i++)
		(void)logbook_add(&book, i, line);
	assert_true(book.n > 0);
	assert_in_range(book.used, 1, LOGBOOK_BYTES);
	logbook_free(&book);
}

#define RIGGED(test) cmocka_unit_test_teardown(test, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(it_begins_at_the_end_with_times),
		RIGGED(few_lines_stand_at_the_top),
		RIGGED(an_empty_log_says_so),
		RIGGED(what_could_not_be_loaded_is_not_called_empty),
		RIGGED(asked_for_twice_it_is_there_once),
		RIGGED(keys_go_up_and_down_and_to_the_ends),
		RIGGED(new_lines_are_followed_at_the_end_only),
		RIGGED(what_the_log_has_already_does_not_come_twice),
		RIGGED(a_prompt_that_was_not_ended_is_completed),
		RIGGED(a_prompt_before_a_mark_is_no_gap),
		RIGGED(marks_do_not_keep_new_lines_out),
		RIGGED(C11_a_guest_cannot_write_a_mark),
		RIGGED(lines_that_came_too_fast_are_owned_up_to),
		RIGGED(a_search_looks_up_from_the_end_whatever_the_case),
		RIGGED(a_hit_far_away_is_brought_into_view),
		RIGGED(what_is_nowhere_is_said_to_be),
		RIGGED(a_search_can_be_left_and_pasted_into),
		RIGGED(long_lines_are_broken_where_the_row_ends),
		RIGGED(C12_a_hostile_line_is_made_visible),
		RIGGED(r_loads_again_in_place_of_what_was),
		cmocka_unit_test(D08_a_flood_is_bounded_and_its_end_is_kept),
		cmocka_unit_test(D08_one_endless_line_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
