/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <errno.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/point.h"
#include "broker/vpshd.h"

#define DELAY_MIN_MS	100	/* before the next start */
#define DELAY_MAX_MS	3000
#define SETTLED_MS	10000	/* lived so long: not a failing start */
#define HELLO_MS	30000	/* emulated machines are slow */
#define STOP_MS		5000	/* to exit once its socket is closed */
#define BEFORE_MS	20	/* look again whether it has */
#define PING_MS		10000
#define PINGS_MAX	3	/* unanswered; the watcher may block a while */

enum { BROKER, CONSOLE, WATCH };

static const struct process kinds[VPSHD_CHILDREN] = {
	[BROKER] = { .program = "vpsh-broker", .role = WIRE_ROLE_BROKER },
	[CONSOLE] = { .program = "vpsh-console", .role = WIRE_ROLE_CONSOLE },
	[WATCH] = { .program = "vpsh-domain", .word = "watch",
	    .role = WIRE_ROLE_WATCH },
};

static void
child_close(struct process *c)
{
	event_del(c->input);
	fd_close(&c->fd);
	c->greeted = false;
}

static void
child_kill(struct process *c, const char *why)
{
	log_error("%s (pid %d) %s: killed", c->program, (int)c->pid, why);
	child_close(c);
	process_kill(c);
}

static void
child_send(struct process *c, uint32_t type, const void *body, int fd)
{
	if (c->fd != -1 &&
	    wire_send(c->fd, type, 0, body, &fd, fd == -1 ? 0 : 1) == -1)
		child_kill(c, "takes no more frames");
}

void
child_worker_gone(struct vpshd *d, uint64_t job, int status, bool late)
{
	const struct wire_gone gone = { job, status, late };

	if (d->children[BROKER].greeted)
		child_send(&d->children[BROKER], WIRE_WORKER_GONE, &gone, -1);
}

/* A socket to each other; theirs alone as soon as it is sent. */
static void
introduce(struct process *a, struct process *b)
{
	const struct wire_peer to_a = { (uint32_t)b->role };
	const struct wire_peer to_b = { (uint32_t)a->role };
	int pair[2] = { -1, -1 };

	if (fd_pair(pair) == -1) {
		child_kill(a, "cannot be given a socket");
		return;
	}
	child_send(a, WIRE_PEER, &to_a, pair[0]);
	child_send(b, WIRE_PEER, &to_b, pair[1]);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

/* Once all are there; one that failed already is no reason to wait. */
static void
child_tell_ready(struct vpshd *d)
{
	const struct process *c = d->children;

	while (c < d->children + VPSHD_CHILDREN &&
	    (c->greeted || (c->delay_ms != 0 && c->role != WIRE_ROLE_BROKER)))
		c++;
	if (d->ready || c < d->children + VPSHD_CHILDREN)
		return;
	d->ready = true;
	notify_manager("READY=1");
}

static void
child_ping(struct process *c)
{
	const struct wire_serial ping = { ++c->pings, 0 };

	if (c->pings > PINGS_MAX) {
		child_kill(c, "does not answer");
		return;
	}
	process_timer(c, PING_MS);
	child_send(c, WIRE_PING, &ping, -1);
}

static void
child_welcome(struct process *c)
{
	struct wire_listener door = { WIRE_DOOR_CUSTOMERS };
	struct process *other = c->vpshd->children;

	point("supervisor-welcome");
	log_info("%s runs (pid %d)", c->program, (int)c->pid);
	c->greeted = true;
	c->pings = 0;
	child_ping(c);
	for (; c->role == WIRE_ROLE_BROKER && door.door <= VPSHD_DOORS;
	     door.door++)
		child_send(c, WIRE_LISTENER, &door,
		    VPSHD_DOOR + (int)door.door - 1);
	for (; other < c->vpshd->children + VPSHD_CHILDREN; other++)
		if (other != c && other->greeted && c->greeted)
			introduce(c, other);
	child_tell_ready(c->vpshd);
}

/* What is installed has changed; or it was not we who changed with it. */
static void
child_foreign(struct process *c, const char *build)
{
	bool helps = renew_helps(c->vpshd);

	log_error("%s is of build %s, this is %s: %s", c->program, build,
	    VPSH_BUILD, helps ? "starting what is installed now" :
	    "is the upgrade half done?");
	child_close(c);
	process_kill(c);
	if (helps)
		renew(c->vpshd);
}

/* Returns false for what this child has no business to send. */
static bool
child_frame(struct process *c, const struct wire_msg *msg, int fd)
{
	if (!c->greeted && msg->head.type == WIRE_HELLO &&
	    msg->u.hello.role == (uint32_t)c->role) {
		if (wire_hello_same(&msg->u.hello))
			child_welcome(c);
		else
			child_foreign(c, msg->u.hello.build);
		return true;
	}
	if (c->greeted && msg->head.type == WIRE_PONG) {
		c->pings = 0;
		if (c->role == WIRE_ROLE_BROKER)
			notify_manager("WATCHDOG=1");
		return true;
	}
	if (!c->greeted || c->role != WIRE_ROLE_BROKER)
		return false;
	if (msg->head.type == WIRE_SPAWN)
		return worker_spawn(c->vpshd, &msg->u.spawn, fd);
	if (msg->head.type != WIRE_KILL)
		return false;
	worker_end(c->vpshd, msg->u.jobid.job);
	return true;
}

static void
on_input(evutil_socket_t socket, short what, void *arg)
{
	static struct wire_msg msg;
	struct process *c = arg;
	int fds[FD_PASS_MAX] = { -1, -1, -1, -1 };
	size_t nfds;
	ssize_t len;

	(void)what;
	len = wire_recv(socket, &msg, WIRE_CHILD_SUPER, fds, &nfds);
	if (len == 0) { /* it is about to end, one hopes */
		child_close(c);
		process_timer(c, STOP_MS);
	} else if (len == -1 ? errno != EAGAIN : !child_frame(c, &msg, *fds))
		child_kill(c, "sent nonsense");
	fd_close(fds);
}

static void
child_later(struct process *c)
{
	bool settled = clock_ms() - c->started_ms >= SETTLED_MS;

	c->delay_ms = settled || c->delay_ms == 0 ? DELAY_MIN_MS :
	    c->delay_ms * 2;
	if (c->delay_ms > DELAY_MAX_MS)
		c->delay_ms = DELAY_MAX_MS;
	process_timer(c, c->delay_ms);
	/* One that cannot start is no reason to end the others, too. */
	if (c->role == WIRE_ROLE_BROKER && c->delay_ms > DELAY_MIN_MS &&
	    c->vpshd->ready)
		notify_manager("WATCHDOG=1");
	child_tell_ready(c->vpshd);
}

static void
child_start(struct process *c)
{
	struct wire_hello hello;
	int pair[2] = { -1, -1 };

	c->started_ms = clock_ms();
	if (process_outlived(c,
	    c->started_ms - c->vpshd->started_ms > STOP_MS)) {
		process_timer(c, BEFORE_MS);
		return;
	}
	if (fd_pair(pair) == 0 && process_start(c, pair[1]) == 0)
		c->fd = pair[0];
	else
		fd_close(&pair[0]);
	fd_close(&pair[1]);
	if (c->fd == -1) {
		log_error("cannot start %s: %m", c->program);
		child_later(c);
		return;
	}
	event_assign(c->input, c->vpshd->base, c->fd, EV_READ | EV_PERSIST,
	    on_input, c);
	event_add(c->input, NULL);
	process_timer(c, HELLO_MS);
	wire_hello(&hello, WIRE_ROLE_SUPERVISOR, NULL);
	child_send(c, WIRE_HELLO, &hello, -1);
}

static void
on_timer(evutil_socket_t socket, short what, void *arg)
{
	struct process *c = arg;

	(void)socket;
	(void)what;
	if (c->pid == 0)
		child_start(c);
	else if (c->greeted)
		child_ping(c);
	else
		child_kill(c, "did not do what it should in time");
}

int
child_init_all(struct vpshd *d)
{
	struct process *c;
	int i;

	for (i = 0; i < VPSHD_CHILDREN; i++) {
		c = &d->children[i];
		*c = kinds[i];
		c->vpshd = d;
		c->fd = -1;
		c->input = event_new(d->base, -1, EV_READ, on_input, c);
		c->timer = evtimer_new(d->base, on_timer, c);
		if (c->input == NULL || c->timer == NULL)
			return -1;
	}
	for (i = 0; i < VPSHD_CHILDREN; i++)
		child_start(&d->children[i]);
	return 0;
}

void
child_gone(struct process *c, pid_t pid, int status)
{
	log_warn("%s (pid %d) ended, %s %d", c->program, (int)pid,
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	child_close(c);
	if (c->role == WIRE_ROLE_BROKER)
		worker_orphan_all(c->vpshd);
	if (!c->vpshd->stopping)
		child_later(c);
}

bool
child_any(const struct vpshd *d)
{
	return d->children[BROKER].pid != 0 || d->children[CONSOLE].pid != 0 ||
	    d->children[WATCH].pid != 0;
}

void
child_stop_all(struct vpshd *d)
{
	struct process *c;

	d->stopping = true;
	worker_orphan_all(d);
	for (c = d->children; c < d->children + VPSHD_CHILDREN; c++) {
		child_close(c);
		evtimer_del(c->timer);
		if (c->pid != 0)
			process_timer(c, STOP_MS);
	}
}
