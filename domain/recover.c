/* SPDX-License-Identifier: ISC */
/*
 * Seeing to what a worker has left that died.  What is done here follows
 * from what that worker wrote down before each step, and from what Xen says
 * now; what neither of them says is the dead worker's is left alone.
 */
#include <inttypes.h>
#include <string.h>

#include <libxl.h>

#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "domain/job.h"
#include "domain/result.h"
#include "domain/torn.h"

/* RESULT's number with VPSH_ERR_INTERRUPTED: the guest as it is; 0: off. */
#define RECOVER_RUNS	1
#define RECOVER_PAUSED	2
/* Besides that: nothing was begun that is written down before it is done. */
#define RECOVER_NEW	8

/* What there is once the wreck is cleared away. */
struct found {
	struct xen_domain domain;
	bool		 there;
	struct intent	 intent;
	bool		 begun;		/* the intent is the dead worker's */
	bool		 touched;	/* it began to take one down */
	bool		 destroyed;	/* it was about to, and it is gone */
};

static bool
is_of(const struct job *job, const char *mark)
{
	return result_is_of(mark, job->run.of, job->run.ref);
}

bool
recover_is_told(struct job *job, int *err)
{
	struct result result;

	if (result_load(job->paths.results, job->guest.domain,
	    &result) == -1 || strcmp(result.mark, job->mark) != 0)
		return false;
	job->number = result.number;
	*err = job_end(job, result.err, "%s", result.text);
	return true;
}

static void
load_intent(struct job *job, struct found *found)
{
	char host[RECORD_HOST];

	record_host(host);
	if (intent_load(job->paths.intents, job->guest.domain,
	    &found->intent) == -1 || strcmp(found->intent.host, host) != 0) {
		memset(&found->intent, 0, sizeof(found->intent));
		found->intent.mode = INTENT_NORMAL;
	}
	found->begun = is_of(job, found->intent.mark);
}

/* It came as far as running, which was not written down any more. */
static void
note_running(struct job *job, struct found *found)
{
	if (found->intent.mode != INTENT_CREATING ||
	    !start_is_ours(job, &found->domain))
		return;
	found->intent.mode = INTENT_NORMAL;
	found->intent.domid = found->domain.domid;
	if (intent_save(job->paths.intents, job->guest.domain,
	    &found->intent) == -1)
		log_error("job %s: the intent cannot be written", job->mark);
}

/* It was to be destroyed, and was not: it goes on. */
static bool
set_going(struct job *job, const struct xen_domain *domain)
{
	if (libxl_domain_unpause(job->xen.ctx, domain->domid, NULL) == 0)
		return true;
	log_error("job %s: domain %" PRIu32 " cannot be unpaused", job->mark,
	    domain->domid);
	return false;
}

static int
tidy(struct job *job, struct found *found)
{
	struct torn torn;
	int err, r;

	load_intent(job, found);
	found->touched = torn_load(job->paths.torn, job->guest.domain,
	    &torn) == 0 && is_of(job, torn.mark);
	if ((err = torn_clear(job)) < 0)
		return err;
	r = torn_find(job, &found->domain);
	if (r == -1)
		return job_end_xen(job, VPSH_ERR_HOST, "Xen does not answer");
	found->there = r == 0 && !found->domain.dying;
	/* An older note is long settled: who paused it since meant it. */
	if (found->there && found->touched &&
	    torn_is_silenced(job, &found->domain))
		found->domain.paused = !set_going(job, &found->domain);
	if (found->there)
		note_running(job, found);
	found->destroyed = !found->there && torn_load(job->paths.torn,
	    job->guest.domain, &torn) == 0 &&
	    torn.stage == TORN_DESTROYING && is_of(job, torn.mark);
	return VPSH_OK;
}

/*
 * What the system began with a guest it ends: nobody else would.  What was
 * to be booted again, and was half made, is still to be booted.
 */
static int
finish_death(struct job *job, struct found *found)
{
	job->run.op = WIRE_OP_DEATH;
	if (!found->there && found->begun &&
	    found->intent.mode == INTENT_CREATING) {
		found->intent.mode = INTENT_RESTARTING;
		if (intent_save(job->paths.intents, job->guest.domain,
		    &found->intent) == -1)
			log_error("job %s: the intent cannot be written",
			    job->mark);
	}
	return death_run(job);
}

/*
 * It has gone down since, as it was to be asked to; what follows from that
 * is the death's business.
 */
static bool
obeyed(const struct found *found, bool reboot)
{
	if (!found->there)
		return found->intent.mode == INTENT_RESTARTING;
	if (reboot)
		return found->domain.reason == WIRE_REASON_REBOOT;
	return found->domain.reason != WIRE_REASON_NONE &&
	    found->domain.reason != WIRE_REASON_SUSPEND;
}

/* What is as the dead one should have made it counts as done. */
static bool
is_done(struct job *job, const struct found *found)
{
	switch ((enum wire_op)job->run.of_op) {
	case WIRE_OP_START:
	case WIRE_OP_RESET:
		return found->there && found->begun &&
		    start_is_ours(job, &found->domain);
	case WIRE_OP_DESTROY:
		return found->destroyed;
	case WIRE_OP_PAUSE:
		return found->there && found->domain.paused;
	case WIRE_OP_UNPAUSE:
		return found->there && !found->domain.paused &&
		    found->domain.reason == WIRE_REASON_NONE;
	case WIRE_OP_SHUTDOWN:
		return obeyed(found, false);
	case WIRE_OP_REBOOT:
		return obeyed(found, true);
	case WIRE_OP_DEATH:
	case WIRE_OP_SYSRQ:
	case WIRE_OP_RECOVER:
	case WIRE_OP_ADOPT:
	case WIRE_OP_HOLD:
	case WIRE_OP_RELEASE:
	case WIRE_OP_FORGET_SAVED:
		break;
	}
	return false;
}

/* The guest as it is now, for RESULT. */
static const char *
describe(struct job *job, const struct found *found)
{
	job->number = 0;
	if (!found->there || found->domain.reason != WIRE_REASON_NONE)
		return "is off";
	job->number = found->domain.paused ? RECOVER_PAUSED : RECOVER_RUNS;
	return found->domain.paused ? "is paused" : "runs";
}

bool
recover_is_overtaken(struct job *job, int *err)
{
	struct found found = { 0 };
	struct result result;

	/* What the system does with a death follows from how it finds it. */
	if (job->run.op >= WIRE_OP_RECOVER || job->run.op == WIRE_OP_DEATH ||
	    job->born == 0 || result_load(job->paths.results,
	    job->guest.domain, &result) == -1 ||
	    result.youngest <= job->born)
		return false;
	found.there = torn_find(job, &found.domain) == 0 &&
	    !found.domain.dying;
	*err = job_end(job, VPSH_ERR_INTERRUPTED, "it came too late, after "
	    "job %s; %s %s", result.mark, job->guest.domain,
	    describe(job, &found));
	return true;
}

static int
report(struct job *job, const struct found *found)
{
	const char *now = describe(job, found);

	if (!found->begun && !found->touched)
		job->number |= RECOVER_NEW;
	if (!is_done(job, found))
		return job_end(job, VPSH_ERR_INTERRUPTED,
		    "its worker died; %s %s", job->guest.domain, now);
	job->number = 0;
	return job_end(job, VPSH_OK, "its worker died when it was done; %s "
	    "%s", job->guest.domain, now);
}

/* Only those that workers write, under the lock that we have. */
static void
sweep(struct job *job)
{
	record_sweep(job->paths.intents, job->guest.domain);
	record_sweep(job->paths.results, job->guest.domain);
	record_sweep(job->paths.torn, job->guest.domain);
}

int
recover_run(struct job *job)
{
	struct found found = { 0 };
	int err;

	point("recover-locked");
	sweep(job);
	if ((err = tidy(job, &found)) != VPSH_OK)
		return err;
	point("recover-tidied");
	if (job->run.of_op == WIRE_OP_DEATH && !job->closed)
		return finish_death(job, &found);
	if (job->run.of_op == WIRE_OP_RELEASE && !found.there &&
	    !job->closed && (found.begun ||
	    found.intent.mode == INTENT_RESTARTING))
		return finish_death(job, &found);
	if (job->run.of_op == WIRE_OP_ADOPT && found.there && found.begun &&
	    !job->closed)
		return adopt_run(job);
	if (!found.there && found.intent.mode != INTENT_RESTARTING)
		(void)intent_remove(job->paths.intents, job->guest.domain);
	return report(job, &found);
}
