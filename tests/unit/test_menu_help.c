/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/menu_rig.h"
#include "wire/err.h"

/* Is it anywhere, from the first to the last row of the help? */
static bool
is_somewhere(const char *text)
{
	int i;

	rig_key(RIG_HOME);
	for (i = 0; i < 200; i++) {
		if (rig_find(text) != -1)
			return true;
		rig_key(RIG_DOWN);
	}
	return false;
}

static void
the_screen_that_asked_comes_first(void **state)
{
	static const struct {
		enum menu_place place;
		const char *title;
	} cases[] = {
		{ MENU_PLACE_CONFIRM, "A question" },
		{ MENU_PLACE_JOB, "Something is being done" },
		{ MENU_PLACE_LOG, "A console's log" },
		{ MENU_PLACE_ACTIVITY, "Activity" },
		{ MENU_PLACE_PREFS, "Settings" },
	};
	size_t i;

	(void)state;
	rig_open(80, 24);
	rig_key("?");
	assert_string_equal(rig_row(1), " A guest");
	rig_key(RIG_ESC);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		menu_push(rig_menu, cases[i].place, "web", MENU_DO_SHUTDOWN);
		rig_key("?");
		assert_int_equal(rig_place(), MENU_PLACE_HELP);
		assert_string_equal(rig_row(1) + 1, cases[i].title);
		rig_key(RIG_ESC);
		menu_pop(rig_menu);
	}
}

static void
every_action_of_a_guest_is_in_it(void **state)
{
	const struct guest_action *action;
	char text[64];
	size_t i;

	(void)state;
	rig_open(80, 24);
	rig_key("?");
	for (i = 0; (action = guest_action_at(i)) != NULL; i++) {
		(void)text_format(text, sizeof(text), "  %c             %s",
		    action->key, action->word);
		if (!is_somewhere(text))
			fail_msg("not in the help: %s", text);
	}
}

static void
the_ways_out_of_a_console_are_in_it(void **state)
{
	(void)state;
	rig_open(80, 24);
	rig_key("?");
	assert_true(is_somewhere("Ctrl-]"));
	assert_true(is_somewhere("Ctrl-Q"));
	assert_true(is_somewhere("line mode"));
}

static void
it_scrolls_to_its_end_and_not_further(void **state)
{
	(void)state;
	rig_open(40, 12);
	rig_key("?");
	rig_hides("100%");
	rig_key(RIG_END);
	rig_shows("100%");
	rig_key(RIG_DOWN);
	rig_shows("100%");
	assert_true(*rig_row(rig_menu->bottom - 1) != '\0');
	rig_key(RIG_HOME);
	assert_string_equal(rig_row(1), " A guest");
	/* On a large screen it fits. */
	rig_key(RIG_END);
	rig_size(300, 100);
	assert_string_equal(rig_row(1), " A guest");
	rig_hides("%");
}

static void
question_mark_opens_no_second_one(void **state)
{
	(void)state;
	rig_open(80, 24);
	rig_key("?");
	rig_key("?");
	rig_key(RIG_ESC);
	assert_int_equal(rig_place(), MENU_PLACE_GUEST);
	rig_wanted_nothing();
}

/* The help has a row for that key, as one of those in front of it. */
static bool
is_a_key(const char *key)
{
	char cell[16], *at, *rest;
	int i, row;

	rig_key(RIG_HOME);
	for (i = 0; i < 200; i++, rig_key(RIG_DOWN))
		for (row = FRAME_TOP; row < rig_menu->bottom; row++) {
			(void)snprintf(cell, sizeof(cell), "%.15s",
			    rig_row(row));
			for (at = strtok_r(cell, " ,", &rest); at != NULL;
			     at = strtok_r(NULL, " ,", &rest))
				if (strcmp(at, key) == 0)
					return true;
			/* "PgUp and PgDn" are in the text of another. */
			if (strlen(key) > 2 &&
			    strstr(rig_row(row), key) != NULL)
				return true;
		}
	return false;
}

/* "Enter open  Up/Down choose": the first word of each pair. */
static void
check_key_line(void)
{
	char line[512], *pair = line, *end, *key, *rest;
	size_t n = 0;

	(void)text_copy(line, sizeof(line), rig_row(LINES - 1));
	rig_key("?");
	while (*pair != '\0') {
		pair += strspn(pair, " ");
		end = strstr(pair, "  ");
		if (end != NULL)
			*end = '\0';
		pair[strcspn(pair, " ")] = '\0';
		for (key = strtok_r(pair, "/", &rest); key != NULL;
		     key = strtok_r(NULL, "/", &rest))
			if (!is_a_key(key))
				fail_msg("no help for the key %s", key);
		if (*pair == '/' && !is_a_key("/"))
			fail_msg("no help for the key /");
		n++;
		pair = end != NULL ? end + 2 : pair + strlen(pair);
		if (end == NULL)
			break;
	}
	assert_true(n >= 2);
	rig_key(RIG_ESC);
}

static void
every_key_of_a_key_line_is_in_it(void **state)
{
	static const struct {
		enum menu_place place;
		enum menu_do what;
	} cases[] = {
		{ MENU_PLACE_CONFIRM, MENU_DO_SHUTDOWN },
		{ MENU_PLACE_JOB, MENU_DO_SHUTDOWN },
		{ MENU_PLACE_LOG, MENU_DO_NOTHING },
		{ MENU_PLACE_ACTIVITY, MENU_DO_NOTHING },
		{ MENU_PLACE_PREFS, MENU_DO_NOTHING },
	};
	const struct menu_job hangs = { .guest = "web", .verb = "shutdown",
		.ref = "ABCD", .began_ms = 1, .deadline_ms = -1 };
	struct menu_job over = hangs;
	size_t i;

	(void)state;
	rig_open(200, 60);
	check_key_line();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		menu_push(rig_menu, cases[i].place, "web", cases[i].what);
		rig_draw();
		check_key_line();
		menu_pop(rig_menu);
	}
	menu_push(rig_menu, MENU_PLACE_JOB, "web", MENU_DO_SHUTDOWN);
	menu_job(rig_menu, &hangs);
	rig_draw();
	rig_shows("x cancel");
	check_key_line();
	over.over = true;
	over.err = VPSH_ERR_TIMEOUT;
	menu_job(rig_menu, &over);
	rig_draw();
	rig_shows("D destroy");
	check_key_line();
	menu_pop(rig_menu);
	rig_guest("db", WIRE_STATE_OFF, 0);
	rig_key(RIG_ESC);
	rig_shows("Your guests");
	check_key_line();
}

#define RIGGED(test) cmocka_unit_test_teardown(test, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(the_screen_that_asked_comes_first),
		RIGGED(every_action_of_a_guest_is_in_it),
		RIGGED(the_ways_out_of_a_console_are_in_it),
		RIGGED(it_scrolls_to_its_end_and_not_further),
		RIGGED(question_mark_opens_no_second_one),
		RIGGED(every_key_of_a_key_line_is_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
