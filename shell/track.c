/* SPDX-License-Identifier: ISC */
#include <sys/random.h>

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "shell/track.h"

/* The broker ends its jobs itself; this is for one that does not. */
#define GRACE_MS 15000

/* A request that ends the service each time is given up. */
#define RETURNS_MAX 16

bool
track_token(uint64_t *token)
{
	if (getrandom(token, sizeof(*token), 0) != (ssize_t)sizeof(*token))
		*token = 0;
	return *token != 0;
}

void
track_begin(struct track *track, const struct client *client)
{
	track->id = client->id;
	track->version = client->version;
	track->begin = clock_ms();
	track->deadline = track->begin + CLIENT_ANSWER_MS;
}

/* A broker that is new says again how it stands. */
static enum track_news
take_note(struct track *track, const char *text)
{
	size_t i;

	for (i = 0; i < track->nnotes && track->returns > 0; i++)
		if (strcmp(track->notes[i], text) == 0)
			return TRACK_NOTHING;
	if (track->nnotes == TRACK_NOTES)
		memmove(track->notes[0], track->notes[1],
		    --track->nnotes * sizeof(track->notes[0]));
	text_copy(track->notes[track->nnotes++], WIRE_TEXT, text);
	return TRACK_NOTE;
}

enum track_news
track_take(struct track *track, const struct wire_msg *msg)
{
	switch (msg->head.type) {
	case WIRE_JOB:
		text_copy(track->ref, sizeof(track->ref), msg->u.job.ref);
		track->deadline = clock_ms() + msg->u.job.deadline_ms +
		    GRACE_MS;
		/* Who answers has not died of it. */
		if (track->returns > 1)
			track->returns = 1;
		return TRACK_JOB;
	case WIRE_NOTE:
		return take_note(track, msg->u.text.text);
	case WIRE_DONE:
		return TRACK_DONE;
	default:
		return TRACK_WRONG;
	}
}

bool
track_may_return(struct track *track)
{
	return track->version >= CLIENT_TOKENS &&
	    (track->again || track->ref[0] != '\0') &&
	    track->returns++ < RETURNS_MAX;
}

void
track_return(struct track *track, struct client *client)
{
	int64_t soon = clock_ms() + CLIENT_ANSWER_MS;
	struct wire_ref body;

	if (track->ref[0] == '\0') {
		(void)client_post(client, track->type, track->body);
	} else {
		memset(&body, 0, sizeof(body));
		text_copy(body.ref, sizeof(body.ref), track->ref);
		(void)client_post(client, WIRE_FIND, &body);
	}
	track->id = client->id;
	if (track->deadline < soon)
		track->deadline = soon;
}

void
track_forgotten(const struct track *track, const char *verb, const char *guest,
    char *text, size_t size)
{
	text_format(text, size,
	    "vpsh was restarted and cannot say what %s of %s came to. Look "
	    "at status %s before you try again; your disk is kept. Ref %s.",
	    verb, guest, guest, track->ref);
}
