/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/asked.h"
#include "domain/hold.h"
#include "domain/job.h"

#define HOLD_PATH	512

/* Nobody wrote a reason, or it cannot be read. */
static const char no_reason[] = "the operator gave no reason";

static void
take_reason(struct hold *hold, const char *reason)
{
	size_t n;

	n = text_escape(hold->reason, sizeof(hold->reason), reason,
	    strlen(reason));
	if (n == 0)
		(void)text_copy(hold->reason, sizeof(hold->reason),
		    no_reason);
}

bool
hold_load(const char *dir, const char *domain, struct hold *hold)
{
	char path[HOLD_PATH], reason[WIRE_CLAIM];
	long long until = 0;
	struct stat st;
	char *text;

	memset(hold, 0, sizeof(*hold));
	if (!text_is_domain(domain) ||
	    text_format(path, sizeof(path), "%s/%s", dir, domain) == -1 ||
	    (lstat(path, &st) == -1 && errno == ENOENT))
		return false;
	text = record_load(dir, domain);
	if (text == NULL ||
	    record_number(text, "until", 0, INT64_MAX, &until) == -1)
		log_error("%s is no hold: it holds, for good", path);
	if (text == NULL ||
	    record_text(text, "reason", reason, sizeof(reason)) == -1)
		reason[0] = '\0';
	free(text);
	hold->until_ms = until;
	take_reason(hold, reason);
	return until == 0 || clock_wall_ms() < until;
}

int
hold_save(const char *dir, const char *domain, const struct hold *hold)
{
	char text[WIRE_CLAIM + 64];
	struct hold clean = { .until_ms = hold->until_ms };

	take_reason(&clean, hold->reason);
	if (text_format(text, sizeof(text), "until %" PRId64 "\nreason %s\n",
	    clean.until_ms, clean.reason) == -1) {
		errno = EINVAL;
		return -1;
	}
	if (mkdir(dir, 0700) == -1 && errno != EEXIST)
		return -1;
	return record_save(dir, domain, text);
}

int
hold_remove(const char *dir, const char *domain)
{
	return record_remove(dir, domain);
}

/* Until when, for a sentence. */
static void
until_text(const struct hold *hold, char dst[CLOCK_RFC3339_LEN + 8])
{
	char when[CLOCK_RFC3339_LEN];

	if (hold->until_ms == 0) {
		(void)text_copy(dst, CLOCK_RFC3339_LEN + 8, "it is released");
		return;
	}
	clock_rfc3339(hold->until_ms, when);
	(void)text_copy(dst, CLOCK_RFC3339_LEN + 8, when);
}

int
hold_check(struct job *job)
{
	char until[CLOCK_RFC3339_LEN + 8];
	struct hold hold;

	if (!hold_load(job->paths.holds, job->guest.domain, &hold))
		return VPSH_OK;
	until_text(&hold, until);
	return job_end(job, VPSH_ERR_HELD, "%s is held until %s: %s",
	    job->guest.domain, until, hold.reason);
}

int
hold_run(struct job *job)
{
	struct hold hold = { .until_ms = job->run.until_ms };
	char until[CLOCK_RFC3339_LEN + 8];

	if (hold.until_ms < 0 || (hold.until_ms != 0 &&
	    hold.until_ms <= clock_wall_ms()))
		return job_end(job, VPSH_ERR_USAGE,
		    "the time until which to hold it is over already");
	take_reason(&hold, job->run.text);
	if (hold_save(job->paths.holds, job->guest.domain, &hold) == -1)
		return job_end(job, job_write_err(),
		    "the hold cannot be written below %s: %s",
		    job->paths.holds, strerror(errno));
	until_text(&hold, until);
	return job_end(job, VPSH_OK, "%s is held until %s: %s",
	    job->guest.domain, until, hold.reason);
}

int
hold_release(struct job *job)
{
	struct hold hold;
	bool held;

	held = hold_load(job->paths.holds, job->guest.domain, &hold);
	if (!asked_take(job, "release") && held)
		return job_end(job, VPSH_ERR_DENIED, "no operator has asked "
		    "for that: %s stays held", job->guest.domain);
	if (hold_remove(job->paths.holds, job->guest.domain) == -1)
		return job_end(job, VPSH_ERR_FAILED,
		    "the hold cannot be removed below %s: %s",
		    job->paths.holds, strerror(errno));
	if (death_is_due(job))
		return death_finish_late(job);
	job->number = !held;
	return job_end(job, VPSH_OK, held ? "%s is released" :
	    "%s was not held", job->guest.domain);
}
