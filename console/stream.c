/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "console/people.h"
#include "console/server.h"
#include "console/stream.h"
#include "wire/err.h"

/*
 * Bytes taken from one pty in one turn of the loop: a guest that floods its
 * console leaves the others their turn.
 */
#define TURN_BYTES 32768

/*
 * A read that gives less has emptied the pty: asking once more would only
 * keep the echo of a key waiting.
 */
#define TURN_SHORT 256

/* A guest that gave TURN_BYTES may rest so long. */
#define REST_US 1000

#define MARK_CLOSED "console closed; waiting for the guest"
#define MARK_UNREAD "the guest ended with its console unread; lines may be " \
		    "missing here"

_Static_assert(sizeof(MARK_UNREAD) <= RING_MARK_TEXT, "it is shown whole");

/* Bytes of an old pty that are still taken when a new one replaces it. */
#define REST_BYTES 65536

static void stream_drained(struct stream *);

static void
stream_pump(struct stream *stream)
{
	struct viewer *viewer, *next;

	for (viewer = TAILQ_FIRST(&stream->viewers); viewer != NULL;
	     viewer = next) {
		next = TAILQ_NEXT(viewer, link);
		viewer_pump(viewer);
	}
}

static void
mark_put(struct stream *stream, const char *text, enum ring_kind kind)
{
	struct viewer *viewer;
	uint64_t gone;

	if (ring_ready(&stream->ring, stream->customer, stream->guest) == -1)
		return;
	gone = ring_mark(&stream->ring, clock_wall_ms(), kind, text);
	TAILQ_FOREACH(viewer, &stream->viewers, link) {
		if (gone != RING_NONE)
			viewer_renumber(viewer, gone);
		viewer_wake(viewer);
	}
}

void
stream_mark(struct stream *stream, const char *text)
{
	mark_put(stream, text, RING_PLAIN);
}

void
stream_told(struct stream *stream, const char *text)
{
	stream->told = stream->fd != -1;
	mark_put(stream, text, RING_PLAIN);
}

void
stream_people(struct stream *stream, enum ring_kind kind, const char *text)
{
	/* What there is may still be on its way to us. */
	if (stream->ring.head != NULL)
		mark_put(stream, text, kind);
}

void
stream_gap(struct stream *stream, const char *text)
{
	if (ring_ready(&stream->ring, stream->customer, stream->guest) == -1)
		return;
	/* Said: no need to say it again when there is another pty. */
	memset(&stream->ring.head->tty, 0, sizeof(stream->ring.head->tty));
	mark_put(stream, text, RING_GAP);
}

void
stream_unread(struct stream *stream, uint64_t boot)
{
	const struct ring_head *head = stream->ring.head;
	bool torn = head != NULL && head->tty.made_ns != 0 &&
	    head->tty.ended == 0;
	bool unseen = boot != 0 && (head == NULL || head->boot != boot);

	if (stream->fd == -1 && (torn || unseen))
		stream_gap(stream, MARK_UNREAD);
}

/* --- the pty ------------------------------------------------------------- */

static void
input_forget(struct stream *stream)
{
	free(stream->input);
	stream->input = NULL;
	stream->input_len = 0;
	if (stream->writer != NULL)
		viewer_resume(stream->writer);
}

/* Give up pty and lock, in this order: xl console may come in after us. */
static void
pty_release(struct stream *stream)
{
	if (stream->readable != NULL)
		event_free(stream->readable);
	if (stream->writable != NULL)
		event_free(stream->writable);
	if (stream->rest != NULL)
		event_free(stream->rest);
	stream->readable = stream->writable = stream->rest = NULL;
	fd_close(&stream->fd);
	fd_close(&stream->lock);
}

static void
pty_close(struct stream *stream)
{
	pty_release(stream);
	/* Keys for a guest that is gone are not for its next boot. */
	input_forget(stream);
	stream->closed = true;
	if (stream->draining)
		stream_drained(stream);
}

void
stream_close(struct stream *stream, const char *text)
{
	if (stream->fd == -1)
		return;
	if (!stream->told)
		stream_mark(stream, text);
	pty_close(stream);
	/* Or whoever knows better says so. */
	if (stream->ring.head != NULL)
		stream->ring.head->tty.ended = 1;
}

/*
 * Take up to max bytes, for as long as a read gives no less than that.  False
 * when the pty hung up, which Linux shows as 0 or as EIO.
 */
static bool
pty_take(struct stream *stream, size_t max, size_t least)
{
	size_t taken = 0;
	ssize_t n = 0;

	while (taken < max) {
		n = ring_read(&stream->ring, stream->fd, clock_wall_ms());
		if (n > 0)
			taken += (size_t)n;
		else if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0 || (size_t)n < least)
			break;
	}
	if (taken > 0) {
		stream->heard_ms = clock_ms();
		/* It did not go off, or has more to say than that. */
		stream->told = false;
	}
	return n > 0 || (n == -1 && errno == EAGAIN);
}

/*
 * A guest that floods faster than its viewers can read is read a little
 * slower: else what they are owed would be overwritten, and the time that
 * they need spent on that.  Still a hundred times what xenconsoled takes
 * from a guest, so that no viewer can hold one up.
 */
static void
pty_rest(struct stream *stream)
{
	const struct timeval time = { 0, REST_US };
	const struct viewer *viewer;

	TAILQ_FOREACH(viewer, &stream->viewers, link)
		if (viewer->blocked)
			break;
	if (viewer != NULL && event_add(stream->rest, &time) == 0)
		(void)event_del(stream->readable);
}

static void
pty_rested(evutil_socket_t fd, short what, void *arg)
{
	struct stream *stream = arg;

	(void)fd;
	(void)what;
	(void)event_add(stream->readable, NULL);
}

static void
stream_readable(evutil_socket_t fd, short what, void *arg)
{
	struct stream *stream = arg;
	const uint64_t before = ring_end(&stream->ring);

	(void)fd;
	(void)what;
	if (!pty_take(stream, TURN_BYTES, TURN_SHORT)) {
		stream_close(stream, MARK_CLOSED);
		server_lost(stream);
	}
	stream_pump(stream);
	if (stream->fd != -1 && ring_end(&stream->ring) - before >= TURN_BYTES)
		pty_rest(stream);
}

/* Put waiting keys into the pty as far as it takes them. */
static void
input_flush(struct stream *stream)
{
	ssize_t n;

	while (stream->input_len > 0) {
		n = write(stream->fd, stream->input, stream->input_len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			(void)event_add(stream->writable, NULL);
			break;
		}
		if (n <= 0) {
			/* It hung up: the next read says so. */
			stream->input_len = 0;
			break;
		}
		stream->input_len -= (size_t)n;
		memmove(stream->input, stream->input + n, stream->input_len);
	}
	if (stream->input_len == 0)
		input_forget(stream);
	else if (stream->writer != NULL &&
	    stream->input_len <= STREAM_INPUT / 2)
		viewer_resume(stream->writer);
}

static void
stream_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	input_flush(arg);
}

bool
stream_expects(const struct stream *stream)
{
	return stream->pty.boot == 0 && !stream->closed &&
	    clock_ms() - stream->server->began_ms < STREAM_EXPECT_MS;
}

bool
stream_takes_input(const struct stream *stream)
{
	return stream->fd == -1 ||
	    stream->input_len + WIRE_DATA <= STREAM_INPUT;
}

void
stream_input(struct stream *stream, const uint8_t *data, size_t len)
{
	if (stream->fd == -1 && (!stream_expects(stream) ||
	    stream->input_len + len > STREAM_INPUT))
		return;
	if (stream->input == NULL) {
		stream->input = malloc(STREAM_INPUT);
		if (stream->input == NULL) {
			log_error("no memory for input to %s/%s: %zu bytes "
				  "lost",
			    stream->customer, stream->guest, len);
			return;
		}
	}
	memcpy(stream->input + stream->input_len, data, len);
	stream->input_len += len;
	if (stream->fd != -1)
		input_flush(stream);
}

/* --- a new pty ----------------------------------------------------------- */

/*
 * Find the bytes of earlier boots, or of before we were restarted.  Without
 * a usable file there is memory, and the console works all the same.
 */
static int
ring_find(struct stream *stream, int fd)
{
	bool had = stream->ring.head != NULL;
	uint64_t end = ring_end(&stream->ring);
	enum ring_found found = RING_SAME;
	struct viewer *viewer;

	if (fd != -1 &&
	    ring_bind(&stream->ring, fd, stream->customer, stream->guest,
		&found) == -1)
		log_error("ring of %s/%s cannot be used (%s): its bytes are "
			  "kept in memory",
		    stream->customer, stream->guest, strerror(errno));
	if (found == RING_REFUSED)
		log_error("ring of %s/%s was damaged or another guest's: "
			  "started afresh",
		    stream->customer, stream->guest);
	if (ring_ready(&stream->ring, stream->customer, stream->guest) == -1)
		return -1;
	TAILQ_FOREACH(viewer, &stream->viewers, link) {
		if (!had)
			viewer_place(viewer);
		else if (ring_end(&stream->ring) != end)
			viewer_move_on(viewer);
		viewer_wake(viewer);
	}
	if (found == RING_TORN)
		stream_gap(stream,
		    "console service restarted; bytes may be missing here");
	return 0;
}

void
stream_remember(struct stream *stream, int ring)
{
	if (stream->ring.head == NULL)
		(void)ring_find(stream, ring);
}

static bool
pty_prepare(const struct stream *stream, int pty, struct ring_tty *tty)
{
	struct stat st;

	if (fstat(pty, &st) == -1 || !S_ISCHR(st.st_mode) || !isatty(pty) ||
	    fd_set_nonblock(pty) == -1) {
		log_error("console of %s/%s is no terminal: not used",
		    stream->customer, stream->guest);
		return false;
	}
	memset(tty, 0, sizeof(*tty));
	tty->rdev = st.st_rdev;
	tty->made_ns = st.st_ctim.tv_sec * INT64_C(1000000000) +
	    st.st_ctim.tv_nsec;
	return true;
}

/*
 * The console daemon was another one when this domain was last read, and
 * what was unread went with it.  The watcher says so if it has seen that
 * happen; there may have been none, and none of us.
 */
static void
pty_compare(struct stream *stream, const struct wire_pty *who,
    struct ring_tty *tty)
{
	struct ring_head *head = stream->ring.head;

	tty->domid = who->domid;
	tty->ended = head->tty.ended;
	if (head->tty.made_ns != 0 && head->tty.domid != tty->domid)
		stream_unread(stream, 0);
	else if (head->tty.made_ns != 0 &&
	    memcmp(&head->tty, tty, sizeof(*tty)) != 0)
		stream_gap(stream, "the host's console daemon was restarted; "
				   "lines may be missing here");
	tty->ended = 0;
	stream->ring.head->tty = *tty;
}

/*
 * Say that there is a console again, unless nobody noticed that not.  A boot
 * number of 0 is that of a domain whose boots nobody counts.
 */
static void
mark_opened(struct stream *stream, const struct wire_pty *who, bool renewed)
{
	bool boot = ring_set_boot(&stream->ring, who->boot) || who->boot == 0;
	char text[RING_MARK_TEXT];

	if (renewed)
		return;
	if (who->boot != 0)
		(void)text_format(text, sizeof(text),
		    "console opened%s (boot %llu)", boot ? "" : " again",
		    (unsigned long long)who->boot);
	else
		(void)text_copy(text, sizeof(text), "console opened");
	mark_put(stream, text, boot ? RING_BOOT : RING_PLAIN);
}

/* Bytes that the operator's tool has read are not here. */
static void
mark_returned(struct stream *stream)
{
	if (stream->lent)
		stream_gap(stream, "the operator had this console; what was "
				   "printed meanwhile is missing");
	stream->lent = false;
}

static int
pty_listen(struct stream *stream)
{
	struct event_base *base = stream->server->base;

	stream->readable = event_new(base, stream->fd, EV_READ | EV_PERSIST,
	    stream_readable, stream);
	stream->writable = event_new(base, stream->fd, EV_WRITE,
	    stream_writable, stream);
	stream->rest = evtimer_new(base, pty_rested, stream);
	if (stream->readable == NULL || stream->writable == NULL ||
	    stream->rest == NULL)
		return -1;
	return event_add(stream->readable, NULL);
}

/* The same boot's console: handed over again, or found after our restart. */
static bool
is_renewal(const struct stream *stream, const struct wire_pty *who)
{
	if (stream->closed)
		return false;
	if (stream->pty.boot != 0 || stream->fd != -1)
		return stream->pty.boot == who->boot &&
		    memcmp(stream->pty.uuid, who->uuid, WIRE_UUID) == 0;
	return stream->ring.head != NULL && who->boot != 0 &&
	    stream->ring.head->boot == who->boot;
}

void
stream_lend(struct stream *stream)
{
	struct viewer *viewer;

	stream->lent = true;
	if (stream->fd != -1) {
		(void)pty_take(stream, REST_BYTES, 0);
		pty_close(stream);
	}
	stream->closed = true;
	TAILQ_FOREACH(viewer, &stream->viewers, link)
		viewer_wake(viewer);
}

/* What of the old pty is still good when a new one takes its place. */
static void
pty_replace(struct stream *stream, bool renewed)
{
	if (stream->fd == -1)
		return;
	(void)pty_take(stream, REST_BYTES, 0);
	pty_release(stream);
	if (!renewed)
		input_forget(stream);
}

int
stream_open(struct stream *stream, const struct wire_pty *who, int pty,
    int lock, int ring)
{
	const bool expected = stream->fd != -1 || stream_expects(stream);
	struct ring_tty tty;
	bool renewed;

	if (!pty_prepare(stream, pty, &tty) || ring_find(stream, ring) == -1) {
		fd_close(&pty);
		fd_close(&lock);
		return -1;
	}
	renewed = is_renewal(stream, who);
	pty_replace(stream, renewed && tty.rdev == stream->tty);
	pty_compare(stream, who, &tty);
	stream->fd = pty;
	stream->lock = lock;
	stream->tty = (dev_t)tty.rdev;
	stream->pty = *who;
	stream->closed = stream->told = false;
	stream->heard_ms = clock_ms();
	mark_returned(stream);
	if (pty_listen(stream) == -1) {
		stream_close(stream, MARK_CLOSED);
		return -1;
	}
	mark_opened(stream, who, renewed);
	/* What waited for longer was not meant for now. */
	if (!expected)
		input_forget(stream);
	input_flush(stream);
	server_ready(stream);
	return 0;
}

/* --- drain --------------------------------------------------------------- */

static void
drain_wait(struct stream *stream, int64_t ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	if (event_add(stream->drain, &tv) == -1)
		stream_drained(stream);
}

static void
stream_drained(struct stream *stream)
{
	point("console-drained");
	stream->draining = false;
	(void)event_del(stream->drain);
	server_drained(stream);
}

static void
drain_timer(evutil_socket_t fd, short what, void *arg)
{
	struct stream *stream = arg;
	int64_t now = clock_ms(), left;

	(void)fd;
	(void)what;
	left = stream->heard_ms + STREAM_QUIET_MS - now;
	/* Once it is here, silence counts from its opening. */
	if (stream->fd == -1 && stream_expects(stream))
		left = STREAM_QUIET_MS;
	if (left > stream->drain_until - now)
		left = stream->drain_until - now;
	if (left > 0)
		drain_wait(stream, left);
	else
		stream_drained(stream);
}

void
stream_drain(struct stream *stream)
{
	int64_t now = clock_ms();

	/* After a restart it may be about to be proven, with bytes in it. */
	if (stream->fd == -1 && !stream_expects(stream)) {
		stream_drained(stream);
		return;
	}
	stream->draining = true;
	stream->drain_until = now + STREAM_DRAIN_MS;
	/* Silence counts from here: what is on its way is still coming. */
	stream->heard_ms = now;
	drain_wait(stream, STREAM_QUIET_MS);
}

/* --- viewers ------------------------------------------------------------- */

static void
writer_set(struct stream *stream, struct viewer *writer)
{
	struct viewer *viewer;

	/* Whoever had to wait with its keys need not any more. */
	if (stream->writer != NULL)
		viewer_resume(stream->writer);
	stream->writer = writer;
	TAILQ_FOREACH(viewer, &stream->viewers, link) {
		viewer->writer_due = !viewer->log;
		viewer_wake(viewer);
	}
}

/* A phone drops its line and calls again: the old session gives way. */
static bool
gives_way(const struct viewer *writer, const struct viewer *to)
{
	return strcmp(writer->who, to->who) == 0 &&
	    clock_ms() - writer->input_ms >= STREAM_SILENT_MS;
}

void
stream_join(struct stream *stream, struct viewer *viewer)
{
	TAILQ_INSERT_TAIL(&stream->viewers, viewer, link);
	people_came(stream, viewer);
	if (viewer->may_write && stream->writer == NULL) {
		writer_set(stream, viewer);
	} else if (viewer->may_write && gives_way(stream->writer, viewer)) {
		people_took(stream, viewer);
		writer_set(stream, viewer);
	}
	viewer->writer_due = !viewer->log;
}

void
stream_leave(struct stream *stream, struct viewer *viewer)
{
	struct viewer *other;

	people_left(stream, viewer);
	TAILQ_REMOVE(&stream->viewers, viewer, link);
	if (stream->writer != viewer)
		return;
	stream->writer = NULL;
	TAILQ_FOREACH(other, &stream->viewers, link)
		if (other->may_write)
			break;
	writer_set(stream, other);
}

void
stream_take(struct stream *stream, struct viewer *viewer)
{
	if (viewer->may_write && stream->writer != viewer) {
		viewer->input_ms = clock_ms();
		if (stream->writer != NULL)
			people_took(stream, viewer);
		writer_set(stream, viewer);
	} else {
		viewer->writer_due = !viewer->log;
		viewer_wake(viewer);
	}
}

/* --- life ---------------------------------------------------------------- */

struct stream *
stream_new(struct server *server, const char *customer, const char *guest)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->server = server;
	stream->fd = stream->lock = -1;
	ring_init(&stream->ring);
	TAILQ_INIT(&stream->viewers);
	(void)text_copy(stream->customer, sizeof(stream->customer), customer);
	(void)text_copy(stream->guest, sizeof(stream->guest), guest);
	stream->drain = evtimer_new(server->base, drain_timer, stream);
	if (stream->drain == NULL) {
		free(stream);
		return NULL;
	}
	return stream;
}

void
stream_free(struct stream *stream)
{
	struct viewer *viewer;

	while ((viewer = TAILQ_FIRST(&stream->viewers)) != NULL)
		viewer_end(viewer, VPSH_ERR_FAILED);
	pty_release(stream);
	input_forget(stream);
	event_free(stream->drain);
	ring_free(&stream->ring);
	free(stream);
}

bool
stream_idle(const struct stream *stream)
{
	return stream->fd == -1 && stream->ring.head == NULL &&
	    TAILQ_EMPTY(&stream->viewers);
}
