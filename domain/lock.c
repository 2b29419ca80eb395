/* SPDX-License-Identifier: ISC */
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
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
#include "domain/holder.h"
#include "domain/lock.h"

#define PATH_LEN	320
#define TRIES		5
/* How long a killed process may take to let go. */
#define DEATH_S		5

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

bool
lock_console_is_held(const char *dir, uint32_t domid)
{
	char path[PATH_LEN];
	struct stat st;
	bool held;
	int fd;

	if (text_format(path, sizeof(path), "%s/xenconsole.%" PRIu32, dir,
	    domid) == -1)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return false;
	/* The folder is everybody's: another user's file keeps nobody out. */
	held = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() &&
	    flock(fd, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK;
	fd_close(&fd);
	return held;
}

void
lock_console_sweep(const char *dir, uint32_t domid)
{
	char path[PATH_LEN];
	struct stat st;
	int fd;

	if (text_format(path, sizeof(path), "%s/xenconsole.%" PRIu32, dir,
	    domid) == -1)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() && still_named(path, &st) &&
	    (is_signed(fd) ||
	    (st.st_size == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)))
		(void)!unlink(path);
	fd_close(&fd);
}

static void
wake(int sig)
{
	(void)sig;
}

/* flock(2) with a deadline, by a signal without SA_RESTART. */
static int
wait_lock(int fd, unsigned wait_s)
{
	struct sigaction act = { .sa_handler = wake }, old;
	int err, r;

	sigaction(SIGALRM, &act, &old);
	alarm(wait_s);
	r = flock(fd, LOCK_EX);
	err = errno;
	alarm(0);
	sigaction(SIGALRM, &old, NULL);
	errno = err;
	return r;
}

/* The last to have it, or -1. */
static pid_t
last_holder(int fd)
{
	char text[32];
	long long pid;
	ssize_t n;

	n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text_number(text, 2, INT32_MAX, &pid) == -1 ? -1 : (pid_t)pid;
}

static void
sign(int fd)
{
	char text[32];

	(void)text_format(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) == -1 ||
	    pwrite(fd, text, strlen(text), 0) == -1)
		log_warn("a guest's lock cannot be signed: %s",
		    strerror(errno));
}

/* The leader goes last: as long as it is there its group is its own. */
static bool
kill_holder(struct holder *holder, pid_t group)
{
	log_warn("process %d holds a guest's lock for too long: killed",
	    (int)holder->pid);
	if (group == getpgid(holder->pid) && group != getpgrp())
		(void)kill(-group, SIGKILL);
	return syscall(SYS_pidfd_send_signal, holder->pidfd, SIGKILL, NULL,
	    0) == 0;
}

/*
 * End whoever of the last holder's process group holds it: that worker, or
 * a child of libxl's that outlived it.
 */
static bool
end_holders(int fd)
{
	struct holder holder = HOLDER_NONE;
	pid_t pid, last = last_holder(fd);
	struct dirent *entry;
	bool ended = false;
	long long number;
	struct stat st;
	DIR *dir;

	if (last == -1 || fstat(fd, &st) == -1 ||
	    (dir = opendir("/proc")) == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL) {
		if (text_number(entry->d_name, 2, INT32_MAX, &number) == -1)
			continue;
		pid = (pid_t)number;
		if (pid == getpid() || (pid != last && getpgid(pid) != last) ||
		    holder_take(&holder, pid, "vpsh-domain") == -1)
			continue;
		if (holder_has_file(&holder, &st) && holder_alive(&holder))
			ended |= kill_holder(&holder, last);
		holder_release(&holder);
	}
	closedir(dir);
	return ended;
}

int
lock_guest(const char *dir, const char *domain, unsigned wait_s, bool insist)
{
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
	r = wait_lock(fd, wait_s);
	if (r == -1 && errno == EINTR && insist) {
		if (end_holders(fd))
			r = wait_lock(fd, DEATH_S);
		else
			errno = EINTR;
	}
	err = errno;
	if (r == -1)
		fd_close(&fd);
	else
		sign(fd);
	errno = err;
	return fd;
}

void
lock_guest_release(int *fd)
{
	if (*fd != -1 && ftruncate(*fd, 0) == -1)
		log_warn("a guest's lock cannot be cleared: %s",
		    strerror(errno));
	fd_close(fd);
}
