/* SPDX-License-Identifier: ISC */
#ifndef SHELL_TRACK_H
#define SHELL_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shell/client.h"
#include "wire/wire.h"

#define TRACK_NOTES	4

/*
 * One request that ends in a job, over all connections that it takes.  After
 * a loss it is asked for by its reference, or the very same is said again,
 * token and all, when none was ever heard.  Nothing is done twice by that.
 * Nothing here waits or shows anything.
 */
struct track {
	uint32_t	 type;		/* of the request */
	const void	*body;		/* must stay valid */
	bool		 again;		/* saying it twice is saying it once */
	uint32_t	 id;		/* of the frame that asked last */
	unsigned	 version;	/* of who was asked first */
	unsigned	 returns;	/* after losses of the connection */
	char		 ref[WIRE_REF];	/* empty until there is a job */
	int64_t		 begin;
	int64_t		 deadline;	/* the broker's and some grace */
	char		 notes[TRACK_NOTES][WIRE_TEXT];	/* heard already */
	size_t		 nnotes;
};

enum track_news {
	TRACK_JOB,		/* ref and deadline are known */
	TRACK_NOTE,		/* the last of notes */
	TRACK_NOTHING,		/* a note that was heard before */
	TRACK_DONE,
	TRACK_WRONG		/* it does not keep to the protocol */
};

/* A token that nobody else has.  False, and 0, when there is none. */
bool	 track_token(uint64_t *token);

/* It was asked for by that client's last request. */
void	 track_begin(struct track *track, const struct client *client);

/* A frame that answers it: NOTE, JOB, DONE. */
enum track_news track_take(struct track *track, const struct wire_msg *msg);

/*
 * The connection is lost: may it be asked for again?  Counts how often.
 * Then, on one that is there or is lost again by that, a request that can
 * never begin it twice.
 */
bool	 track_may_return(struct track *track);
void	 track_return(struct track *track, struct client *client);

/* The job was known before the service died, and is not now. */
void	 track_forgotten(const struct track *track, const char *verb,
	    const char *guest, char *text, size_t size);

#endif
