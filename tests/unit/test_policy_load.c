/* SPDX-License-Identifier: ISC */

#include <sys/mount.h>
#include <sys/utsname.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "tests/unit/base_help.h"
#include "tests/unit/policy_help.h"

static void
a_policy_is_read_as_written(void **state)
{
	struct policy *policy = help_load(NULL);
	const struct policy_customer *alice = policy_customer(policy, "alice");
	const struct policy_guest *web = policy_guest(alice, "web");
	const struct policy_guest *db = policy_guest(alice, "db");

	(void)state;
	assert_int_equal(policy->nfaults, 0);
	assert_int_equal(policy->ncustomers, 2);
	assert_int_equal(alice->nguests, 2);
	assert_int_equal(alice->limits.sessions, 3);
	assert_true(alice->limits.power > 0 && alice->limits.consoles > 0);
	assert_string_equal(web->domain, "alice-web");
	assert_string_equal(web->config, "/srv/xen/alice-web.cfg");
	assert_string_equal(db->config, "/etc/xen/alice-db.cfg");
	assert_string_equal(web->owner, "alice");
	assert_int_equal(web->allow.line, 5);
	assert_ptr_equal(policy_by_domain(policy, "alice-web"), web);
	assert_null(policy_by_domain(policy, "alice"));
	assert_null(policy_by_domain(policy, ""));
	assert_null(policy_guest(alice, "we"));
	assert_null(policy_customer(policy, "alic"));
	policy_free(policy);
}

static void
plans_give_what_the_customer_leaves_out(void **state)
{
	const struct policy_customer *alice;
	const struct policy_guest *web, *db;
	struct policy *policy;

	(void)state;
	help_write("vpsh.conf",
	    "support = \"help@example.net\";\n"
	    "policy_grace = 60;\n"
	    "rescue = ( { name = \"debian\"; kernel = \"/boot/r\"; } );\n"
	    "plans = ( { name = \"basic\";\n"
	    "  allow = [ \"log\", \"keys\" ];\n"
	    "  limits = { power = 2; sessions = 4; };\n"
	    "  domain_template = \"%g.%c\";\n"
	    "  config_template = \"/srv/%c/%d.cfg\";\n"
	    "  rescue = [ \"debian\" ];\n"
	    "  autostart = \"never\"; } );\n");
	help_write(ALICE,
	    "plan = \"basic\"; limits = { sessions = 5; };\n"
	    "guests = ( { name = \"web\"; },\n"
	    "  { name = \"db\"; autostart = \"always\"; allow = [ ]; } );\n");
	policy = help_load(NULL);
	assert_int_equal(policy->nfaults, 0);
	assert_string_equal(policy->support, "help@example.net");
	assert_int_equal(policy->grace_ms, 60000);
	alice = policy_customer(policy, "alice");
	web = policy_guest(alice, "web");
	db = policy_guest(alice, "db");
	assert_string_equal(web->domain, "web.alice");
	assert_string_equal(web->config, "/srv/alice/web.alice.cfg");
	assert_string_equal(web->plan, "basic");
	assert_int_equal(web->rights, RIGHT_BIT(RIGHT_LOG));
	assert_int_equal(web->autostart, POLICY_AUTOSTART_NEVER);
	assert_int_equal(db->autostart, POLICY_AUTOSTART_ALWAYS);
	assert_int_equal(db->rights, 0);
	assert_int_equal(alice->rights, RIGHT_BIT(RIGHT_KEYS));
	assert_int_equal(alice->limits.sessions, 5);
	assert_int_equal(alice->limits.power, 2);
	policy_free(policy);
}

static void
the_interface_is_the_customers_own_or_that_of_the_host(void **state)
{
	struct policy *policy;

	(void)state;
	help_write("vpsh.conf", "support = \"x\";\n");
	help_write(ALICE, "allow = [ ];\n");
	policy = help_load(NULL);
	assert_int_equal(policy_customer(policy, "alice")->interface,
	    POLICY_INTERFACE_MENU);
	policy_free(policy);
	help_write("vpsh.conf", "interface = \"line\";\n");
	policy = help_load(NULL);
	assert_int_equal(policy->nfaults, 0);
	assert_int_equal(policy_customer(policy, "alice")->interface,
	    POLICY_INTERFACE_LINE);
	policy_free(policy);
	help_write(ALICE, "allow = [ ]; interface = \"menu\";\n");
	policy = help_load(NULL);
	assert_int_equal(policy->nfaults, 0);
	assert_int_equal(policy_customer(policy, "alice")->interface,
	    POLICY_INTERFACE_MENU);
	policy_free(policy);
}

/* Who could have written the file is in question: nothing of it goes on. */
static void
E05_untrusted_file_is_denied_at_once(void **state)
{
	struct policy *good = help_load(NULL);
	char path[512];

	(void)state;
	help_path(path, ALICE);
	help_chmod(ALICE, 0664);
	assert_fate(good, VPSH_ERR_POLICY, "can be written by");
	help_chmod(ALICE, 0646);
	assert_fate(good, VPSH_ERR_POLICY, "can be written by");
	help_unlink(ALICE);
	assert_int_equal(symlink("../bob/policy.conf", path), 0);
	assert_fate(good, VPSH_ERR_POLICY, "not a plain file");
	help_unlink(ALICE);
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_fate(good, VPSH_ERR_POLICY, "not a plain file");
	help_unlink(ALICE);
	help_mkdir(ALICE);
	assert_fate(good, VPSH_ERR_POLICY, "not a plain file");
	policy_free(good);
}

/*
 * In a user namespace the files of every uid but ours are a stranger's.  So
 * what belongs to root outside is put in place of alice's file, and of her
 * directory.
 */
static void
check_wrong_owner(void)
{
	struct policy *good, *policy;
	char path[512];
	int i;

	if (help_unshare(CLONE_NEWNS, 0) == -1)
		_exit(77);
	good = policy_load(help_etc, NULL);
	CHILD_ASSERT(good != NULL);
	for (i = 0; i < 2; i++) {
		CHILD_ASSERT(text_format(path, sizeof(path), "%s/%s", help_etc,
				 i == 0 ? ALICE : "customers/alice") == 0);
		CHILD_ASSERT(mount(i == 0 ? "/etc/passwd" : "/etc", path, NULL,
				 MS_BIND, NULL) == 0);
		policy = policy_load(help_etc, good);
		CHILD_ASSERT(policy != NULL);
		CHILD_ASSERT(help_decide(policy, "bob", "db", RIGHT_START,
				 NULL) == VPSH_OK);
		CHILD_ASSERT(help_decide(policy, "alice", "db", RIGHT_START,
				 NULL) == VPSH_ERR_POLICY);
		CHILD_ASSERT(
		    strstr(policy_customer(policy, "alice")->denied,
			i == 0 ? "policy.conf: does not belong" :
				 "its directory does not belong") != NULL);
		policy_free(policy);
	}
	policy_free(good);
}

static void
E05_wrong_owner_is_denied_at_once(void **state)
{
	char path[512], said[1024];
	int status;

	(void)state;
	/* Root would stay root in a namespace: give the files away instead. */
	if (geteuid() == 0) {
		struct policy *good = help_load(NULL);

		help_path(path, ALICE);
		assert_int_equal(chown(path, 47114, 47114), 0);
		assert_fate(good, VPSH_ERR_POLICY, "does not belong to root");
		policy_free(good);
		return;
	}
	status = help_in_child(check_wrong_owner, said, sizeof(said));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_string_equal(said, "");
	assert_int_equal(status, 0);
}

static void
E05_untrusted_directory_is_denied_at_once(void **state)
{
	struct policy *good = help_load(NULL), *policy;
	char path[512];

	(void)state;
	help_chmod("customers/alice", 0775);
	assert_fate(good, VPSH_ERR_POLICY,
	    "its directory can be written by others");
	help_chmod("customers/alice", 0755);
	help_path(path, "customers/carol");
	assert_int_equal(symlink("alice", path), 0);
	policy = help_load(good);
	assert_int_equal(help_decide(policy, "carol", "web", RIGHT_START, NULL),
	    VPSH_ERR_POLICY);
	assert_alice(policy, VPSH_OK);
	policy_free(policy);
	help_chmod("customers", 0777);
	policy = help_load(good);
	assert_int_equal(policy->ncustomers, 0);
	assert_int_equal(policy->nfaults, 1);
	policy_free(policy);
	policy_free(good);
}

/* A disk that was full or a crash leaves these: the file was trusted. */
static void
E05_unreadable_content_is_as_good_as_none(void **state)
{
	struct policy *good = help_load(NULL);
	char path[512];

	(void)state;
	help_write_bytes(ALICE, "guests = ( )\0;\n", 15);
	assert_fate(good, VPSH_OK, "contains a NUL byte");
	assert_fate(NULL, VPSH_ERR_POLICY, "contains a NUL byte");
	help_write(ALICE, "");
	assert_fate(good, VPSH_OK, "is empty");
	assert_fate(NULL, VPSH_ERR_POLICY, "is empty");
	help_path(path, ALICE);
	assert_int_equal(truncate(path, 1 << 30), 0);
	assert_fate(good, VPSH_OK, "is larger than");
	assert_fate(NULL, VPSH_ERR_POLICY, "is larger than");
	policy_free(good);
}

static void
E04_leftovers_and_comments_grant_nothing(void **state)
{
	static const char *const names[] = { "alice~", "alice.dpkg-old",
		"#alice#", ".alice.swp", "Alice", "alice.bak", "-alice" };
	struct policy *policy;
	char path[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		text_format(path, sizeof(path), "customers/%s", names[i]);
		help_mkdir(path);
		text_format(path, sizeof(path), "customers/%s/policy.conf",
		    names[i]);
		help_write(path, GOOD);
	}
	help_write("customers/alice/policy.conf~", GOOD);
	help_write("customers/alice/.policy.conf.swp", GOOD);
	help_write(ALICE,
	    "# guests = ( { name = \"web\"; allow = [ \"start\" ]; } );\n"
	    "// allow = [ \"keys\" ];\n"
	    "/* guests = ( { name = \"web\"; allow = [ \"start\" ]; } ); */\n"
	    "guests = ( );");
	policy = help_load(NULL);
	assert_int_equal(policy->ncustomers, 2);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_null(policy_customer(policy, names[i]));
	/* Every one but the hidden one is pointed out. */
	assert_int_equal(policy->nfaults, 6);
	assert_alice(policy, VPSH_ERR_NO_GUEST);
	assert_int_equal(help_decide(policy, "alice", NULL, RIGHT_KEYS, NULL),
	    VPSH_ERR_DENIED);
	policy_free(policy);
}

static void
E12_config_path_tricks_close_the_guest(void **state)
{
	static const char *const paths[] = { "alice-web.cfg", "",
		"/etc/xen/../passwd", "/..", "/etc/xen/", "/", "-c",
		"/etc/xen//..//x", "/etc/xen/a\tb", "/etc/\xc3\xa9.cfg" };
	struct policy *policy;
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		text_format(text, sizeof(text),
		    "guests = ( { name = \"web\"; allow = [ \"start\" ];\n"
		    "config = \"%s\"; } );\n",
		    paths[i]);
		help_write(ALICE, text);
		policy = help_load(NULL);
		assert_true(help_decide(policy, "alice", "web", RIGHT_START,
				NULL) != VPSH_OK);
		policy_free(policy);
	}
	help_write(ALICE,
	    "guests = ( { name = \"web\"; allow = [ \"start\" ];\n"
	    "config = \"/etc/xen/a..b/..c/x=y\"; } );\n");
	policy = help_load(NULL);
	assert_alice(policy, VPSH_OK);
	policy_free(policy);
	for (i = 0; i < 3; i++) {
		static const char *const names[] = { "../x", "-c", "a=b" };

		text_format(text, sizeof(text),
		    "guests = ( { name = \"%s\"; allow = [ \"start\" ]; } );",
		    names[i]);
		help_write(ALICE, text);
		policy = help_load(NULL);
		assert_int_equal(help_decide(policy, "alice", names[i],
				     RIGHT_START, NULL),
		    VPSH_ERR_NO_GUEST);
		assert_int_equal(policy->customers[0].nguests, 0);
		policy_free(policy);
	}
}

static void
one_uid_for_two_denies_both(void **state)
{
	struct policy *policy;
	char said[512];

	(void)state;
	help_mkdir("customers/carol");
	help_write("customers/carol/policy.conf", "uid = 1001;\n");
	help_write(ALICE, "uid = 1001;\n" GOOD);
	policy = help_load(NULL);
	assert_alice(policy, VPSH_ERR_POLICY);
	assert_int_equal(help_decide(policy, "carol", NULL, RIGHT_ANY, NULL),
	    VPSH_ERR_POLICY);
	help_faults(policy, "carol/policy.conf", said, sizeof(said));
	assert_string_equal(said,
	    "carol/policy.conf:1: uid 1001 is also that of "
	    "alice/policy.conf:1; carol is denied\n");
	policy_free(policy);
	help_write(ALICE, "uid = 4000000000L;\n" GOOD);
	policy = help_load(NULL);
	assert_alice(policy, VPSH_OK);
	assert_true(policy_customer(policy, "alice")->uid == 4000000000U);
	assert_int_equal(help_decide(policy, "carol", NULL, RIGHT_ANY, NULL),
	    VPSH_OK);
	policy_free(policy);
}

static void
a_domain_is_shared_when_every_owner_says_so(void **state)
{
	const struct policy_guest *web;
	struct policy *policy;

	(void)state;
	help_write(ALICE,
	    "guests = ( { name = \"web\"; domain = \"bob-db\"; shared = true; "
	    "allow = [ \"start\" ]; } );\n");
	policy = help_load(NULL);
	assert_int_equal(help_decide(policy, "alice", "web", RIGHT_START, NULL),
	    VPSH_ERR_GUEST_CLOSED);
	assert_int_equal(help_decide(policy, "bob", "db", RIGHT_START, NULL),
	    VPSH_ERR_GUEST_CLOSED);
	policy_free(policy);
	help_write("customers/bob/policy.conf",
	    "guests = ( { name = \"db\"; shared = true; "
	    "allow = [ \"start\" ]; } );\n");
	policy = help_load(NULL);
	assert_int_equal(policy->nfaults, 0);
	assert_alice(policy, VPSH_OK);
	web = policy_guest(policy_customer(policy, "alice"), "web");
	assert_string_equal(web->owner, "alice");
	assert_string_equal(policy_guest(policy_customer(policy, "bob"), "db")
				->owner,
	    "alice");
	assert_ptr_equal(policy_by_domain(policy, "bob-db"), web);
	policy_free(policy);
	/* Twice in one file is a slip, shared or not. */
	help_write(ALICE,
	    "guests = ( { name = \"a\"; domain = \"x\"; shared = true; "
	    "allow = [ \"start\" ]; }, { name = \"b\"; domain = \"x\"; "
	    "shared = true; allow = [ \"start\" ]; } );\n");
	policy = help_load(NULL);
	assert_int_equal(help_decide(policy, "alice", "a", RIGHT_START, NULL),
	    VPSH_ERR_GUEST_CLOSED);
	assert_int_equal(help_decide(policy, "alice", "b", RIGHT_START, NULL),
	    VPSH_ERR_GUEST_CLOSED);
	policy_free(policy);
}

static void
a_guest_of_this_host_is_here(void **state)
{
	struct utsname self;
	struct policy *policy;
	char text[512];

	(void)state;
	assert_int_equal(uname(&self), 0);
	text_format(text, sizeof(text),
	    "guests = ( { name = \"a\"; host = \"%s\"; allow = [ ]; },\n"
	    "{ name = \"b\"; host = \"%s-2\"; allow = [ ]; } );\n",
	    self.nodename, self.nodename);
	help_write(ALICE, text);
	policy = help_load(NULL);
	assert_string_equal(policy->customers[0].guests[0].host, "");
	assert_true(*policy->customers[0].guests[1].host != '\0');
	policy_free(policy);
}

/* The samples that are installed, under the names that they get there. */
static void
the_samples_are_right(void **state)
{
	static const char *const names[] = { "vpsh.conf",
		"customers/alice/policy.conf" };
	const struct policy_customer *alice;
	struct policy *policy;
	char path[512], *text;
	size_t i, len;

	(void)state;
	for (i = 0; i < 2; i++) {
		text_format(path, sizeof(path), "%s/etc/%s%s",
		    getenv("VPSH_TOP") != NULL ? getenv("VPSH_TOP") : ".",
		    i == 0 ? "" : "examples/", names[i]);
		assert_int_equal(file_read_trusted(AT_FDCWD, path, &text, &len),
		    FILE_OK);
		help_write(names[i], text);
		free(text);
	}
	policy = help_load(NULL);
	assert_int_equal(policy->nfaults, 0);
	alice = policy_customer(policy, "alice");
	assert_int_equal(alice->nguests, 2);
	assert_int_equal(alice->limits.sessions, 12);
	assert_alice(policy, VPSH_OK);
	policy_free(policy);
}

static void
no_configuration_at_all_is_no_customers(void **state)
{
	struct policy *policy = policy_load("/nonexistent/vpsh", NULL);

	(void)state;
	assert_non_null(policy);
	assert_int_equal(policy->ncustomers, 0);
	assert_int_equal(policy->nfaults, 1);
	assert_int_equal(policy->grace_ms, 24 * 60 * 60 * 1000);
	policy_free(policy);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, help_setup_two, help_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_policy_is_read_as_written),
		TEST(plans_give_what_the_customer_leaves_out),
		TEST(the_interface_is_the_customers_own_or_that_of_the_host),
		TEST(E05_untrusted_file_is_denied_at_once),
		TEST(E05_wrong_owner_is_denied_at_once),
		TEST(E05_untrusted_directory_is_denied_at_once),
		TEST(E05_unreadable_content_is_as_good_as_none),
		TEST(E04_leftovers_and_comments_grant_nothing),
		TEST(E12_config_path_tricks_close_the_guest),
		TEST(one_uid_for_two_denies_both),
		TEST(a_domain_is_shared_when_every_owner_says_so),
		TEST(a_guest_of_this_host_is_here),
		TEST(the_samples_are_right),
		TEST(no_configuration_at_all_is_no_customers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
