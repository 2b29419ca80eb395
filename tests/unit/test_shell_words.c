/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shell/words.h"
#include "wire/err.h"

/* A line in, its words joined with | out, or the error. */
static const struct {
	const char *line;
	int err;
	const char *words;
} cases[] = {
	{ "", 0, "" },
	{ "   ", 0, "" },
	{ "list", 0, "list" },
	{ "  start   web  ", 0, "start|web" },
	{ "start \"web\"", 0, "start|web" },
	{ "start \"two words\" x", 0, "start|two words|x" },
	{ "a\"b c\"d", 0, "ab cd" },
	{ "\"\"", 0, "" },
	{ "start \"\" x", 0, "start||x" },
	{ "it's", 0, "it's" },
	{ "a\\ b", 0, "a\\|b" },
	{ "log web --lines 5", 0, "log|web|--lines|5" },
	{ "start \"web", VPSH_ERR_QUOTE, NULL },
	{ "\"", VPSH_ERR_QUOTE, NULL },
	{ "a b c d e f g h i j k l m n o p", 0,
	    "a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p" },
	{ "a b c d e f g h i j k l m n o p q", VPSH_ERR_USAGE, NULL },
};

static void
check_case(const char *line, int err, const char *wanted)
{
	char joined[WORDS_LINE_MAX * 2 + 1] = "";
	size_t len = 0;
	struct words words;
	size_t i;

	assert_int_equal(words_split(&words, line, strlen(line)), err);
	if (err != 0) {
		assert_int_equal(words.n, 0);
		assert_null(words.word[0]);
		return;
	}
	for (i = 0; i < words.n; i++, len = strlen(joined))
		snprintf(joined + len, sizeof(joined) - len, "%s%s",
		    i > 0 ? "|" : "", words.word[i]);
	assert_string_equal(joined, wanted);
	assert_null(words.word[words.n]);
}

static void
lines_become_words_or_are_refused(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_case(cases[i].line, cases[i].err, cases[i].words);
}

static void
A02_shell_characters_are_only_characters(void **state)
{
	static const char *const lines[] = { "list;id", "list|id", "list&&id",
		"$(id)", "`id`", "list>x", "list<x", "*", "~", "!1", "#x",
		"${HOME}", "{a,b}", "a\\;b", "%s%n" };
	struct words words;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(words_split(&words, lines[i],
				     strlen(lines[i])),
		    0);
		assert_int_equal(words.n, 1);
		assert_string_equal(words.word[0], lines[i]);
	}
}

static void
A03_control_and_8_bit_bytes_are_refused_wherever_they_are(void **state)
{
	char line[] = "list \"x x\" x";
	struct words words;
	size_t at;
	int byte;

	(void)state;
	for (byte = 0; byte < 256; byte++) {
		if (byte >= 0x20 && byte <= 0x7e)
			continue;
		for (at = 0; at < sizeof(line) - 1; at++) {
			char kept = line[at];

			line[at] = (char)byte;
			assert_int_equal(words_split(&words, line,
					     sizeof(line) - 1),
			    VPSH_ERR_BYTES);
			assert_int_equal(words.n, 0);
			line[at] = kept;
		}
	}
}

static void
a_line_is_refused_as_a_whole_when_it_is_too_long(void **state)
{
	char line[WORDS_LINE_MAX + 1];
	struct words words;

	(void)state;
	memset(line, 'a', sizeof(line));
	assert_int_equal(words_split(&words, line, WORDS_LINE_MAX), 0);
	assert_int_equal(strlen(words.word[0]), WORDS_LINE_MAX);
	assert_int_equal(words_split(&words, line, WORDS_LINE_MAX + 1),
	    VPSH_ERR_USAGE);
	assert_int_equal(words.n, 0);
	/* A bad byte behind the limit is still a bad byte. */
	line[WORDS_LINE_MAX] = '\n';
	assert_int_equal(words_split(&words, line, sizeof(line)),
	    VPSH_ERR_BYTES);
}

/*
 * Whatever comes in: either nothing, or words that are made of the line's
 * own printable characters, in order, all of them but blanks and quotes.
 */
static void
check_property(const char *line, size_t len)
{
	char *copy = malloc(len + 1);
	const char *at = line;
	struct words words;
	size_t i, j;

	/* On the heap and of its size, so that a sanitizer sees overruns. */
	assert_non_null(copy);
	memcpy(copy, line, len);
	if (words_split(&words, copy, len) != 0) {
		assert_int_equal(words.n, 0);
		free(copy);
		return;
	}
	free(copy);
	assert_true(words.n <= WORDS_MAX);
	for (i = 0; i < words.n; i++) {
		for (j = 0; words.word[i][j] != '\0'; j++) {
			while (*at == '"' ||
			    (*at == ' ' && words.word[i][j] != ' '))
				at++;
			assert_int_equal(*at, words.word[i][j]);
			at++;
		}
	}
	for (; at < line + len; at++)
		assert_true(*at == ' ' || *at == '"');
}

static void
random_lines_never_break_it(void **state)
{
	static const char alphabet[] = "ab -\"\"  =\\$;\x01\x7f\xc3";
	char line[WORDS_LINE_MAX + 64];
	unsigned round;
	size_t i, len;

	(void)state;
	srandom(20260131);
	for (round = 0; round < 100000; round++) {
		len = (size_t)random() % (round % 50 == 0 ? sizeof(line) : 24);
		/* The bad bytes stand last: most lines have none. */
		for (i = 0; i < len; i++)
			line[i] = round % 4 == 0 ?
			    (char)random() :
			    alphabet[(size_t)random() %
				(sizeof(alphabet) - (round % 4 == 1 ? 1 : 4))];
		check_property(line, len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_words_or_are_refused),
		cmocka_unit_test(A02_shell_characters_are_only_characters),
		cmocka_unit_test(
		    A03_control_and_8_bit_bytes_are_refused_wherever_they_are),
		cmocka_unit_test(
		    a_line_is_refused_as_a_whole_when_it_is_too_long),
		cmocka_unit_test(random_lines_never_break_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
