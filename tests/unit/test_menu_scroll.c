/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "menu/keys.h"
#include "menu/scroll.h"

static void
check(struct scroll *scroll, uint32_t key, size_t n, size_t page, size_t at,
    size_t top)
{
	assert_true(scroll_key(scroll, key, n, page));
	assert_int_equal(scroll->at, at);
	assert_int_equal(scroll->top, top);
}

static void
keys_move_and_the_window_follows(void **state)
{
	struct scroll scroll = { 0, 0 };

	(void)state;
	check(&scroll, KEYS_UP, 20, 5, 0, 0);
	check(&scroll, KEYS_DOWN, 20, 5, 1, 0);
	check(&scroll, 'j', 20, 5, 2, 0);
	check(&scroll, KEYS_PAGE_DOWN, 20, 5, 6, 2);
	check(&scroll, KEYS_WHEEL_DOWN, 20, 5, 9, 5);
	check(&scroll, 'k', 20, 5, 8, 5);
	check(&scroll, KEYS_END, 20, 5, 19, 15);
	check(&scroll, KEYS_DOWN, 20, 5, 19, 15);
	check(&scroll, KEYS_PAGE_UP, 20, 5, 15, 15);
	check(&scroll, KEYS_HOME, 20, 5, 0, 0);
}

static void
other_keys_are_not_its_own(void **state)
{
	struct scroll scroll = { 3, 2 };

	(void)state;
	assert_false(scroll_key(&scroll, 'x', 20, 5));
	assert_false(scroll_key(&scroll, KEYS_ENTER, 20, 5));
	assert_false(scroll_key(&scroll, KEYS_ESC, 20, 5));
	assert_int_equal(scroll.at, 3);
	assert_int_equal(scroll.top, 2);
}

static void
nothing_is_a_list_too(void **state)
{
	struct scroll scroll = { 7, 7 };

	(void)state;
	check(&scroll, KEYS_DOWN, 0, 5, 0, 0);
	check(&scroll, KEYS_END, 0, 0, 0, 0);
	check(&scroll, KEYS_PAGE_UP, 1, 0, 0, 0);
}

static void
a_list_that_has_shrunk_is_fitted(void **state)
{
	struct scroll scroll = { 19, 15 };

	(void)state;
	scroll_fit(&scroll, 8, 5);
	assert_int_equal(scroll.at, 7);
	assert_int_equal(scroll.top, 3);
	scroll_fit(&scroll, 8, 20);
	assert_int_equal(scroll.top, 0);
}

static void
text_has_no_row_of_its_own(void **state)
{
	struct scroll scroll = { 0, 0 };

	(void)state;
	assert_true(scroll_text_key(&scroll, KEYS_DOWN, 20, 5));
	assert_int_equal(scroll.top, 1);
	assert_true(scroll_text_key(&scroll, KEYS_END, 20, 5));
	assert_int_equal(scroll.top, 15);
	assert_true(scroll_text_key(&scroll, KEYS_END, 3, 5));
	assert_int_equal(scroll.top, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_move_and_the_window_follows),
		cmocka_unit_test(other_keys_are_not_its_own),
		cmocka_unit_test(nothing_is_a_list_too),
		cmocka_unit_test(a_list_that_has_shrunk_is_fitted),
		cmocka_unit_test(text_has_no_row_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
