/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/menu_rig.h"

static struct wire_prefs prefs;

static void
open_prefs(void)
{
	memset(&prefs, 0, sizeof(prefs));
	prefs.policy_mode = WIRE_MODE_MENU;
	prefs.back_ms = -1;
	menu_prefs(rig_menu, &prefs);
	menu_push(rig_menu, MENU_PLACE_PREFS, "", MENU_DO_NOTHING);
	rig_draw();
}

/* The broker keeps what was wished, and says so. */
static void
keep(const struct menu_intent *intent)
{
	prefs.mode = intent->prefs.mode;
	prefs.escape = intent->prefs.escape;
	(void)text_copy(prefs.zone, sizeof(prefs.zone), intent->prefs.zone);
	menu_prefs(rig_menu, &prefs);
	rig_draw();
}

static void
a_change_is_sent_and_shown_when_it_is_kept(void **state)
{
	const struct menu_intent *intent;

	(void)state;
	rig_open(80, 24);
	open_prefs();
	rig_shows("menu, as the host");
	rig_key(RIG_ENTER);
	intent = rig_wanted(MENU_DO_PREFER);
	assert_int_equal(intent->prefs.mode, WIRE_MODE_MENU);
	rig_shows("menu, as the host");
	rig_shows("Saving ...");
	keep(intent);
	rig_hides("menu, as the host");
	rig_shows("Saved");
	rig_key(RIG_ENTER);
	intent = rig_wanted(MENU_DO_PREFER);
	assert_int_equal(intent->prefs.mode, WIRE_MODE_LINE);
	keep(intent);
	rig_shows("line mode");
	rig_key(RIG_ENTER);
	assert_int_equal(rig_wanted(MENU_DO_PREFER)->prefs.mode,
	    WIRE_MODE_DEFAULT);
}

static void
what_is_refused_is_not_shown_as_saved(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_prefs();
	rig_key(RIG_DOWN);
	rig_key(RIG_ENTER);
	assert_int_equal(rig_wanted(MENU_DO_PREFER)->prefs.escape,
	    WIRE_ESCAPE_NONE);
	menu_say(rig_menu, "That was not kept.");
	rig_draw();
	rig_shows("leaves a console");
	rig_shows("That was not kept.");
	rig_key(RIG_UP);
	rig_hides("Saving");
	rig_hides("Saved");
}

static void
the_zone_is_typed_and_the_rest_stays_as_it_is(void **state)
{
	const struct menu_intent *intent;

	(void)state;
	rig_open(80, 24);
	open_prefs();
	prefs.escape = WIRE_ESCAPE_NONE;
	menu_prefs(rig_menu, &prefs);
	rig_key(RIG_DOWN);
	rig_key("j");
	rig_key(RIG_ENTER);
	rig_type("Europe/Berlinq");
	rig_key("\177");
	rig_wanted_nothing();
	rig_key(RIG_ENTER);
	intent = rig_wanted(MENU_DO_PREFER);
	assert_string_equal(intent->prefs.zone, "Europe/Berlin");
	assert_int_equal(intent->prefs.escape, WIRE_ESCAPE_NONE);
	assert_int_equal(intent->prefs.mode, WIRE_MODE_DEFAULT);
	keep(intent);
	/* From here on it is changed, not typed anew. */
	rig_key(RIG_ENTER);
	rig_shows("Europe/Berlin");
	rig_key("\025");
	rig_key(RIG_ENTER);
	assert_string_equal(rig_wanted(MENU_DO_PREFER)->prefs.zone, "");
}

static void
esc_leaves_the_zone_and_not_the_screen(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_prefs();
	rig_key(RIG_DOWN);
	rig_key(RIG_DOWN);
	rig_key(RIG_ENTER);
	rig_type("UTC");
	rig_key(RIG_LEFT);
	rig_key(RIG_ESC);
	assert_int_equal(rig_place(), MENU_PLACE_PREFS);
	rig_shows("as the host");
	rig_wanted_nothing();
	rig_key(RIG_ESC);
	assert_int_equal(rig_place(), MENU_PLACE_GUEST);
}

static void
C09_a_paste_goes_into_the_zone_only(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_prefs();
	rig_bytes(RIG_PASTE("UTC\r\r"));
	rig_wanted_nothing();
	rig_key(RIG_DOWN);
	rig_key(RIG_DOWN);
	rig_key(RIG_ENTER);
	rig_bytes(RIG_PASTE("UTC\r\r"));
	rig_wanted_nothing();
	rig_shows("UTC");
	rig_key(RIG_ENTER);
	assert_string_equal(rig_wanted(MENU_DO_PREFER)->prefs.zone, "UTC");
}

static void
a_zone_is_never_longer_than_its_place(void **state)
{
	int i;

	(void)state;
	rig_open(40, 12);
	open_prefs();
	rig_key(RIG_DOWN);
	rig_key(RIG_DOWN);
	rig_key(RIG_ENTER);
	for (i = 0; i < 100; i++)
		rig_key(i % 2 == 0 ? "a" : "b");
	rig_key(RIG_ENTER);
	assert_int_equal(strlen(rig_wanted(MENU_DO_PREFER)->prefs.zone),
	    WIRE_ZONE - 1);
}

static void
line_mode_is_one_key_away(void **state)
{
	(void)state;
	rig_open(80, 24);
	open_prefs();
	rig_key(RIG_END);
	rig_shows("> Line mode now");
	rig_key(RIG_ENTER);
	rig_wanted(MENU_DO_LINE);
}

static void
it_stands_on_every_size(void **state)
{
	(void)state;
	rig_open(40, 12);
	open_prefs();
	rig_shows("Line mode now");
	rig_shows("Esc back");
	rig_shows("slow lines");
	rig_size(300, 100);
	rig_shows("Line mode now");
}

#define RIGGED(test) cmocka_unit_test_teardown(test, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_change_is_sent_and_shown_when_it_is_kept),
		RIGGED(what_is_refused_is_not_shown_as_saved),
		RIGGED(the_zone_is_typed_and_the_rest_stays_as_it_is),
		RIGGED(esc_leaves_the_zone_and_not_the_screen),
		RIGGED(C09_a_paste_goes_into_the_zone_only),
		RIGGED(a_zone_is_never_longer_than_its_place),
		RIGGED(line_mode_is_one_key_away),
		RIGGED(it_stands_on_every_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
