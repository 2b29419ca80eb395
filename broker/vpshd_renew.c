/* SPDX-License-Identifier: ISC */
/*
 * How vpshd becomes what is installed now.  Nobody is refused meanwhile: its
 * lock and its listening sockets stay open.  The old children end because
 * their control sockets close; workers finish what they are at.
 */
#include <sys/auxv.h>
#include <sys/stat.h>

#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "broker/vpshd.h"

#define RENEW_MS	10000	/* from one to the next, at least */

/* Do they close when a program is executed? */
static void
keep(int flag)
{
	int fd;

	for (fd = VPSHD_LOCK; fd < VPSHD_KEPT_END; fd++)
		if (fcntl(fd, F_SETFD, flag) == -1)
			log_error("descriptor %d: %m", fd);
}

void
renew_init(struct vpshd *d)
{
	static char path[PATH_MAX];

	if (realpath((const char *)getauxval(AT_EXECFN), path) == NULL)
		fatal("where is my own program file? %m");
	d->path = path;
	if (d->renewed_ms != 0)
		keep(FD_CLOEXEC);
}

bool
renew_helps(const struct vpshd *d)
{
	struct stat runs, named;

	return stat("/proc/self/exe", &runs) == 0 &&
	    stat(d->path, &named) == 0 &&
	    (runs.st_ino != named.st_ino || runs.st_dev != named.st_dev);
}

static void
on_renewal(evutil_socket_t socket, short what, void *arg)
{
	struct vpshd *d = arg;
	char now[24];
	char *argv[8] = { (char *)d->path, "-r", now, "-x",
		(char *)d->libexec };
	void (*handler)(int);

	(void)socket;
	(void)what;
	d->renewing = false;
	if (d->stopping)
		return;
	point("supervisor-exec");
	d->renewed_ms = clock_ms();
	(void)text_format(now, sizeof(now), "%lld", (long long)d->renewed_ms);
	if (d->prefix != NULL) {
		argv[5] = "-p";
		argv[6] = (char *)d->prefix;
	}
	log_info("executing %s", d->path);
	/* One more must not end who has no handler yet. */
	handler = signal(SIGHUP, SIG_IGN);
	keep(0);
	execv(d->path, argv);
	log_error("cannot execute %s: %m; going on as before", d->path);
	keep(FD_CLOEXEC);
	(void)signal(SIGHUP, handler);
}

void
renew(struct vpshd *d)
{
	int64_t ms = d->renewed_ms == 0 ? 0 :
	    d->renewed_ms + RENEW_MS - clock_ms();
	struct timeval tv = { ms > 0 ? ms / 1000 : 0,
		ms > 0 ? ms % 1000 * 1000 : 0 };

	if (!d->renewing)
		d->renewing = event_base_once(d->base, -1, EV_TIMEOUT,
		    on_renewal, d, &tv) == 0;
}
