/* SPDX-License-Identifier: ISC */
#ifndef CONSOLE_STREAM_H
#define CONSOLE_STREAM_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "console/ring.h"
#include "console/viewer.h"
#include "wire/wire.h"

struct server;

/*
 * One guest's console over all its boots, named by (customer, guest): the
 * pty while the guest has one, its ring, and who watches.  It is read all
 * the time, watched or not: what is not read dies with the domain.
 */

/* Input that waits for the guest to take it. */
#define STREAM_INPUT	65536

/* A writer of the same customer that was silent this long gives way. */
#define STREAM_SILENT_MS 10000

/* After its start a server waits so long for the consoles that there are. */
#define STREAM_EXPECT_MS 3000

/* Drained is: silent this long, or this long after it was asked for. */
#define STREAM_QUIET_MS	500
#define STREAM_DRAIN_MS	3000

struct stream {
	TAILQ_ENTRY(stream)	 link;		/* server::streams */
	struct server		*server;
	char			 customer[WIRE_NAME];
	char			 guest[WIRE_NAME];

	struct wire_pty		 pty;		/* who is at the pty */
	int			 fd;		/* the pty; -1: none */
	int			 lock;		/* held while fd is */
	dev_t			 tty;
	bool			 closed;	/* it was lost or dropped */
	bool			 lent;		/* an operator's tool has it */
	bool			 told;		/* why the guest goes off */
	struct event		*readable;
	struct event		*writable;
	struct event		*rest;		/* while it is not read */
	struct ring		 ring;

	TAILQ_HEAD(, viewer)	 viewers;	/* oldest first */
	struct viewer		*writer;
	uint8_t			*input;		/* NULL: empty */
	size_t			 input_len;

	bool			 draining;
	int64_t			 drain_until;
	int64_t			 heard_ms;	/* the guest's last byte */
	struct event		*drain;
};

/* NULL when there is no memory.  stream_free() ends its viewers. */
struct stream	*stream_new(struct server *server, const char *customer,
		    const char *guest);
void		 stream_free(struct stream *stream);

/* Has it nothing that anybody could miss? */
bool		 stream_idle(const struct stream *stream);

/*
 * Serve this pty, which the watcher has proven to be the guest's.  pty and
 * lock belong to the stream from now on, ring stays the caller's; it may be
 * -1.  Returns 0, or -1 when it cannot be served; both are closed then.
 */
int		 stream_open(struct stream *stream, const struct wire_pty *who,
		    int pty, int lock, int ring);

/*
 * The ring of a guest that has no console now, so that its log can be seen.
 * It stays the caller's.
 */
void		 stream_remember(struct stream *stream, int ring);

/* Let the pty go, if it has one; text is the mark. */
void		 stream_close(struct stream *stream, const char *text);

/*
 * The same, for a tool of the operator's.  What came until then is taken;
 * the broker has it marked.
 */
void		 stream_lend(struct stream *stream);

/* A line for all viewers, in its place in the stream. */
void		 stream_mark(struct stream *stream, const char *text);

/* The same, of why the guest goes off: that its console closes says less. */
void		 stream_told(struct stream *stream, const char *text);

/* The same, of people; see people.h.  Not if there is no ring yet. */
void		 stream_people(struct stream *stream, enum ring_kind kind,
		    const char *text);

/* The same, that bytes are missing; also for who comes back to that place. */
void		 stream_gap(struct stream *stream, const char *text);

/*
 * Its domain is gone, or was not found: say that bytes of it may be missing,
 * unless it was read to its end.  boot: of that domain, 0 if not known.
 */
void		 stream_unread(struct stream *stream, uint64_t boot);

/* Answer DRAINED when the guest has nothing more to say. */
void		 stream_drain(struct stream *stream);

/* Viewers come and go; the first that may write does. */
void		 stream_join(struct stream *stream, struct viewer *viewer);
void		 stream_leave(struct stream *stream, struct viewer *viewer);

/* Give the write side to one that may have it. */
void		 stream_take(struct stream *stream, struct viewer *viewer);

/* Has the watcher perhaps a console for it that a new server lacks yet? */
bool		 stream_expects(const struct stream *stream);

/* Is there room for one more frame of input? */
bool		 stream_takes_input(const struct stream *stream);

/* Keys for the guest; at most WIRE_DATA, after stream_takes_input(). */
void		 stream_input(struct stream *stream, const uint8_t *data,
		    size_t len);

#endif
