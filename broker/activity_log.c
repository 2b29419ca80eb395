/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"

#define VALUE	160	/* no member that counts here is longer */

/*
 * One line of the audit log, as audit.c writes it: a flat object of strings
 * and numbers.  Somebody may have edited it; what is not so is passed over.
 */
enum member {
	TIME,
	EVENT,
	CUSTOMER,
	CLAIM,
	VERB,
	HOW,
	GUEST,
	DOMAIN,
	REF,
	VERDICT,
	ERR,
	MS,
	MEMBERS
};

static const char *const names[MEMBERS] = { "time", "event", "customer",
	"claim", "verb", "how", "guest", "domain", "ref", "verdict", "err",
	"ms" };

struct values {
	char	text[MEMBERS][VALUE];
};

void
activity_open(struct broker *b, const char *dir)
{
	char path[PATH_MAX];

	b->activity.log = -1;
	if (text_format(path, sizeof(path), "%s/audit.jsonl", dir) == 0)
		b->activity.log = open(path, O_RDONLY | O_CLOEXEC |
		    O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

/*
 * A string, from behind its quote to behind the next one; NULL: none.  What
 * is not ASCII and what was escaped by number becomes '?': nothing here has
 * to be exact that could be of that kind.
 */
static const char *
read_string(const char *at, char *dst, size_t size)
{
	size_t len = 0;
	char c;

	for (; *at != '"'; at++) {
		c = *at;
		if (c == '\\') {
			at++;
			if (*at == 'u' && strspn(at + 1,
			    "0123456789abcdefABCDEF") >= 4) {
				c = '?';
				at += 4;
			} else if (*at == '"' || *at == '\\' || *at == '/')
				c = *at;
			else if (*at != '\0' && strchr("bfnrt", *at) != NULL)
				c = '?';
			else
				return NULL;
		}
		if (c == '\0')
			return NULL;
		if (len + 1 < size)
			dst[len++] = c >= ' ' && c < 0x7f ? c : '?';
	}
	dst[len] = '\0';
	return at + 1;
}

static const char *
read_number(const char *at, char *dst, size_t size)
{
	size_t len = strspn(at, "-0123456789");

	if (len == 0 || len >= size)
		return NULL;
	memcpy(dst, at, len);
	dst[len] = '\0';
	return at + len;
}

static bool
read_line(const char *at, struct values *values)
{
	char name[16], other[VALUE] = "", *dst;
	size_t i;

	memset(values, 0, sizeof(*values));
	if (*at++ != '{')
		return false;
	for (;; at++) {
		if (*at != '"' ||
		    (at = read_string(at + 1, name, sizeof(name))) == NULL ||
		    *at++ != ':')
			return false;
		for (i = 0; i < MEMBERS && strcmp(names[i], name) != 0; i++)
			continue;
		dst = i < MEMBERS ? values->text[i] : other;
		at = *at == '"' ? read_string(at + 1, dst, VALUE) :
		    read_number(at, dst, VALUE);
		if (at == NULL)
			return false;
		if (*at != ',')
			return strcmp(at, "}") == 0;
	}
}

/* clock_rfc3339() backwards: "2026-01-31T09:00:00.000Z"; -1: it is not. */
static int64_t
read_time(const char *s)
{
	struct tm tm = { 0 };
	unsigned ms;
	int end = 0;
	time_t t;

	if (sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2d.%3uZ%n", &tm.tm_year,
	    &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms,
	    &end) != 7 || end == 0 || s[end] != '\0')
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	t = timegm(&tm);
	return t == -1 ? -1 : (int64_t)t * 1000 + (int64_t)ms;
}

static const char *
given(const struct values *values, enum member member)
{
	return values->text[member][0] != '\0' ? values->text[member] : NULL;
}

static void
take_line(struct broker *b, const char *line)
{
	struct values values;
	struct audit_record r;
	long long ms = 0;
	int64_t wall_ms;

	if (!read_line(line, &values) ||
	    (wall_ms = read_time(values.text[TIME])) == -1)
		return;
	(void)text_number(values.text[MS], 0, INT_MAX, &ms);
	r = (struct audit_record){ .event = values.text[EVENT],
		.customer = given(&values, CUSTOMER),
		.claim = given(&values, CLAIM), .verb = given(&values, VERB),
		.how = given(&values, HOW), .guest = given(&values, GUEST),
		.domain = given(&values, DOMAIN), .ref = given(&values, REF),
		.verdict = given(&values, VERDICT),
		.err = given(&values, ERR), .ms = ms };
	activity_note(b, &r, wall_ms);
}

/* What is there of the last bytes; the caller's to free. */
static char *
read_tail(int fd, size_t *len)
{
	off_t end = lseek(fd, 0, SEEK_END), from;
	char *text = malloc(ACTIVITY_TAIL + 1);
	ssize_t n = 1;

	*len = 0;
	from = end > ACTIVITY_TAIL ? end - ACTIVITY_TAIL : 0;
	if (text == NULL || end == -1 || lseek(fd, from, SEEK_SET) == -1) {
		free(text);
		return NULL;
	}
	while (*len < ACTIVITY_TAIL && n != 0) {
		n = read(fd, text + *len, ACTIVITY_TAIL - *len);
		if (n == -1 && errno != EINTR)
			break;
		*len += n > 0 ? (size_t)n : 0;
	}
	text[*len] = '\0';
	return text;
}

void
activity_refill(struct broker *b)
{
	char *text = NULL, *line, *end;
	size_t len;

	if (b->activity.log == -1)
		return;
	text = read_tail(b->activity.log, &len);
	fd_close(&b->activity.log);
	if (text == NULL) {
		log_warn("the end of the audit log cannot be read: "
		    "\"activity\" begins anew");
		return;
	}
	/* The first line may be half of one, which is no object then. */
	for (line = text; (end = memchr(line, '\n',
	    len - (size_t)(line - text))) != NULL; line = end + 1) {
		*end = '\0';
		take_line(b, line);
	}
	free(text);
	activity_close_open(b);
}
