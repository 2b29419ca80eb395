/* SPDX-License-Identifier: ISC */
#include <sys/inotify.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"
#include "base/text.h"
#include "domain/watch.h"

/* An editor or rsync touches several files; wait until it is done. */
#define QUIET_US	200000
#define CHANGES		(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | \
			 IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR)

/* Adding a folder twice changes nothing, and one that goes is forgotten. */
static void
watch_folders(struct watch *watch)
{
	char path[PATHS_LEN + 300];
	struct dirent *entry;
	DIR *dir;

	(void)inotify_add_watch(watch->inotify, watch->paths.etc, CHANGES);
	(void)text_format(path, sizeof(path), "%s/customers",
	    watch->paths.etc);
	(void)inotify_add_watch(watch->inotify, path, CHANGES);
	if ((dir = opendir(path)) == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (text_is_name(entry->d_name) && text_format(path,
		    sizeof(path), "%s/customers/%s", watch->paths.etc,
		    entry->d_name) == 0)
			(void)inotify_add_watch(watch->inotify, path,
			    CHANGES);
	closedir(dir);
}

static void
load(struct watch *watch)
{
	struct policy *policy;

	/* Before reading, so that a change meanwhile is not missed. */
	watch_folders(watch);
	if (watch->policy == NULL)
		watch->policy = policy_recall(watch->paths.kept);
	policy = policy_load(watch->paths.etc, watch->policy);
	if (policy == NULL) {
		log_error("no memory to load the policy: the old one stays");
		return;
	}
	policy_free(watch->policy);
	watch->policy = policy;
	/* For the workers, who start with no memory of what was before. */
	if (policy_keep(policy, watch->paths.kept) == -1)
		log_warn("%s: the last good policy cannot be kept there: %m",
		    watch->paths.kept);
}

static void
on_quiet(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;

	(void)fd;
	(void)what;
	load(watch);
	domains_claim_all(watch);
	console_check_all(watch);
	console_forget(watch);
}

static void
on_change(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval quiet = { 0, QUIET_US };
	struct watch *watch = arg;
	char events[4096];

	(void)what;
	while (read(fd, events, sizeof(events)) > 0)
		continue;
	if (!evtimer_pending(watch->reload_soon, NULL))
		event_add(watch->reload_soon, &quiet);
}

void
reload_open(struct watch *watch)
{
	watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->inotify == -1)
		fatal("inotify: %s", strerror(errno));
	load(watch);
	if (watch->policy == NULL)
		fatal("no memory to load the policy");
	watch->reload_soon = evtimer_new(watch->base, on_quiet, watch);
	watch->inotify_event = event_new(watch->base, watch->inotify,
	    EV_READ | EV_PERSIST, on_change, watch);
	if (watch->reload_soon == NULL || watch->inotify_event == NULL ||
	    event_add(watch->inotify_event, NULL) == -1)
		fatal("no memory");
}
