/* SPDX-License-Identifier: ISC */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_help.h"

#define FILE_NAME "customers/alice/suspended"

/* What a suspended alice is told, by whatever file. */
static void
assert_suspended(const char *by, const char *reason)
{
	struct policy *policy = help_load(NULL);
	const struct policy_customer *alice = policy_customer(policy, "alice");
	struct verdict verdict;
	char because[POLICY_TEXT];

	assert_true(alice->suspended);
	assert_string_equal(alice->suspended_by, by);
	assert_string_equal(alice->reason, reason);
	/* Nothing is broken: her guests are looked after as before. */
	assert_string_equal(alice->denied, "");
	assert_int_equal(alice->nguests, 2);
	assert_alice(policy, VPSH_ERR_SUSPENDED);
	help_decide(policy, "alice", NULL, RIGHT_ANY, &verdict);
	assert_int_equal(verdict.err, VPSH_ERR_SUSPENDED);
	text_format(because, sizeof(because), "alice/%s: suspended%s%s", by,
	    *reason != '\0' ? ": " : "", reason);
	assert_string_equal(verdict.because, because);
	policy_free(policy);
}

static void
A19_a_file_of_that_name_suspends_and_its_line_is_the_reason(void **state)
{
	struct policy *policy;

	(void)state;
	help_write(FILE_NAME, "");
	assert_suspended("suspended", "");
	help_write(FILE_NAME, "\n");
	assert_suspended("suspended", "");
	help_write(FILE_NAME, "  unpaid since May \r\nand more\n");
	assert_suspended("suspended", "unpaid since May");
	help_write(FILE_NAME, "a\x1b[2Jb\n");
	assert_suspended("suspended", "a\\x1b[2Jb");
	help_unlink(FILE_NAME);
	policy = help_load(NULL);
	assert_alice(policy, VPSH_OK);
	policy_free(policy);
}

static void
A19_a_reason_is_cut_to_a_sentence(void **state)
{
	char text[4096];
	struct policy *policy;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	help_write(FILE_NAME, text);
	policy = help_load(NULL);
	assert_int_equal(strlen(policy_customer(policy, "alice")->reason),
	    POLICY_REASON - 1);
	policy_free(policy);
}

/* Better suspended by a slip than let in by one. */
static void
A19_E05_a_file_that_cannot_be_read_suspends_as_well(void **state)
{
	char path[512], told[2048];
	struct policy *policy;
	int kind;

	(void)state;
	help_path(path, FILE_NAME);
	for (kind = 0; kind < 6; kind++) {
		if (kind == 0)
			assert_int_equal(symlink("nowhere", path), 0);
		else if (kind == 1)
			assert_int_equal(mkfifo(path, 0644), 0);
		else if (kind == 2)
			assert_int_equal(mkdir(path, 0755), 0);
		else
			help_write_bytes(FILE_NAME, "a\0b", 3);
		if (kind == 3)
			help_chmod(FILE_NAME, 0666);
		if (kind == 4)
			assert_int_equal(truncate(path, 1024 * 1024 * 1024), 0);
		assert_suspended("suspended", "");
		policy = help_load(NULL);
		help_faults(policy, "alice/suspended", told, sizeof(told));
		assert_non_null(strstr(told, "suspended all the same"));
		policy_free(policy);
		assert_int_equal(remove(path), 0);
	}
}

static void
A19_suspension_holds_with_a_last_good_version_too(void **state)
{
	struct policy *good = help_load(NULL), *policy;

	(void)state;
	help_write(FILE_NAME, "unpaid\n");
	help_write(ALICE, "guests = (");
	policy = help_load(good);
	assert_alice(policy, VPSH_ERR_SUSPENDED);
	assert_string_equal(policy_customer(policy, "alice")->reason, "unpaid");
	policy_free(policy);
	/* And what policy.conf says besides does not end it. */
	help_write(ALICE, "suspended = false;\n" GOOD);
	assert_suspended("suspended", "unpaid");
	help_write(ALICE, "suspended = true;\n" GOOD);
	assert_suspended("suspended", "unpaid");
	help_unlink(FILE_NAME);
	assert_suspended("policy.conf", "");
	policy_free(good);
}

/* XS3, XS4: what lies beside it is nothing. */
static void
E04_leftovers_of_that_name_suspend_nobody(void **state)
{
	static const char *const names[] = { "suspended~", ".suspended.new",
		"suspended.dpkg-old", "Suspended" };
	struct policy *policy;
	char path[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		text_format(path, sizeof(path), "customers/alice/%s", names[i]);
		help_write(path, "x\n");
	}
	policy = help_load(NULL);
	assert_alice(policy, VPSH_OK);
	policy_free(policy);
}

int
main(void)
{
#define T(name) \
	cmocka_unit_test_setup_teardown(name, help_setup_two, help_teardown)
	const struct CMUnitTest tests[] = {
		T(A19_a_file_of_that_name_suspends_and_its_line_is_the_reason),
		T(A19_a_reason_is_cut_to_a_sentence),
		T(A19_E05_a_file_that_cannot_be_read_suspends_as_well),
		T(A19_suspension_holds_with_a_last_good_version_too),
		T(E04_leftovers_of_that_name_suspend_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
