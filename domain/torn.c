/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/job.h"
#include "domain/store.h"
#include "domain/torn.h"

/* How long somebody else's new domain may be without a name. */
#define NAMELESS_MS	1000
#define LOOK_AGAIN_MS	50

/* In the order of enum torn_stage. */
static const char *const stages[] = { "silenced", "destroying" };

int
torn_load(const char *dir, const char *domain, struct torn *torn)
{
	char mark[RECORD_VALUE], stage[RECORD_VALUE];
	long long domid;
	char *text;
	int r = -1;

	memset(torn, 0, sizeof(*torn));
	if ((text = record_load(dir, domain)) == NULL)
		return -1;
	if (record_field(text, "job", mark) == -1 ||
	    record_field(text, "stage", stage) == -1 ||
	    record_number(text, "domid", 1, UINT32_MAX, &domid) == -1 ||
	    record_uuid(text, torn->uuid) == -1 ||
	    text_copy(torn->mark, sizeof(torn->mark), mark) == -1 ||
	    (strcmp(stage, stages[TORN_SILENCED]) != 0 &&
	    strcmp(stage, stages[TORN_DESTROYING]) != 0)) {
		log_error("%s/%s: not a note, ignored", dir, domain);
		goto out;
	}
	torn->domid = (uint32_t)domid;
	torn->stage = strcmp(stage, stages[TORN_SILENCED]) == 0 ?
	    TORN_SILENCED : TORN_DESTROYING;
	r = 0;
out:
	free(text);
	return r;
}

void
torn_note(struct job *job, enum torn_stage stage,
    const struct xen_domain *domain)
{
	char uuid[UUID_TEXT], text[256];

	record_uuid_text(domain->uuid, uuid);
	(void)mkdir(job->paths.torn, 0700);
	if (text_format(text, sizeof(text), "job %s\nstage %s\ndomid %" PRIu32
	    "\nuuid %s\n", job->mark, stages[stage], domain->domid,
	    uuid) == -1 || file_replace_quickly(job->paths.torn,
	    job->guest.domain, text, strlen(text), 0600) == -1)
		log_warn("job %s: %s/%s: %s", job->mark, job->paths.torn,
		    job->guest.domain, strerror(errno));
}

/* The intent, if it is of this boot of the host. */
static bool
intended(struct job *job, struct intent *intent)
{
	char host[RECORD_HOST];

	record_host(host);
	return intent_load(job->paths.intents, job->guest.domain,
	    intent) == 0 && strcmp(intent->host, host) == 0;
}

/* What was noted, if it is of this very domain. */
static bool
noted(struct job *job, const struct xen_domain *domain, struct torn *torn)
{
	return torn_load(job->paths.torn, job->guest.domain, torn) == 0 &&
	    torn->domid == domain->domid &&
	    memcmp(torn->uuid, domain->uuid, WIRE_UUID) == 0;
}

void
torn_settle(struct job *job)
{
	struct xen_domain domain;
	struct torn torn;

	if (torn_load(job->paths.torn, job->guest.domain, &torn) == 0 &&
	    xen_info(&job->xen, torn.domid, &domain) == 0 &&
	    noted(job, &domain, &torn) && !domain.dying && !domain.paused)
		(void)record_remove(job->paths.torn, job->guest.domain);
}

/* The nameless one that was this guest when it was last looked at. */
static int
find_by_boot(struct job *job, struct xen_domain *domain)
{
	char host[RECORD_HOST];
	struct boot boot;
	int r;

	record_host(host);
	if (boot_load(job->paths.boots, job->guest.domain, &boot) == -1 ||
	    strcmp(boot.host, host) != 0)
		return 1;
	r = xen_find(&job->xen, NULL, boot.uuid, domain);
	return r == 0 && domain->domid != boot.domid ? 1 : r;
}

int
torn_find(struct job *job, struct xen_domain *domain)
{
	struct intent intent;
	struct torn torn;
	int r;

	r = xen_find(&job->xen, job->guest.domain, intended(job, &intent) ?
	    intent.uuid : NULL, domain);
	if (r == 1 && torn_load(job->paths.torn, job->guest.domain,
	    &torn) == 0 && torn.stage == TORN_DESTROYING)
		r = xen_find(&job->xen, NULL, torn.uuid, domain);
	return r == 1 ? find_by_boot(job, domain) : r;
}

/* Does it have a name, or will it? */
static bool
has_name(struct job *job, const struct xen_domain *domain)
{
	int64_t until = clock_ms() + NAMELESS_MS;
	struct xen_domain now;
	char name[WIRE_DOMAIN];

	for (;;) {
		if (store_read(job->store, name, sizeof(name),
		    "/local/domain/%" PRIu32 "/name", domain->domid) == 0 &&
		    name[0] != '\0')
			return true;
		if (clock_ms() >= until ||
		    xen_info(&job->xen, domain->domid, &now) != 0)
			return false;
		(void)poll(NULL, 0, LOOK_AGAIN_MS);
	}
}

/*
 * One that ever ran is whole, and was paused since; an intent that says
 * otherwise was not brought up to date.  The mark comes with the name.  A
 * nameless one may also be somebody else's, who creates it from the same
 * xl.cfg at this moment: that one gets its name.
 */
static bool
is_half_made(struct job *job, const struct xen_domain *domain)
{
	struct intent intent;
	char mark[RECORD_MARK];

	if (domain->ran || !intended(job, &intent) ||
	    intent.mode != INTENT_CREATING ||
	    memcmp(intent.uuid, domain->uuid, WIRE_UUID) != 0)
		return false;
	return !has_name(job, domain) ||
	    (start_mark(job, domain->domid, mark) == 0 &&
	    strcmp(mark, intent.mark) == 0);
}

bool
torn_is(struct job *job, const struct xen_domain *domain)
{
	struct torn torn;

	if (domain->dying || !domain->paused)
		return false;
	return (noted(job, domain, &torn) &&
	    torn.stage == TORN_DESTROYING) || is_half_made(job, domain);
}

/* The next one, as xen_find(). */
static int
find_wreck(struct job *job, struct xen_domain *domain)
{
	struct intent intent;
	struct torn torn;
	uint32_t after = 0;
	int r = 1;

	if (torn_load(job->paths.torn, job->guest.domain, &torn) == 0 &&
	    xen_info(&job->xen, torn.domid, domain) == 0 &&
	    noted(job, domain, &torn) && torn_is(job, domain))
		return 0;
	if (!intended(job, &intent))
		return 1;
	while ((r = xen_next(&job->xen, intent.uuid, after, domain)) == 0) {
		if (torn_is(job, domain))
			return 0;
		after = domain->domid;
	}
	return r;
}

int
torn_clear(struct job *job)
{
	struct xen_domain domain;
	int r, err, n = 0;

	for (; (r = find_wreck(job, &domain)) == 0; n++)
		if ((err = stop_take_down(job, &domain, false)) != VPSH_OK)
			return err;
	return r == 1 ? n :
	    job_end_xen(job, VPSH_ERR_HOST, "Xen does not answer");
}

bool
torn_is_silenced(struct job *job, const struct xen_domain *domain)
{
	struct torn torn;

	return domain->paused && noted(job, domain, &torn) &&
	    torn.stage == TORN_SILENCED;
}
