/* SPDX-License-Identifier: ISC */
#ifndef SHELL_ATTACH_LOG_H
#define SHELL_ATTACH_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shell/client.h"
#include "wire/wire.h"

/*
 * What a guest's console said, line by line and with the time:
 *
 *	-- 2026-11-21, times in CET --
 *	-- 03:12:44 console opened (boot 7) --
 *	03:12:45 Linux version 6.1.0-18-amd64
 *
 * Times are local, as those of --since; nine columns leave a line of 71 in
 * one row of a terminal.  A date stands where the day changes.  What is ours
 * begins with "--" in the first column, where no byte of a guest ever comes.
 * Lines that came before anybody kept times are indented alike.
 *
 * As JSON each line is an object with "at" (RFC 3339, UTC), "offset" and one
 * of "text", "mark" and "missed".  The text is made harmless there, too: it
 * may well be printed as it is.
 */

/* A line that is longer is shown in pieces. */
#define ATTACH_LOG_LINE	4096

struct attach_log_options {
	FILE		*out;
	unsigned	 lines;		/* the last so many; 0: all */
	bool		 json;
	bool		 follow;	/* more will come */
};

struct attach_log {
	struct attach_log_options options;
	bool		 known;		/* offset is valid */
	uint64_t	 offset;	/* of the next byte */
	int64_t		 now_ms;	/* when it came, -1 */
	uint8_t		 line[ATTACH_LOG_LINE];	/* not yet ended */
	size_t		 len;
	int64_t		 line_ms;
	uint64_t	 line_offset;
	int		 day;		/* of the last date, -1 */
	bool		 counting;	/* show nothing yet */
	uint64_t	 count;		/* lines so far */
	uint64_t	 skip;		/* so many are not shown */
};

void	 attach_log_init(struct attach_log *log,
	    const struct attach_log_options *options);

/*
 * Collect what there is until VIEW_END and show the last lines of it.  A log
 * that is not whole is not shown.  Returns 0, a negative enum vpsh_err, or
 * CLIENT_INTERRUPTED; VPSH_ERR_TIMEOUT after deadline_ms.  viewer stays the
 * caller's here and below.
 */
int	 attach_log_collect(struct attach_log *log, int viewer,
	    int deadline_ms);

/*
 * Show what comes.  Returns 0 when the customer left or is gone,
 * VPSH_ERR_CONSOLE when there is nobody any more whom it could come from
 * (ask again, from offset), or what ended it, in client->said, too.
 */
int	 attach_log_follow(struct attach_log *log, int viewer,
	    struct client *client);

/* Show the last line although it has not ended. */
void	 attach_log_end(struct attach_log *log);

#endif
