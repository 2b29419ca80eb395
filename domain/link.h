/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_LINK_H
#define DOMAIN_LINK_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>

#include "wire/wire.h"

/*
 * The watcher's channel to the broker or the console server.  Either may be
 * restarted at any time and comes back with a new socket; nothing that was
 * for the old one is kept.  Frames that do not fit into the socket wait in a
 * queue, with copies of their descriptors.
 */
struct event;
struct event_base;

/* A peer that takes nothing any more is cut off at this many. */
#define LINK_QUEUE_MAX	16384

struct link_frame {
	TAILQ_ENTRY(link_frame)	 entry;		/* link::queue */
	uint32_t		 type;
	int			 fds[3];
	size_t			 nfds;
	union {
		struct wire_hello	hello;
		struct wire_domain	domain;
		struct wire_pty		pty;
		struct wire_serial	serial;
		struct wire_lend	lend;
	} u;
};

struct link {
	int		 fd;		/* -1: not connected */
	enum wire_role	 role;		/* of the other end */
	enum wire_way	 way;		/* of what it sends */
	bool		 greeted;	/* its HELLO was right */
	struct event_base *base;
	struct event	*readable;
	struct event	*writable;
	TAILQ_HEAD(, link_frame) queue;
	size_t		 nqueue;
	void		(*ready)(void *arg);
	void		(*frame)(const struct wire_msg *msg, void *arg);
	void		*arg;
};

/* Call before anything else; ready is called after each greeting. */
void	 link_init(struct link *link, struct event_base *base,
	    enum wire_role role, enum wire_way way, void (*ready)(void *),
	    void (*frame)(const struct wire_msg *, void *), void *arg);

/* Use this socket from now on, which becomes the link's. */
void	 link_connect(struct link *link, int fd);

/*
 * Send or queue one frame; body is as its type says, the descriptors stay
 * the caller's.  Without a greeted peer it is dropped: a new one is told
 * everything by ready().
 */
void	 link_send(struct link *link, uint32_t type, const void *body,
	    const int *fds, size_t nfds);

#endif
