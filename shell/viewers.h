/* SPDX-License-Identifier: ISC */
#ifndef SHELL_VIEWERS_H
#define SHELL_VIEWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ansi.h"
#include "shell/feed.h"

/* What is asked for of a console, for the lines under a guest. */
#define VIEWERS_TAIL	4096

/* A line of a log that is longer is shown in pieces. */
#define VIEWERS_LINE	4096

/*
 * The text of consoles that a menu shows: the last lines of one guest, as
 * they come, and the whole log of one, once.  Both come over viewers that
 * only read.
 */
struct viewers {
	struct feed	*feed;
	/* The last lines. */
	char		 guest[WIRE_NAME];	/* whose; empty: nobody's */
	int		 lines;			/* the viewer, or -1 */
	bool		 denied;		/* do not ask again */
	bool		 fresh;			/* what came before is not it */
	int64_t		 next_ms;		/* ask, or read on; -1 */
	int64_t		 close_ms;		/* they are not shown; or -1 */
	struct ansi	 ansi;			/* where its text stands */
	/* The log. */
	int		 log;			/* the viewer, or -1 */
	int64_t		 log_ms;		/* when the bytes came, -1 */
	uint8_t		 line[VIEWERS_LINE];
	size_t		 nline;
};

void	 viewers_init(struct viewers *viewers, struct feed *feed);
/* Close both; what is missing then is asked for again. */
void	 viewers_close(struct viewers *viewers);

/* Those lines are wanted from now on; guest may be empty. */
void	 viewers_want(struct viewers *viewers, const char *guest);
void	 viewers_log(struct viewers *viewers, const char *guest);

/* The answers: FEED_LINES, FEED_LOG. */
void	 viewers_lines_answer(struct viewers *viewers,
	    const struct wire_msg *msg, int *fd);
void	 viewers_log_answer(struct viewers *viewers,
	    const struct wire_msg *msg, int *fd);

/*
 * The descriptor of the lines to wait for, -1: none now; when to look again,
 * -1: never; and what to do with what can be read.
 */
int	 viewers_lines_fd(const struct viewers *viewers, int64_t now);
int64_t	 viewers_due(const struct viewers *viewers, int64_t now);
void	 viewers_run(struct viewers *viewers, bool lines, bool log);

#endif
