/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/text.h"
#include "menu/inside.h"
#include "menu/scroll.h"
#include "menu/words.h"

/*
 * The keys of all screens.  That of the screen from which it was opened
 * comes first.
 */
struct help_row {
	const char	*key;	/* NULL: a heading, or the end */
	const char	*text;	/* NULL: the end */
};

struct help_part {
	enum menu_place		 place;	/* MENU_PLACE_COUNT: everywhere */
	const char		*title;
	struct help_row		 rows[14];
};

static const struct help_part parts[] = {
	{ MENU_PLACE_LIST, "Your guests",
	    { { "Up, Down", "choose a guest; j and k do the same" },
		{ "1 to 9", "go to that line" }, { "Enter", "open the guest" },
		{ "c", "its console; Ctrl-] comes back here" },
		{ "a", "what was done to your guests" },
		{ "o", "settings" }, { "q", "log out" } } },
	{ MENU_PLACE_GUEST, "A guest",
	    { { "1 to 6", "go to that line; Enter does it" },
		{ "Up, Down", "choose a line; j and k do the same" },
		{ "w", "watch what is being done to it" },
		{ "o", "settings" } } },
	{ MENU_PLACE_CONFIRM, "A question",
	    { { "Enter", "take the answer that is chosen; that is No at "
			 "first" },
		{ "y, n", "yes, no" },
		{ "the name", "pulling the plug wants the guest's name typed; "
			      "a paste is not enough, press Enter after it" },
		{ "Esc", "nothing is done" } } },
	{ MENU_PLACE_JOB, "Something is being done",
	    { { "x", "cancel it, while it only waits" },
		{ "c", "the guest's console" },
		{ "l", "its log" },
		{ "D", "pull the plug of a guest that does not go off" },
		{ "Esc", "leave; it goes on without you" } } },
	{ MENU_PLACE_LOG, "A console's log",
	    { { "Up, Down", "scroll; PgUp and PgDn by pages" },
		{ "Home, End", "the oldest line; the newest, and follow" },
		{ "/", "search upwards; upper and lower case are one" },
		{ "n, N", "the next older, the next newer line with it" },
		{ "*, >", "before a line: not the guest's but a mark of ours; "
			  "what was found" },
		{ "r", "load it again" } } },
	{ MENU_PLACE_ACTIVITY, "Activity",
	    { { "Up, Down", "choose one; all about it is below" },
		{ "r", "load it again" } } },
	{ MENU_PLACE_PREFS, "Settings",
	    { { "Up, Down", "choose" },
		{ "Enter", "change; it is saved at once" } } },
	{ MENU_PLACE_COUNT, "Everywhere",
	    { { "Esc, Left", "back" }, { "q", "back, and at last out" },
		{ "?", "this help" },
		{ "Ctrl-L", "paint the screen afresh" },
		{ "the wheel", "as Up and Down" } } },
	{ MENU_PLACE_COUNT, "In a console",
	    { { "Ctrl-]", "come back; Ctrl-5 on some keyboards" },
		{ "Ctrl-Q", "three times: come back, too" },
		{ "Ctrl-^ ?", "the other keys; Ctrl-6 on most keyboards" } } },
	{ MENU_PLACE_COUNT, "Without this menu",
	    { { "line mode", "ssh -t HOST line, or in the settings: commands "
			     "are typed, and nothing is ever redrawn" },
		{ "one command", "ssh HOST start web, ssh HOST help" } } },
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

struct help {
	struct scroll scroll;
};

/* Where the rows go: those above the window are counted, not drawn. */
struct pen {
	struct menu	*menu;
	size_t		 at;	/* of all rows */
	size_t		 top;	/* the first one shown */
	size_t		 rows;	/* that are shown */
};

static int
key_cells(const struct menu *menu)
{
	return menu->columns >= 60 ? 14 : 11;
}

static int
screen_row(const struct pen *pen)
{
	if (pen->at < pen->top || pen->at - pen->top >= pen->rows)
		return -1;
	return FRAME_TOP + (int)(pen->at - pen->top);
}

static void
put_row(struct pen *pen, const struct help_row *row)
{
	int keys = key_cells(pen->menu), at;
	int cells = pen->menu->columns - keys - 3;
	char part[CELLS_MAX];
	const char *text = row->text, *line;
	bool first = true;
	size_t len;

	while ((len = cells_line(&text, cells, &line)) > 0) {
		at = screen_row(pen);
		if (at >= 0) {
			memcpy(part, line, len);
			part[len] = '\0';
			if (first)
				frame_put(pen->menu, at, 2, keys - 1,
				    FRAME_KEY, row->key);
			frame_put(pen->menu, at, keys + 2, cells, FRAME_PLAIN,
			    part);
		}
		first = false;
		pen->at++;
	}
}

/* What can be done to a guest is in the table of its screen. */
static void
put_actions(struct pen *pen)
{
	const struct guest_action *action;
	char key[2] = "", text[WORDS_TEXT];
	const struct help_row row = { key, text };
	size_t i;

	for (i = 0; (action = guest_action_at(i)) != NULL; i++) {
		key[0] = action->key;
		(void)text_copy(text, sizeof(text), action->word);
		if (action->means != WORDS_COUNT)
			(void)text_format(text, sizeof(text), "%s: %s",
			    action->word, words_plain(action->means));
		put_row(pen, &row);
	}
}

static void
put_part(struct pen *pen, const struct help_part *part)
{
	size_t i;

	if (screen_row(pen) >= 0)
		frame_put(pen->menu, screen_row(pen), 1,
		    pen->menu->columns - 2, FRAME_BOLD, part->title);
	pen->at++;
	for (i = 0; part->rows[i].text != NULL; i++)
		put_row(pen, &part->rows[i]);
	if (part->place == MENU_PLACE_GUEST)
		put_actions(pen);
	pen->at++;
}

/* The screen that is under this one. */
static enum menu_place
place_below(const struct menu *menu, const struct menu_view *view)
{
	size_t i;

	for (i = 1; i < menu->depth; i++)
		if (&menu->stack[i] == view)
			return menu->stack[i - 1].place;
	return MENU_PLACE_LIST;
}

/* All of it; returns how many rows there are, without the last empty one. */
static size_t
put_all(struct menu *menu, const struct menu_view *view, size_t top,
    size_t rows)
{
	enum menu_place first = place_below(menu, view);
	struct pen pen = { menu, 0, top, rows };
	size_t i;

	for (i = 0; i < PARTS; i++)
		if (parts[i].place == first)
			put_part(&pen, &parts[i]);
	for (i = 0; i < PARTS; i++)
		if (parts[i].place == MENU_PLACE_COUNT)
			put_part(&pen, &parts[i]);
	for (i = 0; i < PARTS; i++)
		if (parts[i].place != first &&
		    parts[i].place != MENU_PLACE_COUNT)
			put_part(&pen, &parts[i]);
	return pen.at - 1;
}

static size_t
page_of(const struct menu *menu)
{
	return (size_t)(menu->bottom - FRAME_TOP);
}

static int64_t
help_draw(struct menu *menu, struct menu_view *view, int64_t now)
{
	static const char *const keys[] = { "Up/Down", "scroll", "PgDn",
		"page", "Esc", "back", NULL };
	struct help *help = view->state;
	size_t n = put_all(menu, view, 0, 0);
	char right[32] = "";

	(void)now;
	if (help->scroll.top + page_of(menu) > n)
		help->scroll.top = n > page_of(menu) ? n - page_of(menu) : 0;
	help->scroll.at = help->scroll.top;
	put_all(menu, view, help->scroll.top, page_of(menu));
	if (n > page_of(menu))
		(void)text_format(right, sizeof(right), "%zu%%",
		    (help->scroll.top + page_of(menu)) * 100 / n);
	frame_title(menu, words_plain(WORDS_HELP), right);
	frame_keys(menu, keys);
	return -1;
}

static bool
help_key(struct menu *menu, struct menu_view *view, uint32_t key, int64_t now)
{
	struct help *help = view->state;

	(void)now;
	return scroll_text_key(&help->scroll, key,
	    put_all(menu, view, 0, 0), page_of(menu));
}

const struct menu_screen help_screen = {
	.state_size = sizeof(struct help),
	.draw = help_draw,
	.key = help_key,
};
