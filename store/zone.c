/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "policy/prefs_text.h"
#include "store/zone.h"
#include "wire/err.h"

#define ZONE_MAX	(64 * 1024)
#define HEAD		44	/* RFC 8536, 3.1 */

struct zone {
	unsigned char	data[ZONE_MAX + 1];
	size_t		len;
};

/* Only the system's own zones count, and only files. */
static bool
is_good(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_uid == 0 || st.st_uid == geteuid()) &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
	    st.st_size >= HEAD && st.st_size <= ZONE_MAX;
}

static bool
zone_read(int dir, const char *name, struct zone *zone)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	ssize_t n = -1;
	int fd;

	zone->len = 0;
	fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
	if (fd == -1)
		return false;
	while (is_good(fd) && zone->len < sizeof(zone->data)) {
		n = read(fd, zone->data + zone->len,
		    sizeof(zone->data) - zone->len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		zone->len += (size_t)n;
	}
	fd_close(&fd);
	return n == 0;
}

/* How long one of the file's two parts is, with its head; or 0. */
static size_t
part(const struct zone *zone, size_t at, unsigned bytes)
{
	const unsigned char *p = zone->data + at;
	/* isut, isstd, leap, time, type, char: how often, and how long each */
	const unsigned sizes[] = { 1, 1, bytes + 4, bytes + 1, 6, 1 };
	size_t len = HEAD;
	uint32_t count;
	unsigned i;

	if (zone->len - at < HEAD || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
		return 0;
	for (i = 0, p += 20; i < 6; i++, p += 4) {
		memcpy(&count, p, sizeof(count));
		len += (size_t)ntohl(count) * sizes[i];
	}
	return len <= zone->len - at ? len : 0;
}

/* The footer: the TZ string between two newlines, and the end. */
static bool
zone_tz(const struct zone *zone, char *tz, size_t size)
{
	size_t first = part(zone, 0, 4), second, at, len;

	second = first == 0 ? 0 : part(zone, first, 8);
	at = first + second + 1;
	if (second == 0 || at >= zone->len || zone->data[at - 1] != '\n' ||
	    zone->data[zone->len - 1] != '\n')
		return false;
	len = zone->len - 1 - at;
	if (len >= size || memchr(zone->data + at, '\0', len) != NULL)
		return false;
	memcpy(tz, zone->data + at, len);
	tz[len] = '\0';
	return prefs_text_is_tz(tz);
}

int
zone_find(int dir, const char *name, char *tz, size_t size)
{
	static struct zone zone;

	if (!prefs_text_is_zone(name) || !zone_read(dir, name, &zone) ||
	    !zone_tz(&zone, tz, size)) {
		tz[0] = '\0';
		return VPSH_ERR_ZONE;
	}
	return VPSH_OK;
}
