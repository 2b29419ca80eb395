/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "menu/field.h"
#include "menu/keys.h"

static void
type(struct field *field, const char *keys)
{
	for (; *keys != '\0'; keys++)
		assert_int_equal(field_key(field, (unsigned char)*keys),
		    FIELD_TYPED);
}

static void
letters_are_added_and_erased(void **state)
{
	struct field field;

	(void)state;
	field_open(&field, "ab", 20, true);
	type(&field, "c d");
	assert_string_equal(field.text, "abc d");
	assert_int_equal(field_key(&field, KEYS_ERASE), FIELD_TYPED);
	assert_string_equal(field.text, "abc ");
	assert_int_equal(field_key(&field, KEYS_CTRL('U')), FIELD_TYPED);
	assert_string_equal(field.text, "");
	assert_int_equal(field_key(&field, KEYS_ERASE), FIELD_TYPED);
	assert_string_equal(field.text, "");
}

static void
enter_and_esc_end_it_and_arrows_do_not(void **state)
{
	struct field field;

	(void)state;
	field_open(&field, "x", 20, true);
	assert_int_equal(field_key(&field, KEYS_ENTER), FIELD_DONE);
	assert_int_equal(field_key(&field, KEYS_ESC), FIELD_LEFT);
	assert_int_equal(field_key(&field, KEYS_CTRL('C')), FIELD_LEFT);
	assert_int_equal(field_key(&field, KEYS_LEFT), FIELD_TYPED);
	assert_int_equal(field_key(&field, KEYS_WHEEL_UP), FIELD_TYPED);
	assert_int_equal(field_key(&field, KEYS_CTRL('L')), FIELD_NOT);
	assert_int_equal(field_key(&field, KEYS_CTRL('D')), FIELD_NOT);
	assert_string_equal(field.text, "x");
}

static void
characters_go_in_and_out_whole(void **state)
{
	struct field field;

	(void)state;
	field_open(&field, "", 20, false);
	(void)field_key(&field, 0xe9);
	(void)field_key(&field, 0x65e5);
	(void)field_key(&field, 0x1f600);
	assert_string_equal(field.text, "\u00e9\u65e5\U0001f600");
	(void)field_key(&field, KEYS_ERASE);
	assert_string_equal(field.text, "\u00e9\u65e5");
	(void)field_key(&field, KEYS_ERASE);
	(void)field_key(&field, KEYS_ERASE);
	assert_int_equal(field.len, 0);
	field_open(&field, "", 20, true);
	(void)field_key(&field, 0x65e5);
	assert_string_equal(field.text, "?");
}

static void
it_never_grows_beyond_its_bound(void **state)
{
	struct field field;
	int i;

	(void)state;
	field_open(&field, "", 1000, false);
	for (i = 0; i < 1000; i++)
		(void)field_key(&field, i % 2 == 0 ? 'x' : 0x1f600);
	assert_in_range(field.len, FIELD_MAX - 3, FIELD_MAX);
	assert_int_equal(strlen(field.text), field.len);
	field_open(&field, "longer than that", 4, true);
	assert_string_equal(field.text, "long");
	type(&field, "er");
	assert_string_equal(field.text, "long");
}

static void
C09_a_paste_is_text_and_nothing_else(void **state)
{
	struct field field;

	(void)state;
	field_open(&field, "", 20, true);
	field_paste(&field, "w\033e\tb\r\n\177\xc3\xa9");
	assert_string_equal(field.text, "web??");
	field_paste(&field, "0123456789012345678901234567890123456789");
	assert_int_equal(field.len, 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_are_added_and_erased),
		cmocka_unit_test(enter_and_esc_end_it_and_arrows_do_not),
		cmocka_unit_test(characters_go_in_and_out_whole),
		cmocka_unit_test(it_never_grows_beyond_its_bound),
		cmocka_unit_test(C09_a_paste_is_text_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
