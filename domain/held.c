/* SPDX-License-Identifier: ISC */
/*
 * What keeps guests from being booted: holds of the operator, and images of
 * saved ones.  Both are files that come and go; the broker is told of them
 * with the guest's domain, so that it can say so early.  Who obeys them for
 * certain is the worker.
 */
#include <sys/inotify.h>
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/forget.h"
#include "domain/hold.h"
#include "domain/watch.h"

#define CHANGES		(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | \
			 IN_CREATE | IN_DELETE | IN_ONLYDIR)
/* The wall clock may be set: look at it now and then. */
#define LOOK_MAX_MS	60000

static void
expire_at(struct watch *watch, int64_t until_ms)
{
	struct held *held = &watch->held;
	int64_t left = until_ms - clock_wall_ms();
	struct timeval tv;

	if (held->expires_ms != 0 && held->expires_ms <= until_ms &&
	    evtimer_pending(held->expiry, NULL))
		return;
	held->expires_ms = until_ms;
	if (left > LOOK_MAX_MS)
		left = LOOK_MAX_MS;
	/* A little late rather than early. */
	left = left < 0 ? 1 : left + 1;
	tv.tv_sec = (time_t)(left / 1000);
	tv.tv_usec = (suseconds_t)(left % 1000 * 1000);
	(void)event_add(held->expiry, &tv);
}

void
held_fill(struct watch *watch, const char *name, struct wire_domain *said)
{
	struct hold hold;

	memset(said->held, 0, sizeof(said->held));
	said->held_until_ms = 0;
	if (!hold_load(watch->paths.holds, name, &hold))
		return;
	(void)text_copy(said->held, sizeof(said->held), hold.reason);
	said->held_until_ms = hold.until_ms;
	if (hold.until_ms != 0)
		expire_at(watch, hold.until_ms);
}

bool
held_is_saved(struct watch *watch, const char *name)
{
	char path[FORGET_PATH];

	return forget_is_saved(&watch->paths, name, path);
}

static void
on_expiry(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;
	int64_t until_ms = watch->held.expires_ms;

	(void)fd;
	(void)what;
	watch->held.expires_ms = 0;
	if (clock_wall_ms() < until_ms)
		expire_at(watch, until_ms);
	else
		domains_tell_all(watch);
}

/* In none of these folders is a file of another name than a domain's. */
static void
on_changed(evutil_socket_t fd, short what, void *arg)
{
	union {
		struct inotify_event first;
		char bytes[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	} all;
	const struct inotify_event *event;
	struct watch *watch = arg;
	ssize_t n, at;

	(void)what;
	while ((n = read(fd, &all, sizeof(all))) > 0)
		for (at = 0; at < n; at += (ssize_t)(sizeof(*event) +
		    event->len)) {
			event = (const void *)(all.bytes + at);
			if ((event->mask & IN_Q_OVERFLOW) != 0)
				domains_tell_all(watch);
			else if (event->len > 0 &&
			    text_is_domain(event->name))
				domains_tell_one(watch, event->name);
		}
}

void
held_open(struct watch *watch)
{
	const char *const folders[] = { watch->paths.holds,
		watch->paths.forgotten, watch->paths.boots,
		watch->paths.saves };
	struct held *held = &watch->held;
	size_t i;

	held->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (held->inotify == -1)
		fatal("inotify: %s", strerror(errno));
	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		/* The last one is Xen's. */
		if (folders[i] != watch->paths.saves)
			(void)mkdir(folders[i], 0700);
		if (inotify_add_watch(held->inotify, folders[i],
		    CHANGES) == -1)
			log_warn("%s cannot be watched: %s; what changes "
			    "there is shown later", folders[i],
			    strerror(errno));
	}
	held->expiry = evtimer_new(watch->base, on_expiry, watch);
	held->changed = event_new(watch->base, held->inotify,
	    EV_READ | EV_PERSIST, on_changed, watch);
	if (held->expiry == NULL || held->changed == NULL ||
	    event_add(held->changed, NULL) == -1)
		fatal("no memory");
}
