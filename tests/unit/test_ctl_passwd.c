/* SPDX-License-Identifier: ISC */

#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ctl/passwd.h"
#include "ctl/program.h"

static void
only_an_account_that_is_good_for_vpsh_alone_is_removed(void **state)
{
	char vpsh[] = VPSH_BIN, sh[] = "/bin/sh";
	struct passwd account = { .pw_name = vpsh, .pw_dir = sh };

	(void)state;
	account.pw_uid = 1000;
	account.pw_shell = vpsh;
	assert_true(passwd_is_removable(&account));
	account.pw_uid = 33;
	assert_false(passwd_is_removable(&account));
	account.pw_uid = 0;
	assert_false(passwd_is_removable(&account));
	account.pw_uid = 1000;
	account.pw_shell = sh;
	assert_false(passwd_is_removable(&account));
}

static void
a_program_gets_nothing_of_our_environment_and_no_input(void **state)
{
	char *const argv[] = { "/bin/sh", "-c",
		"cat; echo \"$SECRET.\" >&2; exit 7", NULL };
	char said[20];

	(void)state;
	assert_int_equal(setenv("SECRET", "x", 1), 0);
	assert_int_equal(program_run(argv, said, sizeof(said)), 7);
	assert_string_equal(said, ".\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    only_an_account_that_is_good_for_vpsh_alone_is_removed),
		cmocka_unit_test(
		    a_program_gets_nothing_of_our_environment_and_no_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
