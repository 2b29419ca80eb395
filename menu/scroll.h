/* SPDX-License-Identifier: ISC */
#ifndef MENU_SCROLL_H
#define MENU_SCROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where somebody is in a list of rows. */
struct scroll {
	size_t	 at;	/* the row chosen, or of text: the first shown */
	size_t	 top;	/* the first row shown */
};

#define SCROLL_WHEEL 3 /* rows of one turn */

/*
 * Up, down, pages, Home, End, wheel, and j k g G for them, among n rows of
 * which `page` are shown.  False: not one of these keys.
 */
bool	 scroll_key(struct scroll *scroll, uint32_t key, size_t n,
	    size_t page);

/* Bring at and top back to where they may be: there are other rows now. */
void	 scroll_fit(struct scroll *scroll, size_t n, size_t page);

/* The same for text without a chosen row: at follows top. */
bool	 scroll_text_key(struct scroll *scroll, uint32_t key, size_t n,
	    size_t page);

#endif
