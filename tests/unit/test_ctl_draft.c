/* SPDX-License-Identifier: ISC */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctl/draft.h"
#include "tests/unit/policy_help.h"

#define PLANS "plans = ( { name = \"p\"; allow = [ \"start\" ]; } );\n"

/* What the service reads from that text, as alice's. */
static struct policy *
try(const char *text)
{
	const struct policy_draft draft = { .host = PLANS,
		.customer = "alice",
		.conf = text };
	struct policy *policy = policy_try(help_etc, &draft);

	assert_non_null(policy);
	return policy;
}

static void
make(struct draft *draft)
{
	memset(draft, 0, sizeof(*draft));
	text_copy(draft->plan, sizeof(draft->plan), "p");
	assert_int_equal(draft_guest(draft, "web", "alice-web"), 1);
	assert_int_equal(draft_guest(draft, "db", "alice-db"), 1);
	assert_int_equal(draft_guest(draft, "web", "alice-web"), 0);
	assert_int_equal(draft_guest(draft, "mail", "mx"), 1);
	assert_int_equal(draft_guest(draft, "mail", "mx1"), 1);
}

static void
what_is_written_reads_back_as_it_was_meant(void **state)
{
	struct draft draft, back;
	struct policy *policy;
	char *text;

	(void)state;
	make(&draft);
	text = draft_text(&draft);
	policy = try(text);
	assert_int_equal(policy->nfaults, 0);
	draft_of(&back, policy_customer(policy, "alice"));
	assert_memory_equal(&draft, &back, sizeof(draft));
	assert_true(draft_is_own(policy_customer(policy, "alice"), text));
	policy_free(policy);
	free(text);
}

/* Anything that vpshctl would not write itself has to stay. */
static void
an_operators_hand_is_recognized(void **state)
{
	static const char *const edits[][2] = {
		{ "(5).\n", "(5).\n# mine\n" },
		{ "# Made by vpshctl", "# Made by hand" },
		{ ");\n", ");\nuid = 2000;\n" },
		{ ");\n", ");\nallow = [ \"keys\" ];\n" },
		{ ");\n", ");\nlimits = { sessions = 3; };\n" },
		{ ");\n", ");\nsuspended = true;\n" },
		{ ");\n", ");" },
		{ "domain = \"mx1\";", "" },
		{ "domain = \"mx1\";", "domain = \"mx1\"; shared = true;" },
		{ "domain = \"mx1\";", "domain = \"mx1\"; host = \"xen07\";" },
		{ "  { name", "\t{ name" },
		{ "plan = \"p\";\n", "" },
	};
	struct draft draft;
	struct policy *policy;
	char *text, *at, edited[2048];
	size_t i;

	(void)state;
	make(&draft);
	text = draft_text(&draft);
	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		at = strstr(text, edits[i][0]);
		assert_non_null(at);
		text_format(edited, sizeof(edited), "%.*s%s%s",
		    (int)(at - text), text, edits[i][1],
		    at + strlen(edits[i][0]));
		policy = try(edited);
		assert_false(
		    draft_is_own(policy_customer(policy, "alice"), edited));
		policy_free(policy);
	}
	free(text);
}

static void
guests_are_bounded(void **state)
{
	struct draft draft = { 0 };
	char name[TEXT_NAME_MAX + 1];
	int i;

	(void)state;
	for (i = 0; i < DRAFT_GUESTS_MAX; i++) {
		text_format(name, sizeof(name), "g%d", i);
		assert_int_equal(draft_guest(&draft, name, "x"), 1);
	}
	assert_int_equal(draft_guest(&draft, "one-more", "x"), -1);
	assert_int_equal(draft_guest(&draft, "g7", "x"), 0);
}

static void
lines_are_added_behind_a_last_one_without_its_end(void **state)
{
	static const char *const cases[][2] = {
		{ NULL, "new\n" },
		{ "", "new\n" },
		{ "old", "old\nnew\n" },
		{ "old\n", "old\nnew\n" },
		{ "old\r\n", "old\r\nnew\n" },
	};
	char *made;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		made = draft_with_line(cases[i][0], "new");
		assert_string_equal(made, cases[i][1]);
		free(made);
	}
}

/* A draft is judged with all the others, and nobody else's file is needed. */
static void
a_draft_is_judged_among_the_others(void **state)
{
	struct policy *policy;
	char told[2048];

	(void)state;
	help_mkdir("customers/bob");
	help_write("customers/bob/policy.conf",
	    "guests = ( { name = \"db\"; domain = \"mx1\";\n"
	    "             allow = [ \"start\" ]; } );\n");
	policy = try("guests = ( { name = \"m\"; domain = \"mx1\"; } );\n");
	help_faults(policy, "alice/policy.conf", told, sizeof(told));
	assert_non_null(strstr(told, "claimed by bob/policy.conf:1"));
	policy_free(policy);
	/* On the disk there is no alice, before and after. */
	policy = help_load(NULL);
	assert_null(policy_customer(policy, "alice"));
	assert_int_equal(policy->nfaults, 0);
	policy_free(policy);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)
	const struct CMUnitTest tests[] = {
		T(what_is_written_reads_back_as_it_was_meant),
		T(an_operators_hand_is_recognized),
		T(guests_are_bounded),
		T(lines_are_added_behind_a_last_one_without_its_end),
		T(a_draft_is_judged_among_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
