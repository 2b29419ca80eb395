/* SPDX-License-Identifier: ISC */
/*
 * What a running guest is told without its going down: to stand still, to go
 * on, and a sysrq key.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <libxl.h>
#include <libxl_utils.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/job.h"
#include "domain/store.h"
#include "domain/torn.h"

/* Xen counts a toolstack's pauses, up to this many. */
#define PAUSES_MAX	255
/* How long a guest's driver may take to pick up a key. */
#define KEY_MS		3000
#define LOOK_AGAIN_MS	50

/*
 * Is its making finished?  libxl stores the configuration last, and the
 * paused domain before that is not one to touch, whoever makes it.
 */
static bool
is_whole(struct job *job, const struct xen_domain *domain)
{
	uint8_t *data = NULL;
	int len = 0;
	bool whole;

	whole = libxl_userdata_retrieve(job->xen.ctx, domain->domid,
	    "libxl-json", &data, &len) == 0 && len > 0;
	free(data);
	return whole && !torn_is(job, domain);
}

/* The guest's domain, if it is one that can be told something. */
static int
find(struct job *job, struct xen_domain *domain)
{
	int err;

	if ((err = stop_find(job, domain)) != VPSH_OK)
		return err;
	if (domain->reason == WIRE_REASON_SUSPEND)
		return job_end(job, VPSH_ERR_ELSEWHERE,
		    "domain %" PRIu32 " is being saved or moved",
		    domain->domid);
	if (domain->dying || domain->reason != WIRE_REASON_NONE)
		return job_end(job, VPSH_ERR_NOT_RUNNING,
		    "domain %" PRIu32 " is down already", domain->domid);
	if (domain->paused && !is_whole(job, domain))
		return job_end(job, VPSH_ERR_BUSY,
		    "domain %" PRIu32 " is still being made", domain->domid);
	return VPSH_OK;
}

int
ask_pause(struct job *job)
{
	struct xen_domain domain;
	int err;

	if ((err = find(job, &domain)) != VPSH_OK)
		return err;
	job->number = domain.paused;
	if (domain.paused)
		return job_end(job, VPSH_OK, "domain %" PRIu32
		    " is paused already", domain.domid);
	if (libxl_domain_pause(job->xen.ctx, domain.domid, NULL) != 0)
		return job_end_xen(job, VPSH_ERR_FAILED,
		    "the domain could not be paused");
	return job_end(job, VPSH_OK, "domain %" PRIu32 " is paused",
	    domain.domid);
}

int
ask_unpause(struct job *job)
{
	struct xen_domain domain;
	int err, times;

	if ((err = find(job, &domain)) != VPSH_OK)
		return err;
	job->number = !domain.paused;
	for (times = 0; domain.paused && times < PAUSES_MAX; times++) {
		if (libxl_domain_unpause(job->xen.ctx, domain.domid,
		    NULL) != 0)
			return job_end_xen(job, VPSH_ERR_FAILED,
			    "the domain could not be unpaused");
		if (xen_info(&job->xen, domain.domid, &domain) != 0)
			return job_end_xen(job, VPSH_ERR_NOT_RUNNING,
			    "the domain is gone");
	}
	if (domain.paused)
		return job_end(job, VPSH_ERR_FAILED, "domain %" PRIu32
		    " is still paused after %d times", domain.domid, times);
	return job_end(job, VPSH_OK, "domain %" PRIu32 "%s", domain.domid,
	    times > 0 ? " goes on" : " is not paused");
}

/*
 * libxl writes the key and says yes whether anybody listens or not; a guest
 * that does empties the node, or is down before it could.
 */
static bool
is_taken(struct job *job, const struct xen_domain *domain, const char *node,
    const char *pressed)
{
	int64_t until = clock_ms() + KEY_MS;
	struct xen_domain now;
	char value[8];

	for (;;) {
		(void)store_read(job->store, value, sizeof(value), "%s",
		    node);
		if (strcmp(value, pressed) != 0)
			return true;
		if (xen_info(&job->xen, domain->domid, &now) != 0 ||
		    now.dying || now.reason != WIRE_REASON_NONE)
			return true;
		if (clock_ms() >= until)
			return false;
		(void)poll(NULL, 0, LOOK_AGAIN_MS);
	}
}

/* The key stays for a driver that comes later, unless it is taken back. */
static int
press(struct job *job, const struct xen_domain *domain, char key)
{
	const char pressed[2] = { key, '\0' };
	char node[64];
	int left = 0;

	(void)text_format(node, sizeof(node),
	    "/local/domain/%" PRIu32 "/control/sysrq", domain->domid);
	if (libxl_send_sysrq(job->xen.ctx, domain->domid, key) != 0)
		return job_end_xen(job, VPSH_ERR_FAILED,
		    "the key could not be sent");
	if (!is_taken(job, domain, node, pressed))
		left = store_swap(job->store, node, pressed, "");
	if (left == -1)
		return job_end(job, VPSH_ERR_FAILED, "domain %" PRIu32
		    " did not take the key, and it cannot be taken back",
		    domain->domid);
	if (left == 1)
		return job_end(job, VPSH_ERR_NO_SYSRQ, "domain %" PRIu32
		    " did not take the key in %d s", domain->domid,
		    KEY_MS / 1000);
	return job_end(job, VPSH_OK, "domain %" PRIu32 " took key %c",
	    domain->domid, key);
}

int
ask_sysrq(struct job *job)
{
	const uint32_t key = job->run.key;
	struct xen_domain domain;
	int err;

	/* The broker decides who may press which; no other is a key at all. */
	if (!((key >= 'a' && key <= 'z') || (key >= '0' && key <= '9')))
		return job_end(job, VPSH_ERR_KEY, "%" PRIu32 " is no key",
		    key);
	if ((err = find(job, &domain)) != VPSH_OK)
		return err;
	if (domain.paused)
		return job_end(job, VPSH_ERR_PAUSED,
		    "domain %" PRIu32 " is paused", domain.domid);
	return press(job, &domain, (char)key);
}
