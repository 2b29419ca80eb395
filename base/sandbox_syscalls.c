/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox.h"

#ifndef VPSH_NO_SECCOMP

#include <seccomp.h>

#define MAX_VALUES \
	(sizeof(((struct sandbox_rule *)0)->values) / sizeof(uint64_t))

/* What every program of ours needs, whatever it does. */
static const struct sandbox_rule common[] = {
	{ "read", 0, 0, { 0 }, "descriptors we already have" },
	{ "readv", 0, 0, { 0 }, "libevent buffers" },
	{ "write", 0, 0, { 0 }, "descriptors we already have" },
	{ "writev", 0, 0, { 0 }, "libevent buffers, glibc's last words" },
	{ "close", 0, 0, { 0 }, "descriptors we already have" },
	{ "recvmsg", 0, 0, { 0 }, "frames with descriptors" },
	{ "recvfrom", 0, 0, { 0 }, "recv()" },
	{ "sendmsg", 0, 0, { 0 }, "frames with descriptors" },
	{ "sendto", 0, 0, { 0 }, "send(): the log" },
	{ "shutdown", 0, 0, { 0 }, "ends a connection of ours" },
	{ "poll", 0, 0, { 0 }, "standard error without blocking" },
	{ "ppoll", 0, 0, { 0 }, "the same, for loops that wait for signals" },
	{ "epoll_wait", 0, 0, { 0 }, "libevent's loop" },
	{ "epoll_pwait", 0, 0, { 0 }, "libevent's loop" },
	{ "epoll_ctl", 0, 0, { 0 }, "libevent adds and removes events" },
	{ "timerfd_settime", 0, 0, { 0 }, "libevent's precise timers" },
	{ "fcntl", 1, 4, { F_GETFD, F_SETFD, F_GETFL, F_SETFL },
	    "non-blocking, close-on-exec; never F_SETOWN, which signals" },
	{ "fstat", 0, 0, { 0 }, "open descriptors" },
	{ "newfstatat", 3, 1, { AT_EMPTY_PATH }, "glibc's fstat()" },
	{ "lseek", 0, 0, { 0 }, "stdio" },
	{ "clock_gettime", 0, 0, { 0 }, "where the vDSO cannot: Xen" },
	{ "gettimeofday", 0, 0, { 0 }, "the same" },
	{ "time", 0, 0, { 0 }, "the same" },
	{ "brk", 0, 0, { 0 }, "malloc()" },
	{ "munmap", 0, 0, { 0 }, "free()" },
	{ "mremap", 0, 0, { 0 }, "realloc()" },
	{ "madvise", 0, 0, { 0 }, "free(), ends of threads" },
	{ "getrandom", 0, 0, { 0 }, "malloc()'s and hash tables' seeds" },
	{ "futex", 0, 0, { 0 }, "locks in glibc" },
	{ "set_robust_list", 0, 0, { 0 }, "a thread that was just started" },
	{ "rseq", 0, 0, { 0 }, "the same; glibc aborts without it" },
	{ "rt_sigaction", 0, 0, { 0 }, "abort(), libevent" },
	{ "rt_sigprocmask", 0, 0, { 0 }, "abort(), libevent" },
	{ "rt_sigreturn", 0, 0, { 0 }, "return from a signal handler" },
	{ "restart_syscall", 0, 0, { 0 }, "after SIGSTOP and SIGCONT" },
	{ "getpid", 0, 0, { 0 }, "log lines, abort()" },
	{ "gettid", 0, 0, { 0 }, "abort()" },
	{ "getuid", 0, 0, { 0 }, "reveals nothing" },
	{ "geteuid", 0, 0, { 0 }, "trusted files: are they ours?" },
	{ "exit", 0, 0, { 0 }, "a thread's end" },
	{ "exit_group", 0, 0, { 0 }, "our end" },
};

/* Nobody calls these by mistake: the process is not ours any more. */
static const char *const hostile[] = { "execve", "execveat", "fork", "vfork",
	"clone", "ptrace", "process_vm_readv", "process_vm_writev", "kill",
	"tkill", "pidfd_open", "pidfd_send_signal", "pidfd_getfd",
	"rt_sigqueueinfo", "rt_tgsigqueueinfo" };

static int
number_of(const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	/* Pseudo numbers below zero belong to other architectures. */
	if (nr < 0)
		fatal("there is no system call %s on this machine", name);
	return nr;
}

static void
add(scmp_filter_ctx ctx, uint32_t action, const char *name, unsigned nargs,
    struct scmp_arg_cmp arg)
{
	int r = seccomp_rule_add_array(ctx, action, number_of(name), nargs,
	    &arg);

	if (r < 0) {
		errno = -r;
		fatal("cannot make the rule for the system call %s: %m", name);
	}
}

static void
add_rule(scmp_filter_ctx ctx, const struct sandbox_rule *rule)
{
	struct scmp_arg_cmp arg = { 0 };
	uint64_t value;
	int i;

	if (rule->arg < 0 || rule->arg > 5 || rule->nvalues < 0 ||
	    (size_t)rule->nvalues > MAX_VALUES)
		fatal("the rule for %s is malformed", rule->syscall);
	if (rule->nvalues == 0)
		add(ctx, SCMP_ACT_ALLOW, rule->syscall, 0, arg);
	arg.arg = (unsigned)rule->arg;
	arg.op = SCMP_CMP_EQ;
	for (i = 0; i < rule->nvalues; i++) {
		value = rule->values[i];
		arg.datum_a = value;
		add(ctx, SCMP_ACT_ALLOW, rule->syscall, 1, arg);
		/* Compilers hand over a negative int in either width. */
		if (value >= (uint64_t)INT32_MIN) {
			arg.datum_a = (uint32_t)value;
			add(ctx, SCMP_ACT_ALLOW, rule->syscall, 1, arg);
		}
	}
}

static const struct sandbox_rule *
find_rule(const struct sandbox_rule *rules, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(rules[i].syscall, name) == 0)
			return &rules[i];
	return NULL;
}

/* No memory that can be executed is made after start-up. */
static void
add_memory(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp arg = { .arg = 2,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = PROT_EXEC,
		.datum_b = 0 };

	add(ctx, SCMP_ACT_ALLOW, "mmap", 1, arg);
	add(ctx, SCMP_ACT_ALLOW, "mprotect", 1, arg);
}

/* abort() signals its own thread; the log connects its own socket. */
static void
add_own(scmp_filter_ctx ctx, const struct sandbox_rule *rules, size_t n)
{
	struct scmp_arg_cmp arg = { .arg = 0, .op = SCMP_CMP_EQ };

	if (find_rule(rules, n, "tgkill") == NULL) {
		arg.datum_a = (uint64_t)getpid();
		add(ctx, SCMP_ACT_ALLOW, "tgkill", 1, arg);
		arg.op = SCMP_CMP_NE;
		add(ctx, SCMP_ACT_KILL_PROCESS, "tgkill", 1, arg);
	}
	if (log_fd() != -1) {
		arg.op = SCMP_CMP_EQ;
		arg.datum_a = (uint64_t)log_fd();
		add(ctx, SCMP_ACT_ALLOW, "connect", 1, arg);
	}
}

static void
add_hostile(scmp_filter_ctx ctx, const struct sandbox_rule *rules, size_t n)
{
	struct scmp_arg_cmp arg = { .op = SCMP_CMP_NE };
	const struct sandbox_rule *rule;
	size_t i;

	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		rule = find_rule(rules, n, hostile[i]);
		if (rule == NULL)
			add(ctx, SCMP_ACT_KILL_PROCESS, hostile[i], 0, arg);
		else if (rule->nvalues == 1) {
			arg.arg = (unsigned)rule->arg;
			arg.datum_a = rule->values[0];
			add(ctx, SCMP_ACT_KILL_PROCESS, hostile[i], 1, arg);
		}
	}
}

void
sandbox_syscalls(const struct sandbox_rule *rules, size_t n)
{
	scmp_filter_ctx ctx;
	size_t i;
	int r;

	if (seccomp_arch_native() != SCMP_ARCH_X86_64)
		fatal("the lists of system calls are for x86_64 only");
	/*
	 * ENOSYS, not a kill: libraries try newer calls and fall back.  The
	 * context knows one architecture only; calls of any other, 32-bit
	 * and x32 ones included, end the process.
	 */
	ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	if (ctx == NULL)
		fatal("cannot make a filter of system calls");
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	for (i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		add_rule(ctx, &common[i]);
	for (i = 0; i < n; i++)
		add_rule(ctx, &rules[i]);
	add_memory(ctx);
	add_own(ctx, rules, n);
	add_hostile(ctx, rules, n);
	if (r == 0)
		r = seccomp_load(ctx);
	if (r < 0) {
		errno = -r;
		fatal("cannot install the filter of system calls: %m");
	}
	seccomp_release(ctx);
}

#else

void
sandbox_syscalls(const struct sandbox_rule *rules, size_t n)
{
	(void)rules;
	(void)n;
}

#endif
