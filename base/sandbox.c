/* SPDX-License-Identifier: ISC */
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <linux/securebits.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox.h"

void
sandbox_lookup(const char *user, uid_t *uid, gid_t *gid)
{
	struct passwd *pw;

	errno = 0;
	pw = getpwnam(user);
	if (pw == NULL && errno != 0)
		fatal("cannot look up the system user %s: %m", user);
	if (pw == NULL)
		fatal("the system user %s does not exist; nothing was "
		      "started. Create it with systemd-sysusers",
		    user);
	if (pw->pw_uid == 0 || pw->pw_gid == 0)
		fatal("the system user %s is root or in root's group; nothing "
		      "was started. Give it ids of its own",
		    user);
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
}

static void
check_ids(uid_t uid, gid_t gid)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	if (getresuid(&ru, &eu, &su) == -1 || getresgid(&rg, &eg, &sg) == -1)
		fatal("cannot read my own user and group: %m");
	if (ru != uid || eu != uid || su != uid || rg != gid || eg != gid ||
	    sg != gid)
		fatal("user %ld and group %ld are not the only ones I have",
		    (long)uid, (long)gid);
}

/* Nothing that this process executes may ever have more than listed. */
static void
bound_caps(const int *bound, size_t nb)
{
	size_t i;
	int cap;

	for (cap = 0; cap_get_bound(cap) >= 0; cap++) {
		for (i = 0; i < nb && bound[i] != cap; i++)
			continue;
		if (i == nb && cap_drop_bound(cap) == -1)
			fatal("cannot drop capability %d for good: %m", cap);
	}
	if (cap == 0)
		fatal("cannot read the capability bounding set: %m");
}

void
sandbox_user(uid_t uid, gid_t gid)
{
	if (chdir("/") == -1)
		fatal("cannot change to /: %m");
	if (geteuid() != 0) {
		check_ids(geteuid(), getegid());
		return;
	}
	if (uid == 0 || gid == 0)
		fatal("told to become root");
	bound_caps(NULL, 0);
	if (setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		fatal("cannot become user %ld, group %ld: %m", (long)uid,
		    (long)gid);
	check_ids(uid, gid);
	if (getgroups(0, NULL) != 0)
		fatal("could not leave the supplementary groups");
	if (setresuid(0, 0, 0) == 0 || setresuid(-1, 0, -1) == 0 ||
	    setresgid(0, 0, 0) == 0 || setresgid(-1, 0, -1) == 0)
		fatal("root could be had back after leaving it");
}

/* Exactly the kept ones, or those of them that we have when not root. */
static void
set_caps(const int *keep, size_t n)
{
	cap_t have, want = NULL;
	cap_flag_value_t on;
	size_t i;

	have = cap_get_proc();
	want = cap_init();
	if (have == NULL || want == NULL)
		fatal("cannot read my capabilities: %m");
	for (i = 0; i < n; i++) {
		if (cap_get_flag(have, keep[i], CAP_PERMITTED, &on) == -1)
			fatal("capability %d is unknown here", keep[i]);
		if (on != CAP_SET && geteuid() != 0)
			continue;
		if (cap_set_flag(want, CAP_PERMITTED, 1, &keep[i], CAP_SET) ==
			-1 ||
		    cap_set_flag(want, CAP_EFFECTIVE, 1, &keep[i], CAP_SET) ==
			-1)
			fatal("cannot ask for capability %d: %m", keep[i]);
	}
	if (cap_set_proc(want) == -1)
		fatal("cannot reduce my capabilities: %m");
	cap_free(have);
	have = cap_get_proc();
	if (have == NULL || cap_compare(have, want) != 0)
		fatal("my capabilities are not those that I asked for");
	cap_free(have);
	cap_free(want);
}

static bool
may_change_bounds(void)
{
	cap_t have = cap_get_proc();
	cap_flag_value_t on = CAP_CLEAR;

	if (have == NULL ||
	    cap_get_flag(have, CAP_SETPCAP, CAP_EFFECTIVE, &on) == -1)
		fatal("cannot read my capabilities: %m");
	cap_free(have);
	return on == CAP_SET;
}

void
sandbox_caps(const int *keep, size_t n, const int *bound, size_t nb)
{
	/* Uid 0 alone is then worth nothing to whatever is executed. */
	const unsigned long no_root = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
	    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED |
	    SECBIT_KEEP_CAPS_LOCKED;

	if (cap_reset_ambient() == -1)
		fatal("cannot clear the ambient capabilities: %m");
	if (may_change_bounds()) {
		bound_caps(bound, nb);
		if (nb == 0 && prctl(PR_SET_SECUREBITS, no_root, 0, 0, 0) == -1)
			fatal("cannot set the secure bits: %m");
	} else if (geteuid() == 0)
		fatal("root without CAP_SETPCAP cannot lock itself up");
	set_caps(keep, n);
}

void
sandbox_no_new_privs(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("cannot set no_new_privs: %m");
#ifndef VPSH_NO_SECCOMP
	/* LeakSanitizer attaches to its own process. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("cannot forbid core dumps: %m");
#endif
}

/* What the sanitizers' shadow memory and helper thread cannot live with. */
static bool
limit_applies(int resource)
{
#ifdef VPSH_NO_SECCOMP
	return resource != RLIMIT_AS && resource != RLIMIT_DATA &&
	    resource != RLIMIT_NPROC && resource != RLIMIT_STACK;
#else
	(void)resource;
	return true;
#endif
}

void
sandbox_limits(const struct sandbox_limit *limits, size_t n)
{
	struct rlimit limit;
	rlim_t value;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!limit_applies(limits[i].resource))
			continue;
		value = limits[i].value;
		if (getrlimit(limits[i].resource, &limit) == -1)
			fatal("limit %d is unknown here: %m",
			    limits[i].resource);
		/* Only root can have more than it was started with. */
		if (geteuid() != 0 && value > limit.rlim_max)
			value = limit.rlim_max;
		limit.rlim_cur = limit.rlim_max = value;
		if (setrlimit(limits[i].resource, &limit) == -1)
			fatal("cannot set limit %d to %llu: %m",
			    limits[i].resource, (unsigned long long)value);
	}
}
