/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "menu/inside.h"
#include "menu/scroll.h"
#include "menu/spark.h"

#define MARK	   2 /* cells in front of a row: is it chosen? */
#define NAME_LEAST 8
#define NAME_WANT  16
#define SPARK_CELLS 8
#define FRESH_MS   15000 /* older figures are none */

enum column {
	COLUMN_STATE,
	COLUMN_UPTIME,
	COLUMN_VCPUS,
	COLUMN_MEMORY,
	COLUMN_CPU,
	COLUMN_SPARK,
	COLUMN_NET,
	COLUMN_DISK,
	COLUMN_COUNT
};

/* Each with the gap in front of it. */
static const struct {
	const char *title;
	int cells;
	bool right;
} columns[COLUMN_COUNT] = {
	[COLUMN_STATE] = { "STATE", 11, false },
	[COLUMN_UPTIME] = { "UPTIME", 8, true },
	[COLUMN_VCPUS] = { "VCPUS", 6, true },
	[COLUMN_MEMORY] = { "MEMORY", 9, true },
	[COLUMN_CPU] = { "CPU", 6, true },
	[COLUMN_SPARK] = { "", SPARK_CELLS + 1, false },
	[COLUMN_NET] = { "NET IN/OUT /s", 15, true },
	[COLUMN_DISK] = { "DISK R/W /s", 15, true },
};

/* What a wider screen can have, the first of these first. */
static const enum column wanted[COLUMN_COUNT] = { COLUMN_STATE, COLUMN_UPTIME,
	COLUMN_CPU, COLUMN_MEMORY, COLUMN_SPARK, COLUMN_NET, COLUMN_VCPUS,
	COLUMN_DISK };

struct list {
	struct scroll	 scroll;
	char		 chosen[WIRE_NAME]; /* stays so when others leave */
	bool		 on_guests;	/* not on the way back to a console */
	size_t		 page;
};

/* Widths for this screen; 0: no room.  Returns the cells of the names. */
static int
fit_columns(const struct menu *menu, int width[COLUMN_COUNT])
{
	int left = menu->columns - MARK - 1, name = NAME_LEAST, n;
	char seen[WIRE_NAME * 8];
	size_t i;

	for (i = 0; i < menu->nitems; i++) {
		cells_visible(seen, sizeof(seen), menu->items[i]->is.name,
		    menu->utf8);
		n = cells_width(seen);
		if (n > name)
			name = n;
	}
	left -= name < NAME_WANT ? name : NAME_WANT;
	for (i = 0; i < COLUMN_COUNT; i++) {
		n = columns[wanted[i]].cells;
		width[wanted[i]] = n <= left ? n : 0;
		left -= width[wanted[i]];
		if (n > left + width[wanted[i]])
			left = 0;
	}
	if (name > NAME_WANT)
		name = NAME_WANT + left < name ? NAME_WANT + left : name;
	return name;
}

static void
draw_head(struct menu *menu, int row, int name, const int width[COLUMN_COUNT])
{
	int x = MARK, i;

	frame_put(menu, row, x, name, FRAME_BOLD, "NAME");
	x += name;
	for (i = 0; i < COLUMN_COUNT; i++) {
		if (width[i] == 0)
			continue;
		if (columns[i].right)
			frame_put_right(menu, row, x + 1, width[i] - 1,
			    FRAME_BOLD, columns[i].title);
		else
			frame_put(menu, row, x + 1, width[i] - 1, FRAME_BOLD,
			    columns[i].title);
		x += width[i];
	}
}

/* What stands in a column; -1 and the like are a dash. */
static void
cell_text(const struct menu *menu, const struct item *item, enum column column,
    int64_t now, char out[FRAME_PAIR])
{
	const struct wire_guest *is = &item->is;
	const bool fresh = now - item->seen_ms < FRESH_MS && item_is_up(item);
	const bool rates = now - item->rates_ms < FRESH_MS && fresh;

	text_copy(out, FRAME_PAIR, "-");
	switch (column) {
	case COLUMN_STATE:
		text_format(out, FRAME_PAIR, "%s %s",
		    frame_sign(menu, is->state), frame_state(is->state));
		break;
	case COLUMN_UPTIME:
		frame_span(item_uptime(item, now), out);
		break;
	case COLUMN_VCPUS:
		if (is->vcpus > 0)
			text_format(out, FRAME_PAIR, "%" PRIu32, is->vcpus);
		break;
	case COLUMN_MEMORY:
		frame_memory(is->memory_kib, out);
		break;
	case COLUMN_CPU:
		if (fresh && is->cpu_permille >= 0)
			text_format(out, FRAME_PAIR, "%" PRId32 " %%",
			    (is->cpu_permille + 5) / 10);
		break;
	case COLUMN_SPARK:
		spark_draw(out, FRAME_PAIR, item->cpu, item->ncpu, SPARK_CELLS,
		    1000, menu->signs);
		break;
	case COLUMN_NET:
		if (rates)
			frame_rates(item->rates.net_in, item->rates.net_out,
			    out);
		break;
	case COLUMN_DISK:
		if (rates)
			frame_rates(item->rates.disk_read,
			    item->rates.disk_written, out);
		break;
	case COLUMN_COUNT:
		break;
	}
}

static void
draw_row(struct menu *menu, int row, const struct item *item, bool chosen,
    int name, const int width[COLUMN_COUNT], int64_t now)
{
	enum frame_look look = chosen ? FRAME_CHOSEN : FRAME_PLAIN, cell;
	char text[FRAME_PAIR];
	int x = MARK, i;

	if (chosen)
		frame_fill(menu, row, FRAME_CHOSEN);
	frame_put(menu, row, 0, 1, look, chosen ? ">" : " ");
	frame_put(menu, row, x, name, look, item->is.name);
	x += name;
	for (i = 0; i < COLUMN_COUNT; i++) {
		if (width[i] == 0)
			continue;
		cell = look;
		if (i == COLUMN_STATE && !chosen)
			cell = frame_state_look(item->is.state);
		cell_text(menu, item, (enum column)i, now, text);
		if (columns[i].right)
			frame_put_right(menu, row, x + 1, width[i] - 1, cell,
			    text);
		else
			frame_put(menu, row, x + 1, width[i] - 1, cell, text);
		x += width[i];
	}
}

/* Where a change of the list has moved the chosen one to. */
static void
follow_chosen(const struct menu *menu, struct list *list)
{
	size_t i;

	for (i = 0; i < menu->nitems; i++)
		if (strcmp(menu->items[i]->is.name, list->chosen) == 0)
			list->scroll.at = i;
	scroll_fit(&list->scroll, menu->nitems, list->page);
	if (menu->nitems > 0)
		text_copy(list->chosen, sizeof(list->chosen),
		    menu->items[list->scroll.at]->is.name);
}

static void
draw_nothing(struct menu *menu)
{
	const struct words_args args = { .text = menu->who.support };
	char text[WORDS_TEXT];

	if (!menu->listed)
		text_copy(text, sizeof(text), words_plain(WORDS_ASKING));
	else
		words_fill(text,
		    menu->who.support[0] != '\0' ? WORDS_NO_GUESTS_SUPPORT :
						   WORDS_NO_GUESTS,
		    &args);
	frame_wrap(menu, FRAME_TOP + 1, MARK, menu->columns - 2 * MARK,
	    menu->bottom - FRAME_TOP - 1, FRAME_PLAIN, text);
}

static void
draw_title(struct menu *menu, const struct list *list)
{
	char left[WORDS_TEXT], right[WIRE_NAME + WIRE_DOMAIN + 8];

	text_copy(left, sizeof(left), words_plain(WORDS_LIST));
	if (menu->nitems > list->page)
		text_format(left, sizeof(left), "%s  %zu/%zu",
		    words_plain(WORDS_LIST), list->scroll.at + 1, menu->nitems);
	frame_account(menu, right, sizeof(right));
	frame_title(menu, left, right);
}

/* The minute of an uptime that is shown turns then. */
static int64_t
next_minute(const struct menu *menu, const struct list *list, int64_t now)
{
	int64_t next = -1, up, due;
	size_t i;

	if (menu_asleep(menu, now))
		return -1;
	for (i = list->scroll.top;
	     i < menu->nitems && i < list->scroll.top + list->page; i++) {
		up = item_uptime(menu->items[i], now);
		if (up < 0)
			continue;
		due = now + 60000 - up % 60000;
		if (next == -1 || due < next)
			next = due;
	}
	return next;
}

static void
draw_keys(struct menu *menu, const struct list *list)
{
	static const char *const keys[] = { "Enter", "open", "c", "console",
		"a", "activity", "o", "settings", "?", "help", "q", "log out",
		NULL };
	static const char *const back[] = { "Enter", "back to the console", "j",
		"guests", "?", "help", "q", "log out", NULL };
	static const char *const nothing[] = { "?", "help", "q", "log out",
		NULL };

	if (menu_back(menu) != NULL && !list->on_guests)
		frame_keys(menu, back);
	else
		frame_keys(menu, menu->nitems > 0 ? keys : nothing);
}

static int64_t
list_draw(struct menu *menu, struct menu_view *view, int64_t now)
{
	struct list *list = view->state;
	const bool back = menu_back(menu) != NULL;
	int width[COLUMN_COUNT], name, row = FRAME_TOP;
	size_t i;

	list->page = (size_t)(menu->bottom - FRAME_TOP - 1 - (back ? 1 : 0));
	follow_chosen(menu, list);
	draw_title(menu, list);
	draw_keys(menu, list);
	if (menu->nitems == 0) {
		draw_nothing(menu);
		return -1;
	}
	if (back)
		frame_back(menu, row++, !list->on_guests);
	name = fit_columns(menu, width);
	draw_head(menu, row++, name, width);
	for (i = list->scroll.top;
	     i < menu->nitems && i < list->scroll.top + list->page; i++)
		draw_row(menu, row++, menu->items[i],
		    i == list->scroll.at && (list->on_guests || !back), name,
		    width, now);
	return next_minute(menu, list, now);
}

/* On the line above the guests: down leaves it, Enter takes it. */
static bool
back_key(struct menu *menu, struct menu_view *view, uint32_t key)
{
	struct list *list = view->state;
	const struct item *item = menu_back(menu);

	if (item == NULL)
		return false;
	if (list->on_guests) {
		if (list->scroll.at > 0 || (key != 'k' && key != KEYS_UP))
			return false;
		list->on_guests = false;
		return true;
	}
	if (key == KEYS_ENTER || key == KEYS_RIGHT) {
		menu_want(menu, view, MENU_DO_CONSOLE, item->is.name);
		return true;
	}
	if (key == 'k' || key == KEYS_UP || key == KEYS_WHEEL_UP)
		return true;
	list->on_guests = true;
	return key == 'j' || key == KEYS_DOWN || key == KEYS_WHEEL_DOWN;
}

/* A digit moves to that line, as on the screen of a guest. */
static void
digit_key(struct menu *menu, struct list *list, uint32_t key)
{
	size_t at = list->scroll.top + (key - '1');

	if (at < menu->nitems)
		list->scroll.at = at;
}

static bool
guest_key(struct menu *menu, struct menu_view *view, uint32_t key)
{
	const struct list *list = view->state;
	const char *guest;

	if (menu->nitems == 0)
		return false;
	guest = menu->items[list->scroll.at]->is.name;
	switch (key) {
	case KEYS_ENTER:
	case KEYS_RIGHT:
		menu_push(menu, MENU_PLACE_GUEST, guest, MENU_DO_NOTHING);
		return true;
	case 'c':
		guest_act(menu, view, MENU_DO_CONSOLE, guest);
		return true;
	default:
		return false;
	}
}

static bool
list_key(struct menu *menu, struct menu_view *view, uint32_t key, int64_t now)
{
	struct list *list = view->state;

	(void)now;
	follow_chosen(menu, list);
	if (back_key(menu, view, key))
		return true;
	if (scroll_key(&list->scroll, key, menu->nitems, list->page))
		;
	else if (key >= '1' && key <= '9')
		digit_key(menu, list, key);
	else if (key == 'a')
		menu_push(menu, MENU_PLACE_ACTIVITY, "", MENU_DO_NOTHING);
	else if (key == 'o')
		menu_push(menu, MENU_PLACE_PREFS, "", MENU_DO_NOTHING);
	else
		return guest_key(menu, view, key);
	if (list->scroll.at < menu->nitems)
		text_copy(list->chosen, sizeof(list->chosen),
		    menu->items[list->scroll.at]->is.name);
	return true;
}

const struct menu_screen list_screen = {
	.state_size = sizeof(struct list),
	.draw = list_draw,
	.key = list_key,
	.counters = true,
};
