/* SPDX-License-Identifier: ISC */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/lock.h"

#define PATH_LEN	320
#define TRIES		5

/* What we write into a lock that we hold; xenconsole writes a number. */
static const char signature[] = "vpsh\n";

static bool
still_named(const char *path, const struct stat *st)
{
	struct stat now;

	return lstat(path, &now) == 0 && now.st_ino == st->st_ino &&
	    now.st_dev == st->st_dev;
}

static bool
is_signed(int fd)
{
	char text[sizeof(signature)];
	ssize_t n;

	n = pread(fd, text, sizeof(text), 0);
	return n == sizeof(signature) - 1 &&
	    memcmp(text, signature, sizeof(signature) - 1) == 0;
}

/*
 * One try.  Returns 0; -1 with errno; 1 when the name was removed or changed
 * meanwhile, by us or by its last holder.
 */
static int
try_console(const char *path, int *fd)
{
	struct stat st;

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK, 0600);
	if (*fd == -1) {
		/* fs.protected_regular refuses O_CREAT on others' files. */
		if (errno != EACCES && errno != ELOOP)
			return -1;
		return unlink(path) == 0 || errno == ENOENT ? 1 : -1;
	}
	if (fstat(*fd, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
		log_warn("%s belonged to uid %d: removed", path,
		    (int)st.st_uid);
		return unlink(path) == 0 || errno == ENOENT ? 1 : -1;
	}
	if (flock(*fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK || !is_signed(*fd))
			return -1;
		return unlink(path) == 0 || errno == ENOENT ? 1 : -1;
	}
	if (!still_named(path, &st))
		return 1;
	if (ftruncate(*fd, 0) == -1 ||
	    pwrite(*fd, signature, sizeof(signature) - 1, 0) == -1)
		return -1;
	return 0;
}

int
lock_console(const char *dir, uint32_t domid, int *fd)
{
	char path[PATH_LEN];
	int i, err, r = 1;

	*fd = -1;
	if (text_format(path, sizeof(path), "%s/xenconsole.%" PRIu32, dir,
	    domid) == -1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (i = 0; i < TRIES && r == 1; i++) {
		r = try_console(path, fd);
		err = errno;
		if (r != 0)
			fd_close(fd);
		errno = err;
	}
	if (r == 1)
		errno = EWOULDBLOCK;
	return r == 0 ? 0 : -1;
}

void
lock_console_release(const char *dir, uint32_t domid, int *fd)
{
	char path[PATH_LEN];
	struct stat st;

	if (*fd == -1)
		return;
	if (text_format(path, sizeof(path), "%s/xenconsole.%" PRIu32, dir,
	    domid) == 0 && fstat(*fd, &st) == 0 && still_named(path, &st))
		(void)!unlink(path);
	fd_close(fd);
}

static void
wake(int sig)
{
	(void)sig;
}

int
lock_guest(const char *dir, const char *domain, unsigned wait_s)
{
	struct sigaction act = { .sa_handler = wake }, old;
	char path[PATH_LEN];
	int fd, err, r;

	if (!text_is_domain(domain) ||
	    text_format(path, sizeof(path), "%s/%s", dir, domain) == -1) {
		errno = EINVAL;
		return -1;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -1;
	/* Without SA_RESTART: the alarm ends the wait. */
	sigaction(SIGALRM, &act, &old);
	alarm(wait_s);
	r = flock(fd, LOCK_EX);
	err = errno;
	alarm(0);
	sigaction(SIGALRM, &old, NULL);
	if (r == -1)
		fd_close(&fd);
	errno = err;
	return fd;
}
