/* SPDX-License-Identifier: ISC */
#ifndef CONSOLE_VIEWER_H
#define CONSOLE_VIEWER_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "wire/wire.h"

struct stream;

/*
 * One attached session: a socket, and an offset of its own into the
 * stream's ring.  One that does not read holds up nobody: what falls out of
 * the ring meanwhile is missed by it alone, and it is told how much that was.
 *
 * What comes from the socket is a customer's: any mistake in it ends this
 * viewer and nothing else.
 */
struct viewer {
	TAILQ_ENTRY(viewer)	 link;		/* stream::viewers */
	struct stream		*stream;
	uint64_t		 id;		/* of the broker that granted */
	unsigned		 generation;	/* which broker that was */
	char			 who[WIRE_NAME];
	bool			 overseer;	/* only watches */
	bool			 may_write;
	bool			 log;		/* is told when bytes came */
	bool			 follow;	/* a log with no end */
	uint64_t		 from;		/* as asked for */
	size_t			 tail;
	bool			 boot;		/* and no earlier boot */
	int64_t			 since_ms;	/* and not before; -1 */

	int			 fd;
	struct event		*readable;
	struct event		*writable;
	struct event		*closed;	/* while stalled */
	bool			 blocked;	/* waits for writable */
	bool			 stalled;	/* its input has to wait */

	uint64_t		 offset;	/* of the next byte to send */
	uint64_t		 missed;	/* bytes to tell of */
	uint64_t		 mark;		/* the next to send */
	uint64_t		 people;	/* marks of them from here on */
	int64_t			 stamp_ms;	/* the last sent, -1 */
	uint64_t		 until;		/* where a log ends, ... */
	uint64_t		 until_mark;	/* ...behind these marks */
	bool			 writer_due;	/* WRITER to be sent */
	bool			 lost;		/* tell it: bytes are lost */
	bool			 waiting;	/* tell it: no console yet */
	bool			 here;		/* tell it who is here */
	int64_t			 came_ms;	/* by the wall clock */
	int64_t			 input_ms;	/* of its last key */
};

/*
 * Make a viewer of fd, which it owns from now on, and have it join the
 * stream.  NULL when it cannot be served; fd is closed then.
 */
struct viewer	*viewer_new(struct stream *stream,
		    const struct wire_grant *grant, unsigned generation,
		    int fd);

/* Take the asked-for place in the stream's ring as it is now. */
void		 viewer_place(struct viewer *viewer);

/* The stream's bytes are other ones now: go on with what comes. */
void		 viewer_move_on(struct viewer *viewer);

/* The mark of that number went, and those before it moved up into its place. */
void	 viewer_renumber(struct viewer *viewer, uint64_t gone);

/* Send what there is.  May end the viewer. */
void		 viewer_pump(struct viewer *viewer);

/* The same, from the loop: safe while viewers are being walked. */
void		 viewer_wake(struct viewer *viewer);

/* Its input is wanted again. */
void		 viewer_resume(struct viewer *viewer);

/*
 * End it: a VIEW_END with that error unless it is VPSH_ERR_FAILED, which
 * stands for a socket that is of no use any more.
 */
void		 viewer_end(struct viewer *viewer, int err);

#endif
