/* SPDX-License-Identifier: ISC */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_help.h"

static int
setup(void **state)
{
	static const char *const names[] = { "alice", "bob", "carol", "dave" };
	char path[64];
	size_t i;

	help_setup(state);
	for (i = 0; i < 4; i++) {
		text_format(path, sizeof(path), "customers/%s", names[i]);
		help_mkdir(path);
	}
	help_write("vpsh.conf",
	    "plans = (\n"
	    "  { name = \"basic\";\n"
	    "    allow = [ \"console\", \"start\", \"rdns\" ]; }\n"
	    ");\n");
	help_write("customers/alice/policy.conf",
	    "plan = \"basic\";\n"
	    "guests = (\n"
	    "  { name = \"web\"; },\n"
	    "  { name = \"db\";\n"
	    "    allow = [ \"view\", \"destroy\" ]; },\n"
	    "  { name = \"twice\"; domain = \"bob-web\"; },\n"
	    "  { name = \"shut\"; allow = [ ]; }\n"
	    ");\n");
	help_write("customers/bob/policy.conf",
	    "guests = ( { name = \"web\"; allow = [ \"start\" ]; },\n"
	    "           { name = \"bobs\"; allow = [ \"start\" ]; } );\n"
	    "allow = [ \"keys\" ];\n");
	help_write("customers/carol/policy.conf",
	    "suspended = true;\nplan = \"basic\";\n"
	    "guests = ( { name = \"web\"; } );\n");
	help_write("customers/dave/policy.conf", "plan = \"basic\n");
	return 0;
}

static const struct {
	const char *customer;
	const char *guest;
	enum right right;
	int err;
	const char *because;
} cases[] = {
	{ "alice", "web", RIGHT_START, VPSH_OK,
	    "vpsh.conf:3: plan \"basic\" allows \"start\"" },
	{ "alice", "web", RIGHT_DESTROY, VPSH_ERR_DENIED,
	    "vpsh.conf:3: plan \"basic\" does not allow \"destroy\"" },
	{ "alice", "web", RIGHT_CONSOLE, VPSH_OK,
	    "vpsh.conf:3: plan \"basic\" allows \"console\"" },
	{ "alice", "web", RIGHT_VIEW, VPSH_OK,
	    "vpsh.conf:3: plan \"basic\" allows \"view\" with \"console\"" },
	{ "alice", "web", RIGHT_LOG, VPSH_OK,
	    "vpsh.conf:3: plan \"basic\" allows \"log\" with \"console\"" },
	{ "alice", "db", RIGHT_DESTROY, VPSH_OK,
	    "alice/policy.conf:5: allow has \"destroy\"" },
	{ "alice", "db", RIGHT_START, VPSH_ERR_DENIED,
	    "alice/policy.conf:5: allow has no \"start\"" },
	{ "alice", "db", RIGHT_VIEW, VPSH_OK,
	    "alice/policy.conf:5: allow has \"view\"" },
	{ "alice", "db", RIGHT_LOG, VPSH_OK,
	    "alice/policy.conf:5: allow has \"log\" with \"view\"" },
	{ "alice", "db", RIGHT_CONSOLE, VPSH_ERR_DENIED,
	    "alice/policy.conf:5: allow has no \"console\"" },
	{ "alice", "db", RIGHT_ANY, VPSH_OK,
	    "alice/policy.conf:4: \"db\" is alice's own" },
	{ "alice", "shut", RIGHT_START, VPSH_ERR_DENIED,
	    "alice/policy.conf:7: allow has no \"start\"" },
	{ "alice", "twice", RIGHT_START, VPSH_ERR_GUEST_CLOSED,
	    "alice/policy.conf:6: the domain of this guest is claimed "
	    "twice" },
	{ "alice", "twice", RIGHT_ANY, VPSH_ERR_GUEST_CLOSED,
	    "alice/policy.conf:6: the domain of this guest is claimed "
	    "twice" },
	{ "alice", "nobodys", RIGHT_START, VPSH_ERR_NO_GUEST,
	    "alice/policy.conf: there is no guest of that name" },
	{ "alice", "../web", RIGHT_START, VPSH_ERR_NO_GUEST,
	    "alice/policy.conf: there is no guest of that name" },
	{ "alice", "", RIGHT_ANY, VPSH_ERR_NO_GUEST,
	    "alice/policy.conf: there is no guest of that name" },
	{ "alice", NULL, RIGHT_ANY, VPSH_OK, "every customer may" },
	{ "alice", NULL, RIGHT_START, VPSH_ERR_DENIED,
	    "\"start\" is a right on a guest, and none was named" },
	{ "alice", NULL, RIGHT_RDNS, VPSH_OK,
	    "vpsh.conf:3: plan \"basic\" allows \"rdns\"" },
	{ "alice", NULL, RIGHT_KEYS, VPSH_ERR_DENIED,
	    "vpsh.conf:3: plan \"basic\" does not allow \"keys\"" },
	{ "alice", "web", RIGHT_NONE, VPSH_ERR_DENIED,
	    "there is no such right" },
	{ "alice", "web", RIGHT_COUNT, VPSH_ERR_DENIED,
	    "there is no such right" },
	{ "bob", NULL, RIGHT_KEYS, VPSH_OK,
	    "bob/policy.conf:3: allow has \"keys\"" },
	{ "bob", NULL, RIGHT_RDNS, VPSH_ERR_DENIED,
	    "bob/policy.conf:3: allow has no \"rdns\"" },
	{ "carol", "web", RIGHT_START, VPSH_ERR_SUSPENDED,
	    "carol/policy.conf: suspended" },
	{ "carol", NULL, RIGHT_ANY, VPSH_ERR_SUSPENDED,
	    "carol/policy.conf: suspended" },
	{ "dave", NULL, RIGHT_ANY, VPSH_ERR_POLICY,
	    "dave/policy.conf:1: the string \"basic has no closing quote" },
	{ "mallory", "web", RIGHT_START, VPSH_ERR_NO_CUSTOMER,
	    "there is no such customer" },
	{ "mallory", NULL, RIGHT_ANY, VPSH_ERR_NO_CUSTOMER,
	    "there is no such customer" },
};

static void
decisions_come_with_the_rule_that_made_them(void **state)
{
	struct policy *policy = help_load(NULL);
	struct verdict verdict;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		help_decide(policy, cases[i].customer, cases[i].guest,
		    cases[i].right, &verdict);
		assert_string_equal(verdict.because, cases[i].because);
		assert_int_equal(verdict.err, cases[i].err);
	}
	policy_free(policy);
}

/* Not one byte of a verdict tells bob's guest from a name that nobody has. */
static void
E02_foreign_guest_and_unknown_name_are_the_same(void **state)
{
	struct policy *policy = help_load(NULL);
	struct verdict foreign, unknown;
	int right;

	(void)state;
	for (right = 0; right <= RIGHT_COUNT; right++) {
		memset(&foreign, 0x55, sizeof(foreign));
		memset(&unknown, 0xaa, sizeof(unknown));
		help_decide(policy, "alice", "bobs", (enum right)right,
		    &foreign);
		help_decide(policy, "alice", "none", (enum right)right,
		    &unknown);
		assert_memory_equal(&foreign, &unknown, sizeof(foreign));
		assert_int_equal(help_decide(policy, "bob", "bobs",
				     (enum right)right, NULL) == VPSH_OK,
		    right == RIGHT_ANY || right == RIGHT_START ||
			right == RIGHT_KEYS);
	}
	policy_free(policy);
}

/* Every right, one at a time: it opens itself and what it says it includes. */
static void
E03_a_right_opens_nothing_but_itself(void **state)
{
	char text[256];
	struct policy *policy;
	int given, asked;
	bool account, includes;

	(void)state;
	for (given = RIGHT_CONSOLE; given < RIGHT_COUNT; given++) {
		account = given == RIGHT_RDNS || given == RIGHT_KEYS;
		text_format(text, sizeof(text),
		    account ? "guests = ( { name = \"web\"; allow = [ ]; } ); "
			      "allow = [ \"%s\" ];\n" :
			      "guests = ( { name = \"web\"; allow = [ \"%s\" "
			      "]; } );\n",
		    right_name((enum right)given));
		help_write("customers/alice/policy.conf", text);
		policy = help_load(NULL);
		for (asked = RIGHT_CONSOLE; asked < RIGHT_COUNT; asked++) {
			includes = asked == given ||
			    (given == RIGHT_CONSOLE &&
				(asked == RIGHT_VIEW || asked == RIGHT_LOG)) ||
			    (given == RIGHT_VIEW && asked == RIGHT_LOG);
			assert_int_equal(help_decide(policy, "alice", "web",
					     (enum right)asked,
					     NULL) == VPSH_OK,
			    includes);
		}
		policy_free(policy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    decisions_come_with_the_rule_that_made_them, setup,
		    help_teardown),
		cmocka_unit_test_setup_teardown(
		    E02_foreign_guest_and_unknown_name_are_the_same, setup,
		    help_teardown),
		cmocka_unit_test_setup_teardown(
		    E03_a_right_opens_nothing_but_itself, setup, help_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
