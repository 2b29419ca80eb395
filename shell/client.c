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
	client->connect_ms = CLIENT_CONNECT_MS;
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

static void
forget_left(struct client *client, size_t i)
{
	client->nleft--;
	memmove(&client->left[i], &client->left[i + 1],
	    (client->nleft - i) * sizeof(client->left[0]));
}

void
client_leave(struct client *client, const char *ref)
{
	if (*ref == '\0')
		return;
	if (client->nleft == CLIENT_LATE_MAX)
		forget_left(client, 0);
	text_copy(client->left[client->nleft].ref, WIRE_REF, ref);
	client->left[client->nleft++].id = 0;
}

/* A new broker does not know who would like to hear of them. */
static void
find_left(struct client *client)
{
	struct wire_ref body;
	size_t i;

	for (i = 0; i < client->nleft && client->version >= CLIENT_TOKENS;
	     i++) {
		memset(&body, 0, sizeof(body));
		text_copy(body.ref, sizeof(body.ref), client->left[i].ref);
		client->left[i].id = ++client->id;
		/* What does not fit is asked for the next time. */
		(void)wire_send(client->fd, WIRE_FIND, client->id, &body, NULL,
		    0);
	}
}

/* A job that was left alone has ended.  The oldest gives way. */
static void
keep_late(struct client *client, const struct wire_outcome *outcome)
{
	size_t i;

	for (i = 0; i < client->nleft; i++)
		if (strcmp(client->left[i].ref, outcome->ref) == 0)
			forget_left(client, i--);
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

/* Whatever it belongs to. */
int
client_take(struct client *client, struct wire_msg *msg, int *fd)
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
tell_waiting(struct client *client, int wait_ms)
{
	char text[WIRE_TEXT];

	if (client->told || wait_ms < CLIENT_CONNECT_MS)
		return;
	text_format(text, sizeof(text),
	    "vpsh is not answering on this host, perhaps it is restarting; "
	    "waiting up to %d seconds.",
	    wait_ms / 1000);
	output_say(stderr, text);
	client->told = true;
}

/*
 * The listening socket outlives the broker, so a connection may be made long
 * before somebody answers on it.
 */
static int
wait_hello(struct client *client, int64_t deadline, int wait_ms)
{
	int64_t patience = clock_ms() + CLIENT_PATIENCE_MS;
	int err;

	if (patience < deadline) {
		err = wait_input(client, patience);
		if (err != VPSH_ERR_TIMEOUT)
			return err;
		tell_waiting(client, wait_ms);
	}
	err = wait_input(client, deadline);
	return err == VPSH_ERR_TIMEOUT ? VPSH_ERR_SERVICE : err;
}

int
client_begin(struct client *client)
{
	struct wire_hello ours;

	client->fd = try_connect(&client->address);
	if (client->fd == -1)
		return errno == EACCES || errno == EPERM ?
		    give_up(client, VPSH_ERR_NO_CUSTOMER) :
		    VPSH_ERR_SERVICE;
	wire_hello(&ours, WIRE_ROLE_CLIENT, client->claim);
	if (wire_send(client->fd, WIRE_HELLO, 0, &ours, NULL, 0) == 0)
		return 0;
	client_close(client);
	return VPSH_ERR_SERVICE;
}

int
client_greeted(struct client *client, const struct wire_msg *msg)
{
	if (msg->head.type == WIRE_REFUSED || msg->head.type == WIRE_BYE)
		return goodbye(client, &msg->u.outcome);
	if (msg->head.type != WIRE_HELLO)
		return give_up(client, VPSH_ERR_VERSION);
	client->version = wire_hello_version(&msg->u.hello);
	if (client->version == 0)
		return give_up(client, VPSH_ERR_VERSION);
	text_copy(client->build, sizeof(client->build), msg->u.hello.build);
	client->away = false;
	client->generation++;
	find_left(client);
	return 0;
}

static int
hello(struct client *client, int64_t deadline, int wait_ms)
{
	struct wire_msg msg;
	int err, fd;

	if ((err = client_begin(client)) != 0)
		return err;
	do {
		err = wait_hello(client, deadline, wait_ms);
		if (err != 0)
			return err;
		err = client_take(client, &msg, &fd);
	} while (err == 1);
	fd_close(&fd);
	return err == 0 ? client_greeted(client, &msg) : err;
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
	int err;

	memset(&client->said, 0, sizeof(client->said));
	while (client->fd == -1) {
		if ((err = hello(client, deadline, wait_ms)) == 0)
			break;
		client_close(client);
		client->away = clock_ms() >= deadline;
		if (err != VPSH_ERR_SERVICE || client->away)
			return err;
		tell_waiting(client, wait_ms);
		if ((err = wait_moment(deadline)) != 0)
			return err;
	}
	return 0;
}

bool
client_is_lost(const struct client *client, int err)
{
	return err == VPSH_ERR_SERVICE && client->fd == -1 && !client->over &&
	    !client->away;
}

void
client_tell(struct client *client)
{
	if (!client->told)
		output_say(stderr, "vpsh is restarting; waiting for it.");
	client->told = true;
}

int
client_return(struct client *client, int wait_ms)
{
	client_tell(client);
	return client_connect(client, wait_ms);
}

int
client_post(struct client *client, uint32_t type, const void *body)
{
	if (client->fd == -1)
		return VPSH_ERR_SERVICE;
	if (wire_send_version(client->fd, client->version, type, ++client->id,
		body) == 0)
		return 0;
	client_close(client);
	return VPSH_ERR_SERVICE;
}

int
client_send(struct client *client, uint32_t type, const void *body)
{
	int err, tries;

	if ((err = client_drain(client)) != 0)
		return err;
	for (tries = 0; tries < 2; tries++) {
		err = client_connect(client, client->connect_ms);
		if (err != 0)
			return err;
		/* What could not be sent was not acted upon. */
		if (client_post(client, type, body) == 0)
			return 0;
	}
	return VPSH_ERR_SERVICE;
}

int
client_other(struct client *client, const struct wire_msg *msg)
{
	size_t i;

	if (msg->head.type == WIRE_BYE)
		return goodbye(client, &msg->u.outcome);
	if (msg->head.type == WIRE_DONE)
		keep_late(client, &msg->u.outcome);
	if (msg->head.type == WIRE_REFUSED)
		for (i = 0; i < client->nleft; i++)
			if (client->left[i].id == msg->head.id)
				forget_left(client, i--);
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
		err = client_take(client, msg, fd);
		if (err < 0)
			return err;
		if (err == 1)
			continue;
		if (msg->head.id == client->id && msg->head.type != WIRE_BYE)
			break;
		fd_close(fd);
		if ((err = client_other(client, msg)) != 0)
			return err;
	}
	if (msg->head.type == WIRE_REFUSED)
		return said(client, &msg->u.outcome);
	client->told = false;
	return 0;
}

bool
client_ask_again(struct client *client, int *err, int *tries)
{
	if (!client_is_lost(client, *err) || ++*tries == CLIENT_TRIES)
		return false;
	*err = wait_moment(clock_ms() + CLIENT_RETRY_MS);
	return *err == 0;
}

static int
ask_once(struct client *client, uint32_t type, const void *body,
    struct wire_msg *msg, int *fd)
{
	int err;

	if ((err = client_send(client, type, body)) != 0)
		return err;
	err = client_recv(client, msg, fd, clock_ms() + CLIENT_ANSWER_MS);
	return err == VPSH_ERR_TIMEOUT ? VPSH_ERR_SERVICE : err;
}

int
client_ask(struct client *client, uint32_t type, const void *body,
    uint32_t want, struct wire_msg *msg, int *fd)
{
	int err, tries = 0;

	*fd = -1;
	do {
		err = ask_once(client, type, body, msg, fd);
	} while (client_ask_again(client, &err, &tries));
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
		err = client_take(client, &msg, &fd);
		fd_close(&fd);
		if (err != 0)
			break;
		if ((err = client_other(client, &msg)) != 0)
			return err;
	}
	return 0;
}
