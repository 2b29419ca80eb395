/* SPDX-License-Identifier: ISC */
/*
 * simdom0 -p W: what the kernel of domain 0 does in xenstore and in /sys about
 * the disks and network interfaces of guests.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenstore.h>

#include "base/log.h"
#include "base/text.h"

#define BACKEND		"/local/domain/0/backend"

/* xen/include/public/io/xenbus.h */
#define INITIALISING	'1'
#define INIT_WAIT	"2"
#define CLOSING		'5'
#define CLOSED		"6"

static struct xs_handle *store;
static const char *world;

static void
write_node(const char *path, const char *value)
{
	if (!xs_write(store, XBT_NULL, path, value,
	    (unsigned)strlen(value)))
		log_warn("%s: %s", path, strerror(errno));
}

/* The folder of a device's statistics and the files in it. */
static void
devices_folder(const char *type, unsigned domid, unsigned device,
    char dst[512], const char *const **files)
{
	static const char *const disk[] = { "rd_req", "wr_req", "f_req",
		"ds_req", "oo_req", "rd_sect", "wr_sect", NULL };
	static const char *const nic[] = { "rx_bytes", "tx_bytes",
		"rx_packets", "tx_packets", "rx_errors", "tx_errors",
		"rx_dropped", "tx_dropped", NULL };

	if (strcmp(type, "vbd") == 0) {
		*files = disk;
		(void)text_format(dst, 512, "%s/sys/bus/xen-backend/devices/"
		    "vbd-%u-%u", world, domid, device);
	} else {
		*files = nic;
		(void)text_format(dst, 512, "%s/sys/class/net/vif%u.%u",
		    world, domid, device);
	}
}

static void
make_folders(char *path)
{
	char *at;

	for (at = path + strlen(world) + 1; (at = strchr(at, '/')) != NULL;
	    at++) {
		*at = '\0';
		(void)mkdir(path, 0755);
		*at = '/';
	}
	(void)mkdir(path, 0755);
}

/* Linux also says which interface belongs to a device. */
static void
name_nic(unsigned domid, unsigned device)
{
	char path[512];

	(void)text_format(path, sizeof(path), "%s/sys/bus/xen-backend/"
	    "devices/vif-%u-%u/net/vif%u.%u", world, domid, device, domid,
	    device);
	make_folders(path);
}

static void
devices_add(const char *type, unsigned domid, unsigned device)
{
	const char *const *file;
	char folder[512], path[640];
	int fd;

	devices_folder(type, domid, device, folder, &file);
	(void)text_format(path, sizeof(path), "%s/statistics", folder);
	make_folders(path);
	for (; *file != NULL; file++) {
		(void)text_format(path, sizeof(path), "%s/statistics/%s",
		    folder, *file);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd == -1 || write(fd, "0\n", 2) != 2)
			log_warn("%s: %s", path, strerror(errno));
		if (fd != -1)
			close(fd);
	}
	if (strcmp(type, "vif") == 0)
		name_nic(domid, device);
}

static void
devices_remove(const char *type, unsigned domid, unsigned device)
{
	const char *const *file;
	char folder[512], path[640];

	devices_folder(type, domid, device, folder, &file);
	for (; *file != NULL; file++) {
		(void)text_format(path, sizeof(path), "%s/statistics/%s",
		    folder, *file);
		(void)unlink(path);
	}
	(void)text_format(path, sizeof(path), "%s/statistics", folder);
	(void)rmdir(path);
	(void)rmdir(folder);
	if (strcmp(type, "vif") != 0)
		return;
	(void)text_format(path, sizeof(path), "%s/sys/bus/xen-backend/"
	    "devices/vif-%u-%u/net/vif%u.%u", world, domid, device, domid,
	    device);
	(void)rmdir(path);
	*strrchr(path, '/') = '\0';
	(void)rmdir(path);
	*strrchr(path, '/') = '\0';
	(void)rmdir(path);
}

/* A node below backend/TYPE/DOMID/DEVICE changed. */
static void
backend_changed(const char *path)
{
	unsigned domid, device, len;
	char type[16], state[256], *value, now;

	if (sscanf(path, BACKEND "/%15[a-z]/%u/%u", type, &domid,
	    &device) != 3 || (strcmp(type, "vbd") != 0 &&
	    strcmp(type, "vif") != 0))
		return;
	(void)text_format(state, sizeof(state), BACKEND "/%s/%u/%u/state",
	    type, domid, device);
	value = xs_read(store, XBT_NULL, state, &len);
	now = value == NULL ? '\0' : value[0];
	free(value);
	if (now == INITIALISING) {
		devices_add(type, domid, device);
		write_node(state, INIT_WAIT);
	} else if (now == CLOSING)
		write_node(state, CLOSED);
	else if (now == '\0')
		devices_remove(type, domid, device);
}

int
main(int argc, char *argv[])
{
	char path[512], **event;
	unsigned n;

	log_open("simdom0", 1);
	if (argc != 3 || strcmp(argv[1], "-p") != 0)
		fatal("usage: simdom0 -p FOLDER");
	world = argv[2];
	(void)text_format(path, sizeof(path), "%s/run/xenstored/socket",
	    world);
	if (setenv("XENSTORED_PATH", path, 1) == -1)
		fatal("no memory");
	store = xs_open(0);
	if (store == NULL)
		fatal("xenstored does not answer: %s", strerror(errno));
	/* Memory as libxl asks for it, and that we are here. */
	write_node("/local/domain/0/memory/target", "1048576");
	write_node("/local/domain/0/memory/static-max", "1048576");
	write_node("/local/domain/0/memory/freemem-slack", "0");
	write_node(BACKEND, "");
	if (!xs_watch(store, BACKEND, "b"))
		fatal("no watch: %s", strerror(errno));
	while ((event = xs_read_watch(store, &n)) != NULL) {
		backend_changed(event[XS_WATCH_PATH]);
		free(event);
	}
	return 0;
}
