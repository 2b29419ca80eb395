/* SPDX-License-Identifier: ISC */
#ifndef SHELL_EDIT_H
#define SHELL_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "shell/words.h"

/*
 * One line of a person at a terminal that can move a cursor back.
 *
 * Not a library: readline reads files and a customer's INPUTRC and is not
 * under our licence; libedit can be told at run time, by whoever types, to
 * start an editor on the host.  This needs no file, no terminfo and no other
 * signal, and draws with printable characters, CR, BS and BEL alone.
 *
 * Every byte that is no key becomes part of the line and is shown as "?", so
 * that what was not understood is refused as a whole later on.
 */

#define EDIT_HISTORY	 100
#define EDIT_MATCHES_MAX 300
#define EDIT_SEQUENCE	 12

/* What the word at the cursor could become. */
struct edit_matches {
	size_t		 from;	/* where that word begins */
	size_t		 n;
	const char	*word[EDIT_MATCHES_MAX];
};

typedef void (*edit_complete)(void *arg, const char *line, size_t at,
    struct edit_matches *matches);

enum edit_end {
	EDIT_GOES_ON,
	EDIT_LINE,	/* Enter: text, len */
	EDIT_LONG,	/* Enter after more than fits */
	EDIT_OVER	/* Ctrl-D on an empty line */
};

struct edit {
	FILE		*out;
	edit_complete	 complete;	/* may be NULL */
	void		*arg;
	const char	*prompt;
	size_t		 len;
	size_t		 at;		/* cursor */
	bool		 too_long;
	char		 text[WORDS_LINE_MAX + 1];
	/* On the screen: text from left on, in so many cells. */
	size_t		 left;
	size_t		 shown;
	/* An escape sequence that is not whole yet. */
	size_t		 nsequence;
	char		 sequence[EDIT_SEQUENCE];
	/* Earlier lines, in memory only; nhistory stands for the new one. */
	size_t		 nhistory;
	size_t		 where;
	char		*history[EDIT_HISTORY];
	char		 draft[WORDS_LINE_MAX + 1];
};

void	 edit_init(struct edit *edit, FILE *out, edit_complete complete,
	    void *arg);
void	 edit_dispose(struct edit *edit);

/* An empty line behind prompt, which stays the caller's. */
void	 edit_begin(struct edit *edit, const char *prompt);

/*
 * Take a byte.  more: others came together with it, so that a tab is part of
 * a paste and no key.
 */
enum edit_end edit_byte(struct edit *edit, char byte, bool more);

/* Draw the line again, on whatever line the cursor is now. */
void	 edit_draw(struct edit *edit);

#endif
