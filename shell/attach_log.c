/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ansi.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/attach_log.h"
#include "shell/json.h"
#include "shell/signals.h"
#include "wire/err.h"

/* A log is one ring at most; more than this no honest server sends. */
#define LOG_MAX ((size_t)2 * WIRE_RING_BYTES)

/* How long the broker's good-bye may take when a right is gone. */
#define BYE_MS 100

/* "03:12:45 " */
#define TIME_LEN  9
#define TIME_NONE "         "

/* One line of output. */
struct row {
	enum { ROW_TEXT, ROW_MARK, ROW_MISSED } kind;
	int64_t ms; /* -1: not known */
	uint64_t offset;
	const char *text;
	uint64_t missed;
	bool first; /* nothing was there before it */
};

/* --- one line of output -------------------------------------------------- */

/* The time of day in front of a line, and a date line where it changes. */
static void
show_time(struct attach_log *log, int64_t ms, char text[TIME_LEN + 1])
{
	const time_t seconds = (time_t)(ms / 1000);
	char date[64];
	struct tm tm;
	int day;

	(void)text_copy(text, TIME_LEN + 1, TIME_NONE);
	if (ms < 0 || localtime_r(&seconds, &tm) == NULL)
		return;
	day = tm.tm_year * 366 + tm.tm_yday;
	if (day != log->day &&
	    strftime(date, sizeof(date), "%Y-%m-%d, times in %Z", &tm) > 0)
		fprintf(log->options.out, "-- %s --\n", date);
	log->day = day;
	(void)strftime(text, TIME_LEN + 1, "%H:%M:%S ", &tm);
}

static void
show_plain(struct attach_log *log, const struct row *row)
{
	char at[TIME_LEN + 1], safe[WIRE_TEXT * 2];
	FILE *out = log->options.out;

	show_time(log, row->ms, at);
	switch (row->kind) {
	case ROW_TEXT:
		/* No blanks at the end of what is copied and pasted. */
		if (row->text[0] == '\0')
			at[at[0] == ' ' ? 0 : TIME_LEN - 1] = '\0';
		fprintf(out, "%s%s\n", at, row->text);
		break;
	case ROW_MARK:
		(void)text_escape(safe, sizeof(safe), row->text,
		    strlen(row->text));
		fprintf(out, "-- %s%s --\n", at[0] == ' ' ? "" : at, safe);
		break;
	case ROW_MISSED:
		fprintf(out, "-- %s%" PRIu64 " bytes are missing here --\n",
		    row->first ? "" : "this view was too slow: ", row->missed);
		break;
	}
}

static void
show_json(struct attach_log *log, const struct row *row)
{
	const char *text = row->text;
	struct json json;

	/* One string is as long as a line but for what had to be escaped. */
	do {
		json_begin(&json, log->options.out);
		if (row->ms >= 0)
			json_time(&json, "at", row->ms);
		else
			json_null(&json, "at");
		json_count(&json, "offset", row->offset);
		if (row->kind == ROW_MISSED)
			json_count(&json, "missed", row->missed);
		else
			json_string(&json,
			    row->kind == ROW_MARK ? "mark" : "text", text);
		json_end(&json);
		text += strnlen(text, JSON_STRING_MAX);
	} while (*text != '\0');
}

static void
show(struct attach_log *log, const struct row *row)
{
	log->count++;
	if (log->counting || log->count <= log->skip)
		return;
	if (log->options.json)
		show_json(log, row);
	else
		show_plain(log, row);
}

/* --- lines out of bytes -------------------------------------------------- */

/* Carriage returns may have made more than one of it. */
static void
line_end(struct attach_log *log)
{
	struct row row = { .ms = log->line_ms, .offset = log->line_offset };
	char *text, *at, *next;
	size_t len;

	text = ansi_text(log->line, log->len, &len);
	log->len = 0;
	for (at = text; at != NULL; at = next) {
		next = strchr(at, '\n');
		if (next != NULL)
			*next++ = '\0';
		row.text = at;
		show(log, &row);
	}
	free(text);
}

void
attach_log_end(struct attach_log *log)
{
	if (log->len > 0)
		line_end(log);
	(void)fflush(log->options.out);
}

static void
take_bytes(struct attach_log *log, const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (log->len == ATTACH_LOG_LINE && data[i] != '\n')
			line_end(log);
		if (log->len == 0) {
			log->line_ms = log->now_ms;
			log->line_offset = log->offset + i;
		}
		if (data[i] == '\n')
			line_end(log);
		else
			log->line[log->len++] = data[i];
	}
	log->offset += len;
}

/* A line of ours stands between two lines of the guest's. */
static void
take_mark(struct attach_log *log, struct row row)
{
	if (log->len > 0)
		line_end(log);
	row.offset = log->offset;
	show(log, &row);
}

/* One frame of the console server's, with a body of len bytes. */
static void
take(struct attach_log *log, const struct wire_msg *msg, size_t len)
{
	switch (msg->head.type) {
	case WIRE_OUTPUT:
		log->known = true;
		log->offset = msg->u.output.offset;
		take_bytes(log, msg->u.output.data,
		    len - offsetof(struct wire_output, data));
		break;
	case WIRE_STAMP:
		log->known = true;
		log->offset = msg->u.stamp.offset;
		log->now_ms = msg->u.stamp.wall_ms;
		break;
	case WIRE_EVENT:
		take_mark(log,
		    (struct row){ .kind = ROW_MARK,
			.ms = log->now_ms,
			.text = msg->u.text.text });
		break;
	case WIRE_MISSED:
		take_mark(log,
		    (struct row){ .kind = ROW_MISSED,
			.ms = -1,
			.text = "",
			.missed = msg->u.missed.bytes,
			.first = log->count == 0 });
		break;
	default:
		break;
	}
}

void
attach_log_init(struct attach_log *log,
    const struct attach_log_options *options)
{
	memset(log, 0, sizeof(*log));
	log->options = *options;
	log->now_ms = log->line_ms = -1;
	log->day = -1;
}

/* --- what there is ------------------------------------------------------- */

/* Frames, one after the other: a length, the head, the body. */
struct frames {
	uint8_t *data;
	size_t len;
	size_t size;
};

static int
frames_add(struct frames *frames, const struct wire_msg *msg, size_t body)
{
	size_t len = offsetof(struct wire_msg, u) + body;
	size_t need = frames->len + sizeof(len) + len;
	size_t size = frames->size == 0 ? 65536 : 2 * frames->size;
	uint8_t *more;

	if (need > LOG_MAX)
		return VPSH_ERR_CONSOLE;
	if (need > frames->size) {
		more = realloc(frames->data, size);
		if (more == NULL)
			return VPSH_ERR_MEMORY_HOST;
		frames->data = more;
		frames->size = size;
	}
	memcpy(frames->data + frames->len, &len, sizeof(len));
	memcpy(frames->data + frames->len + sizeof(len), msg, len);
	frames->len = need;
	return VPSH_OK;
}

/* One frame.  *over: it was the last. */
static int
frames_take(struct frames *frames, int viewer, bool *over)
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
	return frames_add(frames, &msg, (size_t)len);
}

static int
frames_collect(struct frames *frames, int viewer, int deadline_ms)
{
	struct pollfd pfd = { .fd = viewer, .events = POLLIN };
	const int64_t until = clock_ms() + deadline_ms;
	bool over = false;
	int err = VPSH_OK, r;

	while (!over && err == VPSH_OK) {
		r = signals_wait(&pfd, 1, until);
		if (r == -1)
			return CLIENT_INTERRUPTED;
		if (r == 0)
			return VPSH_ERR_TIMEOUT;
		err = frames_take(frames, viewer, &over);
	}
	return err;
}

static void
frames_show(const struct frames *frames, struct attach_log *log)
{
	struct wire_msg msg;
	size_t at, len;

	for (at = 0; at < frames->len; at += sizeof(len) + len) {
		memcpy(&len, frames->data + at, sizeof(len));
		memcpy(&msg, frames->data + at + sizeof(len), len);
		take(log, &msg, len - offsetof(struct wire_msg, u));
	}
	/* What goes on may end the line, too. */
	if (!log->options.follow && log->len > 0)
		line_end(log);
}

/* How many lines it makes; one can be many rows, or no row at all. */
static uint64_t
frames_count(const struct frames *frames, const struct attach_log *log)
{
	struct attach_log *dry = malloc(sizeof(*dry));
	uint64_t count;

	if (dry == NULL)
		return 0;
	*dry = *log;
	dry->counting = true;
	frames_show(frames, dry);
	count = dry->count;
	free(dry);
	return count;
}

int
attach_log_collect(struct attach_log *log, int viewer, int deadline_ms)
{
	struct frames frames = { NULL, 0, 0 };
	int err = VPSH_ERR_CONSOLE;
	uint64_t count;

	if (fd_set_nonblock(viewer) == 0)
		err = frames_collect(&frames, viewer, deadline_ms);
	if (err == VPSH_OK) {
		count = log->options.lines == 0 ? 0 :
						  frames_count(&frames, log);
		if (count > log->options.lines)
			log->skip = count - log->options.lines;
		frames_show(&frames, log);
		if (fflush(log->options.out) == EOF && errno != EPIPE)
			err = VPSH_ERR_FAILED;
	}
	free(frames.data);
	return err;
}

/* --- what comes ---------------------------------------------------------- */

/* The console server ended it; the broker may say good-bye and knows why. */
static int
view_ended(const struct wire_outcome *outcome, struct client *client)
{
	struct pollfd pfd = { .fd = client->fd, .events = POLLIN };
	int err;

	if (signals_wait(&pfd, 1, clock_ms() + BYE_MS) == 1) {
		err = client_drain(client);
		if (err != 0)
			return err;
	}
	client->said = *outcome;
	return outcome->err != VPSH_OK ? outcome->err : VPSH_ERR_CONSOLE;
}

/* One frame; 1 to go on. */
static int
viewer_turn(struct attach_log *log, int viewer, struct client *client)
{
	struct wire_msg msg;
	ssize_t len = wire_recv(viewer, &msg, WIRE_CONSOLE_VIEWER, NULL, NULL);

	if (len == -1 && (errno == EAGAIN || errno == EINTR))
		return 1;
	if (len <= 0)
		return VPSH_ERR_CONSOLE;
	if (msg.head.type == WIRE_VIEW_END)
		return view_ended(&msg.u.outcome, client);
	take(log, &msg, (size_t)len);
	return fflush(log->options.out) == EOF ? VPSH_OK : 1;
}

/* A broker that was restarted must grant again. */
static int
broker_turn(struct client *client)
{
	int err = client_drain(client);

	if (err == 0 && client->fd == -1)
		err = VPSH_ERR_CONSOLE;
	return err == 0 ? 1 : err;
}

int
attach_log_follow(struct attach_log *log, int viewer, struct client *client)
{
	struct pollfd pfd[3] = { { .fd = viewer, .events = POLLIN },
		{ .fd = client->fd, .events = POLLIN },
		{ .fd = fileno(log->options.out) } };
	int err = 1;

	if (fd_set_nonblock(viewer) == -1)
		return VPSH_ERR_CONSOLE;
	while (err == 1) {
		/* Ctrl-C; or nobody is there to read it any more. */
		if (signals_wait(pfd, 3, -1) == -1 || pfd[2].revents != 0)
			return VPSH_OK;
		if (pfd[0].revents != 0)
			err = viewer_turn(log, viewer, client);
		if (err == 1 && pfd[1].revents != 0)
			err = broker_turn(client);
	}
	return err;
}
