/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "shell/attach_keys.h"
#include "shell/verbs.h"

/*
 * The customer's keys.  A read may hold any number of them, since ssh puts
 * together what was typed in a hurry.
 */

#define CTRL_Q	     0x11
#define ESC	     0x1b
#define CTRL_BRACKET 0x1d /* Ctrl-], Ctrl-5 */
#define CTRL_CARET   0x1e /* Ctrl-^, Ctrl-6 */

#define QUIT_MS	   1000
#define BRACKET_MS 1000
#define COMMAND_MS 1000
#define LETTER_MS  10000 /* a person looks for it */

/* A paste in which nothing more comes is over. */
#define PASTE_MS 1000

/* What a terminal began to answer and did not end is given up after this. */
#define ANSWER_MS 1000

/* The last byte but one tells the two apart. */
static const char paste_mark[] = "\033[20?~";
#define PASTE_WHICH 4
#define PASTE_LEN   (sizeof(paste_mark) - 1)

/* How far behind Ctrl-^ we are. */
enum behind {
	COMMAND_NONE,
	COMMAND_KEY,	/* it waits for its key */
	COMMAND_LETTER, /* sysrq waits for the letter */
	COMMAND_SURE	/* and for the letter once more */
};

/* Whose a byte is. */
enum whose {
	WHOSE_TEXT,
	WHOSE_TEXT_BEHIND, /* and a Ctrl-^ before it, which was kept */
	WHOSE_OURS
};

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

/* --- what leaves --------------------------------------------------------- */

/* Does this byte end what begins or ends a paste? */
static void
match_paste(struct attach_scan *scan, uint8_t c)
{
	char want = paste_mark[scan->matched];

	if (scan->matched == PASTE_WHICH)
		want = scan->paste ? '1' : '0';
	if (c == (uint8_t)want)
		scan->matched++;
	else
		scan->matched = c == ESC ? 1 : 0;
	if (scan->matched < PASTE_LEN)
		return;
	scan->matched = 0;
	scan->paste = !scan->paste;
	scan->bracket = false;
}

static bool
leaves_paste(struct attach_scan *scan, uint8_t c, int64_t now_ms)
{
	bool second = scan->bracket && now_ms - scan->bracket_ms <= BRACKET_MS;

	scan->bracket = c == CTRL_BRACKET;
	scan->bracket_ms = now_ms;
	return scan->bracket && second;
}

static bool
leaves(struct attach_scan *scan, uint8_t c, int64_t now_ms)
{
	bool third;

	if (c == CTRL_BRACKET)
		return true;
	if (c != CTRL_Q || scan->plain) {
		scan->quits = 0;
		return false;
	}
	third = scan->quits >= 2 && now_ms - scan->quit_ms[0] <= QUIT_MS;
	scan->quit_ms[0] = scan->quits > 0 ? scan->quit_ms[1] : now_ms;
	scan->quit_ms[1] = now_ms;
	scan->quits = third ? 0 : scan->quits + 1;
	return third;
}

/* --- commands ------------------------------------------------------------ */

static enum attach_key
command_wait(struct attach_scan *scan, enum behind command, int64_t now_ms,
    enum attach_key key)
{
	scan->command = command;
	scan->command_ms = now_ms;
	return key;
}

/* The key behind Ctrl-^; anything else was meant for the guest, both of it. */
static enum attach_key
command_key(struct attach_scan *scan, uint8_t c, int64_t now_ms,
    enum whose *whose)
{
	scan->command = COMMAND_NONE;
	*whose = WHOSE_OURS;
	switch (c) {
	case 's':
		return ATTACH_KEY_SIZE;
	case 'k':
		return command_wait(scan, COMMAND_LETTER, now_ms,
		    ATTACH_KEY_SYSRQ);
	case 'h':
		return ATTACH_KEY_HERE;
	case 'w':
		return ATTACH_KEY_TAKE;
	case '?':
		return ATTACH_KEY_HELP;
	case CTRL_CARET:
		*whose = WHOSE_TEXT;
		return ATTACH_KEY_NONE;
	default:
		*whose = WHOSE_TEXT_BEHIND;
		return ATTACH_KEY_NONE;
	}
}

/*
 * The letter of sysrq.  One that comes with others is part of a paste and no
 * decision, and one that can end everything is wanted twice.
 */
static enum attach_key
command_letter(struct attach_scan *scan, uint8_t c, bool alone,
    int64_t now_ms)
{
	bool sure = scan->command == COMMAND_SURE;

	scan->command = COMMAND_NONE;
	if (!alone || (sure && c != (uint8_t)scan->letter) ||
	    !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
		return ATTACH_KEY_NOT;
	scan->letter = (char)c;
	if (!sure && power_key_stops((char)c))
		return command_wait(scan, COMMAND_SURE, now_ms,
		    ATTACH_KEY_SURE);
	return ATTACH_KEY_PRESS;
}

int64_t
attach_keys_due(const struct attach_scan *scan)
{
	if (scan->command == COMMAND_NONE)
		return -1;
	return scan->command_ms +
	    (scan->command == COMMAND_KEY ? COMMAND_MS : LETTER_MS);
}

enum attach_key
attach_keys_late(struct attach_scan *scan, struct attach_read *read)
{
	enum behind was = (enum behind)scan->command;

	scan->command = COMMAND_NONE;
	if (was == COMMAND_KEY && read->writer)
		read->out[read->n++] = CTRL_CARET;
	return was == COMMAND_LETTER || was == COMMAND_SURE ? ATTACH_KEY_NOT :
							      ATTACH_KEY_NONE;
}

/* --- one byte ------------------------------------------------------------ */

/* What it means to us, and whose it is otherwise. */
static enum attach_key
take_byte(struct attach_scan *scan, const struct attach_read *read, uint8_t c,
    enum whose *whose)
{
	*whose = WHOSE_TEXT;
	if (scan->paste)
		return leaves_paste(scan, c, read->now_ms) ? ATTACH_KEY_LEAVE :
							     ATTACH_KEY_NONE;
	if (scan->command == COMMAND_KEY) {
		enum attach_key key = command_key(scan, c, read->now_ms, whose);

		if (*whose != WHOSE_TEXT_BEHIND)
			return key;
	} else if (scan->command != COMMAND_NONE && c != CTRL_BRACKET) {
		*whose = WHOSE_OURS;
		return command_letter(scan, c, read->len == 1, read->now_ms);
	}
	if (leaves(scan, c, read->now_ms))
		return ATTACH_KEY_LEAVE;
	if (c == CTRL_CARET && !scan->plain) {
		*whose = WHOSE_OURS;
		return command_wait(scan, COMMAND_KEY, read->now_ms,
		    ATTACH_KEY_NONE);
	}
	return ATTACH_KEY_NONE;
}

/* --- what a watcher's terminal says by itself ---------------------------- */

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
		return ATTACH_KEY_WRITER;
	}
}

/* --- one read ------------------------------------------------------------ */

/* What was begun a while ago and never went on is forgotten. */
static void
forget_old(struct attach_scan *scan, struct attach_read *read)
{
	int64_t due = attach_keys_due(scan);

	if (due != -1 && read->now_ms >= due)
		(void)attach_keys_late(scan, read);
	if (read->now_ms - scan->last_ms > PASTE_MS) {
		scan->paste = false;
		scan->matched = 0;
	}
}

enum attach_key
attach_keys(struct attach_scan *scan, struct attach_read *read)
{
	enum attach_key key = ATTACH_KEY_NONE;
	enum whose whose;
	bool typed = false;
	uint8_t c = 0;

	read->n = 0;
	forget_old(scan, read);
	while (read->at < read->len && key == ATTACH_KEY_NONE) {
		c = read->data[read->at++];
		key = take_byte(scan, read, c, &whose);
		/* The Ctrl-^ that was kept belongs before this one. */
		if (read->writer && whose == WHOSE_TEXT_BEHIND)
			read->out[read->n++] = CTRL_CARET;
		if (key == ATTACH_KEY_LEAVE || whose == WHOSE_OURS)
			continue;
		match_paste(scan, c);
		if (read->writer)
			read->out[read->n++] = c;
		else if (!answered(scan, c, read->now_ms))
			typed = true;
	}
	scan->last_ms = read->now_ms;
	/* The rest of what came with a letter is no letter either. */
	if (key == ATTACH_KEY_NOT)
		read->at = read->len;
	if (key != ATTACH_KEY_NONE || !typed)
		return key;
	/* A paste that happens to hold a w is no decision to take over. */
	return read->len == 1 ? watcher_key(c) : ATTACH_KEY_WRITER;
}
