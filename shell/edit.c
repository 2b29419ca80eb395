/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "shell/edit.h"
#include "shell/output.h"
#include "wire/wire.h"

#define CTRL(c) (0x1f & (c))
#define ESC	0x1b
#define RUBOUT	0x7f

/* Cells for the text on a screen that has hardly any. */
#define CELLS_LEAST 8

void
edit_init(struct edit *edit, FILE *out, edit_complete complete, void *arg)
{
	memset(edit, 0, sizeof(*edit));
	edit->out = out;
	edit->complete = complete;
	edit->arg = arg;
	edit->prompt = "";
}

void
edit_dispose(struct edit *edit)
{
	while (edit->nhistory > 0)
		free(edit->history[--edit->nhistory]);
}

static void
beep(struct edit *edit)
{
	fputc('\a', edit->out);
}

static bool
is_plain(char c)
{
	return c >= 0x20 && c <= 0x7e;
}

/* One cell for one byte, whatever it is. */
static void
put(struct edit *edit, char c)
{
	fputc(is_plain(c) ? c : '?', edit->out);
}

/* Cells for the text; the last column stays free: some terminals wrap. */
static size_t
cells(const struct edit *edit)
{
	int columns = output_columns(edit->out);
	int left = columns - (int)strlen(edit->prompt) - 1;

	return left < CELLS_LEAST ? CELLS_LEAST : (size_t)left;
}

void
edit_draw(struct edit *edit)
{
	size_t width = cells(edit), i, end, n = 0;

	if (edit->at < edit->left || edit->at >= edit->left + width)
		edit->left = edit->at < width ? 0 : edit->at - width / 2;
	end = edit->len - edit->left < width ? edit->len : edit->left + width;
	fputc('\r', edit->out);
	fputs(edit->prompt, edit->out);
	for (i = edit->left; i < end; i++, n++)
		put(edit, edit->text[i]);
	for (; n < edit->shown && n < width; n++)
		fputc(' ', edit->out);
	edit->shown = end - edit->left;
	for (i = edit->left + n; i > edit->at; i--)
		fputc('\b', edit->out);
}

void
edit_begin(struct edit *edit, const char *prompt)
{
	edit->prompt = prompt;
	edit->len = edit->at = edit->left = edit->shown = 0;
	edit->nsequence = 0;
	edit->too_long = false;
	edit->text[0] = '\0';
	edit->where = edit->nhistory;
	edit_draw(edit);
}

static void
insert(struct edit *edit, const char *text, size_t n)
{
	bool at_end = edit->at == edit->len;
	size_t i;

	if (n > WORDS_LINE_MAX - edit->len) {
		edit->too_long = true;
		return;
	}
	memmove(edit->text + edit->at + n, edit->text + edit->at,
	    edit->len - edit->at);
	memcpy(edit->text + edit->at, text, n);
	edit->at += n;
	edit->len += n;
	edit->text[edit->len] = '\0';
	if (!at_end || edit->at - edit->left >= cells(edit)) {
		edit_draw(edit);
		return;
	}
	/* What is typed at the end costs what it is long. */
	for (i = 0; i < n; i++)
		put(edit, text[i]);
	edit->shown = edit->len - edit->left;
}

/* Take out what is between two places, one of which is the cursor. */
static void
cut(struct edit *edit, size_t from, size_t to)
{
	if (from == to) {
		beep(edit);
		return;
	}
	memmove(edit->text + from, edit->text + to, edit->len - to);
	edit->len -= to - from;
	edit->text[edit->len] = '\0';
	edit->at = from;
	/* Only an empty line lacks nothing of what was too long. */
	if (edit->len == 0)
		edit->too_long = false;
	edit_draw(edit);
}

static void
move(struct edit *edit, size_t to)
{
	edit->at = to;
	edit_draw(edit);
}

static size_t
word_begin(const struct edit *edit)
{
	size_t at = edit->at;

	while (at > 0 && edit->text[at - 1] == ' ')
		at--;
	while (at > 0 && edit->text[at - 1] != ' ')
		at--;
	return at;
}

/* Show an earlier line, or the one that was begun behind them all. */
static void
recall(struct edit *edit, size_t where)
{
	const char *text;

	if (where > edit->nhistory) {
		beep(edit);
		return;
	}
	if (edit->where == edit->nhistory)
		text_copy(edit->draft, sizeof(edit->draft), edit->text);
	text = where == edit->nhistory ? edit->draft : edit->history[where];
	edit->where = where;
	text_copy(edit->text, sizeof(edit->text), text);
	edit->len = edit->at = strlen(edit->text);
	edit_draw(edit);
}

/* A line to be found again; one with odd bytes in it was a mistake. */
static void
remember(struct edit *edit)
{
	char *copy;
	size_t i;

	for (i = 0; i < edit->len; i++)
		if (!is_plain(edit->text[i]))
			return;
	if (edit->len == 0 ||
	    (edit->nhistory > 0 &&
		strcmp(edit->history[edit->nhistory - 1], edit->text) == 0) ||
	    (copy = strdup(edit->text)) == NULL)
		return;
	if (edit->nhistory == EDIT_HISTORY) {
		free(edit->history[0]);
		edit->nhistory--;
		memmove(edit->history, edit->history + 1,
		    edit->nhistory * sizeof(edit->history[0]));
	}
	edit->history[edit->nhistory++] = copy;
}

static void
list_matches(struct edit *edit, const struct edit_matches *matches)
{
	char text[WIRE_TEXT] = "";
	size_t i, len = 0;

	for (i = 0; i < matches->n; i++) {
		text_format(text + len, sizeof(text) - len, "%s%s",
		    i > 0 ? " " : "", matches->word[i]);
		len = strlen(text);
	}
	fputc('\n', edit->out);
	output_say(edit->out, text);
	edit->shown = 0;
	edit_draw(edit);
}

/* How much all of them have in common. */
static size_t
common(const struct edit_matches *matches)
{
	size_t len = strlen(matches->word[0]), i, j;

	for (i = 1; i < matches->n; i++) {
		for (j = 0; j < len; j++)
			if (matches->word[i][j] != matches->word[0][j])
				break;
		len = j;
	}
	return len;
}

static void
complete(struct edit *edit)
{
	struct edit_matches matches = { 0 };
	size_t typed, len;

	if (edit->complete != NULL)
		edit->complete(edit->arg, edit->text, edit->at, &matches);
	if (matches.n == 0) {
		beep(edit);
		return;
	}
	typed = edit->at - matches.from;
	len = common(&matches);
	if (len > typed)
		insert(edit, matches.word[0] + typed, len - typed);
	if (matches.n == 1 && edit->text[edit->at] != ' ')
		insert(edit, " ", 1);
	else if (matches.n > 1 && len <= typed)
		list_matches(edit, &matches);
}

/* A key that sent a sequence; false when it is none of ours. */
static bool
sequence_key(struct edit *edit, char final, int number)
{
	switch (final == '~' ? '0' + number : final) {
	case 'A':
		recall(edit, edit->where - 1);
		return true;
	case 'B':
		recall(edit, edit->where + 1);
		return true;
	case 'C':
		move(edit, edit->at < edit->len ? edit->at + 1 : edit->at);
		return true;
	case 'D':
		move(edit, edit->at > 0 ? edit->at - 1 : 0);
		return true;
	case 'H':
	case '1':
	case '7':
		move(edit, 0);
		return true;
	case 'F':
	case '4':
	case '8':
		move(edit, edit->len);
		return true;
	case '3':
		cut(edit, edit->at,
		    edit->at < edit->len ? edit->at + 1 : edit->at);
		return true;
	default:
		return false;
	}
}

/*
 * ESC [ or ESC O, perhaps numbers, and a final byte.  What is no key of ours
 * stays in the line: nothing that was sent disappears unseen.
 */
static void
sequence_byte(struct edit *edit, char byte)
{
	size_t n = edit->nsequence;

	edit->sequence[edit->nsequence++] = byte;
	if (n == 1 ? byte == '[' || byte == 'O' :
		     n + 1 < EDIT_SEQUENCE &&
		    ((byte >= '0' && byte <= '9') || byte == ';'))
		return;
	n = edit->nsequence;
	edit->nsequence = 0;
	if (n < 3 || (!isalpha((unsigned char)byte) && byte != '~') ||
	    !sequence_key(edit, byte,
		byte == '~' && n == 4 ? edit->sequence[2] - '0' : 'z'))
		insert(edit, edit->sequence, n);
}

static enum edit_end
enter(struct edit *edit)
{
	if (edit->too_long)
		return EDIT_LONG;
	remember(edit);
	return EDIT_LINE;
}

enum edit_end
edit_byte(struct edit *edit, char byte, bool more)
{
	if (byte == '\n' || byte == '\r') {
		/* A sequence that was cut off is as odd as a whole one. */
		insert(edit, edit->sequence, edit->nsequence);
		return enter(edit);
	}
	if (edit->nsequence > 0) {
		sequence_byte(edit, byte);
		return EDIT_GOES_ON;
	}
	switch (byte) {
	case CTRL('A'):
		move(edit, 0);
		break;
	case CTRL('B'):
		move(edit, edit->at > 0 ? edit->at - 1 : 0);
		break;
	case CTRL('D'):
		if (edit->len == 0)
			return EDIT_OVER;
		cut(edit, edit->at,
		    edit->at < edit->len ? edit->at + 1 : edit->at);
		break;
	case CTRL('E'):
		move(edit, edit->len);
		break;
	case CTRL('F'):
		move(edit, edit->at < edit->len ? edit->at + 1 : edit->at);
		break;
	case CTRL('H'):
	case RUBOUT:
		cut(edit, edit->at > 0 ? edit->at - 1 : 0, edit->at);
		break;
	case CTRL('I'):
		if (more)
			insert(edit, &byte, 1);
		else
			complete(edit);
		break;
	case CTRL('K'):
		cut(edit, edit->at, edit->len);
		break;
	case CTRL('L'):
		edit_draw(edit);
		break;
	case CTRL('N'):
		recall(edit, edit->where + 1);
		break;
	case CTRL('P'):
		recall(edit, edit->where - 1);
		break;
	case CTRL('U'):
		cut(edit, 0, edit->at);
		break;
	case CTRL('W'):
		cut(edit, word_begin(edit), edit->at);
		break;
	case CTRL(']'):
		/* Once too often to leave a console. */
		if (edit->len == 0)
			beep(edit);
		else
			insert(edit, &byte, 1);
		break;
	case ESC:
		edit->sequence[edit->nsequence++] = byte;
		break;
	default:
		insert(edit, &byte, 1);
		break;
	}
	return EDIT_GOES_ON;
}
