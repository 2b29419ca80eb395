/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "menu/inside.h"
#include "menu/screen.h"

#define READS_MAX   16 /* in one go: somebody else wants to be heard too */
#define DROPS_MAX   256
#define CONSOLE_MS  2000 /* a console that was asked for comes by then */
#define STUCK_MS    250 /* a terminal that takes nothing is asked again */
#define ROOMY_LINES 16 /* from here on the said line has its place */

static const struct menu_screen *const screens[MENU_PLACE_COUNT] = {
	[MENU_PLACE_LIST] = &list_screen,
	[MENU_PLACE_GUEST] = &guest_screen,
	[MENU_PLACE_CONFIRM] = &confirm_screen,
	[MENU_PLACE_JOB] = &job_screen,
	[MENU_PLACE_ACTIVITY] = &activity_screen,
	[MENU_PLACE_LOG] = &log_screen,
	[MENU_PLACE_HELP] = &help_screen,
	[MENU_PLACE_PREFS] = &prefs_screen,
};

const struct menu_screen *
menu_screen_of(const struct menu_view *view)
{
	return screens[view->place];
}

/* --- the stack ----------------------------------------------------------- */

struct menu_view *
menu_top(struct menu *menu)
{
	return &menu->stack[menu->depth - 1];
}

bool
menu_is_first(const struct menu *menu, const struct menu_view *view)
{
	if (view == &menu->stack[0])
		return true;
	return view == &menu->stack[1] && menu->nitems == 1 &&
	    view->place == MENU_PLACE_GUEST;
}

static void
view_close(struct menu *menu, struct menu_view *view)
{
	if (screens[view->place]->leave != NULL)
		screens[view->place]->leave(menu, view);
	free(view->state);
	memset(view, 0, sizeof(*view));
}

void
menu_pop(struct menu *menu)
{
	if (menu->depth < 2)
		return;
	view_close(menu, menu_top(menu));
	menu->depth--;
}

static bool
readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

/* What is there; false when there is nothing. */
static bool
read_some(struct menu *menu, int64_t now)
{
	char bytes[4096];
	ssize_t n;

	if (menu->hung_up || !readable(menu->in))
		return false;
	n = read(menu->in, bytes, sizeof(bytes));
	if (n > 0)
		keys_feed(&menu->keys, bytes, (size_t)n, now);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		menu->hung_up = true;
	return n > 0;
}

/*
 * What was typed before this moment.  It is read rather than flushed, so
 * that a paste or an answer under way is known for what it is to its end.
 */
static void
drop_typed(struct menu *menu)
{
	int64_t now = clock_ms();
	int i;

	for (i = 0; i < DROPS_MAX && read_some(menu, now); i++)
		keys_drop(&menu->keys);
	keys_drop(&menu->keys);
}

void
menu_push(struct menu *menu, enum menu_place place, const char *guest,
    enum menu_do what)
{
	const struct item *item = menu_item(menu, guest);
	struct menu_view *view = &menu->stack[menu->depth];
	size_t size = screens[place]->state_size;

	if (menu->depth == MENU_DEPTH)
		return;
	memset(view, 0, sizeof(*view));
	view->place = place;
	view->what = what;
	view->serial = ++menu->serial;
	view->boot = item != NULL ? item->is.boot : 0;
	text_copy(view->guest, sizeof(view->guest), guest);
	if (size > 0 && (view->state = calloc(1, size)) == NULL)
		return;
	menu->depth++;
	/* The first screens open by themselves. */
	if (menu->listed)
		menu->back_until = -1;
	if (place == MENU_PLACE_CONFIRM)
		drop_typed(menu);
	if (screens[place]->enter != NULL)
		screens[place]->enter(menu, view);
}

void
menu_replace(struct menu *menu, enum menu_place place, const char *guest,
    enum menu_do what)
{
	char name[WIRE_NAME];

	/* guest may be the name in the view that goes. */
	text_copy(name, sizeof(name), guest);
	menu_pop(menu);
	menu_push(menu, place, name, what);
}

/* --- what they want ------------------------------------------------------ */

const char *
menu_verb(enum menu_do what)
{
	switch (what) {
	case MENU_DO_CONSOLE:
		return "console";
	case MENU_DO_START:
		return "start";
	case MENU_DO_SHUTDOWN:
		return "shutdown";
	case MENU_DO_REBOOT:
		return "reboot";
	case MENU_DO_RESET:
		return "reset";
	case MENU_DO_DESTROY:
		return "destroy";
	case MENU_DO_PAUSE:
		return "pause";
	case MENU_DO_UNPAUSE:
		return "unpause";
	case MENU_DO_NOTHING:
	case MENU_DO_CANCEL:
	case MENU_DO_LOG:
	case MENU_DO_ACTIVITY:
	case MENU_DO_PREFER:
	case MENU_DO_LINE:
	case MENU_DO_QUIT:
		break;
	}
	return "";
}

static bool
is_power(enum menu_do what)
{
	return what != MENU_DO_CONSOLE && *menu_verb(what) != '\0';
}

/* Room for one more, and somebody who would do it; or it is said. */
static struct menu_intent *
intent_new(struct menu *menu, enum menu_do what)
{
	struct menu_intent *intent;

	if (menu->away[0] != '\0' && what != MENU_DO_QUIT &&
	    what != MENU_DO_LINE) {
		menu_say_words(menu, WORDS_AWAY, NULL);
		return NULL;
	}
	if (menu->nqueue == MENU_QUEUE) {
		menu_say_words(menu, WORDS_TOO_BUSY, NULL);
		return NULL;
	}
	intent = &menu->queue[menu->nqueue++];
	memset(intent, 0, sizeof(*intent));
	intent->what = what;
	return intent;
}

/* The screen of what is done now; that of what was done before goes. */
static void
show_job(struct menu *menu, enum menu_do what, const char *guest)
{
	const struct menu_view *view;

	while (menu->depth > 1) {
		view = menu_top(menu);
		if (view->place != MENU_PLACE_CONFIRM &&
		    view->place != MENU_PLACE_JOB)
			break;
		menu_pop(menu);
	}
	menu_push(menu, MENU_PLACE_JOB, guest, what);
}

void
menu_want(struct menu *menu, struct menu_view *view, enum menu_do what,
    const char *guest)
{
	const struct item *item = menu_item(menu, guest);
	struct menu_intent *intent;
	char name[WIRE_NAME];
	bool loads = what == MENU_DO_LOG || what == MENU_DO_ACTIVITY;

	/* Hit twice, it would open again when it is left. */
	if (what == MENU_DO_CONSOLE && menu->console_ms != -1 &&
	    menu->key_ms - menu->console_ms < CONSOLE_MS)
		return;
	intent = intent_new(menu, what);
	if (intent == NULL)
		return;
	text_copy(name, sizeof(name), guest);
	text_copy(intent->guest, sizeof(intent->guest), name);
	intent->boot = item != NULL ? item->is.boot : 0;
	if (view->place == MENU_PLACE_CONFIRM)
		intent->boot = view->boot;
	if (loads) {
		*menu_load(menu, what) = view->serial;
		return;
	}
	/* It acts once, however often the key was hit. */
	keys_drop(&menu->keys);
	if (what == MENU_DO_CONSOLE)
		menu->console_ms = menu->key_ms;
	menu->back_until = -1;
	if (is_power(what))
		show_job(menu, what, name);
}

void
menu_want_cancel(struct menu *menu, const char *ref)
{
	struct menu_intent *intent = intent_new(menu, MENU_DO_CANCEL);

	if (intent != NULL)
		text_copy(intent->ref, sizeof(intent->ref), ref);
}

void
menu_want_prefs(struct menu *menu, const struct wire_prefs *prefs)
{
	struct menu_intent *intent = intent_new(menu, MENU_DO_PREFER);

	if (intent != NULL)
		intent->prefs = *prefs;
}

static void
quit(struct menu *menu)
{
	(void)intent_new(menu, MENU_DO_QUIT);
	keys_drop(&menu->keys);
}

/* Esc and its like; leaves: it may be the way out as well. */
static void
go_back(struct menu *menu, bool leaves)
{
	if (!menu_is_first(menu, menu_top(menu)))
		menu_pop(menu);
	else if (leaves)
		quit(menu);
	else
		menu_say_words(menu, WORDS_Q_LEAVES, NULL);
}

void
menu_leave(struct menu *menu)
{
	go_back(menu, true);
}

/* The same on every screen, unless it has another use for the key. */
static void
common_key(struct menu *menu, uint32_t key)
{
	switch (key) {
	case 'q':
	case 'Q':
	case KEYS_CTRL('D'):
		go_back(menu, true);
		break;
	case KEYS_ESC:
	case KEYS_LEFT:
	case KEYS_CTRL('C'):
		go_back(menu, false);
		break;
	case '?':
		if (menu_top(menu)->place != MENU_PLACE_HELP)
			menu_push(menu, MENU_PLACE_HELP, menu_top(menu)->guest,
			    MENU_DO_NOTHING);
		break;
	case KEYS_CTRL('L'):
		screen_spoiled(menu->screen);
		break;
	case KEYS_CTRL('Z'):
	case KEYS_CTRL('\\'):
		menu_say_words(menu, WORDS_NO_SHELL, NULL);
		break;
	default:
		break;
	}
}

static void
press(struct menu *menu, uint32_t key, int64_t now)
{
	struct menu_view *view = menu_top(menu);
	const struct menu_screen *screen = screens[view->place];

	menu->key_ms = now;
	menu->said[0] = '\0';
	if (!menu_fits(menu)) {
		if (key == 'q' || key == KEYS_CTRL('D'))
			quit(menu);
		else if (key == 'l')
			(void)intent_new(menu, MENU_DO_LINE);
	} else if (key == KEYS_PASTE) {
		if (screen->paste != NULL)
			screen->paste(menu, view, menu->keys.paste);
		else
			menu_say_words(menu, WORDS_NO_PASTE, NULL);
	} else if (screen->key == NULL || !screen->key(menu, view, key, now))
		common_key(menu, key);
}

bool
menu_input(struct menu *menu, int64_t now, struct menu_intent *intent)
{
	uint32_t key;
	int reads = 0;

	keys_tick(&menu->keys, now);
	for (;;) {
		if (menu->nqueue > 0) {
			*intent = menu->queue[0];
			menu->nqueue--;
			memmove(menu->queue, menu->queue + 1,
			    menu->nqueue * sizeof(menu->queue[0]));
			return true;
		}
		if (keys_next(&menu->keys, &key))
			press(menu, key, now);
		else if (reads++ == READS_MAX || !read_some(menu, now))
			return false;
	}
}

bool
menu_hung_up(const struct menu *menu)
{
	return menu->hung_up;
}

bool
menu_asleep(const struct menu *menu, int64_t now)
{
	return now - menu->key_ms >= MENU_ASLEEP_MS;
}

struct menu_wants
menu_wants(const struct menu *menu, int64_t now)
{
	const struct menu_view *view = &menu->stack[menu->depth - 1];
	struct menu_wants wants = { .counters = false };

	if (menu_asleep(menu, now) || !menu_fits(menu))
		return wants;
	wants.counters = screens[view->place]->counters;
	if (screens[view->place]->console)
		text_copy(wants.console, sizeof(wants.console), view->guest);
	return wants;
}

/* --- painting ------------------------------------------------------------ */

/* Said text is at most half of what there is; returns its first row. */
static int
said_rows(const struct menu *menu, const char *text)
{
	char seen[CELLS_MAX];
	int rows = menu->lines >= ROOMY_LINES ? 1 : 0, wanted;

	cells_visible(seen, sizeof(seen), text, menu->utf8);
	wanted = cells_lines(seen, menu->columns - 2);
	if (wanted > menu->lines / 2 - 1)
		wanted = menu->lines / 2 - 1;
	return wanted > rows ? wanted : rows;
}

static int64_t
draw_view(struct menu *menu, int64_t now)
{
	struct menu_view *view = menu_top(menu);
	const char *text = menu->said;
	int64_t next;
	int rows;

	if (*text == '\0')
		text = menu->away;
	if (*text == '\0' && menu_asleep(menu, now))
		text = words_plain(WORDS_ASLEEP);
	rows = said_rows(menu, text);
	menu->bottom = menu->lines - 1 - rows;
	next = screens[view->place]->draw(menu, view, now);
	frame_wrap(menu, menu->bottom, 1, menu->columns - 2, rows, FRAME_BOLD,
	    text);
	return next;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	if (a == -1 || b == -1)
		return a == -1 ? b : a;
	return a < b ? a : b;
}

int64_t
menu_draw(struct menu *menu, int64_t now)
{
	int64_t next = -1;

	if (menu->back_until != -1 && now >= menu->back_until)
		menu->back_until = -1;
	screen_erase(menu->screen);
	if (menu_fits(menu)) {
		next = draw_view(menu, now);
		next = sooner(next, menu->back_until);
	} else
		frame_wrap(menu, 0, 0, menu->columns, menu->lines, FRAME_PLAIN,
		    words_plain(WORDS_TOO_SMALL));
	if (!screen_show(menu->screen))
		next = sooner(next, now + STUCK_MS);
	if (!menu_asleep(menu, now))
		next = sooner(next, menu->key_ms + MENU_ASLEEP_MS);
	return sooner(next, keys_due(&menu->keys));
}

/* --- coming and going ---------------------------------------------------- */

static void
take_size(struct menu *menu)
{
	menu->lines = screen_lines(menu->screen);
	menu->columns = screen_columns(menu->screen);
	menu->bottom = menu->lines - 1;
}

struct menu *
menu_open(const struct menu_options *options)
{
	struct menu *menu = calloc(1, sizeof(*menu));

	if (menu == NULL)
		return NULL;
	menu->screen = screen_open(options);
	if (menu->screen == NULL) {
		free(menu);
		return NULL;
	}
	menu->in = options->in;
	menu->signs = options->utf8 && screen_has_signs(menu->screen);
	menu->utf8 = options->utf8 && MB_CUR_MAX > 1;
	menu->key_ms = clock_ms();
	menu->back_until = menu->console_ms = -1;
	keys_init(&menu->keys, menu->utf8);
	take_size(menu);
	menu_push(menu, MENU_PLACE_LIST, "", MENU_DO_NOTHING);
	if (menu->depth == 0) {
		menu_close(menu);
		return NULL;
	}
	return menu;
}

void
menu_close(struct menu *menu)
{
	size_t i;

	if (menu == NULL)
		return;
	screen_close(menu->screen);
	while (menu->depth > 0) {
		view_close(menu, menu_top(menu));
		menu->depth--;
	}
	for (i = 0; i < menu->nitems; i++)
		item_free(menu->items[i]);
	free(menu->items);
	free(menu);
}

void
menu_suspend(struct menu *menu)
{
	screen_suspend(menu->screen);
}

void
menu_resume(struct menu *menu)
{
	screen_resume(menu->screen);
	take_size(menu);
	drop_typed(menu);
	keys_wary(&menu->keys, clock_ms());
	menu->console_ms = -1;
	menu->key_ms = clock_ms();
}

void
menu_resized(struct menu *menu)
{
	screen_resized(menu->screen);
	take_size(menu);
}

bool
menu_fits(const struct menu *menu)
{
	return menu->columns >= MENU_COLUMNS && menu->lines >= MENU_LINES;
}
