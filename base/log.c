/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

/* Below PIPE_BUF, so that a line to a pipe is written whole or not at all. */
#define LINE_MAX_BYTES 2048

static struct {
	const char *role;
	int to_stderr;
	int fd;
	unsigned long lost; /* lines since the last that went out */
} self = { "vpsh", 1, -1, 0 };

static int
connect_log(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = "/dev/log" };

	return connect(self.fd, (const struct sockaddr *)&sun, sizeof(sun));
}

void
log_open(const char *role, int to_stderr)
{
	int saved = errno;

	self.role = role;
	self.to_stderr = to_stderr;
	if (!to_stderr && self.fd == -1) {
		/* Also when nobody listens yet: later it is forbidden. */
		self.fd = socket(AF_UNIX,
		    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (self.fd == -1)
			self.to_stderr = 1;
		else
			connect_log();
	}
	errno = saved;
}

int
log_to_stderr(void)
{
	return self.to_stderr;
}

int
log_fd(void)
{
	return self.fd;
}

static int
priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return LOG_DAEMON | LOG_ERR;
	case LOG_LEVEL_WARN:
		return LOG_DAEMON | LOG_WARNING;
	case LOG_LEVEL_INFO:
		return LOG_DAEMON | LOG_INFO;
	case LOG_LEVEL_DEBUG:
		return LOG_DAEMON | LOG_DEBUG;
	}
	return LOG_DAEMON | LOG_ERR;
}

/* A reader of standard error that stopped reading must not stop us. */
static bool
write_stderr(const char *text)
{
	char line[LINE_MAX_BYTES];
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };
	int n;

	n = snprintf(line, sizeof(line) - 1, "%s: %s", self.role, text);
	if (n < 0)
		return false;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (poll(&pfd, 1, 0) != 1 || (pfd.revents & POLLOUT) == 0)
		return false;
	return write(STDERR_FILENO, line, (size_t)n) == n;
}

/* The form that journald and every syslogd take from local programs. */
static bool
send_syslog(enum log_level level, const char *text)
{
	char line[LINE_MAX_BYTES];
	int n;

	n = snprintf(line, sizeof(line), "<%d>%s[%ld]: %s", priority(level),
	    self.role, (long)getpid(), text);
	if (n < 0)
		return false;
	if ((size_t)n >= sizeof(line))
		n = sizeof(line) - 1;
	if (send(self.fd, line, (size_t)n, MSG_NOSIGNAL) == n)
		return true;
	if (errno == EAGAIN || errno == ENOBUFS)
		return false;
	/* The log service was restarted, or was not there before. */
	return connect_log() == 0 &&
	    send(self.fd, line, (size_t)n, MSG_NOSIGNAL) == n;
}

static bool
emit(enum log_level level, const char *text)
{
	return self.to_stderr ? write_stderr(text) : send_syslog(level, text);
}

static void
write_line(enum log_level level, const char *text)
{
	char note[64];

	if (self.lost > 0) {
		snprintf(note, sizeof(note), "%lu log lines were lost here",
		    self.lost);
		if (emit(LOG_LEVEL_WARN, note))
			self.lost = 0;
	}
	if (!emit(level, text))
		self.lost++;
}

static void format_line(char *, size_t, const char *, va_list)
    __attribute__((format(printf, 3, 0)));

static void
format_line(char *text, size_t size, const char *fmt, va_list ap)
{
	char raw[LINE_MAX_BYTES / 2];

	if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
		raw[0] = '\0';
	text_escape(text, size, raw, strlen(raw));
}

void
log_write(enum log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES - 128];
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	format_line(text, sizeof(text), fmt, ap);
	va_end(ap);
	write_line(level, text);
	errno = saved;
}

void
fatal(const char *fmt, ...)
{
	char text[LINE_MAX_BYTES - 128];
	va_list ap;

	va_start(ap, fmt);
	format_line(text, sizeof(text), fmt, ap);
	va_end(ap);
	write_line(LOG_LEVEL_ERROR, text);
	if (!self.to_stderr)
		write_stderr(text);
	exit(1);
}
