/* SPDX-License-Identifier: ISC */
#include <limits.h>
#include <string.h>
#include <wchar.h>

#include "base/text.h"
#include "menu/cells.h"

#define ELLIPSIS "\xe2\x80\xa6"

/*
 * The character at *text in the locale that is set; *text moves on.  A byte
 * that is none counts as a cell: text_escape() lets none through but where
 * the locale knows less than UTF-8.
 */
static int
next_cells(const char **text)
{
	mbstate_t state;
	wchar_t wide;
	size_t n;
	int w;

	memset(&state, 0, sizeof(state));
	n = mbrtowc(&wide, *text, strnlen(*text, MB_LEN_MAX), &state);
	if (n == 0 || n > MB_LEN_MAX) {
		(*text)++;
		return 1;
	}
	*text += n;
	w = wcwidth(wide);
	return w < 0 ? 1 : w;
}

/* Code point of a valid character of UTF-8, which *s moves behind. */
static unsigned
next_point(const char **s)
{
	const unsigned char *u = (const unsigned char *)*s;
	size_t n = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4, i;
	unsigned point = u[0] & (0xffu >> (n + 1));

	for (i = 1; i < n && u[i] != '\0'; i++)
		point = point << 6 | (u[i] & 0x3fu);
	*s += i;
	return point;
}

/* text_escape() has been there: what is left is ASCII and valid UTF-8. */
static void
spell_ascii(char *dst, size_t size, const char *src)
{
	char piece[16];
	size_t len = 0, n;

	while (*src != '\0') {
		if ((unsigned char)*src < 0x80) {
			piece[0] = *src++;
			piece[1] = '\0';
		} else
			text_format(piece, sizeof(piece), "\\u{%04x}",
			    next_point(&src));
		n = strlen(piece);
		if (n >= size - len)
			break;
		memcpy(dst + len, piece, n);
		len += n;
	}
	dst[len] = '\0';
}

void
cells_visible(char *dst, size_t size, const char *src, bool utf8)
{
	char blanks[CELLS_MAX], escaped[CELLS_MAX];
	size_t i;

	if (size == 0)
		return;
	text_copy(blanks, sizeof(blanks), src);
	for (i = 0; blanks[i] != '\0'; i++)
		if (blanks[i] == '\t')
			blanks[i] = ' ';
	if (utf8) {
		text_escape(dst, size, blanks, i);
		return;
	}
	text_escape(escaped, sizeof(escaped), blanks, i);
	spell_ascii(dst, size, escaped);
}

int
cells_width(const char *text)
{
	int cells = 0;

	while (*text != '\0')
		cells += next_cells(&text);
	return cells;
}

size_t
cells_fit(const char *text, int cells, int *used)
{
	const char *at = text, *next = text;
	int n;

	*used = 0;
	while (*next != '\0') {
		n = next_cells(&next);
		if (*used + n > cells)
			break;
		*used += n;
		at = next;
	}
	return (size_t)(at - text);
}

void
cells_cut(char *dst, size_t size, const char *text, int cells, bool utf8)
{
	const char *mark = utf8 ? ELLIPSIS : ">";
	size_t len;
	int used;

	if (size == 0)
		return;
	len = cells_fit(text, cells, &used);
	if (text[len] == '\0')
		mark = "";
	else if (cells > 0)
		len = cells_fit(text, cells - 1, &used);
	else
		mark = "";
	if (len + strlen(mark) >= size) {
		/* Never a part of a character: the caller's buffer is small. */
		text_copy(dst, size, "");
		return;
	}
	memcpy(dst, text, len);
	text_copy(dst + len, size - len, mark);
}

size_t
cells_line(const char **text, int cells, const char **line)
{
	const char *at, *blank = NULL;
	size_t len, i;
	int used;

	*line = at = *text + strspn(*text, " ");
	len = cells_fit(at, cells, &used);
	if (*at != '\0' && len == 0) {
		/* A wide character in a single cell: go on behind it. */
		next_cells(&at);
		len = (size_t)(at - *line);
		at = *line;
	}
	if (at[len] != '\0' && at[len] != ' ') {
		for (i = 0; i < len; i++)
			if (at[i] == ' ')
				blank = at + i;
		if (blank != NULL)
			len = (size_t)(blank - at);
	}
	*text = at + len + strspn(at + len, " ");
	while (len > 0 && at[len - 1] == ' ')
		len--;
	return len;
}

int
cells_lines(const char *text, int cells)
{
	const char *line;
	int n = 0;

	while (cells_line(&text, cells, &line) > 0)
		n++;
	return n;
}
