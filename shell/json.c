/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "shell/json.h"

static void
begin_value(struct json *json, const char *name)
{
	if (json->more[json->depth])
		fputc(',', json->out);
	json->more[json->depth] = true;
	if (name != NULL)
		fprintf(json->out, "\"%s\":", name);
}

/* Deeper than ours ever are: the value becomes null instead. */
static void
open_value(struct json *json, const char *name, char open, char close)
{
	begin_value(json, name);
	if (json->depth + 1 == JSON_DEPTH_MAX) {
		fputs("null", json->out);
		return;
	}
	json->depth++;
	json->more[json->depth] = false;
	json->close[json->depth] = close;
	fputc(open, json->out);
}

void
json_begin(struct json *json, FILE *out)
{
	memset(json, 0, sizeof(*json));
	json->out = out;
	open_value(json, NULL, '{', '}');
	json_number(json, "v", 1);
}

void
json_end(struct json *json)
{
	while (json->depth > 0)
		json_close(json);
	fputc('\n', json->out);
}

void
json_object(struct json *json, const char *name)
{
	open_value(json, name, '{', '}');
}

void
json_array(struct json *json, const char *name)
{
	open_value(json, name, '[', ']');
}

void
json_close(struct json *json)
{
	if (json->depth > 0)
		fputc(json->close[json->depth--], json->out);
}

void
json_string(struct json *json, const char *name, const char *value)
{
	char escaped[JSON_STRING_MAX * 6 + 1];

	if (value == NULL) {
		json_null(json, name);
		return;
	}
	text_json(escaped, sizeof(escaped), value,
	    strnlen(value, JSON_STRING_MAX));
	begin_value(json, name);
	fprintf(json->out, "\"%s\"", escaped);
}

void
json_text(struct json *json, const char *name, const char *value)
{
	json_string(json, name, value == NULL || *value == '\0' ? NULL : value);
}

void
json_number(struct json *json, const char *name, int64_t value)
{
	begin_value(json, name);
	fprintf(json->out, "%" PRId64, value);
}

void
json_count(struct json *json, const char *name, uint64_t value)
{
	begin_value(json, name);
	fprintf(json->out, "%" PRIu64, value);
}

void
json_tenths(struct json *json, const char *name, int64_t value)
{
	begin_value(json, name);
	fprintf(json->out, "%s%" PRId64 ".%" PRId64, value < 0 ? "-" : "",
	    value < 0 ? -(value / 10) : value / 10,
	    value < 0 ? -(value % 10) : value % 10);
}

void
json_bool(struct json *json, const char *name, bool value)
{
	begin_value(json, name);
	fputs(value ? "true" : "false", json->out);
}

void
json_null(struct json *json, const char *name)
{
	begin_value(json, name);
	fputs("null", json->out);
}

void
json_time(struct json *json, const char *name, int64_t wall_ms)
{
	char text[CLOCK_RFC3339_LEN];

	clock_rfc3339(wall_ms, text);
	json_string(json, name, text);
}
