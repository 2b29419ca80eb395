/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/text.h"
#include "menu/field.h"
#include "menu/inside.h"

void
field_open(struct field *field, const char *text, size_t most, bool ascii)
{
	memset(field, 0, sizeof(*field));
	field->most = most < FIELD_MAX ? most : FIELD_MAX;
	field->ascii = ascii;
	(void)text_copy(field->text, field->most + 1, text);
	field->len = strlen(field->text);
}

static void
add_bytes(struct field *field, const char *bytes, size_t n)
{
	if (field->len + n > field->most)
		return;
	memcpy(field->text + field->len, bytes, n);
	field->len += n;
	field->text[field->len] = '\0';
}

static void
add(struct field *field, uint32_t c)
{
	char bytes[4];
	size_t n = 0;

	if (c >= 0x80 && field->ascii)
		c = '?';
	if (c < 0x80)
		bytes[n++] = (char)c;
	else if (c < 0x800)
		bytes[n++] = (char)(0xc0 | c >> 6);
	else if (c < 0x10000) {
		bytes[n++] = (char)(0xe0 | c >> 12);
		bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		bytes[n++] = (char)(0xf0 | c >> 18);
		bytes[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	}
	if (c >= 0x80)
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	add_bytes(field, bytes, n);
}

/* A whole character, of however many bytes. */
static void
erase(struct field *field)
{
	while (field->len > 0 &&
	    ((unsigned char)field->text[field->len - 1] & 0xc0) == 0x80)
		field->len--;
	if (field->len > 0)
		field->len--;
	field->text[field->len] = '\0';
}

enum field_key
field_key(struct field *field, uint32_t key)
{
	switch (key) {
	case KEYS_ENTER:
		return FIELD_DONE;
	case KEYS_ESC:
	case KEYS_CTRL('C'):
		return FIELD_LEFT;
	case KEYS_ERASE:
		erase(field);
		return FIELD_TYPED;
	case KEYS_CTRL('U'):
	case KEYS_CTRL('W'):
		field->len = 0;
		field->text[0] = '\0';
		return FIELD_TYPED;
	default:
		if (key < ' ')
			return FIELD_NOT;
		if (key != 0x7f && key < KEYS_ENTER)
			add(field, key);
		return FIELD_TYPED;
	}
}

void
field_paste(struct field *field, const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			continue;
		if ((unsigned char)*text >= 0x80 && field->ascii)
			add(field, '?');
		else
			add_bytes(field, text, 1);
	}
}

void
field_draw(struct menu *menu, const struct field *field, int row, int column,
    int cells, bool chosen)
{
	char seen[FIELD_MAX * 8];
	const char *at = seen;
	int used;

	cells_visible(seen, sizeof(seen), field->text, menu->utf8);
	/* One cell is the cursor's. */
	while (cells_width(at) > cells - 1 && *at != '\0')
		at += cells_fit(at, 1, &used) > 0 ? cells_fit(at, 1, &used) :
						    cells_fit(at, 2, &used);
	used = frame_put(menu, row, column, cells - 1,
	    chosen ? FRAME_CHOSEN : FRAME_PLAIN, at);
	frame_cursor(menu, row, column + used);
}
