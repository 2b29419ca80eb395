/* SPDX-License-Identifier: ISC */

#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "policy/folder.h"
#include "tests/unit/base_help.h"

/* Callers take a customer whose folder is missing for a new one. */
static void
a_folder_that_is_not_trusted_is_never_said_to_be_missing(void **state)
{
	char temp[64];
	int fd;

	(void)state;
	help_temp_enter(temp);
	assert_int_equal(mkdir("alice", 0700), 0);
	assert_int_equal(chmod("alice", 0770), 0);
	errno = ENOENT;
	assert_non_null(folder_open(AT_FDCWD, "alice", &fd));
	assert_int_equal(errno, EPERM);
	assert_int_equal(fd, -1);
	assert_int_equal(rmdir("alice"), 0);
	assert_non_null(folder_open(AT_FDCWD, "alice", &fd));
	assert_int_equal(errno, ENOENT);
	assert_int_equal(fd, -1);
	help_temp_leave(temp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_folder_that_is_not_trusted_is_never_said_to_be_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
