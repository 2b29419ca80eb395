/* SPDX-License-Identifier: ISC */
#ifndef SHELL_JSON_H
#define SHELL_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * One line with one JSON object (RFC 8259), written as it is made.  Strings
 * may hold any bytes: what is no UTF-8 becomes U+FFFD, what could move a
 * cursor is spelt out.  Numbers are whole, but for tenths.  name is NULL
 * inside an array, else it needs no escaping: it is one of ours.
 */

#define JSON_DEPTH_MAX	8
#define JSON_STRING_MAX	4096	/* bytes; what is longer is cut */

struct json {
	FILE	*out;
	int	 depth;
	bool	 more[JSON_DEPTH_MAX];	/* a comma goes before the next one */
	char	 close[JSON_DEPTH_MAX];
};

/* Begins the object, with "v":1. */
void	 json_begin(struct json *json, FILE *out);
/* Closes whatever is open, and the line. */
void	 json_end(struct json *json);

void	 json_object(struct json *json, const char *name);
void	 json_array(struct json *json, const char *name);
void	 json_close(struct json *json);

/* null when value is NULL. */
void	 json_string(struct json *json, const char *name, const char *value);
/* null when it is empty, too. */
void	 json_text(struct json *json, const char *name, const char *value);
void	 json_number(struct json *json, const char *name, int64_t value);
void	 json_count(struct json *json, const char *name, uint64_t value);
/* 125 is 12.5 */
void	 json_tenths(struct json *json, const char *name, int64_t value);
void	 json_bool(struct json *json, const char *name, bool value);
void	 json_null(struct json *json, const char *name);
/* RFC 3339 in UTC, of milliseconds of the wall clock. */
void	 json_time(struct json *json, const char *name, int64_t wall_ms);

#endif
