/* SPDX-License-Identifier: ISC */
#include <sys/inotify.h>

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"

/* Editors and Ansible do several things to a file in a row. */
#define SETTLE_MS	100
#define FAULTS_LOGGED	50

#define CHANGES	(IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_DELETE_SELF | \
		IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF | IN_ATTRIB)

static void
watch(struct broker *b, const char *path)
{
	if (inotify_add_watch(b->reload.inotify, path,
	    CHANGES | IN_ONLYDIR) == -1 && errno != ENOENT && errno != ENOTDIR)
		log_error("cannot watch %s: %s; changes there need a restart",
		    path, strerror(errno));
}

/* Asking again for what is watched already changes nothing. */
static void
watch_all(struct broker *b)
{
	char path[PATH_MAX];
	size_t i;

	watch(b, b->etc);
	if (text_format(path, sizeof(path), "%s/customers", b->etc) == 0)
		watch(b, path);
	for (i = 0; i < b->policy->ncustomers; i++)
		if (text_format(path, sizeof(path), "%s/customers/%s", b->etc,
		    b->policy->customers[i].name) == 0)
			watch(b, path);
}

static void
reload_in(struct broker *b, int64_t ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	if (!evtimer_pending(b->reload.timer, NULL) || ms <= SETTLE_MS)
		evtimer_add(b->reload.timer, &tv);
}

/* A broken file's last good version counts for some time only. */
static void
plan_end_of_grace(struct broker *b)
{
	int64_t due = policy_due_ms(b->policy), left = due - clock_wall_ms();

	if (due != 0)
		reload_in(b, left > 1000 ? left : 1000);
}

static void
report(const struct broker *b)
{
	const struct policy *policy = b->policy;
	char text[POLICY_TEXT + 100];
	size_t i;

	for (i = 0; i < policy->nfaults && i < FAULTS_LOGGED; i++) {
		policy_fault_text(&policy->faults[i], text, sizeof(text));
		log_error("%s", text);
	}
	log_info("policy: %zu customers, %zu faults", policy->ncustomers,
	    policy->nfaults);
}

static void
on_timer(evutil_socket_t socket, short what, void *arg)
{
	struct broker *b = arg;
	struct policy *policy = policy_load(b->etc, b->policy);

	(void)socket;
	(void)what;
	if (policy == NULL) {
		log_error("no memory to read the policy");
		reload_in(b, 1000);
		return;
	}
	policy_free(b->policy);
	b->policy = policy;
	report(b);
	watch_all(b);
	account_rebuild(b);
	connection_recheck_all(b);
	viewer_recheck_all(b);
	state_prune(b);
	prefs_prune(b);
	activity_prune(b);
	follow_recheck_all(b);
	account_refresh(b);
	plan_end_of_grace(b);
}

static void
on_input(evutil_socket_t socket, short what, void *arg)
{
	struct broker *b = arg;
	char events[4096];

	(void)what;
	/* Which of them it was is not worth knowing. */
	while (read(socket, events, sizeof(events)) > 0)
		continue;
	reload_in(b, SETTLE_MS);
}

int
reload_init(struct broker *b)
{
	struct reload *r = &b->reload;

	r->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (r->inotify == -1)
		return -1;
	r->input = event_new(b->base, r->inotify, EV_READ | EV_PERSIST,
	    on_input, b);
	r->timer = evtimer_new(b->base, on_timer, b);
	if (r->input == NULL || r->timer == NULL ||
	    event_add(r->input, NULL) == -1)
		return -1;
	watch_all(b);
	/* It may have changed since it was read; and accounts are due. */
	reload_in(b, 0);
	return 0;
}
