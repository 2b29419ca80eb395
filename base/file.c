/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

static enum file_fault
open_fault(int error)
{
	switch (error) {
	case ENOENT:
		return FILE_MISSING;
	case ELOOP: /* O_NOFOLLOW met a link */
	case ENXIO: /* a socket, or a device without a driver */
	case ENODEV:
		return FILE_IRREGULAR;
	default:
		return FILE_UNREADABLE;
	}
}

/* Whoever may change the file decides what is in it. */
static enum file_fault
judge(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return FILE_IRREGULAR;
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return FILE_FOREIGN;
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return FILE_WRITABLE;
	if (st->st_size > FILE_MAX)
		return FILE_TOO_BIG;
	return FILE_OK;
}

/* Up to size bytes; fewer only at the end of the file. */
static ssize_t
read_whole(int fd, char *buf, size_t size)
{
	size_t have = 0;
	ssize_t n;

	while (have < size) {
		n = read(fd, buf + have, size - have);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

static enum file_fault
read_judged(int fd, size_t expected, char **text, size_t *len)
{
	char *buf;
	ssize_t n;

	/* One byte more than expected shows that somebody is appending. */
	buf = malloc(expected + 2);
	if (buf == NULL)
		return FILE_UNREADABLE;
	n = read_whole(fd, buf, expected + 1);
	if (n != (ssize_t)expected) {
		if (n != -1)
			errno = EAGAIN;
		free(buf);
		return FILE_UNREADABLE;
	}
	if (memchr(buf, '\0', expected) != NULL) {
		free(buf);
		return FILE_HAS_NUL;
	}
	buf[expected] = '\0';
	*text = buf;
	*len = expected;
	return FILE_OK;
}

enum file_fault
file_read_trusted(int dirfd, const char *name, char **text, size_t *len)
{
	enum file_fault fault;
	struct stat st;
	int fd;

	*text = NULL;
	*len = 0;
	fd = openat(dirfd, name,
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return open_fault(errno);
	if (fstat(fd, &st) == -1)
		fault = FILE_UNREADABLE;
	else
		fault = judge(&st);
	if (fault == FILE_OK)
		fault = read_judged(fd, (size_t)st.st_size, text, len);
	fd_close(&fd);
	return fault;
}

const char *
file_fault_text(enum file_fault fault)
{
	switch (fault) {
	case FILE_OK:
		return "is in order";
	case FILE_MISSING:
		return "is not there";
	case FILE_UNREADABLE:
		return "cannot be read";
	case FILE_IRREGULAR:
		return "is a link, a directory or a device, not a plain file";
	case FILE_FOREIGN:
		return "does not belong to root";
	case FILE_WRITABLE:
		return "can be written by its group or by everybody";
	case FILE_TOO_BIG:
		return "is larger than 64 KiB";
	case FILE_HAS_NUL:
		return "contains a NUL byte";
	}
	return "is unusable";
}

static int
write_new(int dirfd, const char *name, const void *data, size_t len,
    mode_t mode, bool durable)
{
	int fd, r;

	fd = openat(dirfd, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	r = fd_write_all(fd, data, len);
	if (r == 0)
		r = fchmod(fd, mode);
	if (r == 0 && durable)
		r = fsync(fd);
	fd_close(&fd);
	return r;
}

static int
replace(const char *dir, const char *name, const void *data, size_t len,
    mode_t mode, bool durable)
{
	char temp[NAME_MAX + 1];
	int dirfd = -1, r = -1, saved;

	/* By process: a leftover of this name can only be a dead one's. */
	if (strchr(name, '/') != NULL ||
	    text_format(temp, sizeof(temp), ".%s.%ld", name, (long)getpid()) ==
		-1) {
		errno = EINVAL;
		return -1;
	}
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1)
		return -1;
	if (unlinkat(dirfd, temp, 0) == -1 && errno != ENOENT)
		goto out;
	if (write_new(dirfd, temp, data, len, mode, durable) == -1 ||
	    renameat(dirfd, temp, dirfd, name) == -1) {
		saved = errno;
		unlinkat(dirfd, temp, 0);
		errno = saved;
		goto out;
	}
	r = durable ? fsync(dirfd) : 0;
out:
	fd_close(&dirfd);
	return r;
}

int
file_replace(const char *dir, const char *name, const void *data, size_t len,
    mode_t mode)
{
	return replace(dir, name, data, len, mode, true);
}

int
file_replace_quickly(const char *dir, const char *name, const void *data,
    size_t len, mode_t mode)
{
	return replace(dir, name, data, len, mode, false);
}
