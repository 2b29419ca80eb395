/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <xenstore.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/store.h"
#include "domain/watch.h"

#define HEARTBEAT_S	10
/* A little over a second: settle.c wants two looks that far apart. */
#define TICK		{ 1, 20000 }
#define DYING_MS	20	/* and twice that the next time, ... */
#define DYING_SCANS	6	/* then a tick has to do */

static void
on_scan_soon(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;

	(void)fd;
	(void)what;
	(void)domains_scan(watch, false);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;

	(void)fd;
	(void)what;
	(void)domains_scan(watch, false);
	settle_check(watch);
	console_check_all(watch);
	domains_save_again(watch);
}

void
watch_tick(struct watch *watch)
{
	const struct timeval second = TICK;

	if (!evtimer_pending(watch->tick, NULL))
		event_add(watch->tick, &second);
}

void
watch_dying(struct watch *watch, unsigned scans)
{
	struct timeval soon = { 0, DYING_MS * 1000 };

	if (scans >= DYING_SCANS || evtimer_pending(watch->scan_soon, NULL))
		return;
	soon.tv_usec <<= scans;
	event_add(watch->scan_soon, &soon);
}

static void
scan_soon(struct watch *watch)
{
	const struct timeval now = { 0, 0 };

	event_add(watch->scan_soon, &now);
}

static void
on_node(struct watch *watch, const char *path, const char *token)
{
	struct dom *dom;
	long long domid;

	if (token[0] == 'd') {
		scan_soon(watch);
		return;
	}
	if (text_number(token + 1, 1, UINT32_MAX, &domid) == -1)
		return;
	if (token[0] == 'n') {
		domains_renamed(watch, (uint32_t)domid);
		scan_soon(watch);
		return;
	}
	TAILQ_FOREACH(dom, &watch->doms, entry)
		if (dom->now.domid == (uint32_t)domid) {
			console_event(watch, dom, path);
			return;
		}
}

/* The supervisor starts another watcher, which tells everybody anew. */
static void
fail(struct watch *watch, const char *why)
{
	log_error("xenstored %s: starting anew", why);
	watch->failed = true;
	event_base_loopbreak(watch->base);
}

void
watch_drain(struct watch *watch)
{
	char **event;

	while ((event = xs_check_watch(watch->store)) != NULL) {
		on_node(watch, event[XS_WATCH_PATH], event[XS_WATCH_TOKEN]);
		free(event);
	}
	if (errno != EAGAIN)
		fail(watch, strerror(errno));
}

static void
on_store(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	watch_drain(arg);
}

/* libxenstore's thread ends in silence when xenstored does. */
static void
on_store_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fail(arg, "is gone");
}

/* What others were writing when they died, a watcher before us among them. */
static void
sweep(const struct paths *paths)
{
	const char *const all[] = { paths->var, paths->boots, paths->intents,
		paths->traffic, paths->uuids, paths->holds, paths->forgotten,
		paths->kept, paths->results, paths->torn, paths->lent };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		record_sweep(all[i], NULL);
}

static void
on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;

	(void)fd;
	(void)what;
	/* The disk may have kept one that was killed from dying at once. */
	if (!watch->swept)
		sweep(&watch->paths);
	watch->swept = true;
	if (!store_alive(watch->store))
		fail(watch, strerror(errno));
}

static void
on_broker_ready(void *arg)
{
	domains_tell_all(arg);
}

static void
on_broker_frame(const struct wire_msg *msg, void *arg)
{
	struct watch *watch = arg;
	struct wire_serial done = msg->u.serial;

	if (msg->head.type == WIRE_AUTOSTARTED) {
		host_started(watch);
		return;
	}
	if (msg->head.type == WIRE_LEND) {
		lend_begin(watch, &msg->u.lend);
		return;
	}
	if (msg->head.type != WIRE_SCAN)
		return;
	done.ok = domains_scan(watch, true) == 0;
	link_send(&watch->broker, WIRE_SCANNED, &done, NULL, 0);
}

static void
on_console_ready(void *arg)
{
	console_tell_all(arg);
}

static void
on_console_frame(const struct wire_msg *msg, void *arg)
{
	if (msg->head.type == WIRE_PTY_LOST)
		console_lost(arg, &msg->u.pty);
}

static void
connect_peer(struct watch *watch, uint32_t role, int fd)
{
	switch ((enum wire_role)role) {
	case WIRE_ROLE_BROKER:
		link_connect(&watch->broker, fd);
		return;
	case WIRE_ROLE_CONSOLE:
		link_connect(&watch->console, fd);
		return;
	case WIRE_ROLE_CLIENT:
	case WIRE_ROLE_SUPERVISOR:
	case WIRE_ROLE_WATCH:
	case WIRE_ROLE_WORKER:
	case WIRE_ROLE_OPERATOR:
		break;
	}
	fd_close(&fd);
}

static void
on_super(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;
	int fds[FD_PASS_MAX];
	struct wire_msg msg;
	size_t nfds, i;
	ssize_t n;

	(void)what;
	n = wire_recv(fd, &msg, WIRE_SUPER_CHILD, fds, &nfds);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		log_info("the supervisor is gone");
		event_base_loopbreak(watch->base);
	} else if (msg.head.type == WIRE_PING)
		(void)wire_send(fd, WIRE_PONG, 0, &msg.u.serial, NULL, 0);
	else if (msg.head.type == WIRE_PEER)
		connect_peer(watch, msg.u.peer.role, fds[0]);
	else
		for (i = 0; i < nfds; i++)
			fd_close(&fds[i]);
}

/* Without one the heartbeat has to do. */
static void
hold_lifeline(struct watch *watch)
{
	int fd = store_lifeline();

	if (fd == -1) {
		log_warn("xenstored has no socket here: that it died is "
		    "noticed late");
		return;
	}
	watch->store_end = event_new(watch->base, fd, EV_READ, on_store_end,
	    watch);
	if (watch->store_end == NULL ||
	    event_add(watch->store_end, NULL) == -1)
		fatal("no memory");
}

static void
open_xen(struct watch *watch)
{
	if (xen_open(&watch->xen) == -1)
		fatal("Xen does not answer: %s", watch->xen.said);
	watch->store = store_open();
	if (watch->store == NULL)
		fatal("xenstored does not answer: %s", strerror(errno));
	/* Makes libxenstore's thread, too, which is not possible later on. */
	if (!store_watch(watch->store, "@introduceDomain", "d") ||
	    !store_watch(watch->store, "@releaseDomain", "d"))
		fatal("no watch on domains: %s", strerror(errno));
	hold_lifeline(watch);
}

void
watch_open(struct watch *watch, int super, const char *prefix)
{
	memset(watch, 0, sizeof(*watch));
	TAILQ_INIT(&watch->doms);
	TAILQ_INIT(&watch->unsaved);
	watch->super = super;
	watch->first_scan = true;
	if (paths_init(&watch->paths, prefix) == -1)
		fatal("the prefix is too long");
	watch->base = event_base_new();
	if (watch->base == NULL)
		fatal("no event loop");
	open_xen(watch);
	link_init(&watch->broker, watch->base, WIRE_ROLE_BROKER,
	    WIRE_BROKER_WATCH, on_broker_ready, on_broker_frame, watch);
	link_init(&watch->console, watch->base, WIRE_ROLE_CONSOLE,
	    WIRE_CONSOLE_WATCH, on_console_ready, on_console_frame, watch);
	watch->scan_soon = evtimer_new(watch->base, on_scan_soon, watch);
	watch->tick = evtimer_new(watch->base, on_tick, watch);
	watch->heartbeat = event_new(watch->base, -1, EV_PERSIST,
	    on_heartbeat, watch);
	watch->super_event = event_new(watch->base, super,
	    EV_READ | EV_PERSIST, on_super, watch);
	watch->store_event = event_new(watch->base,
	    xs_fileno(watch->store), EV_READ | EV_PERSIST, on_store, watch);
	if (watch->scan_soon == NULL || watch->tick == NULL ||
	    watch->heartbeat == NULL || watch->super_event == NULL ||
	    watch->store_event == NULL)
		fatal("no memory");
}

int
watch_loop(struct watch *watch)
{
	const struct timeval beat = { HEARTBEAT_S, 0 };

	sweep(&watch->paths);
	reload_open(watch);
	held_open(watch);
	host_open(watch);
	if (domains_scan(watch, false) == -1)
		fatal("Xen does not list its domains");
	host_look_back(watch);
	console_sweep(watch);
	console_forget(watch);
	lend_open(watch);
	settle_open(watch);
	sample_open(watch);
	if (event_add(watch->heartbeat, &beat) == -1 ||
	    event_add(watch->super_event, NULL) == -1 ||
	    event_add(watch->store_event, NULL) == -1)
		fatal("no memory");
	(void)event_base_dispatch(watch->base);
	sample_close(watch);
	/* Everything else ends with the process. */
	policy_free(watch->policy);
	return watch->failed ? 1 : 0;
}
