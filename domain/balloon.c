/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/balloon.h"

#define LOCK_WAIT_S	10
#define TRIES		3
#define WAIT_S		10	/* for dom0 to give it, each time */

/* The value of a setting at the beginning of a line, without its quotes. */
static void
setting(const char *conf, const char *key, char *dst, size_t size)
{
	static const char blank[] = " \t\"'=";
	size_t klen = strlen(key), len, skip;
	const char *line;

	dst[0] = '\0';
	for (line = conf; *line != '\0'; line += len + (line[len] != '\0')) {
		len = strcspn(line, "\n");
		if (len <= klen || strncmp(line, key, klen) != 0 ||
		    strchr(" \t=", line[klen]) == NULL)
			continue;
		skip = klen + strspn(line + klen, blank);
		(void)text_format(dst, size, "%.*s",
		    (int)strcspn(line + skip, "\"' \t#\n"), line + skip);
	}
}

bool
balloon_is_on(const char *conf, const char *commandline)
{
	static const char option[] = "dom0_mem=";
	const char *at;
	char value[16];

	setting(conf, "autoballoon", value, sizeof(value));
	if (strcmp(value, "on") == 0 || strcmp(value, "1") == 0)
		return true;
	if (strcmp(value, "off") == 0 || strcmp(value, "0") == 0)
		return false;
	/* "auto": unless the hypervisor was told how much dom0 gets. */
	for (at = commandline; (at = strstr(at, option)) != NULL; at++)
		if (at == commandline || at[-1] == ' ')
			return false;
	return true;
}

static void
wake(int sig)
{
	(void)sig;
}

/* The descriptor is kept: the lock goes with the process. */
static int
take_lock(const char *locks)
{
	struct sigaction act = { .sa_handler = wake }, old;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[320];
	int fd, r;

	if (text_format(path, sizeof(path), "%s/xl", locks) == -1)
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -1;
	sigaction(SIGALRM, &act, &old);
	alarm(LOCK_WAIT_S);
	r = fcntl(fd, F_SETLKW, &lock);
	alarm(0);
	sigaction(SIGALRM, &old, NULL);
	if (r == -1)
		close(fd);
	return r;
}

static int
squeeze(struct xen *xen, uint64_t need)
{
	uint64_t have = 0;
	int i;

	for (i = 0; i <= TRIES; i++) {
		if (libxl_get_free_memory(xen->ctx, &have) != 0)
			return 1;
		if (have >= need)
			return 0;
		if (i == TRIES || libxl_set_memory_target(xen->ctx, 0,
		    (int64_t)have - (int64_t)need, 1, 0) != 0)
			break;
		(void)libxl_wait_for_memory_target(xen->ctx, 0, WAIT_S);
	}
	return 1;
}

int
balloon_make_room(struct xen *xen, const char *conf_path, const char *locks,
    uint64_t need_kib)
{
	const libxl_version_info *info;
	char *conf;
	size_t len;
	bool on;

	if (file_read_trusted(AT_FDCWD, conf_path, &conf, &len) != FILE_OK)
		conf = NULL;
	info = libxl_get_version_info(xen->ctx);
	on = balloon_is_on(conf == NULL ? "" : conf, info == NULL ||
	    info->commandline == NULL ? "" : info->commandline);
	free(conf);
	if (!on)
		return 1;
	if (take_lock(locks) == -1) {
		log_warn("%s/xl: %s", locks, strerror(errno));
		return -1;
	}
	return squeeze(xen, need_kib);
}
