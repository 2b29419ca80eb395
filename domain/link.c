/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/fd.h"
#include "base/log.h"
#include "domain/link.h"
#include "wire/layout.h"

static const char *
name(const struct link *link)
{
	return link->role == WIRE_ROLE_BROKER ? "broker" : "console server";
}

static void
free_frame(struct link *link, struct link_frame *frame)
{
	size_t i;

	TAILQ_REMOVE(&link->queue, frame, entry);
	link->nqueue--;
	for (i = 0; i < frame->nfds; i++)
		fd_close(&frame->fds[i]);
	free(frame);
}

static void
disconnect(struct link *link)
{
	struct link_frame *frame;

	if (link->readable != NULL)
		event_free(link->readable);
	if (link->writable != NULL)
		event_free(link->writable);
	link->readable = link->writable = NULL;
	while ((frame = TAILQ_FIRST(&link->queue)) != NULL)
		free_frame(link, frame);
	fd_close(&link->fd);
	link->greeted = false;
}

/*
 * There is no second link to a peer that lives: who cannot read his peer, be
 * it for want of descriptors, starts anew and is introduced again.
 */
static void
start_anew(struct link *link)
{
	disconnect(link);
	(void)event_base_loopbreak(link->base);
}

static bool
greets_well(const struct link *link, const struct wire_msg *msg)
{
	return msg->head.type == WIRE_HELLO &&
	    msg->u.hello.role == link->role && wire_hello_same(&msg->u.hello);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;
	struct wire_msg msg;
	ssize_t n;

	(void)what;
	n = wire_recv(fd, &msg, link->way, NULL, NULL);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0) {
		log_info("the %s is gone", name(link));
		disconnect(link);
	} else if (n == -1) {
		log_error("cannot read the %s: %s; starting anew", name(link),
		    strerror(errno));
		start_anew(link);
	} else if (link->greeted)
		link->frame(&msg, link->arg);
	else if (greets_well(link, &msg)) {
		link->greeted = true;
		link->ready(link->arg);
	} else {
		log_error("the %s does not fit: another build?", name(link));
		disconnect(link);
	}
}

/* Returns 0, 1 when it has to wait, -1 when the peer is gone. */
static int
push(struct link *link, uint32_t type, const void *body, const int *fds,
    size_t nfds)
{
	if (wire_send(link->fd, type, 0, body, fds, nfds) == 0)
		return 0;
	/* ETOOMANYREFS: too many descriptors are under way. */
	if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
		return 1;
	if (errno != EPIPE && errno != ECONNRESET)
		log_error("sending to the %s: %s", name(link),
		    strerror(errno));
	return -1;
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;
	struct link_frame *frame;
	int r = 0;

	(void)fd;
	(void)what;
	while ((frame = TAILQ_FIRST(&link->queue)) != NULL) {
		r = push(link, frame->type, &frame->u, frame->fds,
		    frame->nfds);
		if (r != 0)
			break;
		free_frame(link, frame);
	}
	if (r == -1)
		disconnect(link);
	else if (r == 1)
		event_add(link->writable, NULL);
}

static int
enqueue(struct link *link, uint32_t type, const void *body, const int *fds,
    size_t nfds)
{
	struct link_frame *frame;

	if (link->nqueue >= LINK_QUEUE_MAX || nfds > 3 ||
	    (frame = calloc(1, sizeof(*frame))) == NULL)
		return -1;
	frame->type = type;
	memcpy(&frame->u, body, wire_layout(type)->max);
	TAILQ_INSERT_TAIL(&link->queue, frame, entry);
	link->nqueue++;
	for (; frame->nfds < nfds; frame->nfds++) {
		frame->fds[frame->nfds] = fcntl(fds[frame->nfds],
		    F_DUPFD_CLOEXEC, 3);
		if (frame->fds[frame->nfds] == -1) {
			free_frame(link, frame);
			return -1;
		}
	}
	return event_add(link->writable, NULL);
}

void
link_init(struct link *link, struct event_base *base, enum wire_role role,
    enum wire_way way, void (*ready)(void *),
    void (*frame)(const struct wire_msg *, void *), void *arg)
{
	memset(link, 0, sizeof(*link));
	link->fd = -1;
	link->base = base;
	link->role = role;
	link->way = way;
	link->ready = ready;
	link->frame = frame;
	link->arg = arg;
	TAILQ_INIT(&link->queue);
}

void
link_connect(struct link *link, int fd)
{
	struct wire_hello hello;

	disconnect(link);
	link->fd = fd;
	link->readable = event_new(link->base, fd, EV_READ | EV_PERSIST,
	    on_readable, link);
	link->writable = event_new(link->base, fd, EV_WRITE, on_writable,
	    link);
	wire_hello(&hello, WIRE_ROLE_WATCH, NULL);
	if (fd_set_nonblock(fd) == -1 || link->readable == NULL ||
	    link->writable == NULL || event_add(link->readable, NULL) == -1 ||
	    push(link, WIRE_HELLO, &hello, NULL, 0) != 0)
		disconnect(link);
}

void
link_send(struct link *link, uint32_t type, const void *body, const int *fds,
    size_t nfds)
{
	int r;

	if (!link->greeted)
		return;
	r = link->nqueue > 0 ? 1 : push(link, type, body, fds, nfds);
	if (r == 1 && enqueue(link, type, body, fds, nfds) == -1) {
		log_error("the %s takes nothing any more; starting anew",
		    name(link));
		start_anew(link);
	} else if (r == -1)
		disconnect(link);
}
