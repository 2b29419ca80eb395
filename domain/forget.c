/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "domain/asked.h"
#include "domain/forget.h"
#include "domain/job.h"
#include "domain/torn.h"

/*
 * Which file that is: another one of that name counts again.  The number of
 * its device may be another at the next boot of the host.
 */
static int
describe(const struct stat *st, char *dst, size_t size)
{
	return text_format(dst, size, "ino %ju\nsize %jd\nmtime %jd.%09ld\n",
	    (uintmax_t)st->st_ino, (intmax_t)st->st_size,
	    (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

/* Returns 0; -1 when there is none. */
static int
find_image(const struct paths *paths, const char *domain,
    char path[FORGET_PATH], char text[256])
{
	struct stat st;

	path[0] = '\0';
	if (!text_is_domain(domain) || text_format(path, FORGET_PATH,
	    "%s/%s", paths->saves, domain) == -1 || lstat(path, &st) == -1)
		return -1;
	return describe(&st, text, 256);
}

bool
forget_is_saved(const struct paths *paths, const char *domain,
    char path[FORGET_PATH])
{
	char text[256], *known;
	bool same;

	if (find_image(paths, domain, path, text) == -1)
		return false;
	known = record_load(paths->forgotten, domain);
	same = known != NULL && strcmp(known, text) == 0;
	free(known);
	return !same;
}

int
forget_image(const struct paths *paths, const char *domain)
{
	char path[FORGET_PATH], text[256];

	if (find_image(paths, domain, path, text) == -1)
		return record_remove(paths->forgotten, domain);
	if (mkdir(paths->forgotten, 0700) == -1 && errno != EEXIST)
		return -1;
	return record_save(paths->forgotten, domain, text);
}

/* The watcher writes boot records, but not of a guest without a domain. */
static int
bring_back(struct job *job, bool *was_away)
{
	struct boot boot;

	*was_away = boot_load(job->paths.boots, job->guest.domain,
	    &boot) == 0 && boot.away;
	boot.away = false;
	return !*was_away ? 0 : boot_save(job->paths.boots,
	    job->guest.domain, &boot);
}

int
forget_run(struct job *job)
{
	char path[FORGET_PATH];
	struct xen_domain domain;
	bool saved, away;
	int r;

	r = torn_find(job, &domain);
	if (r == -1)
		return job_end_xen(job, VPSH_ERR_HOST, "Xen does not answer");
	if (r == 0 && domain.reason == WIRE_REASON_SUSPEND)
		return job_end(job, VPSH_ERR_BUSY, "domain %" PRIu32
		    " is being saved or moved at this moment",
		    domain.domid);
	saved = forget_is_saved(&job->paths, job->guest.domain, path);
	if (!asked_take(job, "forget-saved"))
		return job_end(job, VPSH_ERR_DENIED, "no operator has asked "
		    "for that: %s is as it was", job->guest.domain);
	/* First what is only ours, then what the watcher looks at. */
	if (forget_image(&job->paths, job->guest.domain) == -1 ||
	    bring_back(job, &away) == -1)
		return job_end(job, VPSH_ERR_FAILED,
		    "it cannot be written down: %s", strerror(errno));
	job->number = !saved && !away;
	if (saved)
		return job_end(job, VPSH_OK, "%s counts no more and is left "
		    "where it is", path);
	return job_end(job, VPSH_OK, away ? "%s is off, no longer away" :
	    "%s was neither saved nor away", job->guest.domain);
}
