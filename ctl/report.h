/* SPDX-License-Identifier: ISC */
#ifndef CTL_REPORT_H
#define CTL_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * What vpshctl says: sentences on standard output for a person, or one JSON
 * object for a program.  The object is kept until the end, so that there is
 * never half of one; a failure takes its place.
 */
struct report {
	bool json;
	FILE *to; /* the object, being made */
	char *text;
	size_t len;
	bool comma;
	bool failed;
};

void report_open(struct report *r, bool json);

/* Print the object, if there is one.  Returns -1 when it cannot be. */
int report_close(struct report *r);

/* For a person only; a line feed is added. */
void report_say(const struct report *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* What a person should know beside; standard error, never JSON. */
void report_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * It did not work: "vpshctl: ..." on standard error.  The first one is the
 * error of the JSON object.  Returns CTL_FAILED or, from report_usage() and
 * report_service(), CTL_USAGE and CTL_SERVICE.
 */
int report_fail(struct report *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int report_usage(struct report *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int report_service(struct report *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Members of the object; key is NULL within a list. */
void report_begin(struct report *r, const char *key, char bracket);
void report_end(struct report *r, char bracket);
void report_string(struct report *r, const char *key, const char *value);
void report_number(struct report *r, const char *key, long long value);
void report_bool(struct report *r, const char *key, bool value);

#endif
