/* SPDX-License-Identifier: ISC */
/*
 * What becomes of a domain of ours that shut down: what the operator's
 * on_poweroff, on_reboot, ... say, as with xl.  A restart compiles the
 * xl.cfg afresh, so that a changed one counts from the next boot on.
 */
#include <sys/stat.h>

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <libxl.h>

#include "base/log.h"
#include "base/text.h"
#include "domain/job.h"

static libxl_action_on_shutdown
pick(const libxl_domain_config *config, enum wire_reason reason)
{
	switch (reason) {
	case WIRE_REASON_POWEROFF:
		return config->on_poweroff;
	case WIRE_REASON_REBOOT:
		return config->on_reboot;
	case WIRE_REASON_CRASH:
		return config->on_crash;
	case WIRE_REASON_WATCHDOG:
		return config->on_watchdog;
	case WIRE_REASON_SOFT_RESET:
		return config->on_soft_reset;
	case WIRE_REASON_NONE:
	case WIRE_REASON_SUSPEND:
	case WIRE_REASON_DESTROYED:
		break;
	}
	return LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
}

static void
dump_core(struct job *job, uint32_t domid)
{
	char path[PATHS_LEN + POLICY_DOMAIN];

	(void)mkdir(job->paths.dumps, 0700);
	if (text_format(path, sizeof(path), "%s/%s", job->paths.dumps,
	    job->guest.domain) == -1 || libxl_domain_core_dump(job->xen.ctx,
	    domid, path, NULL) != 0)
		log_warn("job %s: no core dump of domain %" PRIu32 ": %s",
		    job->mark, domid, job->xen.said);
}

/* Put it aside under another name, as xl does, for the operator to look at. */
static int
set_aside(struct job *job, uint32_t domid)
{
	libxl_domain_create_info info;
	char suffix[32];
	libxl_uuid uuid;
	struct tm tm;
	time_t now = time(NULL);
	int rc;

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(suffix, sizeof(suffix), "-%Y%m%dT%H%MZ", &tm) == 0)
		return job_end(job, VPSH_ERR_FAILED, "what time is it?");
	libxl_domain_create_info_init(&info);
	info.name = job->guest.domain;
	libxl_uuid_generate(&uuid);
	rc = libxl_domain_preserve(job->xen.ctx, domid, &info, suffix, uuid);
	info.name = NULL;
	libxl_domain_create_info_dispose(&info);
	return rc == 0 ? VPSH_OK : job_end_xen(job, VPSH_ERR_FAILED,
	    "the crashed domain could not be set aside");
}

static int
restart(struct job *job, const struct xen_domain *domain)
{
	int err;

	err = stop_domain(job, domain, true);
	return err == VPSH_OK ? start_run(job) : err;
}

/*
 * A kernel that crashed into another one by kexec: same domain, same memory,
 * everything else made anew.  Xen cannot do it for PV guests; when it fails
 * libxl may have taken the domain down already.
 */
static int
soft_reset(struct job *job, const struct xen_domain *domain,
    libxl_domain_config *config)
{
	/* Its console is made anew as well: let what it said be read. */
	job_phase(job, WIRE_PHASE_PAUSED, domain, JOB_PAUSED_MS);
	if (libxl_domain_soft_reset(job->xen.ctx, config, domain->domid, NULL,
	    NULL) == 0 && libxl_domain_unpause(job->xen.ctx, domain->domid,
	    NULL) == 0)
		return job_end(job, VPSH_OK, "domain %" PRIu32
		    " was reset and keeps its memory", domain->domid);
	log_warn("job %s: domain %" PRIu32 " cannot be soft reset, it is "
	    "booted afresh: %s", job->mark, domain->domid, job->xen.said);
	xen_forget(&job->xen);
	return restart(job, domain);
}

static int
act(struct job *job, const struct xen_domain *domain,
    libxl_domain_config *config)
{
	int err;

	switch (pick(config, domain->reason)) {
	case LIBXL_ACTION_ON_SHUTDOWN_PRESERVE:
		return job_end(job, VPSH_OK, "domain %" PRIu32
		    " is kept as it is, as its configuration says",
		    domain->domid);
	case LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME:
		err = set_aside(job, domain->domid);
		return err == VPSH_OK ? start_run(job) : err;
	case LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY:
		dump_core(job, domain->domid);
		return stop_domain(job, domain, true);
	case LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART:
		dump_core(job, domain->domid);
		return restart(job, domain);
	case LIBXL_ACTION_ON_SHUTDOWN_RESTART:
		return restart(job, domain);
	case LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET:
		return soft_reset(job, domain, config);
	case LIBXL_ACTION_ON_SHUTDOWN_DESTROY:
		break;
	}
	return stop_domain(job, domain, true);
}

/* As the domain was created with, not as its xl.cfg is now. */
static int
act_as_configured(struct job *job, const struct xen_domain *domain)
{
	libxl_domain_config config;
	int err;

	libxl_domain_config_init(&config);
	if (libxl_retrieve_domain_configuration(job->xen.ctx, domain->domid,
	    &config, NULL) == 0)
		err = act(job, domain, &config);
	else {
		log_warn("job %s: domain %" PRIu32 " has lost its "
		    "configuration, it is destroyed", job->mark,
		    domain->domid);
		err = stop_domain(job, domain, true);
	}
	libxl_domain_config_dispose(&config);
	return err;
}

int
death_run(struct job *job)
{
	struct xen_domain domain;
	struct intent intent;
	int r;

	r = intent_load(job->paths.intents, job->guest.domain, &intent);
	r = xen_find(&job->xen, job->guest.domain,
	    r == 0 && intent.mode == INTENT_CREATING ? intent.uuid : NULL,
	    &domain);
	if (r == -1)
		return job_end_xen(job, VPSH_ERR_HOST, "Xen does not answer");
	if (r == 1)
		return job_end(job, VPSH_OK, "there is no domain %s any more",
		    job->guest.domain);
	if (!record_uuid_is_zero(job->run.uuid) &&
	    memcmp(job->run.uuid, domain.uuid, WIRE_UUID) != 0)
		return job_end(job, VPSH_OK, "another domain runs by now");
	if (start_is_half_made(job, &domain))
		return stop_domain(job, &domain, false);
	if (domain.reason == WIRE_REASON_NONE)
		return job_end(job, VPSH_OK, "domain %" PRIu32 " is not shut "
		    "down: nothing to do", domain.domid);
	if (domain.reason == WIRE_REASON_SUSPEND)
		return job_end(job, VPSH_OK, "domain %" PRIu32 " is being "
		    "saved or moved: left alone", domain.domid);
	if (!start_is_ours(job, &domain))
		return job_end(job, VPSH_OK, "domain %" PRIu32 " is not ours: "
		    "left alone", domain.domid);
	return act_as_configured(job, &domain);
}
