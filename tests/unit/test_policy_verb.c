/* SPDX-License-Identifier: ISC */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/operation.h"
#include "policy/verb.h"

/* Rows that no customer types, and two names of one. */
static int
is_typed(const struct operation *op)
{
	return strcmp(op->name, "follow") != 0 &&
	    strcmp(op->name, "unfollow") != 0 &&
	    strcmp(op->name, "leave") != 0 && strcmp(op->name, "prefer") != 0;
}

static void
what_if_asks_for_the_rights_that_the_broker_asks_for(void **state)
{
	const struct operation *op;
	const struct verb *verb;
	size_t i, n = 0;

	(void)state;
	for (i = 0; (op = operation_at(i)) != NULL; i++) {
		if (!is_typed(op))
			continue;
		if ((verb = verb_find(op->name)) == NULL)
			fail_msg("%s has no row in policy/verb.c", op->name);
		assert_int_equal(verb->right, op->right);
		assert_int_equal(verb->guest,
		    (op->flags & OPERATION_GUEST) != 0);
		assert_int_equal(verb->force,
		    (op->flags & OPERATION_FORCE) != 0);
		assert_int_equal(verb->key, (op->flags & OPERATION_KEY) != 0);
		n++;
	}
	for (i = 0; verb_at(i) != NULL; i++)
		assert_ptr_equal(verb_find(verb_at(i)->name), verb_at(i));
	assert_int_equal(i, n);
	assert_null(verb_find("sttart"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_if_asks_for_the_rights_that_the_broker_asks_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
