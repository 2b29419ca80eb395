/* SPDX-License-Identifier: ISC */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <sys/resource.h>
#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * The steps of a start-up recipe.  Each program's main.c calls them one
 * after the other, so that its privilege can be read top to bottom.  All of
 * them call fatal() on failure: a process that cannot lock itself up must
 * not run.  When the effective user is not root, sandbox_user() and
 * sandbox_caps() only check that there is nothing to give up.
 */

/*
 * chdir to /, empty the bounding set, drop supplementary groups, then gid
 * and uid for good.  The ids come from the caller, which looked them up
 * while it still could; those of root are refused.
 */
void	 sandbox_user(uid_t uid, gid_t gid);

/* The ids of a system user; fatal() when it does not exist. */
void	 sandbox_lookup(const char *user, uid_t *uid, gid_t *gid);

/*
 * Keep exactly the n capabilities (cap_value_t of libcap) in the permitted
 * and effective sets; bound is what children may ever have: nb of them in
 * the bounding set.
 */
void	 sandbox_caps(const int *keep, size_t n, const int *bound, size_t nb);

/* no_new_privs; dumpable off, except in sanitizer builds. */
void	 sandbox_no_new_privs(void);

struct sandbox_limit {
	int	resource;	/* RLIMIT_NOFILE, ... */
	rlim_t	value;		/* soft and hard */
};

/*
 * When the effective user is not root, a limit above the hard one becomes
 * the hard one.
 */
void	 sandbox_limits(const struct sandbox_limit *limits, size_t n);

/*
 * One allowed system call.  With nvalues 0 every use is allowed, otherwise
 * only where argument arg equals one of the values.
 */
struct sandbox_rule {
	const char	*syscall;
	int		 arg;		/* index of the compared argument */
	int		 nvalues;	/* 0: any */
	uint64_t	 values[6];
	const char	*why;		/* read by people only */
};

/*
 * Install the filter for all threads, those of now and later.  Not listed:
 * ENOSYS.  exec, fork, vfork, clone, ptrace, kill, tkill, tgkill of others,
 * pidfds, sigqueue, process_vm_*: the process is killed, unless listed; with
 * one value listed, any other is killed.
 *
 * What all programs need is allowed beside the rules: using and closing open
 * descriptors, libevent's loop (event_base_new() comes before), malloc,
 * memory that is not executable, signals, time, abort, exit, and connecting
 * the log's socket again.  A misspelt name is fatal.  A build with
 * VPSH_NO_SECCOMP does nothing here (sanitizers need more calls).
 */
void	 sandbox_syscalls(const struct sandbox_rule *rules, size_t n);

/*
 * Test builds only (VPSH_TEST_HOOKS): does what the environment variable
 * VPSH_HIJACK names, as a hijacked process would, and reports on standard
 * error.  Nothing at all in every other build.
 */
void	 sandbox_hijack_hook(void);

#endif
