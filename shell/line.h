/* SPDX-License-Identifier: ISC */
#ifndef SHELL_LINE_H
#define SHELL_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "shell/client.h"
#include "shell/edit.h"
#include "shell/words.h"

struct session;

/*
 * Lines from a person or a script.  A person at a terminal that can move its
 * cursor edits commands with shell/edit.h.  Everything else, answers to a
 * question too, is edited by the kernel, and nothing is ever redrawn: that
 * is what a screen reader wants, with TERM=dumb.
 */

#define LINE_BUFFER	4096	/* as much as the kernel keeps of a line */

struct line {
	int	fd;
	bool	person;		/* somebody is at a terminal: ask, prompt */
	bool	editing;	/* their terminal can be drawn on */
	bool	skipping;	/* inside a line that is too long */
	size_t	len;
	char	buffer[LINE_BUFFER];
	size_t	text_len;
	char	text[WORDS_LINE_MAX + 1];	/* the last line, no end */
	struct edit edit;
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

/* From now on commands are edited here; unless TERM says it cannot be. */
void	 line_edit(struct line *line, const char *term,
	    edit_complete complete, void *arg);
void	 line_dispose(struct line *line);

/* Wait for the next line, and listen to the broker meanwhile. */
enum line_end line_read(struct line *line, struct client *client);

/* The same behind a prompt, and edited here where that was asked for. */
enum line_end line_prompt(struct line *line, struct client *client,
	    const char *prompt);

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
