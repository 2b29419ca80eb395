/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "menu/words.h"

static void
every_sentence_is_there_and_fits(void **state)
{
	const struct words_args args = { "a-guest-with-a-name-of-32-bytes-",
		"alice", "shutdown", "3d4h", "2001:db8::7", "12 s", "K7F3",
		"something", 7 };
	char text[WORDS_TEXT];
	int id;

	(void)state;
	for (id = 0; id < WORDS_COUNT; id++) {
		assert_non_null(words_plain((enum words_id)id));
		words_fill(text, (enum words_id)id, &args);
		assert_in_range(strlen(text), 1, 400);
		/* Nothing is left that should have been filled in. */
		assert_null(strchr(text, '{'));
		assert_null(strchr(text, '['));
	}
}

static void
plain_sentences_mention_nothing_of_xen(void **state)
{
	static const char *const words[] = { "domain", "domid", "dom0", "xl ",
		"Xen", "hypervisor", "xenstore" };
	const char *text;
	size_t i;
	int id;

	(void)state;
	for (id = 0; id < WORDS_COUNT; id++) {
		text = words_plain((enum words_id)id);
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			assert_null(strstr(text, words[i]));
	}
}

static void
a_part_without_its_value_is_left_out(void **state)
{
	struct words_args args = { .who = "alice", .verb = "start",
		.guest = "web", .time = "10:00", .text = "done" };
	char text[WORDS_TEXT];

	(void)state;
	assert_string_equal(words_fill(text, WORDS_ACT_LINE, &args),
	    "alice asked for start of web on 10:00: done.");
	args.from = "192.0.2.1";
	args.ref = "K7F3";
	assert_string_equal(words_fill(text, WORDS_ACT_LINE, &args),
	    "alice asked for start of web on 10:00, from 192.0.2.1: done. "
	    "Ref K7F3.");
	args.guest = "";
	assert_string_equal(words_fill(text, WORDS_ACT_LINE, &args),
	    "alice asked for start on 10:00, from 192.0.2.1: done. Ref "
	    "K7F3.");
}

static void
values_are_not_read_as_templates(void **state)
{
	struct words_args args = { .guest = "{verb}[x]%s", .verb = "evil" };
	char text[WORDS_TEXT];

	(void)state;
	assert_string_equal(words_fill(text, WORDS_TITLE_SHUTDOWN, &args),
	    "Shut down {verb}[x]%s?");
}

static void
what_is_too_long_is_cut(void **state)
{
	char value[2 * WORDS_TEXT], text[WORDS_TEXT];
	struct words_args args = { .guest = value };

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	words_fill(text, WORDS_TITLE_SHUTDOWN, &args);
	assert_int_equal(strlen(text), WORDS_TEXT - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sentence_is_there_and_fits),
		cmocka_unit_test(plain_sentences_mention_nothing_of_xen),
		cmocka_unit_test(a_part_without_its_value_is_left_out),
		cmocka_unit_test(values_are_not_read_as_templates),
		cmocka_unit_test(what_is_too_long_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
