/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include <libxl.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "domain/job.h"
#include "domain/store.h"
#include "domain/torn.h"

/* How long a destroyed domain may take to disappear. */
#define GONE_MS		20000
#define LOOK_AGAIN_MS	50

int
stop_find(struct job *job, struct xen_domain *domain)
{
	int r;

	r = torn_find(job, domain);
	if (r == -1)
		return job_end_xen(job, VPSH_ERR_HOST, "Xen does not answer");
	if (r == 1)
		return job_end(job, VPSH_ERR_NOT_RUNNING,
		    "there is no domain %s", job->guest.domain);
	if (!record_uuid_is_zero(job->run.uuid) &&
	    memcmp(job->run.uuid, domain->uuid, WIRE_UUID) != 0)
		return job_end(job, VPSH_ERR_BOOT,
		    "domain %" PRIu32 " has another uuid than was meant",
		    domain->domid);
	return VPSH_OK;
}

/*
 * The kernel of Xen frees a domain's memory piece by piece, and keeps it
 * while anybody still maps some of it; there is no event for its end.
 */
static bool
wait_gone(struct job *job, uint32_t domid)
{
	int64_t until = clock_ms() + GONE_MS;
	struct xen_domain domain;
	int r;

	while ((r = xen_info(&job->xen, domid, &domain)) == 0 &&
	    clock_ms() < until)
		(void)poll(NULL, 0, LOOK_AGAIN_MS);
	return r == 1;
}

/*
 * Unread console bytes are thrown away with the domain: let it say nothing
 * more, and let the console server read what there is.
 */
static void
silence(struct job *job, const struct xen_domain *domain)
{
	if (!domain->paused && domain->reason == WIRE_REASON_NONE) {
		torn_note(job, TORN_SILENCED, domain);
		if (libxl_domain_pause(job->xen.ctx, domain->domid,
		    NULL) != 0)
			log_warn("job %s: domain %" PRIu32 " could not be "
			    "paused", job->mark, domain->domid);
	}
	job_phase(job, WIRE_PHASE_PAUSED, domain, JOB_PAUSED_MS);
}

int
stop_take_down(struct job *job, const struct xen_domain *domain, bool ran)
{
	int rc = 0;

	if (ran && !domain->dying)
		silence(job, domain);
	point("stop-silent");
	if (!domain->dying) {
		torn_note(job, TORN_DESTROYING, domain);
		rc = libxl_domain_destroy(job->xen.ctx, domain->domid, NULL);
	}
	point("stop-destroyed");
	/* Somebody else may have been quicker; that it is gone counts. */
	if (!wait_gone(job, domain->domid))
		return job_end_xen(job, VPSH_ERR_FAILED, rc != 0 ?
		    "the domain could not be destroyed" :
		    "the destroyed domain does not go away");
	point("stop-gone");
	return job_end(job, VPSH_OK, "domain %" PRIu32 " is gone",
	    domain->domid);
}

static void
forget_intent(struct job *job)
{
	if (intent_remove(job->paths.intents, job->guest.domain) == -1)
		log_warn("job %s: the old intent cannot be removed: %s",
		    job->mark, strerror(errno));
}

int
stop_domain(struct job *job, const struct xen_domain *domain, bool ran)
{
	int err;

	err = stop_take_down(job, domain, ran);
	if (err == VPSH_OK)
		forget_intent(job);
	return err;
}

/* Nor is it to be booted again, if a worker died over that. */
static int
is_off(struct job *job, bool already)
{
	forget_intent(job);
	job->number = already;
	return VPSH_OK;
}

int
stop_destroy(struct job *job)
{
	struct xen_domain domain;
	int err, wrecks;

	if ((wrecks = torn_clear(job)) < 0)
		return wrecks;
	err = stop_find(job, &domain);
	if (err == VPSH_ERR_NOT_RUNNING)
		return is_off(job, wrecks == 0);
	return err == VPSH_OK ? stop_domain(job, &domain, true) : err;
}

int
stop_reset(struct job *job)
{
	struct xen_domain domain;
	int err;

	if ((err = stop_find(job, &domain)) != VPSH_OK)
		return err;
	if (domain.reason == WIRE_REASON_SUSPEND)
		return job_end(job, VPSH_ERR_ELSEWHERE,
		    "domain %" PRIu32 " is being saved or moved",
		    domain.domid);
	if ((err = start_allowed(job)) != VPSH_OK)
		return err;
	if ((err = stop_domain(job, &domain, !torn_is(job, &domain))) !=
	    VPSH_OK)
		return err;
	return start_run(job);
}

/*
 * What libxl says of a guest without its acknowledgement: the power button
 * for a machine that has one, and otherwise the request all the same, for
 * an operating system that is still in its boot menu.
 */
static int
ask_anyway(struct job *job, uint32_t domid, bool reboot)
{
	char path[64];

	if (libxl_send_trigger(job->xen.ctx, domid, reboot ?
	    LIBXL_TRIGGER_RESET : LIBXL_TRIGGER_POWER, 0, NULL) == 0)
		return 0;
	(void)text_format(path, sizeof(path),
	    "/local/domain/%" PRIu32 "/control/shutdown", domid);
	return store_write(job->store, path, reboot ? "reboot" : "poweroff");
}

int
stop_ask(struct job *job, bool reboot)
{
	/* No event of ours: the answer is that the domain goes. */
	const libxl_asyncop_how no_wait = { .callback = NULL };
	struct xen_domain domain;
	int err, rc;

	err = stop_find(job, &domain);
	if (err == VPSH_ERR_NOT_RUNNING && !reboot)
		return is_off(job, true);
	if (err != VPSH_OK)
		return err;
	if (domain.reason == WIRE_REASON_SUSPEND)
		return job_end(job, VPSH_ERR_ELSEWHERE,
		    "domain %" PRIu32 " is being saved or moved",
		    domain.domid);
	if (domain.dying || domain.reason != WIRE_REASON_NONE) {
		job->number = !reboot;
		return job_end(job, reboot ? VPSH_ERR_NOT_RUNNING : VPSH_OK,
		    "domain %" PRIu32 " is down already", domain.domid);
	}
	if (domain.paused)
		return job_end(job, VPSH_ERR_PAUSED,
		    "domain %" PRIu32 " is paused", domain.domid);
	rc = reboot ?
	    libxl_domain_reboot(job->xen.ctx, domain.domid, &no_wait) :
	    libxl_domain_shutdown(job->xen.ctx, domain.domid, &no_wait);
	if (rc != 0 && ask_anyway(job, domain.domid, reboot) == -1)
		return job_end_xen(job, VPSH_ERR_NO_ANSWER,
		    "the guest cannot be asked");
	err = job_end(job, VPSH_OK, "domain %" PRIu32 " was asked%s",
	    domain.domid, rc == 0 ? "" : ", in the way for guests that do "
	    "not listen yet");
	/* It goes down by itself: nobody may ask it twice. */
	job_keep(job, err);
	point("stop-asked");
	job_phase(job, WIRE_PHASE_REQUESTED, &domain, 0);
	return err;
}
