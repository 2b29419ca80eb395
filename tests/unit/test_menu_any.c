/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/menu_rig.h"
#include "wire/err.h"

/*
 * Anything at all, on every screen and in every size: nothing may break, and
 * nothing may be destroyed.  The same every time.
 */
static uint32_t seed;

static uint32_t
any(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static void
any_bytes(char *out, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		out[i] = (char)(1 + any(255));
	out[len] = '\0';
}

static void
any_news(void)
{
	static const char *const verbs[] = { "start", "shutdown", "reboot",
		"destroy" };
	struct menu_job job = { .guest = "web", .ref = "K7F3",
		.began_ms = rig_now, .deadline_ms = -1 };
	struct wire_act act = { .wall_ms = any(2000000000) * 1000LL,
		.took_ms = (int64_t)any(5) - 1, .err = -(int32_t)any(60) };
	char text[200];

	switch (any(6)) {
	case 0:
		rig_guest("web", any(9), any(3));
		break;
	case 1:
		any_bytes(text, any(199));
		menu_console(rig_menu, "web", text, strlen(text),
		    any(20) == 0);
		break;
	case 2:
		any_bytes(job.text, any(300));
		(void)text_copy(job.verb, sizeof(job.verb), verbs[any(4)]);
		job.over = any(2) == 0;
		job.err = -(int)any(VPSH_ERR_COUNT);
		if (any(2) == 0)
			job.deadline_ms = rig_now + any(100000);
		menu_job(rig_menu, &job);
		break;
	case 3:
		any_bytes(text, any(199));
		menu_log(rig_menu, (int64_t)any(2000000000) * 1000 - 1, text);
		break;
	case 4:
		any_bytes(act.who, any(WIRE_NAME - 1));
		any_bytes(act.claim, any(WIRE_CLAIM - 1));
		any_bytes(act.guest, any(WIRE_NAME - 1));
		menu_activity(rig_menu, &act);
		break;
	default:
		menu_loaded(rig_menu,
		    any(1) == 0 ? MENU_DO_LOG : MENU_DO_ACTIVITY,
		    any(3) != 0);
		break;
	}
}

static void
any_key(void)
{
	static const char *const keys[] = { RIG_ENTER, RIG_ESC, RIG_UP,
		RIG_DOWN, RIG_LEFT, RIG_HOME, RIG_END, RIG_PAGE_UP,
		RIG_PAGE_DOWN, "?", "/", "n", "N", "l", "a", "o", "D", "d",
		"r", "t", "w", "x", "y", "j", "k", "1", "4", " ", "\177",
		"\025", "\303\251", RIG_PASTE("we\r") };
	size_t n = sizeof(keys) / sizeof(keys[0]);

	rig_key(keys[any((uint32_t)n)]);
}

static void
take_intents(void)
{
	size_t i;

	for (i = 0; i < rig_nintents; i++) {
		assert_int_not_equal(rig_intents[i].what, MENU_DO_DESTROY);
		assert_int_not_equal(rig_intents[i].what, MENU_DO_RESET);
	}
	rig_nintents = 0;
}

static void
C09_any_keys_and_news_do_no_harm(void **state)
{
	int i;

	(void)state;
	seed = 20260105;
	rig_open(80, 24);
	for (i = 0; i < 800; i++) {
		if (any(3) == 0)
			any_news();
		if (any(12) == 0)
			rig_size(40 + (int)any(261), 12 + (int)any(89));
		if (any(200) == 0)
			rig_size(1 + (int)any(300), 1 + (int)any(100));
		any_key();
		take_intents();
	}
}

#define RIGGED(test) cmocka_unit_test_teardown(test, rig_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(C09_any_keys_and_news_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
