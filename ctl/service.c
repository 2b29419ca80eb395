/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "ctl/service.h"
#include "wire/err.h"

#define GREET_S	 15    /* a broker that is being restarted is soon back */
#define AWAIT_MS 10000 /* and so is all of the service */
#define RETRY_MS 200

/*
 * Its first frame.  A broker that turns us away says why before it hangs up;
 * the end of its side may be what we see first.
 */
static bool
first_frame(int fd, struct wire_msg *msg)
{
	struct wire_hello hello;

	wire_hello(&hello, WIRE_ROLE_OPERATOR, NULL);
	if (wire_send(fd, WIRE_HELLO, 0, &hello, NULL, 0) == -1 &&
	    errno != EPIPE && errno != ECONNRESET)
		return false;
	return service_recv(fd, msg) ||
	    (errno == ECONNRESET && service_recv(fd, msg));
}

/* Returns 0 or -1 with errno. */
static int
greet(int fd, int answer_s, char *build)
{
	const struct timeval greeting = { GREET_S < answer_s ? GREET_S :
							       answer_s,
		0 };
	const struct timeval answer = { answer_s, 0 };
	static struct wire_msg msg;

	errno = 0;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &greeting,
		sizeof(greeting)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &greeting,
		sizeof(greeting)) == -1 ||
	    !first_frame(fd, &msg)) {
		if (errno == 0)
			errno = ECONNRESET;
		return -1;
	}
	if (msg.head.type == WIRE_DID)
		errno = msg.u.did.err == VPSH_ERR_DENIED ? EPERM : EBUSY;
	else if (msg.head.type != WIRE_HELLO ||
	    wire_hello_version(&msg.u.hello) == 0)
		errno = EPROTO;
	else if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &answer,
		     sizeof(answer)) == 0) {
		if (build != NULL)
			text_copy(build, WIRE_BUILD, msg.u.hello.build);
		return 0;
	}
	return -1;
}

/* What is wrong with the door, in words. */
static const char *
fault(int error)
{
	switch (error) {
	case EACCES:
		return "it is for root and the group vpsh-operator";
	case EPERM:
		return "this is a customer's account, which is no operator's "
		       "whatever groups it is in";
	case EBUSY:
		return "too many operators ask at once; try again";
	case ENOENT:
	case ECONNREFUSED:
		return "is vpshd running?";
	case EAGAIN:
		return "the broker does not answer";
	case EPROTO:
		return "the broker is of another version";
	case EPIPE:
	case ECONNRESET:
		return "the broker hangs up: is it being restarted?";
	default:
		return strerror(error);
	}
}

int
service_open(const struct ctl *ctl, int answer_s, char *why, size_t size,
    char *build)
{
	char path[PATH_MAX];
	int fd, saved;

	text_format(path, sizeof(path), "%s/operator.sock", ctl->run);
	fd = fd_connect(path);
	if (fd != -1 && greet(fd, answer_s, build) == 0)
		return fd;
	saved = errno;
	fd_close(&fd);
	text_format(why, size, "%s does not answer: %s", path, fault(saved));
	errno = saved;
	return -1;
}

/* It is being restarted, as far as one can see from here. */
static bool
is_soon_back(int error)
{
	return error == ENOENT || error == ECONNREFUSED || error == EPIPE ||
	    error == ECONNRESET;
}

int
service_await(const struct ctl *ctl, int answer_s, bool *told, char *why,
    size_t size)
{
	int64_t end = clock_ms() + AWAIT_MS;
	int fd;

	while ((fd = service_open(ctl, answer_s, why, size, NULL)) == -1 &&
	    is_soon_back(errno) && clock_ms() < end) {
		if (!*told)
			report_note("vpsh does not answer, perhaps it is "
				    "restarting; asking again for %d seconds",
			    AWAIT_MS / 1000);
		*told = true;
		(void)poll(NULL, 0, RETRY_MS);
	}
	return fd;
}

bool
service_recv(int fd, struct wire_msg *msg)
{
	int fds[FD_PASS_MAX];
	size_t nfds = 0;

	return wire_recv(fd, msg, WIRE_BROKER_OPERATOR, fds, &nfds) > 0;
}
