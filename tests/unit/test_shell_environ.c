/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "shell/environ.h"

#define HUGE 65536

static struct environ_claims claims;

static void
scrub(void)
{
	free(claims.original);
	assert_int_equal(environ_scrub(&claims), 0);
}

/* Only these three may be there afterwards. */
static void
assert_only_ours_is_left(void)
{
	char **e;

	for (e = environ; e != NULL && *e != NULL; e++)
		assert_true(strncmp(*e, "TERM=", 5) == 0 ||
		    strncmp(*e, "LC_CTYPE=", 9) == 0 ||
		    strncmp(*e, "TZ=", 3) == 0);
}

static void
assert_variable(const char *name, const char *in, const char *out)
{
	clearenv();
	assert_int_equal(setenv(name, in, 1), 0);
	scrub();
	assert_only_ours_is_left();
	if (out == NULL)
		assert_null(getenv(name));
	else
		assert_string_equal(getenv(name), out);
}

static char *
huge(void)
{
	char *value = malloc(HUGE);

	assert_non_null(value);
	memset(value, 'a', HUGE - 1);
	value[HUGE - 1] = '\0';
	return value;
}

static void
C01_an_odd_TERM_becomes_vt100(void **state)
{
	char *value = huge();

	(void)state;
	assert_variable("TERM", "xterm-256color", "xterm-256color");
	assert_variable("TERM", "screen.xterm+x", "screen.xterm+x");
	assert_variable("TERM", "", "vt100");
	assert_variable("TERM", "../../../../tmp/x", "vt100");
	assert_variable("TERM", "/tmp/x", "vt100");
	assert_variable("TERM", ".x", "vt100");
	assert_variable("TERM", "x..y", "vt100");
	assert_variable("TERM", "$(id)", "vt100");
	assert_variable("TERM", "x\033[31m", "vt100");
	assert_variable("TERM", value, "vt100");
	clearenv();
	scrub();
	assert_string_equal(getenv("TERM"), "vt100");
	free(value);
}

static void
C03_loader_and_libc_variables_are_gone(void **state)
{
	static const char *const names[] = { "LD_PRELOAD", "LD_LIBRARY_PATH",
		"LD_AUDIT", "GCONV_PATH", "LOCPATH", "NLSPATH", "TZDIR",
		"MALLOC_PERTURB_", "GLIBC_TUNABLES", "TERMINFO",
		"TERMINFO_DIRS", "TERMCAP", "PATH", "HOME", "IFS", "CDPATH",
		"LANGUAGE", "LC_MESSAGES", "SSH_CONNECTION",
		"SSH_ORIGINAL_COMMAND", "SSH_AUTH_SOCK", "SSH_TTY", "VPSH_X" };
	size_t i;

	(void)state;
	clearenv();
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(setenv(names[i], "/tmp/evil", 1), 0);
	scrub();
	assert_only_ours_is_left();
}

static void
C04_shell_functions_and_start_files_are_gone(void **state)
{
	char function[] = "BASH_FUNC_x%%=() { :;}; id";
	char broken[] = "no equals sign";

	(void)state;
	clearenv();
	assert_int_equal(putenv(function), 0);
	assert_int_equal(setenv("BASH_ENV", "/tmp/evil", 1), 0);
	assert_int_equal(setenv("ENV", "/tmp/evil", 1), 0);
	assert_int_equal(setenv("SHELLOPTS", "xtrace", 1), 0);
	environ[0] = broken;
	scrub();
	assert_only_ours_is_left();
	assert_variable("TERM", "() { :;}; id", "vt100");
}

static void
C06_an_unknown_or_huge_locale_becomes_C_UTF_8(void **state)
{
	char *value = huge();

	(void)state;
	assert_variable("LC_CTYPE", "C.UTF-8", "C.UTF-8");
	assert_variable("LC_CTYPE", "xx_XX.nothing", "C.UTF-8");
	assert_variable("LC_CTYPE", "../../tmp/evil", "C.UTF-8");
	assert_variable("LC_CTYPE", "/tmp/evil", "C.UTF-8");
	assert_variable("LC_CTYPE", value, "C.UTF-8");
	assert_variable("LANG", "POSIX", NULL);
	assert_string_equal(getenv("LC_CTYPE"), "POSIX");
	/* As setlocale(3) has it: LC_ALL before the others, good or bad. */
	clearenv();
	assert_int_equal(setenv("LC_ALL", "/tmp/evil", 1), 0);
	assert_int_equal(setenv("LANG", "POSIX", 1), 0);
	scrub();
	assert_string_equal(getenv("LC_CTYPE"), "C.UTF-8");
	free(value);
}

static void
C06_a_time_zone_is_a_name_and_never_a_file(void **state)
{
	(void)state;
	assert_variable("TZ", "Europe/Berlin", "Europe/Berlin");
	assert_variable("TZ", "UTC", "UTC");
	/* The host's own: named, so that nothing looks for it later. */
	assert_variable("TZ", "", ":/etc/localtime");
	assert_variable("TZ", "/etc/shadow", ":/etc/localtime");
	assert_variable("TZ", ":/etc/shadow", ":/etc/localtime");
	assert_variable("TZ", "../../../etc/shadow", ":/etc/localtime");
	assert_variable("TZ", "Europe/../../x", ":/etc/localtime");
}

static void
what_sshd_says_is_read_once(void **state)
{
	(void)state;
	clearenv();
	assert_int_equal(setenv("SSH_CONNECTION",
			     "203.0.113.5 40000 192.0.2.1 22", 1),
	    0);
	assert_int_equal(setenv("SSH_ORIGINAL_COMMAND", "list \x1b", 1), 0);
	scrub();
	assert_string_equal(claims.origin, "203.0.113.5");
	assert_string_equal(claims.original, "list \x1b");
	assert_only_ours_is_left();
	scrub();
	assert_string_equal(claims.origin, "");
	assert_null(claims.original);
}

static void
G01_an_origin_that_is_no_address_is_dropped(void **state)
{
	static const char *const origins[] = { "x\nlogin of root", "",
		" 1.2.3.4", "1.2.3.4", "$(id) 1", "1.2.3.4\x1b[2J 1 2 3",
		"11111111112222222222333333333344444444445555555555"
		"66666666667777777777 1 2 3" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		clearenv();
		assert_int_equal(setenv("SSH_CONNECTION", origins[i], 1), 0);
		scrub();
		assert_string_equal(claims.origin, "");
	}
	clearenv();
	assert_int_equal(setenv("SSH_CONNECTION", "2001:db8::1 1 2 3", 1), 0);
	scrub();
	assert_string_equal(claims.origin, "2001:db8::1");
}

static void
a_wish_is_read_and_gone(void **state)
{
	static const struct {
		const char *value;
		enum wire_mode wish;
	} cases[] = { { "line", WIRE_MODE_LINE }, { "menu", WIRE_MODE_MENU },
		{ "", WIRE_MODE_DEFAULT }, { "LINE", WIRE_MODE_DEFAULT },
		{ "line\n", WIRE_MODE_DEFAULT },
		{ "../line", WIRE_MODE_DEFAULT } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_variable("LC_VPSH", cases[i].value, NULL);
		assert_int_equal(claims.wish, cases[i].wish);
	}
	clearenv();
	scrub();
	assert_int_equal(claims.wish, WIRE_MODE_DEFAULT);
}

static void
what_the_terminal_is_like_is_known_and_gone(void **state)
{
	(void)state;
	assert_variable("NO_COLOR", "1", NULL);
	assert_true(claims.no_color);
	assert_variable("NO_COLOR", "", NULL);
	assert_false(claims.no_color);
	assert_false(claims.term);
	assert_variable("TERM", "xterm", "xterm");
	assert_true(claims.term);
	assert_variable("TERM", "dumb", "dumb");
	assert_false(claims.term);
	assert_variable("TERM", "../x", "vt100");
	assert_false(claims.term);
	assert_variable("LANG", "xx_YY.UTF-8", NULL);
	assert_true(claims.utf8);
	assert_variable("LANG", "de_DE", NULL);
	assert_false(claims.utf8);
	clearenv();
	scrub();
	assert_false(claims.utf8);
}

static void
a_time_zone_that_is_preferred_counts_until_it_is_not(void **state)
{
	const time_t summer = 1782900000;
	struct tm tm;

	(void)state;
	assert_variable("TZ", "UTC", "UTC");
	environ_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	assert_non_null(localtime_r(&summer, &tm));
	assert_int_equal(tm.tm_gmtoff, 7200);
	environ_zone("");
	assert_non_null(localtime_r(&summer, &tm));
	assert_int_equal(tm.tm_gmtoff, 0);
	assert_only_ours_is_left();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wish_is_read_and_gone),
		cmocka_unit_test(what_the_terminal_is_like_is_known_and_gone),
		cmocka_unit_test(
		    a_time_zone_that_is_preferred_counts_until_it_is_not),
		cmocka_unit_test(C01_an_odd_TERM_becomes_vt100),
		cmocka_unit_test(C03_loader_and_libc_variables_are_gone),
		cmocka_unit_test(C04_shell_functions_and_start_files_are_gone),
		cmocka_unit_test(C06_an_unknown_or_huge_locale_becomes_C_UTF_8),
		cmocka_unit_test(C06_a_time_zone_is_a_name_and_never_a_file),
		cmocka_unit_test(what_sshd_says_is_read_once),
		cmocka_unit_test(G01_an_origin_that_is_no_address_is_dropped),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(claims.original);
	return failed;
}
