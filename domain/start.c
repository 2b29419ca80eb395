/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_utils.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "domain/forget.h"
#include "domain/hold.h"
#include "domain/job.h"
#include "domain/spec.h"
#include "domain/store.h"
#include "domain/torn.h"

/* How long a new guest waits for its console to be ready to listen. */
#define CREATED_MS	2000
/* How long the watcher may take over the end of the last boot. */
#define NOTED_MS	5000
#define NOTED_AGAIN_MS	20

int
start_mark(struct job *job, uint32_t domid, char mark[RECORD_MARK])
{
	char path[64];

	(void)text_format(path, sizeof(path),
	    "/local/domain/%" PRIu32 "/vpsh/job", domid);
	if (!store_is_ours(job->store, path))
		return -1;
	return store_read(job->store, mark, RECORD_MARK, "%s", path);
}

bool
start_is_ours(struct job *job, const struct xen_domain *domain)
{
	struct intent intent;
	char mark[RECORD_MARK];

	return start_mark(job, domain->domid, mark) == 0 &&
	    intent_load(job->paths.intents, job->guest.domain,
	    &intent) == 0 && intent_agrees(&intent, mark, domain->uuid,
	    domain->domid);
}

/* Does a saved image say that this guest lives on elsewhere? */
static int
check_away(struct job *job)
{
	char path[FORGET_PATH];
	struct boot boot;

	if (boot_load(job->paths.boots, job->guest.domain, &boot) == 0 &&
	    boot.away)
		return job_end(job, VPSH_ERR_ELSEWHERE,
		    "%s left by suspending, and has not come back",
		    job->guest.domain);
	if (forget_is_saved(&job->paths, job->guest.domain, path))
		return job_end(job, VPSH_ERR_ELSEWHERE,
		    "there is a saved image, %s", path);
	return VPSH_OK;
}

int
start_allowed(struct job *job)
{
	int err;

	err = hold_check(job);
	return err == VPSH_OK ? check_away(job) : err;
}

/*
 * It has neither name nor devices any more, and stays for as long as somebody
 * maps some of its memory.
 */
static bool
is_dying(struct job *job, const struct boot *boot, struct xen_domain *domain)
{
	return xen_info(&job->xen, boot->domid, domain) == 0 &&
	    domain->dying &&
	    memcmp(domain->uuid, boot->uuid, WIRE_UUID) == 0;
}

/*
 * How a domain ended is for the watcher to see and to write down, once it is
 * gone.  One that was saved must not be booted because that takes a moment.
 * Of one that is not gone yet, Xen says it itself.
 */
static int
wait_noted(struct job *job)
{
	const int64_t until = clock_ms() + NOTED_MS;
	struct xen_domain domain;
	char host[RECORD_HOST];
	struct boot boot;

	record_host(host);
	while (boot_load(job->paths.boots, job->guest.domain, &boot) == 0 &&
	    boot.on && !boot.away && strcmp(boot.host, host) == 0) {
		if (is_dying(job, &boot, &domain))
			return domain.reason != WIRE_REASON_SUSPEND ?
			    VPSH_OK : job_end(job, VPSH_ERR_ELSEWHERE,
			    "domain %" PRIu32 " was saved or moved",
			    domain.domid);
		if (clock_ms() >= until)
			return job_end(job, VPSH_ERR_HOST, "the watcher has "
			    "not said yet how domain %" PRIu32 " ended",
			    boot.domid);
		(void)poll(NULL, 0, NOTED_AGAIN_MS);
	}
	return VPSH_OK;
}

/*
 * Make room for a new domain, if there may be one.  Returns VPSH_OK to go
 * on, 1 when the guest runs already, or an error.
 */
static int
clear_way(struct job *job)
{
	struct xen_domain domain;
	int r, err;

	if ((err = torn_clear(job)) < 0)
		return err;
	r = torn_find(job, &domain);
	if (r == 1 && job->run.op == WIRE_OP_START &&
	    (err = wait_noted(job)) != VPSH_OK)
		return err;
	if (r == 1)
		return start_allowed(job);
	if (r == -1)
		return job_end_xen(job, VPSH_ERR_HOST, "Xen does not answer");
	if (job->run.op != WIRE_OP_DEATH &&
	    domain.reason == WIRE_REASON_SUSPEND)
		return job_end(job, VPSH_ERR_ELSEWHERE,
		    "domain %" PRIu32 " is being saved or moved",
		    domain.domid);
	if (!domain.dying && domain.reason == WIRE_REASON_NONE &&
	    domain.paused)
		return job_end(job, VPSH_ERR_PAUSED,
		    "domain %" PRIu32 " is there, and paused", domain.domid);
	if (!domain.dying && domain.reason == WIRE_REASON_NONE) {
		(void)job_end(job, VPSH_OK, "runs already as domain %" PRIu32,
		    domain.domid);
		return 1;
	}
	if ((err = start_allowed(job)) != VPSH_OK)
		return err;
	/* Or a corpse that was kept, and has long said what it had to say. */
	if (domain.dying || start_is_ours(job, &domain))
		return stop_domain(job, &domain, false);
	return job_end(job, VPSH_ERR_BUSY,
	    "domain %" PRIu32 ", which vpsh did not make, is shut down and "
	    "not yet taken away", domain.domid);
}

/* What failed?  libxl's code says little, its messages more. */
static int
create_error(struct job *job)
{
	if (job->xen.hotplug)
		return job_end_xen(job, VPSH_ERR_HOTPLUG,
		    "a hotplug script failed");
	if (strstr(job->xen.said, "cannot restrict") != NULL)
		return job_end_xen(job, VPSH_ERR_PYGRUB,
		    "the bootloader has no user to run as");
	return job_end_xen(job, VPSH_ERR_CREATE, job->xen.memory ?
	    "Xen could not build it, perhaps for want of memory" :
	    "Xen could not build it");
}

/*
 * What was made of it: the domain that libxl named, or else a nameless one.
 * By its name somebody else's could be found, who was quicker.
 */
static bool
find_made(struct job *job, const struct xen_domain *made,
    struct xen_domain *domain)
{
	if (made->domid != 0 && made->domid != (uint32_t)INVALID_DOMID)
		return xen_info(&job->xen, made->domid, domain) == 0 &&
		    memcmp(domain->uuid, made->uuid, WIRE_UUID) == 0;
	return xen_find(&job->xen, NULL, made->uuid, domain) == 0;
}

/* Whatever was made is taken away again; the first error stays reported. */
static void
undo(struct job *job, const struct xen_domain *made)
{
	char text[WIRE_TEXT];
	struct xen_domain domain;

	(void)text_copy(text, sizeof(text), job->text);
	job->xen.quiet = true;
	if (find_made(job, made, &domain) &&
	    stop_domain(job, &domain, false) != VPSH_OK)
		log_error("job %s: the half-made domain %" PRIu32
		    " is still there", job->mark, domain.domid);
	else
		(void)intent_remove(job->paths.intents, job->guest.domain);
	job->xen.quiet = false;
	(void)text_copy(job->text, sizeof(job->text), text);
}

int
start_save_intent(struct job *job, const struct xen_domain *domain,
    enum intent_mode mode)
{
	struct intent intent = { .mode = mode, .domid = domain->domid };

	(void)text_copy(intent.mark, sizeof(intent.mark), job->mark);
	record_host(intent.host);
	memcpy(intent.uuid, domain->uuid, WIRE_UUID);
	(void)mkdir(job->paths.intents, 0700);
	if (intent_save(job->paths.intents, job->guest.domain,
	    &intent) == -1)
		return job_end(job, job_write_err(),
		    "the intent cannot be written below %s: %s",
		    job->paths.intents, strerror(errno));
	return VPSH_OK;
}

/* libxl does not keep two creates of one name apart. */
static int
check_alone(struct job *job)
{
	if (xen_count(&job->xen, job->guest.domain) <= 1)
		return VPSH_OK;
	return job_end(job, VPSH_ERR_CREATE, "somebody else created a domain "
	    "of the name %s at the same time", job->guest.domain);
}

void
start_sign(struct job *job, uint32_t domid)
{
	char data[RECORD_MARK + 16];

	(void)text_format(data, sizeof(data), "1 %s\n", job->mark);
	if (libxl_userdata_store(job->xen.ctx, domid, "vpsh",
	    (const uint8_t *)data, (int)strlen(data)) != 0)
		log_warn("job %s: no userdata on domain %" PRIu32,
		    job->mark, domid);
}

static int
create(struct job *job, libxl_domain_config *config)
{
	struct xen_domain domain = { 0 };
	int err;

	memcpy(domain.uuid, config->c_info.uuid.uuid, WIRE_UUID);
	if ((err = start_save_intent(job, &domain, INTENT_CREATING)) != 0)
		return err;
	point("start-intent");
	xen_forget(&job->xen);
	if (libxl_domain_create_new(job->xen.ctx, config, &domain.domid,
	    NULL, NULL) != 0) {
		err = create_error(job);
		goto undo;
	}
	point("start-created");
	if ((err = check_alone(job)) != 0)
		goto undo;
	start_sign(job, domain.domid);
	job_phase(job, WIRE_PHASE_CREATED, &domain, CREATED_MS);
	point("start-console");
	if (libxl_domain_unpause(job->xen.ctx, domain.domid, NULL) != 0) {
		err = job_end_xen(job, VPSH_ERR_CREATE,
		    "the new domain could not be unpaused");
		goto undo;
	}
	point("start-unpaused");
	/* From here on it runs, and only stops for reasons of its own. */
	if (start_save_intent(job, &domain, INTENT_NORMAL) != VPSH_OK)
		log_error("job %s: %s", job->mark, job->text);
	return job_end(job, VPSH_OK, "runs as domain %" PRIu32,
	    domain.domid);
undo:
	undo(job, &domain);
	return err;
}

int
start_run(struct job *job)
{
	libxl_domain_config config;
	int err;

	err = clear_way(job);
	if (err == 1) {
		job->number = 1;
		return VPSH_OK;
	}
	if (err != VPSH_OK)
		return err;
	err = spec_load(job, &config);
	if (err == VPSH_OK)
		err = spec_mark(job, &config);
	if (err == VPSH_OK)
		err = spec_memory(job, &config);
	if (err == VPSH_OK)
		err = create(job, &config);
	libxl_domain_config_dispose(&config);
	return err;
}
