/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "console/people.h"
#include "console/server.h"
#include "wire/wire.h"

/* A console server that is older than this has lost nobody's viewer. */
#define YOUNG_MS (SERVER_ORPHAN_S * 1000)

/* Room for ", and 65536 more". */
#define MORE_LEN 24

static bool
is_there(const struct viewer *viewer)
{
	return !viewer->log;
}

/* Is there another one of the same that is, or is not, of this broker? */
static bool
has_twin(const struct stream *stream, const struct viewer *viewer, bool old)
{
	const struct viewer *other;

	TAILQ_FOREACH(other, &stream->viewers, link)
		if (other != viewer && is_there(other) &&
		    other->overseer == viewer->overseer &&
		    (other->generation != stream->server->generation) == old &&
		    strcmp(other->who, viewer->who) == 0)
			return true;
	return false;
}

static void
say(struct stream *stream, const struct viewer *viewer, enum ring_kind kind,
    const char *customer, const char *overseer)
{
	char text[RING_MARK_TEXT];

	if (viewer->overseer)
		(void)text_copy(text, sizeof(text), overseer);
	else
		(void)text_format(text, sizeof(text), "%s %s", viewer->who,
		    customer);
	stream_people(stream, kind, text);
}

void
people_came(struct stream *stream, struct viewer *viewer)
{
	const bool back = viewer->from != WIRE_FROM_TAIL &&
	    (clock_ms() - stream->server->began_ms < YOUNG_MS ||
	    has_twin(stream, viewer, true));

	if (!is_there(viewer))
		return;
	if (!back)
		say(stream, viewer, RING_COMING, "has joined",
		    "the operator watches");
	/* That is no news to itself, nor is who came and went before. */
	viewer->people = stream->ring.marks.next;
}

void
people_left(struct stream *stream, const struct viewer *viewer)
{
	if (!is_there(viewer) || stream->server->ending ||
	    (viewer->generation != stream->server->generation &&
	    has_twin(stream, viewer, false)))
		return;
	say(stream, viewer, RING_COMING, "has left", "the operator has left");
}

void
people_took(struct stream *stream, const struct viewer *viewer)
{
	say(stream, viewer, RING_TAKING, "has taken over", "");
}

void
people_here(const struct stream *stream, char *dst, size_t size)
{
	const struct viewer *viewer;
	size_t used, count = 0;

	(void)text_copy(dst, size, "here: ");
	used = strlen(dst);
	TAILQ_FOREACH(viewer, &stream->viewers, link) {
		if (!is_there(viewer))
			continue;
		if (count > 0 || text_format(dst + used, size - used -
		    MORE_LEN, "%s%s (%s)", used > 6 ? ", " : "",
		    viewer->overseer ? "the operator" : viewer->who,
		    viewer == stream->writer ? "types" : "watches") == -1)
			count++;
		else
			used += strlen(dst + used);
	}
	if (count > 0)
		(void)text_format(dst + used, size - used, ", and %zu more",
		    count);
}
