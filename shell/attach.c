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
#include "shell/attach_in.h"
#include "shell/terminal.h"
#include "wire/err.h"

#define SHOWN_SIZE (WIRE_DATA + 16384)
#define MARK_SIZE  1024

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

#define GO_ON ATTACH_GO_ON

/* Frames in one turn; behind one so large there may be another. */
#define TURN_FRAMES 8
#define FULL_FRAME  8192

enum { P_IN, P_VIEWER, P_BROKER, P_OUT, P_COUNT };

/* --- what goes to the terminal ------------------------------------------- */

/* False when nobody is there to read it any more. */
static bool
shown_flush(struct attach *a)
{
	ssize_t n;

	if (a->shown_at == a->shown_len)
		return true;
	do {
		n = write(a->options.out, a->shown + a->shown_at,
		    a->shown_len - a->shown_at);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == EAGAIN;
	/* A terminal that took a part has no room: poll(2) says when. */
	a->shown_at += (size_t)n;
	if (a->shown_at == a->shown_len)
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
	const char *cancel = "";

	/* A guest that died in the middle of a title would hide this in it. */
	if (a->tty && !a->looking && !ansi_is_between(&a->ansi))
		cancel = "\030";
	(void)text_escape(safe, sizeof(safe), text, strlen(text));
	if (text_format(line, sizeof(line), "%s%s[%s: %s]%s", cancel, begin,
		a->options.guest, safe, end) == -1)
		return;
	if (!a->tty) {
		say_aside(a, line, strlen(line));
		return;
	}
	show(a, line, strlen(line));
	(void)shown_flush(a);
}

/*
 * The terminal of who writes belongs to the guest, byte for byte.  Who looks
 * on keeps theirs: no question of the guest's makes it answer, and no mouse
 * and no title is the guest's.  A pipe gets what there is.
 */
static bool
is_owned(const struct attach *a)
{
	return !a->tty || (a->told ? a->writer : a->wrote && a->may_write);
}

/* A control sequence that draws nothing leaves the line as it is. */
static void
show_control(struct attach *a, const char *text, size_t len)
{
	bool bol = a->bol;

	show(a, text, len);
	a->bol = bol;
}

/* The write side came, or went: and with it what the keys say. */
static void
owner_told(struct attach *a)
{
	char text[ANSI_KEYS_MAX];
	bool owned = is_owned(a);
	size_t n;

	if (owned == !a->looking)
		return;
	a->looking = !owned;
	a->tidy = owned && !ansi_is_between(&a->ansi);
	/* What the guest began to say to its terminal, it ends elsewhere. */
	if (!owned && !ansi_is_between(&a->ansi))
		show_control(a, "\030\033\\", 3);
	n = ansi_keys(&a->ansi, owned, text);
	show_control(a, text, n);
}

static void
show_looking(struct attach *a, const uint8_t *data, size_t len)
{
	uint8_t seen[ANSI_VIEW_MAX(WIRE_DATA)];

	show(a, seen, ansi_view(&a->ansi, data, len, seen));
}

/* Bytes of the guest.  What was begun for who looked on is ended so. */
static void
show_guest(struct attach *a, const uint8_t *data, size_t len)
{
	if (a->looking) {
		show_looking(a, data, len);
		return;
	}
	for (; a->tidy && len > 0; data++, len--) {
		show_looking(a, data, 1);
		a->tidy = !ansi_is_between(&a->ansi);
	}
	if (a->tty)
		ansi_follow(&a->ansi, data, len);
	show(a, data, len);
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

/* When it is over because nothing comes any more; -1: it is not. */
static int64_t
silent_at(const struct attach *a)
{
	if (a->tty || !a->input_over || !a->fed || a->pending_len > 0 ||
	    a->shown_len > 0 || a->viewer == -1)
		return -1;
	return a->last_ms + SILENT_MS;
}

/* Of two times, each of which may be -1 for never. */
static int64_t
sooner(int64_t one, int64_t other)
{
	if (one == -1 || other == -1)
		return one == -1 ? other : one;
	return one < other ? one : other;
}

static bool
is_due(int64_t at)
{
	return at != -1 && clock_ms() >= at;
}

/* How long poll(2) may wait. */
static int
patience(const struct attach *a, int64_t until)
{
	int64_t left;

	until = sooner(until, silent_at(a));
	until = sooner(until, attach_in_due(a));
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
	owner_told(a);
	if (you) {
		if (!first && !was)
			attach_mark(a, "you write now");
		return;
	}
	/* What waits on a pipe waits for its turn; what was typed is old. */
	if (a->tty || !a->may_write)
		attach_in_forget(a);
	if (!same)
		attach_in_watching(a,
		    was && !first ? "has taken over" : "writes");
}

static void
missed_told(struct attach *a, uint64_t bytes)
{
	char text[WIRE_TEXT];

	(void)text_format(text, sizeof(text),
	    "%s%llu bytes are missing here",
	    a->gapped || !a->known ? "" : "this view was too slow: ",
	    (unsigned long long)bytes);
	attach_mark(a, text);
}

/* Something came: the console is there again. */
static void
gap_end(struct attach *a)
{
	if (a->tty && clock_ms() - a->gap_ms > ATTACH_KEYS_MS) {
		a->unsent = a->unsent || a->pending_len > 0;
		attach_in_forget(a);
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
		show_guest(a, output->data + seen, len - (size_t)seen);
	a->offset = output->offset + len;
	if (a->offset < a->seen)
		a->offset = a->seen;
	a->known = true;
	a->gapped = false;
	a->last_ms = clock_ms();
}

static int
viewer_frame(struct attach *a, bool *more)
{
	struct wire_msg msg;
	ssize_t len = wire_recv(a->viewer, &msg, WIRE_CONSOLE_VIEWER, NULL,
	    NULL);

	*more = len >= FULL_FRAME;
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

/* Of a flood a few frames at once: keys wait that long for their turn. */
static int
viewer_turn(struct attach *a)
{
	int end = GO_ON, frames = 0;
	bool more = true;

	while (end == GO_ON && more && frames++ < TURN_FRAMES &&
	    a->shown_len == 0 && !a->held) {
		end = viewer_frame(a, &more);
		if (!shown_flush(a))
			return ATTACH_LEFT;
	}
	return end;
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
	bool deaf = a->input_over || !attach_in_has_room(a);

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
	attach_in_flush(a);
	poll_fill(a, broker, pfd);
	r = poll(pfd, P_COUNT, patience(a, until));
	if (r == -1)
		return errno == EINTR ? GO_ON : (int)ATTACH_LOST;
	if (r == 0 && is_due(silent_at(a))) {
		attach_mark(a,
		    "the input has ended and nothing more comes: left");
		return ATTACH_LEFT;
	}
	if ((pfd[P_OUT].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
		return ATTACH_LEFT;
	if (pfd[P_IN].revents != 0)
		end = attach_in_turn(a);
	else if (is_due(attach_in_due(a)))
		attach_in_late(a);
	if (end == GO_ON && (pfd[P_VIEWER].revents & ~POLLOUT) != 0 &&
	    a->shown_len == 0 && !a->held)
		end = viewer_turn(a);
	if (end == GO_ON && pfd[P_BROKER].revents != 0)
		end = broker_turn(a, broker);
	if (end == GO_ON && is_due(until))
		end = ATTACH_LATER;
	return end;
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
	if (!a->greeted) {
		a->came_ms = a->last_ms;
		attach_in_greet(a);
	}
	a->greeted = true;
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
	a->scan.plain = options->escape == WIRE_ESCAPE_NONE;
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
	attach_in_forget(a);
	free(a->shown);
	a->shown = NULL;
	a->shown_at = a->shown_len = 0;
}
