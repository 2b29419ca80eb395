/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "shell/when.h"

#define SECOND INT64_C(1000)
#define DAY_S  INT64_C(86400)

/* The longest "ago" that makes sense: no sum of ours can overflow. */
#define AGO_MAX_S (INT64_C(36500) * DAY_S)

/* Exactly n digits, moved over. */
static bool
digits(const char **at, int n, int *value)
{
	const char *s = *at;

	for (*value = 0; n > 0; n--, s++) {
		if (!isdigit((unsigned char)*s))
			return false;
		*value = *value * 10 + (*s - '0');
	}
	*at = s;
	return true;
}

static bool
skip(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* "1h30m": each unit once, the larger first. */
static bool
parse_ago(const char *at, int64_t *seconds)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { 'w', 7 * DAY_S }, { 'd', DAY_S }, { 'h', 3600 },
		{ 'm', 60 }, { 's', 1 } };
	size_t unit = 0;
	int64_t n;

	*seconds = 0;
	do {
		if (!isdigit((unsigned char)*at))
			return false;
		for (n = 0; isdigit((unsigned char)*at); at++)
			if ((n = n * 10 + (*at - '0')) > AGO_MAX_S)
				return false;
		while (unit < 5 && units[unit].letter != *at)
			unit++;
		if (unit == 5 || n > AGO_MAX_S / units[unit].seconds)
			return false;
		*seconds += n * units[unit++].seconds;
		at++;
	} while (*at != '\0');
	return *seconds <= AGO_MAX_S;
}

/* HH:MM, HH:MM:SS, HH:MM:SS.sss */
static bool
parse_clock(const char **at, struct tm *tm, int *ms)
{
	int unit;

	*ms = 0;
	tm->tm_sec = 0;
	if (!digits(at, 2, &tm->tm_hour) || !skip(at, ':') ||
	    !digits(at, 2, &tm->tm_min))
		return false;
	if (skip(at, ':')) {
		if (!digits(at, 2, &tm->tm_sec))
			return false;
		if (skip(at, '.')) {
			if (!isdigit((unsigned char)**at))
				return false;
			for (unit = 100; isdigit((unsigned char)**at);
			     (*at)++, unit /= 10)
				*ms += unit * (**at - '0');
		}
	}
	/* A leap second is a second. */
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

/* 2026-11-21 */
static bool
parse_date(const char **at, struct tm *tm)
{
	if (!digits(at, 4, &tm->tm_year) || !skip(at, '-') ||
	    !digits(at, 2, &tm->tm_mon) || !skip(at, '-') ||
	    !digits(at, 2, &tm->tm_mday))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon -= 1;
	return true;
}

static bool
word(const char **at, const char *name)
{
	size_t len = strlen(name);

	if (strncasecmp(*at, name, len) != 0)
		return false;
	*at += len;
	return true;
}

/* Z, +01:00 or -0130 at the end; seconds east of Greenwich. */
static bool
parse_zone(const char **at, bool *given, int *east)
{
	int hours, minutes, sign;

	*given = true;
	*east = 0;
	if (skip(at, 'Z') || skip(at, 'z'))
		return true;
	*given = **at == '+' || **at == '-';
	if (!*given)
		return true;
	sign = **at == '-' ? -1 : 1;
	(*at)++;
	if (!digits(at, 2, &hours))
		return false;
	(void)skip(at, ':');
	if (!digits(at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*east = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* The calendar decides whether there is such a day; 30 February is none. */
static bool
to_wall(const struct tm *wanted, bool zone, int east, int64_t *seconds)
{
	struct tm tm = *wanted;
	time_t t;

	tm.tm_isdst = -1;
	t = zone ? timegm(&tm) : mktime(&tm);
	if (tm.tm_mday != wanted->tm_mday || tm.tm_mon != wanted->tm_mon)
		return false;
	*seconds = (int64_t)t - east;
	return *seconds >= 0;
}

/* What stands before the time of day; an empty one is the last such time. */
static bool
parse_day(const char **at, struct tm *tm, bool *named)
{
	*named = true;
	if (word(at, "today"))
		return true;
	if (word(at, "yesterday")) {
		tm->tm_mday--;
		tm->tm_isdst = -1;
		tm->tm_hour = 12;
		return mktime(tm) != (time_t)-1;
	}
	*named = strchr(*at, '-') == *at + 4;
	return !*named || parse_date(at, tm);
}

int
when_parse(const char *text, int64_t now_ms, int64_t *wall_ms)
{
	const time_t now = (time_t)(now_ms / SECOND);
	bool alone, named, zone = false;
	const char *at = text;
	struct tm tm = { 0 };
	int ms = 0, east = 0;
	int64_t seconds;

	if (strcasecmp(text, "now") == 0) {
		*wall_ms = now_ms;
		return 0;
	}
	if (parse_ago(text, &seconds)) {
		*wall_ms = now_ms - seconds * SECOND;
		return *wall_ms >= 0 ? 0 : -1;
	}
	if (strlen(text) < 5 || localtime_r(&now, &tm) == NULL ||
	    !parse_day(&at, &tm, &named))
		return -1;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	alone = named && *at == '\0';
	if (named && !alone && !skip(&at, ' ') && !skip(&at, 'T') &&
	    !skip(&at, 't'))
		return -1;
	if (!alone && !parse_clock(&at, &tm, &ms))
		return -1;
	if (named && !parse_zone(&at, &zone, &east))
		return -1;
	if (*at != '\0' || !to_wall(&tm, zone, east, &seconds))
		return -1;
	if (!named && seconds > now) {
		tm.tm_mday--;
		tm.tm_isdst = -1;
		seconds = (int64_t)mktime(&tm);
	}
	*wall_ms = seconds * SECOND + ms;
	return *wall_ms >= 0 ? 0 : -1;
}
