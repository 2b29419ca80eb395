/* SPDX-License-Identifier: ISC */

/* How long the last good version of a file goes on, and when it does not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/policy_help.h"

static void
a_broken_file_lives_on_for_its_grace_only(void **state)
{
	struct policy *good = help_load(NULL), *stale, *over;

	(void)state;
	assert_int_equal(policy_due_ms(good), 0);
	help_write(ALICE, "guests = (");
	stale = help_load(good);
	policy_free(good);
	assert_alice(stale, VPSH_OK);
	assert_true(stale->customers[0].stale_since_ms > 0);
	assert_int_equal(policy_due_ms(stale),
	    stale->customers[0].stale_since_ms + 24 * 60 * 60 * 1000);
	/* A later load does not start the day again. */
	stale->customers[0].stale_since_ms = clock_wall_ms() - 1000;
	over = help_load(stale);
	assert_int_equal(over->customers[0].stale_since_ms,
	    stale->customers[0].stale_since_ms);
	assert_alice(over, VPSH_OK);
	policy_free(over);
	stale->customers[0].stale_since_ms -= stale->grace_ms;
	over = help_load(stale);
	assert_alice(over, VPSH_ERR_POLICY);
	assert_int_equal(policy_due_ms(over), 0);
	/* What has run out does not come back. */
	policy_free(stale);
	stale = help_load(over);
	assert_alice(stale, VPSH_ERR_POLICY);
	policy_free(over);
	help_write(ALICE, GOOD);
	over = help_load(stale);
	assert_alice(over, VPSH_OK);
	assert_int_equal(over->customers[0].stale_since_ms, 0);
	policy_free(stale);
	policy_free(over);
}

static void
no_grace_means_denied_at_once(void **state)
{
	struct policy *good;

	(void)state;
	help_write("vpsh.conf", "policy_grace = 0;\n");
	good = help_load(NULL);
	help_write(ALICE, "guests = (");
	assert_fate(good, VPSH_ERR_POLICY, "alice is denied");
	policy_free(good);
}

static void
a_broken_vpsh_conf_keeps_its_last_good_plans(void **state)
{
	struct policy *good, *policy;

	(void)state;
	help_write("vpsh.conf",
	    "plans = ( { name = \"p\"; allow = [ \"start\" ]; } );\n");
	help_write(ALICE, "plan = \"p\"; guests = ( { name = \"web\"; } );");
	good = help_load(NULL);
	assert_alice(good, VPSH_OK);
	help_write("vpsh.conf", "plans = (");
	policy = help_load(good);
	assert_alice(policy, VPSH_OK);
	assert_true(policy->host_stale_since_ms > 0);
	assert_int_equal(policy_due_ms(policy),
	    policy->host_stale_since_ms + policy->grace_ms);
	policy_free(policy);
	assert_fate(NULL, VPSH_ERR_POLICY, "there is no plan \"p\"");
	good->host_stale_since_ms = clock_wall_ms() - good->grace_ms;
	assert_fate(good, VPSH_ERR_POLICY, "there is no plan \"p\"");
	policy_free(good);
}

/* A plan that shrinks does so for those whose own file is broken, too. */
static void
a_last_good_version_follows_the_plan_of_today(void **state)
{
	struct policy *good;

	(void)state;
	help_write("vpsh.conf",
	    "plans = ( { name = \"p\"; allow = [ \"start\" ]; } );\n");
	help_write(ALICE, "plan = \"p\"; guests = ( { name = \"web\"; } );");
	good = help_load(NULL);
	assert_alice(good, VPSH_OK);
	help_write(ALICE, "plan = \"p\"; guests = (");
	assert_fate(good, VPSH_OK, "last good version");
	help_write("vpsh.conf",
	    "plans = ( { name = \"p\"; allow = [ \"log\" ]; } );\n");
	assert_fate(good, VPSH_ERR_DENIED, "last good version");
	policy_free(good);
}

static void
A19_suspending_works_in_a_broken_file_too(void **state)
{
	struct policy *good = help_load(NULL), *policy;

	(void)state;
	help_write(ALICE, "suspended = true;\n" GOOD "allow = [ \"oops\" ];");
	assert_fate(good, VPSH_ERR_SUSPENDED, "unknown right");
	help_write(ALICE, "suspended: TRUE guests = (((");
	assert_fate(good, VPSH_ERR_SUSPENDED, "never closed");
	/* Said somewhere else it is nothing but a mistake. */
	help_write(ALICE, "limits = { suspended = true; };");
	assert_fate(good, VPSH_OK, "unknown key \"suspended\"");
	help_write(ALICE, "suspended = false;\n" GOOD);
	policy = help_load(good);
	assert_alice(policy, VPSH_OK);
	policy_free(policy);
	policy_free(good);
}

static void
removal_works_at_once(void **state)
{
	struct policy *good = help_load(NULL), *policy;
	char path[512];

	(void)state;
	help_unlink(ALICE);
	assert_fate(good, VPSH_ERR_POLICY, "is not there");
	help_path(path, "customers/alice");
	assert_int_equal(rmdir(path), 0);
	policy = help_load(good);
	assert_alice(policy, VPSH_ERR_NO_CUSTOMER);
	assert_null(policy_customer(policy, "alice"));
	policy_free(policy);
	policy_free(good);
}

static struct policy *
load_as_a_new_process(const char *kept)
{
	struct policy *recalled = policy_recall(kept), *policy;

	policy = help_load(recalled);
	policy_free(recalled);
	return policy;
}

static void
a_new_process_knows_the_last_good_version(void **state)
{
	struct policy *policy, *next;
	char kept[512];
	int64_t since;

	(void)state;
	help_path(kept, "kept");
	assert_null(policy_recall(kept));
	help_write("vpsh.conf",
	    "plans = ( { name = \"p\"; allow = [ \"start\" ]; } );\n");
	help_write(ALICE, "plan = \"p\"; guests = ( { name = \"web\"; } );");
	policy = load_as_a_new_process(kept);
	assert_int_equal(policy_keep(policy, kept), 0);
	help_write(ALICE, "plan = ");
	help_write("vpsh.conf", "plans = ");
	next = help_load(policy);
	policy_free(policy);
	assert_alice(next, VPSH_OK);
	assert_int_equal(policy_keep(next, kept), 0);
	policy = load_as_a_new_process(kept);
	assert_alice(policy, VPSH_OK);
	since = policy_customer(next, "alice")->stale_since_ms;
	assert_true(since > 0);
	assert_int_equal(policy_customer(policy, "alice")->stale_since_ms,
	    since);
	assert_int_equal(policy->host_stale_since_ms,
	    next->host_stale_since_ms);
	policy_free(policy);
	/* When its time is over it is forgotten for good. */
	next->customers[0].stale_since_ms = clock_wall_ms() - next->grace_ms;
	policy = help_load(next);
	policy_free(next);
	assert_alice(policy, VPSH_ERR_POLICY);
	assert_int_equal(policy_keep(policy, kept), 0);
	policy_free(policy);
	policy = load_as_a_new_process(kept);
	assert_alice(policy, VPSH_ERR_POLICY);
	policy_free(policy);
}

static void
what_others_may_write_is_not_recalled(void **state)
{
	struct policy *policy = help_load(NULL);
	char kept[512];

	(void)state;
	help_path(kept, "kept");
	assert_int_equal(policy_keep(policy, kept), 0);
	policy_free(policy);
	help_write(ALICE, "guests = (");
	help_chmod("kept/alice", 0666);
	policy = load_as_a_new_process(kept);
	assert_alice(policy, VPSH_ERR_POLICY);
	policy_free(policy);
	help_chmod("kept", 0777);
	assert_null(policy_recall(kept));
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, help_setup_two, help_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_broken_file_lives_on_for_its_grace_only),
		TEST(no_grace_means_denied_at_once),
		TEST(a_broken_vpsh_conf_keeps_its_last_good_plans),
		TEST(a_last_good_version_follows_the_plan_of_today),
		TEST(A19_suspending_works_in_a_broken_file_too),
		TEST(removal_works_at_once),
		TEST(a_new_process_knows_the_last_good_version),
		TEST(what_others_may_write_is_not_recalled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
