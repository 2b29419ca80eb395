/* SPDX-License-Identifier: ISC */
#ifndef MENU_FRAME_H
#define MENU_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * Drawing.  All of these take any text: it is made visible and cut at the
 * cells that there are.  Rows and columns that do not exist are skipped.
 */
struct menu;

#define FRAME_TOP 1 /* first row of the body */

/* How it looks; colour comes beside words and signs, never alone. */
enum frame_look {
	FRAME_PLAIN,
	FRAME_BOLD,
	FRAME_DIM,	/* denied, or not now */
	FRAME_TITLE,
	FRAME_CHOSEN,	/* the line under the cursor */
	FRAME_KEY,	/* a key in the key line */
	FRAME_GOOD,
	FRAME_BUSY,
	FRAME_BAD,
	FRAME_LOOKS
};

/* Text at that place, in at most cells of it; returns the cells used. */
int	 frame_put(struct menu *menu, int row, int column, int cells,
	    enum frame_look look, const char *text);

/* The same, ending at the last of these cells. */
int	 frame_put_right(struct menu *menu, int row, int column, int cells,
	    enum frame_look look, const char *text);

int	 frame_format(struct menu *menu, int row, int column, int cells,
	    enum frame_look look, const char *fmt, ...)
	    __attribute__((format(printf, 6, 7)));

/* Wrapped at blanks into at most rows; returns how many rows it took. */
int	 frame_wrap(struct menu *menu, int row, int column, int cells,
	    int rows, enum frame_look look, const char *text);

/* Blanks over the whole row: the line of the cursor before its text. */
void	 frame_fill(struct menu *menu, int row, enum frame_look look);

/* Title line: whose screen it is, and what is on the right. */
void	 frame_title(struct menu *menu, const char *left, const char *right);

/*
 * The key line: pairs of a key and what it does, the last one NULL:
 * { "Enter", "open", "q", "quit", NULL }.  What does not fit is left out
 * from the end, but "?" and the last pair stay.
 */
void	 frame_keys(struct menu *menu, const char *const *pairs);

/* Where to type: shown from now on until the next painting. */
void	 frame_cursor(struct menu *menu, int row, int column);

/* "3d4h", to the minute. */
#define FRAME_SPAN 24
void	 frame_span(int64_t ms, char out[FRAME_SPAN]);

/* "2 GiB", "768 MiB"; "-" when it is not known. */
void	 frame_memory(uint64_t kib, char out[TEXT_BYTES]);

/* "1.2 MB/340 kB" of a second; "-" when it is not known. */
#define FRAME_PAIR 40
void	 frame_rates(int64_t a, int64_t b, char out[FRAME_PAIR]);

/* The word of a state, its sign of one cell, and how both look. */
const char *frame_state(uint32_t state);
const char *frame_sign(const struct menu *menu, uint32_t state);
enum frame_look frame_state_look(uint32_t state);

#endif
