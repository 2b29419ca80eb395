/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

void
fd_close(int *fd)
{
	int saved = errno;

	if (*fd != -1)
		close(*fd);
	*fd = -1;
	errno = saved;
}

void
fd_close_from(int lowest)
{
	/* Going on with somebody else's descriptors open is no option. */
	if (close_range((unsigned)lowest, ~0U, 0) == -1)
		fatal("cannot close inherited descriptors: %m");
}

int
fd_set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1)
		return -1;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ? -1 : 0;
}

int
fd_cloexec_from(int lowest)
{
	return close_range((unsigned)lowest, ~0U, CLOSE_RANGE_CLOEXEC);
}

int
fd_pair(int pair[2])
{
	pair[0] = pair[1] = -1;
	return socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);
}

static int
fill_address(struct sockaddr_un *sun, const char *path)
{
	size_t len = strlen(path);

	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	/* An empty path would mean the abstract namespace. */
	if (len == 0 || len >= sizeof(sun->sun_path)) {
		errno = len == 0 ? EINVAL : ENAMETOOLONG;
		return -1;
	}
	memcpy(sun->sun_path, path, len + 1);
	return 0;
}

/* May a socket take that name? */
static int
only_a_socket(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	return 0;
}

int
fd_listen(const char *path, mode_t mode, gid_t group)
{
	struct sockaddr_un sun;
	char fresh[sizeof(sun.sun_path)];
	int fd;

	/*
	 * It takes its name when owner and mode are right and it listens:
	 * whoever connects meets the old one or the new one, never one that
	 * is half made.
	 */
	if (fill_address(&sun, path) == -1 || only_a_socket(path) == -1)
		return -1;
	if ((size_t)snprintf(fresh, sizeof(fresh), "%s~", path) >=
	    sizeof(fresh)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (fill_address(&sun, fresh) == -1 ||
	    (unlink(fresh) == -1 && errno != ENOENT))
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    chown(fresh, (uid_t)-1, group) == -1 ||
	    chmod(fresh, mode) == -1 || listen(fd, SOMAXCONN) == -1 ||
	    rename(fresh, path) == -1)
		fd_close(&fd);
	return fd;
}

int
fd_connect(const char *path)
{
	struct sockaddr_un sun;
	int fd, r;

	if (fill_address(&sun, path) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	do {
		r = connect(fd, (const struct sockaddr *)&sun, sizeof(sun));
	} while (r == -1 && errno == EINTR);
	if (r == -1)
		fd_close(&fd);
	return fd;
}

int
fd_peer(int fd, struct peer *peer)
{
	struct ucred cred;
	/*
	 * Never the length that accept() left behind: Linux then copies only
	 * so many bytes, and what was not copied reads as root.
	 */
	socklen_t len = sizeof(cred);

	memset(&cred, 0xff, sizeof(cred));
	memset(peer, 0xff, sizeof(*peer));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		return -1;
	if (len != sizeof(struct ucred) || cred.uid == (uid_t)-1) {
		errno = EBADMSG;
		return -1;
	}
	peer->uid = cred.uid;
	peer->gid = cred.gid;
	peer->pid = cred.pid;
	return 0;
}

/*
 * Try once more?  A peer that goes while something of ours is unread leaves
 * ECONNRESET to be reported once, ahead of what it sent before.  Its last
 * words count: read them, then the end of file (or EPIPE when sending).
 */
static bool
again(ssize_t n)
{
	return n == -1 && (errno == EINTR || errno == ECONNRESET);
}

int
fd_send(int fd, const void *data, size_t len, const int *fds, size_t nfds)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
	} control;
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	ssize_t n;

	/* An empty packet looks like the end of the connection. */
	if (len == 0 || nfds > FD_PASS_MAX) {
		errno = EINVAL;
		return -1;
	}
	memset(&control, 0, sizeof(control));
	if (nfds > 0) {
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		cmsg = &control.head;
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * nfds);
	}
	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	} while (again(n));
	return n == -1 ? -1 : 0;
}

/*
 * Take every descriptor out of the control messages.  Returns -1 when there
 * were more than FD_PASS_MAX; those beyond are closed here.
 */
static int
take_fds(struct msghdr *msg, int fds[FD_PASS_MAX], size_t *nfds)
{
	struct cmsghdr *cmsg;
	size_t i, n;
	int fd, r = 0;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int),
			    sizeof(fd));
			if (*nfds < FD_PASS_MAX) {
				fds[(*nfds)++] = fd;
				continue;
			}
			fd_close(&fd);
			r = -1;
		}
	}
	return r;
}

ssize_t
fd_recv(int fd, void *data, size_t size, int fds[FD_PASS_MAX], size_t *nfds)
{
	union {
		struct cmsghdr head;
		/* Room for a kind of message that we did not ask for, too. */
		char room[CMSG_SPACE(sizeof(int) * FD_PASS_MAX) +
		    CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = { data, size };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	bool many;
	ssize_t n;
	size_t i;

	*nfds = 0;
	for (i = 0; i < FD_PASS_MAX; i++)
		fds[i] = -1;
	memset(&control, 0, sizeof(control));
	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (again(n));
	if (n == -1)
		return -1;

	many = take_fds(&msg, fds, nfds) == -1;
	if (many || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		/* There was room for them in the message: not in our table. */
		errno = !many && *nfds < FD_PASS_MAX &&
		    (msg.msg_flags & MSG_CTRUNC) != 0 ? EMFILE : EMSGSIZE;
		n = -1;
	}
	if (n <= 0) {
		while (*nfds > 0)
			fd_close(&fds[--*nfds]);
	}
	return n;
}

int
fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}
