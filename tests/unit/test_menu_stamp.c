/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "menu/stamp.h"

#define MOMENT INT64_C(1767600000000) /* 2026-01-05 08:00:00 UTC */

static void
zone(const char *tz)
{
	assert_int_equal(setenv("TZ", tz, 1), 0);
	tzset();
}

static void
moments_are_by_the_customers_zone(void **state)
{
	char out[STAMP_TEXT];

	(void)state;
	zone("UTC0");
	stamp_second(MOMENT, out);
	assert_string_equal(out, "2026-01-05 08:00:00");
	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	stamp_minute(MOMENT, out);
	assert_string_equal(out, "2026-01-05 09:00");
	stamp_time(MOMENT + 1999, out);
	assert_string_equal(out, "09:00:01");
	zone("PST8");
	stamp_date(MOMENT - 1, out);
	assert_string_equal(out, "2026-01-04");
}

static void
what_nobody_knows_is_blank(void **state)
{
	char out[STAMP_TEXT] = "x";

	(void)state;
	stamp_time(-1, out);
	assert_string_equal(out, "");
	stamp_minute(-1, out);
	assert_string_equal(out, "");
	/* Whatever year that is, it stays in its place. */
	stamp_minute(INT64_MAX, out);
	stamp_second(INT64_MIN, out);
	assert_string_equal(out, "");
}

static void
clocks_have_hours_only_when_there_are_any(void **state)
{
	static const struct {
		int64_t ms;
		const char *wanted;
	} cases[] = { { -5, "0:00" }, { 0, "0:00" }, { 7999, "0:07" },
		{ 59999, "0:59" }, { 60000, "1:00" }, { 754000, "12:34" },
		{ 3599999, "59:59" }, { 3723000, "1:02:03" },
		{ 360000000, "100:00:00" } };
	char out[STAMP_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		stamp_clock(cases[i].ms, out);
		assert_string_equal(out, cases[i].wanted);
	}
	stamp_clock(INT64_MAX, out);
}

static void
spans_are_words_in_a_sentence(void **state)
{
	static const struct {
		int64_t ms;
		const char *wanted;
	} cases[] = { { -5, "0 seconds" }, { 999, "0 seconds" },
		{ 1000, "1 second" }, { 59999, "59 seconds" },
		{ 60000, "1 minute" }, { 754000, "12 minutes" },
		{ 3600000, "1 hour" }, { 5460000, "1 hour 31 minutes" },
		{ 273600000, "3 days 4 hours" },
		{ 86460000, "1 day" } };
	char out[STAMP_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		stamp_span(cases[i].ms, out);
		assert_string_equal(out, cases[i].wanted);
	}
	stamp_span(INT64_MAX, out);
}

static void
a_clock_is_painted_when_it_changes(void **state)
{
	(void)state;
	assert_int_equal(stamp_next(1000, 1000), 2000);
	assert_int_equal(stamp_next(1001, 1000), 2000);
	assert_int_equal(stamp_next(1999, 1000), 2000);
	assert_int_equal(stamp_next(2000, 1000), 3000);
	assert_int_equal(stamp_next(1000, 1500), 1500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments_are_by_the_customers_zone),
		cmocka_unit_test(what_nobody_knows_is_blank),
		cmocka_unit_test(clocks_have_hours_only_when_there_are_any),
		cmocka_unit_test(spans_are_words_in_a_sentence),
		cmocka_unit_test(a_clock_is_painted_when_it_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
