/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/ring.h"

int
ring_open(const char *world)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, n, err;

	n = snprintf(sun.sun_path, sizeof(sun.sun_path), "%s" SIM_SOCKET,
	    world);
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

static int
take_fd(struct msghdr *msg)
{
	struct cmsghdr *head;
	int fd = -1;

	head = CMSG_FIRSTHDR(msg);
	if (head != NULL && head->cmsg_level == SOL_SOCKET &&
	    head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

int
ring_ask(int ring, const struct sim_request *request,
    struct sim_reply *reply, struct sim_domain *all, int *fd)
{
	union {
		struct cmsghdr	head;
		char		space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov[2] = { { reply, sizeof(*reply) },
		{ all, all == NULL ? 0 : SIM_DOMAINS_MAX * sizeof(*all) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n;
	int got;

	do {
		n = send(ring, request, sizeof(*request), MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return -1;
	do {
		n = recvmsg(ring, &msg, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n < (ssize_t)sizeof(*reply)) {
		if (n != -1)
			errno = ECONNRESET;
		return -1;
	}
	got = take_fd(&msg);
	if (fd != NULL)
		*fd = got;
	else if (got != -1)
		close(got);
	if (reply->error != 0) {
		errno = reply->error;
		return -1;
	}
	return 0;
}
