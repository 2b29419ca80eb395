/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "base/text.h"
#include "tests/sim/guest.h"

/* What libxl may write there, and what Linux makes of it. */
static const struct request {
	const char	*word;
	enum sim_exit	 end;
} requests[] = {
	{ "poweroff", SIM_POWEROFF },
	{ "halt", SIM_POWEROFF },
	{ "reboot", SIM_REBOOT },
	{ "suspend", SIM_SUSPEND },
};

static void
node(const struct guest *guest, const char *name, char path[96])
{
	(void)text_format(path, 96, "/local/domain/%u/%s", guest->domid,
	    name);
}

/* What the node says, in a string to be freed; NULL for nothing. */
static char *
hear(struct guest *guest, const char *name)
{
	unsigned int len = 0;
	char path[96], *value;

	node(guest, name, path);
	value = xs_read(guest->store, XBT_NULL, path, &len);
	if (value != NULL && len == 0) {
		free(value);
		value = NULL;
	}
	return value;
}

static void
write_node(struct guest *guest, const char *name, const char *value,
    size_t len)
{
	char path[96];

	node(guest, name, path);
	(void)!xs_write(guest->store, XBT_NULL, path, value,
	    (unsigned int)len);
}

static void
watch_node(struct guest *guest, const char *name)
{
	char path[96];

	node(guest, name, path);
	if (!xs_watch(guest->store, path, name))
		guest_say(guest, "xenbus: no watch on %s", name);
}

void
store_connect(struct guest *guest)
{
	static const char *const features[] = {
		"control/feature-poweroff",
		"control/feature-reboot",
		"control/feature-suspend",
		"control/feature-sysrq",
	};
	size_t i;

	if (guest->words.no_pv || guest->store == NULL)
		return;
	for (i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		write_node(guest, features[i], "1", 1);
	watch_node(guest, "control/shutdown");
	watch_node(guest, "control/sysrq");
}

void
store_open_name(struct guest *guest)
{
	char *name;

	(void)text_copy(guest->name, sizeof(guest->name), "guest");
	guest->store = xs_open(0);
	if (guest->store == NULL)
		return;
	name = hear(guest, "name");
	if (name != NULL)
		(void)text_copy(guest->name, sizeof(guest->name), name);
	free(name);
}

int
store_fd(const struct guest *guest)
{
	return guest->store == NULL ? -1 : xs_fileno(guest->store);
}

static void
asked(struct guest *guest)
{
	char *word;
	size_t i;

	if ((word = hear(guest, "control/shutdown")) == NULL)
		return;
	/* Linux acknowledges before it acts. */
	write_node(guest, "control/shutdown", "", 0);
	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (strcmp(word, requests[i].word) == 0)
			break;
	if (i < sizeof(requests) / sizeof(requests[0]) &&
	    !guest->words.ignore_shutdown)
		guest_shutdown(guest, requests[i].end);
	else
		guest_say(guest, "Ignoring shutdown request: %s", word);
	free(word);
}

/* Documentation/admin-guide/sysrq.rst. */
static void
pressed(struct guest *guest)
{
	char *key;

	key = hear(guest, "control/sysrq");
	if (key == NULL || key[0] == '\0') {
		free(key);
		return;
	}
	write_node(guest, "control/sysrq", "", 1);
	switch (key[0]) {
	case 'b':
		guest_say(guest, "sysrq: Resetting");
		guest_exit(guest, SIM_REBOOT);
	case 'o':
		guest_say(guest, "sysrq: Power Off");
		guest_exit(guest, SIM_POWEROFF);
	case 'c':
		guest_say(guest, "sysrq: Trigger a crash");
		guest_panic(guest, "sysrq triggered crash");
	case 's':
		guest_say(guest, "sysrq: Emergency Sync");
		guest_say(guest, "Emergency Sync complete");
		break;
	case 'u':
		guest_say(guest, "sysrq: Emergency Remount R/O");
		guest_say(guest, "Emergency Remount complete");
		break;
	case 'm':
		guest_say(guest, "sysrq: Show Memory");
		guest_say(guest, "Mem-Info:");
		break;
	case 'e':
	case 'i':
		guest_say(guest, key[0] == 'e' ?
		    "sysrq: Terminate All Tasks" : "sysrq: Kill All Tasks");
		shell_login(guest->shell);
		break;
	default:
		guest_say(guest, "sysrq: HELP : loglevel(0-9) reboot(b) "
		    "crash(c) terminate-all-tasks(e) kill-all-tasks(i) "
		    "show-memory-usage(m) poweroff(o) sync(s) unmount(u)");
		break;
	}
	free(key);
}

void
store_heard(struct guest *guest)
{
	char **event;

	while ((event = xs_check_watch(guest->store)) != NULL) {
		if (strcmp(event[XS_WATCH_TOKEN], "control/sysrq") == 0)
			pressed(guest);
		else
			asked(guest);
		free(event);
	}
}
