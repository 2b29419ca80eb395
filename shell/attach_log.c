/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/attach.h"
#include "wire/err.h"

/* A log is one ring at most; more than this no honest server sends. */
#define LOG_MAX ((size_t)2 * WIRE_RING_BYTES)

/* text_escape() makes at most this many bytes of one. */
#define WIDEST 4

#define BEL 0x07
#define CAN 0x18
#define SUB 0x1a
#define ESC 0x1b

/* --- leaving out control sequences --------------------------------------- */

/* The length of ESC [ ... (ECMA-48, 5.4), as far as it is well-formed. */
static size_t
csi_length(const uint8_t *data, size_t len)
{
	size_t i = 2;

	while (i < len && data[i] >= 0x30 && data[i] <= 0x3f)
		i++;
	while (i < len && data[i] >= 0x20 && data[i] <= 0x2f)
		i++;
	if (i < len && data[i] >= 0x40 && data[i] <= 0x7e)
		i++;
	return i;
}

/*
 * The length of a string as OSC and DCS have one.  A new line ends it, too:
 * one that is never closed costs its own line and not the rest of the log.
 */
static size_t
string_length(const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 2; i < len; i++) {
		if (data[i] == BEL || data[i] == CAN || data[i] == SUB)
			return i + 1;
		if (data[i] == '\n')
			return i;
		if (data[i] == ESC)
			return i + 1 < len && data[i + 1] == '\\' ? i + 2 : i;
	}
	return i;
}

/* The length of the escape sequence that data, an ESC, begins. */
static size_t
sequence_length(const uint8_t *data, size_t len)
{
	size_t i = 1;

	if (len < 2)
		return len;
	switch (data[1]) {
	case '[':
		return csi_length(data, len);
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		return string_length(data, len);
	default:
		break;
	}
	while (i < len && data[i] >= 0x20 && data[i] <= 0x2f)
		i++;
	if (i < len && data[i] >= 0x30 && data[i] <= 0x7e)
		i++;
	return i;
}

/*
 * What a line printer would have got.  A carriage return before a new line
 * is part of it; one at a line's start says nothing; any other begins a line
 * of its own, so that a progress bar does not hide what it overwrote.
 */
static size_t
strip(const uint8_t *data, size_t len, char *plain)
{
	size_t i = 0, n = 0;

	while (i < len) {
		if (data[i] == ESC) {
			i += sequence_length(data + i, len - i);
			continue;
		}
		if (data[i] != '\r') {
			plain[n++] = (char)data[i++];
			continue;
		}
		while (i < len && data[i] == '\r')
			i++;
		if (n > 0 && plain[n - 1] != '\n' && i < len && data[i] != '\n')
			plain[n++] = '\n';
	}
	return n;
}

char *
attach_neutralise(const uint8_t *data, size_t len, size_t *outlen)
{
	char *plain = malloc(len + 1), *out = malloc(WIDEST * len + 1);
	size_t begin, end, n, at = 0;

	if (plain == NULL || out == NULL) {
		free(plain);
		free(out);
		return NULL;
	}
	n = strip(data, len, plain);
	for (begin = 0; begin < n; begin = end) {
		for (end = begin;
		     end < n && plain[end] != '\n' && plain[end] != '\t'; end++)
			continue;
		at += text_escape(out + at, WIDEST * len + 1 - at,
		    plain + begin, end - begin);
		if (end < n)
			out[at++] = plain[end++];
	}
	out[at] = '\0';
	free(plain);
	*outlen = at;
	return out;
}

const char *
attach_last_lines(const char *text, size_t len, unsigned lines)
{
	const char *at = text + len;

	if (lines == 0 || len == 0)
		return text;
	/* The new line that ends the last line begins none. */
	if (at[-1] == '\n')
		at--;
	for (; at > text; at--)
		if (at[-1] == '\n' && --lines == 0)
			break;
	return at;
}

/* --- collecting ---------------------------------------------------------- */

struct log {
	uint8_t *data;
	size_t len;
	size_t size;
};

static int
log_add(struct log *log, const uint8_t *data, size_t len)
{
	size_t size = log->size == 0 ? 65536 : 2 * log->size;
	uint8_t *more;

	if (log->len + len > LOG_MAX)
		return VPSH_ERR_CONSOLE;
	if (log->len + len > log->size) {
		more = realloc(log->data, size);
		if (more == NULL)
			return VPSH_ERR_MEMORY_HOST;
		log->data = more;
		log->size = size;
	}
	memcpy(log->data + log->len, data, len);
	log->len += len;
	return VPSH_OK;
}

/* One frame.  *over: it was the last. */
static int
log_take(struct log *log, int viewer, bool *over)
{
	struct wire_msg msg;
	ssize_t len = wire_recv(viewer, &msg, WIRE_CONSOLE_VIEWER, NULL, NULL);

	if (len == -1 && (errno == EAGAIN || errno == EINTR))
		return VPSH_OK;
	if (len <= 0)
		return VPSH_ERR_CONSOLE;
	if (msg.head.type == WIRE_VIEW_END) {
		*over = true;
		return msg.u.outcome.err;
	}
	if (msg.head.type == WIRE_OUTPUT)
		return log_add(log, msg.u.output.data,
		    (size_t)len - offsetof(struct wire_output, data));
	return VPSH_OK;
}

static int
log_collect(struct log *log, int viewer, int deadline_ms)
{
	struct pollfd pfd = { .fd = viewer, .events = POLLIN };
	const int64_t until = clock_ms() + deadline_ms;
	bool over = false;
	int64_t left;
	int err = VPSH_OK;

	while (!over && err == VPSH_OK) {
		left = until - clock_ms();
		if (left <= 0)
			return VPSH_ERR_TIMEOUT;
		if (poll(&pfd, 1, (int)left) > 0)
			err = log_take(log, viewer, &over);
	}
	return err;
}

static int
log_print(const struct log *log, int out, unsigned lines)
{
	const char *from;
	size_t len = 0;
	char *text;
	int r;

	text = attach_neutralise(log->data, log->len, &len);
	if (text == NULL)
		return VPSH_ERR_MEMORY_HOST;
	from = attach_last_lines(text, len, lines);
	len -= (size_t)(from - text);
	r = fd_write_all(out, from, len);
	if (r == 0 && len > 0 && from[len - 1] != '\n')
		r = fd_write_all(out, "\n", 1);
	free(text);
	return r == 0 ? VPSH_OK : VPSH_ERR_FAILED;
}

int
attach_log(int viewer, int out, unsigned lines, int deadline_ms)
{
	struct log log = { NULL, 0, 0 };
	int err = VPSH_ERR_CONSOLE;

	if (fd_set_nonblock(viewer) == 0)
		err = log_collect(&log, viewer, deadline_ms);
	if (err == VPSH_OK)
		err = log_print(&log, out, lines);
	free(log.data);
	return err;
}
