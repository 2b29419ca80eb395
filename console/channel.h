/* SPDX-License-Identifier: ISC */
#ifndef CONSOLE_CHANNEL_H
#define CONSOLE_CHANNEL_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>

#include <event2/event.h>

#include "wire/wire.h"

/*
 * The socket to another of vpshd's children.  It is trusted to speak the
 * protocol, and closed as soon as it does not.  Never blocks: frames that
 * the other end does not take wait here, up to a bound.
 */
struct channel;

struct channel_ops {
	/* The other end has shown that it is who it should be. */
	void	(*hello)(void *arg);
	/*
	 * A frame.  Descriptors belong to the callee.  False: it makes no
	 * sense, close the channel.
	 */
	bool	(*frame)(void *arg, struct wire_msg *msg, int fds[],
		    size_t nfds);
	/* It is closed already; the last call. */
	void	(*gone)(void *arg);
};

struct channel_frame;

struct channel {
	int				 fd;	/* -1: closed */
	const char			*name;	/* for the log */
	enum wire_role			 peer;
	enum wire_way			 way;	/* of what comes in */
	bool				 open;	/* its HELLO was good */
	struct event_base		*base;
	struct event			*readable;
	struct event			*writable;
	const struct channel_ops	*ops;
	void				*arg;
	STAILQ_HEAD(, channel_frame)	 queue;
	size_t				 queued;
};

/*
 * Set up a closed channel to that role.  name, ops and arg must stay valid.
 */
void	 channel_init(struct channel *channel, struct event_base *base,
	    const char *name, enum wire_role peer, enum wire_way way,
	    const struct channel_ops *ops, void *arg);

/*
 * Use fd, which the channel owns from now on, in place of what it had.  Our
 * HELLO goes out; nothing else is sent before the peer's came.
 */
void	 channel_open(struct channel *channel, int fd);

void	 channel_close(struct channel *channel);

/*
 * Send a frame with a body of fixed size and no descriptors.  Dropped when
 * the channel is not open: its next hello() starts afresh.
 */
void	 channel_send(struct channel *channel, uint32_t type,
	    const void *body);

#endif
