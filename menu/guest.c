/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "menu/endings.h"
#include "menu/inside.h"
#include "menu/scroll.h"
#include "menu/spark.h"

#define INDENT	   2
#define FRESH_MS   15000 /* older figures are none */
#define WIDE	   60	 /* columns that have room for all facts */
#define NUMBERED   6
#define EXIT_AT	   (NUMBERED - 1)
#define ENDING_MOST 3	/* rows of it */
#define NOTE_MOST  3
#define FACTS_MOST 4

struct guest {
	size_t	 at;		/* the action chosen, 0 to EXIT_AT */
	bool	 on_actions;	/* not on the way back to a console */
};

/*
 * The digits are those of xencontrol, for old hands.  Exit is no act: it has
 * no verb.
 */
static const struct guest_action actions[] = {
	{ MENU_DO_CONSOLE, 'c', "Console",
	    RIGHT_BIT(RIGHT_CONSOLE) | RIGHT_BIT(RIGHT_VIEW),
	    WORDS_CONSOLE_MEANS },
	{ MENU_DO_START, 's', "Start", RIGHT_BIT(RIGHT_START),
	    WORDS_START_MEANS },
	{ MENU_DO_SHUTDOWN, 'd', "Shutdown", RIGHT_BIT(RIGHT_SHUTDOWN),
	    WORDS_SHUTDOWN_HINT },
	{ MENU_DO_DESTROY, 'D', "Destroy", RIGHT_BIT(RIGHT_DESTROY),
	    WORDS_DESTROY_HINT },
	{ MENU_DO_REBOOT, 'r', "Reboot", RIGHT_BIT(RIGHT_REBOOT),
	    WORDS_REBOOT_HINT },
	{ MENU_DO_NOTHING, 'q', "Exit", 0, WORDS_EXIT_LIST },
	{ MENU_DO_RESET, 't', "Reset", RIGHT_BIT(RIGHT_DESTROY),
	    WORDS_RESET_HINT },
	{ MENU_DO_PAUSE, 'p', "Pause", RIGHT_BIT(RIGHT_PAUSE),
	    WORDS_PAUSE_HINT },
	{ MENU_DO_UNPAUSE, 'u', "Unpause", RIGHT_BIT(RIGHT_PAUSE),
	    WORDS_UNPAUSE_HINT },
	{ MENU_DO_LOG, 'l', "Log", RIGHT_BIT(RIGHT_LOG), WORDS_LOG_HINT },
	{ MENU_DO_ACTIVITY, 'a', "Activity", 0, WORDS_ACTIVITY_HINT },
};

#define NACTIONS (sizeof(actions) / sizeof(actions[0]))

const struct guest_action *
guest_action_at(size_t i)
{
	return i < NACTIONS ? &actions[i] : NULL;
}

const struct guest_action *
guest_action_of(enum menu_do what)
{
	size_t i;

	for (i = 0; i < NACTIONS; i++)
		if (actions[i].what == what)
			return &actions[i];
	return NULL;
}

static enum words_id
start_obstacle(const struct item *item)
{
	if (item->is.state == WIRE_STATE_SAVED)
		return WORDS_SAVED;
	if (item->is.state == WIRE_STATE_CRASHED)
		return WORDS_HAS_CRASHED;
	return item_is_up(item) ? WORDS_ALREADY_ON : WORDS_COUNT;
}

/* A guest that is asked has to run; one that crashed cannot hear. */
static enum words_id
ask_obstacle(const struct item *item)
{
	if (!item_is_up(item))
		return WORDS_ALREADY_OFF;
	if (item->is.state == WIRE_STATE_CRASHED)
		return WORDS_HAS_CRASHED;
	if (item->is.state == WIRE_STATE_PAUSED)
		return WORDS_ALREADY_PAUSED;
	return WORDS_COUNT;
}

/* The broker decides; this is what is sure to be refused. */
enum words_id
guest_obstacle(const struct item *item, enum menu_do what)
{
	const struct guest_action *action = guest_action_of(what);

	if (action == NULL)
		return WORDS_COUNT;
	if (action->rights != 0 && (item->is.rights & action->rights) == 0)
		return WORDS_DENIED;
	if (item->is.state == WIRE_STATE_UNKNOWN)
		return WORDS_COUNT;
	if (what == MENU_DO_START)
		return start_obstacle(item);
	if (what == MENU_DO_SHUTDOWN || what == MENU_DO_REBOOT ||
	    what == MENU_DO_PAUSE)
		return ask_obstacle(item);
	if (what == MENU_DO_UNPAUSE)
		return item->is.state == WIRE_STATE_PAUSED ? WORDS_COUNT :
							     WORDS_NOT_PAUSED;
	/* A job under way may have a domain that nobody has seen yet. */
	if ((what == MENU_DO_DESTROY || what == MENU_DO_RESET) &&
	    !item_is_up(item) && item->is.job_verb[0] == '\0')
		return WORDS_ALREADY_OFF;
	return WORDS_COUNT;
}

static void
say_obstacle(struct menu *menu, const struct item *item,
    const struct guest_action *action, enum words_id why)
{
	const struct words_args args = { .guest = item->is.name,
		.verb = action->word, .text = words_plain(why) };
	char text[WORDS_TEXT];

	menu_say(menu, words_fill(text, WORDS_NOT_NOW, &args));
}

static bool
asks_first(enum menu_do what)
{
	return what == MENU_DO_SHUTDOWN || what == MENU_DO_REBOOT ||
	    what == MENU_DO_RESET || what == MENU_DO_DESTROY;
}

void
guest_act(struct menu *menu, struct menu_view *view, enum menu_do what,
    const char *guest)
{
	const struct item *item = menu_item(menu, guest);
	const struct guest_action *action = guest_action_of(what);
	enum words_id why;

	if (item == NULL || action == NULL)
		return;
	why = guest_obstacle(item, what);
	if (why != WORDS_COUNT)
		say_obstacle(menu, item, action, why);
	else if (asks_first(what))
		menu_push(menu, MENU_PLACE_CONFIRM, guest, what);
	else if (what == MENU_DO_LOG)
		menu_push(menu, MENU_PLACE_LOG, guest, MENU_DO_NOTHING);
	else if (what == MENU_DO_ACTIVITY)
		menu_push(menu, MENU_PLACE_ACTIVITY, guest, MENU_DO_NOTHING);
	else
		menu_want(menu, view, what, guest);
}

/* --- drawing ------------------------------------------------------------- */

/* Rows of the body, given out from what matters most. */
struct plan {
	int	 ending;
	int	 facts;
	int	 note;
	int	 actions;
	int	 heading;	/* and a blank in front of it */
	int	 console;
};

static int
take_rows(int *spare, int wanted)
{
	int taken = wanted < *spare ? wanted : *spare;

	if (taken < 0)
		taken = 0;
	*spare -= taken;
	return taken;
}

/* Why it is closed, or who looks after it. */
static const char *
note_of(const struct item *item)
{
	if (item->is.note[0] == '\0' && item->is.elsewhere != 0 &&
	    item_is_up(item))
		return words_plain(WORDS_ELSEWHERE);
	return item->is.note;
}

static int
rows_of(const struct menu *menu, const char *text, int most)
{
	char seen[CELLS_MAX];
	int rows;

	if (*text == '\0')
		return 0;
	cells_visible(seen, sizeof(seen), text, menu->utf8);
	rows = cells_lines(seen, menu->columns - 2 * INDENT);
	return rows < most ? rows : most;
}

/* The key that helps most and can be had, as "c = console". */
static void
next_key(const struct menu *menu, const struct item *item,
    const struct ending *ending, char *out, size_t size)
{
	/* The key and its word stay on one line. */
	const char *gap = menu->signs ? "\xc2\xa0" : " ";
	const struct guest_action *action;
	char word[WIRE_WORD];
	size_t i;

	*out = '\0';
	for (i = 0; i < ENDINGS_NEXT; i++) {
		if (ending->next[i] == MENU_DO_NOTHING)
			return;
		action = guest_action_of(ending->next[i]);
		if (action == NULL ||
		    guest_obstacle(item, ending->next[i]) != WORDS_COUNT ||
		    (ending->next[i] == MENU_DO_CONSOLE &&
			item->is.state == WIRE_STATE_OFF))
			continue;
		text_copy(word, sizeof(word), action->word);
		word[0] = (char)tolower((unsigned char)word[0]);
		text_format(out, size, " %c%s=%s%s", action->key, gap, gap,
		    word);
		return;
	}
}

/* What is wrong, before a key is hit. */
static void
ending_text(const struct menu *menu, const struct item *item,
    char out[WORDS_TEXT])
{
	const char *lines[ENDINGS_LINES], *line;
	const struct ending *ending;
	char key[WIRE_WORD * 2];
	size_t n = 0, i;

	*out = '\0';
	while (n < ENDINGS_LINES && (line = item_line(item, n)) != NULL)
		lines[ENDINGS_LINES - ++n] = line;
	for (i = 0; i < n; i++)
		lines[i] = lines[ENDINGS_LINES - n + i];
	ending = endings_find(lines, n);
	if (ending == NULL || ending->mood == ENDINGS_FINE ||
	    (ending->mood == ENDINGS_WAITS &&
		item->is.state == WIRE_STATE_OFF))
		return;
	next_key(menu, item, ending, key, sizeof(key));
	text_format(out, WORDS_TEXT, "%s%s", ending->sentence, key);
}

/* State, since when, and what is being done to it. */
static void
draw_state(struct menu *menu, int row, const struct item *item, int64_t now)
{
	const struct wire_guest *is = &item->is;
	struct words_args args = { .verb = is->job_verb };
	char span[FRAME_SPAN], text[WORDS_TEXT] = "";
	int x = INDENT;

	x += frame_format(menu, row, x, menu->columns - x,
	    frame_state_look(is->state), "%s %s", frame_sign(menu, is->state),
	    frame_state(is->state));
	frame_span(item_uptime(item, now), span);
	args.time = span;
	if (is->job_verb[0] != '\0')
		words_fill(text, WORDS_UNDER_WAY, &args);
	else if (item_uptime(item, now) >= 0)
		words_fill(text, WORDS_UP, &args);
	x += frame_put(menu, row, x, menu->columns - x - 1, FRAME_PLAIN, text);
	if (menu->columns < WIDE && item_is_up(item) && is->cpu_permille >= 0)
		frame_format(menu, row, x, menu->columns - x - 1, FRAME_PLAIN,
		    ", CPU %" PRId32 " %%", (is->cpu_permille + 5) / 10);
}

static void
fact(struct menu *menu, int *row, int last, const char *name, const char *text)
{
	if (*row >= last)
		return;
	frame_format(menu, (*row)++, INDENT, menu->columns - INDENT - 1,
	    FRAME_PLAIN, "%-9s %s", name, text);
}

/* "1.2 MB/3 kB in/out a second", as far as it is known. */
static void
rates_text(int64_t a, int64_t b, const char *what, char *out, size_t size)
{
	char text[FRAME_PAIR];

	frame_rates(a, b, text);
	if (a < 0 || b < 0)
		text_copy(out, size, text);
	else
		text_format(out, size, "%s %s a second", text, what);
}

static void
cpu_text(const struct menu *menu, const struct item *item, bool fresh,
    char *out, size_t size)
{
	char spark[ITEM_SAMPLES * SPARK_CELL + 1], now[FRAME_PAIR];

	text_copy(now, sizeof(now), "-");
	if (fresh && item->is.cpu_permille >= 0)
		text_format(now, sizeof(now), "%" PRId32 " %%",
		    (item->is.cpu_permille + 5) / 10);
	spark_draw(spark, sizeof(spark), item->cpu, item->ncpu, ITEM_SAMPLES,
	    1000, menu->signs);
	text_format(out, size, "%s of %" PRIu32 " vcpu%s  %s", now,
	    item->is.vcpus, item->is.vcpus == 1 ? "" : "s", spark);
}

/* The most important first: there may be room for some of them only. */
static void
draw_facts(struct menu *menu, int row, int rows, const struct item *item,
    int64_t now)
{
	const struct wire_counters *counters = &item->is.counters;
	const bool fresh = now - item->seen_ms < FRESH_MS;
	const bool rates = fresh && now - item->rates_ms < FRESH_MS;
	char text[WIRE_TEXT], pair[FRAME_PAIR];
	const int last = row + rows;
	size_t len;

	cpu_text(menu, item, fresh, text, sizeof(text));
	fact(menu, &row, last, "CPU", text);
	frame_memory(item->is.memory_kib, pair);
	fact(menu, &row, last, "Memory", pair);
	rates_text(rates ? item->rates.net_in : -1, item->rates.net_out,
	    "in/out", text, sizeof(text));
	if (counters->month_in != 0 || counters->month_out != 0) {
		frame_rates((int64_t)counters->month_in,
		    (int64_t)counters->month_out, pair);
		len = strlen(text);
		text_format(text + len, sizeof(text) - len, ", %s this month",
		    pair);
	}
	fact(menu, &row, last, "Network", text);
	rates_text(rates ? item->rates.disk_read : -1,
	    item->rates.disk_written, "read/written", text, sizeof(text));
	fact(menu, &row, last, "Disk", text);
}

static const char *
meaning(const struct menu *menu, const struct menu_view *view,
    const struct item *item, const struct guest_action *action)
{
	enum words_id why = guest_obstacle(item, action->what);

	if (why != WORDS_COUNT)
		return words_plain(why);
	if (action->what == MENU_DO_NOTHING && menu_is_first(menu, view))
		return words_plain(WORDS_EXIT_FIRST);
	if (action->what == MENU_DO_CONSOLE &&
	    (item->is.rights & RIGHT_BIT(RIGHT_CONSOLE)) == 0)
		return words_plain(WORDS_VIEW_MEANS);
	return words_plain(action->means);
}

static void
draw_action(struct menu *menu, const struct menu_view *view, int row,
    const struct item *item, size_t at, bool chosen)
{
	const struct guest_action *action = &actions[at];
	enum frame_look look = FRAME_PLAIN;

	if (chosen)
		look = FRAME_CHOSEN;
	else if (guest_obstacle(item, action->what) != WORDS_COUNT)
		look = FRAME_DIM;
	if (chosen)
		frame_fill(menu, row, look);
	frame_format(menu, row, 0, menu->columns - 1, look,
	    "%s %zu  %c  %-9s %s", chosen ? ">" : " ", at + 1, action->key,
	    action->word, meaning(menu, view, item, action));
}

static void
draw_actions(struct menu *menu, const struct menu_view *view, int row,
    int rows, const struct item *item, bool chosen)
{
	const struct guest *guest = view->state;
	int top = 0, i;

	if ((int)guest->at >= rows)
		top = (int)guest->at - rows + 1;
	for (i = 0; i < rows && top + i < NUMBERED; i++)
		draw_action(menu, view, row + i, item, (size_t)(top + i),
		    chosen && (size_t)(top + i) == guest->at);
}

static void
draw_console(struct menu *menu, int row, int rows, const struct item *item)
{
	const char *line;
	int i, n = 0;

	while (n < rows && item_line(item, (size_t)n) != NULL)
		n++;
	if (n == 0)
		frame_put(menu, row, INDENT, menu->columns - INDENT - 1,
		    FRAME_DIM,
		    words_plain((item->is.rights & RIGHT_BIT(RIGHT_LOG)) != 0 ?
			    WORDS_NO_LINES :
			    WORDS_DENIED));
	for (i = 0; i < n; i++) {
		line = item_line(item, (size_t)(n - 1 - i));
		frame_put(menu, row + i, 0, 1, FRAME_DIM, "|");
		frame_put(menu, row + i, INDENT, menu->columns - INDENT,
		    FRAME_PLAIN, line);
	}
}

/* Keys that are on no line of the screen, as far as they can be had. */
static void
draw_keys(struct menu *menu, const struct menu_view *view,
    const struct item *item)
{
	static const struct {
		enum menu_do what;
		const char *pair[2];
	} more[] = {
		{ MENU_DO_LOG, { "l", "log" } },
		{ MENU_DO_ACTIVITY, { "a", "activity" } },
		{ MENU_DO_PAUSE, { "p", "pause" } },
		{ MENU_DO_UNPAUSE, { "u", "unpause" } },
		{ MENU_DO_RESET, { "t", "reset" } },
	};
	const char *keys[2 * (sizeof(more) / sizeof(more[0])) + 9];
	size_t n = 0, i;

	keys[n++] = "Enter";
	keys[n++] = "do it";
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		if (guest_obstacle(item, more[i].what) != WORDS_COUNT)
			continue;
		keys[n++] = more[i].pair[0];
		keys[n++] = more[i].pair[1];
	}
	keys[n++] = "o";
	keys[n++] = "settings";
	keys[n++] = "?";
	keys[n++] = "help";
	keys[n++] = "q";
	keys[n++] = menu_is_first(menu, view) ? "log out" : "back";
	keys[n] = NULL;
	frame_keys(menu, keys);
}

/* Facts below the state: all of them, or none where they have no room. */
static void
make_plan(const struct menu *menu, const struct item *item, const char *ending,
    int rows, struct plan *plan)
{
	int spare = rows - 1 - 1 - NUMBERED; /* state, console, actions */

	memset(plan, 0, sizeof(*plan));
	plan->actions = spare < 0 ? NUMBERED + spare : NUMBERED;
	if (spare < 0)
		spare = 0;
	plan->ending = take_rows(&spare, rows_of(menu, ending, ENDING_MOST));
	plan->note = take_rows(&spare,
	    rows_of(menu, note_of(item), NOTE_MOST));
	if (menu->columns >= WIDE && item_is_up(item))
		plan->facts = take_rows(&spare, FACTS_MOST);
	if (spare >= 3)
		plan->heading = take_rows(&spare, 2);
	plan->console = 1 + spare;
}

static void
draw_parts(struct menu *menu, struct menu_view *view, const struct item *item,
    int row, bool chosen, int64_t now)
{
	char ending[WORDS_TEXT];
	struct plan plan;

	ending_text(menu, item, ending);
	make_plan(menu, item, ending, menu->bottom - row, &plan);
	draw_state(menu, row++, item, now);
	frame_wrap(menu, row, INDENT, menu->columns - 2 * INDENT, plan.ending,
	    FRAME_BOLD, ending);
	row += plan.ending;
	frame_wrap(menu, row, INDENT, menu->columns - 2 * INDENT, plan.note,
	    FRAME_PLAIN, note_of(item));
	row += plan.note;
	draw_facts(menu, row, plan.facts, item, now);
	row += plan.facts;
	draw_actions(menu, view, row, plan.actions, item, chosen);
	row += plan.actions;
	if (plan.heading > 0)
		frame_put(menu, row + 1, INDENT, menu->columns - INDENT,
		    FRAME_DIM, words_plain(WORDS_LAST_LINES));
	row += plan.heading;
	draw_console(menu, row, plan.console, item);
}

static int64_t
guest_draw(struct menu *menu, struct menu_view *view, int64_t now)
{
	struct guest *guest = view->state;
	const struct item *item = menu_item(menu, view->guest);
	const bool back = menu_back(menu) != NULL && menu_is_first(menu, view);
	char right[WIRE_NAME + WIRE_DOMAIN + 8];
	int row = FRAME_TOP;

	frame_account(menu, right, sizeof(right));
	frame_title(menu, view->guest, right);
	if (item == NULL)
		return -1;
	draw_keys(menu, view, item);
	if (back)
		frame_back(menu, row++, !guest->on_actions);
	draw_parts(menu, view, item, row, guest->on_actions || !back, now);
	if (menu_asleep(menu, now) || item_uptime(item, now) < 0)
		return -1;
	return now + 60000 - item_uptime(item, now) % 60000;
}

/* --- keys ---------------------------------------------------------------- */

/* On the line above the rest: down leaves it, Enter takes it. */
static bool
back_key(struct menu *menu, struct menu_view *view, uint32_t key)
{
	struct guest *guest = view->state;
	const struct item *item = menu_back(menu);

	if (item == NULL || !menu_is_first(menu, view))
		return false;
	if (guest->on_actions) {
		if (guest->at > 0 || (key != 'k' && key != KEYS_UP))
			return false;
		guest->on_actions = false;
		return true;
	}
	if (key == KEYS_ENTER || key == KEYS_RIGHT) {
		menu_want(menu, view, MENU_DO_CONSOLE, item->is.name);
		return true;
	}
	if (key == 'k' || key == KEYS_UP || key == KEYS_WHEEL_UP)
		return true;
	guest->on_actions = true;
	return key == 'j' || key == KEYS_DOWN || key == KEYS_WHEEL_DOWN;
}

static bool
move_key(struct guest *guest, uint32_t key)
{
	struct scroll scroll = { .at = guest->at };

	if (key >= '1' && key < '1' + NUMBERED) {
		guest->at = key - '1';
		return true;
	}
	if (!scroll_key(&scroll, key, NUMBERED, NUMBERED))
		return false;
	guest->at = scroll.at;
	return true;
}

/* The screen of the job that somebody has begun. */
static void
watch_job(struct menu *menu, const struct item *item)
{
	size_t i;

	for (i = 0; i < NACTIONS; i++)
		if (item->is.job_verb[0] != '\0' &&
		    strcmp(menu_verb(actions[i].what), item->is.job_verb) == 0)
			menu_push(menu, MENU_PLACE_JOB, item->is.name,
			    actions[i].what);
}

static bool
letter_key(struct menu *menu, struct menu_view *view, uint32_t key)
{
	size_t i;

	for (i = 0; i < NACTIONS; i++)
		if (i != EXIT_AT && key == (uint32_t)actions[i].key) {
			guest_act(menu, view, actions[i].what, view->guest);
			return true;
		}
	return false;
}

static bool
guest_key(struct menu *menu, struct menu_view *view, uint32_t key, int64_t now)
{
	struct guest *guest = view->state;
	const struct item *item = menu_item(menu, view->guest);

	(void)now;
	if (item == NULL)
		return false;
	if (back_key(menu, view, key) || move_key(guest, key))
		return true;
	if (key == 'w')
		watch_job(menu, item);
	else if (key == 'o')
		menu_push(menu, MENU_PLACE_PREFS, "", MENU_DO_NOTHING);
	else if (key == KEYS_ENTER && guest->at == EXIT_AT)
		menu_leave(menu);
	else if (key == KEYS_ENTER)
		guest_act(menu, view, actions[guest->at].what, view->guest);
	else
		return letter_key(menu, view, key);
	return true;
}

const struct menu_screen guest_screen = {
	.state_size = sizeof(struct guest),
	.draw = guest_draw,
	.key = guest_key,
	.counters = true,
	.console = true,
};
