/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/operation.h"
#include "wire/wire.h"

static void
every_row_is_one_operation_with_a_right_and_a_handler(void **state)
{
	const struct operation *op, *other;
	const struct wire_layout *layout;
	size_t i, j;

	(void)state;
	for (i = 0; (op = operation_at(i)) != NULL; i++) {
		layout = wire_layout(op->type);
		assert_non_null(layout);
		assert_int_equal(layout->way, WIRE_CLIENT_BROKER);
		assert_int_equal(layout->fds, 0);
		assert_int_not_equal(op->right, RIGHT_NONE);
		assert_true(
		    op->right == RIGHT_ANY || right_name(op->right) != NULL);
		assert_non_null(op->handler);
		assert_true(op->name != NULL && *op->name != '\0');
		assert_true(strlen(op->name) < WIRE_WORD);
		for (j = 0; j < i; j++) {
			other = operation_at(j);
			assert_int_not_equal(other->type, op->type);
			assert_string_not_equal(other->name, op->name);
		}
	}
	assert_true(i > 0);
}

static void
everything_that_a_client_may_send_has_a_row(void **state)
{
	const struct wire_layout *layout;
	size_t i, j, found;

	(void)state;
	for (i = 0; (layout = wire_layout_at(i)) != NULL; i++) {
		if (layout->way != WIRE_CLIENT_BROKER)
			continue;
		found = 0;
		for (j = 0; operation_at(j) != NULL; j++)
			found += operation_at(j)->type == layout->type;
		assert_int_equal(found, 1);
	}
}

static void
what_changes_a_guest_needs_a_right_on_that_guest(void **state)
{
	const struct operation *op;
	const struct wire_layout *layout;
	size_t i;

	(void)state;
	for (i = 0; (op = operation_at(i)) != NULL; i++) {
		layout = wire_layout(op->type);
		assert_int_equal((op->flags & OPERATION_POWER) != 0,
		    op->type >= WIRE_START && op->type <= WIRE_DESTROY);
		if ((op->flags & OPERATION_POWER) != 0) {
			assert_true(op->flags & OPERATION_GUEST);
			assert_int_not_equal(op->right, RIGHT_ANY);
		}
		/* The dispatcher takes the name from the body's start. */
		if ((op->flags & OPERATION_GUEST) != 0) {
			assert_int_equal(layout->strings[0].offset, 0);
			assert_int_equal(layout->strings[0].size, WIRE_NAME);
		}
		if ((op->flags & OPERATION_VIEW) != 0)
			assert_int_equal(layout->max,
			    sizeof(struct wire_attach));
	}
}

static void
E10_reset_cannot_be_had_without_the_right_to_destroy(void **state)
{
	const struct operation *op;
	size_t i;

	(void)state;
	for (i = 0; (op = operation_at(i)) != NULL; i++)
		if (op->type == WIRE_RESET || op->type == WIRE_DESTROY)
			assert_int_equal(op->right, RIGHT_DESTROY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_row_is_one_operation_with_a_right_and_a_handler),
		cmocka_unit_test(everything_that_a_client_may_send_has_a_row),
		cmocka_unit_test(
		    what_changes_a_guest_needs_a_right_on_that_guest),
		cmocka_unit_test(
		    E10_reset_cannot_be_had_without_the_right_to_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
