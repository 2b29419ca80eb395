/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/audit.h"

#define LINE_MAX_BYTES	8192

/* A line that grows; every value is cut so that the whole always fits. */
struct line {
	char	text[LINE_MAX_BYTES];
	size_t	len;
};

int
audit_open(struct audit *audit, const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	memset(audit, 0, sizeof(*audit));
	audit->fd = -1;
	if (text_format(path, sizeof(path), "%s/audit.jsonl", dir) == -1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	audit->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
	    O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0640);
	if (audit->fd == -1 || fstat(audit->fd, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		fd_close(&audit->fd);
		errno = EINVAL;
		return -1;
	}
	return 0;
}

static void
put_string(struct line *line, const char *name, const char *value)
{
	char escaped[800];

	if (value == NULL || *value == '\0')
		return;
	escaped[0] = '\0';
	text_json(escaped, sizeof(escaped), value, strlen(value));
	line->len += (size_t)snprintf(line->text + line->len,
	    sizeof(line->text) - line->len, ",\"%s\":\"%s\"", name, escaped);
}

static void
put_number(struct line *line, const char *name, long long value)
{
	line->len += (size_t)snprintf(line->text + line->len,
	    sizeof(line->text) - line->len, ",\"%s\":%lld", name, value);
}

static void
line_begin(struct line *line, const char *event)
{
	char now[CLOCK_RFC3339_LEN];

	clock_rfc3339(clock_wall_ms(), now);
	line->len = (size_t)snprintf(line->text, sizeof(line->text),
	    "{\"time\":\"%s\",\"event\":\"%s\"", now, event);
}

static int
line_end(struct audit *audit, struct line *line)
{
	ssize_t n;

	line->text[line->len++] = '}';
	line->text[line->len++] = '\n';
	do {
		n = write(audit->fd, line->text, line->len);
	} while (n == -1 && errno == EINTR);
	if (n == (ssize_t)line->len)
		return 0;
	if (n >= 0) { /* no room for all of it */
		audit->torn |= n > 0;
		errno = ENOSPC;
	}
	return -1;
}

/* First what is missing, so that nobody takes the log for complete. */
static int
write_gap(struct audit *audit)
{
	struct line line;
	char since[CLOCK_RFC3339_LEN];

	if (audit->torn && write(audit->fd, "\n", 1) != 1)
		return -1;
	audit->torn = false;
	if (audit->lost == 0)
		return 0;
	clock_rfc3339(audit->lost_since_ms, since);
	line_begin(&line, "gap");
	put_number(&line, "lost", audit->lost);
	put_string(&line, "since", since);
	if (line_end(audit, &line) == -1)
		return -1;
	log_warn("the audit log is written again; %lld records are missing",
	    (long long)audit->lost);
	audit->lost = 0;
	return 0;
}

int
audit_write(struct audit *audit, const struct audit_record *r)
{
	struct line line;

	line_begin(&line, r->event);
	put_string(&line, "customer", r->customer);
	if (r->peer != NULL) {
		put_number(&line, "uid", (long long)r->peer->uid);
		put_number(&line, "pid", (long long)r->peer->pid);
	}
	put_string(&line, "claim", r->claim);
	put_string(&line, "verb", r->verb);
	put_string(&line, "how", r->how);
	put_string(&line, "guest", r->guest);
	put_string(&line, "domain", r->domain);
	put_string(&line, "ref", r->ref);
	put_string(&line, "verdict", r->verdict);
	put_string(&line, "because", r->because);
	put_string(&line, "err", r->err);
	if (r->ms != 0)
		put_number(&line, "ms", (long long)r->ms);
	if (write_gap(audit) == 0 && line_end(audit, &line) == 0)
		return 0;
	if (audit->lost++ == 0) {
		audit->lost_since_ms = clock_wall_ms();
		log_error("the audit log cannot be written: %s",
		    strerror(errno));
	}
	/* The operator's log has it at least. */
	log_warn("audit: %.*s", (int)line.len, line.text);
	return -1;
}
