/* SPDX-License-Identifier: ISC */
#ifndef SHELL_WHEN_H
#define SHELL_WHEN_H

#include <stdint.h>

/* For help and for the sentence about a TIME that is none. */
#define WHEN_TEXT                                                        \
	"TIME is like 10m, 2h, 1d12h (ago), 03:00, \"yesterday 18:30\", " \
	"2026-11-21, \"2026-11-21 03:00\" or 2026-11-21T03:00:00Z"

/*
 * A moment in the past as people and programs write it, in milliseconds of
 * the wall clock:
 *
 *	90s 10m 2h 3d 1w 1h30m		so long before now
 *	now today yesterday		the last two: their first second
 *	03:00 03:00:05			the last time it was that late
 *	today|yesterday|DATE [T]TIME	DATE is 2026-11-21
 *	DATE					its first second
 *	DATE TIME Z, DATE TIME +01:00	RFC 3339
 *
 * Without a zone it is local time, as TZ has it.  Returns 0, or -1 when it
 * is none of these, not a day of the calendar, or before 1970.  Opens no
 * file: environ_scrub() has set TZ.
 */
int	 when_parse(const char *text, int64_t now_ms, int64_t *wall_ms);

#endif
