/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/client.h"
#include "shell/output.h"
#include "shell/signals.h"

int
client_init(struct client *client, const char *path, const char *claim)
{
	memset(client, 0, sizeof(*client));
	client->fd = -1;
	client->address.sun_family = AF_UNIX;
	text_copy(client->claim, sizeof(client->claim), claim);
	return text_copy(client->address.sun_path,
	    sizeof(client->address.sun_path), path);
}

void
client_close(struct client *client)
{
	fd_close(&client->fd);
}

/* One try.  Non-blocking, so that a full queue is a reason to try again. */
static int
try_connect(const struct sockaddr_un *address)
{
	int fd, saved;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) ==
	    0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Remember what the broker said; its error. */
static int
said(struct client *client, const struct wire_outcome *outcome)
{
	client->said = *outcome;
	return outcome->err < 0 ? outcome->err : VPSH_ERR_FAILED;
}

/* Nothing that could be waited for: the session is over, too. */
static int
give_up(struct client *client, int err)
{
	client_close(client);
	client->over = true;
	client->said.err = err;
	return err;
}

static int
goodbye(struct client *client, const struct wire_outcome *outcome)
{
	client_close(client);
	/* A service that restarts is one to come back to. */
	client->over = outcome->err != VPSH_ERR_SERVICE;
	return said(client, outcome);
}

/* A job that was left alone has ended.  The oldest gives way. */
static void
keep_late(struct client *client, const struct wire_outcome *outcome)
{
	if (client->nlate == CLIENT_LATE_MAX) {
		memmove(client->late, client->late + 1,
		    (CLIENT_LATE_MAX - 1) * sizeof(client->late[0]));
		client->nlate--;
	}
	client->late[client->nlate++] = *outcome;
}

/* Wait for input of the broker; 0, VPSH_ERR_TIMEOUT, CLIENT_INTERRUPTED. */
static int
wait_input(struct client *client, int64_t deadline)
{
	struct pollfd pfd = { client->fd, POLLIN, 0 };
	int r;

	r = signals_wait(&pfd, 1, deadline);
	if (r == -1)
		return errno == EINTR ? CLIENT_INTERRUPTED : VPSH_ERR_SERVICE;
	return r == 0 ? VPSH_ERR_TIMEOUT : 0;
}

/*
 * One frame, whatever it belongs to.  Returns 0 with msg, 1 when there is
 * none yet, or VPSH_ERR_SERVICE at the end of the connection.
 */
static int
take_frame(struct client *client, struct wire_msg *msg, int *fd)
{
	int fds[FD_PASS_MAX];
	size_t nfds = 0;
	ssize_t n;

	*fd = -1;
	n = wire_recv(client->fd, msg, WIRE_BROKER_CLIENT, fds, &nfds);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 1;
	if (n <= 0) {
		client_close(client);
		return VPSH_ERR_SERVICE;
	}
	/* The layout lets ATTACHED carry one and nothing else any. */
	if (nfds == 1)
		*fd = fds[0];
	return 0;
}

static void
tell_waiting(bool *told)
{
	if (!*told)
		output_say(stderr,
		    "vpsh is not answering on this host, "
		    "perhaps it is restarting; waiting up to 10 seconds.");
	*told = true;
}

/*
 * The listening socket outlives the broker, so a connection may be made long
 * before somebody answers on it.
 */
static int
wait_hello(struct client *client, int64_t deadline, bool *told)
{
	int64_t patience = clock_ms() + CLIENT_PATIENCE_MS;
	int err;

	if (patience < deadline) {
		err = wait_input(client, patience);
		if (err != VPSH_ERR_TIMEOUT)
			return err;
		tell_waiting(told);
	}
	err = wait_input(client, deadline);
	return err == VPSH_ERR_TIMEOUT ? VPSH_ERR_SERVICE : err;
}

static int
hello(struct client *client, int64_t deadline, bool *told)
{
	struct wire_hello ours;
	struct wire_msg msg;
	int err, fd;

	wire_hello(&ours, WIRE_ROLE_CLIENT, client->claim);
	if (wire_send(client->fd, WIRE_HELLO, 0, &ours, NULL, 0) == -1)
		return VPSH_ERR_SERVICE;
	do {
		if ((err = wait_hello(client, deadline, told)) != 0)
			return err;
		err = take_frame(client, &msg, &fd);
	} while (err == 1);
	fd_close(&fd);
	if (err != 0)
		return err;
	if (msg.head.type == WIRE_REFUSED || msg.head.type == WIRE_BYE)
		return goodbye(client, &msg.u.outcome);
	if (msg.head.type != WIRE_HELLO ||
	    wire_hello_version(&msg.u.hello) == 0)
		return give_up(client, VPSH_ERR_VERSION);
	text_copy(client->build, sizeof(client->build), msg.u.hello.build);
	return 0;
}

/* Wait a moment before the next try; 0 or CLIENT_INTERRUPTED. */
static int
wait_moment(int64_t deadline)
{
	int64_t until = clock_ms() + CLIENT_RETRY_MS;

	return signals_wait(NULL, 0, until < deadline ? until : deadline) ==
		-1 ?
	    CLIENT_INTERRUPTED :
	    0;
}

int
client_connect(struct client *client, int wait_ms)
{
	int64_t deadline = clock_ms() + wait_ms;
	bool told = wait_ms < CLIENT_CONNECT_MS;
	int err;

	memset(&client->said, 0, sizeof(client->said));
	while (client->fd == -1) {
		client->fd = try_connect(&client->address);
		if (client->fd != -1)
			err = hello(client, deadline, &told);
		else if (errno == EACCES || errno == EPERM)
			return give_up(client, VPSH_ERR_NO_CUSTOMER);
		else
			err = VPSH_ERR_SERVICE;
		if (err == 0)
			break;
		client_close(client);
		if (err != VPSH_ERR_SERVICE || clock_ms() >= deadline)
			return err;
		tell_waiting(&told);
		if ((err = wait_moment(deadline)) != 0)
			return err;
	}
	return 0;
}

int
client_send(struct client *client, uint32_t type, const void *body)
{
	int err, tries;

	if ((err = client_drain(client)) != 0)
		return err;
	client->id++;
	for (tries = 0; tries < 2; tries++) {
		err = client_connect(client, CLIENT_CONNECT_MS);
		if (err != 0)
			return err;
		/* What could not be sent was not acted upon. */
		if (wire_send(client->fd, type, client->id, body, NULL, 0) == 0)
			return 0;
		client_close(client);
	}
	return VPSH_ERR_SERVICE;
}

/*
 * A frame that does not answer the last request: 0 to go on, or the error
 * that ends the connection.
 */
static int
take_other(struct client *client, const struct wire_msg *msg)
{
	if (msg->head.type == WIRE_BYE)
		return goodbye(client, &msg->u.outcome);
	if (msg->head.type == WIRE_DONE)
		keep_late(client, &msg->u.outcome);
	return 0;
}

int
client_recv(struct client *client, struct wire_msg *msg, int *fd,
    int64_t deadline)
{
	int err;

	*fd = -1;
	memset(&client->said, 0, sizeof(client->said));
	for (;;) {
		if (client->fd == -1)
			return VPSH_ERR_SERVICE;
		if ((err = wait_input(client, deadline)) != 0)
			return err;
		err = take_frame(client, msg, fd);
		if (err < 0)
			return err;
		if (err == 1)
			continue;
		if (msg->head.id == client->id && msg->head.type != WIRE_BYE)
			break;
		fd_close(fd);
		if ((err = take_other(client, msg)) != 0)
			return err;
	}
	if (msg->head.type == WIRE_REFUSED)
		return said(client, &msg->u.outcome);
	return 0;
}

int
client_ask(struct client *client, uint32_t type, const void *body,
    uint32_t want, struct wire_msg *msg, int *fd)
{
	int err;

	*fd = -1;
	if ((err = client_send(client, type, body)) != 0)
		return err;
	err = client_recv(client, msg, fd, clock_ms() + CLIENT_ANSWER_MS);
	if (err == VPSH_ERR_TIMEOUT)
		return VPSH_ERR_SERVICE;
	if (err == 0 && msg->head.type != want) {
		/* It does not keep to the protocol: nothing it says counts. */
		fd_close(fd);
		client_close(client);
		return VPSH_ERR_VERSION;
	}
	return err;
}

int
client_drain(struct client *client)
{
	struct wire_msg msg;
	int err, fd;

	while (client->fd != -1) {
		err = take_frame(client, &msg, &fd);
		fd_close(&fd);
		if (err != 0)
			break;
		if ((err = take_other(client, &msg)) != 0)
			return err;
	}
	return 0;
}
