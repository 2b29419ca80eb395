/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/broker_world.h"

#define GUESTS "plan = \"basic\"; guests = ( { name = \"web\"; } );\n"

static struct account found[] = {
	{ .uid = 5001, .customer = "alice" },
	{ .uid = 5002, .customer = "bob" },
	{ .uid = 5002, .customer = "carol" },
	{ .uid = 33, .customer = "dave" },
	{ .uid = 5005, .customer = "eve" },
	{ .uid = 5006, .customer = "nobody-in-the-policy" },
};

static void
set_up(struct world *w)
{
	world_folder(w);
	world_customer(w, "alice", GUESTS);
	world_customer(w, "bob", GUESTS);
	world_customer(w, "carol", GUESTS);
	world_customer(w, "dave", GUESTS);
	world_customer(w, "eve", "uid = 6005;\n" GUESTS);
	world_start(w);
	w->b.accounts.found = calloc(6, sizeof(found[0]));
	assert_non_null(w->b.accounts.found);
	memcpy(w->b.accounts.found, found, sizeof(found));
	w->b.accounts.nfound = 6;
}

static void
a_uid_is_the_customer_whose_account_it_is(void **state)
{
	static struct world w;

	(void)state;
	set_up(&w);
	account_rebuild(&w.b);
	assert_string_equal(account_of(&w.b, 5001), "alice");
	assert_null(account_of(&w.b, 0));
	assert_null(account_of(&w.b, 5006));
	assert_null(account_of(&w.b, (uid_t)-1));
}

static void
the_policys_uid_counts_before_the_accounts(void **state)
{
	static struct world w;

	(void)state;
	set_up(&w);
	account_rebuild(&w.b);
	assert_string_equal(account_of(&w.b, 6005), "eve");
	assert_null(account_of(&w.b, 5005));
}

static void
a_uid_of_two_customers_is_neithers(void **state)
{
	static struct world w;

	(void)state;
	set_up(&w);
	account_rebuild(&w.b);
	assert_null(account_of(&w.b, 5002));
}

static void
a_system_accounts_uid_is_no_customers(void **state)
{
	static struct world w;

	(void)state;
	set_up(&w);
	account_rebuild(&w.b);
	assert_null(account_of(&w.b, 33));
	/* Not even our own, unless the policy itself says so. */
	w.b.single_uid = 33;
	account_rebuild(&w.b);
	assert_null(account_of(&w.b, 33));
}

static void
an_account_whose_customer_is_gone_is_nobodys(void **state)
{
	static struct world w;
	char path[256];

	(void)state;
	set_up(&w);
	assert_int_equal(text_format(path, sizeof(path),
			     "%s/customers/alice/policy.conf", w.dir),
	    0);
	assert_int_equal(unlink(path), 0);
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
	policy_free(w.b.policy);
	w.b.policy = policy_load(w.dir, NULL);
	assert_non_null(w.b.policy);
	account_rebuild(&w.b);
	assert_null(account_of(&w.b, 5001));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_uid_is_the_customer_whose_account_it_is),
		cmocka_unit_test(the_policys_uid_counts_before_the_accounts),
		cmocka_unit_test(a_uid_of_two_customers_is_neithers),
		cmocka_unit_test(a_system_accounts_uid_is_no_customers),
		cmocka_unit_test(an_account_whose_customer_is_gone_is_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
