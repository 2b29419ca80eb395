/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "menu/field.h"
#include "menu/inside.h"
#include "menu/logbook.h"
#include "menu/scroll.h"
#include "menu/stamp.h"
#include "menu/words.h"

/*
 * A guest's console, line by line with the time, from its end.  What comes
 * while it is shown is added; who has gone up stays where they are.
 */
#define SEARCH_MOST 48
#define NARROW	    60	/* columns; less: times without seconds */
#define AGAIN_MS    100

enum log_found { LOG_FOUND, LOG_NONE, LOG_NO_OLDER, LOG_NO_NEWER };

struct log {
	struct logbook	 book;
	bool		 loaded;
	bool		 renewed;	/* asked for: what comes replaces it */
	bool		 failed;	/* not all of it could be had */
	bool		 cut;		/* the oldest lines had to go */
	bool		 joined;	/* with what comes meanwhile */
	bool		 standing;	/* the end is not followed, */
	size_t		 last;		/* but this line is at the bottom */
	bool		 asking;	/* the field is open */
	struct field	 sought;
	size_t		 hit;		/* line found last */
	bool		 has_hit;
	enum log_found	 found;
};

static void
log_enter(struct menu *menu, struct menu_view *view)
{
	struct log *log = view->state;

	log->renewed = true;
	menu_want(menu, view, MENU_DO_LOG, view->guest);
}

static void
log_leave(struct menu *menu, struct menu_view *view)
{
	struct log *log = view->state;

	(void)menu;
	logbook_free(&log->book);
}

static void
add(struct log *log, int64_t wall_ms, const char *line)
{
	size_t gone;

	gone = logbook_add(&log->book, wall_ms, line);
	log->cut = log->cut || gone > 0;
	log->last = log->last > gone ? log->last - gone : 0;
	log->hit = log->hit > gone ? log->hit - gone : 0;
}

static void
forget(struct log *log)
{
	logbook_free(&log->book);
	log->loaded = log->cut = log->joined = false;
	log->standing = log->has_hit = log->renewed = false;
}

/* The first of an answer takes the place of the one before. */
static void
log_line(struct menu *menu, struct menu_view *view, int64_t wall_ms,
    const char *line)
{
	struct log *log = view->state;

	(void)menu;
	if (log->loaded || log->renewed)
		forget(log);
	add(log, wall_ms, line);
}

static void
log_loaded(struct menu *menu, struct menu_view *view, bool whole)
{
	struct log *log = view->state;

	(void)menu;
	if (whole && log->renewed)
		forget(log);
	log->renewed = false;
	log->loaded = true;
	log->failed = !whole;
}

/* --- what comes while it is shown ---------------------------------------- */

#define SAME 3	/* lines in a row that say where we are */

static bool
is_mark(const char *line)
{
	return *line == MENU_MARK;
}

/*
 * The nth complete line of the item's console from its end.  The one under
 * way is left for later; item_line() skips it when it is blank.
 */
static const char *
complete_line(const struct item *item, size_t nth)
{
	const struct item_console *console = item->console;
	size_t last;

	if (console != NULL && console->open) {
		last = (console->first + console->count - 1) % ITEM_LINES;
		if (item_line(item, 0) == console->line[last])
			nth++;
	}
	return item_line(item, nth);
}

/*
 * Do the last lines of the log, without the newest `without`, stand in the
 * console before its nth from the end?
 */
static bool
joins(const struct logbook *book, size_t without, const struct item *item,
    size_t nth)
{
	const char *line, *ours;
	size_t i, seen = 0;

	for (i = book->n - without; i > 0 && seen < SAME; i--) {
		line = complete_line(item, nth + seen);
		if (line == NULL)
			break;
		ours = logbook_at(book, i - 1);
		if (strncmp(line, ours, ITEM_LINE - 1) == 0)
			seen++;
		else if (ours[0] != '\0' && !is_mark(ours))
			return false;
	}
	return seen > 0;
}

/* The log was read after the newest line of the console was. */
static bool
is_behind(const struct logbook *book, const struct item *item)
{
	size_t without;

	for (without = 1; without < book->n && without < ITEM_LINES; without++)
		if (joins(book, without, item, 0))
			return true;
	return false;
}

/*
 * How many of the console's newest lines the log does not have, when its own
 * newest `without` are not counted; all of them: it has none of them.
 */
static size_t
news(const struct logbook *book, size_t without, const struct item *item,
    bool *found)
{
	size_t nth;

	*found = false;
	for (nth = 0; complete_line(item, nth) != NULL; nth++)
		if (joins(book, without, item, nth)) {
			*found = true;
			break;
		}
	return nth;
}

static size_t
marks_at_end(const struct logbook *book)
{
	size_t n = 0;

	while (n < book->n && is_mark(logbook_at(book, book->n - n - 1)))
		n++;
	return n;
}

/*
 * The last line of the log was not ended when it was read, as that of a
 * prompt, and the console has all of it by now.
 */
static bool
completes(struct logbook *book, const struct item *item, size_t *nth)
{
	size_t marks = marks_at_end(book), more;
	const char *ours;
	bool found;

	if (marks == book->n)
		return false;
	more = news(book, marks + 1, item, &found);
	if (!found || more == 0)
		return false;
	ours = logbook_at(book, book->n - marks - 1);
	if (strncmp(complete_line(item, more - 1), ours, strlen(ours)) != 0)
		return false;
	if (marks == 0)
		logbook_drop(book);
	*nth = more;
	return true;
}

static void
add_gap(struct log *log)
{
	char line[WORDS_TEXT];

	(void)text_format(line, sizeof(line), "%c%s", MENU_MARK,
	    words_plain(WORDS_LOG_GAP));
	add(log, -1, line);
}

/* Take over the lines that the log does not have yet. */
static void
follow(const struct menu *menu, const struct menu_view *view)
{
	struct log *log = view->state;
	const struct item *item = menu_item(menu, view->guest);
	size_t nth;
	bool found;

	if (!log->loaded || item == NULL || complete_line(item, 0) == NULL)
		return;
	nth = news(&log->book, 0, item, &found);
	if (!found && !log->joined && log->book.n > 0) {
		found = completes(&log->book, item, &nth);
		if (!found && is_behind(&log->book, item))
			return;
	}
	if (found)
		log->joined = true;
	else if (log->book.n > 0)
		add_gap(log);
	while (nth > 0)
		add(log, clock_wall_ms(), complete_line(item, --nth));
}

/* --- drawing ------------------------------------------------------------- */

static int
time_cells(const struct menu *menu)
{
	return menu->columns < NARROW ? 6 : 9;
}

static int
text_cells(const struct menu *menu)
{
	return menu->columns - 2 - time_cells(menu);
}

/* A line as it is shown; a mark as in the log of line mode. */
static void
visible(const struct menu *menu, const char *line, char seen[CELLS_MAX])
{
	char mark[WIRE_TEXT];

	if (is_mark(line)) {
		(void)text_format(mark, sizeof(mark), "-- %s --", line + 1);
		line = mark;
	}
	cells_visible(seen, CELLS_MAX, line, menu->utf8);
}

/* Rows that a line takes: it is broken where the row ends. */
static int
rows_of(const struct menu *menu, const char *line)
{
	char seen[CELLS_MAX];
	const char *at = seen;
	size_t len;
	int rows = 0, used;

	visible(menu, line, seen);
	while ((len = cells_fit(at, text_cells(menu), &used)) > 0) {
		at += len;
		rows++;
	}
	return rows > 0 ? rows : 1;
}

static enum frame_look
look_of(const struct log *log, size_t nth)
{
	if (log->has_hit && nth == log->hit)
		return FRAME_CHOSEN;
	return is_mark(logbook_at(&log->book, nth)) ? FRAME_BOLD :
						      FRAME_PLAIN;
}

/* One line into rows from row on, of which those below bottom are skipped. */
static void
draw_line(struct menu *menu, const struct log *log, size_t nth, int row,
    int bottom)
{
	char seen[CELLS_MAX], part[CELLS_MAX], when[STAMP_TEXT];
	enum frame_look look = look_of(log, nth);
	const char *at = seen;
	size_t len;
	int used, cells = time_cells(menu);

	visible(menu, logbook_at(&log->book, nth), seen);
	stamp_time(log->book.lines[nth].wall_ms, when);
	if (menu->columns < NARROW && when[0] != '\0')
		when[5] = '\0';
	/* Nothing of a guest ever comes into the first column. */
	if (look != FRAME_PLAIN && row >= FRAME_TOP)
		frame_put(menu, row, 0, 1, FRAME_BOLD,
		    look == FRAME_CHOSEN ? ">" : "*");
	if (row >= FRAME_TOP)
		frame_put(menu, row, 1, cells - 1, FRAME_DIM, when);
	do {
		len = cells_fit(at, text_cells(menu), &used);
		memcpy(part, at, len);
		part[len] = '\0';
		if (row >= FRAME_TOP && row < bottom)
			frame_put(menu, row, 1 + cells, text_cells(menu),
			    look, part);
		at += len;
		row++;
	} while (len > 0 && *at != '\0');
}

/* The last line that is shown. */
static size_t
bottom_line(const struct log *log)
{
	if (!log->standing || log->last >= log->book.n)
		return log->book.n - 1;
	return log->last;
}

/* Rows for lines: the field of a search takes one. */
static int
lines_bottom(const struct menu *menu, const struct log *log)
{
	return menu->bottom - (log->asking || log->found != LOG_FOUND ? 1 : 0);
}

/* How many lines end above that one and are shown with it. */
static size_t
page_of(const struct menu *menu, const struct log *log)
{
	int rows = lines_bottom(menu, log) - FRAME_TOP;
	size_t nth, page = 0;

	if (log->book.n == 0)
		return 1;
	for (nth = bottom_line(log) + 1; nth > 0; nth--, page++) {
		rows -= rows_of(menu, logbook_at(&log->book, nth - 1));
		if (rows < 0)
			break;
	}
	return page > 0 ? page : 1;
}

/* The line that is at the bottom when the first one is at the top. */
static size_t
first_page(const struct menu *menu, const struct log *log)
{
	int rows = lines_bottom(menu, log) - FRAME_TOP;
	size_t nth;

	for (nth = 0; nth < log->book.n; nth++) {
		rows -= rows_of(menu, logbook_at(&log->book, nth));
		if (rows < 0)
			break;
	}
	return nth > 0 ? nth - 1 : 0;
}

static void
draw_lines(struct menu *menu, const struct log *log)
{
	int bottom = lines_bottom(menu, log), row = bottom, top;
	size_t nth = bottom_line(log), first = nth;

	/* Few lines stand at the top, as they would in any log. */
	for (top = bottom;; nth--) {
		top -= rows_of(menu, logbook_at(&log->book, nth));
		first = nth;
		if (nth == 0 || top <= FRAME_TOP)
			break;
	}
	row = top > FRAME_TOP ? FRAME_TOP : top;
	for (nth = first; nth <= bottom_line(log); nth++) {
		draw_line(menu, log, nth, row, bottom);
		row += rows_of(menu, logbook_at(&log->book, nth));
	}
}

static void
draw_search(struct menu *menu, const struct log *log)
{
	struct words_args args = { .text = log->sought.text };
	char text[WORDS_TEXT];
	int row = menu->bottom - 1, column;

	if (log->asking) {
		column = 1 +
		    frame_put(menu, row, 1, menu->columns - 2, FRAME_BOLD,
			words_plain(WORDS_SEARCH));
		field_draw(menu, &log->sought, row, column,
		    menu->columns - column - 1, false);
	} else if (log->found != LOG_FOUND)
		frame_put(menu, row, 1, menu->columns - 2, FRAME_BAD,
		    words_fill(text,
			log->found == LOG_NONE	       ? WORDS_FOUND_NONE :
			    log->found == LOG_NO_OLDER ? WORDS_NO_OLDER :
							 WORDS_NO_NEWER,
			&args));
}

/* Where we are: the day, and the end or how far it is. */
static void
draw_title(struct menu *menu, const struct menu_view *view,
    const struct log *log)
{
	struct words_args args = { .guest = view->guest };
	char title[WORDS_TEXT], day[STAMP_TEXT] = "", right[64] = "";
	size_t at;

	if (log->book.n > 0) {
		at = bottom_line(log);
		if (menu->columns >= NARROW)
			stamp_date(log->book.lines[at].wall_ms, day);
		if (at == log->book.n - 1)
			(void)text_format(right, sizeof(right), "%s  %s", day,
			    words_plain(WORDS_LOG_FOLLOWS));
		else
			(void)text_format(right, sizeof(right), "%s  %zu/%zu",
			    day, at + 1, log->book.n);
	}
	frame_title(menu, words_fill(title, WORDS_LOG_OF, &args), right);
}

/* In place of the lines. */
static enum words_id
what_is_there(const struct log *log)
{
	if (!log->loaded)
		return WORDS_LOADING;
	return log->failed ? WORDS_NOT_LOADED : WORDS_LOG_EMPTY;
}

static int64_t
log_draw(struct menu *menu, struct menu_view *view, int64_t now)
{
	static const char *const keys[] = { "Up/Down", "scroll", "/", "search",
		"n", "older", "N", "newer", "End", "follow", "PgUp", "page",
		"Esc", "back", NULL };
	static const char *const asking[] = { "Enter", "search up", "Esc",
		"no search", NULL };
	struct log *log = view->state;
	struct words_args args = { .guest = view->guest };
	char text[WORDS_TEXT];

	follow(menu, view);
	draw_title(menu, view, log);
	if (log->book.n > 0)
		draw_lines(menu, log);
	else
		frame_wrap(menu, FRAME_TOP, 1, menu->columns - 2,
		    menu->bottom - FRAME_TOP, FRAME_PLAIN,
		    words_fill(text, what_is_there(log), &args));
	draw_search(menu, log);
	frame_keys(menu, log->asking ? asking : keys);
	/* The service was away, and with it our question. */
	if (!log->loaded && !menu_is_loading(menu, view, MENU_DO_LOG) &&
	    menu->away[0] == '\0') {
		log_enter(menu, view);
		return now + AGAIN_MS;
	}
	return -1;
}

/* --- search -------------------------------------------------------------- */

/* The next line with what is sought, up or down from that one; or n. */
static size_t
seek(const struct log *log, size_t from, bool up)
{
	size_t i = from;

	while (up ? i > 0 : i + 1 < log->book.n) {
		i += up ? (size_t)-1 : 1;
		if (strcasestr(logbook_at(&log->book, i), log->sought.text) !=
		    NULL)
			return i;
	}
	return log->book.n;
}

static void
show_hit(struct menu *menu, struct log *log, size_t nth)
{
	size_t page;

	log->hit = nth;
	log->has_hit = true;
	log->found = LOG_FOUND;
	page = page_of(menu, log);
	if (nth > bottom_line(log) || nth + page <= bottom_line(log)) {
		/* In the middle, with what came before and after. */
		log->last = nth + page / 2;
		if (log->last < first_page(menu, log))
			log->last = first_page(menu, log);
		log->standing = log->last < log->book.n - 1;
	}
}

/* n and N; and Enter, which looks from the end of what is shown. */
static void
search(struct menu *menu, struct log *log, bool up, bool again)
{
	size_t from, nth;

	if (log->sought.len == 0 || log->book.n == 0)
		return;
	from = again && log->has_hit ? log->hit : bottom_line(log) + 1;
	nth = seek(log, from, up);
	if (nth == log->book.n && !again) {
		/* Nothing above: it may well be below. */
		nth = seek(log, log->book.n, true);
		if (nth == log->book.n)
			log->has_hit = false;
	}
	if (nth != log->book.n)
		show_hit(menu, log, nth);
	else
		log->found = !log->has_hit ? LOG_NONE :
		    up			   ? LOG_NO_OLDER :
					     LOG_NO_NEWER;
}

/* --- keys ---------------------------------------------------------------- */

static bool
key_field(struct menu *menu, struct log *log, uint32_t key)
{
	switch (field_key(&log->sought, key)) {
	case FIELD_DONE:
		log->asking = false;
		search(menu, log, true, false);
		return true;
	case FIELD_LEFT:
		log->asking = false;
		return true;
	case FIELD_TYPED:
		return true;
	case FIELD_NOT:
		break;
	}
	return false;
}

static bool
key_scroll(struct menu *menu, const struct menu_view *view, struct log *log,
    uint32_t key)
{
	struct words_args args = { .guest = view->guest };
	struct scroll scroll = { 0, 0 };
	char text[WORDS_TEXT];
	size_t first;

	if (log->book.n == 0)
		return false;
	scroll.at = bottom_line(log);
	if (!scroll_key(&scroll, key, log->book.n, page_of(menu, log)))
		return false;
	first = first_page(menu, log);
	log->last = scroll.at < first ? first : scroll.at;
	log->standing = log->last < log->book.n - 1;
	if (log->cut && scroll.at <= first) {
		words_fill(text, WORDS_LOG_CUT, &args);
		menu_say(menu, text);
	}
	return true;
}

static bool
log_key(struct menu *menu, struct menu_view *view, uint32_t key, int64_t now)
{
	struct log *log = view->state;

	(void)now;
	if (log->asking)
		return key_field(menu, log, key);
	switch (key) {
	case '/':
		log->asking = true;
		field_open(&log->sought, "", SEARCH_MOST, false);
		log->has_hit = false;
		log->found = LOG_FOUND;
		return true;
	case 'r':
		log_enter(menu, view);
		return true;
	case 'n':
		search(menu, log, true, true);
		return true;
	case 'N':
		search(menu, log, false, true);
		return true;
	default:
		log->found = LOG_FOUND;
		return key_scroll(menu, view, log, key);
	}
}

static void
log_paste(struct menu *menu, struct menu_view *view, const char *text)
{
	struct log *log = view->state;

	(void)menu;
	if (log->asking)
		field_paste(&log->sought, text);
}

const struct menu_screen log_screen = {
	.state_size = sizeof(struct log),
	.enter = log_enter,
	.leave = log_leave,
	.draw = log_draw,
	.key = log_key,
	.paste = log_paste,
	.line = log_line,
	.loaded = log_loaded,
	.console = true,
};
