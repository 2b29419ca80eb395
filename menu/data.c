/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "menu/inside.h"

/* What the menu was told: the part of menu.h that is about what is so. */

#define BACK_MS (10 * 60 * 1000)

/* Those of a guest that is gone, and what was opened over them. */
static void
close_views_of(struct menu *menu, const char *guest)
{
	size_t i;

	for (i = 1; i < menu->depth; i++)
		if (strcmp(menu->stack[i].guest, guest) == 0)
			break;
	if (i == menu->depth)
		return;
	while (menu->depth > i)
		menu_pop(menu);
	menu_say_words(menu, WORDS_GUEST_LEFT, guest);
}

struct item *
menu_item(const struct menu *menu, const char *guest)
{
	size_t i;

	for (i = 0; i < menu->nitems; i++)
		if (strcmp(menu->items[i]->is.name, guest) == 0)
			return menu->items[i];
	return NULL;
}

const struct menu_job *
menu_job_of(const struct menu *menu, const char *guest, const char *verb)
{
	const struct item *item = menu_item(menu, guest);
	size_t i;

	if (item == NULL)
		return NULL;
	for (i = 0; i < item->njobs; i++)
		if (verb == NULL || strcmp(item->jobs[i].verb, verb) == 0)
			return &item->jobs[i];
	return NULL;
}

const struct item *
menu_back(const struct menu *menu)
{
	const struct item *item;

	if (menu->back_until == -1)
		return NULL;
	item = menu_item(menu, menu->prefs.back);
	if (item == NULL ||
	    (item->is.rights &
		(RIGHT_BIT(RIGHT_CONSOLE) | RIGHT_BIT(RIGHT_VIEW))) == 0)
		return NULL;
	return item;
}

void
menu_who(struct menu *menu, const struct wire_who *who)
{
	menu->who = *who;
}

void
menu_prefs(struct menu *menu, const struct wire_prefs *prefs)
{
	menu->prefs = *prefs;
	menu->back_until = -1;
	if (prefs->back[0] != '\0' && prefs->back_ms >= 0 &&
	    prefs->back_ms < BACK_MS)
		menu->back_until = clock_ms() + BACK_MS - prefs->back_ms;
}

static void
item_add(struct menu *menu, struct item *item)
{
	struct item **items;

	items = reallocarray(menu->items, menu->nitems + 1, sizeof(*items));
	if (items == NULL) {
		item_free(item);
		return;
	}
	items[menu->nitems++] = item;
	menu->items = items;
}

void
menu_guest(struct menu *menu, const struct wire_guest *guest, int64_t now)
{
	struct item *item = menu_item(menu, guest->name);

	if (item != NULL)
		item_update(item, guest, now);
	else if ((item = item_new(guest, now)) != NULL)
		item_add(menu, item);
}

static void
item_remove(struct menu *menu, size_t at)
{
	struct item *item = menu->items[at];

	menu->nitems--;
	memmove(menu->items + at, menu->items + at + 1,
	    (menu->nitems - at) * sizeof(menu->items[0]));
	close_views_of(menu, item->is.name);
	item_free(item);
}

void
menu_left(struct menu *menu, const char *guest)
{
	size_t i;

	for (i = 0; i < menu->nitems; i++)
		if (strcmp(menu->items[i]->is.name, guest) == 0) {
			item_remove(menu, i);
			return;
		}
}

/* Who has one guest only has nothing to choose. */
void
menu_listed(struct menu *menu)
{
	size_t i;

	for (i = menu->nitems; i > 0; i--)
		if (menu->items[i - 1]->stale)
			item_remove(menu, i - 1);
	if (!menu->listed && menu->nitems == 1 && menu->depth == 1)
		menu_push(menu, MENU_PLACE_GUEST, menu->items[0]->is.name,
		    MENU_DO_NOTHING);
	menu->listed = true;
}

void
menu_away(struct menu *menu, const char *sentence)
{
	size_t i;

	text_copy(menu->away, sizeof(menu->away),
	    sentence != NULL ? sentence : "");
	if (sentence == NULL)
		return;
	menu->said[0] = '\0';
	for (i = 0; i < menu->nitems; i++)
		menu->items[i]->stale = true;
	/* Nobody answers these any more. */
	memset(menu->loads, 0, sizeof(menu->loads));
}

void
menu_say(struct menu *menu, const char *sentence)
{
	text_copy(menu->said, sizeof(menu->said), sentence);
	/* It may be why there is no console. */
	menu->console_ms = -1;
}

void
menu_say_words(struct menu *menu, enum words_id id, const char *guest)
{
	const struct words_args args = { .guest = guest };
	char sentence[WORDS_TEXT];

	menu_say(menu, words_fill(sentence, id, &args));
}

void
menu_console(struct menu *menu, const char *guest, const char *text,
    size_t len, bool fresh)
{
	struct item *item = menu_item(menu, guest);

	if (item != NULL)
		item_console(item, text, len, fresh);
}

void
menu_job(struct menu *menu, const struct menu_job *job)
{
	struct item *item = menu_item(menu, job->guest);

	if (item != NULL)
		item_job(item, job);
}

static size_t
load_at(enum menu_do what)
{
	return what == MENU_DO_LOG ? 0 : 1;
}

unsigned *
menu_load(struct menu *menu, enum menu_do what)
{
	return &menu->loads[load_at(what)];
}

bool
menu_is_loading(const struct menu *menu, const struct menu_view *view,
    enum menu_do what)
{
	return menu->loads[load_at(what)] == view->serial;
}

/* The view whose answers come now; NULL: it is closed by now. */
static struct menu_view *
loading(struct menu *menu, enum menu_do what)
{
	size_t i;

	for (i = 0; i < menu->depth; i++)
		if (menu_is_loading(menu, &menu->stack[i], what))
			return &menu->stack[i];
	return NULL;
}

void
menu_activity(struct menu *menu, const struct wire_act *act)
{
	struct menu_view *view = loading(menu, MENU_DO_ACTIVITY);

	if (view != NULL && menu_screen_of(view)->act != NULL)
		menu_screen_of(view)->act(menu, view, act);
}

void
menu_log(struct menu *menu, int64_t wall_ms, const char *line)
{
	struct menu_view *view = loading(menu, MENU_DO_LOG);

	if (view != NULL && menu_screen_of(view)->line != NULL)
		menu_screen_of(view)->line(menu, view, wall_ms, line);
}

void
menu_loaded(struct menu *menu, enum menu_do what, bool whole)
{
	struct menu_view *view = loading(menu, what);

	*menu_load(menu, what) = 0;
	if (view != NULL && menu_screen_of(view)->loaded != NULL)
		menu_screen_of(view)->loaded(menu, view, whole);
}
