/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "console/channel.h"
#include "wire/layout.h"

/* Frames that may wait for a peer before it counts as stuck. */
#define QUEUE_MAX 4096

/* Frames taken in one turn of the loop. */
#define TURN_MAX 16

struct channel_frame {
	STAILQ_ENTRY(channel_frame) link;
	uint32_t type;
	uint8_t body[];
};

void
channel_init(struct channel *channel, struct event_base *base, const char *name,
    enum wire_role peer, enum wire_way way, const struct channel_ops *ops,
    void *arg)
{
	memset(channel, 0, sizeof(*channel));
	channel->fd = -1;
	channel->base = base;
	channel->name = name;
	channel->peer = peer;
	channel->way = way;
	channel->ops = ops;
	channel->arg = arg;
	STAILQ_INIT(&channel->queue);
}

void
channel_close(struct channel *channel)
{
	struct channel_frame *frame;

	if (channel->readable != NULL)
		event_free(channel->readable);
	if (channel->writable != NULL)
		event_free(channel->writable);
	channel->readable = channel->writable = NULL;
	while ((frame = STAILQ_FIRST(&channel->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&channel->queue, link);
		free(frame);
	}
	channel->queued = 0;
	channel->open = false;
	fd_close(&channel->fd);
}

static void
channel_fail(struct channel *channel, const char *why)
{
	log_error("channel to %s closed: %s", channel->name, why);
	channel_close(channel);
	channel->ops->gone(channel->arg);
}

/*
 * There was no room for a descriptor, and there is no second channel to a
 * peer that lives: we start anew and are introduced to it again.
 */
static void
channel_break(struct channel *channel, const char *why)
{
	channel_fail(channel, why);
	log_error("starting anew");
	(void)event_base_loopbreak(channel->base);
}

/* Is it the HELLO of who should be there? */
static bool
hello_fits(const struct channel *channel, const struct wire_msg *msg)
{
	return msg->head.type == WIRE_HELLO &&
	    msg->u.hello.role == (uint32_t)channel->peer &&
	    wire_hello_same(&msg->u.hello);
}

/* One frame.  False when there is none, or no channel any more. */
static bool
channel_take(struct channel *channel)
{
	struct wire_msg msg;
	int fds[FD_PASS_MAX];
	size_t nfds;
	ssize_t len;

	len = wire_recv(channel->fd, &msg, channel->way, fds, &nfds);
	if (len == -1 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (len == 0)
		channel_fail(channel, "end of file");
	else if (len == -1 && errno == EMFILE)
		channel_break(channel, strerror(errno));
	else if (len == -1)
		channel_fail(channel, strerror(errno));
	if (len <= 0)
		return false;
	if (channel->open && msg.head.type != WIRE_HELLO) {
		if (channel->ops->frame(channel->arg, &msg, fds, nfds))
			return true;
		channel_fail(channel, "a frame that makes no sense");
		return false;
	}
	if (channel->open || !hello_fits(channel, &msg)) {
		while (nfds > 0)
			fd_close(&fds[--nfds]);
		channel_fail(channel, "not the HELLO of an equal build");
		return false;
	}
	channel->open = true;
	channel->ops->hello(channel->arg);
	return true;
}

static void
channel_readable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *channel = arg;
	int turn;

	(void)fd;
	(void)what;
	for (turn = 0; turn < TURN_MAX && channel->fd != -1; turn++)
		if (!channel_take(channel))
			break;
}

static void
channel_writable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *channel = arg;
	struct channel_frame *frame;

	(void)fd;
	(void)what;
	while ((frame = STAILQ_FIRST(&channel->queue)) != NULL) {
		if (wire_send(channel->fd, frame->type, 0, frame->body, NULL,
			0) == -1)
			break;
		STAILQ_REMOVE_HEAD(&channel->queue, link);
		channel->queued--;
		free(frame);
	}
	if (frame == NULL)
		return;
	if (errno == EAGAIN || errno == EINTR)
		(void)event_add(channel->writable, NULL);
	else
		channel_fail(channel, strerror(errno));
}

void
channel_open(struct channel *channel, int fd)
{
	struct wire_hello hello;

	channel_close(channel);
	channel->fd = fd;
	channel->readable = event_new(channel->base, fd, EV_READ | EV_PERSIST,
	    channel_readable, channel);
	channel->writable = event_new(channel->base, fd, EV_WRITE,
	    channel_writable, channel);
	wire_hello(&hello, WIRE_ROLE_CONSOLE, NULL);
	if (channel->readable == NULL || channel->writable == NULL ||
	    fd_set_nonblock(fd) == -1 ||
	    event_add(channel->readable, NULL) == -1 ||
	    wire_send(fd, WIRE_HELLO, 0, &hello, NULL, 0) == -1)
		channel_fail(channel, strerror(errno));
}

/* Keep a frame until the peer takes it. */
static int
channel_keep(struct channel *channel, uint32_t type, const void *body)
{
	size_t size = wire_layout(type)->max;
	struct channel_frame *frame;

	if (channel->queued == QUEUE_MAX)
		return -1;
	frame = malloc(sizeof(*frame) + size);
	if (frame == NULL)
		return -1;
	frame->type = type;
	memcpy(frame->body, body, size);
	STAILQ_INSERT_TAIL(&channel->queue, frame, link);
	channel->queued++;
	return event_add(channel->writable, NULL);
}

void
channel_send(struct channel *channel, uint32_t type, const void *body)
{
	if (!channel->open)
		return;
	if (channel->queued == 0) {
		if (wire_send(channel->fd, type, 0, body, NULL, 0) == 0)
			return;
		/*
		 * A broken socket shows at the next read.  Closing it here
		 * would take it away from under a caller in its callback.
		 */
		if (errno != EAGAIN && errno != EINTR)
			return;
	}
	if (channel_keep(channel, type, body) == -1)
		log_error("%s does not take its frames: one was dropped",
		    channel->name);
}
