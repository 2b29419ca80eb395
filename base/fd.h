/* SPDX-License-Identifier: ISC */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * Descriptors and local sockets.  Everything returns 0 (or a count) and -1
 * with errno.  Every descriptor made here is close-on-exec.
 */

/* Most descriptors that one frame may carry (pty, lock and ring). */
#define FD_PASS_MAX 4

struct peer {
	uid_t	uid;
	gid_t	gid;
	pid_t	pid;
};

/* Close *fd unless it is -1, and make it -1. */
void	 fd_close(int *fd);

/*
 * Close every descriptor from lowest upwards; also the log's, so call it
 * before log_open() or right before exec.
 */
void	 fd_close_from(int lowest);

int	 fd_set_nonblock(int fd);

/* Mark every open descriptor from lowest upwards close-on-exec. */
int	 fd_cloexec_from(int lowest);

/* A connected pair of AF_UNIX SOCK_SEQPACKET sockets, non-blocking. */
int	 fd_pair(int pair[2]);

/*
 * Bind and listen on an AF_UNIX SOCK_SEQPACKET path, non-blocking; a stale
 * socket of that name is replaced.  Returns the descriptor.
 */
int	 fd_listen(const char *path, mode_t mode, gid_t group);

/* Connect (blocking until accepted) and return a blocking descriptor. */
int	 fd_connect(const char *path);

/*
 * Who is at the other end, as the kernel attests it (unix(7), SO_PEERCRED).
 * Fails with EBADMSG unless the kernel returned a whole record.
 */
int	 fd_peer(int fd, struct peer *peer);

/*
 * Send one packet with nfds descriptors (which stay the caller's).  Fails
 * with EAGAIN when the queue is full, with EPIPE (and no signal) when the
 * other end has gone.  Restarts after signals, as fd_recv() does.
 */
int	 fd_send(int fd, const void *data, size_t len, const int *fds,
	    size_t nfds);

/*
 * Receive one packet.  Returns its length, 0 at end of file.  Descriptors
 * are the caller's to close: *nfds says how many.  A packet longer than
 * size, or one with more descriptors than FD_PASS_MAX, fails with EMSGSIZE,
 * and one with more than we may have open with EMFILE; everything that came
 * with it is closed.
 */
ssize_t	 fd_recv(int fd, void *data, size_t size, int fds[FD_PASS_MAX],
	    size_t *nfds);

/* Write all of it to a blocking descriptor, restarting after signals. */
int	 fd_write_all(int fd, const void *data, size_t len);

#endif
