/* SPDX-License-Identifier: ISC */
#ifndef SHELL_AGAIN_H
#define SHELL_AGAIN_H

#include <stdint.h>

#include "shell/attach.h"
#include "shell/session.h"
#include "wire/wire.h"

/* After the console server went away, for so long. */
#define AGAIN_FOR_MS	60000

/* The last screenful, so that nobody stares at an empty screen. */
#define AGAIN_TAIL_BYTES 4096

/* Between two tries, growing. */
#define AGAIN_MIN_MS	100
#define AGAIN_MAX_MS	1000

/*
 * A guest's console on the customer's terminal, over deaths of the broker
 * and of the console server.  Nothing here waits but attach_run(), so that
 * keys are heeded all the time: the connection is made, and the console
 * asked for, step by step between two runs.
 *
 * A viewer outlives the broker that granted it, for as long as there is
 * none.  The next broker knows nothing of it, so that it has to be granted
 * again: that one decides whether the customer still may.
 */
struct again {
	struct session		*session;
	const char		*guest;
	uint32_t		 flags;		/* of the request */
	struct attach		 attach;
	struct wire_attached	 attached;	/* last */
	int			 viewer;	/* -1: none */
	int			 before;	/* for BEFORE_MS, or -1 */
	enum {
		AGAIN_WELL,
		AGAIN_CONNECT,		/* to a broker, at next_ms */
		AGAIN_GREET,		/* it has not said HELLO yet */
		AGAIN_ASK,		/* for the console, at next_ms */
		AGAIN_ASKED
	} state;
	int64_t			 next_ms;	/* or -1 */
	int64_t			 gap_ms;	/* the last one, or -1 */
	int			 delay_ms;
	uint32_t		 asked;		/* number of that request */
	uint32_t		 pressed;	/* of the last sysrq, or 0 */
	int			 err;		/* that ended it */
};

/*
 * Show that console until the customer leaves or it ends.  Takes viewer,
 * which came with attached over the connection of that generation.  Returns
 * how it ended, with attach.bye; ATTACH_LOST with err, which may be
 * CLIENT_INTERRUPTED.  The terminal is as it was before.
 */
enum attach_end again_run(struct again *again, struct session *session,
	    const char *guest, uint32_t flags,
	    const struct wire_attached *attached, int viewer,
	    unsigned generation);

#endif
