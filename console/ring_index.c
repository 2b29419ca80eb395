/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/text.h"
#include "console/ring.h"

/*
 * Stamps and marks.  What the file has of them is only ever compared or
 * shown: nonsense in it gives a wrong time or a wrong line, and no access
 * outside.
 */

/* A counter beyond this was not counted. */
#define NUMBER_MAX (UINT64_C(1) << 62)

_Static_assert((RING_STAMPS & (RING_STAMPS - 1)) == 0, "power of two");

void
ring_index_forget(struct ring *ring)
{
	ring->stamps.first = ring->stamps.next;
	ring->marks.first = ring->marks.next;
}

/* --- stamps -------------------------------------------------------------- */

static uint64_t *
stamp_word(const struct ring *ring, uint64_t number)
{
	return &ring->index[number & (RING_STAMPS - 1)];
}

static uint32_t
stamp_second(const struct ring *ring, uint64_t number)
{
	return (uint32_t)(*stamp_word(ring, number) >> 32);
}

/* How far before that offset, which is not behind 4 GiB, the stamp is. */
static uint32_t
stamp_distance(const struct ring *ring, uint64_t number, uint64_t offset)
{
	return (uint32_t)offset - (uint32_t)*stamp_word(ring, number);
}

static uint64_t
stamp_offset(const struct ring *ring, uint64_t number)
{
	uint32_t distance = stamp_distance(ring, number, ring->end);

	return distance > ring->end ? 0 : ring->end - distance;
}

/*
 * From the newest back, as long as each is before the one behind it.  The
 * slot behind the newest may hold one that was not counted any more.
 */
static void
stamps_load(struct ring *ring)
{
	struct ring_span *span = &ring->stamps;
	uint64_t at = ring->end, n = ring->head->next_stamp;
	uint32_t distance;

	if (n > NUMBER_MAX)
		n = 0;
	/* The one of a read that was never finished. */
	if (n > 0 && stamp_distance(ring, n - 1, at) == 0)
		n--;
	span->first = span->next = n;
	while (span->first > 0 && n - span->first < RING_STAMPS - 1 &&
	    at > ring_start(ring)) {
		distance = stamp_distance(ring, span->first - 1, at);
		if (distance == 0 || distance > at ||
		    stamp_second(ring, span->first - 1) == 0)
			break;
		at -= distance;
		span->first--;
	}
}

void
ring_stamp(struct ring *ring, int64_t wall_ms)
{
	struct ring_span *span = &ring->stamps;
	uint32_t second = (uint32_t)(wall_ms / 1000);
	uint64_t word = (uint64_t)second << 32 | (uint32_t)ring->end;

	if (span->next > span->first &&
	    stamp_second(ring, span->next - 1) == second)
		return;
	__atomic_store_n(stamp_word(ring, span->next), word, __ATOMIC_SEQ_CST);
	span->next++;
	__atomic_store_n(&ring->head->next_stamp, span->next, __ATOMIC_SEQ_CST);
	if (span->next - span->first > RING_STAMPS)
		span->first = span->next - RING_STAMPS;
	/* Those of bytes that are gone, so that no offset comes round again. */
	while (span->next - span->first > 1 &&
	    stamp_offset(ring, span->first + 1) <= ring_start(ring))
		span->first++;
}

/* The number of the first stamp behind offset. */
static uint64_t
stamp_behind(const struct ring *ring, uint64_t offset)
{
	uint64_t low = ring->stamps.first, high = ring->stamps.next, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (stamp_offset(ring, middle) > offset)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

int64_t
ring_stamp_at(const struct ring *ring, uint64_t offset, uint64_t *next)
{
	uint64_t n = stamp_behind(ring, offset);
	int64_t second = 0;

	*next = n < ring->stamps.next ? stamp_offset(ring, n) : UINT64_MAX;
	if (n > ring->stamps.first)
		second = stamp_second(ring, n - 1);
	/* 1970 is what a file says that was cut short just now. */
	return second > 0 ? second * 1000 : -1;
}

uint64_t
ring_since(const struct ring *ring, int64_t wall_ms)
{
	const struct ring_span *span = &ring->stamps;
	uint64_t n = span->first, start = ring_start(ring), offset;

	while (n < span->next &&
	    (int64_t)stamp_second(ring, n) < wall_ms / 1000)
		n++;
	if (n == span->next && span->next > span->first)
		return ring->end;
	/* What is before the oldest stamp may have come after that time. */
	if (n == span->first)
		return start;
	offset = stamp_offset(ring, n);
	return offset > start ? offset : start;
}

/* --- marks --------------------------------------------------------------- */

static struct ring_mark *
mark_slot(const struct ring *ring, uint64_t number)
{
	return &ring->head->marks[number % RING_MARKS];
}

/* The slot behind the newest may have been half written. */
static void
marks_load(struct ring *ring)
{
	struct ring_span *span = &ring->marks;
	uint64_t at = ring->end, n = ring->head->next_mark;
	const struct ring_mark *mark;

	if (n > NUMBER_MAX)
		n = 0;
	span->first = span->next = n;
	while (span->first > 0 && n - span->first < RING_MARKS - 1) {
		mark = mark_slot(ring, span->first - 1);
		if (mark->offset > at || mark->kind > RING_TAKING ||
		    mark->zero != 0)
			break;
		at = mark->offset;
		span->first--;
	}
}

/*
 * Room for one more who came or went: the oldest goes.  Killed in between, a
 * line is there twice.
 */
static uint64_t
people_thin(struct ring *ring)
{
	struct ring_span *span = &ring->marks;
	uint64_t n, oldest = RING_NONE;
	size_t count = 0;

	for (n = span->next; n > span->first; n--)
		if (mark_slot(ring, n - 1)->kind >= RING_COMING) {
			oldest = n - 1;
			count++;
		}
	if (count < RING_PEOPLE)
		return RING_NONE;
	for (n = oldest; n > span->first; n--)
		*mark_slot(ring, n) = *mark_slot(ring, n - 1);
	/* Nothing of what is in front of it is there for who loads it. */
	mark_slot(ring, span->first++)->offset = UINT64_MAX;
	return oldest;
}

uint64_t
ring_mark(struct ring *ring, int64_t wall_ms, enum ring_kind kind,
    const char *text)
{
	uint64_t gone = kind >= RING_COMING ? people_thin(ring) : RING_NONE;
	struct ring_span *span = &ring->marks;
	struct ring_mark *mark = mark_slot(ring, span->next);

	memset(mark, 0, sizeof(*mark));
	mark->offset = ring->end;
	mark->wall_ms = wall_ms - wall_ms % 1000;
	mark->kind = kind;
	(void)text_copy(mark->text, sizeof(mark->text), text);
	span->next++;
	__atomic_store_n(&ring->head->next_mark, span->next, __ATOMIC_SEQ_CST);
	if (span->next - span->first > RING_MARKS - 1)
		span->first++;
	return gone;
}

bool
ring_mark_at(const struct ring *ring, uint64_t *number, struct ring_mark *mark)
{
	if (*number < ring->marks.first)
		*number = ring->marks.first;
	if (*number >= ring->marks.next)
		return false;
	*mark = *mark_slot(ring, *number);
	mark->text[sizeof(mark->text) - 1] = '\0';
	return true;
}

uint64_t
ring_boot_start(const struct ring *ring)
{
	uint64_t n;

	for (n = ring->marks.next; n > ring->marks.first; n--)
		if (mark_slot(ring, n - 1)->kind == RING_BOOT)
			return mark_slot(ring, n - 1)->offset;
	return ring_start(ring);
}

void
ring_index_load(struct ring *ring)
{
	stamps_load(ring);
	marks_load(ring);
}
