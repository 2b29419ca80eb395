/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "menu/stamp.h"

/* False, and an empty text: nobody knows the moment. */
static bool
local(int64_t wall_ms, struct tm *tm, char out[STAMP_TEXT])
{
	time_t t = (time_t)(wall_ms / 1000);

	*out = '\0';
	return wall_ms >= 0 && localtime_r(&t, tm) != NULL;
}

void
stamp_time(int64_t wall_ms, char out[STAMP_TEXT])
{
	struct tm tm;

	if (local(wall_ms, &tm, out))
		(void)strftime(out, STAMP_TEXT, "%H:%M:%S", &tm);
}

void
stamp_date(int64_t wall_ms, char out[STAMP_TEXT])
{
	struct tm tm;

	if (local(wall_ms, &tm, out) &&
	    strftime(out, STAMP_TEXT, "%Y-%m-%d", &tm) == 0)
		*out = '\0';
}

void
stamp_second(int64_t wall_ms, char out[STAMP_TEXT])
{
	struct tm tm;

	if (local(wall_ms, &tm, out) &&
	    strftime(out, STAMP_TEXT, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		*out = '\0';
}

void
stamp_minute(int64_t wall_ms, char out[STAMP_TEXT])
{
	stamp_second(wall_ms, out);
	if (*out != '\0')
		out[strlen(out) - 3] = '\0';
}

void
stamp_clock(int64_t ms, char out[STAMP_TEXT])
{
	long long s = ms > 0 ? ms / 1000 : 0;

	if (s >= 3600)
		snprintf(out, STAMP_TEXT, "%lld:%02lld:%02lld", s / 3600,
		    s / 60 % 60, s % 60);
	else
		snprintf(out, STAMP_TEXT, "%lld:%02lld", s / 60, s % 60);
}

void
stamp_span(int64_t ms, char out[STAMP_TEXT])
{
	static const struct {
		long long seconds;
		const char *word;
	} units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" },
		{ 1, "second" }, { 1, "second" } };
	long long s = ms > 0 ? ms / 1000 : 0, n, more;
	size_t i = 0;
	int len;

	while (i < 3 && s < units[i].seconds)
		i++;
	n = s / units[i].seconds;
	more = s % units[i].seconds / units[i + 1].seconds;
	len = snprintf(out, STAMP_TEXT, "%lld %s%s", n, units[i].word,
	    n == 1 ? "" : "s");
	/* Days and hours, hours and minutes; no seconds of minutes. */
	if (more > 0 && i < 2 && len > 0 && len < STAMP_TEXT)
		snprintf(out + len, STAMP_TEXT - (size_t)len, " %lld %s%s",
		    more, units[i + 1].word, more == 1 ? "" : "s");
}

int64_t
stamp_next(int64_t now, int64_t since)
{
	int64_t part = (now - since) % 1000;

	return now + 1000 - (part < 0 ? part + 1000 : part);
}
