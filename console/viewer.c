/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "console/people.h"
#include "console/server.h"
#include "console/stream.h"
#include "console/viewer.h"
#include "wire/err.h"

/* Frames sent or taken in one turn, so that all get theirs. */
#define TURN_SEND 4
#define TURN_TAKE 8

/* Is one that is not listened to still there?  So often is that asked. */
#define STALLED_US 200000

enum sent {
	SENT,
	SENT_NOTHING, /* there is nothing to send */
	SENT_BLOCKED, /* its socket is full */
	SENT_FAILED
};

/*
 * One that goes on where it was has seen the marks that stand there; but that
 * bytes are missing is rather said twice than not at all.
 */
static bool
has_passed(const struct viewer *viewer, const struct ring_mark *mark)
{
	if (mark->wall_ms / 1000 < viewer->since_ms / 1000 ||
	    mark->offset < viewer->offset)
		return true;
	return viewer->from != WIRE_FROM_TAIL &&
	    mark->offset == viewer->offset && mark->kind != RING_GAP &&
	    mark->kind != RING_BOOT;
}

/* The first mark that it has not passed. */
static void
place_mark(struct viewer *viewer)
{
	struct ring_mark mark;

	viewer->mark = 0;
	while (ring_mark_at(&viewer->stream->ring, &viewer->mark, &mark) &&
	    has_passed(viewer, &mark))
		viewer->mark++;
}

static void
place_end(struct viewer *viewer)
{
	viewer->until = ring_end(&viewer->stream->ring);
	viewer->until_mark = viewer->stream->ring.marks.next;
	viewer->people = viewer->until_mark;
}

void
viewer_renumber(struct viewer *viewer, uint64_t gone)
{
	if (viewer->mark <= gone)
		viewer->mark++;
	if (viewer->until_mark <= gone)
		viewer->until_mark++;
	if (viewer->people <= gone)
		viewer->people++;
}

static uint64_t
later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void
viewer_place(struct viewer *viewer)
{
	struct stream *stream = viewer->stream;
	struct ring *ring = &stream->ring;

	viewer->offset = ring_resolve(ring, viewer->from, viewer->tail);
	/* The ring is younger than what it saw: all of it is new. */
	if (ring->head != NULL && viewer->offset > ring_end(ring)) {
		viewer->offset = ring_start(ring);
		viewer->lost = true;
	}
	/* Without a console the boot that is meant is the next one. */
	if (viewer->boot && viewer->from == WIRE_FROM_TAIL)
		viewer->offset = later(viewer->offset,
		    stream->fd == -1 ? ring_end(ring) : ring_boot_start(ring));
	if (viewer->since_ms != -1)
		viewer->offset = later(viewer->offset,
		    ring_since(ring, viewer->since_ms));
	place_mark(viewer);
	place_end(viewer);
}

void
viewer_move_on(struct viewer *viewer)
{
	place_end(viewer);
	viewer->offset = viewer->until;
	viewer->mark = viewer->until_mark;
}

static void
viewer_fail(struct viewer *viewer)
{
	viewer_end(viewer, VPSH_ERR_FAILED);
}

/* Stop or start listening to it, according to whether there is room. */
static void
viewer_stall(struct viewer *viewer, bool stall)
{
	const struct timeval often = { 0, STALLED_US };

	if (viewer->stalled == stall)
		return;
	viewer->stalled = stall;
	if (stall) {
		(void)event_del(viewer->readable);
		(void)event_add(viewer->closed, &often);
	} else {
		(void)event_del(viewer->closed);
		(void)event_add(viewer->readable, NULL);
	}
}

void
viewer_resume(struct viewer *viewer)
{
	viewer_stall(viewer, false);
}

/* One frame from the customer's side.  False: no more now, or ended. */
static bool
viewer_take(struct viewer *viewer)
{
	struct stream *stream = viewer->stream;
	struct wire_msg msg;
	ssize_t len;

	if (stream->writer == viewer && !stream_takes_input(stream)) {
		viewer_stall(viewer, true);
		return false;
	}
	len = wire_recv(viewer->fd, &msg, WIRE_VIEWER_CONSOLE, NULL, NULL);
	if (len == -1 && errno == EINTR)
		return true;
	if (len == -1 && errno == EAGAIN)
		return false;
	if (len == -1 && errno == EPROTO)
		log_warn("viewer %s of %s/%s sent a malformed frame: ended",
		    viewer->who, stream->customer, stream->guest);
	if (len <= 0 || msg.head.type == WIRE_HELLO) {
		viewer_fail(viewer);
		return false;
	}
	if (msg.head.type == WIRE_TAKE) {
		stream_take(stream, viewer);
	} else if (msg.head.type == WIRE_HERE) {
		viewer->here = true;
		viewer_wake(viewer);
	} else if (stream->writer == viewer) {
		viewer->input_ms = clock_ms();
		stream_input(stream, msg.u.output.data,
		    (size_t)len - offsetof(struct wire_output, data));
	}
	return true;
}

static void
viewer_readable(evutil_socket_t fd, short what, void *arg)
{
	struct viewer *viewer = arg;
	int turn = 0;

	(void)fd;
	(void)what;
	while (turn++ < TURN_TAKE && viewer_take(viewer))
		continue;
}

static void
viewer_writable(evutil_socket_t fd, short what, void *arg)
{
	struct viewer *viewer = arg;

	(void)fd;
	(void)what;
	viewer->blocked = false;
	viewer_pump(viewer);
}

/*
 * Did it go away while its input had to wait for the guest?  Not by an event:
 * libevent has none for a socket that broke with unread frames in it, as that
 * of a killed viewer does, and would go round and round over it.
 */
static void
viewer_closed(evutil_socket_t fd, short what, void *arg)
{
	struct viewer *viewer = arg;
	struct pollfd pfd = { viewer->fd, POLLRDHUP, 0 };

	(void)fd;
	(void)what;
	if (poll(&pfd, 1, 0) == 1)
		viewer_fail(viewer);
}

static enum sent
sent(int r)
{
	if (r == 0)
		return SENT;
	return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ?
	    SENT_BLOCKED :
	    SENT_FAILED;
}

static enum sent
send_writer(struct viewer *viewer)
{
	const struct viewer *writer = viewer->stream->writer;
	struct wire_writer body = { 0 };
	enum sent result;

	body.you = writer == viewer;
	if (writer != NULL)
		(void)text_copy(body.who, sizeof(body.who), writer->who);
	result = sent(wire_send(viewer->fd, WIRE_WRITER, 0, &body, NULL, 0));
	if (result == SENT)
		viewer->writer_due = false;
	return result;
}

static enum sent
send_event(struct viewer *viewer, const char *text)
{
	struct wire_text body = { 0 };

	(void)text_copy(body.text, sizeof(body.text), text);
	return sent(wire_send(viewer->fd, WIRE_EVENT, 0, &body, NULL, 0));
}

static enum sent
send_missed(struct viewer *viewer)
{
	struct wire_missed body = { viewer->missed };
	enum sent result;

	result = sent(wire_send(viewer->fd, WIRE_MISSED, 0, &body, NULL, 0));
	if (result == SENT)
		viewer->missed = 0;
	return result;
}

static enum sent
send_end(struct viewer *viewer, int err)
{
	struct wire_outcome body = { .err = err };
	struct err_args args = { .guest = viewer->stream->guest };

	if (err != VPSH_OK)
		err_sentence(err, &args, body.text, sizeof(body.text));
	return sent(wire_send(viewer->fd, WIRE_VIEW_END, 0, &body, NULL, 0));
}

/* When what comes next came, unless that was said. */
static enum sent
send_stamp(struct viewer *viewer, int64_t wall_ms)
{
	struct wire_stamp body = { viewer->offset, wall_ms };
	enum sent result;

	if (!viewer->log || wall_ms == -1 || wall_ms == viewer->stamp_ms)
		return SENT_NOTHING;
	result = sent(wire_send(viewer->fd, WIRE_STAMP, 0, &body, NULL, 0));
	if (result == SENT)
		viewer->stamp_ms = wall_ms;
	return result;
}

static enum sent
send_mark(struct viewer *viewer, const struct ring_mark *mark)
{
	enum sent result = send_stamp(viewer, mark->wall_ms);

	if (result != SENT_NOTHING)
		return result;
	result = send_event(viewer, mark->text);
	if (result == SENT) {
		viewer->mark++;
		viewer->waiting = false;
	}
	return result;
}

/* A line for it alone. */
static enum sent
send_note(struct viewer *viewer, const char *text, bool *due)
{
	enum sent result = send_stamp(viewer, viewer->came_ms);

	if (result != SENT_NOTHING)
		return result;
	result = send_event(viewer, text);
	if (result == SENT)
		*due = false;
	return result;
}

static enum sent
send_here(struct viewer *viewer)
{
	char text[WIRE_TEXT];

	people_here(viewer->stream, text, sizeof(text));
	return send_note(viewer, text, &viewer->here);
}

/* After a restart nobody knows at once what consoles there are. */
static enum sent
send_waiting(struct viewer *viewer)
{
	const struct stream *stream = viewer->stream;

	if (stream->fd != -1)
		viewer->waiting = false;
	if (!viewer->waiting || !stream->server->told ||
	    stream_expects(stream))
		return SENT_NOTHING;
	return send_note(viewer, stream->lent ?
	    "the operator has this console for a while; waiting for it" :
	    "no console yet; waiting for the guest",
	    &viewer->waiting);
}

/* Who came and went before a viewer is for the log to say. */
static bool
is_for(const struct viewer *viewer, const struct ring_mark *mark)
{
	return viewer->log || (mark->kind != RING_TAKING &&
	    (mark->kind != RING_COMING || viewer->mark >= viewer->people));
}

/* The next mark of those that it is to see. */
static bool
next_mark(struct viewer *viewer, struct ring_mark *mark)
{
	const struct ring *ring = &viewer->stream->ring;

	while (ring_mark_at(ring, &viewer->mark, mark)) {
		if (is_for(viewer, mark))
			return true;
		viewer->mark++;
	}
	return false;
}

/* Bytes, up to limit. */
static enum sent
send_bytes(struct viewer *viewer, uint64_t limit)
{
	struct ring *ring = &viewer->stream->ring;
	const uint8_t *data;
	enum sent result;
	uint64_t next;
	size_t n;

	if (viewer->log && viewer->offset < limit) {
		result = send_stamp(viewer,
		    ring_stamp_at(ring, viewer->offset, &next));
		if (result != SENT_NOTHING)
			return result;
		if (limit > next)
			limit = next;
	}
	n = ring_peek(ring, viewer->offset, &data);
	if (n > WIRE_DATA)
		n = WIRE_DATA;
	if (n > limit - viewer->offset)
		n = (size_t)(limit - viewer->offset);
	if (n == 0)
		return SENT_NOTHING;
	result = sent(
	    wire_send_data(viewer->fd, WIRE_OUTPUT, viewer->offset, data, n));
	if (result == SENT)
		viewer->offset += n;
	return result;
}

/* The next frame that is due, in the order of the stream. */
static enum sent
send_next(struct viewer *viewer)
{
	const struct ring *ring = &viewer->stream->ring;
	uint64_t limit = ring_end(ring), start = ring_start(ring);
	struct ring_mark mark;
	enum sent result;
	bool marked;

	if (viewer->writer_due)
		return send_writer(viewer);
	if (viewer->offset < start) {
		viewer->missed += start - viewer->offset;
		viewer->offset = start;
	}
	if (viewer->missed > 0)
		return send_missed(viewer);
	if (viewer->here)
		return send_here(viewer);
	if (viewer->lost)
		return send_note(viewer,
		    "it has not come that far, or its memory was lost; here "
		    "is all of it",
		    &viewer->lost);
	marked = next_mark(viewer, &mark);
	if (marked && mark.offset <= viewer->offset)
		return send_mark(viewer, &mark);
	if (viewer->log && !viewer->follow)
		limit = viewer->until;
	if (marked && mark.offset < limit)
		limit = mark.offset;
	result = send_bytes(viewer, limit);
	return result == SENT_NOTHING ? send_waiting(viewer) : result;
}

void
viewer_wake(struct viewer *viewer)
{
	viewer->blocked = true;
	(void)event_add(viewer->writable, NULL);
}

/* Has it all that there was when it came? */
static bool
log_is_over(const struct viewer *viewer)
{
	const struct stream *stream = viewer->stream;

	if (!viewer->log || viewer->follow)
		return false;
	/* After a restart nobody knows yet what there is. */
	if (stream->ring.head == NULL && !stream->server->told)
		return false;
	return viewer->offset >= viewer->until &&
	    viewer->mark >= viewer->until_mark;
}

void
viewer_pump(struct viewer *viewer)
{
	enum sent result = SENT;
	bool over = false;
	int turn;

	if (viewer->blocked)
		return;
	for (turn = 0; turn < TURN_SEND && result == SENT && !over; turn++) {
		over = log_is_over(viewer);
		result = over ? send_end(viewer, VPSH_OK) : send_next(viewer);
		over = over && result == SENT;
	}
	if (result == SENT_FAILED || over)
		viewer_fail(viewer);
	else if (result != SENT_NOTHING)
		viewer_wake(viewer);
}

static void
viewer_free(struct viewer *viewer)
{
	if (viewer->readable != NULL)
		event_free(viewer->readable);
	if (viewer->writable != NULL)
		event_free(viewer->writable);
	if (viewer->closed != NULL)
		event_free(viewer->closed);
	fd_close(&viewer->fd);
	free(viewer);
}

struct viewer *
viewer_new(struct stream *stream, const struct wire_grant *grant,
    unsigned generation, int fd)
{
	struct event_base *base = stream->server->base;
	struct viewer *viewer = calloc(1, sizeof(*viewer));

	if (viewer == NULL) {
		fd_close(&fd);
		return NULL;
	}
	viewer->stream = stream;
	viewer->id = grant->viewer;
	viewer->generation = generation;
	viewer->log = (grant->flags & WIRE_ATTACH_LOG) != 0;
	viewer->overseer = (grant->flags & WIRE_ATTACH_OPERATOR) != 0;
	viewer->may_write = grant->may_write != 0 && !viewer->log &&
	    !viewer->overseer;
	viewer->follow = (grant->flags & WIRE_ATTACH_FOLLOW) != 0;
	viewer->boot = (grant->flags & WIRE_ATTACH_BOOT) != 0;
	viewer->from = grant->from;
	viewer->tail = grant->tail;
	viewer->since_ms = viewer->log ? grant->since_ms : -1;
	viewer->stamp_ms = -1;
	viewer->came_ms = clock_wall_ms() / 1000 * 1000;
	viewer->fd = fd;
	viewer->input_ms = clock_ms();
	(void)text_copy(viewer->who, sizeof(viewer->who), grant->who);
	viewer->readable = event_new(base, fd, EV_READ | EV_PERSIST,
	    viewer_readable, viewer);
	viewer->writable = event_new(base, fd, EV_WRITE, viewer_writable,
	    viewer);
	viewer->closed = event_new(base, -1, EV_PERSIST, viewer_closed,
	    viewer);
	if (viewer->readable == NULL || viewer->writable == NULL ||
	    viewer->closed == NULL || fd_set_nonblock(fd) == -1 ||
	    event_add(viewer->readable, NULL) == -1) {
		viewer_free(viewer);
		return NULL;
	}
	viewer->waiting = stream->fd == -1 && (!viewer->log || viewer->follow);
	viewer_place(viewer);
	stream_join(stream, viewer);
	viewer_wake(viewer);
	return viewer;
}

void
viewer_end(struct viewer *viewer, int err)
{
	/*
	 * If it does not fit, the end of file has to do: the shell asks the
	 * broker again and hears the reason from it.
	 */
	if (err != VPSH_ERR_FAILED)
		(void)send_end(viewer, err);
	stream_leave(viewer->stream, viewer);
	server_viewer_gone(viewer);
	viewer_free(viewer);
}
