/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/operation.h"
#include "policy/sysrq.h"
#include "wire/layout.h"
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
		    (op->type >= WIRE_START && op->type <= WIRE_DESTROY) ||
			(op->type >= WIRE_PAUSE && op->type <= WIRE_SYSRQ));
		if ((op->flags & OPERATION_POWER) != 0) {
			assert_true(op->flags & OPERATION_GUEST);
			assert_int_not_equal(op->right, RIGHT_ANY);
		}
		/* The dispatcher takes the name from the body's start. */
		if ((op->flags & (OPERATION_GUEST | OPERATION_ALL)) != 0) {
			assert_int_equal(layout->strings[0].offset, 0);
			assert_int_equal(layout->strings[0].size, WIRE_NAME);
		}
		if ((op->flags & OPERATION_VIEW) != 0)
			assert_int_equal(layout->max,
			    sizeof(struct wire_attach));
	}
}

static void
flags_that_look_into_the_body_are_on_rows_that_have_it(void **state)
{
	const struct operation *op;
	size_t i, max;

	(void)state;
	for (i = 0; (op = operation_at(i)) != NULL; i++) {
		max = wire_layout(op->type)->max;
		if ((op->flags & OPERATION_FORCE) != 0)
			assert_int_equal(max, sizeof(struct wire_power));
		assert_int_equal((op->flags & OPERATION_KEY) != 0,
		    max == sizeof(struct wire_sysrq) && op->type == WIRE_SYSRQ);
		if ((op->flags & OPERATION_REF) != 0)
			assert_int_equal(max, sizeof(struct wire_ref));
		/* A name is either wanted or may be left out. */
		assert_false((op->flags & OPERATION_GUEST) != 0 &&
		    (op->flags & OPERATION_ALL) != 0);
	}
}

static void
what_is_only_read_is_not_on_record_and_what_is_wanted_is(void **state)
{
	(void)state;
	assert_true(operation_of(WIRE_PREFS)->flags & OPERATION_QUIET);
	assert_true(operation_of(WIRE_ACTIVITY)->flags & OPERATION_QUIET);
	assert_false(operation_of(WIRE_PREFER)->flags & OPERATION_QUIET);
	assert_false(operation_of(WIRE_CANCEL)->flags & OPERATION_QUIET);
	assert_null(operation_of(WIRE_HELLO));
	assert_null(operation_by_name("restart"));
	assert_ptr_equal(operation_by_name("cancel"),
	    operation_of(WIRE_CANCEL));
}

static void
E10_what_stops_a_guest_by_sysrq_needs_a_power_right(void **state)
{
	static const char harmless[] = "0123456789dhjlmnpqrstvwz";
	uint32_t key;
	enum right right;

	(void)state;
	for (key = 0; key < 1000; key++) {
		right = sysrq_right(key);
		if (key != 0 && key < 128 && strchr(harmless, (int)key) != NULL)
			assert_int_equal(right, RIGHT_ANY);
		else if (key != 0 && key < 128 &&
		    strchr("bcefgikou", (int)key) != NULL)
			assert_true(right == RIGHT_REBOOT ||
			    right == RIGHT_SHUTDOWN || right == RIGHT_DESTROY);
		else
			assert_int_equal(right, RIGHT_NONE);
	}
	assert_int_equal(sysrq_right('b'), RIGHT_REBOOT);
	assert_int_equal(sysrq_right('o'), RIGHT_SHUTDOWN);
	assert_int_equal(sysrq_right('c'), RIGHT_DESTROY);
	assert_int_equal(sysrq_right(UINT32_MAX), RIGHT_NONE);
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
		    flags_that_look_into_the_body_are_on_rows_that_have_it),
		cmocka_unit_test(
		    what_is_only_read_is_not_on_record_and_what_is_wanted_is),
		cmocka_unit_test(
		    E10_what_stops_a_guest_by_sysrq_needs_a_power_right),
		cmocka_unit_test(
		    E10_reset_cannot_be_had_without_the_right_to_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
