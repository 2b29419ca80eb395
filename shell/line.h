/* SPDX-License-Identifier: ISC */
#ifndef SHELL_LINE_H
#define SHELL_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "shell/client.h"
#include "shell/words.h"

struct session;

/*
 * Lines from a person or a script.  The kernel does the editing; nothing is
 * ever redrawn, which is what a screen reader and a slow line want.
 */

#define LINE_BUFFER	4096	/* as much as the kernel keeps of a line */

struct line {
	int	fd;
	bool	person;		/* somebody is at a terminal: ask, prompt */
	bool	skipping;	/* inside a line that is too long */
	size_t	len;
	char	buffer[LINE_BUFFER];
	size_t	text_len;
	char	text[WORDS_LINE_MAX + 1];	/* the last line, no end */
};

enum line_end {
	LINE_TEXT,		/* a whole line: text, text_len */
	LINE_LONG,		/* one that was too long, thrown away */
	LINE_CUT,		/* the last one, without its end: so was it */
	LINE_OVER,		/* end of input */
	LINE_INTERRUPTED,	/* Ctrl-C */
	LINE_BYE		/* the broker ended the session: said */
};

void	 line_init(struct line *line, int fd, bool person);

/* Wait for the next line, and listen to the broker meanwhile. */
enum line_end line_read(struct line *line, struct client *client);

/*
 * Ask a person: what was typed ahead is dropped, prompt is shown as it is.
 * Returns the answer without outer blanks, to be read before the next line;
 * NULL when there was none.
 */
const char *line_ask(struct line *line, struct client *client,
	    const char *prompt);

/* Read commands and run them until the end.  Returns the last one's error. */
int	 line_loop(struct session *session);

#endif
