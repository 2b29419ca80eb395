/* SPDX-License-Identifier: ISC */
#include <event2/event.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "broker/broker.h"

#define REPLACED	"replaced"

/*
 * There is no second channel to a peer that lives: who cannot read his peer,
 * or it him, starts anew and is introduced again.
 */
static void
broker_lost(struct broker *b, const char *why)
{
	if (strcmp(why, CHANNEL_HUNG_UP) == 0 || strcmp(why, REPLACED) == 0)
		return;
	log_error("starting anew");
	event_base_loopbreak(b->base);
}

static bool
console_frame(void *arg, const struct wire_msg *msg, int *fd)
{
	struct broker *b = arg;

	(void)fd;
	if (msg->head.type == WIRE_VIEWER_GONE)
		viewer_gone(b, msg->u.viewer.viewer);
	else if (msg->head.type == WIRE_READY)
		run_console_ready(b, &msg->u.pty);
	else if (msg->head.type == WIRE_DRAINED)
		run_console_drained(b, &msg->u.stream);
	else {
		log_info("the console server is there");
		b->laters.console_missed = false;
		later_check(b);
		health_console(b);
	}
	return true;
}

static void
console_closed(void *arg, const char *why)
{
	struct broker *b = arg;

	log_warn("the console server is gone: %s", why);
	channel_free(b->console);
	b->console = NULL;
	viewer_gone_all(b);
	b->console_lost_ms = clock_ms();
	run_console_lost(b);
	broker_lost(b, why);
}

static bool
watcher_frame(void *arg, const struct wire_msg *msg, int *fd)
{
	struct broker *b = arg;

	(void)fd;
	if (msg->head.type == WIRE_DOMAIN_STATE)
		state_domain(b, &msg->u.domain);
	else if (msg->head.type == WIRE_DOMAIN_GONE)
		state_gone(b, &msg->u.domain);
	else if (msg->head.type == WIRE_SCANNED)
		state_scanned(b, &msg->u.serial);
	else if (msg->head.type == WIRE_LENT)
		lend_lent(b, &msg->u.lend);
	else
		state_watcher_new(b);
	return true;
}

static void
watcher_closed(void *arg, const char *why)
{
	struct broker *b = arg;

	log_warn("the watcher is gone: %s", why);
	channel_free(b->watcher);
	b->watcher = NULL;
	state_watcher_lost(b);
	lend_lost(b);
	broker_lost(b, why);
}

static const struct channel_ops console_ops = { .frame = console_frame,
	.closed = console_closed };
static const struct channel_ops watcher_ops = { .frame = watcher_frame,
	.closed = watcher_closed };

/* The other end is new; what we had is at its end or about to be. */
static bool
supervisor_peer(struct broker *b, uint32_t role, int *fd)
{
	struct channel **ch = role == WIRE_ROLE_CONSOLE ? &b->console :
	    &b->watcher;
	bool console = role == WIRE_ROLE_CONSOLE;

	if (!console && role != WIRE_ROLE_WATCH)
		return false;
	if (*ch != NULL && console)
		console_closed(b, REPLACED);
	else if (*ch != NULL)
		watcher_closed(b, REPLACED);
	*ch = channel_new(b->base, *fd,
	    console ? WIRE_CONSOLE_BROKER : WIRE_WATCH_BROKER,
	    (enum wire_role)role, console ? &console_ops : &watcher_ops, b);
	*fd = -1;
	return true;
}

static bool
supervisor_listener(struct broker *b, uint32_t door, int *fd)
{
	if (door == WIRE_DOOR_CUSTOMERS)
		door_listen(b, *fd);
	else if (door == WIRE_DOOR_OPERATORS)
		operator_listen(b, *fd);
	else
		return false;
	*fd = -1;
	return true;
}

static bool
supervisor_frame(void *arg, const struct wire_msg *msg, int *fd)
{
	struct broker *b = arg;

	if (msg->head.type == WIRE_PEER)
		return supervisor_peer(b, msg->u.peer.role, fd);
	if (msg->head.type == WIRE_WORKER_GONE) {
		if (!account_worker_gone(b, &msg->u.gone) &&
		    !prefs_worker_gone(b, &msg->u.gone))
			run_worker_gone(b, &msg->u.gone);
		return true;
	}
	if (msg->head.type == WIRE_PING) {
		channel_send(b->supervisor, WIRE_PONG, 0, &msg->u.serial, -1);
		return true;
	}
	if (msg->head.type != WIRE_LISTENER)
		return false;
	return supervisor_listener(b, msg->u.listener.door, fd);
}

static void
supervisor_closed(void *arg, const char *why)
{
	struct broker *b = arg;

	log_info("leaving: the supervisor %s", why);
	event_base_loopbreak(b->base);
}

int
broker_init(struct broker *b, struct policy *policy, int control)
{
	static const struct channel_ops ops = { .frame = supervisor_frame,
		.closed = supervisor_closed };

	b->policy = policy;
	connection_init(b);
	operator_init(b);
	health_init(b);
	state_init(b);
	job_init(b);
	viewer_init(b);
	look_init(b);
	lend_init(b);
	later_init(b);
	prefs_init(b);
	activity_init(b);
	if (b->journal.slots.map == NULL &&
	    journal_open(&b->journal, NULL) == -1)
		return -1;
	b->supervisor = channel_new(b->base, control, WIRE_SUPER_CHILD, 0,
	    &ops, b);
	if (b->supervisor == NULL || account_init(b) == -1 ||
	    follow_init(b) == -1 || reload_init(b) == -1 ||
	    recover_init(b) == -1)
		return -1;
	return 0;
}

struct channel *
broker_spawn(struct broker *b, enum wire_worker kind, uint32_t deadline_ms,
    const struct channel_ops *ops, void *arg, uint64_t *job)
{
	struct wire_spawn spawn = { b->last_job + 1, (uint32_t)kind,
		deadline_ms };
	struct channel *ch;
	int pair[2];

	if (fd_pair(pair) == -1)
		return NULL;
	ch = channel_new(b->base, pair[0], WIRE_WORKER_BROKER,
	    WIRE_ROLE_WORKER, ops, arg);
	if (ch == NULL) {
		fd_close(&pair[1]);
		return NULL;
	}
	*job = ++b->last_job;
	journal_number_save(b);
	channel_send(b->supervisor, WIRE_SPAWN, 0, &spawn, pair[1]);
	return ch;
}
