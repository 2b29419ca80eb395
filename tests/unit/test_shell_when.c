/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "shell/when.h"

/* 2026-11-21 15:00:00 UTC, 16:00 in Berlin. */
#define NOW INT64_C(1795273200000)

#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

static void
zone(const char *name)
{
	assert_int_equal(setenv("TZ", name, 1), 0);
	tzset();
}

static void
check(const char *text, int64_t wanted)
{
	int64_t got = -1;

	if (when_parse(text, NOW, &got) != 0)
		fail_msg("%s is not understood", text);
	if (got != wanted)
		fail_msg("%s: %lld, wanted %lld", text, (long long)got,
		    (long long)wanted);
}

static void
spans_count_back_from_now(void **state)
{
	(void)state;
	zone("UTC0");
	check("now", NOW);
	check("0s", NOW);
	check("90s", NOW - 90 * SECOND);
	check("10m", NOW - 600 * SECOND);
	check("2h", NOW - 2 * HOUR);
	check("3d", NOW - 3 * DAY);
	check("1w", NOW - 7 * DAY);
	check("1h30m", NOW - HOUR - 1800 * SECOND);
	check("1d12h", NOW - DAY - 12 * HOUR);
}

static void
RFC_3339_is_read_to_the_millisecond(void **state)
{
	(void)state;
	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	check("2026-11-21T15:00:00Z", NOW);
	check("2026-11-21t15:00:00.250z", NOW + 250);
	check("2026-11-21T15:00:00.1234567Z", NOW + 123);
	check("2026-11-21 16:00:00+01:00", NOW);
	check("2026-11-21T09:30:00-0530", NOW);
	check("1970-01-01T00:00:00Z", 0);
	check("2024-02-29T00:00:00Z", INT64_C(1709164800000));
}

static void
without_a_zone_it_is_local_time(void **state)
{
	(void)state;
	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	check("2026-11-21 16:00", NOW);
	check("2026-11-21", NOW - 16 * HOUR);
	check("2026-07-01 12:00", INT64_C(1782900000000));
	check("today 03:00", NOW - 13 * HOUR);
	check("TODAY 03:00:30", NOW - 13 * HOUR + 30 * SECOND);
	check("today", NOW - 16 * HOUR);
	check("yesterday", NOW - 40 * HOUR);
	check("yesterday 18:30", NOW - 21 * HOUR - 1800 * SECOND);
	check("03:00", NOW - 13 * HOUR);
	check("16:00", NOW);
	/* Later than it is now: that was yesterday. */
	check("16:01", NOW - DAY + 60 * SECOND);
	check("23:59:59", NOW - 16 * HOUR - SECOND);
}

static void
a_day_without_its_usual_length_is_a_day(void **state)
{
	int64_t wall;

	(void)state;
	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	/* 26 October 2026, noon: the day before had 25 hours. */
	assert_int_equal(when_parse("yesterday", INT64_C(1793012400000), &wall),
	    0);
	assert_int_equal(wall, INT64_C(1792879200000));
	assert_int_equal(when_parse("23:00", INT64_C(1793012400000), &wall),
	    0);
	assert_int_equal(wall, INT64_C(1792965600000));
}

static void
what_is_no_time_is_refused(void **state)
{
	static const char *const texts[] = { "", " ", "x", "10", "m", "-5m",
		"10 m", "10mm", "5m1h", "1h1h", "1.5h", "10m ", "+1h", "1M",
		"99999999999999999999d", "9223372036854775807s", "100w100000d",
		"24:00", "12:60", "3:00", "12:00:61", "12:00:", "12:00:00.",
		"2026-13-01", "2026-02-30", "2025-02-29", "2026-00-10",
		"2026-01-00", "26-01-01", "2026-1-1", "2026-11-21T",
		"0000-00-00",
		"2026-11-21T15:00:00X", "2026-11-21T15:00:00+25:00",
		"2026-11-21T15:00:00+01:0", "2026-11-21T15:00:00Zx",
		"2026-11-21_15:00", "1969-12-31T23:59:59Z", "1900-01-01",
		"tomorrow", "today03:00", "today 24:00", "yesterdayx", "noon",
		"2026-11-21 15:00 16:00", "%s", "now now" };
	int64_t wall;
	size_t i;

	(void)state;
	zone("UTC0");
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (when_parse(texts[i], NOW, &wall) == 0)
			fail_msg("\"%s\" is %lld", texts[i], (long long)wall);
}

static void
random_texts_are_refused_or_within_history(void **state)
{
	static const char alphabet[] = "0123456789:-TZ+. dhmswtoayn";
	char text[40];
	unsigned round;
	int64_t wall;
	size_t i, len;

	(void)state;
	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	srandom(20261121);
	for (round = 0; round < 200000; round++) {
		len = (size_t)random() % (sizeof(text) - 1);
		for (i = 0; i < len; i++)
			text[i] = round % 8 == 0 ?
			    (char)(random() % 255 + 1) :
			    alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		text[len] = '\0';
		if (when_parse(text, NOW, &wall) == 0)
			assert_true(wall >= 0 &&
			    wall < INT64_C(253402300800000) + DAY);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_count_back_from_now),
		cmocka_unit_test(RFC_3339_is_read_to_the_millisecond),
		cmocka_unit_test(without_a_zone_it_is_local_time),
		cmocka_unit_test(a_day_without_its_usual_length_is_a_day),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(random_texts_are_refused_or_within_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
