/* SPDX-License-Identifier: ISC */
#ifndef MENU_FIELD_H
#define MENU_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct menu;

/* One line to type into. */
#define FIELD_MAX 63

struct field {
	char	 text[FIELD_MAX + 1];
	size_t	 len;
	size_t	 most;		/* bytes */
	bool	 ascii;		/* any other character becomes a '?' */
};

enum field_key {
	FIELD_NOT,		/* not one of its keys */
	FIELD_TYPED,
	FIELD_DONE,		/* Enter */
	FIELD_LEFT		/* Esc */
};

void	 field_open(struct field *field, const char *text, size_t most,
	    bool ascii);

/* Arrows and their like are its keys as well, and do nothing. */
enum field_key field_key(struct field *field, uint32_t key);

/* Goes into the field and nowhere else, as far as it fits. */
void	 field_paste(struct field *field, const char *text);

/* With the cursor; of what is longer, its end. */
void	 field_draw(struct menu *menu, const struct field *field, int row,
	    int column, int cells, bool chosen);

#endif
