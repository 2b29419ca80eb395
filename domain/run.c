/* SPDX-License-Identifier: ISC */
/*
 * The front of a worker: the only code that runs as root with all of libxl's
 * power and reads a frame from the unprivileged broker.  A frame says which
 * guest of which customer and what to do, in fixed numbers and two names;
 * both are looked up again in root-owned policy.
 */
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "domain/job.h"
#include "domain/lock.h"
#include "domain/run.h"
#include "domain/store.h"

#define REQUEST_MS	10000
/* An earlier worker that was killed, or that finishes without a broker. */
#define LOCK_WAIT_S	20

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
	else
		job->guest = *guest;
	policy_free(policy);
	if (err == VPSH_OK && (!text_is_domain(job->guest.domain) ||
	    text_format(job->config, sizeof(job->config), "%s%s",
	    job->paths.prefix, job->guest.config) == -1))
		err = job_end(job, VPSH_ERR_POLICY, "unusable domain or path");
	return err;
}

static bool
is_here(const struct policy_guest *guest)
{
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

	if ((op == WIRE_OP_START || op == WIRE_OP_RESET) &&
	    !is_here(&job->guest))
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
	case WIRE_OP_ADOPT:
	case WIRE_OP_HOLD:
	case WIRE_OP_RELEASE:
	case WIRE_OP_FORGET_SAVED:
		break;
	}
	return job_end(job, VPSH_ERR_FAILED, "no operation %" PRIu32,
	    job->run.op);
}

/* With the guest's lock, and Xen at hand. */
static int
work(struct job *job)
{
	int lock, err;

	(void)mkdir(job->paths.locks, 0700);
	lock = lock_guest(job->paths.locks, job->guest.domain, LOCK_WAIT_S);
	if (lock == -1 && errno == EINTR)
		return job_end(job, VPSH_ERR_BUSY,
		    "another worker holds the lock of %s", job->guest.domain);
	if (lock == -1)
		return job_end(job, VPSH_ERR_FAILED, "%s/%s: %s",
		    job->paths.locks, job->guest.domain, strerror(errno));
	point("worker-locked");
	if (xen_open(&job->xen) == -1)
		err = job_end_xen(job, VPSH_ERR_HOST, "Xen does not answer");
	else if ((job->store = store_open()) == NULL)
		err = job_end(job, VPSH_ERR_HOST,
		    "xenstored does not answer: %s", strerror(errno));
	else
		err = dispatch(job);
	fd_close(&lock);
	return err;
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
	return text_format(job->mark, sizeof(job->mark), "%" PRIu64 ".%s",
	    job->run.job, text_is_domain(job->run.ref) ? job->run.ref : "-");
}

int
run_main(int fd, const char *prefix)
{
	/* Static: libxl's things are kept until the process ends. */
	static struct job job;
	struct wire_result result = { 0 };

	job.fd = fd;
	if (paths_init(&job.paths, prefix) == -1)
		fatal("the prefix is too long");
	if (wire_hello_inner(fd, WIRE_ROLE_WORKER, WIRE_ROLE_BROKER) == -1)
		fatal("the broker does not greet: %s", strerror(errno));
	if (receive(&job) == -1)
		return 1;
	point("worker-asked");
	result.job = job.run.job;
	if ((result.err = look_up(&job)) == VPSH_OK)
		result.err = work(&job);
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
