/* SPDX-License-Identifier: ISC */
#ifndef BROKER_CHANNEL_H
#define BROKER_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/wire.h"

struct event_base;
struct channel;

/*
 * A socket with frames on it, in the event loop: whole frames in, a bounded
 * queue out.  Callbacks come from the loop only, never out of a call to one
 * of the functions below.
 */
struct channel_ops {
	/*
	 * One decoded frame; fd is the one that came with it, or -1, and is
	 * closed afterwards unless the callback made it -1.  On an inner
	 * channel the peer's HELLO comes here after it was checked.  False:
	 * the peer may not say that; the channel is then closed.
	 */
	bool	(*frame)(void *arg, const struct wire_msg *msg, int *fd);
	/*
	 * The peer hung up, broke the rules or does not read.  The owner has
	 * to call channel_free().
	 */
	void	(*closed)(void *arg, const char *why);
	/* What had to wait for a slow reader is sent; may be NULL. */
	void	(*drained)(void *arg);
};

/* closed(): the ordinary way. */
#define CHANNEL_HUNG_UP	"hung up"

/*
 * Takes over fd, also on failure (NULL).  way is what the peer may send;
 * peer is the role its first frame, a HELLO of our build, has to name, or 0
 * for channels whose first frame needs no such check.
 */
struct channel *channel_new(struct event_base *base, int fd,
		    enum wire_way way, enum wire_role peer,
		    const struct channel_ops *ops, void *arg);

/* Also from within its own callbacks.  NULL is fine. */
void		 channel_free(struct channel *ch);

/* Takes over fd; -1 for none. */
void		 channel_send(struct channel *ch, uint32_t type, uint32_t id,
		    const void *body, int fd);

/*
 * The peer's process is gone, but perhaps not what it said: take that now.
 * The one function out of which frame() is called; closed() is not.
 */
void		 channel_drain(struct channel *ch);

/* So many frames wait for the peer to read. */
unsigned	 channel_backlog(const struct channel *ch);

/* Read nothing for the time being. */
void		 channel_pause(struct channel *ch, bool paused);

/* Has its peer said HELLO?  False for NULL. */
bool		 channel_ready(const struct channel *ch);

#endif
