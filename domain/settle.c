/* SPDX-License-Identifier: ISC */
/*
 * Which console/tty nodes were written by the xenconsoled that runs now?
 *
 * A new daemon opens the ttys in the order of domids, so it gets the lowest
 * numbers first, and the nodes of later domains still name what its
 * predecessor had: a number that may be another guest's by now.  Domains
 * that were born under this daemon are safe.  For those that it found there,
 * the rule is: it holds exactly one master per live console, all nodes name
 * different ones of these, and that is so again a second later or more,
 * with the same number at each of them.  Then it can have at most one node
 * still to write, and that one could not be different from the others and
 * held unless it is right.
 *
 * One whose node it wrote under our eyes need not wait for the others:
 * console_event().  So a domain that the daemon cannot serve closes its own
 * console only.
 */
#include <sys/inotify.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/prove.h"
#include "domain/store.h"
#include "domain/watch.h"

#define AGAIN_MS	1000
/* After so many looks somebody has to look into it. */
#define LOOKS_MAX	30
#define DAEMON		"xenconsoled"

struct claim {
	uint32_t	domid;
	unsigned	index;
};

/* One look at all consoles, in the order of watch::doms. */
struct settled {
	int64_t		 at;		/* clock_ms() */
	size_t		 n;
	struct claim	 claims[];
};

static bool
is_served(struct watch *watch, const struct dom *dom)
{
	char value[64];
	uint32_t domid = dom->now.domid;

	if (store_read(watch->store, value, sizeof(value),
	    "/local/domain/%" PRIu32 "/console/ring-ref", domid) == -1 ||
	    store_read(watch->store, value, sizeof(value),
	    "/local/domain/%" PRIu32 "/console/port", domid) == -1)
		return false;
	return store_read(watch->store, value, sizeof(value),
	    "/local/domain/%" PRIu32 "/console/type", domid) == -1 ||
	    strcmp(value, DAEMON) == 0;
}

static size_t
count(struct watch *watch)
{
	struct dom *dom;
	size_t n = 0;

	TAILQ_FOREACH(dom, &watch->doms, entry)
		n++;
	return n;
}

/* What every live console's node says now; NULL if one says nothing yet. */
static struct settled *
look(struct watch *watch)
{
	struct settled *all;
	struct dom *dom;
	char value[64];
	unsigned index;

	all = calloc(1, sizeof(*all) +
	    count(watch) * sizeof(all->claims[0]));
	if (all == NULL)
		return NULL;
	all->at = clock_ms();
	TAILQ_FOREACH(dom, &watch->doms, entry) {
		/* One that is taken down has lost its console already. */
		if (dom->dying || !is_served(watch, dom))
			continue;
		if (store_read(watch->store, value, sizeof(value),
		    "/local/domain/%" PRIu32 "/console/tty",
		    dom->now.domid) == -1 ||
		    prove_index(value, &index) == -1) {
			free(all);
			return NULL;
		}
		all->claims[all->n].domid = dom->now.domid;
		all->claims[all->n++].index = index;
	}
	return all;
}

static int
by_number(const void *a, const void *b)
{
	const unsigned *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Do the nodes name exactly what the daemon holds, each one once? */
static bool
matches(struct watch *watch, const struct settled *all)
{
	unsigned *held = NULL, *named = NULL;
	bool same = false;
	size_t n, i;

	if (holder_masters(&watch->daemon, &held, &n) == -1) {
		log_warn("the ttys of " DAEMON " cannot be seen: %s",
		    strerror(errno));
		return false;
	}
	if (n != all->n)
		goto out;
	named = calloc(n + 1, sizeof(*named));
	if (named == NULL)
		goto out;
	for (i = 0; i < n; i++)
		named[i] = all->claims[i].index;
	qsort(named, n, sizeof(*named), by_number);
	same = true;
	for (i = 0; i < n && same; i++)
		same = named[i] == held[i] &&
		    (i == 0 || named[i] != named[i - 1]);
out:
	free(held);
	free(named);
	return same;
}

static const struct claim *
claim_of(const struct settled *all, uint32_t domid)
{
	size_t i;

	for (i = 0; i < all->n; i++)
		if (all->claims[i].domid == domid)
			return &all->claims[i];
	return NULL;
}

/*
 * Of those that it is about: others, who were born under this daemon, may
 * come and go all the time.
 */
static bool
is_same(struct watch *watch, const struct settled *a, const struct settled *b)
{
	const struct claim *x, *y;
	struct dom *dom;

	if (a == NULL)
		return false;
	TAILQ_FOREACH(dom, &watch->doms, entry) {
		if (dom->generation == watch->generation)
			continue;
		x = claim_of(a, dom->now.domid);
		y = claim_of(b, dom->now.domid);
		if ((x == NULL) != (y == NULL) ||
		    (x != NULL && x->index != y->index))
			return false;
	}
	return true;
}

static bool
is_needed(struct watch *watch)
{
	struct dom *dom;

	TAILQ_FOREACH(dom, &watch->doms, entry)
		if (dom->generation != watch->generation)
			return true;
	return false;
}

static void
settle(struct watch *watch)
{
	struct settled *now;
	struct dom *dom;

	now = look(watch);
	if (now != NULL && !matches(watch, now)) {
		free(now);
		now = NULL;
	}
	if (now == NULL && ++watch->unsettled == LOOKS_MAX)
		log_error("the ttys that " DAEMON " holds and those that "
		    "xenstore names do not fit together: consoles of domains "
		    "older than it stay closed, but for those whose tty it "
		    "named since");
	/* One is just being made or taken down: what fitted before, did. */
	if (now == NULL)
		return;
	if (!is_same(watch, watch->settled, now)) {
		free(watch->settled);
		watch->settled = now;
		return;
	}
	if (now->at - watch->settled->at < AGAIN_MS) {
		free(now);
		return;
	}
	free(now);
	free(watch->settled);
	watch->settled = NULL;
	watch->unsettled = 0;
	TAILQ_FOREACH(dom, &watch->doms, entry) {
		dom->generation = watch->generation;
		console_written(watch, dom);
	}
	log_info("the consoles of all domains are known to be theirs");
}

static void
lose_daemon(struct watch *watch)
{
	struct dom *dom;

	log_warn(DAEMON " is gone: consoles wait for its successor");
	event_free(watch->daemon_event);
	watch->daemon_event = NULL;
	holder_release(&watch->daemon);
	watch->generation = 0;
	free(watch->settled);
	watch->settled = NULL;
	TAILQ_FOREACH(dom, &watch->doms, entry)
		console_died(watch, dom);
	watch_tick(watch);
}

/*
 * What was written before this daemon was taken is not to be mistaken for
 * its own: what its predecessor, which is dead, still had under way is one
 * request at most, and xenstored has served that before it answers twice.
 */
static void
forget_past(struct watch *watch)
{
	if (!store_alive(watch->store) || !store_alive(watch->store))
		log_warn("xenstored does not answer");
	watch_drain(watch);
}

static void
on_daemon_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	lose_daemon(arg);
}

static void
find_daemon(struct watch *watch)
{
	if (holder_take_file(&watch->daemon, watch->paths.console_pid,
	    DAEMON) == -1 && holder_take_file(&watch->daemon,
	    watch->paths.console_pid2, DAEMON) == -1) {
		if (!watch->no_daemon)
			log_warn("no " DAEMON " runs by %s or %s",
			    watch->paths.console_pid,
			    watch->paths.console_pid2);
		watch->no_daemon = true;
		return;
	}
	watch->no_daemon = false;
	watch->daemon_event = event_new(watch->base, watch->daemon.pidfd,
	    EV_READ, on_daemon_end, watch);
	if (watch->daemon_event == NULL) {
		holder_release(&watch->daemon);
		return;
	}
	(void)event_add(watch->daemon_event, NULL);
	/*
	 * Whatever is there by now may be older than this daemon; what comes
	 * later was born under it.
	 */
	if (domains_scan(watch, false) == -1) {
		lose_daemon(watch);
		return;
	}
	forget_past(watch);
	watch->generation = ++watch->generations;
	log_info(DAEMON " is process %d", (int)watch->daemon.pid);
}

/* A new daemon, or one whose consoles are not all known yet. */
void
settle_check(struct watch *watch)
{
	if (watch->generation != 0 && !holder_alive(&watch->daemon))
		lose_daemon(watch);
	if (watch->generation == 0)
		find_daemon(watch);
	if (watch->generation != 0 && is_needed(watch))
		settle(watch);
	if (watch->generation == 0 || is_needed(watch))
		watch_tick(watch);
}

/* Sooner than it says anything: it makes its pid file first. */
static void
on_daemon_file(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;
	char events[4096];

	(void)what;
	while (read(fd, events, sizeof(events)) > 0)
		continue;
	if (watch->generation == 0)
		settle_check(watch);
}

static void
watch_files(struct watch *watch)
{
	const char *const files[] = { watch->paths.console_pid,
		watch->paths.console_pid2 };
	char folder[PATHS_LEN];
	size_t i;
	int fd;

	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd == -1)
		fatal("inotify: %s", strerror(errno));
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)text_copy(folder, sizeof(folder), files[i]);
		*strrchr(folder, '/') = '\0';
		(void)inotify_add_watch(fd, folder, IN_MODIFY | IN_MOVED_TO |
		    IN_ONLYDIR);
	}
	watch->daemon_file = event_new(watch->base, fd, EV_READ | EV_PERSIST,
	    on_daemon_file, watch);
	if (watch->daemon_file == NULL ||
	    event_add(watch->daemon_file, NULL) == -1)
		fatal("no memory");
}

void
settle_open(struct watch *watch)
{
	watch->daemon = (struct holder)HOLDER_NONE;
	watch_files(watch);
	settle_check(watch);
}
