/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "broker/vpshd.h"

#define CONTROL_FD	3
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
	if (p->pid == -1)
		p->pid = 0;
	else if (p->pid > 0) {
		(void)setpgid(p->pid, p->pid); /* whoever is first */
		return 0;
	} else {
		signal(SIGPIPE, SIG_DFL);
		if (setpgid(0, 0) == -1 || (fd == CONTROL_FD ?
		    fcntl(fd, F_SETFD, 0) : dup2(fd, CONTROL_FD)) == -1)
			_exit(126);
		fd_close_from(CONTROL_FD + 1);
#ifdef VPSH_TEST_HOOKS
		execv(path, argv);	/* which hook is in the environment */
#endif
		execve(path, argv, environment);
		_exit(127);
	}
	return -1;
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

bool
process_reap(struct process *p, int *status)
{
	siginfo_t info = { 0 };

	/* As long as it is a zombie nobody else can have its group's id. */
	if (p->pid == 0 || waitid(P_PID, (id_t)p->pid, &info,
	    WEXITED | WNOHANG | WNOWAIT) == -1 || info.si_pid != p->pid)
		return false;
	if (info.si_code != CLD_EXITED)
		process_kill(p);
	waitpid(p->pid, status, 0);
	p->pid = 0;
	evtimer_del(p->timer);
	return true;
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
worker_find(struct vpshd *d, uint64_t job)
{
	struct process *w;

	for (w = d->workers; w < d->workers + VPSHD_WORKERS; w++)
		if (w->pid != 0 && !w->orphan && w->job == job)
			return w;
	return NULL;
}

bool
worker_spawn(struct vpshd *d, const struct wire_spawn *spawn, int fd)
{
	struct process *w = d->workers;
	bool run = spawn->worker == WIRE_WORKER_RUN;

	if ((!run && spawn->worker != WIRE_WORKER_ACCOUNTS) ||
	    spawn->deadline_ms == 0 || spawn->deadline_ms > DEADLINE_MAX_MS ||
	    worker_find(d, spawn->job) != NULL)
		return false;
	while (w < d->workers + VPSHD_WORKERS && w->pid != 0)
		w++;
	if (w == d->workers + VPSHD_WORKERS) {
		child_worker_gone(d, spawn->job, -1, false);
		return true;
	}
	w->program = run ? "vpsh-domain" : "vpsh-broker";
	w->word = run ? "run" : "accounts";
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
	const struct process *w = worker_find(d, job);

	if (w != NULL)
		process_kill(w);
}

void
worker_reap_all(struct vpshd *d)
{
	struct process *w;
	int status;

	for (w = d->workers; w < d->workers + VPSHD_WORKERS; w++)
		if (process_reap(w, &status) && !w->orphan)
			child_worker_gone(d, w->job, status, w->late);
}

void
worker_orphan_all(struct vpshd *d)
{
	struct process *w;

	for (w = d->workers; w < d->workers + VPSHD_WORKERS; w++)
		w->orphan = true;
}
