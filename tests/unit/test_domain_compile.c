/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fd.h"
#include "domain/compile.h"
#include "tests/unit/base_help.h"

/*
 * xl itself needs Xen; a script in its place shows what it would be given
 * and does what xl might do.
 */
static char temp[64];

static int
enter(void **state)
{
	(void)state;
	umask(022);
	help_temp_enter(temp);
	return 0;
}

static int
leave(void **state)
{
	(void)state;
	help_temp_leave(temp);
	return 0;
}

static void
put(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static const char *
xl(const char *script)
{
	static char path[80];

	put("xl", script, 0755);
	snprintf(path, sizeof(path), "%s/xl", temp);
	return path;
}

static void
the_output_of_xl_is_taken_whole(void **state)
{
	struct compile out;

	(void)state;
	put("guest.cfg", "name = \"alice-web\"\n", 0644);
	assert_int_equal(compile_file(xl("#!/bin/sh\ncat \"$5\"\n"),
	    "guest.cfg", "", &out), COMPILE_OK);
	assert_string_equal(out.json, "name = \"alice-web\"\n");
	assert_int_equal(out.len, 19);
	free(out.json);
}

static void
our_setting_comes_first_and_moves_no_line(void **state)
{
	struct compile out;

	(void)state;
	put("guest.cfg", "name = \"alice-web\"\n", 0644);
	assert_int_equal(compile_file(xl("#!/bin/sh\ncat \"$5\"\n"),
	    "guest.cfg", "uuid = \"x\"; ", &out), COMPILE_OK);
	assert_string_equal(out.json,
	    "uuid = \"x\"; name = \"alice-web\"\n");
	free(out.json);
}

static void
E12_xl_gets_fixed_arguments_and_nothing_of_our_environment(void **state)
{
	struct compile out;

	(void)state;
	put("a=b.cfg", "", 0644);
	/* As every worker does first. */
	assert_int_equal(fd_cloexec_from(3), 0);
	assert_int_equal(setenv("SSH_ORIGINAL_COMMAND", "evil", 1), 0);
	assert_int_equal(compile_file(xl("#!/bin/sh\necho \"$@\"\n"
	    "tr '\\0' '\\n' </proc/$$/environ\nls /proc/$$/fd | sort -n\n"),
	    "a=b.cfg", "", &out), COMPILE_OK);
	unsetenv("SSH_ORIGINAL_COMMAND");
	/* Descriptor 10 is the shell's own: its script. */
	assert_string_equal(out.json, "-N create -q -f /dev/stdin\n"
	    "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\n"
	    "0\n1\n2\n10\n");
	free(out.json);
}

static void
what_xl_complains_names_the_operator_s_file(void **state)
{
	struct compile out;

	(void)state;
	put("guest.cfg", "nonsense", 0644);
	assert_int_equal(compile_file(xl("#!/bin/sh\n"
	    "echo 'Parsing config from /dev/stdin' >&2\n"
	    "echo '/dev/stdin:1: syntax error' >&2\n"
	    "echo 'Failed to parse /dev/stdin' >&2\nexit 1\n"), "guest.cfg",
	    "", &out), COMPILE_XL);
	assert_string_equal(out.said,
	    "guest.cfg:1: syntax error Failed to parse guest.cfg");
	free(out.json);
}

static void
a_long_complaint_is_cut_and_xl_not_blocked(void **state)
{
	struct compile out;

	(void)state;
	put("guest.cfg", "", 0644);
	assert_int_equal(compile_file(xl("#!/bin/sh\n"
	    "head -c 300000 /dev/zero | tr '\\0' /dev/stdin >&2\nexit 3\n"),
	    "guest.cfg", "", &out), COMPILE_XL);
	assert_int_equal(strlen(out.said), sizeof(out.said) - 1);
	free(out.json);
}

static void
too_much_output_ends_xl(void **state)
{
	struct compile out;

	(void)state;
	put("guest.cfg", "", 0644);
	assert_int_equal(compile_file(xl("#!/bin/sh\nexec cat /dev/zero\n"),
	    "guest.cfg", "", &out), COMPILE_RUN);
	free(out.json);
}

static void
an_xl_that_is_not_there_is_no_mistake_of_the_file(void **state)
{
	struct compile out;

	(void)state;
	put("guest.cfg", "", 0644);
	assert_int_equal(compile_file("/nonexistent/xl", "guest.cfg", "", &out),
	    COMPILE_RUN);
	assert_non_null(strstr(out.said, "/nonexistent/xl"));
	free(out.json);
}

static void
E12_a_configuration_that_others_could_swap_is_refused(void **state)
{
	const char *never = xl("#!/bin/sh\n: >ran\n");
	struct compile out;

	(void)state;
	assert_int_equal(compile_file(never, "absent.cfg", "", &out),
	    COMPILE_MISSING);
	put("real.cfg", "", 0644);
	assert_int_equal(symlink("real.cfg", "link.cfg"), 0);
	assert_int_equal(compile_file(never, "link.cfg", "", &out),
	    COMPILE_FILE);
	assert_int_equal(mkfifo("fifo.cfg", 0600), 0);
	assert_int_equal(compile_file(never, "fifo.cfg", "", &out),
	    COMPILE_FILE);
	assert_int_equal(chmod("real.cfg", 0666), 0);
	assert_int_equal(compile_file(never, "real.cfg", "", &out),
	    COMPILE_FILE);
	assert_null(out.json);
	assert_non_null(strstr(out.said, "real.cfg"));
	assert_int_equal(access("ran", F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    the_output_of_xl_is_taken_whole, enter, leave),
		cmocka_unit_test_setup_teardown(
		    our_setting_comes_first_and_moves_no_line,
		    enter, leave),
		cmocka_unit_test_setup_teardown(
		    E12_xl_gets_fixed_arguments_and_nothing_of_our_environment,
		    enter, leave),
		cmocka_unit_test_setup_teardown(
		    what_xl_complains_names_the_operator_s_file, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    a_long_complaint_is_cut_and_xl_not_blocked, enter, leave),
		cmocka_unit_test_setup_teardown(too_much_output_ends_xl,
		    enter, leave),
		cmocka_unit_test_setup_teardown(
		    an_xl_that_is_not_there_is_no_mistake_of_the_file, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    E12_a_configuration_that_others_could_swap_is_refused,
		    enter, leave),
	};

	return cmocka_run_group_tests_name("domain_compile", tests, NULL,
	    NULL);
}
