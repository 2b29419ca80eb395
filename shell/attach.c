/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/attach.h"
#include "shell/terminal.h"
#include "wire/err.h"

#define HELP_LINE "connected. Ctrl-] (or Ctrl-5) leaves, or Ctrl-Q three times"

#define READ_SIZE  4096
#define SHOWN_SIZE (WIRE_DATA + 16384)
#define MARK_SIZE  1024

/* A watcher who types gets the line that says so this often at most. */
#define HELP_MS 2000

/* When a right is gone the broker may say good-bye, too, and knows why. */
#define BYE_MS 100

/* How long the last words may take to reach a slow terminal. */
#define FAREWELL_MS 1000

/*
 * Without a terminal: what was piped in is sent, its end was read, and the
 * guest has been silent for so long.  Then it is over, as a script expects
 * that says "echo reboot | ssh HOST console web".  Where nothing was piped
 * in, there is somebody who only wants to listen.
 */
#define SILENT_MS 2000

/* A descriptor's turn: go on, or what the run ends with. */
#define GO_ON (-1)

enum { P_IN, P_VIEWER, P_BROKER, P_OUT, P_COUNT };

/* --- what goes to the terminal ------------------------------------------- */

/* False when nobody is there to read it any more. */
static bool
shown_flush(struct attach *a)
{
	ssize_t n;

	while (a->shown_at < a->shown_len) {
		n = write(a->options.out, a->shown + a->shown_at,
		    a->shown_len - a->shown_at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN;
		a->shown_at += (size_t)n;
	}
	a->shown_at = a->shown_len = 0;
	return true;
}

static void
show(struct attach *a, const void *data, size_t len)
{
	/* Bytes of the guest come only when all else is out: they fit. */
	if (len == 0 || len > SHOWN_SIZE - a->shown_len)
		return;
	memcpy(a->shown + a->shown_len, data, len);
	a->shown_len += len;
	a->bol = a->shown[a->shown_len - 1] == '\n';
}

/* Without a terminal our own lines must not get into the guest's bytes. */
static void
say_aside(const struct attach *a, const char *line, size_t len)
{
	struct pollfd pfd = { .fd = a->options.err, .events = POLLOUT };
	ssize_t n;

	if (poll(&pfd, 1, 0) != 1 || (pfd.revents & POLLOUT) == 0)
		return;
	n = write(a->options.err, line, len);
	(void)n;
}

void
attach_mark(struct attach *a, const char *text)
{
	char line[MARK_SIZE], safe[MARK_SIZE - 64];
	const char *begin = a->tty && !a->bol ? "\r\n" : "";
	const char *end = a->tty ? "\r\n" : "\n";

	(void)text_escape(safe, sizeof(safe), text, strlen(text));
	if (text_format(line, sizeof(line), "%s[%s: %s]%s", begin,
		a->options.guest, safe, end) == -1)
		return;
	if (!a->tty) {
		say_aside(a, line, strlen(line));
		return;
	}
	show(a, line, strlen(line));
	(void)shown_flush(a);
}

/* Give the last words a chance; a stuck terminal does not hold us. */
static void
farewell(struct attach *a)
{
	struct pollfd pfd = { .fd = a->options.out, .events = POLLOUT };
	const int64_t until = clock_ms() + FAREWELL_MS;
	int64_t left;

	while (shown_flush(a) && a->shown_len > 0) {
		left = until - clock_ms();
		if (left <= 0 ||
		    (poll(&pfd, 1, (int)left) == -1 && errno != EINTR))
			return;
	}
}

/* Who writes, if it is not us, and what can be done about it. */
static void
mark_watching(struct attach *a, const char *verb)
{
	char text[WIRE_TEXT];
	const char *who = a->who;
	const char *keys = "q leaves";

	if (a->may_write)
		keys = "w takes over, q leaves";
	if (a->options.customer != NULL &&
	    strcmp(who, a->options.customer) == 0)
		who = "another session of yours";
	if (*who == '\0')
		(void)text_format(text, sizeof(text), "you are watching; %s",
		    keys);
	else
		(void)text_format(text, sizeof(text),
		    "you are watching; %s %s; %s", who, verb, keys);
	attach_mark(a, text);
}

/* --- what goes to the guest ---------------------------------------------- */

static void
pending_forget(struct attach *a)
{
	free(a->pending);
	a->pending = NULL;
	a->pending_at = a->pending_len = a->pending_size = 0;
}

static bool
pending_has_room(const struct attach *a)
{
	return a->pending_len - a->pending_at + READ_SIZE <= ATTACH_PENDING_MAX;
}

static void
pending_add(struct attach *a, const uint8_t *data, size_t len)
{
	size_t size = a->pending_size;
	uint8_t *more;

	if (len == 0)
		return;
	if (a->pending_at > 0 && a->pending_len + len > size) {
		a->pending_len -= a->pending_at;
		memmove(a->pending, a->pending + a->pending_at, a->pending_len);
		a->pending_at = 0;
	}
	if (a->pending_len + len > size) {
		size = size == 0 ? 2 * READ_SIZE : 2 * size;
		more = realloc(a->pending, size);
		if (more == NULL) {
			attach_mark(a,
			    "no memory: some of your keys were "
			    "lost");
			return;
		}
		a->pending = more;
		a->pending_size = size;
	}
	memcpy(a->pending + a->pending_len, data, len);
	a->pending_len += len;
}

static void
pending_flush(struct attach *a)
{
	size_t n;

	while (a->writer && a->pending_at < a->pending_len) {
		n = a->pending_len - a->pending_at;
		if (n > WIRE_DATA)
			n = WIRE_DATA;
		if (wire_send_data(a->viewer, WIRE_INPUT, 0,
			a->pending + a->pending_at, n) == -1) {
			if (errno == EAGAIN || errno == EINTR ||
			    errno == ENOBUFS)
				return;
			/* The server is gone; reading from it says so. */
			break;
		}
		a->pending_at += n;
		a->last_ms = clock_ms();
	}
	if (a->writer)
		pending_forget(a);
}

static void
take_over(struct attach *a)
{
	const struct wire_empty body = { 0 };

	if (!a->may_write || !a->told) {
		mark_watching(a, "writes");
		return;
	}
	/* Not taken by a full socket: the key can be pressed again. */
	(void)wire_send(a->viewer, WIRE_TAKE, 0, &body, NULL, 0);
}

/* Keys for a console that is not there. */
static void
gap_add(struct attach *a, const uint8_t *data, size_t len, int64_t now)
{
	if (now - a->gap_ms <= ATTACH_KEYS_MS &&
	    a->pending_len - a->pending_at + len <= ATTACH_KEYS_MAX)
		pending_add(a, data, len);
	else if (len > 0)
		a->unsent = true;
}

static int
keys_read(struct attach *a, const uint8_t *data, size_t len)
{
	const int64_t now = clock_ms();
	/* Until we are told otherwise, what is typed is for the guest. */
	bool writer = a->told ? a->writer : a->wrote;
	enum attach_key key;
	size_t forward;

	key = attach_keys(&a->scan, writer, data, len, now, &forward);
	if (a->gap_ms == -1)
		pending_add(a, data, forward);
	else
		gap_add(a, data, forward, now);
	switch (key) {
	case ATTACH_KEY_LEAVE:
		pending_flush(a);
		return ATTACH_LEFT;
	case ATTACH_KEY_TAKE:
		take_over(a);
		break;
	case ATTACH_KEY_HELP:
		if (now - a->help_ms >= HELP_MS)
			mark_watching(a, "writes");
		a->help_ms = now;
		break;
	case ATTACH_KEY_NONE:
		break;
	}
	return GO_ON;
}

static int
input_turn(struct attach *a)
{
	uint8_t buf[READ_SIZE];
	ssize_t n = read(a->options.in, buf, sizeof(buf));

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return GO_ON;
	if (n <= 0) {
		/* A pipe's end leaves the output; a terminal's ends all. */
		a->input_over = true;
		return a->tty ? (int)ATTACH_LEFT : GO_ON;
	}
	if (a->tty)
		return keys_read(a, buf, (size_t)n);
	if (a->may_write) {
		pending_add(a, buf, (size_t)n);
		a->fed = true;
	}
	return GO_ON;
}

/* When it is over because nothing comes any more; -1: it is not. */
static int64_t
silent_at(const struct attach *a)
{
	if (a->tty || !a->input_over || !a->fed || a->pending_len > 0 ||
	    a->shown_len > 0 || a->viewer == -1)
		return -1;
	return a->last_ms + SILENT_MS;
}

/* How long poll(2) may wait. */
static int
patience(const struct attach *a, int64_t until)
{
	int64_t silent = silent_at(a), left;

	if (until == -1 || (silent != -1 && silent < until))
		until = silent;
	if (until == -1)
		return -1;
	left = until - clock_ms();
	return left > 0 ? (int)left : 0;
}

/* --- what comes ---------------------------------------------------------- */

static void
writer_told(struct attach *a, const struct wire_writer *writer)
{
	bool was = a->wrote, first = !a->heard, you = writer->you != 0;
	bool same = a->heard && was == you &&
	    strcmp(a->who, writer->who) == 0;

	/* The answer to our TAKE comes behind what was so before it. */
	if (a->taking && !you) {
		a->taking = false;
		return;
	}
	a->taking = false;
	a->writer = a->wrote = you;
	a->told = a->heard = true;
	(void)text_copy(a->who, sizeof(a->who), writer->who);
	if (you) {
		if (!first && !was)
			attach_mark(a, "you write now");
		return;
	}
	/* What waits on a pipe waits for its turn; what was typed is old. */
	if (a->tty || !a->may_write)
		pending_forget(a);
	if (!same)
		mark_watching(a, was && !first ? "has taken over" : "writes");
}

static void
missed_told(struct attach *a, uint64_t bytes)
{
	char text[WIRE_TEXT];

	(void)text_format(text, sizeof(text),
	    "%s%llu bytes are missing here",
	    a->gapped ? "" : "this view was too slow: ",
	    (unsigned long long)bytes);
	attach_mark(a, text);
}

/* Something came: the console is there again. */
static void
gap_end(struct attach *a)
{
	if (a->tty && clock_ms() - a->gap_ms > ATTACH_KEYS_MS) {
		a->unsent = a->unsent || a->pending_len > 0;
		pending_forget(a);
	}
	attach_mark(a, a->unsent ? "back; what you typed meanwhile was "
				   "not sent" :
				   "back");
	a->unsent = false;
	a->gapped = true;
	a->gap_ms = -1;
}

/* Bytes of the guest, but for those that another viewer has shown. */
static void
output_told(struct attach *a, const struct wire_output *output, size_t len)
{
	uint64_t seen = 0;

	if (output->offset < a->seen)
		seen = a->seen - output->offset;
	if (seen < len)
		show(a, output->data + seen, len - (size_t)seen);
	a->offset = output->offset + len;
	if (a->offset < a->seen)
		a->offset = a->seen;
	a->known = true;
	a->gapped = false;
	a->last_ms = clock_ms();
}

static int
viewer_turn(struct attach *a)
{
	struct wire_msg msg;
	ssize_t len = wire_recv(a->viewer, &msg, WIRE_CONSOLE_VIEWER, NULL,
	    NULL);

	if (len == -1 && (errno == EAGAIN || errno == EINTR))
		return GO_ON;
	if (len <= 0) {
		/* It died with keys that it had not read: unix(7). */
		if (len == -1 && errno == ECONNRESET && a->tty)
			a->unsent = true;
		return ATTACH_LOST;
	}
	if (a->gap_ms != -1)
		gap_end(a);
	switch (msg.head.type) {
	case WIRE_OUTPUT:
		output_told(a, &msg.u.output,
		    (size_t)len - offsetof(struct wire_output, data));
		break;
	case WIRE_MISSED:
		missed_told(a, msg.u.missed.bytes);
		break;
	case WIRE_EVENT:
		attach_mark(a, msg.u.text.text);
		break;
	case WIRE_WRITER:
		writer_told(a, &msg.u.writer);
		break;
	case WIRE_VIEW_END:
		a->bye = msg.u.outcome;
		return a->bye.err == VPSH_ERR_REVOKED ? ATTACH_REVOKED :
							ATTACH_ENDED;
	default:
		break;
	}
	return GO_ON;
}

static int
broker_turn(struct attach *a, int broker)
{
	char text[WIRE_TEXT] = "";
	int fds[FD_PASS_MAX];
	struct wire_msg msg;
	bool over = false;
	size_t nfds;
	ssize_t len;
	int fd = -1;

	len = wire_recv(broker, &msg, WIRE_BROKER_CLIENT, fds, &nfds);
	if (len == -1 && (errno == EAGAIN || errno == EINTR))
		return GO_ON;
	if (len <= 0)
		return ATTACH_ALONE;
	/* The layout lets ATTACHED carry one and nothing else any. */
	if (nfds == 1)
		fd = fds[0];
	if (msg.head.type == WIRE_BYE) {
		a->bye = msg.u.outcome;
		return ATTACH_BYE;
	}
	if (a->options.broker != NULL)
		over = a->options.broker(a->options.arg, &msg, &fd, text);
	fd_close(&fd);
	if (*text != '\0')
		attach_mark(a, text);
	return over ? (int)ATTACH_NEWS : GO_ON;
}

static int
revoked_turn(struct attach *a, int broker)
{
	struct pollfd pfd = { .fd = broker, .events = POLLIN };

	if (poll(&pfd, 1, BYE_MS) == 1 && broker_turn(a, broker) == ATTACH_BYE)
		return ATTACH_BYE;
	return ATTACH_REVOKED;
}

/* --- the loop ------------------------------------------------------------ */

static void
poll_fill(const struct attach *a, int broker, struct pollfd pfd[P_COUNT])
{
	bool deaf = a->input_over || !pending_has_room(a);

	memset(pfd, 0, P_COUNT * sizeof(pfd[0]));
	/* A pipe can wait; a person may want to leave. */
	if (a->viewer == -1 && !a->tty)
		deaf = true;
	pfd[P_IN].fd = deaf ? -1 : a->options.in;
	pfd[P_IN].events = POLLIN;
	/* While the terminal is slow the server keeps what is new. */
	if (a->shown_len == 0 && !a->held)
		pfd[P_VIEWER].events |= POLLIN;
	if (a->writer && a->pending_len > 0 && !a->held)
		pfd[P_VIEWER].events |= POLLOUT;
	pfd[P_VIEWER].fd = pfd[P_VIEWER].events != 0 ? a->viewer : -1;
	pfd[P_BROKER].fd = broker;
	pfd[P_BROKER].events = POLLIN;
	/* Also with nothing to write: a line that was cut shows here. */
	pfd[P_OUT].fd = a->options.out;
	pfd[P_OUT].events = a->shown_len > 0 ? POLLOUT : 0;
}

static int
turn(struct attach *a, int broker, int64_t until)
{
	struct pollfd pfd[P_COUNT];
	int end = GO_ON, r;

	if (!shown_flush(a))
		return ATTACH_LEFT;
	pending_flush(a);
	poll_fill(a, broker, pfd);
	r = poll(pfd, P_COUNT, patience(a, until));
	if (r == -1)
		return errno == EINTR ? GO_ON : (int)ATTACH_LOST;
	if (r == 0 && silent_at(a) != -1 && clock_ms() >= silent_at(a)) {
		attach_mark(a,
		    "the input has ended and nothing more comes: left");
		return ATTACH_LEFT;
	}
	if ((pfd[P_OUT].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
		return ATTACH_LEFT;
	if (pfd[P_IN].revents != 0)
		end = input_turn(a);
	if (end == GO_ON && (pfd[P_VIEWER].revents & ~POLLOUT) != 0 &&
	    a->shown_len == 0 && !a->held)
		end = viewer_turn(a);
	if (end == GO_ON && pfd[P_BROKER].revents != 0)
		end = broker_turn(a, broker);
	if (end == GO_ON && until != -1 && clock_ms() >= until)
		end = ATTACH_LATER;
	return end;
}

static void
greet(struct attach *a)
{
	attach_mark(a, a->tty ? HELP_LINE : "connected");
	a->greeted = true;
}

void
attach_viewer(struct attach *a, int viewer, bool may_write)
{
	const struct wire_empty body = { 0 };

	a->seen = a->viewer != -1 && a->known ? a->offset : 0;
	a->viewer = viewer;
	a->held = a->writer = a->told = a->taking = false;
	if (viewer == -1) {
		if (a->gap_ms != -1)
			return;
		a->gap_ms = clock_ms();
		attach_mark(a, "vpsh is restarting; one moment");
		return;
	}
	a->may_write = may_write;
	a->last_ms = clock_ms();
	/* One that blocks would only be slower. */
	(void)fd_set_nonblock(viewer);
	if (!a->greeted)
		greet(a);
	if (a->heard && a->wrote && may_write)
		a->taking = wire_send(viewer, WIRE_TAKE, 0, &body, NULL,
				0) == 0;
}

void
attach_hold(struct attach *a, bool held)
{
	a->held = held;
}

enum attach_end
attach_run(struct attach *a, int broker, int64_t until)
{
	int end = GO_ON;

	memset(&a->bye, 0, sizeof(a->bye));
	while (end == GO_ON)
		end = turn(a, broker, until);
	if (end == ATTACH_REVOKED)
		end = revoked_turn(a, broker);
	if (end == ATTACH_LEFT)
		a->shown_at = a->shown_len = 0;
	return (enum attach_end)end;
}

uint64_t
attach_from(const struct attach *a)
{
	return a->known ? a->offset : WIRE_FROM_TAIL;
}

int
attach_open(struct attach *a, const struct attach_options *options)
{
	memset(a, 0, sizeof(*a));
	a->options = *options;
	a->viewer = -1;
	a->gap_ms = -1;
	a->wrote = true;
	a->bol = true;
	a->tty = isatty(options->in) && isatty(options->out);
	a->shown = malloc(SHOWN_SIZE);
	if (a->shown == NULL || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -1;
	if (a->tty)
		return terminal_enter(options->in, options->out, options->term);
	attach_mark(a,
	    "no terminal, so bytes pass as they are and no key "
	    "leaves. For a real console: ssh -t HOST console GUEST");
	return 0;
}

void
attach_close(struct attach *a)
{
	farewell(a);
	if (a->tty)
		terminal_leave();
	pending_forget(a);
	free(a->shown);
	a->shown = NULL;
	a->shown_at = a->shown_len = 0;
}
