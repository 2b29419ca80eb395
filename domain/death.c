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

#define DUMP_DIR	"/var/lib/xen/dump"	/* xl's */

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

/* The action that the domain was created with. */
static int
action(struct job *job, const struct xen_domain *domain,
    libxl_action_on_shutdown *what)
{
	libxl_domain_config config;
	int rc;

	libxl_domain_config_init(&config);
	rc = libxl_retrieve_domain_configuration(job->xen.ctx, domain->domid,
	    &config, NULL);
	if (rc == 0)
		*what = pick(&config, domain->reason);
	libxl_domain_config_dispose(&config);
	return rc == 0 ? 0 : -1;
}

static void
dump_core(struct job *job, uint32_t domid)
{
	char path[256];

	(void)mkdir(DUMP_DIR, 0700);
	if (text_format(path, sizeof(path), "%s/%s", DUMP_DIR,
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
act(struct job *job, const struct xen_domain *domain,
    libxl_action_on_shutdown what)
{
	int err = VPSH_OK;

	switch (what) {
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
		break;
	case LIBXL_ACTION_ON_SHUTDOWN_RESTART:
	case LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET:
		break;
	case LIBXL_ACTION_ON_SHUTDOWN_DESTROY:
		return stop_domain(job, domain, true);
	}
	err = stop_domain(job, domain, true);
	return err == VPSH_OK ? start_run(job) : err;
}

int
death_run(struct job *job)
{
	libxl_action_on_shutdown what = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
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
	if (action(job, &domain, &what) == -1)
		log_warn("job %s: domain %" PRIu32 " has lost its "
		    "configuration, it is destroyed", job->mark,
		    domain.domid);
	return act(job, &domain, what);
}
