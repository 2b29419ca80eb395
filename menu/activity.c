/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "menu/inside.h"
#include "menu/scroll.h"
#include "menu/stamp.h"
#include "menu/words.h"
#include "wire/err.h"

/*
 * Who did what, when, from where, and how it ended; newest first.  The row
 * under the cursor is told in full below the list.
 */
#define ACTS_MAX 64	/* the broker keeps fewer */
#define WIDE	 76	/* columns for all of it in one row */
#define AGAIN_MS 100

struct activity {
	struct wire_act	*acts;
	size_t		 n;
	bool		 loaded;
	bool		 renewed;	/* asked for: what comes replaces it */
	bool		 failed;	/* it could not be had */
	struct scroll	 scroll;
};

static void
activity_enter(struct menu *menu, struct menu_view *view)
{
	struct activity *activity = view->state;

	activity->renewed = true;
	menu_want(menu, view, MENU_DO_ACTIVITY, view->guest);
}

static void
activity_leave(struct menu *menu, struct menu_view *view)
{
	struct activity *activity = view->state;

	(void)menu;
	free(activity->acts);
	activity->acts = NULL;
	activity->n = 0;
}

/* The first of an answer takes the place of the one before. */
static void
activity_act(struct menu *menu, struct menu_view *view,
    const struct wire_act *act)
{
	struct activity *activity = view->state;

	(void)menu;
	if (activity->loaded || activity->renewed)
		activity->n = 0;
	activity->loaded = activity->renewed = false;
	if (activity->acts == NULL)
		activity->acts = calloc(ACTS_MAX, sizeof(*act));
	if (activity->acts == NULL || activity->n == ACTS_MAX)
		return;
	activity->acts[activity->n++] = *act;
}

static void
activity_loaded(struct menu *menu, struct menu_view *view, bool whole)
{
	struct activity *activity = view->state;

	(void)menu;
	if (whole && activity->renewed)
		activity->n = 0;
	activity->renewed = false;
	activity->loaded = true;
	activity->failed = !whole;
}

/* --- drawing ------------------------------------------------------------- */

/* How it ended, in a word or two. */
static const char *
outcome(const struct wire_act *act, bool why, char dst[WORDS_TEXT])
{
	struct words_args args = { .text = why ? err_name(act->err) : NULL };
	char *at;

	if (act->took_ms < 0)
		return words_plain(WORDS_ACT_UNDER_WAY);
	if (act->err == VPSH_OK)
		return words_plain(WORDS_ACT_DONE);
	words_fill(dst, WORDS_ACT_FAILED, &args);
	for (at = dst; *at != '\0'; at++)
		if (*at == '-')
			*at = ' ';
	return dst;
}

static enum frame_look
outcome_look(const struct wire_act *act, bool chosen)
{
	if (chosen)
		return FRAME_CHOSEN;
	if (act->took_ms < 0)
		return FRAME_BUSY;
	return act->err == VPSH_OK ? FRAME_PLAIN : FRAME_BAD;
}

/* Columns: 2026-11-21 21:53  alice  shutdown  web  done */
static void
draw_row(struct menu *menu, int row, const struct wire_act *act, bool chosen)
{
	bool wide = menu->columns >= WIDE;
	enum frame_look look = chosen ? FRAME_CHOSEN : FRAME_PLAIN;
	char when[STAMP_TEXT], text[WORDS_TEXT];
	int at = 1, who = wide ? 14 : 0, guest = wide ? 16 : 8;

	if (chosen)
		frame_fill(menu, row, look);
	stamp_minute(act->wall_ms, when);
	/* A phone has no room for the year. */
	frame_put(menu, row, at, 17, look, when[0] != '\0' && !wide ? when + 5 :
								      when);
	at += wide ? 17 : 12;
	if (wide)
		frame_put(menu, row, at, who - 1, look, act->who);
	at += who;
	frame_put(menu, row, at, 8, look, act->verb);
	at += 9;
	frame_put(menu, row, at, guest - 1, look, act->guest);
	at += guest;
	frame_put(menu, row, at, menu->columns - at - 1,
	    outcome_look(act, chosen), outcome(act, wide, text));
}

/* The chosen one as a sentence. */
static void
draw_details(struct menu *menu, int row, const struct wire_act *act)
{
	char when[STAMP_TEXT], took[STAMP_TEXT], text[WORDS_TEXT];
	char sentence[WORDS_TEXT];
	struct words_args args = { .who = act->who, .verb = act->verb,
		.guest = act->guest, .time = when, .from = act->claim,
		.ref = act->ref };

	stamp_second(act->wall_ms, when);
	args.text = outcome(act, true, text);
	if (act->took_ms >= 1000) {
		stamp_span(act->took_ms, took);
		args.took = took;
	}
	words_fill(sentence,
	    strcmp(act->who, "system") == 0 ? WORDS_ACT_SYSTEM :
					      WORDS_ACT_LINE,
	    &args);
	frame_wrap(menu, row, 1, menu->columns - 2, menu->bottom - row,
	    FRAME_PLAIN, sentence);
}

/* Rows of the details, with the empty one before them. */
static int
details_rows(const struct menu *menu)
{
	return menu->columns >= WIDE ? 3 : 4;
}

static size_t
page_of(const struct menu *menu)
{
	int rows = menu->bottom - FRAME_TOP - details_rows(menu);

	return rows > 1 ? (size_t)rows : 1;
}

static void
draw_rows(struct menu *menu, struct activity *activity)
{
	size_t i, page = page_of(menu), at;

	scroll_fit(&activity->scroll, activity->n, page);
	for (i = 0; i < page && activity->scroll.top + i < activity->n; i++) {
		at = activity->scroll.top + i;
		draw_row(menu, FRAME_TOP + (int)i, &activity->acts[at],
		    at == activity->scroll.at);
	}
	frame_cursor(menu,
	    FRAME_TOP + (int)(activity->scroll.at - activity->scroll.top), 0);
	draw_details(menu, menu->bottom - details_rows(menu) + 1,
	    &activity->acts[activity->scroll.at]);
}

/* In place of the rows. */
static enum words_id
what_is_there(const struct menu_view *view)
{
	const struct activity *activity = view->state;

	if (!activity->loaded)
		return WORDS_LOADING;
	if (activity->failed)
		return WORDS_NOT_LOADED;
	return view->guest[0] != '\0' ? WORDS_NO_ACTIVITY_OF :
					WORDS_NO_ACTIVITY;
}

static int64_t
activity_draw(struct menu *menu, struct menu_view *view, int64_t now)
{
	static const char *const keys[] = { "Up/Down", "choose", "r",
		"load again", "Esc", "back", NULL };
	struct activity *activity = view->state;
	struct words_args args = { .guest = view->guest };
	char title[WORDS_TEXT], text[WORDS_TEXT], right[32] = "";

	if (activity->n > 0)
		(void)text_format(right, sizeof(right), "%zu of %zu",
		    activity->scroll.at + 1, activity->n);
	frame_title(menu,
	    words_fill(title,
		view->guest[0] != '\0' ? WORDS_ACTIVITY_OF : WORDS_ACTIVITY,
		&args),
	    right);
	if (activity->n > 0)
		draw_rows(menu, activity);
	else
		frame_wrap(menu, FRAME_TOP, 1, menu->columns - 2,
		    menu->bottom - FRAME_TOP, FRAME_PLAIN,
		    words_fill(text, what_is_there(view), &args));
	frame_keys(menu, keys);
	/* The service was away, and with it our question. */
	if (!activity->loaded &&
	    !menu_is_loading(menu, view, MENU_DO_ACTIVITY) &&
	    menu->away[0] == '\0') {
		activity_enter(menu, view);
		return now + AGAIN_MS;
	}
	return -1;
}

/* --- keys ---------------------------------------------------------------- */

static bool
activity_key(struct menu *menu, struct menu_view *view, uint32_t key,
    int64_t now)
{
	struct activity *activity = view->state;

	(void)now;
	if (key == 'r') {
		activity_enter(menu, view);
		return true;
	}
	return scroll_key(&activity->scroll, key, activity->n, page_of(menu));
}

const struct menu_screen activity_screen = {
	.state_size = sizeof(struct activity),
	.enter = activity_enter,
	.leave = activity_leave,
	.draw = activity_draw,
	.key = activity_key,
	.act = activity_act,
	.loaded = activity_loaded,
};
