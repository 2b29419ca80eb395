/* SPDX-License-Identifier: ISC */
#ifndef CONSOLE_SERVER_H
#define CONSOLE_SERVER_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "console/channel.h"
#include "console/stream.h"

/* Two descriptors a stream and one a viewer: see RLIMIT_NOFILE in main.c. */
#define SERVER_STREAMS_MAX	2048
#define SERVER_VIEWERS_MAX	3072

/*
 * How long viewers outlive the broker that granted them.  The next broker
 * does not know of them and could not revoke what they have, so they attach
 * again meanwhile, or end.
 */
#define SERVER_ORPHAN_S		60

/* How long a watcher has to hand over the rings that there are. */
#define SERVER_TELL_S		1
#define SERVER_ALONE_S		5	/* the same, without a watcher */

/*
 * The console server: takes ptys from the watcher and viewers from the
 * broker, and brings them together.  It decides nothing about who may.
 */
struct server {
	struct event_base	*base;
	struct channel		 super;
	struct channel		 broker;
	struct channel		 watch;
	int64_t			 began_ms;
	bool			 told;		/* what rings there are */
	bool			 ending;	/* nobody leaves: we do */
	struct event		*tell;
	unsigned		 generation;	/* counts brokers */
	struct event		*orphans;
	TAILQ_HEAD(, stream)	 streams;
	size_t			 nstreams;
	size_t			 nviewers;
};

/*
 * Serve on that loop; control is the socket to the supervisor and belongs to
 * the server.  When it ends, the loop is left.  Returns 0, or -1 when there
 * is no memory.
 */
int	 server_init(struct server *server, struct event_base *base,
	    int control);
void	 server_free(struct server *server);

/* What streams and viewers have to tell the others. */
void	 server_ready(struct stream *stream);
void	 server_lost(struct stream *stream);
void	 server_drained(struct stream *stream);
void	 server_viewer_gone(struct viewer *viewer);

#endif
