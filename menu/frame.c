/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "menu/inside.h"
#include "menu/screen.h"

#define MARGIN 1 /* cells on the left of a line */

int
frame_put(struct menu *menu, int row, int column, int cells,
    enum frame_look look, const char *text)
{
	char seen[CELLS_MAX], cut[CELLS_MAX];
	const int edge = screen_edge(menu->screen);

	if (row < 0 || row >= menu->lines || column < 0 || column >= edge ||
	    cells <= 0)
		return 0;
	if (cells > edge - column)
		cells = edge - column;
	cells_visible(seen, sizeof(seen), text, menu->utf8);
	cells_cut(cut, sizeof(cut), seen, cells, menu->signs);
	screen_text(menu->screen, row, column, look, cut, strlen(cut));
	return cells_width(cut);
}

int
frame_put_right(struct menu *menu, int row, int column, int cells,
    enum frame_look look, const char *text)
{
	char seen[CELLS_MAX];
	int width;

	cells_visible(seen, sizeof(seen), text, menu->utf8);
	width = cells_width(seen);
	if (width < cells)
		column += cells - width;
	return frame_put(menu, row, column, cells, look, text);
}

int
frame_format(struct menu *menu, int row, int column, int cells,
    enum frame_look look, const char *fmt, ...)
{
	char text[CELLS_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return frame_put(menu, row, column, cells, look, text);
}

/* The last of the rows says when there was more. */
int
frame_wrap(struct menu *menu, int row, int column, int cells, int rows,
    enum frame_look look, const char *text)
{
	char seen[CELLS_MAX], part[CELLS_MAX];
	const char *at = seen, *line;
	size_t len;
	int n = 0;

	cells_visible(seen, sizeof(seen), text, menu->utf8);
	while (n < rows && (len = cells_line(&at, cells, &line)) > 0) {
		if (n == rows - 1 && *at != '\0')
			len = strlen(line);
		memcpy(part, line, len);
		part[len] = '\0';
		frame_put(menu, row + n, column, cells, look, part);
		n++;
	}
	return n;
}

void
frame_fill(struct menu *menu, int row, enum frame_look look)
{
	if (row >= 0 && row < menu->lines)
		screen_fill(menu->screen, row, look);
}

void
frame_title(struct menu *menu, const char *left, const char *right)
{
	char seen[CELLS_MAX];
	int width;

	frame_fill(menu, 0, FRAME_TITLE);
	cells_visible(seen, sizeof(seen), right, menu->utf8);
	width = cells_width(seen);
	/* What is on the left goes first only when there is hardly room. */
	if (width > menu->columns / 2)
		width = menu->columns / 2;
	frame_put_right(menu, 0, menu->columns - width - MARGIN, width,
	    FRAME_TITLE, right);
	frame_put(menu, 0, MARGIN, menu->columns - width - 3 * MARGIN,
	    FRAME_TITLE, left);
}

#define KEY_PAIRS 16

/* " Enter open": cells of that pair with the gap in front. */
static int
pair_cells(const char *const *pair, bool first)
{
	return cells_width(pair[0]) + 1 + cells_width(pair[1]) +
	    (first ? 0 : 2);
}

void
frame_keys(struct menu *menu, const char *const *pairs)
{
	bool shown[KEY_PAIRS] = { false };
	const int row = menu->lines - 1;
	int left = menu->columns - 2 * MARGIN, x = MARGIN, i, n, cells, pass;
	bool first = true;

	for (n = 0; n < KEY_PAIRS && pairs[2 * n] != NULL; n++)
		;
	/* The last pair and "?" come first, then from left to right. */
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < n; i++) {
			if (shown[i] || (pass == 0 && i != n - 1 &&
					    strcmp(pairs[2 * i], "?") != 0))
				continue;
			cells = pair_cells(pairs + 2 * i, first);
			if (cells > left)
				break;
			left -= cells;
			first = false;
			shown[i] = true;
		}
	for (i = 0; i < n; i++) {
		if (!shown[i])
			continue;
		x += frame_put(menu, row, x, menu->columns - x, FRAME_KEY,
		    pairs[2 * i]);
		x += 1 + frame_put(menu, row, x + 1, menu->columns - x - 1,
			     FRAME_PLAIN, pairs[2 * i + 1]);
		x += 2;
	}
}

void
frame_cursor(struct menu *menu, int row, int column)
{
	if (row >= 0 && row < menu->lines && column >= 0 &&
	    column < menu->columns)
		screen_cursor(menu->screen, row, column);
}

static const struct {
	int64_t seconds;
	char letter;
} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };

#define NUNITS (sizeof(units) / sizeof(units[0]))

/* The two largest units; below a minute nobody looks that closely. */
void
frame_span(int64_t ms, char out[FRAME_SPAN])
{
	int64_t left = ms / 1000, n;
	size_t i, len = 0;
	int put = 0;

	if (ms < 0 || left < 60) {
		text_copy(out, FRAME_SPAN, ms < 0 ? "-" : "<1m");
		return;
	}
	for (i = 0; i < NUNITS - 1 && put < 2; i++) {
		n = left / units[i].seconds;
		left %= units[i].seconds;
		if (n == 0 && put == 0)
			continue;
		put++;
		if (n == 0)
			continue;
		text_format(out + len, FRAME_SPAN - len, "%" PRId64 "%c", n,
		    units[i].letter);
		len = strlen(out);
	}
}

void
frame_memory(uint64_t kib, char out[TEXT_BYTES])
{
	const uint64_t mib = (kib + 512) / 1024;

	if (kib == 0)
		text_copy(out, TEXT_BYTES, "-");
	else if (mib >= 1024 && mib % 1024 == 0)
		text_format(out, TEXT_BYTES, "%" PRIu64 " GiB", mib / 1024);
	else
		text_format(out, TEXT_BYTES, "%" PRIu64 " MiB", mib);
}

void
frame_rates(int64_t a, int64_t b, char out[FRAME_PAIR])
{
	char first[TEXT_BYTES], second[TEXT_BYTES];

	if (a < 0 || b < 0) {
		text_copy(out, FRAME_PAIR, "-");
		return;
	}
	text_bytes((uint64_t)a, first);
	text_bytes((uint64_t)b, second);
	text_format(out, FRAME_PAIR, "%s/%s", first, second);
}

/* The signs differ in shape, and so do their stand-ins in ASCII. */
static const struct {
	const char *word;
	const char *sign;
	const char *ascii;
	enum frame_look look;
} states[] = {
	[WIRE_STATE_UNKNOWN] = { "unknown", "?", "?", FRAME_BUSY },
	[WIRE_STATE_OFF] = { "off", "\xe2\x97\x8b", "o", FRAME_PLAIN },
	[WIRE_STATE_STARTING] = { "starting", "\xe2\x96\xb2", "^", FRAME_BUSY },
	[WIRE_STATE_RUNNING] = { "running", "\xe2\x97\x8f", "*", FRAME_GOOD },
	[WIRE_STATE_PAUSED] = { "paused", "\xe2\x80\x96", "=", FRAME_BUSY },
	[WIRE_STATE_STOPPING] = { "stopping", "\xe2\x96\xbc", "v", FRAME_BUSY },
	[WIRE_STATE_CRASHED] = { "crashed", "!", "!", FRAME_BAD },
	[WIRE_STATE_SAVED] = { "saved", "\xe2\x96\xa0", "#", FRAME_PLAIN },
};

static size_t
state_of(uint32_t state)
{
	return state < sizeof(states) / sizeof(states[0]) ? state :
							    WIRE_STATE_UNKNOWN;
}

const char *
frame_state(uint32_t state)
{
	return states[state_of(state)].word;
}

const char *
frame_sign(const struct menu *menu, uint32_t state)
{
	return menu->signs ? states[state_of(state)].sign :
			     states[state_of(state)].ascii;
}

enum frame_look
frame_state_look(uint32_t state)
{
	return states[state_of(state)].look;
}

void
frame_account(const struct menu *menu, char *out, size_t size)
{
	text_format(out, size, "%s%s%s", menu->who.customer,
	    menu->who.host[0] != '\0' ? " on " : "", menu->who.host);
}

void
frame_back(struct menu *menu, int row, bool chosen)
{
	const struct words_args args = { .guest = menu->prefs.back };
	const enum frame_look look = chosen ? FRAME_CHOSEN : FRAME_BOLD;
	char text[WORDS_TEXT];

	if (chosen)
		frame_fill(menu, row, FRAME_CHOSEN);
	frame_put(menu, row, 0, 1, look, chosen ? ">" : " ");
	frame_put(menu, row, 2, menu->columns - 3, look,
	    words_fill(text, WORDS_BACK, &args));
}
