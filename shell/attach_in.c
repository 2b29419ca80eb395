/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "shell/attach_in.h"

#define READ_SIZE 4096

/* A watcher who types gets the line that says so this often at most. */
#define WRITER_MS 2000

/* The line at attach is one line, whatever the guest is called. */
#define COLUMNS 80
#define WATCHING "you are watching; "

/*
 * What is shown first was printed before, with questions in it that were
 * answered then: what the terminal says to those is not for the guest.
 */
#define REPLAY_MS  1500
#define ANSWER_MAX 256 /* a read that is longer is a paste */

#define BEL 0x07
#define ESC 0x1b

/* Its version knows of HERE. */
#define VERSION_HERE 4

#define KEYS_LONG                                                        \
	"connected. Ctrl-] or Ctrl-5 leaves, or Ctrl-Q three times; Ctrl-^ " \
	"? helps"
#define KEYS_SHORT "connected. Ctrl-] or 3x Ctrl-Q; Ctrl-^ ?"
#define KEYS_PLAIN "connected. Ctrl-] or Ctrl-5 leaves"

/* --- what waits for the guest -------------------------------------------- */

void
attach_in_forget(struct attach *a)
{
	free(a->pending);
	a->pending = NULL;
	a->pending_at = a->pending_len = a->pending_size = 0;
}

bool
attach_in_has_room(const struct attach *a)
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

void
attach_in_flush(struct attach *a)
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
		attach_in_forget(a);
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

static void
keys_add(struct attach *a, const uint8_t *data, size_t len, int64_t now)
{
	if (a->gap_ms == -1)
		pending_add(a, data, len);
	else
		gap_add(a, data, len, now);
}

/* --- what the keys of ours do -------------------------------------------- */

/* Would that mark be longer than a line? */
static bool
is_wide(const struct attach *a, const char *text)
{
	return strlen("[: ]") + strlen(a->options.guest) + strlen(text) >
	    COLUMNS;
}

void
attach_in_greet(struct attach *a)
{
	const char *text = KEYS_LONG;

	if (!a->tty)
		text = "connected";
	else if (a->scan.plain)
		text = KEYS_PLAIN;
	else if (is_wide(a, text))
		text = KEYS_SHORT;
	attach_mark(a, text);
}

void
attach_in_watching(struct attach *a, const char *verb)
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
		(void)text_format(text, sizeof(text), WATCHING "%s", keys);
	else
		(void)text_format(text, sizeof(text), WATCHING "%s %s; %s",
		    who, verb, keys);
	attach_mark(a, text + (is_wide(a, text) ? strlen(WATCHING) : 0));
}

/* Short rows: a guest's name may be long, and stands before each. */
static void
help(struct attach *a)
{
	attach_mark(a, "Ctrl-] (Ctrl-5) or 3 x Ctrl-Q leaves");
	attach_mark(a, "Ctrl-^ (Ctrl-6) and then one of:");
	attach_mark(a, "  h who is here     w take the write side");
	attach_mark(a, "  k a key of sysrq  s type stty rows, cols");
	attach_mark(a, "  Ctrl-^ itself     ? these lines");
}

static void
take_over(struct attach *a)
{
	const struct wire_empty body = { 0 };

	if (a->told && a->writer) {
		attach_mark(a, "you write already");
		return;
	}
	if (!a->may_write || !a->told) {
		attach_in_watching(a, "writes");
		return;
	}
	/* Not taken by a full socket: the key can be pressed again. */
	(void)wire_send(a->viewer, WIRE_TAKE, 0, &body, NULL, 0);
}

/* A serial line does not tell the guest how large its terminal is. */
static void
type_size(struct attach *a, int64_t now)
{
	struct winsize size = { 0 };
	char text[64];

	if (!(a->told ? a->writer : a->wrote)) {
		attach_in_watching(a, "writes");
		return;
	}
	if (ioctl(a->options.out, TIOCGWINSZ, &size) == -1 ||
	    size.ws_row == 0 || size.ws_col == 0) {
		attach_mark(a, "how large your terminal is it does not say");
		return;
	}
	(void)text_format(text, sizeof(text), "stty rows %u cols %u\r",
	    (unsigned)size.ws_row, (unsigned)size.ws_col);
	keys_add(a, (const uint8_t *)text, strlen(text), now);
}

static void
ask_who_is_here(struct attach *a)
{
	const struct wire_empty body = { 0 };

	if (a->viewer == -1 || (a->options.version != NULL &&
	    *a->options.version < VERSION_HERE) ||
	    wire_send(a->viewer, WIRE_HERE, 0, &body, NULL, 0) == -1)
		attach_mark(a, "who is here cannot be asked now");
}

static void
press(struct attach *a)
{
	char text[WIRE_TEXT] = "sysrq is not to be had here";

	if (a->options.sysrq != NULL)
		a->options.sysrq(a->options.arg, a->scan.letter, text);
	attach_mark(a, text);
}

static void
ask_if_sure(struct attach *a)
{
	char text[WIRE_TEXT];

	(void)text_format(text, sizeof(text),
	    "key %c can end what runs in it at once; press %c again if you "
	    "mean it",
	    a->scan.letter, a->scan.letter);
	attach_mark(a, text);
}

/* ATTACH_GO_ON, or that they leave. */
static int
key_do(struct attach *a, enum attach_key key, int64_t now)
{
	switch (key) {
	case ATTACH_KEY_NONE:
		break;
	case ATTACH_KEY_LEAVE:
		attach_in_flush(a);
		return ATTACH_LEFT;
	case ATTACH_KEY_TAKE:
		take_over(a);
		break;
	case ATTACH_KEY_WRITER:
		if (now - a->writer_ms >= WRITER_MS)
			attach_in_watching(a, "writes");
		a->writer_ms = now;
		break;
	case ATTACH_KEY_HELP:
		help(a);
		break;
	case ATTACH_KEY_SIZE:
		type_size(a, now);
		break;
	case ATTACH_KEY_HERE:
		ask_who_is_here(a);
		break;
	case ATTACH_KEY_SYSRQ:
		attach_mark(a, "sysrq: which key? h lists them, Esc is none");
		break;
	case ATTACH_KEY_SURE:
		ask_if_sure(a);
		break;
	case ATTACH_KEY_PRESS:
		press(a);
		break;
	case ATTACH_KEY_NOT:
		attach_mark(a, "sysrq: no key was pressed");
		break;
	}
	return ATTACH_GO_ON;
}

/* --- what was typed ------------------------------------------------------ */

static int
keys_read(struct attach *a, const uint8_t *data, size_t len)
{
	uint8_t out[ATTACH_KEYS_OUT(READ_SIZE)];
	struct attach_read read = { .data = data,
		.len = len,
		.now_ms = clock_ms(),
		/* Until we are told otherwise, it is for the guest. */
		.writer = a->told ? a->writer : a->wrote,
		.out = out };
	int end = ATTACH_GO_ON;
	enum attach_key key;

	while (end == ATTACH_GO_ON && read.at < len) {
		key = attach_keys(&a->scan, &read);
		keys_add(a, out, read.n, read.now_ms);
		end = key_do(a, key, read.now_ms);
	}
	return end;
}

static bool
is_answer(uint8_t final)
{
	return final != '\0' && strchr("Rcnty", final) != NULL;
}

/*
 * The length of a whole answer of a terminal that begins here: position, DA,
 * DSR, sizes, modes, and strings.  0: it is something else, such as a key.
 */
static size_t
answer_length(const uint8_t *s, size_t len)
{
	size_t i = 2;

	if (len < 3 || s[0] != ESC)
		return 0;
	if (s[1] == '[') {
		while (i < len && s[i] >= 0x20 && s[i] <= 0x3f)
			i++;
		return i < len && is_answer(s[i]) ? i + 1 : 0;
	}
	if (s[1] != ']' && s[1] != 'P')
		return 0;
	for (; i < len; i++) {
		if (s[i] == BEL)
			return i + 1;
		if (s[i] == ESC)
			return i + 1 < len && s[i + 1] == '\\' ? i + 2 : 0;
	}
	return 0;
}

/* Returns how many bytes are left. */
static size_t
drop_answers(const struct attach *a, uint8_t *data, size_t len)
{
	size_t at = 0, n = 0, answer;

	if (len > ANSWER_MAX || clock_ms() - a->came_ms > REPLAY_MS)
		return len;
	while (at < len) {
		answer = answer_length(data + at, len - at);
		at += answer;
		if (answer == 0)
			data[n++] = data[at++];
	}
	return n;
}

int
attach_in_turn(struct attach *a)
{
	uint8_t buf[READ_SIZE];
	ssize_t n = read(a->options.in, buf, sizeof(buf));

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return ATTACH_GO_ON;
	if (n <= 0) {
		/* A pipe's end leaves the output; a terminal's ends all. */
		a->input_over = true;
		return a->tty ? (int)ATTACH_LEFT : ATTACH_GO_ON;
	}
	if (a->tty)
		return keys_read(a, buf, drop_answers(a, buf, (size_t)n));
	if (a->may_write) {
		pending_add(a, buf, (size_t)n);
		a->fed = true;
	}
	return ATTACH_GO_ON;
}

int64_t
attach_in_due(const struct attach *a)
{
	return attach_keys_due(&a->scan);
}

void
attach_in_late(struct attach *a)
{
	uint8_t out[ATTACH_KEYS_OUT(0)];
	struct attach_read read = { .now_ms = clock_ms(),
		.writer = a->told ? a->writer : a->wrote,
		.out = out };
	enum attach_key key = attach_keys_late(&a->scan, &read);

	keys_add(a, out, read.n, read.now_ms);
	(void)key_do(a, key, read.now_ms);
}
