/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "menu/logbook.h"

/* Twice as much until it is enough; 0: that is beyond the bound. */
static size_t
bigger(size_t room, size_t wanted, size_t most)
{
	if (room == 0)
		room = 256;
	while (room < wanted)
		room *= 2;
	if (room > most)
		room = most;
	return room >= wanted ? room : 0;
}

static bool
make_room(struct logbook *book, size_t len)
{
	size_t room = bigger(book->room, book->n + 1, LOGBOOK_LINES);
	size_t size = bigger(book->size, book->used + len + 1, LOGBOOK_BYTES);
	void *more;

	if (room == 0 || size == 0)
		return false;
	if (room > book->room) {
		more = realloc(book->lines, room * sizeof(*book->lines));
		if (more == NULL)
			return false;
		book->lines = more;
		book->room = room;
	}
	if (size > book->size) {
		more = realloc(book->text, size);
		if (more == NULL)
			return false;
		book->text = more;
		book->size = size;
	}
	return true;
}

/* The older half goes at once, so that it is seldom moved. */
static size_t
forget_half(struct logbook *book)
{
	size_t i, gone = (book->n + 1) / 2, from;

	from = gone < book->n ? book->lines[gone].at : book->used;
	book->n -= gone;
	book->used -= from;
	if (book->n > 0) {
		memmove(book->text, book->text + from, book->used);
		memmove(book->lines, book->lines + gone,
		    book->n * sizeof(*book->lines));
	}
	for (i = 0; i < book->n; i++)
		book->lines[i].at -= from;
	return gone;
}

size_t
logbook_add(struct logbook *book, int64_t wall_ms, const char *line)
{
	size_t gone = 0, len = strlen(line);

	if (len > LOGBOOK_BYTES / 4)
		len = LOGBOOK_BYTES / 4;
	while (!make_room(book, len)) {
		if (book->n == 0)
			return gone;
		gone += forget_half(book);
	}
	memcpy(book->text + book->used, line, len);
	book->text[book->used + len] = '\0';
	book->lines[book->n].wall_ms = wall_ms;
	book->lines[book->n].at = book->used;
	book->n++;
	book->used += len + 1;
	return gone;
}

void
logbook_drop(struct logbook *book)
{
	if (book->n > 0)
		book->used = book->lines[--book->n].at;
}

const char *
logbook_at(const struct logbook *book, size_t nth)
{
	return book->text + book->lines[nth].at;
}

void
logbook_free(struct logbook *book)
{
	free(book->lines);
	free(book->text);
	memset(book, 0, sizeof(*book));
}
