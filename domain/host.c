/* SPDX-License-Identifier: ISC */
/*
 * After a boot of the host the guests that were on before are to be started,
 * and no others.  VAR/host has the boot that was served last; boots/DOMAIN
 * says whether somebody, or the guest itself, switched it off.
 *
 * At the end of a host's boot we are stopped before the guests are (the unit
 * is ordered behind xendomains), so what ends while nobody looks at all went
 * down with the host, or with Xen.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "domain/watch.h"

/*
 * Of a domain that went without its guest having gone off: a start that
 * failed, or a restart that has still to come.
 */
#define HOST_NONE	"-"

static void
save(struct watch *watch)
{
	char line[RECORD_HOST + 1];

	point("watcher-host");
	(void)mkdir(watch->paths.var, 0755);
	if (text_format(line, sizeof(line), "%s\n", watch->host) == -1 ||
	    file_replace(watch->paths.var, "host", line, strlen(line),
	    0600) == -1)
		log_error("%s/host cannot be written: %s; guests may be "
		    "started once more than they should", watch->paths.var,
		    strerror(errno));
}

void
host_open(struct watch *watch)
{
	char path[PATHS_LEN + 8];
	enum file_fault fault;
	char *last = NULL;
	size_t len;

	record_host(watch->host);
	(void)text_format(path, sizeof(path), "%s/host", watch->paths.var);
	fault = file_read_trusted(AT_FDCWD, path, &last, &len);
	if (watch->host[0] == '\0')
		log_error("the kernel does not say which boot of the host "
		    "this is: no guest is started for it");
	else if (fault == FILE_OK) {
		last[strcspn(last, "\n")] = '\0';
		watch->due = strcmp(last, watch->host) != 0;
	} else {
		/* A new installation: whatever is off was off before us. */
		if (fault != FILE_MISSING)
			log_error("%s %s: no guest is started for this boot "
			    "of the host", path, file_fault_text(fault));
		save(watch);
	}
	free(last);
	if (watch->due)
		log_info("the host was booted since vpsh last ran: guests "
		    "that were on are due");
}

void
host_started(struct watch *watch)
{
	if (!watch->due)
		return;
	save(watch);
	watch->due = false;
	log_info("what was due after the boot of the host is on record");
}

/* Is somebody between destroying it and creating it anew? */
static bool
is_restarting(struct watch *watch, const char *name, bool creating)
{
	struct intent intent;

	return intent_load(watch->paths.intents, name, &intent) == 0 &&
	    (intent.mode == INTENT_RESTARTING ||
	    (creating && intent.mode == INTENT_CREATING));
}

void
host_look_back(struct watch *watch)
{
	const struct policy *policy = watch->policy;
	const struct policy_guest *guest;
	struct boot boot;
	size_t i;

	for (i = 0; i < policy->ndomains; i++) {
		guest = policy->by_domain[i];
		if (policy_by_domain(policy, guest->domain) != guest ||
		    domains_of(watch, guest->domain) != NULL ||
		    boot_load(watch->paths.boots, guest->domain,
		    &boot) == -1 || !boot.on ||
		    strcmp(boot.host, watch->host) != 0)
			continue;
		/* As host_gone(): how that domain ended is known. */
		if (is_restarting(watch, guest->domain, true))
			(void)text_copy(boot.host, sizeof(boot.host),
			    HOST_NONE);
		else
			boot.on = false;
		domains_save_boot(watch, guest->domain, &boot);
	}
}

/* We are being stopped, the host with us, for all we know. */
static bool
is_end(struct watch *watch)
{
	struct pollfd p = { .fd = watch->super, .events = POLLRDHUP };

	return poll(&p, 1, 0) == 1 &&
	    (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

bool
host_note(struct watch *watch, struct dom *dom, bool paused)
{
	bool was = dom->boot.on;

	if (dom->now.reason == WIRE_REASON_POWEROFF)
		dom->boot.on = was && is_end(watch);
	/* A half-made one is as it was: its start may fail yet. */
	else if (dom->now.reason == WIRE_REASON_NONE && !dom->dying &&
	    !(dom->creating && paused))
		dom->boot.on = true;
	return dom->boot.on != was;
}

bool
host_gone(struct watch *watch, struct dom *dom)
{
	bool again = false;

	if (!dom->claimed)
		return false;
	if (dom->creating ||
	    (again = is_restarting(watch, dom->name, false)))
		(void)text_copy(dom->boot.host, sizeof(dom->boot.host),
		    HOST_NONE);
	if (!dom->creating)
		dom->boot.on = again || (dom->boot.on && is_end(watch));
	return true;
}

enum wire_autostart
host_autostart(struct watch *watch, const char *name,
    const struct boot *boot)
{
	/* One that was on in this boot already went off for a reason. */
	if (!watch->due || strcmp(boot->host, watch->host) == 0)
		return WIRE_AUTOSTART_NONE;
	return boot->on || is_restarting(watch, name, false) ?
	    WIRE_AUTOSTART_ON : WIRE_AUTOSTART_OFF;
}
