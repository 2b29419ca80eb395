/* SPDX-License-Identifier: ISC */
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shell/line.h"
#include "shell/signals.h"

/* No broker: there is nothing to hear from one. */
static struct client client = { .fd = -1 };
static struct line line;

/* All of input, then its end, as one pipe gives it. */
static void
feed(const char *input, size_t len)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], input, len), len);
	close(ends[1]);
	line_init(&line, ends[0], false);
}

static void
expect_text(const char *text)
{
	assert_int_equal(line_read(&line, &client), LINE_TEXT);
	assert_int_equal(line.text_len, strlen(text));
	assert_string_equal(line.text, text);
}

static void
expect_end(enum line_end end)
{
	assert_int_equal(line_read(&line, &client), end);
	close(line.fd);
}

static void
A13_lines_come_one_by_one_without_a_terminal(void **state)
{
	static const char input[] = "list\n\nstatus web\n";

	(void)state;
	feed(input, sizeof(input) - 1);
	expect_text("list");
	expect_text("");
	expect_text("status web");
	expect_end(LINE_OVER);
}

static void
a_line_without_its_end_is_not_run(void **state)
{
	static const char input[] = "list\nshutdown web";

	(void)state;
	feed(input, sizeof(input) - 1);
	expect_text("list");
	assert_int_equal(line_read(&line, &client), LINE_CUT);
	expect_end(LINE_OVER);
}

static void
a_long_line_is_refused_in_one_piece(void **state)
{
	static const size_t lengths[] = { WORDS_LINE_MAX + 1, LINE_BUFFER - 1,
		LINE_BUFFER, LINE_BUFFER + 1, 3 * LINE_BUFFER + 17 };
	char *input;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		len = lengths[i];
		input = malloc(len + 16);
		assert_non_null(input);
		memset(input, 'a', len);
		memcpy(input + len, "\nlist\n", 6);
		feed(input, len + 6);
		assert_int_equal(line_read(&line, &client), LINE_LONG);
		assert_int_equal(line.text_len, 0);
		expect_text("list");
		expect_end(LINE_OVER);
		/* The same, cut off inside. */
		feed(input, len);
		assert_int_equal(line_read(&line, &client), LINE_CUT);
		expect_end(LINE_OVER);
		free(input);
	}
}

static void
the_longest_line_is_taken_whole(void **state)
{
	char input[WORDS_LINE_MAX + 1];

	(void)state;
	memset(input, 'a', WORDS_LINE_MAX);
	input[WORDS_LINE_MAX] = '\n';
	feed(input, sizeof(input));
	assert_int_equal(line_read(&line, &client), LINE_TEXT);
	assert_int_equal(line.text_len, WORDS_LINE_MAX);
	expect_end(LINE_OVER);
}

static void
A03_zero_bytes_do_not_hide_the_rest_of_a_line(void **state)
{
	static const char input[] = "list\0 --evil\nhelp\n";

	(void)state;
	feed(input, sizeof(input) - 1);
	assert_int_equal(line_read(&line, &client), LINE_TEXT);
	assert_int_equal(line.text_len, 12);
	expect_text("help");
	expect_end(LINE_OVER);
}

static void
C09_a_terminal_line_that_the_kernel_cut_is_refused(void **state)
{
	char input[6000];
	int keyboard, slave;

	(void)state;
	assert_int_equal(openpty(&keyboard, &slave, NULL, NULL, NULL), 0);
	line_init(&line, slave, true);
	memset(input, 'a', sizeof(input));
	/* In pieces: the terminal takes no more at once. */
	assert_int_equal(write(keyboard, input, 3000), 3000);
	assert_int_equal(write(keyboard, input, 3000), 3000);
	assert_int_equal(write(keyboard, "\nlist\n", 6), 6);
	assert_int_equal(line_read(&line, &client), LINE_LONG);
	expect_text("list");
	close(keyboard);
	expect_end(LINE_OVER);
}

static void
a_hang_up_is_the_end_and_no_line(void **state)
{
	int keyboard, slave;

	(void)state;
	assert_int_equal(openpty(&keyboard, &slave, NULL, NULL, NULL), 0);
	line_init(&line, slave, true);
	assert_int_equal(write(keyboard, "destroy we", 10), 10);
	close(keyboard);
	expect_end(LINE_OVER);
}

static int
setup(void **state)
{
	(void)state;
	signals_init();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(A13_lines_come_one_by_one_without_a_terminal),
		cmocka_unit_test(a_line_without_its_end_is_not_run),
		cmocka_unit_test(a_long_line_is_refused_in_one_piece),
		cmocka_unit_test(the_longest_line_is_taken_whole),
		cmocka_unit_test(A03_zero_bytes_do_not_hide_the_rest_of_a_line),
		cmocka_unit_test(
		    C09_a_terminal_line_that_the_kernel_cut_is_refused),
		cmocka_unit_test(a_hang_up_is_the_end_and_no_line),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
