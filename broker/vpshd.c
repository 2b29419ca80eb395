/* SPDX-License-Identifier: ISC */
#include <sys/capability.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/point.h"
#include "base/sandbox.h"
#include "base/text.h"
#include "broker/vpshd.h"

/* The supervisor itself only ends its children, who have other uids. */
static const int own_caps[] = { CAP_KILL };

/*
 * What processes that we start as root can have.  Workers and hotplug
 * scripts must work as they do under xl; what none of them can have a use
 * for is gone for all of them: clock, reboot, kernel log, audit, MAC, file
 * capabilities, leases, immutable flags, wake alarms, tty configuration.
 */
static const int child_caps[] = {
	CAP_SETUID, CAP_SETGID,	/* broker, console, pygrub, QEMU change uid */
	CAP_SETPCAP,		/* children empty their own bounding set */
	CAP_KILL,		/* scripts and QEMU under other uids */
	CAP_CHOWN, CAP_FOWNER,	/* libxl gives files to a restricted QEMU */
	CAP_FSETID,		/* the same */
	CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH,	/* images of other users */
	CAP_SYS_CHROOT,		/* QEMU and pygrub in their cages */
	CAP_SYS_ADMIN,		/* their mount namespaces; dm, loop, drbd */
	CAP_SYS_PTRACE,		/* watcher: which pty is xenconsoled's */
	CAP_SYS_RESOURCE,	/* descriptors in flight, QEMU's limits */
	CAP_SYS_NICE,		/* scripts that use ionice or taskset */
	CAP_IPC_LOCK,		/* hypercall buffers, QEMU's memory */
	CAP_SYS_RAWIO,		/* QEMU: MSI-X tables of passed PCI devices */
	CAP_SYS_MODULE,		/* scripts: modprobe nbd, iptables-legacy */
	CAP_MKNOD,		/* block scripts: device nodes */
	CAP_NET_ADMIN, CAP_NET_RAW,	/* vif scripts: tc, iptables, arping */
	CAP_NET_BIND_SERVICE, CAP_NET_BROADCAST	/* a vif script's dnsmasq */
};

/* Where operators leave word that the broker cannot: domain/asked.h. */
static void
prepare_asked(const char *run, gid_t operators)
{
	char path[PATH_MAX];

	(void)text_format(path, sizeof(path), "%s/asked", run);
	if ((mkdir(path, 0700) == -1 && errno != EEXIST) ||
	    lchown(path, (uid_t)-1, operators) == -1 ||
	    chmod(path, 01730) == -1)
		fatal("cannot make %s: %m", path);
}

/* The run-time folders, unless tmpfiles.d made them, and our lock. */
static void
prepare_run(struct vpshd *d, const char *run, gid_t operators)
{
	static const char *const folders[] = { "", "/ring", "/lock" };
	char path[PATH_MAX];
	size_t i;
	int fd = VPSHD_LOCK;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		(void)text_format(path, sizeof(path), "%s%s", run, folders[i]);
		if (mkdir(path, i == 0 ? 0755 : 0700) == -1 && errno != EEXIST)
			fatal("cannot make %s: %m", path);
	}
	prepare_asked(run, operators);
	(void)text_format(path, sizeof(path), "%s/vpshd.lock", run);
	/* Held until we exit, through every renewal. */
	if (d->renewed_ms == 0)
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd != VPSHD_LOCK || flock(fd, LOCK_EX | LOCK_NB) == -1)
		fatal("cannot lock %s; is another vpshd running? %m", path);
}

/* Listen, or tidy up.  0666: it is the kernel that says who connects. */
static void
doors(const char *run, gid_t operators, bool listening)
{
	char path[PATH_MAX];
	int i;

	for (i = 0; i < VPSHD_DOORS; i++) {
		(void)text_format(path, sizeof(path), "%s/%s.sock", run,
		    i == 0 ? "broker" : "operator");
		if (!listening)
			unlink(path);
		else if (fd_listen(path, i == 0 ? 0666 : 0660,
		    i == 0 ? getegid() : operators) != VPSHD_DOOR + i)
			fatal("cannot listen on %s: %m", path);
	}
}

static void
on_chld(evutil_socket_t number, short what, void *arg)
{
	struct vpshd *d = arg;

	(void)number;
	(void)what;
	process_reap_all(d);
	if (d->stopping && !child_any(d))
		event_base_loopbreak(d->base);
}

static void
on_term(evutil_socket_t number, short what, void *arg)
{
	struct vpshd *d = arg;

	log_info("stopping on signal %d", (int)number);
	notify_manager("STOPPING=1");
	child_stop_all(d);
	on_chld(number, what, arg);
}

static void
on_hup(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	renew(arg);
}

static void
watch_signal(struct vpshd *d, int number, event_callback_fn callback)
{
	struct event *event = evsignal_new(d->base, number, callback, d);

	if (event == NULL || event_add(event, NULL) == -1)
		fatal("cannot watch signal %d", number);
}

static bool
options(struct vpshd *d, int argc, char **argv)
{
	long long ms = 0;
	int c;

	while ((c = getopt(argc, argv, "p:r:x:")) != -1) {
		if (c == 'p')
			d->prefix = optarg;
		else if (c == 'x')
			d->libexec = optarg;
		else if (c != 'r' ||
		    text_number(optarg, 1, INT64_MAX, &ms) == -1)
			return false;
	}
	d->renewed_ms = ms;
	return optind == argc;
}

int
main(int argc, char **argv)
{
	static struct vpshd d;
	char run[PATH_MAX - 32];
	struct group *g;
	gid_t operators;

	d.libexec = VPSH_LIBEXEC;
	if (!options(&d, argc, argv)) {
		fprintf(stderr, "usage: vpshd [-p prefix] [-x libexecdir]\n");
		return 2;
	}

	/* 1. What the start-up needs, the descriptors that stay first. */
	log_open("vpshd", true);
	g = geteuid() == 0 ? getgrnam("vpsh-operator") : NULL;
	operators = g != NULL ? g->gr_gid : getegid();
	fd_close_from(d.renewed_ms == 0 ? VPSHD_LOCK : VPSHD_KEPT_END);
	renew_init(&d);
	umask(022);
	if (text_format(run, sizeof(run), "%s%s", d.prefix != NULL ?
	    d.prefix : "", VPSH_RUN) == -1)
		fatal("%s: too long", d.prefix);
	prepare_run(&d, run, operators);
	if (d.renewed_ms == 0)
		doors(run, operators, true);
	log_open("vpshd", d.prefix != NULL);
	point_open(d.prefix);
	process_init(&d, run);

	/* 2. Privilege: uid 0 stays, most of what it means goes. */
	if (chdir("/") == -1)
		fatal("cannot change to /: %m");
	sandbox_caps(own_caps, sizeof(own_caps) / sizeof(own_caps[0]),
	    child_caps, sizeof(child_caps) / sizeof(child_caps[0]));

	/* 3. The loop. */
	d.base = event_base_new();
	if (d.base == NULL)
		fatal("no event loop");
	signal(SIGPIPE, SIG_IGN);
	watch_signal(&d, SIGCHLD, on_chld);
	watch_signal(&d, SIGTERM, on_term);
	watch_signal(&d, SIGINT, on_term);
	watch_signal(&d, SIGHUP, on_hup);
	if (worker_init_all(&d) == -1 || child_init_all(&d) == -1)
		fatal("no memory");
	process_reap_all(&d);	/* who ended while we were renewed */
	event_base_dispatch(d.base);
	doors(run, 0, false);
	log_info("stopped");
	return 0;
}
