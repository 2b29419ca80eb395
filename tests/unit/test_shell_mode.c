/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shell/mode.h"
#include "wire/err.h"

#define OTHER_PATH "/opt/test/vpsh" /* where the kernel found us */
#define LINE	   NULL		    /* reads commands */
#define WRONG	   "\n"		    /* the usage */

static const struct {
	const char *argv[6];
	const char *original;
	const char *command;
} cases[] = {
	{ { "-vpsh" }, NULL, LINE },
	{ { "vpsh" }, NULL, LINE },
	{ { "vpsh", "list" }, NULL, "list" },
	{ { "vpsh", "start", "web" }, "destroy web", "start web" },
	{ { "vpsh", "-S", "/s", "log", "web" }, NULL, "log web" },
	{ { "vpsh", "-S", "/s" }, "list", LINE },
	{ { "vpsh", "-S" }, NULL, WRONG },
	{ { "vpsh", "-x", "y" }, NULL, WRONG },
	{ { "vpsh", "--help" }, NULL, WRONG },
	{ { "vpsh", "-c" }, NULL, WRONG },
	{ { "vpsh", "-c", "list", "web" }, NULL, WRONG },
	{ { "vpsh", "-c", "-S /tmp/evil list" }, NULL, "-S /tmp/evil list" },
	{ { "vpsh", "-c", "" }, NULL, "" },
	{ { "vpsh", "-c", "sh -c id" }, NULL, "sh -c id" },
};

static void
check(const char *const argv[], const char *original, const char *command)
{
	struct mode mode;
	int argc;

	for (argc = 0; argc < 6 && argv[argc] != NULL; argc++)
		continue;
	if (command != LINE && strcmp(command, WRONG) == 0) {
		assert_int_equal(mode_decide(&mode, argc,
				     (char *const *)(uintptr_t)argv, OTHER_PATH,
				     original),
		    -1);
		return;
	}
	assert_int_equal(mode_decide(&mode, argc,
			     (char *const *)(uintptr_t)argv, OTHER_PATH,
			     original),
	    0);
	assert_int_equal(mode.line, command == LINE);
	if (command != LINE)
		assert_string_equal(mode.command, command);
}

static void
arguments_decide_the_mode(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(cases[i].argv, cases[i].original, cases[i].command);
}

static void
check_forced(const char *forced, const char *original, const char *command)
{
	const char *const argv[6] = { "vpsh", "-c", forced };

	check(argv, original, command);
}

static void
H08_original_command_counts_only_under_our_own_path(void **state)
{
	(void)state;
	check_forced(VPSH_BIN, "list", "list");
	check_forced(OTHER_PATH, "list", "list");
	check_forced(" " VPSH_BIN "  ", "start web", "start web");
	check_forced(VPSH_BIN, NULL, LINE);
	check_forced(VPSH_BIN, "", LINE);
	check_forced(VPSH_BIN, "   ", LINE);
	check_forced("list", "destroy web --yes", "list");
	check_forced("/bin/sh", "list", "/bin/sh");
	check_forced("vpsh", "list", "vpsh");
	check_forced(VPSH_BIN "x", "list", VPSH_BIN "x");
	check_forced("x" VPSH_BIN, "list", "x" VPSH_BIN);
	check_forced("/bin" VPSH_BIN, "list", "/bin" VPSH_BIN);
	check_forced("\"" VPSH_BIN "\"", "list", "\"" VPSH_BIN "\"");
}

static void
H08_a_command_pinned_by_the_operator_stays(void **state)
{
	(void)state;
	check_forced(VPSH_BIN " list", "destroy web --yes", " list");
	check_forced(OTHER_PATH " status web", "list", " status web");
}

static void
A04_options_in_a_command_never_reach_our_own(void **state)
{
	const char *const argv[6] = { "vpsh", "-c", VPSH_BIN };
	struct mode mode;

	(void)state;
	assert_int_equal(mode_decide(&mode, 3, (char *const *)(uintptr_t)argv,
			     OTHER_PATH, "-S /tmp/evil -p /tmp list"),
	    0);
	assert_null(mode.socket);
	assert_null(mode.root);
	assert_string_equal(mode.command, "-S /tmp/evil -p /tmp list");
}

static void
operators_may_name_another_socket_and_root(void **state)
{
	const char *const argv[] = { "vpsh", "-p", "/d", "-S", "s", "list" };
	struct mode mode;

	(void)state;
	assert_int_equal(mode_decide(&mode, 6, (char *const *)(uintptr_t)argv,
			     NULL, NULL),
	    0);
	assert_string_equal(mode.root, "/d");
	assert_string_equal(mode.socket, "s");
	assert_string_equal(mode.command, "list");
}

static void
words_that_do_not_fit_are_refused_later_and_not_cut(void **state)
{
	char word[WORDS_LINE_MAX + 20];
	const char *const argv[] = { "vpsh", "list", word };
	struct words words;
	struct mode mode;

	(void)state;
	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_int_equal(mode_decide(&mode, 3, (char *const *)(uintptr_t)argv,
			     NULL, NULL),
	    0);
	assert_int_equal(words_split(&words, mode.command,
			     strlen(mode.command)),
	    VPSH_ERR_USAGE);
}

static const struct {
	const char *argv[6];
	const char *original;
	enum wire_mode wish;
	bool line;
} wishes[] = {
	{ { "-vpsh" }, NULL, WIRE_MODE_DEFAULT, true },
	{ { "vpsh", "--line" }, NULL, WIRE_MODE_LINE, true },
	{ { "vpsh", "--line", "-S", "/s" }, NULL, WIRE_MODE_LINE, true },
	{ { "vpsh", "-S", "/s", "--line" }, NULL, WIRE_MODE_LINE, true },
	{ { "vpsh", "line" }, NULL, WIRE_MODE_LINE, true },
	{ { "vpsh", "-c", "line" }, NULL, WIRE_MODE_LINE, true },
	{ { "vpsh", "-c", "  menu " }, NULL, WIRE_MODE_MENU, true },
	{ { "vpsh", "-c", VPSH_BIN }, "menu", WIRE_MODE_MENU, true },
	{ { "vpsh", "-c", VPSH_BIN " line" }, NULL, WIRE_MODE_LINE, true },
	/* What the operator pinned stays, and so does all else. */
	{ { "vpsh", "-c", VPSH_BIN " list" }, "menu", WIRE_MODE_DEFAULT,
	    false },
	{ { "vpsh", "-c", "list" }, "menu", WIRE_MODE_DEFAULT, false },
	{ { "vpsh", "-c", "line web" }, NULL, WIRE_MODE_DEFAULT, false },
	{ { "vpsh", "-c", "lines" }, NULL, WIRE_MODE_DEFAULT, false },
	{ { "vpsh", "-c", "Menu" }, NULL, WIRE_MODE_DEFAULT, false },
	{ { "vpsh", "-c", "--line" }, NULL, WIRE_MODE_DEFAULT, false },
};

static void
one_word_wishes_for_lines_or_the_menu(void **state)
{
	struct mode mode;
	size_t i;
	int argc;

	(void)state;
	for (i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		for (argc = 0; wishes[i].argv[argc] != NULL; argc++)
			continue;
		assert_int_equal(
		    mode_decide(&mode, argc,
			(char *const *)(uintptr_t)wishes[i].argv, OTHER_PATH,
			wishes[i].original),
		    0);
		assert_int_equal(mode.wish, wishes[i].wish);
		assert_int_equal(mode.line, wishes[i].line);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_word_wishes_for_lines_or_the_menu),
		cmocka_unit_test(arguments_decide_the_mode),
		cmocka_unit_test(
		    H08_original_command_counts_only_under_our_own_path),
		cmocka_unit_test(H08_a_command_pinned_by_the_operator_stays),
		cmocka_unit_test(A04_options_in_a_command_never_reach_our_own),
		cmocka_unit_test(operators_may_name_another_socket_and_root),
		cmocka_unit_test(
		    words_that_do_not_fit_are_refused_later_and_not_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
