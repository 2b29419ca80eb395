/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "domain/forget.h"
#include "domain/lock.h"
#include "domain/store.h"
#include "domain/watch.h"

/* A domain younger than this was seen to be born. */
#define BORN_MS		3000

static struct dom *
by_name(struct watch *watch, const char *name, const struct dom *except)
{
	struct dom *dom;

	TAILQ_FOREACH(dom, &watch->doms, entry)
		if (dom != except && strcmp(dom->name, name) == 0)
			return dom;
	return NULL;
}

struct dom *
domains_of(struct watch *watch, const char *name)
{
	struct dom *dom;

	TAILQ_FOREACH(dom, &watch->doms, entry)
		if (dom->claimed && strcmp(dom->name, name) == 0)
			return dom;
	return NULL;
}

static void
tell(struct watch *watch, struct dom *dom)
{
	point("watcher-state");
	dom->sent = dom->now;
	dom->changed = false;
	link_send(&watch->broker, WIRE_DOMAIN_STATE, &dom->now, NULL, 0);
}

/* Its last state; a domain that never was seen to shut down was destroyed. */
static void
tell_gone(struct watch *watch, struct dom *dom)
{
	struct wire_domain gone = dom->now;

	gone.state = dom->boot.away || held_is_saved(watch, dom->name) ?
	    WIRE_STATE_SAVED : WIRE_STATE_OFF;
	if (gone.reason == WIRE_REASON_NONE)
		gone.reason = WIRE_REASON_DESTROYED;
	point("watcher-gone");
	link_send(&watch->broker, WIRE_DOMAIN_GONE, &gone, NULL, 0);
}

/* What there was no room for; without it the guest could not be started. */
struct unsaved {
	TAILQ_ENTRY(unsaved) entry;
	struct boot	 boot;
	char		 name[WIRE_DOMAIN];
};

static struct unsaved *
unsaved_find(struct watch *watch, const char *name)
{
	struct unsaved *u;

	TAILQ_FOREACH(u, &watch->unsaved, entry)
		if (strcmp(u->name, name) == 0)
			break;
	return u;
}

static void
unsaved_free(struct watch *watch, struct unsaved *u)
{
	if (u == NULL)
		return;
	TAILQ_REMOVE(&watch->unsaved, u, entry);
	free(u);
}

static void
save_later(struct watch *watch, const char *name, const struct boot *boot)
{
	struct unsaved *u = unsaved_find(watch, name);

	if (u == NULL) {
		log_error("%s/%s cannot be written: %s; it is tried again "
		    "until it can", watch->paths.boots, name,
		    strerror(errno));
		u = calloc(1, sizeof(*u));
		if (u == NULL)
			return;
		(void)text_copy(u->name, sizeof(u->name), name);
		TAILQ_INSERT_TAIL(&watch->unsaved, u, entry);
	}
	u->boot = *boot;
	watch_tick(watch);
}

void
domains_save_boot(struct watch *watch, const char *name,
    const struct boot *boot)
{
	(void)mkdir(watch->paths.boots, 0700);
	if (boot_save(watch->paths.boots, name, boot) == -1)
		save_later(watch, name, boot);
	else
		unsaved_free(watch, unsaved_find(watch, name));
}

void
domains_save_again(struct watch *watch)
{
	struct unsaved *u, *next;

	for (u = TAILQ_FIRST(&watch->unsaved); u != NULL; u = next) {
		next = TAILQ_NEXT(u, entry);
		if (boot_save(watch->paths.boots, u->name, &u->boot) == 0)
			unsaved_free(watch, u);
	}
	if (!TAILQ_EMPTY(&watch->unsaved))
		watch_tick(watch);
}

/*
 * When it started, as CLOCK_BOOTTIME.  Xen remembers the wall clock of its
 * building, in seconds; one that was born under our eyes is known better.
 */
static int64_t
since(struct watch *watch, uint32_t domid)
{
	int64_t now = clock_boot_ms(), age;
	uint32_t started;

	/* A half-made domain has none yet: no reason to log. */
	watch->xen.quiet = true;
	alarm(STORE_PATIENCE_S);
	started = libxl_vm_get_start_time(watch->xen.ctx, domid);
	alarm(0);
	watch->xen.quiet = false;
	if (started == UINT32_MAX || started == 0)
		return watch->first_scan ? -1 : now;
	age = clock_wall_ms() - (int64_t)started * 1000;
	return !watch->first_scan && age < BORN_MS ? now :
	    now - (age > 0 ? age : 0);
}

/* The number of this boot: the file's if it is the same domain, or one up. */
static void
number_boot(struct watch *watch, struct dom *dom)
{
	struct boot *boot = &dom->boot;

	dom->returns = false;
	if (boot_load(watch->paths.boots, dom->name, boot) == 0 &&
	    boot->domid == dom->now.domid &&
	    strcmp(boot->host, watch->host) == 0 &&
	    memcmp(boot->uuid, dom->now.uuid, WIRE_UUID) == 0) {
		dom->returns = boot->away;
		return;
	}
	/* One that was saved is not back before it runs. */
	dom->returns = boot->away || held_is_saved(watch, dom->name);
	boot->number++;
	boot->domid = dom->now.domid;
	memcpy(boot->uuid, dom->now.uuid, WIRE_UUID);
	(void)text_copy(boot->host, sizeof(boot->host), watch->host);
	boot->since_ms = since(watch, dom->now.domid);
	domains_save_boot(watch, dom->name, boot);
}

static void
release(struct watch *watch, struct dom *dom, const char *why)
{
	if (!dom->claimed)
		return;
	console_ended(watch, dom, why);
	lend_forget(watch, dom);
	tell_gone(watch, dom);
	sample_end(watch, dom);
	dom->claimed = false;
}

static void
claim(struct watch *watch, struct dom *dom, const struct policy_guest *guest)
{
	struct dom *other;

	other = by_name(watch, dom->name, dom);
	if (other != NULL && other->claimed) {
		if (other->now.state != WIRE_STATE_STOPPING) {
			log_error("domains %" PRIu32 " and %" PRIu32 " are "
			    "both called %s: the second is ignored",
			    other->now.domid, dom->now.domid, dom->name);
			return;
		}
		release(watch, other, "its name has gone to the next one");
	}
	dom->claimed = true;
	dom->now.ours = 0;
	dom->creating = false;
	dom->closed = guest->closed[0] != '\0';
	(void)text_copy(dom->customer, sizeof(dom->customer), guest->owner);
	(void)text_copy(dom->guest, sizeof(dom->guest), guest->name);
	(void)text_copy(dom->now.domain, sizeof(dom->now.domain), dom->name);
	number_boot(watch, dom);
	lend_resume(watch, dom);
	held_fill(watch, dom->name, &dom->now);
	dom->now.boot = dom->boot.number;
	dom->now.since_ms = dom->boot.since_ms;
	memset(&dom->sent, 0, sizeof(dom->sent));
	sample_begin(watch, dom);
}

/* Who has this domain, according to the policy of now? */
static void
reclaim(struct watch *watch, struct dom *dom)
{
	const struct policy_guest *guest;

	guest = dom->name[0] == '\0' ? NULL :
	    policy_by_domain(watch->policy, dom->name);
	if (dom->claimed && guest != NULL &&
	    strcmp(dom->customer, guest->owner) == 0 &&
	    strcmp(dom->guest, guest->name) == 0) {
		dom->closed = guest->closed[0] != '\0';
		return;
	}
	release(watch, dom, "the policy says so");
	if (guest != NULL)
		claim(watch, dom, guest);
}

/* Once ours, always ours: mark and intent go before the domain does. */
static void
read_ours(struct watch *watch, struct dom *dom)
{
	struct intent intent;
	char mark[RECORD_MARK], path[64];

	(void)text_format(path, sizeof(path),
	    "/local/domain/%" PRIu32 "/vpsh/job", dom->now.domid);
	if (!store_is_ours(watch->store, path) ||
	    store_read(watch->store, mark, sizeof(mark), "%s", path) == -1 ||
	    intent_load(watch->paths.intents, dom->name, &intent) == -1 ||
	    !intent_agrees(&intent, mark, dom->now.uuid, dom->now.domid))
		return;
	dom->now.ours = 1;
	dom->creating = intent.mode == INTENT_CREATING;
}

static enum wire_state
state_of(const struct dom *dom, const libxl_dominfo *info)
{
	if (info->dying)
		return WIRE_STATE_STOPPING;
	if (info->shutdown)
		switch (xen_reason(info)) {
		case WIRE_REASON_CRASH:
			return WIRE_STATE_CRASHED;
		case WIRE_REASON_SUSPEND:
			return WIRE_STATE_SAVED;
		case WIRE_REASON_NONE:
		case WIRE_REASON_POWEROFF:
		case WIRE_REASON_REBOOT:
		case WIRE_REASON_WATCHDOG:
		case WIRE_REASON_SOFT_RESET:
		case WIRE_REASON_DESTROYED:
			return WIRE_STATE_STOPPING;
		}
	if (info->paused)
		return dom->creating ? WIRE_STATE_STARTING :
		    WIRE_STATE_PAUSED;
	return WIRE_STATE_RUNNING;
}

/*
 * Suspended away, or back again?  It is back when it runs: until then the
 * image that it is restored from may be all there is of it.  Afterwards that
 * image is of the past.
 */
static bool
note_away(struct watch *watch, struct dom *dom, const libxl_dominfo *info)
{
	bool away = info->shutdown &&
	    xen_reason(info) == WIRE_REASON_SUSPEND, was = dom->boot.away;

	/* One that is taken down keeps what it was. */
	if (away) {
		if (!was)
			point("watcher-away");
		dom->boot.away = dom->returns = true;
	} else if (dom->returns && !info->dying &&
	    (info->shutdown || !info->paused)) {
		dom->boot.away = dom->returns = false;
		if (forget_image(&watch->paths, dom->name) == -1)
			log_error("%s/%s cannot be written: %s; %s counts as "
			    "saved once it is off", watch->paths.forgotten,
			    dom->name, strerror(errno), dom->name);
	}
	return dom->boot.away != was;
}

/* One that was half made when it was first seen did not say it yet. */
static bool
note_since(struct watch *watch, struct dom *dom)
{
	if (dom->boot.since_ms != -1 || dom->now.state != WIRE_STATE_RUNNING)
		return false;
	dom->boot.since_ms = since(watch, dom->now.domid);
	dom->now.since_ms = dom->boot.since_ms;
	return dom->boot.since_ms != -1;
}

static void
update(struct watch *watch, struct dom *dom, const libxl_dominfo *info)
{
	const struct wire_domain *sent = &dom->sent;
	struct wire_domain *now = &dom->now;
	enum wire_reason was = (enum wire_reason)now->reason;
	bool news;

	dom->dying = info->dying;
	if (!dom->claimed) {
		now->state = state_of(dom, info);
		return;
	}
	if (!now->ours || dom->creating)
		read_ours(watch, dom);
	now->state = state_of(dom, info);
	if (info->shutdown)
		now->reason = xen_reason(info);
	else if (!info->dying)
		now->reason = WIRE_REASON_NONE;
	news = note_away(watch, dom, info);
	news |= note_since(watch, dom);
	news |= host_note(watch, dom, info->paused);
	if (news)
		domains_save_boot(watch, dom->name, &dom->boot);
	now->vcpus = info->vcpu_online;
	now->memory_kib = info->current_memkb;
	dom->cpu_ns = info->cpu_time;
	dom->changed = now->state != sent->state ||
	    now->reason != sent->reason || now->ours != sent->ours ||
	    now->boot != sent->boot || now->vcpus != sent->vcpus;
	/* Its counters go with the domain: what it had last counts. */
	if (now->reason != WIRE_REASON_NONE && was == WIRE_REASON_NONE)
		dom->sample = true;
}

static void
read_name(struct watch *watch, struct dom *dom)
{
	char name[WIRE_DOMAIN];

	if (store_read(watch->store, name, sizeof(name),
	    "/local/domain/%" PRIu32 "/name", dom->now.domid) == -1 ||
	    !text_is_domain(name))
		name[0] = '\0';
	/*
	 * A name that went is that of a domain being destroyed: until it is
	 * gone it is still the guest's.
	 */
	if (name[0] == '\0' || strcmp(name, dom->name) == 0)
		return;
	if (host_gone(watch, dom))
		domains_save_boot(watch, dom->name, &dom->boot);
	release(watch, dom, "it was renamed");
	(void)text_copy(dom->name, sizeof(dom->name), name);
	reclaim(watch, dom);
}

/*
 * Domains without a name that are running guests all the same: an xenstored
 * that died took all names with it.  Were they not known, their guests would
 * count as off and be booted beside them.
 */
static bool
name_by_records(struct watch *watch)
{
	const struct policy *policy = watch->policy;
	const char *name;
	struct boot boot;
	struct dom *dom;
	bool found = false;
	size_t i;

	TAILQ_FOREACH(dom, &watch->doms, entry)
		if (dom->name[0] == '\0')
			break;
	for (i = 0; dom != NULL && i < policy->ndomains; i++) {
		name = policy->by_domain[i]->domain;
		if (by_name(watch, name, NULL) != NULL ||
		    boot_load(watch->paths.boots, name, &boot) == -1 ||
		    strcmp(boot.host, watch->host) != 0)
			continue;
		TAILQ_FOREACH(dom, &watch->doms, entry)
			if (dom->name[0] == '\0' &&
			    dom->now.domid == boot.domid &&
			    memcmp(dom->now.uuid, boot.uuid, WIRE_UUID) == 0)
				break;
		if (dom != NULL) {
			log_warn("domain %" PRIu32 " has no name in xenstore "
			    "and is %s", dom->now.domid, name);
			(void)text_copy(dom->name, sizeof(dom->name), name);
			reclaim(watch, dom);
			found = true;
		}
		dom = TAILQ_FIRST(&watch->doms);
	}
	return found;
}

static struct dom *
find(struct watch *watch, const libxl_dominfo *info)
{
	struct dom *dom;

	TAILQ_FOREACH(dom, &watch->doms, entry)
		if (dom->now.domid == info->domid &&
		    memcmp(dom->now.uuid, info->uuid.uuid, WIRE_UUID) == 0)
			return dom;
	return NULL;
}

static struct dom *
add(struct watch *watch, const libxl_dominfo *info)
{
	char path[64], token[32];
	struct dom *dom;

	dom = calloc(1, sizeof(*dom));
	if (dom == NULL)
		return NULL;
	dom->now.domid = info->domid;
	memcpy(dom->now.uuid, info->uuid.uuid, WIRE_UUID);
	dom->generation = watch->generation;
	console_init(&dom->console);
	counters_init(&dom->counters, info->domid);
	dom->now.counters.at_ms = -1;
	TAILQ_INSERT_TAIL(&watch->doms, dom, entry);
	(void)text_format(path, sizeof(path), "/local/domain/%d/name",
	    (int)info->domid);
	(void)text_format(token, sizeof(token), "n%d", (int)info->domid);
	if (!store_watch(watch->store, path, token))
		log_error("no watch on %s: %s", path, strerror(errno));
	console_watch(watch, dom);
	read_name(watch, dom);
	return dom;
}

static void
drop(struct watch *watch, struct dom *dom)
{
	char path[64], token[32], name[WIRE_DOMAIN];
	bool known = host_gone(watch, dom);
	struct dom *other;

	/* Who waits to hear of it need not wait for a disk. */
	release(watch, dom, "its domain is gone");
	if (known)
		domains_save_boot(watch, dom->name, &dom->boot);
	lock_console_sweep(watch->paths.console_locks, dom->now.domid);
	TAILQ_REMOVE(&watch->doms, dom, entry);
	(void)text_format(path, sizeof(path), "/local/domain/%" PRIu32
	    "/name", dom->now.domid);
	(void)text_format(token, sizeof(token), "n%" PRIu32, dom->now.domid);
	store_unwatch(watch->store, path, token);
	console_unwatch(watch, dom);
	(void)text_copy(name, sizeof(name), dom->name);
	counters_free(&dom->counters);
	free(dom);
	/* One that was ignored because of it. */
	other = name[0] == '\0' ? NULL : by_name(watch, name, NULL);
	if (other != NULL)
		reclaim(watch, other);
}

/* The old ones first: a new one may have the same name or domid. */
static void
drop_unseen(struct watch *watch, const libxl_dominfo *all, int n)
{
	struct dom *dom, *next;
	int i;

	TAILQ_FOREACH(dom, &watch->doms, entry)
		dom->seen = false;
	for (i = 0; i < n; i++)
		if ((dom = find(watch, &all[i])) != NULL)
			dom->seen = true;
	for (dom = TAILQ_FIRST(&watch->doms); dom != NULL; dom = next) {
		next = TAILQ_NEXT(dom, entry);
		if (!dom->seen)
			drop(watch, dom);
	}
}

/* Returns whether there is any that no event will speak of. */
static bool
update_all(struct watch *watch, const libxl_dominfo *all, int n)
{
	struct dom *dom;
	bool unrest = false;
	int i;

	for (i = 0; i < n; i++) {
		if (all[i].domid == 0)
			continue;
		dom = find(watch, &all[i]);
		if (dom == NULL && (dom = add(watch, &all[i])) == NULL) {
			log_error("no memory for domain %d",
			    (int)all[i].domid);
			continue;
		}
		update(watch, dom, &all[i]);
		if (all[i].dying)
			watch_dying(watch, dom->dying_scans++);
		unrest = unrest || all[i].dying || dom->creating ||
		    (dom->claimed && dom->returns);
	}
	return unrest;
}

int
domains_scan(struct watch *watch, bool counters)
{
	const int64_t at_ms = clock_boot_ms();
	libxl_dominfo *all;
	struct dom *dom;
	bool unrest;
	int n;

	alarm(STORE_PATIENCE_S);
	all = libxl_list_domain(watch->xen.ctx, &n);
	alarm(0);
	if (all == NULL) {
		log_error("Xen does not list its domains: %s",
		    watch->xen.said);
		xen_forget(&watch->xen);
		return -1;
	}
	drop_unseen(watch, all, n);
	unrest = update_all(watch, all, n);
	if (watch->first_scan && name_by_records(watch))
		unrest = update_all(watch, all, n);
	if (unrest)
		watch_tick(watch);
	libxl_dominfo_list_free(all, n);
	watch->first_scan = false;
	TAILQ_FOREACH(dom, &watch->doms, entry)
		dom->sample = dom->claimed && (dom->sample || counters);
	sample_read(watch, at_ms);
	TAILQ_FOREACH(dom, &watch->doms, entry)
		if (dom->claimed && (dom->changed || counters))
			tell(watch, dom);
	return 0;
}

void
domains_renamed(struct watch *watch, uint32_t domid)
{
	struct dom *dom;

	TAILQ_FOREACH(dom, &watch->doms, entry)
		if (dom->now.domid == domid)
			break;
	if (dom != NULL)
		read_name(watch, dom);
}

/* A guest without a domain: what is remembered of it. */
static void
tell_absent(struct watch *watch, const char *name)
{
	struct wire_domain gone = { .reason = WIRE_REASON_DESTROYED,
		.state = WIRE_STATE_OFF, .since_ms = -1 };
	struct boot boot;

	(void)boot_load(watch->paths.boots, name, &boot);
	if (boot.away || held_is_saved(watch, name)) {
		gone.state = WIRE_STATE_SAVED;
		gone.reason = WIRE_REASON_SUSPEND;
	}
	(void)text_copy(gone.domain, sizeof(gone.domain), name);
	memcpy(gone.uuid, boot.uuid, WIRE_UUID);
	gone.domid = boot.domid;
	gone.boot = boot.number;
	gone.autostart = host_autostart(watch, name, &boot);
	held_fill(watch, name, &gone);
	sample_absent(watch, &gone);
	point("watcher-gone");
	link_send(&watch->broker, WIRE_DOMAIN_GONE, &gone, NULL, 0);
}

void
domains_tell_one(struct watch *watch, const char *name)
{
	struct dom *dom;

	if (policy_by_domain(watch->policy, name) == NULL)
		return;
	if ((dom = domains_of(watch, name)) == NULL) {
		tell_absent(watch, name);
		return;
	}
	held_fill(watch, name, &dom->now);
	if (memcmp(dom->now.held, dom->sent.held,
	    sizeof(dom->now.held)) != 0 ||
	    dom->now.held_until_ms != dom->sent.held_until_ms)
		tell(watch, dom);
}

void
domains_tell_all(struct watch *watch)
{
	const struct policy *policy = watch->policy;
	const struct policy_guest *guest;
	struct dom *dom;
	size_t i;

	for (i = 0; i < policy->ndomains; i++) {
		guest = policy->by_domain[i];
		if (policy_by_domain(policy, guest->domain) == guest &&
		    domains_of(watch, guest->domain) == NULL)
			tell_absent(watch, guest->domain);
	}
	TAILQ_FOREACH(dom, &watch->doms, entry) {
		if (!dom->claimed)
			continue;
		held_fill(watch, dom->name, &dom->now);
		tell(watch, dom);
	}
}

void
domains_claim_all(struct watch *watch)
{
	struct dom *dom;

	TAILQ_FOREACH(dom, &watch->doms, entry)
		reclaim(watch, dom);
	(void)domains_scan(watch, false);
	/* One that was nobody's for a while may have ended meanwhile. */
	host_look_back(watch);
	domains_tell_all(watch);
}
