/* SPDX-License-Identifier: ISC */
/*
 * The ttys of consoles.  Which node to believe, and when, is decided here
 * and in settle.c; what the opened file is, in prove.c.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/lock.h"
#include "domain/prove.h"
#include "domain/ring.h"
#include "domain/store.h"
#include "domain/watch.h"

static const char *const nodes[] = { "console/tty", "serial/0/tty" };
#define NODE_PV		nodes[0]
#define NODE_SERIAL	nodes[1]

void
console_init(struct console *console)
{
	memset(console, 0, sizeof(*console));
	console->pty = console->lock = console->ring = -1;
}

static void
node_path(const struct dom *dom, const char *node, char dst[96])
{
	(void)text_format(dst, 96, "/local/domain/%" PRIu32 "/%s",
	    dom->now.domid, node);
}

void
console_watch(struct watch *watch, struct dom *dom)
{
	char path[96], token[32];
	size_t i;

	(void)text_format(token, sizeof(token), "t%" PRIu32, dom->now.domid);
	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		node_path(dom, nodes[i], path);
		if (!store_watch(watch->store, path, token))
			log_error("no watch on %s: %s", path,
			    strerror(errno));
	}
}

void
console_unwatch(struct watch *watch, struct dom *dom)
{
	char path[96], token[32];
	size_t i;

	(void)text_format(token, sizeof(token), "t%" PRIu32, dom->now.domid);
	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		node_path(dom, nodes[i], path);
		store_unwatch(watch->store, path, token);
	}
}

/* The node as it is now; "" when it is absent or a guest could write it. */
static void
read_node(struct watch *watch, const struct dom *dom, const char *node,
    char value[64])
{
	char path[96];

	node_path(dom, node, path);
	if (store_read(watch->store, value, 64, "%s", path) == -1 ||
	    (value[0] != '\0' && !store_is_ours(watch->store, path)))
		value[0] = '\0';
}

/* Has libxl set up the console that xenconsoled serves? */
static bool
has_port(struct watch *watch, const struct dom *dom)
{
	char value[32];

	return store_read(watch->store, value, sizeof(value),
	    "/local/domain/%" PRIu32 "/console/port", dom->now.domid) == 0;
}

static void
fill(const struct dom *dom, struct wire_pty *pty)
{
	memset(pty, 0, sizeof(*pty));
	(void)text_copy(pty->customer, sizeof(pty->customer), dom->customer);
	(void)text_copy(pty->guest, sizeof(pty->guest), dom->guest);
	memcpy(pty->uuid, dom->now.uuid, WIRE_UUID);
	pty->boot = dom->boot.number;
	pty->domid = dom->now.domid;
}

static void
tell(struct watch *watch, const struct dom *dom)
{
	const int fds[3] = { dom->console.pty, dom->console.lock,
		dom->console.ring };
	struct wire_pty pty;

	fill(dom, &pty);
	link_send(&watch->console, WIRE_PTY, &pty, fds, 3);
}

void
console_let_go(struct watch *watch, struct dom *dom)
{
	fd_close(&dom->console.pty);
	fd_close(&dom->console.ring);
	lock_console_release(watch->paths.console_locks, dom->now.domid,
	    &dom->console.lock);
	dom->console.path[0] = '\0';
}

void
console_tell_lent(struct watch *watch, const struct dom *dom)
{
	struct wire_pty pty;

	fill(dom, &pty);
	pty.flags = WIRE_PTY_LENT;
	link_send(&watch->console, WIRE_PTY_DROP, &pty, NULL, 0);
}

static void
drop(struct watch *watch, struct dom *dom, uint32_t flags, const char *why)
{
	struct wire_pty pty;

	log_info("console of %s (domain %" PRIu32 "): let go, %s", dom->name,
	    dom->now.domid, why);
	fill(dom, &pty);
	pty.flags = flags;
	link_send(&watch->console, WIRE_PTY_DROP, &pty, NULL, 0);
	console_let_go(watch, dom);
}

void
console_ended(struct watch *watch, struct dom *dom, const char *why)
{
	struct wire_pty pty;

	if (dom->console.pty != -1) {
		drop(watch, dom, 0, why);
	} else {
		fill(dom, &pty);
		pty.flags = WIRE_PTY_UNREAD;
		/* One that never had a tty has said nothing. */
		if (!dom->console.named)
			pty.boot = 0;
		link_send(&watch->console, WIRE_PTY_DROP, &pty, NULL, 0);
	}
}

void
console_drop(struct watch *watch, struct dom *dom, const char *why)
{
	if (dom->console.pty != -1)
		drop(watch, dom, 0, why);
}

void
console_died(struct watch *watch, struct dom *dom)
{
	/* That it hung up may have been noticed first. */
	if (dom->claimed && !dom->console.is_serial)
		drop(watch, dom, WIRE_PTY_DIED, "xenconsoled is gone");
}

/* Not opened, for this reason; said once. */
static void
refuse(struct watch *watch, struct dom *dom, const char *path,
    const char *why)
{
	char text[sizeof(dom->console.why)];

	(void)text_format(text, sizeof(text), "%s %s", path, why);
	if (strcmp(text, dom->console.why) != 0)
		log_warn("console of %s (domain %" PRIu32 ") not opened: %s",
		    dom->name, dom->now.domid, text);
	(void)text_copy(dom->console.why, sizeof(dom->console.why), text);
	watch_tick(watch);
}

/* Two domains that name one tty: one of the two is wrong, or both. */
static bool
is_unique(struct watch *watch, const struct dom *dom, const char *path)
{
	const struct dom *other;

	TAILQ_FOREACH(other, &watch->doms, entry)
		if (other != dom && (strcmp(other->console.pv, path) == 0 ||
		    strcmp(other->console.serial, path) == 0))
			return false;
	return true;
}

/* The guest's QEMU: the only process that runs for this very domid. */
static int
take_qemu(struct watch *watch, const struct dom *dom, struct holder *qemu)
{
	char path[96], value[32], domid[16];
	long long pid;

	node_path(dom, "image/device-model-pid", path);
	(void)text_format(domid, sizeof(domid), "%" PRIu32, dom->now.domid);
	if (!store_is_ours(watch->store, path) ||
	    store_read(watch->store, value, sizeof(value), "%s", path) == -1 ||
	    text_number(value, 2, INT32_MAX, &pid) == -1)
		return -1;
	/* The first is what Debian calls it. */
	if (holder_take(qemu, (pid_t)pid, "xen-qemu-") == -1 &&
	    holder_take(qemu, (pid_t)pid, "qemu-") == -1)
		return -1;
	if (!holder_has_arguments(qemu, "-xen-domid", domid)) {
		holder_release(qemu);
		return -1;
	}
	return 0;
}

static void
make_raw(int pty)
{
	struct termios tio;

	/* Its producer did that already; echo would answer the guest. */
	if (tcgetattr(pty, &tio) == 0) {
		cfmakeraw(&tio);
		(void)tcsetattr(pty, TCSANOW, &tio);
	}
}

/*
 * Everything that can change between reading the node and having the file
 * open, once more: the node, the holder, and the domain, whose end frees
 * the number for the next tty in dom0.
 */
static const char *
still_true(struct watch *watch, struct dom *dom, const char *node,
    const char *path, const struct holder *holder)
{
	struct xen_domain now;
	char value[64];
	int r;

	alarm(STORE_PATIENCE_S);
	r = xen_info(&watch->xen, dom->now.domid, &now);
	alarm(0);
	if (r != 0 || now.dying ||
	    memcmp(now.uuid, dom->now.uuid, WIRE_UUID) != 0)
		return "and its domain is gone";
	read_node(watch, dom, node, value);
	if (strcmp(value, path) != 0)
		return "changed meanwhile";
	if (!holder_alive(holder))
		return "has lost its server meanwhile";
	return NULL;
}

static const char *
prove(struct watch *watch, struct dom *dom, const char *node,
    const char *path, const struct holder *holder, int *pty)
{
	enum proof proof;
	const char *why;

	if (!is_unique(watch, dom, path))
		return "is named by another domain, too";
	proof = prove_open(path, geteuid(), holder, pty);
	if (proof != PROOF_OK)
		return prove_text(proof);
	why = still_true(watch, dom, node, path, holder);
	if (why != NULL)
		fd_close(pty);
	return why;
}

static void
open_console(struct watch *watch, struct dom *dom, bool is_serial,
    const struct holder *holder)
{
	struct console *console = &dom->console;
	char path[sizeof(console->path)];
	const char *why;

	(void)text_copy(path, sizeof(path), is_serial ? console->serial :
	    console->pv);
	/* Before the tty, so that nobody else reads it beside us. */
	if (lock_console(watch->paths.console_locks, dom->now.domid,
	    &console->lock) == -1) {
		refuse(watch, dom, path, errno == EWOULDBLOCK ?
		    "is in use by xl console" : "cannot be locked");
		return;
	}
	why = prove(watch, dom, is_serial ? NODE_SERIAL : NODE_PV, path,
	    holder, &console->pty);
	if (why == NULL && (console->ring = ring_open(watch->paths.ring,
	    dom->customer, dom->guest)) == -1)
		why = "has no ring: is there no memory?";
	if (why != NULL) {
		refuse(watch, dom, path, why);
		console_let_go(watch, dom);
		return;
	}
	make_raw(console->pty);
	(void)text_copy(console->path, sizeof(console->path), path);
	console->is_serial = is_serial;
	console->why[0] = '\0';
	log_info("console of %s (domain %" PRIu32 ") is %s", dom->name,
	    dom->now.domid, path);
	tell(watch, dom);
}

static void
open_serial(struct watch *watch, struct dom *dom)
{
	struct holder qemu = HOLDER_NONE;

	if (take_qemu(watch, dom, &qemu) == -1)
		refuse(watch, dom, dom->console.serial,
		    "has no QEMU that serves it");
	else
		open_console(watch, dom, true, &qemu);
	holder_release(&qemu);
}

/*
 * Does a domain whose node is not rewritten yet name the same?  It is wrong;
 * but two that agree are looked at twice.
 */
static bool
is_disputed(struct watch *watch, const struct dom *dom)
{
	const struct dom *other;

	TAILQ_FOREACH(other, &watch->doms, entry)
		if (other != dom && other->generation != watch->generation &&
		    strcmp(other->console.pv, dom->console.pv) == 0)
			return true;
	return false;
}

static void
open_pv(struct watch *watch, struct dom *dom)
{
	/* A bootloader's tty of its own comes before the port, and goes. */
	if (is_disputed(watch, dom) || !has_port(watch, dom))
		watch_tick(watch);
	else
		open_console(watch, dom, false, &watch->daemon);
}

void
console_check(struct watch *watch, struct dom *dom)
{
	struct console *console = &dom->console;
	bool is_serial = console->serial[0] != '\0';
	const char *path = is_serial ? console->serial : console->pv;

	if (!dom->claimed || dom->closed) {
		console_drop(watch, dom, "nobody may use it");
		return;
	}
	/* A node that is gone says that the domain ends: read on until then. */
	if (console->pty != -1 && path[0] != '\0' &&
	    strcmp(console->path, path) != 0)
		console_drop(watch, dom, "its tty is another one now");
	if (console->pty != -1 || path[0] == '\0' || console->lost ||
	    dom->dying || console->lend != LEND_NOT)
		return;
	if (is_serial)
		open_serial(watch, dom);
	else if (watch->generation != 0 &&
	    dom->generation == watch->generation)
		open_pv(watch, dom);
}

void
console_check_all(struct watch *watch)
{
	struct dom *dom;

	TAILQ_FOREACH(dom, &watch->doms, entry) {
		dom->console.lost = false;
		console_check(watch, dom);
	}
}

void
console_written(struct watch *watch, struct dom *dom)
{
	read_node(watch, dom, NODE_PV, dom->console.pv);
	dom->console.named |= dom->console.pv[0] != '\0';
	read_node(watch, dom, NODE_SERIAL, dom->console.serial);
	dom->console.lost = false;
	console_check(watch, dom);
}

/*
 * A tty's node that is written once more while this xenconsoled lives was
 * written by it, since there is no other (see find_daemon() in settle.c):
 * that domain need not wait until all of them are known.
 */
void
console_event(struct watch *watch, struct dom *dom, const char *path)
{
	struct console *console = &dom->console;
	bool known = console->heard && console->pv[0] != '\0';
	size_t len = strlen(path), tail = strlen(NODE_PV);

	if (len > tail && strcmp(path + len - tail, NODE_PV) == 0) {
		/* A watch speaks once when it is made. */
		console->heard = true;
		if (known && watch->generation != 0)
			dom->generation = watch->generation;
	}
	console_written(watch, dom);
}

void
console_lost(struct watch *watch, const struct wire_pty *pty)
{
	struct dom *dom;

	TAILQ_FOREACH(dom, &watch->doms, entry)
		if (dom->now.domid == pty->domid && dom->console.pty != -1 &&
		    memcmp(dom->now.uuid, pty->uuid, WIRE_UUID) == 0)
			break;
	if (dom == NULL)
		return;
	if (dom->console.lend != LEND_NOT) {
		lend_let_go(watch, dom);
		return;
	}
	log_info("console of %s (domain %" PRIu32 ") hung up", dom->name,
	    dom->now.domid);
	console_let_go(watch, dom);
	/* Xen may be about to say that the domain ends. */
	dom->console.lost = true;
	watch_tick(watch);
}

static bool
is_there(struct watch *watch, const char *name)
{
	struct dom *dom;

	TAILQ_FOREACH(dom, &watch->doms, entry)
		if (strcmp(dom->name, name) == 0)
			return true;
	return false;
}

/* What guests said that may be off now. */
static void
tell_rings(struct watch *watch)
{
	const struct policy *policy = watch->policy;
	const struct policy_guest *guest;
	struct wire_pty names;
	size_t i;
	int ring;

	for (i = 0; policy != NULL && i < policy->ndomains; i++) {
		guest = policy->by_domain[i];
		if (policy_by_domain(policy, guest->domain) != guest)
			continue;
		ring = ring_open_old(watch->paths.ring, guest->owner,
		    guest->name);
		if (ring == -1)
			continue;
		memset(&names, 0, sizeof(names));
		(void)text_copy(names.customer, sizeof(names.customer),
		    guest->owner);
		(void)text_copy(names.guest, sizeof(names.guest), guest->name);
		if (!is_there(watch, guest->domain))
			names.flags = WIRE_PTY_OFF;
		link_send(&watch->console, WIRE_RING, &names, &ring, 1);
		fd_close(&ring);
	}
}

static bool
is_customer(void *arg, const char *name)
{
	const struct watch *watch = arg;

	return policy_customer(watch->policy, name) != NULL;
}

static void
ring_gone(void *arg, const char *customer, const char *guest)
{
	struct wire_pty pty = { .flags = WIRE_PTY_FORGET };
	struct watch *watch = arg;

	log_info("the log of %s/%s is forgotten: there is no such customer "
	    "any more", customer, guest);
	(void)text_copy(pty.customer, sizeof(pty.customer), customer);
	(void)text_copy(pty.guest, sizeof(pty.guest), guest);
	link_send(&watch->console, WIRE_PTY_DROP, &pty, NULL, 0);
}

void
console_forget(struct watch *watch)
{
	/* No customers at all: their folder is away for a moment. */
	if (watch->policy->ncustomers > 0)
		ring_forget(watch->paths.ring, is_customer, ring_gone, watch);
}

/* A console server that is new gets what is still good. */
void
console_tell_all(struct watch *watch)
{
	struct pollfd p = { .events = POLLIN };
	struct dom *dom;

	tell_rings(watch);
	TAILQ_FOREACH(dom, &watch->doms, entry) {
		lend_tell(watch, dom);
		if (dom->console.pty == -1)
			continue;
		p.fd = dom->console.pty;
		if (poll(&p, 1, 0) == 1 &&
		    (p.revents & (POLLHUP | POLLERR)) != 0) {
			console_let_go(watch, dom);
			dom->console.lost = true;
			watch_tick(watch);
		} else
			tell(watch, dom);
	}
}

void
console_sweep(struct watch *watch)
{
	static const char prefix[] = "xenconsole.";
	const size_t len = sizeof(prefix) - 1;
	struct dirent *entry;
	long long domid;
	struct dom *dom;
	DIR *d;

	if ((d = opendir(watch->paths.console_locks)) == NULL)
		return;
	while ((entry = readdir(d)) != NULL) {
		if (strncmp(entry->d_name, prefix, len) != 0 ||
		    text_number(entry->d_name + len, 1, UINT32_MAX,
		    &domid) == -1)
			continue;
		TAILQ_FOREACH(dom, &watch->doms, entry)
			if (dom->now.domid == (uint32_t)domid)
				break;
		if (dom == NULL)
			lock_console_sweep(watch->paths.console_locks,
			    (uint32_t)domid);
	}
	closedir(d);
}
