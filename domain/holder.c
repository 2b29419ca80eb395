/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "domain/holder.h"

/* /dev/ptmx, in every devpts: Documentation/admin-guide/devices.txt. */
#define PTMX_MAJOR	5
#define PTMX_MINOR	2

#define MASTERS_MAX	65536

static bool
runs(pid_t pid, const char *exe)
{
	char link[64], target[512];
	const char *name;
	struct stat st;
	ssize_t n;

	(void)text_format(link, sizeof(link), "/proc/%d", (int)pid);
	if (stat(link, &st) == -1 ||
	    (st.st_uid != 0 && st.st_uid != geteuid()))
		return false;
	(void)text_format(link, sizeof(link), "/proc/%d/exe", (int)pid);
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	name = strrchr(target, '/');
	return name != NULL && strncmp(name + 1, exe, strlen(exe)) == 0;
}

int
holder_take(struct holder *holder, pid_t pid, const char *exe)
{
	int err;

	holder->pid = pid;
	holder->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (holder->pidfd == -1)
		goto fail;
	/* After the pidfd: what is looked at is what is held. */
	if (!runs(pid, exe) || !holder_alive(holder)) {
		errno = ESRCH;
		goto fail;
	}
	return 0;
fail:
	err = errno;
	holder_release(holder);
	errno = err;
	return -1;
}

int
holder_take_file(struct holder *holder, const char *pidfile, const char *exe)
{
	long long pid;
	char *text;
	size_t len;

	*holder = (struct holder)HOLDER_NONE;
	if (file_read_trusted(AT_FDCWD, pidfile, &text, &len) != FILE_OK) {
		errno = ENOENT;
		return -1;
	}
	text[strcspn(text, "\n")] = '\0';
	if (text_number(text, 1, INT32_MAX, &pid) == -1) {
		free(text);
		errno = EINVAL;
		return -1;
	}
	free(text);
	return holder_take(holder, (pid_t)pid, exe);
}

bool
holder_alive(const struct holder *holder)
{
	struct pollfd p = { .fd = holder->pidfd, .events = POLLIN };

	return holder->pidfd != -1 && poll(&p, 1, 0) == 0;
}

void
holder_release(struct holder *holder)
{
	fd_close(&holder->pidfd);
	holder->pid = 0;
}

/* Read a small file of /proc; its length, or -1. */
static ssize_t
read_proc(const char *path, char *dst, size_t size)
{
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, dst, size - 1);
	close(fd);
	dst[n > 0 ? n : 0] = '\0';
	return n;
}

/* The N of /dev/pts/N if descriptor name of that process is its master. */
static int
master_index(pid_t pid, const char *name, unsigned *index)
{
	static const char key[] = "tty-index:";
	char path[96], info[1024];
	long long value;
	struct stat st;
	char *at;

	if (text_format(path, sizeof(path), "/proc/%d/fd/%s", (int)pid,
	    name) == -1 || stat(path, &st) == -1 || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(PTMX_MAJOR, PTMX_MINOR))
		return -1;
	(void)text_format(path, sizeof(path), "/proc/%d/fdinfo/%s", (int)pid,
	    name);
	if (read_proc(path, info, sizeof(info)) <= 0 ||
	    (at = strstr(info, key)) == NULL)
		return -1;
	at += sizeof(key) - 1;
	at += strspn(at, " \t");
	at[strcspn(at, "\n")] = '\0';
	if (text_number(at, 0, INT32_MAX, &value) == -1)
		return -1;
	*index = (unsigned)value;
	return 0;
}

static int
by_number(const void *a, const void *b)
{
	const unsigned *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int
add(unsigned **indexes, size_t *n, unsigned index)
{
	unsigned *more;

	if (*n == MASTERS_MAX) {
		errno = E2BIG;
		return -1;
	}
	/* Grown at every power of two. */
	if ((*n & (*n - 1)) == 0) {
		more = reallocarray(*indexes, *n == 0 ? 1 : 2 * *n,
		    sizeof(**indexes));
		if (more == NULL)
			return -1;
		*indexes = more;
	}
	(*indexes)[(*n)++] = index;
	return 0;
}

int
holder_masters(const struct holder *holder, unsigned **indexes, size_t *n)
{
	struct dirent *entry;
	char path[64];
	unsigned index;
	DIR *dir;
	int r = -1;

	*indexes = NULL;
	*n = 0;
	(void)text_format(path, sizeof(path), "/proc/%d/fd",
	    (int)holder->pid);
	if ((dir = opendir(path)) == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL)
		if (master_index(holder->pid, entry->d_name, &index) == 0 &&
		    add(indexes, n, index) == -1)
			goto out;
	if (*n > 0)
		qsort(*indexes, *n, sizeof(**indexes), by_number);
	/* The number may have been another process's by now. */
	if (!holder_alive(holder)) {
		errno = ESRCH;
		goto out;
	}
	r = 0;
out:
	closedir(dir);
	if (r == -1) {
		free(*indexes);
		*indexes = NULL;
		*n = 0;
	}
	return r;
}

bool
holder_has_master(const struct holder *holder, unsigned index)
{
	unsigned *indexes;
	bool has = false;
	size_t n, i;

	if (holder_masters(holder, &indexes, &n) == -1)
		return false;
	for (i = 0; i < n && !has; i++)
		has = indexes[i] == index;
	free(indexes);
	return has;
}

bool
holder_has_file(const struct holder *holder, const struct stat *st)
{
	char path[64 + NAME_MAX];
	struct dirent *entry;
	struct stat now;
	bool has = false;
	DIR *dir;

	(void)text_format(path, sizeof(path), "/proc/%d/fd",
	    (int)holder->pid);
	if ((dir = opendir(path)) == NULL)
		return false;
	while (!has && (entry = readdir(dir)) != NULL)
		has = text_format(path, sizeof(path), "/proc/%d/fd/%s",
		    (int)holder->pid, entry->d_name) == 0 &&
		    stat(path, &now) == 0 && now.st_ino == st->st_ino &&
		    now.st_dev == st->st_dev;
	closedir(dir);
	/* The number may have been another process's by now. */
	return has && holder_alive(holder);
}

bool
holder_has_arguments(const struct holder *holder, const char *first,
    const char *second)
{
	static char line[131072];
	char path[64];
	const char *arg, *next, *end;
	ssize_t n;

	(void)text_format(path, sizeof(path), "/proc/%d/cmdline",
	    (int)holder->pid);
	n = read_proc(path, line, sizeof(line));
	if (n <= 0 || !holder_alive(holder))
		return false;
	end = line + n;
	for (arg = line; arg < end; arg = next) {
		next = arg + strlen(arg) + 1;
		if (strcmp(arg, first) == 0 && next < end &&
		    strcmp(next, second) == 0)
			return true;
	}
	return false;
}
