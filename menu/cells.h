/* SPDX-License-Identifier: ISC */
#ifndef MENU_CELLS_H
#define MENU_CELLS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Text as cells of a terminal.  What comes in is of a guest, an operator or
 * the DNS; what comes out is safe to draw in the locale that is set.
 */

/* Longest text that is drawn as one, made visible. */
#define CELLS_MAX 2048

/*
 * src as text_escape() has it; without utf8, what is no ASCII is spelled
 * as \u{NNNN} as well.  A tab is a blank.
 */
void	 cells_visible(char *dst, size_t size, const char *src, bool utf8);

/* How many cells visible text takes. */
int	 cells_width(const char *text);

/*
 * Bytes of visible text that fit into that many cells, never a part of a
 * character; *used is how many cells these take.
 */
size_t	 cells_fit(const char *text, int cells, int *used);

/*
 * Visible text cut to at most cells; if something is missing, its last cell
 * says so (utf8: an ellipsis, else '>').
 */
void	 cells_cut(char *dst, size_t size, const char *text, int cells,
	    bool utf8);

/*
 * The next line of visible text in *text, broken at blanks where there are
 * any; *text moves on.  Returns its length in bytes; 0 at the end.
 */
size_t	 cells_line(const char **text, int cells, const char **line);

/* How many such lines there are. */
int	 cells_lines(const char *text, int cells);

#endif
