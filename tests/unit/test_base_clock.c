/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static void
rfc3339_is_utc_with_milliseconds(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ INT64_C(951782399999), "2000-02-28T23:59:59.999Z" },
		{ INT64_C(951782400000), "2000-02-29T00:00:00.000Z" },
		{ INT64_C(1769850000000), "2026-01-31T09:00:00.000Z" },
		{ INT64_C(4107542400001), "2100-03-01T00:00:00.001Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ -1000, "1969-12-31T23:59:59.000Z" },
		{ -1001, "1969-12-31T23:59:58.999Z" },
	};
	char out[CLOCK_RFC3339_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		clock_rfc3339(cases[i].ms, out);
		assert_string_equal(out, cases[i].text);
	}
}

static void
rfc3339_of_absurd_times_stays_a_date(void **state)
{
	char out[CLOCK_RFC3339_LEN];

	(void)state;
	clock_rfc3339(INT64_MAX, out);
	assert_string_equal(out, "9999-12-31T23:59:59.999Z");
	clock_rfc3339(INT64_MIN, out);
	assert_string_equal(out, "0000-01-01T00:00:00.000Z");
}

static void
clocks_are_milliseconds_of_their_kind(void **state)
{
	struct timespec wall, boot;
	int64_t first = clock_ms();

	(void)state;
	clock_gettime(CLOCK_REALTIME, &wall);
	assert_in_range(clock_wall_ms() - (int64_t)wall.tv_sec * 1000, 0,
	    60000);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	assert_in_range(clock_boot_ms() - (int64_t)boot.tv_sec * 1000, 0,
	    60000);
	assert_in_range(clock_ms() - first, 0, 60000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3339_is_utc_with_milliseconds),
		cmocka_unit_test(rfc3339_of_absurd_times_stays_a_date),
		cmocka_unit_test(clocks_are_milliseconds_of_their_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
