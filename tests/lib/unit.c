/* SPDX-License-Identifier: ISC */

/*
 * Linked into every unit test in front of cmocka's own group runner, so that
 * tests/run can ask a program for its tests and run them one by one: a crash
 * or a hang is then one test's, not its whole file's.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

int __real__cmocka_run_group_tests(const char *, const struct CMUnitTest *,
    const size_t, CMFixtureFunction, CMFixtureFunction);
int __wrap__cmocka_run_group_tests(const char *, const struct CMUnitTest *,
    const size_t, CMFixtureFunction, CMFixtureFunction);

static bool ran;

static void check_ran(void) __attribute__((destructor));

/* A name that no group had is no test that passed. */
static void
check_ran(void)
{
	if (getenv("VPSH_UNIT_ONLY") != NULL && !ran)
		_exit(99);
}

static bool
has_test(const struct CMUnitTest *tests, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(tests[i].name, name) == 0)
			return true;
	return false;
}

int
__wrap__cmocka_run_group_tests(const char *group,
    const struct CMUnitTest *tests, const size_t count, CMFixtureFunction setup,
    CMFixtureFunction teardown)
{
	const char *only = getenv("VPSH_UNIT_ONLY");

	if (getenv("VPSH_UNIT_LIST") != NULL) {
		for (size_t i = 0; i < count; i++)
			printf("%s\n", tests[i].name);
		return 0;
	}
	if (only != NULL) {
		if (!has_test(tests, count, only))
			return 0;
		cmocka_set_test_filter(only);
		ran = true;
	}
	return __real__cmocka_run_group_tests(
	    group, tests, count, setup, teardown);
}
