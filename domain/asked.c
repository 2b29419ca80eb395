/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <stdint.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "domain/asked.h"
#include "domain/job.h"

#define ASKED_MS	(10 * 60 * 1000)	/* it may have to wait */
#define NAME_BYTES	(PATHS_LEN + 2 * WIRE_DOMAIN)

/* A word that is too old, or in the future, is taken away, too. */
static bool
take(const char *path)
{
	struct stat st;
	int64_t age;

	if (lstat(path, &st) == -1 || unlink(path) == -1 ||
	    !S_ISREG(st.st_mode))
		return false;
	age = clock_wall_ms() - (int64_t)st.st_mtim.tv_sec * 1000;
	return age > -ASKED_MS && age < ASKED_MS;
}

bool
asked_take_of(const char *dir, const char *verb, const char *customer,
    const char *guest, const char *domain)
{
	char by_guest[NAME_BYTES], by_domain[NAME_BYTES];
	bool taken;

	/* As it was typed: neither name can have a colon in it. */
	if (text_format(by_guest, sizeof(by_guest), "%s/%s:%s:%s", dir, verb,
	    customer, guest) == -1 ||
	    text_format(by_domain, sizeof(by_domain), "%s/%s:%s", dir, verb,
	    domain) == -1)
		return false;
	taken = take(by_guest);
	return take(by_domain) || taken;
}

bool
asked_take(const struct job *job, const char *verb)
{
	return asked_take_of(job->paths.asked, verb, job->run.customer,
	    job->run.guest, job->guest.domain);
}
