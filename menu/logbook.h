/* SPDX-License-Identifier: ISC */
#ifndef MENU_LOGBOOK_H
#define MENU_LOGBOOK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Lines of a log and when they came, up to a bound: the oldest go.
 */
#define LOGBOOK_LINES 16384
#define LOGBOOK_BYTES (768u * 1024)	/* of text: a session stays small */

struct logbook_line {
	int64_t	 wall_ms;
	size_t	 at;		/* in text */
};

struct logbook {
	struct logbook_line	*lines;
	size_t			 n;
	size_t			 room;
	char			*text;		/* one line, NUL, the next */
	size_t			 used;
	size_t			 size;
};

/*
 * At the end.  Returns how many of the oldest had to go for it; a line for
 * which there is no memory is not kept.
 */
size_t	 logbook_add(struct logbook *book, int64_t wall_ms, const char *line);

/* Forget the newest. */
void	 logbook_drop(struct logbook *book);

/* The text of a line that is there. */
const char *logbook_at(const struct logbook *book, size_t nth);

/* Empty; also fine when it is zeroed. */
void	 logbook_free(struct logbook *book);

#endif
