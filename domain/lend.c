/* SPDX-License-Identifier: ISC */
#include <sys/inotify.h>
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/asked.h"
#include "domain/lend.h"
#include "domain/lock.h"
#include "domain/watch.h"
#include "wire/err.h"

#define LOOK_S	1	/* while one is lent */

/* --- what is kept of it -------------------------------------------------- */

/* For who comes after us; without it that one takes the console back. */
static void
keep(struct watch *watch, const struct dom *dom)
{
	const struct console *console = &dom->console;
	char uuid[UUID_TEXT], text[256];

	(void)mkdir(watch->paths.lent, 0700);
	record_uuid_text(dom->now.uuid, uuid);
	if (text_format(text, sizeof(text), "domid %" PRIu32 "\nuuid %s\n"
	    "host %s\nuntil %" PRId64 "\ntaken %d\n", dom->now.domid, uuid,
	    watch->host, console->lend_until, console->lend_taken) == -1 ||
	    record_save(watch->paths.lent, dom->name, text) == -1)
		log_warn("%s/%s cannot be written: %s", watch->paths.lent,
		    dom->name, strerror(errno));
}

/* It is this very domain's, and taken does not say more than 0 or 1. */
static bool
is_kept(const struct watch *watch, const struct dom *dom, const char *text,
    long long *until, long long *taken)
{
	char host[RECORD_VALUE];
	uint8_t uuid[WIRE_UUID];
	long long domid;

	return record_number(text, "domid", 0, UINT32_MAX, &domid) == 0 &&
	    domid == dom->now.domid && record_uuid(text, uuid) == 0 &&
	    memcmp(uuid, dom->now.uuid, WIRE_UUID) == 0 &&
	    record_field(text, "host", host) == 0 &&
	    strcmp(host, watch->host) == 0 &&
	    record_number(text, "until", 0, INT64_MAX, until) == 0 &&
	    record_number(text, "taken", 0, 1, taken) == 0;
}

static void
look_again(struct watch *watch)
{
	const struct timeval soon = { LOOK_S, 0 };

	/* The first look at what there is comes before lend_open(). */
	if (watch->lend_look != NULL &&
	    !evtimer_pending(watch->lend_look, NULL))
		event_add(watch->lend_look, &soon);
}

void
lend_resume(struct watch *watch, struct dom *dom)
{
	char *text = record_load(watch->paths.lent, dom->name);
	long long until, taken;

	if (text == NULL)
		return;
	if (is_kept(watch, dom, text, &until, &taken)) {
		dom->console.lend = LEND_OUT;
		dom->console.lend_until = until;
		dom->console.lend_taken = taken != 0;
		log_info("console of %s (domain %" PRIu32 ") is lent to the "
		    "operator", dom->name, dom->now.domid);
		look_again(watch);
	} else
		(void)record_remove(watch->paths.lent, dom->name);
	free(text);
}

static void
note_taken(struct watch *watch, struct dom *dom)
{
	if (dom->console.lend_taken)
		return;
	dom->console.lend_taken = true;
	keep(watch, dom);
}

static void
lend_end(struct watch *watch, struct dom *dom)
{
	if (dom->console.lend != LEND_NOT)
		(void)record_remove(watch->paths.lent, dom->name);
	dom->console.lend = LEND_NOT;
}

/* --- giving -------------------------------------------------------------- */

static void
answer(struct watch *watch, const struct wire_lend *what, int err)
{
	struct wire_lend lent = *what;

	lent.err = err;
	link_send(&watch->broker, WIRE_LENT, &lent, NULL, 0);
}

static void
answer_of(struct watch *watch, const struct dom *dom, int err)
{
	struct wire_lend lent = { .domid = dom->now.domid,
		.until_ms = dom->console.lend_until };

	(void)text_copy(lent.domain, sizeof(lent.domain), dom->name);
	memcpy(lent.uuid, dom->now.uuid, sizeof(lent.uuid));
	answer(watch, &lent, err);
}

void
lend_let_go(struct watch *watch, struct dom *dom)
{
	if (dom->console.lend != LEND_ASKED)
		return;
	console_let_go(watch, dom);
	dom->console.lend = LEND_OUT;
	keep(watch, dom);
	log_info("console of %s (domain %" PRIu32 "): lent to the operator",
	    dom->name, dom->now.domid);
	answer_of(watch, dom, VPSH_OK);
	look_again(watch);
}

void
lend_tell(struct watch *watch, struct dom *dom)
{
	if (dom->console.lend == LEND_NOT)
		return;
	console_tell_lent(watch, dom);
	/* A server that is new has nothing to close. */
	lend_let_go(watch, dom);
}

/* The broker may be taken; what it has lent, nobody reads. */
static bool
is_asked(const struct watch *watch, const char *domain)
{
	const struct policy *policy = watch->policy;
	const struct policy_guest *guest;
	bool asked = false;
	size_t i;

	for (i = 0; policy != NULL && i < policy->ndomains; i++) {
		guest = policy->by_domain[i];
		if (strcmp(guest->domain, domain) == 0 &&
		    asked_take_of(watch->paths.asked, "lend", guest->owner,
		    guest->name, domain))
			asked = true;
	}
	return asked;
}

void
lend_begin(struct watch *watch, const struct wire_lend *what)
{
	struct dom *dom = domains_of(watch, what->domain);

	if (dom == NULL || dom->now.domid != what->domid ||
	    memcmp(dom->now.uuid, what->uuid, WIRE_UUID) != 0) {
		answer(watch, what, VPSH_ERR_NOT_RUNNING);
		return;
	}
	if (!is_asked(watch, dom->name)) {
		log_warn("the console of %s is not lent: no operator has asked "
		    "for that", dom->name);
		answer(watch, what, VPSH_ERR_DENIED);
		return;
	}
	dom->console.lend_until = what->until_ms < 0 ? 1 : what->until_ms;
	if (dom->console.lend == LEND_OUT) {
		keep(watch, dom);
		answer(watch, what, VPSH_OK);
		return;
	}
	if (dom->console.lend == LEND_ASKED)
		return;
	dom->console.lend = LEND_ASKED;
	dom->console.lend_taken = false;
	console_tell_lent(watch, dom);
	if (!watch->console.greeted || dom->console.pty == -1)
		lend_let_go(watch, dom);
	else
		look_again(watch);
}

void
lend_forget(struct watch *watch, struct dom *dom)
{
	if (dom->console.lend == LEND_ASKED)
		answer_of(watch, dom, VPSH_ERR_NOT_RUNNING);
	lend_end(watch, dom);
}

/* --- taking back --------------------------------------------------------- */

static bool
is_over(struct watch *watch, struct dom *dom)
{
	struct console *console = &dom->console;

	if (lock_console_is_held(watch->paths.console_locks,
	    dom->now.domid)) {
		note_taken(watch, dom);
		return false;
	}
	return console->lend_taken || (console->lend_until != 0 &&
	    clock_boot_ms() >= console->lend_until);
}

static void
look(struct watch *watch, struct dom *dom)
{
	if (dom->console.lend == LEND_NOT)
		return;
	if (dom->console.lend == LEND_ASKED &&
	    (!watch->console.greeted || dom->console.pty == -1))
		lend_let_go(watch, dom);
	if (dom->console.lend == LEND_OUT && is_over(watch, dom)) {
		log_info("console of %s (domain %" PRIu32 "): taken back",
		    dom->name, dom->now.domid);
		lend_end(watch, dom);
		dom->console.lost = false;
		console_check(watch, dom);
		/* Somebody may have been quicker. */
		watch_tick(watch);
	} else
		look_again(watch);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;
	struct dom *dom;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(dom, &watch->doms, entry)
		look(watch, dom);
}

/* Ours are not lent, and those of others may be of any kind. */
static void
note(struct watch *watch, const struct inotify_event *event)
{
	static const char prefix[] = "xenconsole.";
	const size_t len = sizeof(prefix) - 1;
	struct dom *dom;
	long long domid;

	if (event->len == 0 || strncmp(event->name, prefix, len) != 0 ||
	    text_number(event->name + len, 1, UINT32_MAX, &domid) == -1)
		return;
	TAILQ_FOREACH(dom, &watch->doms, entry)
		if (dom->now.domid == (uint32_t)domid &&
		    dom->console.lend == LEND_OUT) {
			if ((event->mask & IN_CREATE) != 0)
				note_taken(watch, dom);
			else
				look(watch, dom);
			return;
		}
}

static void
on_lock(evutil_socket_t fd, short what, void *arg)
{
	_Alignas(struct inotify_event) char events[4096];
	const struct inotify_event *event;
	struct watch *watch = arg;
	ssize_t n, at;

	(void)what;
	while ((n = read(fd, events, sizeof(events))) > 0)
		for (at = 0; at < n;
		    at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (const void *)(events + at);
			note(watch, event);
		}
}

void
lend_open(struct watch *watch)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd == -1)
		fatal("inotify: %s", strerror(errno));
	/* Without it a tool that is there for less than a second is missed. */
	if (inotify_add_watch(fd, watch->paths.console_locks, IN_CREATE |
	    IN_DELETE | IN_ONLYDIR) == -1)
		log_warn("%s cannot be watched: %s",
		    watch->paths.console_locks, strerror(errno));
	watch->lend_look = evtimer_new(watch->base, on_look, watch);
	watch->lend_locks = event_new(watch->base, fd, EV_READ | EV_PERSIST,
	    on_lock, watch);
	if (watch->lend_look == NULL || watch->lend_locks == NULL ||
	    event_add(watch->lend_locks, NULL) == -1)
		fatal("no memory");
	look_again(watch);
}
