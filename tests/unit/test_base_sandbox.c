/* SPDX-License-Identifier: ISC */
#include <sys/capability.h>
#include <sys/prctl.h>

#include <linux/securebits.h>

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/sandbox.h"
#include "tests/unit/base_help.h"

#define OTHER_UID 47114
#define OTHER_GID 47115

static void
lookup_daemon(void)
{
	uid_t uid = 0;
	gid_t gid = 0;

	sandbox_lookup("daemon", &uid, &gid);
	CHILD_ASSERT(uid == 1 && gid == 1);
}

static void
lookup_nobody_known(void)
{
	uid_t uid;
	gid_t gid;

	sandbox_lookup("vpsh-no-such-user", &uid, &gid);
}

static void
lookup_root(void)
{
	uid_t uid;
	gid_t gid;

	sandbox_lookup("root", &uid, &gid);
}

static void
system_users_must_exist_and_not_be_root(void **state)
{
	(void)state;
	assert_child_well(lookup_daemon);
	assert_child_fatal(lookup_nobody_known, "vpsh-no-such-user");
	assert_child_fatal(lookup_root, "root");
}

static void
become_other(void)
{
	gid_t groups[2] = { 4, 5 };
	uid_t ru, eu, su;
	gid_t rg, eg, sg;
	char cwd[64];
	int cap;

	CHILD_ASSERT(setgroups(2, groups) == 0);
	sandbox_user(OTHER_UID, OTHER_GID);
	CHILD_ASSERT(getresuid(&ru, &eu, &su) == 0);
	CHILD_ASSERT(ru == OTHER_UID && eu == OTHER_UID && su == OTHER_UID);
	CHILD_ASSERT(getresgid(&rg, &eg, &sg) == 0);
	CHILD_ASSERT(rg == OTHER_GID && eg == OTHER_GID && sg == OTHER_GID);
	CHILD_ASSERT(getgroups(0, NULL) == 0);
	CHILD_ASSERT(setresuid(0, 0, 0) == -1 && errno == EPERM);
	CHILD_ASSERT(setresgid(0, 0, 0) == -1 && errno == EPERM);
	CHILD_ASSERT(getcwd(cwd, sizeof(cwd)) != NULL);
	CHILD_ASSERT(strcmp(cwd, "/") == 0);
	for (cap = 0; cap_get_bound(cap) >= 0; cap++)
		CHILD_ASSERT(cap_get_bound(cap) == 0);
	sandbox_caps(NULL, 0, NULL, 0);
}

static void
root_is_left_for_good(void **state)
{
	(void)state;
	assert_child_well(become_other);
}

static void
become_root(void)
{
	sandbox_user(0, 0);
}

static void
nobody_becomes_root_by_mistake(void **state)
{
	(void)state;
	assert_child_fatal(become_root, "told to become root");
}

static void
keep_a_way_back(void)
{
	CHILD_ASSERT(setresuid(OTHER_UID, OTHER_UID, 0) == 0);
	sandbox_user(OTHER_UID, OTHER_GID);
}

static void
saved_root_is_noticed(void **state)
{
	(void)state;
	assert_child_fatal(keep_a_way_back, "not the only ones");
}

static void
stay_as_we_are(void)
{
	uid_t before;

	/* As in a namespace where we are root: see below. */
	if (geteuid() == 0)
		CHILD_ASSERT(setresgid(OTHER_GID, OTHER_GID, OTHER_GID) == 0 &&
		    setresuid(OTHER_UID, OTHER_UID, OTHER_UID) == 0);
	before = geteuid();
	sandbox_user(before + 1, 1);
	CHILD_ASSERT(geteuid() == before);
	sandbox_caps(NULL, 0, NULL, 0);
	sandbox_no_new_privs();
	CHILD_ASSERT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

static void
plain_user_gives_up_nothing_and_goes_on(void **state)
{
	(void)state;
	assert_child_well(stay_as_we_are);
}

/* Root with every capability, if only in a namespace. */
static void
become_namespace_root(void)
{
	if (geteuid() != 0 && help_unshare(0, 0) == -1)
		_exit(77);
}

static void
keep_two_caps(void)
{
	const int keep[] = { CAP_CHOWN, CAP_KILL };
	const int bound[] = { CAP_CHOWN, CAP_KILL, CAP_SYS_ADMIN };
	cap_t have;
	char *text;
	int cap;

	become_namespace_root();
	sandbox_caps(keep, 2, bound, 3);
	have = cap_get_proc();
	text = cap_to_text(have, NULL);
	CHILD_ASSERT(strcmp(text, "cap_chown,cap_kill=ep") == 0);
	for (cap = 0; cap_get_bound(cap) >= 0; cap++)
		CHILD_ASSERT(cap_get_bound(cap) ==
		    (cap == CAP_CHOWN || cap == CAP_KILL ||
			cap == CAP_SYS_ADMIN));
	CHILD_ASSERT((prctl(PR_GET_SECUREBITS) & SECBIT_NOROOT) == 0);
	cap_free(text);
	cap_free(have);
}

static void
keep_no_caps(void)
{
	cap_t have;
	char *text;
	int cap;

	become_namespace_root();
	sandbox_caps(NULL, 0, NULL, 0);
	have = cap_get_proc();
	text = cap_to_text(have, NULL);
	CHILD_ASSERT(strcmp(text, "=") == 0);
	for (cap = 0; cap_get_bound(cap) >= 0; cap++)
		CHILD_ASSERT(cap_get_bound(cap) == 0);
	CHILD_ASSERT((prctl(PR_GET_SECUREBITS) & SECBIT_NOROOT) != 0);
	cap_free(text);
	cap_free(have);
}

static void
capabilities_are_exactly_those_kept(void **state)
{
	char said[512];
	int status = help_in_child(keep_two_caps, said, sizeof(said));

	(void)state;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_string_equal(said, "");
	assert_int_equal(status, 0);
	assert_child_well(keep_no_caps);
}

static void
keep_what_is_not_there(void)
{
	const int keep[] = { CAP_CHOWN };

	become_namespace_root();
	sandbox_caps(NULL, 0, NULL, 0);
	sandbox_caps(keep, 1, keep, 1);
}

static void
root_without_a_needed_capability_does_not_start(void **state)
{
	char said[512];
	int status = help_in_child(keep_what_is_not_there, said, sizeof(said));

	(void)state;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_non_null(strstr(said, "CAP_SETPCAP"));
}

static void
lower_limits(void)
{
	const struct sandbox_limit limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NOFILE, 64 },
		{ RLIMIT_FSIZE, 4096 },
	};
	const struct sandbox_limit more[] = { { RLIMIT_NOFILE, 128 } };
	struct rlimit got;
	size_t i;

	if (geteuid() == 0)
		CHILD_ASSERT(setresuid(OTHER_UID, OTHER_UID, OTHER_UID) == 0);
	sandbox_limits(limits, 3);
	for (i = 0; i < 3; i++) {
		CHILD_ASSERT(getrlimit(limits[i].resource, &got) == 0);
		CHILD_ASSERT(got.rlim_cur == limits[i].value);
		CHILD_ASSERT(got.rlim_max == limits[i].value);
	}
	sandbox_limits(more, 1);
	CHILD_ASSERT(getrlimit(RLIMIT_NOFILE, &got) == 0);
	CHILD_ASSERT(got.rlim_cur == 64);
}

static void
limits_are_soft_and_hard(void **state)
{
	(void)state;
	assert_child_well(lower_limits);
}

#ifndef VPSH_NO_SECCOMP

static void
stop_being_dumpable(void)
{
	sandbox_no_new_privs();
	CHILD_ASSERT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
}

static void
G06_no_core_dump_and_no_tracer(void **state)
{
	(void)state;
	assert_child_well(stop_being_dumpable);
}

#endif

static void
ask_to_be_hijacked(void)
{
	setenv("VPSH_HIJACK", "open", 1);
	sandbox_hijack_hook();
}

static void
hijack_hook_is_in_test_builds_only(void **state)
{
	char said[256];

	(void)state;
	assert_int_equal(help_in_child(ask_to_be_hijacked, said, sizeof(said)),
	    0);
#ifdef VPSH_TEST_HOOKS
	assert_string_equal(said, "hijack open: SUCCEEDED\n");
#else
	assert_string_equal(said, "");
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(system_users_must_exist_and_not_be_root),
		cmocka_unit_test(plain_user_gives_up_nothing_and_goes_on),
		cmocka_unit_test(capabilities_are_exactly_those_kept),
		cmocka_unit_test(
		    root_without_a_needed_capability_does_not_start),
		cmocka_unit_test(limits_are_soft_and_hard),
#ifndef VPSH_NO_SECCOMP
		cmocka_unit_test(G06_no_core_dump_and_no_tracer),
#endif
		cmocka_unit_test(hijack_hook_is_in_test_builds_only),
	};
	const struct CMUnitTest root_tests[] = {
		cmocka_unit_test(root_is_left_for_good),
		cmocka_unit_test(nobody_becomes_root_by_mistake),
		cmocka_unit_test(saved_root_is_noticed),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	if (geteuid() == 0)
		failed += cmocka_run_group_tests(root_tests, NULL, NULL);
	return failed;
}
