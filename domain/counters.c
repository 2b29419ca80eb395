/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "domain/counters.h"

#define SECTOR		512	/* whatever the disk's is */

void
counters_init(struct counters *counters, uint32_t domid)
{
	memset(counters, 0, sizeof(*counters));
	counters->domid = domid;
}

void
counters_free(struct counters *counters)
{
	free(counters->devices);
	counters_init(counters, counters->domid);
}

/* Digits up to the stop, as the kernel prints them. */
static const char *
number(const char *s, char stop, uint32_t *value)
{
	uint64_t n = 0;
	const char *p;

	for (p = s; *p >= '0' && *p <= '9' && n <= UINT32_MAX; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (p == s || *p != stop || n > UINT32_MAX)
		return NULL;
	*value = (uint32_t)n;
	return p + (stop != '\0');
}

bool
counters_parse(const char *name, uint32_t *domid,
    struct counters_device *device)
{
	const char *p;

	memset(device, 0, sizeof(*device));
	device->is_net = strncmp(name, "vif-", 4) == 0;
	if (!device->is_net && strncmp(name, "vbd-", 4) != 0)
		return false;
	return (p = number(name + 4, '-', domid)) != NULL &&
	    number(p, '\0', &device->number) != NULL;
}

/* A file with one number: 0, or -1 with errno. */
static int
read_count(int dir, const char *path, uint64_t *count)
{
	char text[24];
	long long n;
	ssize_t len;
	int fd;

	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	len = read(fd, text, sizeof(text) - 1);
	fd_close(&fd);
	if (len <= 0)
		return -1;
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (text_number(text, 0, INT64_MAX, &n) == -1) {
		errno = EINVAL;
		return -1;
	}
	*count = (uint64_t)n;
	return 0;
}

/* dom0's name of a card, which vifname= of its xl.cfg may have chosen. */
static void
find_net(int dir, const char *name, struct counters_device *device)
{
	struct dirent *entry;
	char path[64];
	DIR *net;
	int fd;

	device->net[0] = '\0';
	(void)text_format(path, sizeof(path), "%s/net", name);
	fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return;
	if ((net = fdopendir(fd)) == NULL) {
		fd_close(&fd);
		return;
	}
	while ((entry = readdir(net)) != NULL)
		if (entry->d_name[0] != '.' && text_copy(device->net,
		    sizeof(device->net), entry->d_name) == 0)
			break;
	closedir(net);
}

static int
read_pair(int dir, const char *at, const char *const files[2],
    uint64_t now[2])
{
	char path[128];
	int i;

	for (i = 0; i < 2; i++)
		if (text_format(path, sizeof(path), "%s/statistics/%s", at,
		    files[i]) == -1 || read_count(dir, path, &now[i]) == -1)
			return -1;
	return 0;
}

static int
read_disk(int dir, const char *name, uint64_t now[2])
{
	static const char *const files[2] = { "rd_sect", "wr_sect" };

	if (read_pair(dir, name, files, now) == -1)
		return -1;
	now[0] *= SECTOR;
	now[1] *= SECTOR;
	return 0;
}

/* The name may have gone to another card. */
static bool
is_named(int dir, const char *name, const struct counters_device *device)
{
	char path[96];
	struct stat st;

	return device->net[0] != '\0' && text_format(path, sizeof(path),
	    "%s/net/%s", name, device->net) == 0 &&
	    fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What dom0 sends is what the guest receives. */
static int
read_net(int dir, const char *name, struct counters_device *device,
    uint64_t now[2])
{
	static const char *const files[2] = { "tx_bytes", "rx_bytes" };
	char at[IF_NAMESIZE + 32];

	if (!is_named(dir, name, device))
		find_net(dir, name, device);
	if (device->net[0] == '\0')
		return -1;
	/* From bus/xen-backend/devices. */
	(void)text_format(at, sizeof(at), "../../../class/net/%s",
	    device->net);
	return read_pair(dir, at, files, now);
}

/* The one with the number of this one; a new one counts from zero. */
static struct counters_device *
device_of(struct counters *counters, const struct counters_device *like)
{
	struct counters_device *device, *more;
	size_t i;

	for (i = 0; i < counters->ndevices; i++) {
		device = &counters->devices[i];
		if (device->is_net == like->is_net &&
		    device->number == like->number)
			return device;
	}
	if (counters->ndevices == COUNTERS_DEVICES)
		return NULL;
	more = reallocarray(counters->devices, counters->ndevices + 1,
	    sizeof(*more));
	if (more == NULL)
		return NULL;
	counters->devices = more;
	device = &more[counters->ndevices++];
	*device = *like;
	return device;
}

/* One that fell was attached afresh: all it has is new. */
static uint64_t
grown(uint64_t *last, uint64_t now)
{
	uint64_t more = now >= *last ? now - *last : now;

	*last = now;
	return more;
}

static void
read_device(int dir, const char *name, struct counters *counters,
    const struct counters_device *like)
{
	struct counters_device *device = device_of(counters, like);
	uint64_t now[2];

	if (device == NULL)
		return;
	if (device->is_net) {
		if (read_net(dir, name, device, now) == -1)
			return;
		counters->net_in += grown(&device->last[0], now[0]);
		counters->net_out += grown(&device->last[1], now[1]);
	} else {
		if (read_disk(dir, name, now) == -1)
			return;
		counters->disk_read += grown(&device->last[0], now[0]);
		counters->disk_written += grown(&device->last[1], now[1]);
	}
}

static int
compare(const void *key, const void *member)
{
	const struct counters *const *counters = member;
	const uint32_t *domid = key;

	return *domid < (*counters)->domid ? -1 : *domid > (*counters)->domid;
}

int
counters_read(const char *sys, struct counters *const all[], size_t n)
{
	struct counters *const *found;
	struct counters_device device;
	struct dirent *entry;
	char path[512];
	uint32_t domid;
	DIR *dir;

	if (text_format(path, sizeof(path), "%s/bus/xen-backend/devices",
	    sys) == -1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if ((dir = opendir(path)) == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL) {
		if (!counters_parse(entry->d_name, &domid, &device))
			continue;
		found = bsearch(&domid, all, n, sizeof(*all), compare);
		if (found != NULL)
			read_device(dirfd(dir), entry->d_name, *found,
			    &device);
	}
	closedir(dir);
	return 0;
}
