/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ctl/ctl.h"
#include "ctl/report.h"

#define SAY_MAX 4096

void
report_open(struct report *r, bool json)
{
	memset(r, 0, sizeof(*r));
	r->json = json;
	if (json && (r->to = open_memstream(&r->text, &r->len)) == NULL)
		r->json = false;
	report_begin(r, NULL, '{');
	report_number(r, "v", 1);
}

int
report_close(struct report *r)
{
	if (r->to != NULL) {
		report_end(r, '}');
		fclose(r->to);
		r->to = NULL;
		if (!r->failed)
			puts(r->text);
		free(r->text);
		r->text = NULL;
	}
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -1;
}

void
report_say(const struct report *r, const char *fmt, ...)
{
	va_list ap;

	if (r->json)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void
report_note(const char *fmt, ...)
{
	va_list ap;

	fputs("vpshctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static int
fail(struct report *r, int code, const char *fmt, va_list ap)
{
	char text[SAY_MAX], safe[2 * SAY_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	report_note("%s", text);
	if (r->json && !r->failed) {
		text_json(safe, sizeof(safe), text, strlen(text));
		printf("{\"v\":1,\"error\":{\"name\":\"%s\",\"exit\":%d,"
		       "\"text\":\"%s\"}}\n",
		    code == CTL_USAGE	    ? "usage" :
			code == CTL_SERVICE ? "service" :
					      "failed",
		    code, safe);
	}
	r->failed = true;
	return code;
}

int
report_fail(struct report *r, const char *fmt, ...)
{
	va_list ap;
	int code;

	va_start(ap, fmt);
	code = fail(r, CTL_FAILED, fmt, ap);
	va_end(ap);
	return code;
}

int
report_usage(struct report *r, const char *fmt, ...)
{
	va_list ap;
	int code;

	va_start(ap, fmt);
	code = fail(r, CTL_USAGE, fmt, ap);
	va_end(ap);
	return code;
}

int
report_service(struct report *r, const char *fmt, ...)
{
	va_list ap;
	int code;

	va_start(ap, fmt);
	code = fail(r, CTL_SERVICE, fmt, ap);
	va_end(ap);
	return code;
}

static void
put_key(struct report *r, const char *key)
{
	if (r->comma)
		fputc(',', r->to);
	r->comma = true;
	if (key != NULL)
		fprintf(r->to, "\"%s\":", key);
}

void
report_begin(struct report *r, const char *key, char bracket)
{
	if (r->to == NULL)
		return;
	put_key(r, key);
	fputc(bracket, r->to);
	r->comma = false;
}

void
report_end(struct report *r, char bracket)
{
	if (r->to == NULL)
		return;
	fputc(bracket, r->to);
	r->comma = true;
}

void
report_string(struct report *r, const char *key, const char *value)
{
	char safe[2 * SAY_MAX];

	if (r->to == NULL)
		return;
	put_key(r, key);
	*safe = '\0';
	text_json(safe, sizeof(safe), value, strlen(value));
	fprintf(r->to, "\"%s\"", safe);
}

void
report_number(struct report *r, const char *key, long long value)
{
	if (r->to == NULL)
		return;
	put_key(r, key);
	fprintf(r->to, "%lld", value);
}

void
report_bool(struct report *r, const char *key, bool value)
{
	if (r->to == NULL)
		return;
	put_key(r, key);
	fputs(value ? "true" : "false", r->to);
}
