/* SPDX-License-Identifier: ISC */
/*
 * What becomes of a domain of ours that shut down: what the operator's
 * on_poweroff, on_reboot, ... say, as with xl.  A restart compiles the
 * xl.cfg afresh, so that a changed one counts from the next boot on.
 */
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <libxl.h>

#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "domain/job.h"
#include "domain/torn.h"

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

/*
 * Write down that it is to be booted again, whoever will do it: from here on
 * its domain may be gone at any moment.
 */
static int
remember(struct job *job, enum intent_mode mode)
{
	const char *dir = job->paths.intents;
	struct intent intent;

	errno = ENOENT;
	if (intent_load(dir, job->guest.domain, &intent) == -1)
		goto fail;
	intent.mode = mode;
	if (intent_save(dir, job->guest.domain, &intent) == -1)
		goto fail;
	point("stop-restart");
	return VPSH_OK;
fail:
	return job_end(job, job_write_err(), "the intent below %s cannot be "
	    "changed: %s", dir, strerror(errno));
}

/* Is it to be booted again, by a job that was about it? */
static bool
remembered(struct job *job)
{
	char host[RECORD_HOST];
	struct intent intent;

	record_host(host);
	return intent_load(job->paths.intents, job->guest.domain,
	    &intent) == 0 && intent.mode == INTENT_RESTARTING &&
	    strcmp(intent.host, host) == 0;
}

static int
finish(struct job *job)
{
	int err;

	err = start_run(job);
	/* What is held is booted when it is released; else it is told. */
	if (err != VPSH_OK && err != VPSH_ERR_HELD)
		(void)intent_remove(job->paths.intents, job->guest.domain);
	return err;
}

/* Its operator may have moved it meanwhile. */
int
death_finish_late(struct job *job)
{
	if (job_is_here(job))
		return finish(job);
	(void)intent_remove(job->paths.intents, job->guest.domain);
	return job_end(job, VPSH_ERR_ELSEWHERE, "the policy puts %s on host "
	    "%s by now: it is not booted again here", job->guest.domain,
	    job->guest.host);
}

bool
death_is_due(struct job *job)
{
	struct xen_domain domain;

	return remembered(job) && torn_find(job, &domain) == 1;
}

static int
restart(struct job *job, const struct xen_domain *domain, bool ran)
{
	int err;

	err = stop_take_down(job, domain, ran);
	return err == VPSH_OK ? finish(job) : err;
}

static int
soft_reset_done(struct job *job, const struct xen_domain *domain)
{
	if (remember(job, INTENT_NORMAL) != VPSH_OK)
		log_error("job %s: %s", job->mark, job->text);
	return job_end(job, VPSH_OK, "domain %" PRIu32 " was reset and keeps "
	    "its memory", domain->domid);
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
		return soft_reset_done(job, domain);
	log_warn("job %s: domain %" PRIu32 " cannot be soft reset, it is "
	    "booted afresh: %s", job->mark, domain->domid, job->xen.said);
	xen_forget(&job->xen);
	return restart(job, domain, true);
}

static bool
is_restart(libxl_action_on_shutdown action)
{
	return action == LIBXL_ACTION_ON_SHUTDOWN_RESTART ||
	    action == LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME ||
	    action == LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART ||
	    action == LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET;
}

static int
act(struct job *job, const struct xen_domain *domain,
    libxl_domain_config *config)
{
	libxl_action_on_shutdown action = pick(config, domain->reason);
	int err = VPSH_OK;

	/* What may not be booted stays as it is, until it may. */
	if (is_restart(action))
		err = start_allowed(job);
	if (is_restart(action) && err == VPSH_OK)
		err = remember(job, INTENT_RESTARTING);
	if (err != VPSH_OK)
		return err;
	switch (action) {
	case LIBXL_ACTION_ON_SHUTDOWN_PRESERVE:
		return job_end(job, VPSH_OK, "domain %" PRIu32
		    " is kept as it is, as its configuration says",
		    domain->domid);
	case LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME:
		err = set_aside(job, domain->domid);
		return err == VPSH_OK ? finish(job) : err;
	case LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY:
		dump_core(job, domain->domid);
		return stop_domain(job, domain, true);
	case LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART:
		dump_core(job, domain->domid);
		return restart(job, domain, true);
	case LIBXL_ACTION_ON_SHUTDOWN_RESTART:
		return restart(job, domain, true);
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

/* One that does not stand there shut down, and whole. */
static int
act_on_wreck(struct job *job, const struct xen_domain *domain)
{
	if (remembered(job))
		return restart(job, domain, false);
	return stop_domain(job, domain, false);
}

/* Alive: by a reset that kept it, or one that broke off on the way? */
static int
act_on_living(struct job *job, const struct xen_domain *domain)
{
	if (!remembered(job) || !start_is_ours(job, domain))
		return job_end(job, VPSH_OK, "domain %" PRIu32 " is not shut "
		    "down: nothing to do", domain->domid);
	return domain->paused ? restart(job, domain, false) :
	    soft_reset_done(job, domain);
}

int
death_run(struct job *job)
{
	struct xen_domain domain;
	int r;

	r = torn_find(job, &domain);
	if (r == -1)
		return job_end_xen(job, VPSH_ERR_HOST, "Xen does not answer");
	if (r == 1 && remembered(job))
		return death_finish_late(job);
	if (r == 1) {
		(void)intent_remove(job->paths.intents, job->guest.domain);
		return job_end(job, VPSH_OK, "there is no domain %s any more",
		    job->guest.domain);
	}
	if (!record_uuid_is_zero(job->run.uuid) &&
	    memcmp(job->run.uuid, domain.uuid, WIRE_UUID) != 0)
		return job_end(job, VPSH_OK, "another domain runs by now");
	if (domain.dying || torn_is(job, &domain))
		return act_on_wreck(job, &domain);
	if (domain.reason == WIRE_REASON_NONE)
		return act_on_living(job, &domain);
	if (domain.reason == WIRE_REASON_SUSPEND)
		return job_end(job, VPSH_OK, "domain %" PRIu32 " is being "
		    "saved or moved: left alone", domain.domid);
	if (!start_is_ours(job, &domain))
		return job_end(job, VPSH_OK, "domain %" PRIu32 " is not ours: "
		    "left alone", domain.domid);
	return act_as_configured(job, &domain);
}
