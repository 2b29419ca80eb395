/* SPDX-License-Identifier: ISC */

/*
 * What an operator gets wrong, what they are told, and what it costs.  In
 * every case bob must not notice.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_help.h"

enum cost {
	NOTHING, /* told, and that is all */
	GUEST,	 /* web is closed, db is not */
	WHOLE,	 /* last good version, else denied */
	ACCOUNT	 /* denied at once, last good version or not */
};

struct slip {
	const char *text; /* of alice/policy.conf */
	enum cost cost;
	const char *sentences; /* without the closing one */
};

#define FILE_NAME "alice/policy.conf"

/* The line with the slip is line 2 wherever that is possible. */
#define WEB(rest)                                       \
	"guests = (\n  { name = \"web\"; " rest " },\n" \
	"  { name = \"db\"; allow = [ \"start\" ]; }\n);\n"

static const struct slip slips[] = {
	/* words */
	{ WEB("allow = [ \"start\" \"destroy\" ];"), WHOLE,
	    FILE_NAME ":2: unknown right \"startdestroy\" (missing "
		      "comma?)\n" },
	{ WEB("allow = [ \"startdestroy\" ];"), WHOLE,
	    FILE_NAME ":2: unknown right \"startdestroy\" (missing "
		      "comma?)\n" },
	{ WEB("allow = [ \"destory\" ];"), WHOLE,
	    FILE_NAME ":2: unknown right \"destory\" (did you mean "
		      "\"destroy\"?)\n" },
	{ "guests = ( { name = \"web\"; allow = [\n  \"destory\"\n]; } );\n",
	    WHOLE,
	    FILE_NAME ":2: unknown right \"destory\" (did you mean "
		      "\"destroy\"?)\n" },
	{ WEB("allow = [ \"everything\" ];"), WHOLE,
	    FILE_NAME ":2: unknown right \"everything\"\n" },
	{ WEB("allow = [ \"start\", \"rdns\" ];"), WHOLE,
	    FILE_NAME ":2: \"rdns\" is a right of the account, not of a "
		      "guest: put it into an \"allow\" outside of "
		      "\"guests\"\n" },
	{ "allow = [ \"keys\",\n  \"start\" ];\n", WHOLE,
	    FILE_NAME ":2: \"start\" is a right of a guest, not of the "
		      "account: put it into the guest's own \"allow\"\n" },
	{ WEB("alow = [ \"start\" ];"), WHOLE,
	    FILE_NAME ":2: unknown key \"alow\" (did you mean "
		      "\"allow\"?)\n" },
	{ WEB("allow = [ ]; memory = 512;"), WHOLE,
	    FILE_NAME ":2: unknown key \"memory\"\n" },
	{ WEB("allow = [ ]; autostart = \"allways\";"), WHOLE,
	    FILE_NAME ":2: unknown autostart \"allways\" (did you mean "
		      "\"always\"?)\n" },
	{ "# a customer\nplan = \"basci\";\n", WHOLE,
	    FILE_NAME ":2: there is no plan \"basci\" in vpsh.conf (did you "
		      "mean \"basic\"?)\n" },
	{ "\nplan = \"gold\";\n", WHOLE,
	    FILE_NAME ":2: there is no plan \"gold\" in vpsh.conf\n" },
	{ "\nplan = \"torn\";\n", WHOLE,
	    FILE_NAME ":2: the plan \"torn\" of vpsh.conf:3 has a "
		      "mistake\n" },
	/* kinds */
	{ WEB("allow = \"start\";"), WHOLE,
	    FILE_NAME ":2: \"allow\" must be a list of words: allow = [ "
		      "\"...\", \"...\" ];\n" },
	{ WEB("allow = [ ]; shared = \"true\";"), WHOLE,
	    FILE_NAME ":2: \"shared\" must be true or false, without "
		      "quotes\n" },
	{ "\nlimits = { sessions = \"8\"; };\n", WHOLE,
	    FILE_NAME ":2: \"sessions\" must be a whole number, without "
		      "quotes\n" },
	{ "\nlimits = { sessions = 0; };\n", WHOLE,
	    FILE_NAME ":2: \"sessions\" must be a number from 1 to 1000\n" },
	{ "\nguests = { name = \"web\"; };\n", WHOLE,
	    FILE_NAME ":2: \"guests\" must be a list of groups: guests = ( "
		      "{ ... }, { ... } );\n" },
	{ "guests = (\n  { domain = \"alice-web\"; allow = [ ]; }\n);\n", WHOLE,
	    FILE_NAME ":2: this guest has no \"name\"\n" },
	/* numbers */
	{ "\nuid = 4294967296;\n", WHOLE,
	    FILE_NAME ":2: the number 4294967296 is out of range (at most "
		      "2147483647)\n" },
	{ "\nuid = 3000000000;\n", WHOLE,
	    FILE_NAME ":2: the number 3000000000 is out of range (at most "
		      "2147483647)\n" },
	{ "\nuid = 0xFFFFFFFF;\n", WHOLE,
	    FILE_NAME ":2: the number 0xFFFFFFFF is out of range (at most "
		      "2147483647)\n" },
	{ "\nuid = 1k;\n", WHOLE,
	    FILE_NAME ":2: \"1k\" is not a number (a text needs quotes)\n" },
	{ "\nuid = 0;\n", ACCOUNT,
	    FILE_NAME ":2: uid 0 is not one of a customer (1000 and up); "
		      "alice is denied\n" },
	{ "\nuid = 65534;\n", ACCOUNT,
	    FILE_NAME ":2: uid 65534 is not one of a customer (1000 and up); "
		      "alice is denied\n" },
	/* punctuation */
	{ WEB("allow = [ \"start\", \"destroy\", ];"), WHOLE,
	    FILE_NAME ":2: a comma is one too many in this list\n" },
	{ WEB("allow = [ \"start\", \"destroy\" ;"), WHOLE,
	    FILE_NAME ":2: \";\" cannot stand inside \"[ ]\" (is the closing "
		      "\"]\" missing?)\n" },
	{ WEB("allow = [ \"start ];"), WHOLE,
	    FILE_NAME
	    ":2: the string \"start ]; }, has no closing quote\n" FILE_NAME
	    ":3: a comma is missing before {\n" FILE_NAME
	    ":4: \")\" cannot close the \"[\" of line 2\n" },
	{ WEB("allow = [ start ];"), WHOLE,
	    FILE_NAME ":2: start needs quotes: \"start\"\n" },
	{ WEB("allow = [ 'start' ];"), WHOLE,
	    FILE_NAME ":2: this kind of quote is not one; use the plain "
		      "double quote \"\n" },
	{ WEB("allow = [ \xe2\x80\x9cstart\xe2\x80\x9d ];"), WHOLE,
	    FILE_NAME ":2: this kind of quote is not one; use the plain "
		      "double quote \"\n" },
	{ "\nplan \"basic\";\n", WHOLE,
	    FILE_NAME ":2: after \"plan\" an \"=\" is missing\n" },
	{ "\nplan = ;\n", WHOLE,
	    FILE_NAME ":2: there is no value after \"=\"\n" },
	{ "guests = (\n  { name = \"web\"; }\n  { name = \"db\"; }\n);\n",
	    WHOLE, FILE_NAME ":3: a comma is missing before {\n" },
	{ "guests = (\n  { name = \"web\"; allow = [ ];\n);\n", WHOLE,
	    FILE_NAME ":3: \")\" cannot close the \"{\" of line 2\n" },
	{ "plan = \"basic\";\nguests = (\n  { name = \"web\"; }\n", WHOLE,
	    FILE_NAME ":2: this \"(\" is never closed\n" },
	{ "\nguests = [ { name = \"web\"; } ];\n", WHOLE,
	    FILE_NAME ":2: only plain values can stand inside \"[ ]\"; a list "
		      "of groups is written ( { ... }, { ... } )\n" },
	{ "plan = \"basic\";\n/* later\nguests = ( );\n", WHOLE,
	    FILE_NAME ":2: this comment has no \"*/\" at its end\n" },
	{ "plan = \"basic\";\nplan = \"basic\";\n", WHOLE,
	    FILE_NAME ":2: duplicate setting name\n" },
	{ "\n \n", WHOLE, FILE_NAME ": is empty\n" },
	{ "\n@include \"/dev/zero\"\n", WHOLE,
	    FILE_NAME ":2: \"@\" is refused: other files cannot be included; "
		      "write it all here\n" },
	/* values of one guest */
	{ "guests = (\n  { name = \"Web\"; allow = [ \"start\" ]; },\n"
	  "  { name = \"db\"; allow = [ \"start\" ]; }\n);\n",
	    GUEST,
	    FILE_NAME ":2: \"Web\" cannot be the name of a guest: a-z, 0-9 "
		      "and \"-\" only, at most 32; it is closed\n" },
	{ WEB("allow = [ \"start\" ]; domain = \"alice web\";"), GUEST,
	    FILE_NAME ":2: \"alice web\" cannot be the domain of a guest: "
		      "letters, digits, \".\", \"_\" and \"-\", at most 64; "
		      "web is closed\n" },
	{ WEB("allow = [ \"start\" ]; domain = \"Domain-0\";"), GUEST,
	    FILE_NAME ":2: \"Domain-0\" cannot be the domain of a guest: "
		      "letters, digits, \".\", \"_\" and \"-\", at most 64; "
		      "web is closed\n" },
	{ WEB("allow = [ \"start\" ]; config = \"web.cfg\";"), GUEST,
	    FILE_NAME ":2: \"config\" must be an absolute path without "
		      "\"..\", at most 255 characters; web is closed\n" },
	{ WEB("allow = [ \"start\" ]; host = \"xen 07\";"), GUEST,
	    FILE_NAME ":2: \"xen 07\" is not the name of a host; web is "
		      "closed\n" },
	{ WEB("allow = [ \"start\" ]; domain = \"bob-web\";"), GUEST,
	    FILE_NAME ":2: the domain \"bob-web\" is claimed by "
		      "carol/policy.conf:1 as well, and not every owner says "
		      "\"shared = true\"; web is closed\n" },
	{ WEB("allow = [ \"start\" ]; domain = \"bob-web\"; shared = true;"),
	    GUEST,
	    FILE_NAME ":2: the domain \"bob-web\" is claimed by "
		      "carol/policy.conf:1 as well, and not every owner says "
		      "\"shared = true\"; web is closed\n" },
	{ "guests = (\n  { name = \"web\"; allow = [ \"start\" ]; },\n"
	  "  { name = \"web\"; domain = \"other\"; allow = [ \"start\" ]; },\n"
	  "  { name = \"db\"; allow = [ \"start\" ]; }\n);\n",
	    GUEST,
	    FILE_NAME ":3: there is a guest \"web\" in line 2 already; it is "
		      "closed\n" },
	/* only told */
	{ WEB(""), NOTHING,
	    FILE_NAME ":2: web has no \"allow\" and there is no plan: nothing "
		      "can be done with it\n" },
	{ WEB("allow = [ \"start\" ]; rescue = [ \"debain\" ];"), NOTHING,
	    FILE_NAME ":2: there is no rescue profile \"debain\" in "
		      "vpsh.conf\n" },
	/* several at once */
	{ "plan = \"basci\";\nuid = 4294967296;\n"
	  "guests = ( { nam = \"web\"; allow = [ \"veiw\" ]; } );\n",
	    WHOLE,
	    FILE_NAME
	    ":1: there is no plan \"basci\" in vpsh.conf (did you "
	    "mean \"basic\"?)\n" FILE_NAME
	    ":2: the number 4294967296 is out of range (at most "
	    "2147483647)\n" FILE_NAME
	    ":3: unknown key \"nam\" (did you mean \"name\"?)\n" FILE_NAME
	    ":3: this guest has no \"name\"\n" FILE_NAME
	    ":3: unknown right \"veiw\" (did you mean "
	    "\"view\"?)\n" },
};

#define LAST_GOOD                                                            \
	FILE_NAME ": is not usable as written: its last good version stays " \
		  "in force until policy_grace is over\n"
#define DENIED FILE_NAME ": is not usable as written: alice is denied\n"

static int
setup(void **state)
{
	help_setup(state);
	help_write("vpsh.conf",
	    "plans = ( { name = \"basic\"; allow = [ \"start\" ]; },\n"
	    "\n"
	    "          { name = \"torn\"; allow = [ \"strat\" ]; } );\n");
	help_mkdir("customers/alice");
	help_mkdir("customers/bob");
	help_mkdir("customers/carol");
	help_write("customers/bob/policy.conf",
	    "guests = ( { name = \"db\"; allow = [ \"start\" ]; } );\n");
	help_write("customers/carol/policy.conf",
	    "guests = ( { name = \"web\"; domain = \"bob-web\"; allow = [ ]; "
	    "} );\n");
	help_write("customers/" FILE_NAME, WEB("allow = [ \"destroy\" ];"));
	return 0;
}

static void
assert_told(const struct policy *policy, const struct slip *slip,
    const char *closing)
{
	char said[4096], expected[4096];

	help_faults(policy, FILE_NAME, said, sizeof(said));
	assert_int_equal(text_format(expected, sizeof(expected), "%s%s",
			     slip->sentences, closing),
	    0);
	assert_string_equal(said, expected);
}

static void
assert_cost(const struct policy *policy, const struct slip *slip, bool last)
{
	const struct policy_customer *alice = policy_customer(policy, "alice");
	int web = help_decide(policy, "alice", "web", RIGHT_START, NULL);
	int old = help_decide(policy, "alice", "web", RIGHT_DESTROY, NULL);
	int db = help_decide(policy, "alice", "db", RIGHT_START, NULL);

	assert_non_null(alice);
	assert_int_equal(alice->stale_since_ms != 0,
	    slip->cost == WHOLE && last);
	switch (slip->cost) {
	case NOTHING:
		assert_int_equal(db, VPSH_OK);
		break;
	case GUEST:
		assert_true(
		    web == VPSH_ERR_GUEST_CLOSED || web == VPSH_ERR_NO_GUEST);
		assert_int_equal(db, VPSH_OK);
		break;
	case WHOLE:
		assert_int_equal(web, last ? VPSH_ERR_DENIED : VPSH_ERR_POLICY);
		assert_int_equal(old, last ? VPSH_OK : VPSH_ERR_POLICY);
		break;
	case ACCOUNT:
		assert_int_equal(web, VPSH_ERR_POLICY);
		assert_int_equal(db, VPSH_ERR_POLICY);
		break;
	}
	/* Bob has done nothing wrong. */
	assert_int_equal(help_decide(policy, "bob", "db", RIGHT_START, NULL),
	    VPSH_OK);
}

static void
slips_are_told_with_file_line_and_guess_H10_H11(void **state)
{
	struct policy *good, *policy;
	size_t i;

	(void)state;
	good = help_load(NULL);
	assert_int_equal(help_decide(good, "alice", "web", RIGHT_DESTROY, NULL),
	    VPSH_OK);
	for (i = 0; i < sizeof(slips) / sizeof(slips[0]); i++) {
		help_write("customers/" FILE_NAME, slips[i].text);
		policy = help_load(good);
		assert_told(policy, &slips[i],
		    slips[i].cost == WHOLE ? LAST_GOOD : "");
		assert_cost(policy, &slips[i], true);
		policy_free(policy);
		policy = help_load(NULL);
		assert_told(policy, &slips[i],
		    slips[i].cost == WHOLE ? DENIED : "");
		assert_cost(policy, &slips[i], false);
		policy_free(policy);
	}
	policy_free(good);
}

static void
G09_slips_in_vpsh_conf_are_told_and_sessions_go_on(void **state)
{
	static const struct {
		const char *text;
		const char *sentence;
	} cases[] = {
		{ "suport = \"x\";\n",
		    "vpsh.conf:1: unknown key \"suport\" (did you mean "
		    "\"support\"?)\n" },
		{ "support = \"caf\xc3\xa9\";\n",
		    "vpsh.conf:1: \"support\" must be plain ASCII, at most 127 "
		    "characters\n" },
		{ "policy_grace = -1;\n",
		    "vpsh.conf:1: \"policy_grace\" must be a number from 0 to "
		    "2592000\n" },
		{ "ssh_host = \"-oProxyCommand=id\";\n",
		    "vpsh.conf:1: \"-oProxyCommand=id\" is not the name or "
		    "address of a host\n" },
		{ "ssh_host = \"a b\";\n",
		    "vpsh.conf:1: \"a b\" is not the name or address of a "
		    "host\n" },
		{ "interface = \"lines\";\n",
		    "vpsh.conf:1: unknown interface \"lines\" (did you mean "
		    "\"line\"?)\n" },
		{ "ssh_port = 65536;\n",
		    "vpsh.conf:1: \"ssh_port\" must be a number from 1 to "
		    "65535\n" },
		{ "plans = ( { allow = [ ]; } );\n",
		    "vpsh.conf:1: this plan has no \"name\"\n" },
		{ "plans = ( { name = \"a\"; },\n{ name = \"a\"; } );\n",
		    "vpsh.conf:2: there are two plans \"a\"\n" },
		{ "plans = ( { name = \"a\"; domain_template = \"%c\"; } );\n",
		    "vpsh.conf:1: \"domain_template\" must make a domain name "
		    "of %c (customer) and %g (guest), like \"%c-%g\"\n" },
		{ "plans = ( { name = \"a\"; domain_template = \"%g/%x\"; } "
		  ");\n",
		    "vpsh.conf:1: \"domain_template\" must make a domain name "
		    "of %c (customer) and %g (guest), like \"%c-%g\"\n" },
		{ "plans = ( { name = \"a\"; config_template = "
		  "\"../%d.cfg\"; } );\n",
		    "vpsh.conf:1: \"config_template\" must make a path of %d "
		    "(domain), %c (customer) and %g (guest), like "
		    "\"/etc/xen/%d.cfg\"\n" },
		{ "rescue = ( { name = \"debian\"; } );\n",
		    "vpsh.conf:1: this rescue profile has no \"kernel\"\n" },
		{ "rescue = ( { name = \"debian\"; kernel = \"vmlinuz\"; } "
		  ");\n",
		    "vpsh.conf:1: \"kernel\" must be an absolute path without "
		    "\"..\"\n" },
		{ "plans = ( { name = \"a\"; rescue = [ \"x\" ]; } );\n",
		    "vpsh.conf:1: there is no rescue profile \"x\"\n" },
	};
	struct policy *policy;
	char said[2048], expected[2048];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		help_write("vpsh.conf", cases[i].text);
		policy = help_load(NULL);
		help_faults(policy, "vpsh.conf", said, sizeof(said));
		text_format(expected, sizeof(expected),
		    "%svpsh.conf: is not usable as written: only what is right "
		    "in it holds\n",
		    cases[i].sentence);
		assert_string_equal(said, expected);
		/* Bob's own file names no plan. */
		assert_int_equal(help_decide(policy, "bob", "db", RIGHT_START,
				     NULL),
		    VPSH_OK);
		policy_free(policy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    slips_are_told_with_file_line_and_guess_H10_H11, setup,
		    help_teardown),
		cmocka_unit_test_setup_teardown(
		    G09_slips_in_vpsh_conf_are_told_and_sessions_go_on, setup,
		    help_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
