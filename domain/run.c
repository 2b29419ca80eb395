/* SPDX-License-Identifier: ISC */
/*
 * The front of a worker: the only code that runs as root with all of libxl's
 * power and reads a frame from the unprivileged broker.  A frame says which
 * guest of which customer and what to do, in fixed numbers and two names;
 * both are looked up again in root-owned policy.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "domain/forget.h"
#include "domain/hold.h"
#include "domain/job.h"
#include "domain/lock.h"
#include "domain/result.h"
#include "domain/run.h"
#include "domain/store.h"
#include "domain/torn.h"

#define REQUEST_MS	10000
/* An earlier worker that was killed, or that finishes without a broker. */
#define LOCK_WAIT_S	20
/* Pulling the plug is for when something hangs. */
#define LOCK_DESTROY_S	2
#define LOCK_MAX_S	3600

static void
drop_broker(struct job *job)
{
	if (job->fd != -1)
		log_warn("job %" PRIu64 ": the broker is gone, the job goes on",
		    job->run.job);
	fd_close(&job->fd);
}

static void
send_frame(struct job *job, uint32_t type, const void *body)
{
	struct pollfd p = { .fd = job->fd, .events = POLLOUT };

	if (job->fd == -1)
		return;
	if (poll(&p, 1, 1000) != 1 ||
	    wire_send(job->fd, type, 0, body, NULL, 0) == -1)
		drop_broker(job);
}

/* One frame within wait_ms: 1, 0 when none came, -1 when the peer is gone. */
static int
next_frame(int fd, struct wire_msg *msg, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left = until - clock_ms();
	int r;

	r = poll(&p, 1, left > 0 ? (int)left : 0);
	if (r == -1 && errno == EINTR)
		return 0;
	if (r <= 0)
		return r;
	if (wire_recv(fd, msg, WIRE_BROKER_WORKER, NULL, NULL) > 0)
		return 1;
	return errno == EAGAIN ? 0 : -1;
}

void
job_phase(struct job *job, enum wire_phase_kind kind,
    const struct xen_domain *domain, int wait_ms)
{
	struct wire_phase phase = { .job = job->run.job, .phase = kind,
		.domid = domain->domid };
	int64_t until = clock_ms() + wait_ms;
	struct wire_msg msg;
	int r;

	memcpy(phase.uuid, domain->uuid, WIRE_UUID);
	send_frame(job, WIRE_PHASE, &phase);
	while (job->fd != -1 && clock_ms() < until) {
		r = next_frame(job->fd, &msg, until);
		if (r == -1)
			drop_broker(job);
		else if (r == 1 && msg.head.type == WIRE_GO &&
		    msg.u.jobid.job == job->run.job)
			return;
	}
	/* Nobody says when the console is empty: give it all of its time. */
	if (kind == WIRE_PHASE_PAUSED && clock_ms() < until)
		(void)poll(NULL, 0, (int)(until - clock_ms()));
}

int
job_end(struct job *job, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)!vsnprintf(job->text, sizeof(job->text), fmt, ap);
	va_end(ap);
	return err;
}

int
job_end_xen(struct job *job, int err, const char *what)
{
	const char *said = job->xen.said;

	return job_end(job, err, "%s%s%.400s", what, said[0] != '\0' ? ": " :
	    "", said);
}

int
job_write_err(void)
{
	return errno == ENOSPC || errno == EDQUOT ? VPSH_ERR_NO_ROOM :
	    VPSH_ERR_FAILED;
}

/*
 * Find the guest in the policy as it stands on the disk now, or as it last
 * stood there without a mistake.
 */
static int
look_up(struct job *job)
{
	const struct policy_customer *customer;
	const struct policy_guest *guest;
	struct policy *policy, *last = policy_recall(job->paths.kept);
	int err = VPSH_OK;

	policy = policy_load(job->paths.etc, last);
	policy_free(last);
	if (policy == NULL)
		return job_end(job, VPSH_ERR_POLICY, "no memory for a policy");
	customer = policy_customer(policy, job->run.customer);
	guest = customer == NULL ? NULL :
	    policy_guest(customer, job->run.guest);
	if (customer == NULL)
		err = job_end(job, VPSH_ERR_NO_CUSTOMER,
		    "no customer %s in the policy", job->run.customer);
	else if (customer->denied[0] != '\0')
		err = job_end(job, VPSH_ERR_POLICY, "%s", customer->denied);
	else if (guest == NULL)
		err = job_end(job, VPSH_ERR_NO_GUEST,
		    "%s has no guest %s in the policy", job->run.customer,
		    job->run.guest);
	else if (guest->closed[0] != '\0')
		err = job_end(job, VPSH_ERR_GUEST_CLOSED, "%s", guest->closed);
	if (guest != NULL)
		job->guest = *guest;
	policy_free(policy);
	if (guest != NULL && (!text_is_domain(job->guest.domain) ||
	    text_format(job->config, sizeof(job->config), "%s%s",
	    job->paths.prefix, job->guest.config) == -1))
		return job_end(job, VPSH_ERR_POLICY,
		    "unusable domain or path");
	/* Closed meanwhile: what was begun is tidied up all the same. */
	job->closed = err != VPSH_OK;
	return guest != NULL && job->run.op == WIRE_OP_RECOVER ? VPSH_OK :
	    err;
}

bool
job_is_here(const struct job *job)
{
	const struct policy_guest *guest = &job->guest;
	char name[256];

	if (guest->host[0] == '\0')
		return true;
	if (gethostname(name, sizeof(name)) == -1)
		return false;
	name[sizeof(name) - 1] = '\0';
	if (strcmp(name, guest->host) == 0)
		return true;
	name[strcspn(name, ".")] = '\0';
	return strcmp(name, guest->host) == 0;
}

static int
dispatch(struct job *job)
{
	const enum wire_op op = (enum wire_op)job->run.op;

	if ((op == WIRE_OP_START || op == WIRE_OP_RESET ||
	    op == WIRE_OP_ADOPT) && !job_is_here(job))
		return job_end(job, VPSH_ERR_ELSEWHERE,
		    "the policy puts %s on host %s", job->guest.domain,
		    job->guest.host);
	switch (op) {
	case WIRE_OP_START:
		return start_run(job);
	case WIRE_OP_SHUTDOWN:
		return stop_ask(job, false);
	case WIRE_OP_REBOOT:
		return stop_ask(job, true);
	case WIRE_OP_RESET:
		return stop_reset(job);
	case WIRE_OP_DESTROY:
		return stop_destroy(job);
	case WIRE_OP_DEATH:
		return death_run(job);
	case WIRE_OP_PAUSE:
		return ask_pause(job);
	case WIRE_OP_UNPAUSE:
		return ask_unpause(job);
	case WIRE_OP_SYSRQ:
		return ask_sysrq(job);
	case WIRE_OP_RECOVER:
		return recover_run(job);
	case WIRE_OP_ADOPT:
		return adopt_run(job);
	case WIRE_OP_HOLD:
		return hold_run(job);
	case WIRE_OP_RELEASE:
		return hold_release(job);
	case WIRE_OP_FORGET_SAVED:
		return forget_run(job);
	}
	return job_end(job, VPSH_ERR_FAILED, "no operation %" PRIu32,
	    job->run.op);
}

static int
take_lock(struct job *job, int *lock)
{
	const enum wire_op op = (enum wire_op)job->run.op;
	unsigned wait_s = job->run.lock_s;

	if (op == WIRE_OP_DESTROY)
		wait_s = LOCK_DESTROY_S;
	else if (wait_s == 0 || wait_s > LOCK_MAX_S)
		wait_s = LOCK_WAIT_S;
	(void)mkdir(job->paths.locks, 0700);
	*lock = lock_guest(job->paths.locks, job->guest.domain, wait_s,
	    op == WIRE_OP_DESTROY || op == WIRE_OP_RECOVER);
	if (*lock != -1)
		return VPSH_OK;
	if (errno == EINTR)
		return job_end(job, VPSH_ERR_BUSY,
		    "another worker holds the lock of %s", job->guest.domain);
	return job_end(job, job_write_err(), "%s/%s: %s", job->paths.locks,
	    job->guest.domain, strerror(errno));
}

void
job_keep(const struct job *job, int err)
{
	struct result result = { .op = job->run.op, .err = err,
		.number = job->number }, last;

	(void)result_load(job->paths.results, job->guest.domain, &last);
	/* Who recovers, or keeps the operator's books, does nothing new. */
	result.youngest = job->run.op < WIRE_OP_RECOVER &&
	    job->born > last.youngest ? job->born : last.youngest;
	(void)text_copy(result.mark, sizeof(result.mark), job->mark);
	(void)text_copy(result.text, sizeof(result.text), job->text);
	if (result_save(job->paths.results, job->guest.domain,
	    &result) == -1)
		log_warn("%s/%s: %s", job->paths.results, job->guest.domain,
		    strerror(errno));
}

/* With the guest's lock. */
static int
work(struct job *job)
{
	int err;

	point("worker-locked");
	/* Who was late for the lock has been given up for dead. */
	if (recover_is_told(job, &err))
		return err;
	if (xen_open(&job->xen) == -1)
		err = job_end_xen(job, VPSH_ERR_HOST, "Xen does not answer");
	else if ((job->store = store_open()) == NULL)
		err = job_end(job, VPSH_ERR_HOST,
		    "xenstored does not answer: %s", strerror(errno));
	else if (recover_is_overtaken(job, &err))
		return err;
	else {
		/* Who recovers asks first what it was that was noted. */
		if (job->run.op != WIRE_OP_RECOVER)
			torn_settle(job);
		err = dispatch(job);
	}
	job_keep(job, err);
	point("result-written");
	return err;
}

/*
 * When the supervisor made us, in the kernel's ticks: proc(5), starttime.
 * Not when we came here, which for one that was stopped may be late.
 */
static int64_t
born(void)
{
	char text[1024], *p;
	ssize_t n = -1;
	int field, fd;

	fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	if (fd != -1)
		n = read(fd, text, sizeof(text) - 1);
	fd_close(&fd);
	text[n > 0 ? n : 0] = '\0';
	/* The second field is the name, which may be anything. */
	p = strrchr(text, ')');
	for (field = 2; p != NULL && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p == NULL ? 0 : (int64_t)strtoll(p, NULL, 10);
}

static int
receive(struct job *job)
{
	int64_t until = clock_ms() + REQUEST_MS;
	struct wire_msg msg;
	int r;

	do {
		r = next_frame(job->fd, &msg, until);
	} while (r == 0 && clock_ms() < until);
	if (r != 1 || msg.head.type != WIRE_RUN) {
		log_error("no request came from the broker");
		return -1;
	}
	job->run = msg.u.run;
	/* Who recovers does it in the name of the one who died. */
	return text_format(job->mark, sizeof(job->mark), "%" PRIu64 ".%s",
	    job->run.op == WIRE_OP_RECOVER ? job->run.of : job->run.job,
	    text_is_domain(job->run.ref) ? job->run.ref : "-");
}

int
run_main(int fd, const char *prefix)
{
	/* Static: libxl's things are kept until the process ends. */
	static struct job job;
	struct wire_result result = { 0 };
	int lock = -1;

	job.fd = fd;
	job.born = born();
	if (paths_init(&job.paths, prefix) == -1)
		fatal("the prefix is too long");
	if (wire_hello_inner(fd, WIRE_ROLE_WORKER, WIRE_ROLE_BROKER) == -1)
		fatal("the broker does not greet: %s", strerror(errno));
	if (receive(&job) == -1)
		return 1;
	point("worker-asked");
	result.job = job.run.job;
	if ((result.err = look_up(&job)) == VPSH_OK)
		result.err = take_lock(&job, &lock);
	if (result.err == VPSH_OK) {
		result.err = work(&job);
		lock_guest_release(&lock);
	}
	result.number = job.number;
	(void)text_copy(result.text, sizeof(result.text), job.text);
	log_write(result.err == VPSH_OK ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
	    "job %s (%s of %s): %s: %s", job.mark, job.run.guest,
	    job.run.customer, err_name(result.err), job.text);
	point("worker-result");
	send_frame(&job, WIRE_RESULT, &result);
	point("worker-told");
	return 0;
}
