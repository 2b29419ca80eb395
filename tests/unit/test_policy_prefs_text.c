/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/prefs_text.h"

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define GOOD                                                             \
	"vpsh-prefs 1\nmode menu\nescape none\nzone Europe/Berlin\ntz " BERLIN \
	"\n"

static void
what_is_printed_is_parsed_as_it_was(void **state)
{
	struct wire_prefs in, out;
	char text[PREFS_TEXT_MAX];
	uint32_t mode, escape;
	int zone;

	(void)state;
	for (mode = 0; mode <= WIRE_MODE_MENU; mode++)
		for (escape = 0; escape <= WIRE_ESCAPE_NONE; escape++)
			for (zone = 0; zone < 2; zone++) {
				memset(&in, 0, sizeof(in));
				in.mode = mode;
				in.escape = escape;
				strncpy(in.zone, zone ? "Europe/Berlin" : "",
				    sizeof(in.zone) - 1);
				strncpy(in.tz, zone ? BERLIN : "",
				    sizeof(in.tz) - 1);
				assert_int_equal(prefs_text_print(&in, text,
						     sizeof(text)),
				    0);
				assert_true(prefs_text_parse(text, &out));
				assert_memory_equal(&in, &out, sizeof(in));
			}
	in.mode = WIRE_MODE_MENU;
	in.escape = WIRE_ESCAPE_NONE;
	assert_int_equal(prefs_text_print(&in, text, sizeof(text)), 0);
	assert_string_equal(text, GOOD);
}

static void
a_text_with_any_byte_changed_is_what_it_says_or_nothing(void **state)
{
	static const struct wire_prefs none;
	struct wire_prefs out;
	char text[sizeof(GOOD) + 1], again[PREFS_TEXT_MAX];
	size_t i, len = strlen(GOOD);
	int c;

	(void)state;
	for (i = 0; i < len; i++) {
		memcpy(text, GOOD, i);
		text[i] = '\0';
		assert_false(prefs_text_parse(text, &out));
		assert_memory_equal(&out, &none, sizeof(out));
		for (c = 1; c < 256; c++) {
			memcpy(text, GOOD, len + 1);
			text[i] = (char)c;
			/* What is taken at all is taken for what it says. */
			if (!prefs_text_parse(text, &out))
				continue;
			assert_int_equal(prefs_text_print(&out, again,
					     sizeof(again)),
			    0);
			assert_string_equal(again, text);
		}
	}
}

static void
what_must_not_be_kept_is_not_printed(void **state)
{
	struct wire_prefs prefs = { .mode = WIRE_MODE_MENU + 1 };
	char text[PREFS_TEXT_MAX];

	(void)state;
	assert_int_equal(prefs_text_print(&prefs, text, sizeof(text)), -1);
	prefs.mode = 0;
	prefs.escape = WIRE_ESCAPE_NONE + 1;
	assert_int_equal(prefs_text_print(&prefs, text, sizeof(text)), -1);
	prefs.escape = 0;
	memcpy(prefs.zone, "Europe/Berlin", 14);
	assert_int_equal(prefs_text_print(&prefs, text, sizeof(text)), -1);
	memcpy(prefs.tz, "UTC0\nmode line", 15);
	assert_int_equal(prefs_text_print(&prefs, text, sizeof(text)), -1);
	memcpy(prefs.tz, "UTC0", 5);
	assert_int_equal(prefs_text_print(&prefs, text, sizeof(text)), 0);
	memcpy(prefs.zone, "a\nb", 4);
	assert_int_equal(prefs_text_print(&prefs, text, sizeof(text)), -1);
}

static void
E12_a_zones_name_leads_nowhere_else(void **state)
{
	static const char *const good[] = { "UTC", "Europe/Berlin", "Etc/GMT+1",
		"America/Argentina/Buenos_Aires", "America/Port-au-Prince",
		"CST6CDT", "GMT0" };
	static const char *const bad[] = { "", "/", "/UTC", "UTC/", "a//b",
		".", "..", "../UTC", "Europe/../UTC", "zone.tab", "-UTC",
		"_", "1", "Europe/1", "a b", "a\n", "UTC\x7f", "\xc3\xa4",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(prefs_text_is_zone(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (prefs_text_is_zone(bad[i]))
			fail_msg("taken: %s", bad[i]);
}

/* glibc opens what it cannot read as a rule, or what begins with a colon. */
static void
E12_a_tz_is_a_rule_and_never_a_file(void **state)
{
	static const char *const good[] = { "UTC0", BERLIN, "<-02>2<-01>,"
		"M3.5.0/-1,M10.5.0/0", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
		"<+01>-1", "EST5EDT,M3.2.0,M11.1.0", "IST-1GMT0,M10.5.0,"
		"M3.5.0/1", "EST5EDT,J60/2,300/2:30:15" };
	static const char *const bad[] = { "", "UTC", ":UTC0", ":/etc/passwd",
		"/etc/passwd", "Europe/Berlin", "posix/UTC", "../../x",
		"UTC0/../../x", "CET-1CEST", "CET-1CEST,../x", "UTC0\n",
		"UTC 0", "A0", "<>0", "<a b>0", "<ab", "UTC0,M3", "UTC-:",
		"CET-1CEST,M3.5.0,M10.5.0/3,x" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!prefs_text_is_tz(good[i]))
			fail_msg("not taken: %s", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (prefs_text_is_tz(bad[i]))
			fail_msg("taken: %s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_is_parsed_as_it_was),
		cmocka_unit_test(
		    a_text_with_any_byte_changed_is_what_it_says_or_nothing),
		cmocka_unit_test(what_must_not_be_kept_is_not_printed),
		cmocka_unit_test(E12_a_zones_name_leads_nowhere_else),
		cmocka_unit_test(E12_a_tz_is_a_rule_and_never_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
