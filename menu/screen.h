/* SPDX-License-Identifier: ISC */
#ifndef MENU_SCREEN_H
#define MENU_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "menu/frame.h"
#include "menu/menu.h"

/*
 * The terminal by way of curses.  There is one at a time, as curses has it.
 * Keys are read elsewhere: curses never reads.
 */
struct screen;

/*
 * Looks the terminal up in the system's own terminfo and writes nothing.
 * NULL: it is not known, or cannot move its cursor.
 */
struct screen	*screen_open(const struct menu_options *options);
void		 screen_close(struct screen *screen);

/* As it was before screen_open(); and painted whole at the next show. */
void		 screen_suspend(struct screen *screen);
void		 screen_resume(struct screen *screen);

/* Ask the terminal how large it is. */
void		 screen_resized(struct screen *screen);
int		 screen_lines(const struct screen *screen);
int		 screen_columns(const struct screen *screen);

/* Columns that can be drawn in: on some terminals not the last. */
int		 screen_edge(const struct screen *screen);

/* Can the terminal be trusted with signs beyond letters? */
bool		 screen_has_signs(const struct screen *screen);

void		 screen_erase(struct screen *screen);
void		 screen_text(struct screen *screen, int row, int column,
		    enum frame_look look, const char *text, size_t len);
void		 screen_fill(struct screen *screen, int row,
		    enum frame_look look);
void		 screen_cursor(struct screen *screen, int row, int column);

/*
 * Send what has changed since the last time.  False: the terminal takes
 * nothing now; try again later.
 */
bool		 screen_show(struct screen *screen);

/* Whatever is on the terminal: paint it all at the next show. */
void		 screen_spoiled(struct screen *screen);

#endif
