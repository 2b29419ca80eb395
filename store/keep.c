/* SPDX-License-Identifier: ISC */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/point.h"
#include "base/text.h"
#include "store/keep.h"

/* Made when it is missing; the lock is the folder's and ends with us. */
static int
open_folder(int customers, const char *name)
{
	int dir;

	if (mkdirat(customers, name, 0700) == 0) {
		if (fsync(customers) == -1)
			return -1;
	} else if (errno != EEXIST)
		return -1;
	dir = openat(customers, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir == -1)
		return -1;
	while (flock(dir, LOCK_EX) == -1)
		if (errno != EINTR) {
			fd_close(&dir);
			return -1;
		}
	return dir;
}

static int
write_new(int dir, const char *temp, const char *text)
{
	int fd, r;

	/* We have the lock: whoever left that there is dead. */
	if (unlinkat(dir, temp, 0) == -1 && errno != ENOENT)
		return -1;
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	r = fd_write_all(fd, text, strlen(text));
	if (r == 0)
		r = fsync(fd);
	fd_close(&fd);
	return r;
}

int
keep_text(int customers, const char *name, const char *file,
    const char *text)
{
	char temp[NAME_MAX];
	int dir, r = -1, saved;

	if (!text_is_name(name) ||
	    text_format(temp, sizeof(temp), ".%s.new", file) == -1) {
		errno = EINVAL;
		return -1;
	}
	if ((dir = open_folder(customers, name)) == -1)
		return -1;
	if (write_new(dir, temp, text) == -1)
		goto out;
	point("store-written");
	if (renameat(dir, temp, dir, file) == -1)
		goto out;
	point("store-renamed");
	r = fsync(dir);
out:
	saved = errno;
	if (r == -1)
		(void)unlinkat(dir, temp, 0);
	fd_close(&dir);
	errno = saved;
	return r;
}
