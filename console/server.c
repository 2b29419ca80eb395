/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "console/server.h"
#include "wire/err.h"

/* --- streams and viewers ------------------------------------------------- */

static struct stream *
stream_find(struct server *server, const char *customer, const char *guest)
{
	struct stream *stream;

	TAILQ_FOREACH(stream, &server->streams, link)
		if (strcmp(stream->customer, customer) == 0 &&
		    strcmp(stream->guest, guest) == 0)
			return stream;
	return NULL;
}

static void
stream_drop(struct server *server, struct stream *stream)
{
	TAILQ_REMOVE(&server->streams, stream, link);
	server->nstreams--;
	stream_free(stream);
}

/* Forget guests that were asked for once and never had a console. */
static void
streams_sweep(struct server *server)
{
	struct stream *stream, *next;

	for (stream = TAILQ_FIRST(&server->streams); stream != NULL;
	     stream = next) {
		next = TAILQ_NEXT(stream, link);
		if (stream_idle(stream))
			stream_drop(server, stream);
	}
}

static struct stream *
stream_get(struct server *server, const char *customer, const char *guest)
{
	struct stream *stream = stream_find(server, customer, guest);

	if (stream != NULL)
		return stream;
	if (server->nstreams == SERVER_STREAMS_MAX)
		streams_sweep(server);
	if (server->nstreams < SERVER_STREAMS_MAX)
		stream = stream_new(server, customer, guest);
	if (stream == NULL) {
		log_error("no room for the console of %s/%s", customer, guest);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&server->streams, stream, link);
	server->nstreams++;
	return stream;
}

static struct viewer *
viewer_find(struct server *server, uint64_t id)
{
	struct stream *stream;
	struct viewer *viewer;

	TAILQ_FOREACH(stream, &server->streams, link)
		TAILQ_FOREACH(viewer, &stream->viewers, link)
			if (viewer->id == id &&
			    viewer->generation == server->generation)
				return viewer;
	return NULL;
}

/* The viewers of brokers that are no more had time enough. */
static void
orphans_end(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;
	struct stream *stream;
	struct viewer *viewer, *next;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(stream, &server->streams, link) {
		for (viewer = TAILQ_FIRST(&stream->viewers); viewer != NULL;
		     viewer = next) {
			next = TAILQ_NEXT(viewer, link);
			if (viewer->generation != server->generation)
				viewer_end(viewer, VPSH_ERR_FAILED);
		}
	}
}

/* --- the watcher --------------------------------------------------------- */

/* Is that file the ring of another stream?  Then it is not this one's. */
static bool
ring_is_taken(const struct server *server, const struct stream *stream, int fd)
{
	const struct stream *other;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return true;
	TAILQ_FOREACH(other, &server->streams, link)
		if (other != stream && other->ring.file &&
		    other->ring.dev == st.st_dev &&
		    other->ring.ino == st.st_ino)
			return true;
	return false;
}

/*
 * One pty cannot be two guests' consoles.  Which of the two it is cannot be
 * known here, so neither of them gets it and the watcher has to prove both
 * again.
 */
static bool
pty_is_taken(struct server *server, const struct stream *stream, int fd)
{
	struct stream *other;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return true;
	TAILQ_FOREACH(other, &server->streams, link) {
		if (other == stream || other->fd == -1 ||
		    other->tty != st.st_rdev)
			continue;
		log_error("one console was handed over for %s/%s and %s/%s: "
			  "used for neither",
		    stream->customer, stream->guest, other->customer,
		    other->guest);
		stream_close(other, "console closed; waiting for the guest");
		server_lost(other);
		return true;
	}
	return false;
}

static void
watch_pty(struct server *server, const struct wire_pty *who, int fds[])
{
	struct stream *stream = stream_get(server, who->customer, who->guest);

	point("console-pty");
	if (stream == NULL || pty_is_taken(server, stream, fds[0])) {
		fd_close(&fds[0]);
		fd_close(&fds[1]);
		channel_send(&server->watch, WIRE_PTY_LOST, who);
	} else {
		if (ring_is_taken(server, stream, fds[2])) {
			log_error("ring for %s/%s is another guest's: "
				  "not used",
			    who->customer, who->guest);
			fd_close(&fds[2]);
		}
		if (stream_open(stream, who, fds[0], fds[1], fds[2]) == -1)
			channel_send(&server->watch, WIRE_PTY_LOST, who);
	}
	fd_close(&fds[2]);
}

/* Of a guest that is off: its log is all that it has. */
static void
watch_ring(struct server *server, const struct wire_pty *who, int *fd)
{
	struct stream *stream = stream_get(server, who->customer, who->guest);

	if (stream != NULL && !ring_is_taken(server, stream, *fd))
		stream_remember(stream, *fd);
	if (stream != NULL && (who->flags & WIRE_PTY_OFF) != 0)
		stream_unread(stream, 0);
	fd_close(fd);
}

/*
 * It is let go before that is answered: whoever takes it next is alone with
 * it.  Also said anew to a server that never had it.
 */
static void
watch_lend(struct server *server, const struct wire_pty *who)
{
	struct stream *stream = stream_get(server, who->customer, who->guest);

	if (stream != NULL)
		stream_lend(stream);
	channel_send(&server->watch, WIRE_PTY_LOST, who);
}

/* It ended while neither we nor the watcher had its console. */
static void
watch_unread(struct server *server, const struct wire_pty *who)
{
	struct stream *stream = stream_get(server, who->customer, who->guest);

	if (stream != NULL)
		stream_unread(stream, who->boot);
}

static void
watch_drop(struct server *server, const struct wire_pty *who)
{
	struct stream *stream = stream_find(server, who->customer, who->guest);

	if ((who->flags & WIRE_PTY_LENT) != 0) {
		watch_lend(server, who);
		return;
	}
	if (stream != NULL && (who->flags & WIRE_PTY_FORGET) != 0) {
		/* Its viewers ask the broker again and hear why. */
		stream_close(stream, "");
		stream_drop(server, stream);
		return;
	}
	if (stream == NULL ||
	    memcmp(stream->pty.uuid, who->uuid, WIRE_UUID) != 0) {
		if ((who->flags & WIRE_PTY_UNREAD) != 0)
			watch_unread(server, who);
		return;
	}
	stream_close(stream, "console closed; waiting for the guest");
	if ((who->flags & WIRE_PTY_DIED) != 0)
		stream_gap(stream, "the host's console daemon died; lines "
				   "may be missing here");
}

static bool
watch_frame(void *arg, struct wire_msg *msg, int fds[], size_t nfds)
{
	struct server *server = arg;

	(void)nfds;
	if (!text_is_name(msg->u.pty.customer) ||
	    !text_is_name(msg->u.pty.guest)) {
		while (nfds > 0)
			fd_close(&fds[--nfds]);
		return false;
	}
	if (msg->head.type == WIRE_PTY)
		watch_pty(server, &msg->u.pty, fds);
	else if (msg->head.type == WIRE_RING)
		watch_ring(server, &msg->u.pty, &fds[0]);
	else
		watch_drop(server, &msg->u.pty);
	return true;
}

static void
watch_hello(void *arg)
{
	const struct timeval time = { SERVER_TELL_S, 0 };
	struct server *server = arg;

	log_info("the watcher is here");
	if (!server->told)
		(void)event_add(server->tell, &time);
}

/*
 * Whoever still waits for a ring waits for one that is not there; a console
 * takes longer, since it has to be proven to be the right one.
 */
static void
watch_has_told(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;
	struct stream *stream;
	struct viewer *viewer;
	struct timeval time;
	int64_t left;

	(void)fd;
	(void)what;
	server->told = true;
	left = server->began_ms + STREAM_EXPECT_MS - clock_ms();
	if (left > 0) {
		time.tv_usec = left % 1000 * 1000;
		time.tv_sec = left / 1000;
		(void)event_add(server->tell, &time);
	}
	TAILQ_FOREACH(stream, &server->streams, link)
		TAILQ_FOREACH(viewer, &stream->viewers, link)
			viewer_wake(viewer);
}

static void
peer_gone(void *arg)
{
	(void)arg;
}

static const struct channel_ops watch_ops = { .hello = watch_hello,
	.frame = watch_frame,
	.gone = peer_gone };

/* --- the broker ---------------------------------------------------------- */

static void
broker_grant(struct server *server, const struct wire_grant *grant, int fd)
{
	struct wire_viewer gone = { grant->viewer };
	struct stream *stream = NULL;

	if (server->nviewers < SERVER_VIEWERS_MAX)
		stream = stream_get(server, grant->customer, grant->guest);
	if (stream == NULL)
		fd_close(&fd);
	if (stream == NULL ||
	    viewer_new(stream, grant, server->generation, fd) == NULL) {
		log_error("no room for a viewer of %s/%s", grant->customer,
		    grant->guest);
		channel_send(&server->broker, WIRE_VIEWER_GONE, &gone);
		return;
	}
	server->nviewers++;
}

static bool
broker_stream(struct server *server, uint32_t type,
    const struct wire_stream *which)
{
	struct wire_stream drained = *which;
	struct stream *stream;

	if (!text_is_name(which->customer) || !text_is_name(which->guest))
		return false;
	stream = stream_find(server, which->customer, which->guest);
	if (stream != NULL && type == WIRE_MARK)
		stream_told(stream, which->text);
	else if (stream != NULL)
		stream_drain(stream);
	else if (type == WIRE_DRAIN) {
		/* A console that was never ours is silent already. */
		memset(drained.text, 0, sizeof(drained.text));
		channel_send(&server->broker, WIRE_DRAINED, &drained);
	}
	return true;
}

static bool
broker_frame(void *arg, struct wire_msg *msg, int fds[], size_t nfds)
{
	struct server *server = arg;
	struct viewer *viewer;

	(void)nfds;
	switch (msg->head.type) {
	case WIRE_GRANT:
		if (!text_is_name(msg->u.grant.customer) ||
		    !text_is_name(msg->u.grant.guest)) {
			fd_close(&fds[0]);
			return false;
		}
		broker_grant(server, &msg->u.grant, fds[0]);
		return true;
	case WIRE_REVOKE:
		viewer = viewer_find(server, msg->u.viewer.viewer);
		if (viewer != NULL)
			viewer_end(viewer, VPSH_ERR_REVOKED);
		return true;
	case WIRE_DRAIN:
	case WIRE_MARK:
		return broker_stream(server, msg->head.type, &msg->u.stream);
	default:
		return false;
	}
}

/* A broker knows nothing of what its predecessor was told. */
static void
broker_hello(void *arg)
{
	const struct timeval grace = { SERVER_ORPHAN_S, 0 };
	struct server *server = arg;
	struct stream *stream;

	server->generation++;
	(void)event_add(server->orphans, &grace);
	TAILQ_FOREACH(stream, &server->streams, link)
		if (stream->fd != -1)
			server_ready(stream);
}

static const struct channel_ops broker_ops = { .hello = broker_hello,
	.frame = broker_frame,
	.gone = peer_gone };

/* --- the supervisor ------------------------------------------------------ */

static bool
super_frame(void *arg, struct wire_msg *msg, int fds[], size_t nfds)
{
	struct server *server = arg;
	struct channel *to = NULL;

	if (msg->head.type == WIRE_PING) {
		channel_send(&server->super, WIRE_PONG, &msg->u.serial);
		return true;
	}
	if (msg->head.type == WIRE_PEER && msg->u.peer.role == WIRE_ROLE_BROKER)
		to = &server->broker;
	if (msg->head.type == WIRE_PEER && msg->u.peer.role == WIRE_ROLE_WATCH)
		to = &server->watch;
	if (to == NULL) {
		while (nfds > 0)
			fd_close(&fds[--nfds]);
		return false;
	}
	channel_open(to, fds[0]);
	return true;
}

static void
super_hello(void *arg)
{
	(void)arg;
}

/* Without a supervisor nobody restarts anybody: it starts us afresh. */
static void
super_gone(void *arg)
{
	struct server *server = arg;

	(void)event_base_loopbreak(server->base);
}

static const struct channel_ops super_ops = { .hello = super_hello,
	.frame = super_frame,
	.gone = super_gone };

int
server_init(struct server *server, struct event_base *base, int control)
{
	const struct timeval alone = { SERVER_ALONE_S, 0 };

	memset(server, 0, sizeof(*server));
	server->base = base;
	server->began_ms = clock_ms();
	TAILQ_INIT(&server->streams);
	channel_init(&server->super, base, "the supervisor",
	    WIRE_ROLE_SUPERVISOR, WIRE_SUPER_CHILD, &super_ops, server);
	channel_init(&server->broker, base, "the broker", WIRE_ROLE_BROKER,
	    WIRE_BROKER_CONSOLE, &broker_ops, server);
	channel_init(&server->watch, base, "the watcher", WIRE_ROLE_WATCH,
	    WIRE_WATCH_CONSOLE, &watch_ops, server);
	server->orphans = evtimer_new(base, orphans_end, server);
	server->tell = evtimer_new(base, watch_has_told, server);
	if (server->orphans == NULL || server->tell == NULL ||
	    event_add(server->tell, &alone) == -1)
		return -1;
	/* One that is gone already will not be noticed later on. */
	channel_open(&server->super, control);
	return server->super.fd == -1 ? -1 : 0;
}

void
server_free(struct server *server)
{
	struct stream *stream;

	server->ending = true;
	channel_close(&server->super);
	channel_close(&server->broker);
	channel_close(&server->watch);
	while ((stream = TAILQ_FIRST(&server->streams)) != NULL)
		stream_drop(server, stream);
	event_free(server->orphans);
	event_free(server->tell);
}

/* --- news for the others ------------------------------------------------- */

void
server_ready(struct stream *stream)
{
	channel_send(&stream->server->broker, WIRE_READY, &stream->pty);
}

void
server_lost(struct stream *stream)
{
	channel_send(&stream->server->watch, WIRE_PTY_LOST, &stream->pty);
}

void
server_drained(struct stream *stream)
{
	struct wire_stream body = { 0 };

	(void)text_copy(body.customer, sizeof(body.customer), stream->customer);
	(void)text_copy(body.guest, sizeof(body.guest), stream->guest);
	channel_send(&stream->server->broker, WIRE_DRAINED, &body);
}

void
server_viewer_gone(struct viewer *viewer)
{
	struct server *server = viewer->stream->server;
	struct wire_viewer body = { viewer->id };

	server->nviewers--;
	if (viewer->generation == server->generation)
		channel_send(&server->broker, WIRE_VIEWER_GONE, &body);
}
