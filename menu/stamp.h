/* SPDX-License-Identifier: ISC */
#ifndef MENU_STAMP_H
#define MENU_STAMP_H

#include <stdint.h>

/*
 * Moments of the wall clock by the customer's zone, and short spans.  Opens
 * nothing: tzset() was called before the sandbox.
 */
#define STAMP_TEXT 40

/* 21:53:10; a moment that nobody knows (-1) is blank. */
void	 stamp_time(int64_t wall_ms, char out[STAMP_TEXT]);

/* 2026-11-21 */
void	 stamp_date(int64_t wall_ms, char out[STAMP_TEXT]);

/* 2026-11-21 21:53 */
void	 stamp_minute(int64_t wall_ms, char out[STAMP_TEXT]);

/* 2026-11-21 21:53:10 */
void	 stamp_second(int64_t wall_ms, char out[STAMP_TEXT]);

/* A span that is watched: 0:07, 12:34, 1:02:03. */
void	 stamp_clock(int64_t ms, char out[STAMP_TEXT]);

/* A span in a sentence: 3 days 4 hours, 12 minutes, 1 second. */
void	 stamp_span(int64_t ms, char out[STAMP_TEXT]);

/* When a clock that shows span ms, counting up or down, changes. */
int64_t	 stamp_next(int64_t now, int64_t since);

#endif
