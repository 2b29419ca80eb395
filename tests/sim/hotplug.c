/* SPDX-License-Identifier: ISC */
/*
 * W/etc/xen/scripts/block and vif-bridge: tell libxl that a device is there.
 * The device itself is simdom0's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

int
main(int argc, char *argv[])
{
	const char *device = getenv("XENBUS_PATH");
	struct xs_handle *store;
	char path[256];
	int r = 1;

	if (argc < 2 || device == NULL)
		return 2;
	/* Both kinds of script are told to undo it, too. */
	if (strcmp(argv[1], "add") != 0 && strcmp(argv[1], "online") != 0)
		return 0;
	store = xs_open(0);
	if (store == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/hotplug-status", device);
	if (xs_write(store, XBT_NULL, path, "connected", 9))
		r = 0;
	xs_close(store);
	return r;
}
