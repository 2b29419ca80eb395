/* SPDX-License-Identifier: ISC */
#include <sys/queue.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "broker/channel.h"
#include "wire/layout.h"

/* So many frames in a row, then it is the others' turn. */
#define FRAMES_AT_ONCE	16
#define DRAIN_MAX	4096	/* more than a socket can hold */

/*
 * What waits in here comes on top of the kernel's own buffer (208 KiB as
 * delivered).  Lists, which may be longer, are sent as they are read.
 */
#define QUEUE_MAX	512

struct queued {
	STAILQ_ENTRY(queued)	link;	/* channel.queue */
	uint32_t		type;
	uint32_t		id;
	int			fd;
	uint8_t			body[];
};

struct channel {
	int				 fd;
	enum wire_way			 way;
	enum wire_role			 peer;
	const struct channel_ops	*ops;
	void				*arg;
	struct event			*in;
	struct event			*out;
	STAILQ_HEAD(, queued)		 queue;
	unsigned			 nqueued;
	bool				 ready;
	bool				 paused;
	bool				 busy;	/* inside a callback */
	bool				 dead;	/* free after the callback */
	const char			*broken;
};

static void
channel_destroy(struct channel *ch)
{
	struct queued *q;

	while ((q = STAILQ_FIRST(&ch->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&ch->queue, link);
		fd_close(&q->fd);
		free(q);
	}
	if (ch->in != NULL)
		event_free(ch->in);
	if (ch->out != NULL)
		event_free(ch->out);
	fd_close(&ch->fd);
	free(ch);
}

void
channel_free(struct channel *ch)
{
	if (ch == NULL)
		return;
	ch->dead = true;
	if (!ch->busy)
		channel_destroy(ch);
}

static bool
is_our_peer(const struct channel *ch, const struct wire_msg *msg)
{
	return msg->head.type == WIRE_HELLO &&
	    msg->u.hello.role == (uint32_t)ch->peer &&
	    wire_hello_same(&msg->u.hello);
}

/* One frame; false when there is no other to be had now. */
static bool
channel_read(struct channel *ch, struct wire_msg *msg)
{
	int fds[FD_PASS_MAX] = { -1 };
	size_t nfds;
	ssize_t len;
	bool fine;

	len = wire_recv(ch->fd, msg, ch->way, fds, &nfds);
	if (len <= 0) {
		if (len == 0)
			ch->broken = CHANNEL_HUNG_UP;
		else if (errno != EAGAIN)
			ch->broken = errno == EPROTO ? "malformed frame" :
			    strerror(errno);
		return false;
	}
	fine = ch->ready ? ch->peer == 0 || msg->head.type != WIRE_HELLO :
	    is_our_peer(ch, msg);
	ch->ready |= fine;
	if (!fine || !ch->ops->frame(ch->arg, msg, &fds[0]))
		ch->broken = "frame out of place";
	if (nfds > 0)
		fd_close(&fds[0]);
	return ch->broken == NULL;
}

static void
on_input(evutil_socket_t socket, short what, void *arg)
{
	static struct wire_msg msg;
	struct channel *ch = arg;
	int n;

	(void)socket;
	(void)what;
	ch->busy = true;
	for (n = 0; n < FRAMES_AT_ONCE && !ch->dead && !ch->paused &&
	    ch->broken == NULL; n++)
		if (!channel_read(ch, &msg))
			break;
	if (ch->broken != NULL && !ch->dead)
		ch->ops->closed(ch->arg, ch->broken);
	ch->busy = false;
	if (ch->dead)
		channel_destroy(ch);
}

void
channel_drain(struct channel *ch)
{
	static struct wire_msg msg;
	int n;

	if (ch == NULL || ch->busy)
		return;
	ch->busy = true;
	for (n = 0; n < DRAIN_MAX && !ch->dead && ch->broken == NULL; n++)
		if (!channel_read(ch, &msg))
			break;
	ch->busy = false;
	if (ch->dead)
		channel_destroy(ch);
}

unsigned
channel_backlog(const struct channel *ch)
{
	return ch->nqueued;
}

/* The loop tells the owner: nobody expects that from a call to send. */
static void
channel_break(struct channel *ch, const char *why)
{
	if (ch->broken == NULL)
		ch->broken = why;
	event_active(ch->in, EV_READ, 0);
}

static const char *
why_not_sent(void)
{
	return errno == EPIPE ? CHANNEL_HUNG_UP : strerror(errno);
}

static void
on_output(evutil_socket_t socket, short what, void *arg)
{
	struct channel *ch = arg;
	struct queued *q;

	(void)socket;
	(void)what;
	while ((q = STAILQ_FIRST(&ch->queue)) != NULL) {
		if (wire_send(ch->fd, q->type, q->id, q->body, &q->fd,
		    q->fd == -1 ? 0 : 1) == -1) {
			if (errno == EAGAIN)
				event_add(ch->out, NULL);
			else
				channel_break(ch, why_not_sent());
			return;
		}
		STAILQ_REMOVE_HEAD(&ch->queue, link);
		ch->nqueued--;
		fd_close(&q->fd);
		free(q);
	}
	if (ch->ops->drained == NULL)
		return;
	ch->busy = true;
	ch->ops->drained(ch->arg);
	ch->busy = false;
	if (ch->dead)
		channel_destroy(ch);
}

static int
channel_queue(struct channel *ch, uint32_t type, uint32_t id,
    const void *body, int fd)
{
	size_t size = wire_layout(type)->max;
	struct queued *q;

	if (ch->nqueued >= QUEUE_MAX ||
	    (q = malloc(sizeof(*q) + size)) == NULL)
		return -1;
	q->type = type;
	q->id = id;
	q->fd = fd;
	memcpy(q->body, body, size);
	STAILQ_INSERT_TAIL(&ch->queue, q, link);
	ch->nqueued++;
	event_add(ch->out, NULL);
	return 0;
}

void
channel_send(struct channel *ch, uint32_t type, uint32_t id,
    const void *body, int fd)
{
	if (ch == NULL || ch->broken != NULL)
		goto out;
	if (STAILQ_EMPTY(&ch->queue)) {
		if (wire_send(ch->fd, type, id, body, &fd,
		    fd == -1 ? 0 : 1) == 0)
			goto out;
		if (errno != EAGAIN) {
			channel_break(ch, why_not_sent());
			goto out;
		}
	}
	if (channel_queue(ch, type, id, body, fd) == 0)
		return;
	channel_break(ch, "does not read");
out:
	fd_close(&fd);
}

struct channel *
channel_new(struct event_base *base, int fd, enum wire_way way,
    enum wire_role peer, const struct channel_ops *ops, void *arg)
{
	struct channel *ch = calloc(1, sizeof(*ch));
	struct wire_hello hello;

	if (ch == NULL || fd_set_nonblock(fd) == -1) {
		free(ch);
		fd_close(&fd);
		return NULL;
	}
	ch->fd = fd;
	ch->way = way;
	ch->peer = peer;
	ch->ready = peer == 0;
	ch->ops = ops;
	ch->arg = arg;
	STAILQ_INIT(&ch->queue);
	ch->in = event_new(base, fd, EV_READ | EV_PERSIST, on_input, ch);
	ch->out = event_new(base, fd, EV_WRITE, on_output, ch);
	if (ch->in == NULL || ch->out == NULL ||
	    event_add(ch->in, NULL) == -1) {
		channel_destroy(ch);
		return NULL;
	}
	if (peer != 0) {
		wire_hello(&hello, WIRE_ROLE_BROKER, NULL);
		channel_send(ch, WIRE_HELLO, 0, &hello, -1);
	}
	return ch;
}

void
channel_pause(struct channel *ch, bool paused)
{
	ch->paused = paused;
	if (paused)
		event_del(ch->in);
	else
		event_add(ch->in, NULL);
}

bool
channel_ready(const struct channel *ch)
{
	return ch != NULL && ch->ready && ch->broken == NULL;
}
