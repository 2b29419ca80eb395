/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "menu/spark.h"

static void
check(const int64_t *samples, size_t n, size_t cells, int64_t top, bool utf8,
    const char *wanted)
{
	char out[40 * SPARK_CELL + 1];

	spark_draw(out, cells * SPARK_CELL + 1, samples, n, cells, top, utf8);
	assert_string_equal(out, wanted);
}

static void
eighths_are_eight_blocks(void **state)
{
	const int64_t samples[] = { 125, 250, 375, 500, 625, 750, 875, 1000 };

	(void)state;
	check(samples, 8, 8, 1000, true,
	    "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588");
	check(samples, 8, 8, 1000, false, "_.:-=+*#");
}

static void
what_is_little_is_still_seen_and_too_much_is_full(void **state)
{
	const int64_t samples[] = { 0, 1, 126, 1001, INT64_MAX };

	(void)state;
	check(samples, 5, 5, 1000, false, "__.##");
}

static void
samples_stand_on_the_right_and_the_oldest_go(void **state)
{
	const int64_t samples[] = { 1000, 500, 1 };

	(void)state;
	check(samples, 3, 5, 1000, false, "  #-_");
	check(samples, 3, 2, 1000, false, "-_");
	check(samples, 0, 3, 1000, false, "   ");
	check(samples, 3, 0, 1000, false, "");
}

static void
without_a_top_the_greatest_is_full(void **state)
{
	const int64_t samples[] = { 0, 3, 6, 12 }, idle[] = { 0, 0 };

	(void)state;
	check(samples, 4, 4, 0, false, "_.-#");
	check(idle, 2, 2, 0, false, "__");
}

static void
what_nobody_measured_is_blank(void **state)
{
	const int64_t samples[] = { SPARK_NONE, 8, SPARK_NONE, 8 };

	(void)state;
	check(samples, 4, 4, 8, false, " # #");
}

static void
a_small_buffer_cuts_between_cells(void **state)
{
	const int64_t samples[] = { 8, 8, 8 };
	char out[8];

	(void)state;
	spark_draw(out, 8, samples, 3, 3, 8, true);
	assert_string_equal(out, "\u2588\u2588");
	spark_draw(out, 1, samples, 3, 3, 8, true);
	assert_string_equal(out, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eighths_are_eight_blocks),
		cmocka_unit_test(
		    what_is_little_is_still_seen_and_too_much_is_full),
		cmocka_unit_test(samples_stand_on_the_right_and_the_oldest_go),
		cmocka_unit_test(without_a_top_the_greatest_is_full),
		cmocka_unit_test(what_nobody_measured_is_blank),
		cmocka_unit_test(a_small_buffer_cuts_between_cells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
