/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "base/alive.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "broker/vpshd.h"

#define CONTROL_FD	3
#define ALIVE_FD	4	/* children only */
#define DEADLINE_MAX_MS	(30 * 60 * 1000)

/*
 * All that a child and what it starts (libxl, hotplug scripts, QEMU) has in
 * its environment.  With the last two libxl runs pygrub, which parses guests'
 * file systems, without privilege only (XSA-443, XSA-508).
 */
static char *const environment[] = {
	"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
	"LIBXL_BOOTLOADER_RESTRICT=1",
	"LIBXL_BOOTLOADER_USER=vpsh-pygrub",
	NULL
};

/* By their inodes: the broker's workers are of its build, come what may. */
static const char *const files[VPSHD_FILES] = { "vpsh-broker", "vpsh-domain",
	"vpsh-store" };

/* What a worker of that kind is: one of the files, and its argument. */
static const struct {
	int		 file;
	const char	*word;
} kinds[] = {
	[WIRE_WORKER_RUN] = { 1, "run" },
	[WIRE_WORKER_ACCOUNTS] = { 0, "accounts" },
	[WIRE_WORKER_STORE] = { 2, NULL },
};

void
process_init(struct vpshd *d, const char *run)
{
	char path[PATH_MAX];
	int i;

	(void)text_format(path, sizeof(path), "%s/children.lock", run);
	d->alive = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (d->alive == -1)
		fatal("cannot open %s: %m", path);
	for (i = 0; i < VPSHD_FILES; i++) {
		(void)text_format(path, sizeof(path), "%s/%s", d->libexec,
		    files[i]);
		d->files[i] = open(path, O_PATH | O_CLOEXEC);
	}
	d->started_ms = clock_ms();
}

/* In the new process: what it is to have, and its program. */
static void
process_become(const struct process *p, int fd, char *argv[])
{
	char *const *env = environment;

#ifdef VPSH_TEST_HOOKS
	env = environ;	/* which hook is in it */
#endif
	signal(SIGPIPE, SIG_DFL);
	if (setpgid(0, 0) == -1 || dup2(fd, CONTROL_FD) == -1)
		_exit(126);
	if (p->role == 0) {
		if (fd_cloexec_from(CONTROL_FD + 1) == -1)
			_exit(126);
		execveat(p->file, "", argv, env, AT_EMPTY_PATH);
	} else {
		if (dup2(p->vpshd->alive, ALIVE_FD) == -1)
			_exit(126);
		/* In this order: closing another one would let go. */
		fd_close_from(ALIVE_FD + 1);
		if (alive_hold(ALIVE_FD, p->role) == -1)
			_exit(126);
	}
	execve(argv[0], argv, env);
	_exit(127);
}

int
process_start(struct process *p, int fd)
{
	char path[PATH_MAX];
	char *argv[5] = { path };
	int n = 1;

	if (text_format(path, sizeof(path), "%s/%s", p->vpshd->libexec,
	    p->program) == -1)
		return -1;
	if (p->vpshd->prefix != NULL) {
		argv[n++] = "-p";
		argv[n++] = (char *)p->vpshd->prefix;
	}
	argv[n] = (char *)p->word;

	p->pid = fork();
	if (p->pid == 0)
		process_become(p, fd, argv);
	if (p->pid == -1) {
		p->pid = 0;
		return -1;
	}
	(void)setpgid(p->pid, p->pid); /* whoever is first */
	return 0;
}

bool
process_outlived(const struct process *p, bool end)
{
	pid_t pid = alive_who(p->vpshd->alive, p->role);

	if (pid > 0 && end) {
		log_error("%s (pid %d) of an earlier vpshd does not end: "
		    "killed", p->program, (int)pid);
		alive_end(p->vpshd->alive, p->role, pid);
	}
	return pid != 0;
}

void
process_kill(const struct process *p)
{
	if (p->pid != 0)
		kill(-p->pid, SIGKILL);
}

void
process_timer(struct process *p, uint32_t ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	evtimer_add(p->timer, &tv);
}

static void
worker_late(evutil_socket_t socket, short what, void *arg)
{
	struct process *w = arg;

	(void)socket;
	(void)what;
	log_error("job %llu (pid %d) did not end in time: killed",
	    (unsigned long long)w->job, (int)w->pid);
	w->late = true;
	process_kill(w);
}

int
worker_init_all(struct vpshd *d)
{
	struct process *w;

	for (w = d->workers; w < d->workers + VPSHD_WORKERS; w++) {
		w->vpshd = d;
		w->timer = evtimer_new(d->base, worker_late, w);
		if (w->timer == NULL)
			return -1;
	}
	return 0;
}

static struct process *
worker_find(struct vpshd *d, uint64_t job, bool orphan)
{
	struct process *w;

	for (w = d->workers; w < d->workers + VPSHD_WORKERS; w++)
		if (w->pid != 0 && w->orphan == orphan && w->job == job)
			return w;
	return NULL;
}

bool
worker_spawn(struct vpshd *d, const struct wire_spawn *spawn, int fd)
{
	struct process *w = d->workers;

	if (spawn->worker == 0 ||
	    spawn->worker >= sizeof(kinds) / sizeof(kinds[0]) ||
	    spawn->deadline_ms == 0 || spawn->deadline_ms > DEADLINE_MAX_MS ||
	    worker_find(d, spawn->job, false) != NULL)
		return false;
	while (w < d->workers + VPSHD_WORKERS && w->pid != 0)
		w++;
	if (w == d->workers + VPSHD_WORKERS) {
		child_worker_gone(d, spawn->job, -1, false);
		return true;
	}
	w->program = files[kinds[spawn->worker].file];
	w->file = d->files[kinds[spawn->worker].file];
	w->word = kinds[spawn->worker].word;
	w->job = spawn->job;
	w->late = w->orphan = false;
	if (process_start(w, fd) == -1)
		child_worker_gone(d, w->job, -1, false);
	else
		process_timer(w, spawn->deadline_ms);
	point("supervisor-spawned");
	return true;
}

void
worker_end(struct vpshd *d, uint64_t job)
{
	const struct process *w = worker_find(d, job, false);

	/* Numbers go on from one broker to the next. */
	if (w == NULL)
		w = worker_find(d, job, true);
	if (w != NULL)
		process_kill(w);
}

void
worker_orphan_all(struct vpshd *d)
{
	struct process *w;

	for (w = d->workers; w < d->workers + VPSHD_WORKERS; w++)
		w->orphan = true;
}

static void
process_gone(struct vpshd *d, pid_t pid, int status)
{
	struct process *p = d->children;

	while (p < d->children + VPSHD_CHILDREN && p->pid != pid)
		p++;
	if (p == d->children + VPSHD_CHILDREN)
		for (p = d->workers; p->pid != pid; p++)
			if (p == d->workers + VPSHD_WORKERS - 1)
				return;
	p->pid = 0;
	evtimer_del(p->timer);
	if (p->role != 0)
		child_gone(p, pid, status);
	else if (!p->orphan)
		child_worker_gone(d, p->job, status, p->late);
}

void
process_reap_all(struct vpshd *d)
{
	siginfo_t info = { 0 };
	int status;

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    info.si_pid != 0) {
		/* A zombie's id is no other group's. */
		if (info.si_code != CLD_EXITED)
			kill(-info.si_pid, SIGKILL);
		if (waitpid(info.si_pid, &status, 0) == info.si_pid)
			process_gone(d, info.si_pid, status);
		info.si_pid = 0;
	}
}
