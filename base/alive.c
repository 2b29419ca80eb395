/* SPDX-License-Identifier: ISC */
#include <sys/pidfd.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/alive.h"
#include "base/fd.h"

/* For a lock to read with it is enough that the file was opened to read. */
static struct flock
lock_of(off_t n, short type)
{
	return (struct flock){ .l_type = type,
		.l_whence = SEEK_SET,
		.l_start = n,
		.l_len = 1 };
}

int
alive_hold(int fd, off_t n)
{
	struct flock lock = lock_of(n, F_RDLCK);

	return fcntl(fd, F_SETLK, &lock) == -1 ? -1 : 0;
}

pid_t
alive_who(int fd, off_t n)
{
	struct flock lock = lock_of(n, F_WRLCK);

	if (fcntl(fd, F_GETLK, &lock) == -1 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid;
}

void
alive_end(int fd, off_t n, pid_t pid)
{
	int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;

	/* It holds it with the descriptor open: the number is not reused. */
	if (pidfd != -1 && alive_who(fd, n) == pid)
		(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	fd_close(&pidfd);
}
