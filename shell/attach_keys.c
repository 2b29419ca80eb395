/* SPDX-License-Identifier: ISC */
#include "shell/attach.h"

/*
 * The customer's keys.  A read may hold any number of them, since ssh puts
 * together what was typed in a hurry.
 */

#define CTRL_Q	     0x11
#define CTRL_BRACKET 0x1d /* Ctrl-], Ctrl-5 */
#define ESC	     0x1b

#define QUIT_MS 1000

/* What a terminal began to answer and did not end is given up after this. */
#define ANSWER_MS 1000

/* Where in an answer of a terminal (ECMA-48, xterm's ctlseqs) we are. */
enum sequence {
	SEQ_NONE,
	SEQ_ESC,
	SEQ_CSI,
	SEQ_CSI_MORE, /* behind its first byte */
	SEQ_SS3,      /* one more byte */
	SEQ_MOUSE_3,  /* three more bytes of an old mouse report */
	SEQ_MOUSE_2,
	SEQ_MOUSE_1,
	SEQ_STRING, /* OSC, DCS and such, up to BEL or ST */
	SEQ_STRING_ESC
};

static bool
leaves(struct attach_scan *scan, uint8_t c, int64_t now_ms)
{
	bool third;

	if (c == CTRL_BRACKET)
		return true;
	if (c != CTRL_Q) {
		scan->quits = 0;
		return false;
	}
	third = scan->quits >= 2 && now_ms - scan->quit_ms[0] <= QUIT_MS;
	scan->quit_ms[0] = scan->quits > 0 ? scan->quit_ms[1] : now_ms;
	scan->quit_ms[1] = now_ms;
	scan->quits = third ? 0 : scan->quits + 1;
	return third;
}

static enum sequence
after_esc(uint8_t c)
{
	switch (c) {
	case '[':
		return SEQ_CSI;
	case 'O':
		return SEQ_SS3;
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		return SEQ_STRING;
	case ESC:
		return SEQ_ESC;
	default:
		return SEQ_NONE;
	}
}

/* Is this byte part of what a terminal says by itself? */
static bool
answered(struct attach_scan *scan, uint8_t c, int64_t now_ms)
{
	enum sequence was = (enum sequence)scan->sequence;

	if (now_ms - scan->last_ms > ANSWER_MS)
		was = SEQ_NONE;
	scan->last_ms = now_ms;
	switch (was) {
	case SEQ_NONE:
		scan->sequence = c == ESC ? SEQ_ESC : SEQ_NONE;
		return c == ESC;
	case SEQ_ESC:
		scan->sequence = after_esc(c);
		return true;
	case SEQ_CSI:
	case SEQ_CSI_MORE:
		/* Newer mouse reports end with an M, the old one begins so. */
		if (was == SEQ_CSI && c == 'M')
			scan->sequence = SEQ_MOUSE_3;
		else if (c >= 0x40 && c <= 0x7e)
			scan->sequence = SEQ_NONE;
		else
			scan->sequence = SEQ_CSI_MORE;
		return true;
	case SEQ_MOUSE_3:
		scan->sequence = SEQ_MOUSE_2;
		return true;
	case SEQ_MOUSE_2:
		scan->sequence = SEQ_MOUSE_1;
		return true;
	case SEQ_SS3:
	case SEQ_MOUSE_1:
		scan->sequence = SEQ_NONE;
		return true;
	case SEQ_STRING:
	case SEQ_STRING_ESC:
		if (c == '\a' || (was == SEQ_STRING_ESC && c == '\\'))
			scan->sequence = SEQ_NONE;
		else
			scan->sequence = c == ESC ? SEQ_STRING_ESC : SEQ_STRING;
		return true;
	}
	return false;
}

static enum attach_key
watcher_key(uint8_t c)
{
	switch (c) {
	case 'w':
	case 'W':
		return ATTACH_KEY_TAKE;
	case 'q':
	case 'Q':
		return ATTACH_KEY_LEAVE;
	default:
		return ATTACH_KEY_HELP;
	}
}

enum attach_key
attach_keys(struct attach_scan *scan, bool writer, const uint8_t *data,
    size_t len, int64_t now_ms, size_t *forward)
{
	size_t i, plain = 0;

	*forward = 0;
	for (i = 0; i < len; i++) {
		if (leaves(scan, data[i], now_ms)) {
			*forward = writer ? i : 0;
			return ATTACH_KEY_LEAVE;
		}
		if (!writer && !answered(scan, data[i], now_ms))
			plain++;
	}
	if (writer) {
		*forward = len;
		return ATTACH_KEY_NONE;
	}
	if (plain == 0)
		return ATTACH_KEY_NONE;
	/* A paste that happens to hold a w is no decision to take over. */
	return len == 1 ? watcher_key(data[0]) : ATTACH_KEY_HELP;
}
