/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wire/err.h"
#include "wire/right.h"

static const struct err_args full = { "start", "web", "K7F3",
	"help@example.net", "the detail", 512 };

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static void
every_error_has_its_own_name_and_a_finished_sentence(void **state)
{
	char text[1024], bare[1024];
	const struct err_args nothing = { NULL, NULL, NULL, NULL, NULL, 0 };
	int err, other;

	(void)state;
	for (err = 0; err > -VPSH_ERR_COUNT; err--) {
		err_sentence(err, &full, text, sizeof(text));
		err_sentence(err, &nothing, bare, sizeof(bare));
		assert_true(strlen(text) > 4 && strlen(text) < 512);
		assert_null(strpbrk(text, "{}[]"));
		assert_null(strpbrk(bare, "{}[]"));
		assert_true(
		    ends_with(text, ".") || ends_with(text, full.support));
		assert_true(ends_with(bare, "."));
		for (other = err - 1; other > -VPSH_ERR_COUNT; other--)
			assert_string_not_equal(err_name(err), err_name(other));
	}
}

static void
failures_say_what_is_untouched_or_what_to_do_next(void **state)
{
	static const char *const comfort[] = { "untouched", "Nothing was done",
		"Try again", "status", "runs on", "not affected", "log has",
		"Close one", "kept" };
	char text[1024];
	size_t i;
	int err;

	(void)state;
	for (err = -1; err > -VPSH_ERR_COUNT; err--) {
		err_sentence(err, &full, text, sizeof(text));
		for (i = 0; i < sizeof(comfort) / sizeof(comfort[0]); i++)
			if (strstr(text, comfort[i]) != NULL)
				break;
		if (i == sizeof(comfort) / sizeof(comfort[0]) &&
		    err != VPSH_ERR_STILL_UP)
			fail_msg("no comfort in: %s", text);
	}
}

static void
sentence_of_short_memory_is_the_one_promised(void **state)
{
	char text[512];

	(void)state;
	err_sentence(VPSH_ERR_MEMORY, &full, text, sizeof(text));
	assert_string_equal(text,
	    "web did not start: the host is short of 512 MB. Your guest and "
	    "disk are untouched. Try again later. Ref K7F3. Help: "
	    "help@example.net");
}

static void
parts_that_mention_something_missing_are_left_out(void **state)
{
	struct err_args args = full;
	char text[512];

	(void)state;
	args.support = "";
	args.ref = NULL;
	err_sentence(VPSH_ERR_MEMORY, &args, text, sizeof(text));
	assert_string_equal(text,
	    "web did not start: the host is short of 512 MB. Your guest and "
	    "disk are untouched. Try again later.");
}

static void
C11_words_from_outside_are_escaped_and_never_a_format(void **state)
{
	struct err_args args = full;
	char text[512];

	(void)state;
	args.verb = "\033[2J%n%s{ref}";
	args.detail = NULL;
	err_sentence(VPSH_ERR_UNKNOWN_COMMAND, &args, text, sizeof(text));
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "\\x1b[2J%n%s{ref}"));
}

static void
sentence_is_cut_at_any_size_and_always_a_string(void **state)
{
	char text[600];
	size_t size;

	(void)state;
	for (size = 1; size < 300; size++) {
		memset(text, 'x', sizeof(text));
		err_sentence(VPSH_ERR_MEMORY, &full, text, size);
		assert_true(strlen(text) < size);
		assert_int_equal(text[size], 'x');
	}
}

static void
numbers_nobody_knows_count_as_failed(void **state)
{
	(void)state;
	assert_string_equal(err_name(1), "failed");
	assert_string_equal(err_name(-1000), "failed");
	assert_int_equal(err_exit_code(INT32_MIN), 1);
}

static void
exit_codes_are_those_of_the_manual(void **state)
{
	(void)state;
	assert_int_equal(err_exit_code(VPSH_OK), 0);
	assert_int_equal(err_exit_code(VPSH_ERR_FAILED), 1);
	assert_int_equal(err_exit_code(VPSH_ERR_USAGE), 2);
	assert_int_equal(err_exit_code(VPSH_ERR_DENIED), 3);
	assert_int_equal(err_exit_code(VPSH_ERR_NO_GUEST), 4);
	assert_int_equal(err_exit_code(VPSH_ERR_BUSY), 5);
	assert_int_equal(err_exit_code(VPSH_ERR_TIMEOUT), 6);
	assert_int_equal(err_exit_code(VPSH_ERR_SERVICE), 7);
}

static void
rights_and_their_names_agree_both_ways(void **state)
{
	int i;

	(void)state;
	for (i = RIGHT_CONSOLE; i < RIGHT_COUNT; i++) {
		assert_non_null(right_name((enum right)i));
		assert_int_equal(right_by_name(right_name((enum right)i)), i);
	}
	assert_null(right_name(RIGHT_NONE));
	assert_null(right_name(RIGHT_COUNT));
	assert_int_equal(right_by_name("startdestroy"), RIGHT_NONE);
	assert_int_equal(right_by_name(""), RIGHT_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_error_has_its_own_name_and_a_finished_sentence),
		cmocka_unit_test(
		    failures_say_what_is_untouched_or_what_to_do_next),
		cmocka_unit_test(sentence_of_short_memory_is_the_one_promised),
		cmocka_unit_test(
		    parts_that_mention_something_missing_are_left_out),
		cmocka_unit_test(
		    C11_words_from_outside_are_escaped_and_never_a_format),
		cmocka_unit_test(
		    sentence_is_cut_at_any_size_and_always_a_string),
		cmocka_unit_test(numbers_nobody_knows_count_as_failed),
		cmocka_unit_test(exit_codes_are_those_of_the_manual),
		cmocka_unit_test(rights_and_their_names_agree_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
