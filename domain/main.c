/* SPDX-License-Identifier: ISC */
/*
 * vpsh-domain: the only program that talks to Xen.
 *
 * watch	one, long-lived: follows domains, proves their ttys
 * run		one per job, with all that libxl and hotplug scripts need
 *
 * Both are started by vpshd and have their socket as descriptor 3.
 */
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/point.h"
#include "base/sandbox.h"
#include "domain/run.h"
#include "domain/watch.h"
#include "wire/wire.h"

#define CONTROL		3

/* _IOC(_IOC_NONE, 'P', 0, 48): xen/include/uapi/xen/privcmd.h of Linux. */
#define PRIVCMD_HYPERCALL	0x305000

/*
 * /dev/xen/privcmd asks for uid 0 and nothing else, and is all power over
 * the host; what is given up here only narrows how a bug gets to it.
 */
static const int watch_caps[] = {
	CAP_SYS_PTRACE,		/* whose end of a tty is it? /proc/PID/fd */
};

static const struct sandbox_limit watch_limits[] = {
	{ RLIMIT_CORE, 0 },	/* customers' ttys */
	{ RLIMIT_NOFILE, 16384 }, /* three for each guest */
};

static const struct sandbox_rule watch_rules[] = {
	{ "openat", 0, 0, { 0 }, "policy, ttys, locks, rings, /proc, /sys" },
	{ "newfstatat", 0, 0, { 0 }, "files by name, /proc/PID/fd" },
	{ "statfs", 0, 0, { 0 }, "is it devpts?" },
	{ "fstatfs", 0, 0, { 0 }, "is it devpts?" },
	{ "readlink", 0, 0, { 0 }, "/proc/PID/exe" },
	{ "getdents64", 0, 0, { 0 }, "customers, /proc/PID/fd, /sys" },
	{ "access", 0, 0, { 0 }, "libxl" },
	{ "ioctl", 1, 3, { PRIVCMD_HYPERCALL, TCGETS, TCSETS },
	    "which domains are there, raw ttys; never TIOCSTI" },
	{ "fcntl", 1, 1, { F_DUPFD_CLOEXEC }, "frames that wait" },
	{ "mkdir", 0, 0, { 0 }, "boots/, ring/, traffic/, hold/, lent/" },
	{ "unlink", 0, 0, { 0 }, "xenconsole's locks, operators' words" },
	{ "unlinkat", 0, 0, { 0 }, "unusable rings, half-written records" },
	{ "rename", 0, 0, { 0 }, "boot records, traffic" },
	{ "renameat", 0, 0, { 0 }, "boot records, traffic" },
	{ "renameat2", 0, 0, { 0 }, "boot records, traffic" },
	{ "fsync", 0, 0, { 0 }, "boot records, traffic" },
	{ "fchmod", 0, 0, { 0 }, "boot records, traffic" },
	{ "ftruncate", 0, 0, { 0 }, "xenconsole's locks" },
	{ "pread64", 0, 0, { 0 }, "xenconsole's locks" },
	{ "pwrite64", 0, 0, { 0 }, "xenconsole's locks" },
	{ "fallocate", 0, 0, { 0 }, "rings" },
	{ "memfd_create", 0, 0, { 0 }, "rings without a file" },
	{ "flock", 0, 0, { 0 }, "xenconsole's locks" },
	{ "alarm", 0, 0, { 0 }, "an xenstored that hangs" },
	{ "pidfd_open", 0, 0, { 0 }, "xenconsoled; who wrote that record?" },
	{ "inotify_init1", 0, 0, { 0 }, "policy, holds, images, locks" },
	{ "inotify_add_watch", 0, 0, { 0 }, "policy, holds, images, locks" },
	{ "uname", 0, 0, { 0 }, "policy: which host is this?" },
};

/* The supervisor is spared when memory runs out; guests' QEMUs are not. */
static void
spare_nobody(void)
{
	char now[16] = "";
	int fd;

	fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	if (fd == -1 || read(fd, now, sizeof(now) - 1) <= 0 ||
	    (now[0] == '-' && fd_write_all(fd, "0", 1) == -1))
		log_warn("oom_score_adj: %s", strerror(errno));
	fd_close(&fd);
}

/*
 * What a worker inherits is for libxl, its hotplug scripts and QEMU: they
 * must not get more than they would from xl.
 */
static void
prepare_worker(void)
{
	struct sigaction act = { .sa_handler = SIG_DFL };
	sigset_t none;
	int sig;

	if (fd_cloexec_from(CONTROL) == -1)
		fatal("inherited descriptors: %s", strerror(errno));
	spare_nobody();
	/* Executed by its descriptor, it has that for a name. */
	(void)prctl(PR_SET_NAME, "vpsh-domain");
	for (sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &act, NULL);
	/* libxl waits for its children by SIGCHLD. */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int
watch(const char *prefix)
{
	static struct watch w;

	if (fd_cloexec_from(CONTROL) == -1)
		fatal("inherited descriptors: %s", strerror(errno));
	if (wire_hello_inner(CONTROL, WIRE_ROLE_WATCH,
	    WIRE_ROLE_SUPERVISOR) == -1)
		fatal("the supervisor does not greet: %s", strerror(errno));
	if (fd_set_nonblock(CONTROL) == -1)
		fatal("descriptor 3: %s", strerror(errno));
	sandbox_limits(watch_limits,
	    sizeof(watch_limits) / sizeof(watch_limits[0]));
	watch_open(&w, CONTROL, prefix);
	if (chdir("/") == -1)
		fatal("/: %s", strerror(errno));
	sandbox_caps(watch_caps, sizeof(watch_caps) / sizeof(watch_caps[0]),
	    NULL, 0);
	sandbox_no_new_privs();
	sandbox_syscalls(watch_rules,
	    sizeof(watch_rules) / sizeof(watch_rules[0]));
	sandbox_hijack_hook();
	return watch_loop(&w);
}

int
main(int argc, char *argv[])
{
	const char *prefix = "";
	int to_stderr = 0;

	if (argc > 2 && strcmp(argv[1], "-p") == 0) {
		prefix = argv[2];
		to_stderr = 1;
		argv += 2;
		argc -= 2;
	}
	log_open("vpsh-domain", to_stderr);
	point_open(prefix);
	if (argc != 2)
		fatal("usage: vpsh-domain [-p DIR] watch|run; vpshd starts it");
	if (strcmp(argv[1], "watch") == 0)
		return watch(prefix);
	if (strcmp(argv[1], "run") != 0)
		fatal("usage: vpsh-domain [-p DIR] watch|run; vpshd starts it");
	prepare_worker();
	return run_main(CONTROL, prefix);
}
