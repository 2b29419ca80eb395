/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "menu/field.h"
#include "menu/inside.h"
#include "menu/scroll.h"
#include "menu/stamp.h"
#include "menu/words.h"

/*
 * What a customer prefers.  A change is sent at once; what is shown is what
 * the broker has, so that nothing is believed to be saved that is not.
 */
#define NARROW 60 /* columns; less: names are closer to their values */

enum row { ROW_MODE, ROW_ESCAPE, ROW_ZONE, ROW_LINE, ROWS };

struct prefs {
	struct scroll		 scroll;
	bool			 editing;	/* the time zone */
	struct field		 zone;
	bool			 saving;
	bool			 saved;
	struct wire_prefs	 wished;
};

/* Has the broker said that it is as was wished? */
static bool
is_saved(const struct prefs *prefs, const struct wire_prefs *now)
{
	return prefs->wished.mode == now->mode &&
	    prefs->wished.escape == now->escape &&
	    strcmp(prefs->wished.zone, now->zone) == 0;
}

/* --- drawing ------------------------------------------------------------- */

static const char *
mode_text(const struct menu *menu, char text[WORDS_TEXT])
{
	struct words_args args = { .text = NULL };

	switch (menu->prefs.mode) {
	case WIRE_MODE_LINE:
		return words_plain(WORDS_PREF_MODE_LINE);
	case WIRE_MODE_MENU:
		return words_plain(WORDS_PREF_MODE_MENU);
	default:
		args.text = words_plain(
		    menu->prefs.policy_mode == WIRE_MODE_LINE ?
			WORDS_PREF_MODE_LINE :
			WORDS_PREF_MODE_MENU);
		return words_fill(text, WORDS_PREF_MODE_DEFAULT, &args);
	}
}

static const char *
value_text(const struct menu *menu, enum row row, char text[WORDS_TEXT])
{
	switch (row) {
	case ROW_MODE:
		return mode_text(menu, text);
	case ROW_ESCAPE:
		return words_plain(menu->prefs.escape == WIRE_ESCAPE_NONE ?
			WORDS_PREF_ESCAPE_OFF :
			WORDS_PREF_ESCAPE_ON);
	case ROW_ZONE:
		return menu->prefs.zone[0] != '\0' ?
		    menu->prefs.zone :
		    words_plain(WORDS_PREF_ZONE_HOST);
	case ROW_LINE:
	case ROWS:
		break;
	}
	return "";
}

static enum words_id
name_of(enum row row)
{
	static const enum words_id names[ROWS] = { WORDS_PREF_MODE,
		WORDS_PREF_ESCAPE, WORDS_PREF_ZONE, WORDS_PREF_LINE };

	return names[row];
}

/* What the chosen one is about. */
static void
draw_meaning(struct menu *menu, const struct prefs *prefs, int row)
{
	static const enum words_id meanings[ROWS] = {
		WORDS_PREF_MODE_MEANS, WORDS_PREF_ESCAPE_MEANS,
		WORDS_PREF_ZONE_MEANS, WORDS_PREF_LINE_MEANS
	};
	char text[WORDS_TEXT], time[STAMP_TEXT];
	struct words_args args = { .time = time };

	stamp_minute(clock_wall_ms(), time);
	frame_wrap(menu, row, 1, menu->columns - 2, menu->bottom - row,
	    FRAME_PLAIN,
	    words_fill(text, meanings[prefs->scroll.at], &args));
}

static void
draw_row(struct menu *menu, const struct prefs *prefs, int at, enum row row)
{
	int name = 3, value = name + (menu->columns >= NARROW ? 20 : 16);
	bool chosen = prefs->scroll.at == (size_t)row;
	enum frame_look look = chosen ? FRAME_CHOSEN : FRAME_PLAIN;
	char text[WORDS_TEXT];

	if (chosen)
		frame_fill(menu, at, look);
	frame_put(menu, at, 1, 2, look, chosen ? "> " : "  ");
	frame_put(menu, at, name, value - name - 1, look,
	    words_plain(name_of(row)));
	if (chosen && prefs->editing) {
		field_draw(menu, &prefs->zone, at, value,
		    menu->columns - value - 1, true);
		return;
	}
	frame_put(menu, at, value, menu->columns - value - 1, look,
	    value_text(menu, row, text));
	if (chosen)
		frame_cursor(menu, at, 1);
}

static int64_t
prefs_draw(struct menu *menu, struct menu_view *view, int64_t now)
{
	static const char *const keys[] = { "Up/Down", "choose", "Enter",
		"change", "Esc", "back", NULL };
	static const char *const editing[] = { "Enter", "save", "Esc",
		"leave it as it is", NULL };
	struct prefs *prefs = view->state;
	bool air = menu->bottom > 12;
	const char *right = "";
	int i, row = FRAME_TOP + (air ? 1 : 0);

	(void)now;
	/* What was refused is said instead. */
	if (menu->said[0] != '\0' || menu->away[0] != '\0')
		prefs->saving = false;
	if (prefs->saving && is_saved(prefs, &menu->prefs)) {
		prefs->saving = false;
		prefs->saved = true;
	}
	if (prefs->saving)
		right = words_plain(WORDS_PREF_SAVING);
	else if (prefs->saved)
		right = words_plain(WORDS_PREF_SAVED);
	frame_title(menu, words_plain(WORDS_PREFS), right);
	for (i = 0; i < ROWS; i++)
		draw_row(menu, prefs, row++, (enum row)i);
	draw_meaning(menu, prefs, row + (menu->bottom > ROWS + 4 ? 1 : 0));
	frame_keys(menu, prefs->editing ? editing : keys);
	return -1;
}

/* --- keys ---------------------------------------------------------------- */

static void
wish(struct menu *menu, struct prefs *prefs, const struct wire_prefs *wished)
{
	prefs->wished = *wished;
	prefs->saving = true;
	menu_want_prefs(menu, wished);
}

/* Only what is asked for goes out. */
static struct wire_prefs
as_is(const struct menu *menu)
{
	struct wire_prefs wished = { .mode = menu->prefs.mode,
		.escape = menu->prefs.escape, .back_ms = -1 };

	(void)text_copy(wished.zone, sizeof(wished.zone), menu->prefs.zone);
	return wished;
}

static void
change(struct menu *menu, struct menu_view *view, struct prefs *prefs)
{
	struct wire_prefs wished = as_is(menu);

	switch ((enum row)prefs->scroll.at) {
	case ROW_MODE:
		/* default, menu, line, and round again */
		wished.mode = wished.mode == WIRE_MODE_DEFAULT ?
		    WIRE_MODE_MENU :
		    wished.mode == WIRE_MODE_MENU ? WIRE_MODE_LINE :
						    WIRE_MODE_DEFAULT;
		wish(menu, prefs, &wished);
		break;
	case ROW_ESCAPE:
		wished.escape = wished.escape == WIRE_ESCAPE_NONE ?
		    WIRE_ESCAPE_DEFAULT :
		    WIRE_ESCAPE_NONE;
		wish(menu, prefs, &wished);
		break;
	case ROW_ZONE:
		prefs->editing = true;
		field_open(&prefs->zone, menu->prefs.zone, WIRE_ZONE - 1,
		    true);
		break;
	case ROW_LINE:
		menu_want(menu, view, MENU_DO_LINE, "");
		break;
	case ROWS:
		break;
	}
}

static bool
key_zone(struct menu *menu, struct prefs *prefs, uint32_t key)
{
	struct wire_prefs wished;

	switch (field_key(&prefs->zone, key)) {
	case FIELD_DONE:
		prefs->editing = false;
		wished = as_is(menu);
		(void)text_copy(wished.zone, sizeof(wished.zone),
		    prefs->zone.text);
		wish(menu, prefs, &wished);
		return true;
	case FIELD_LEFT:
		prefs->editing = false;
		return true;
	case FIELD_TYPED:
		return true;
	case FIELD_NOT:
		break;
	}
	return false;
}

static bool
prefs_key(struct menu *menu, struct menu_view *view, uint32_t key, int64_t now)
{
	struct prefs *prefs = view->state;

	(void)now;
	/* What was refused has been said; it is not saved any more. */
	prefs->saving = prefs->saved = false;
	if (prefs->editing)
		return key_zone(menu, prefs, key);
	if (key == KEYS_ENTER || key == ' ' || key == KEYS_RIGHT) {
		change(menu, view, prefs);
		return true;
	}
	return scroll_key(&prefs->scroll, key, ROWS, ROWS);
}

static void
prefs_paste(struct menu *menu, struct menu_view *view, const char *text)
{
	struct prefs *prefs = view->state;

	(void)menu;
	if (prefs->editing)
		field_paste(&prefs->zone, text);
}

const struct menu_screen prefs_screen = {
	.state_size = sizeof(struct prefs),
	.draw = prefs_draw,
	.key = prefs_key,
	.paste = prefs_paste,
};
