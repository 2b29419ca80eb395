/* SPDX-License-Identifier: ISC */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "menu/cells.h"

#define E_ACUTE	 "\xc3\xa9"
#define HAN	 "\xe4\xb8\xad" /* two cells */
#define COMBINED "e\xcc\x81"	/* one cell, two characters */

static void
test_C11_what_acts_on_a_terminal_is_spelled(void **state)
{
	char out[256];

	(void)state;
	cells_visible(out, sizeof(out),
	    "\033[31m\xe2\x80\xae\x9b\x07 a\tb\xff" E_ACUTE, true);
	assert_string_equal(out,
	    "\\x1b[31m\\u{202e}\\x9b\\x07 a b\\xff" E_ACUTE);
}

static void
test_without_utf8_all_is_ascii(void **state)
{
	char out[256];

	(void)state;
	cells_visible(out, sizeof(out), "caf" E_ACUTE " " HAN "\xff", false);
	assert_string_equal(out, "caf\\u{00e9} \\u{4e2d}\\xff");
	cells_visible(out, 8, "caf" E_ACUTE, false);
	assert_string_equal(out, "caf");
}

static void
test_widths_are_cells(void **state)
{
	(void)state;
	assert_int_equal(cells_width(""), 0);
	assert_int_equal(cells_width("abc"), 3);
	assert_int_equal(cells_width("caf" E_ACUTE), 4);
	assert_int_equal(cells_width(HAN HAN), 4);
	assert_int_equal(cells_width(COMBINED), 1);
}

static void
test_a_cut_is_never_inside_a_character(void **state)
{
	char out[64];
	int cells, used;

	(void)state;
	for (cells = 0; cells <= 8; cells++) {
		cells_cut(out, sizeof(out), HAN HAN HAN HAN, cells, true);
		used = cells_width(out);
		assert_true(used <= cells);
		assert_true(used >= cells - 1);
	}
	cells_cut(out, sizeof(out), HAN HAN, 4, true);
	assert_string_equal(out, HAN HAN);
	cells_cut(out, sizeof(out), HAN HAN, 3, true);
	assert_string_equal(out, HAN "\xe2\x80\xa6");
	cells_cut(out, sizeof(out), "abcdef", 4, false);
	assert_string_equal(out, "abc>");
	cells_cut(out, sizeof(out), COMBINED "x", 1, true);
	assert_string_equal(out, "\xe2\x80\xa6");
	assert_int_equal(cells_fit(COMBINED "x", 1, &used), 3);
	assert_int_equal(used, 1);
}

/* All lines of it, with a bar between them. */
static const char *
wrapped(const char *text, int cells)
{
	static char out[256];
	const char *line;
	size_t n, len = 0;

	out[0] = '\0';
	while ((n = cells_line(&text, cells, &line)) > 0) {
		if (len > 0)
			out[len++] = '|';
		memcpy(out + len, line, n);
		len += n;
		out[len] = '\0';
	}
	return out;
}

static void
test_lines_break_at_blanks(void **state)
{
	(void)state;
	assert_string_equal(wrapped("your disk is kept", 9),
	    "your disk|is kept");
	assert_string_equal(wrapped("your disk is kept", 40),
	    "your disk is kept");
	assert_string_equal(wrapped("abcdefghij k", 4), "abcd|efgh|ij k");
	assert_string_equal(wrapped("  a  ", 4), "a");
	assert_string_equal(wrapped("", 4), "");
	assert_string_equal(wrapped(HAN HAN, 1), HAN "|" HAN);
	assert_int_equal(cells_lines("your disk is kept", 9), 2);
	assert_int_equal(cells_lines("", 9), 0);
}

static int
utf8(void **state)
{
	(void)state;
	return setlocale(LC_CTYPE, "C.UTF-8") != NULL ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C11_what_acts_on_a_terminal_is_spelled),
		cmocka_unit_test(test_without_utf8_all_is_ascii),
		cmocka_unit_test(test_widths_are_cells),
		cmocka_unit_test(test_a_cut_is_never_inside_a_character),
		cmocka_unit_test(test_lines_break_at_blanks),
	};

	return cmocka_run_group_tests(tests, utf8, NULL);
}
