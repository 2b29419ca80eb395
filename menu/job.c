/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/text.h"
#include "menu/endings.h"
#include "menu/inside.h"
#include "menu/stamp.h"
#include "menu/words.h"
#include "wire/err.h"

/*
 * Where a job stands: what is done, for how long, what was said last, and
 * what the guest's console says meanwhile.  How it ended stays until a key.
 */
struct job {
	int64_t	 opened_ms;	/* until the job is known */
	bool	 stale;		/* one of before was known then */
	int64_t	 stale_ms;	/* when that had begun */
	int64_t	 over_ms;	/* when we saw that it is over; 0: it is not */
	bool	 cancelling;
	bool	 foreign;	/* another session's: we know that it is, */
	struct menu_job other;	/* and no more */
};

/* The job of this screen; not one that was over when it was opened. */
static const struct menu_job *
job_of(const struct menu *menu, const struct menu_view *view)
{
	const struct job *job = view->state;
	const struct menu_job *found;

	found = menu_job_of(menu, view->guest, menu_verb(view->what));
	if (found != NULL && found->over && job->stale &&
	    found->began_ms == job->stale_ms)
		return NULL;
	return found;
}

static bool
is_doing(const struct item *item, enum menu_do what)
{
	return strcmp(item->is.job_verb, menu_verb(what)) == 0;
}

/* The same, or one that another session has begun. */
static const struct menu_job *
job_seen(const struct menu *menu, const struct menu_view *view)
{
	const struct menu_job *found = job_of(menu, view);
	const struct item *item = menu_item(menu, view->guest);
	struct job *job = view->state;

	if (found != NULL || item == NULL || !job->foreign)
		return found;
	job->other.over = !is_doing(item, view->what);
	if (!job->other.over)
		(void)text_copy(job->other.ref, sizeof(job->other.ref),
		    item->is.job_ref);
	return &job->other;
}

/* It would not go by itself, and the plug can be pulled. */
static bool
offers_destroy(const struct menu *menu, const struct menu_view *view,
    const struct menu_job *found)
{
	const struct item *item = menu_item(menu, view->guest);

	if (view->what != MENU_DO_SHUTDOWN && view->what != MENU_DO_REBOOT)
		return false;
	if (found == NULL || !found->over || found->err == VPSH_OK ||
	    found->err == VPSH_ERR_CANCELLED)
		return false;
	return item != NULL &&
	    guest_obstacle(item, MENU_DO_DESTROY) == WORDS_COUNT;
}

static bool
can_cancel(const struct job *job, const struct menu_job *found)
{
	return found != NULL && !found->over && found->ref[0] != '\0' &&
	    !job->cancelling;
}

static void
job_enter(struct menu *menu, struct menu_view *view)
{
	struct job *job = view->state;
	const struct menu_job *found = job_of(menu, view);
	const struct item *item = menu_item(menu, view->guest);

	job->opened_ms = menu->key_ms;
	job->stale = found != NULL && found->over;
	job->stale_ms = found != NULL ? found->began_ms : 0;
	/* It was there before this screen, so this screen is not its cause. */
	job->foreign = (found == NULL || found->over) && item != NULL &&
	    is_doing(item, view->what);
	job->other.deadline_ms = -1;
}

/* --- drawing ------------------------------------------------------------- */

static enum words_id
doing(enum menu_do what)
{
	switch ((int)what) {
	case MENU_DO_START:
		return WORDS_DOING_START;
	case MENU_DO_SHUTDOWN:
		return WORDS_DOING_SHUTDOWN;
	case MENU_DO_REBOOT:
		return WORDS_DOING_REBOOT;
	case MENU_DO_RESET:
		return WORDS_DOING_RESET;
	case MENU_DO_DESTROY:
		return WORDS_DOING_DESTROY;
	case MENU_DO_PAUSE:
		return WORDS_DOING_PAUSE;
	default:
		return WORDS_DOING_UNPAUSE;
	}
}

/* "Shutting down web for 0:12", and where it stands. */
static int
draw_head(struct menu *menu, const struct menu_view *view,
    const struct menu_job *found, int row, int64_t now)
{
	const struct job *job = view->state;
	struct words_args args = { .guest = view->guest };
	int64_t began = found != NULL ? found->began_ms : job->opened_ms;
	bool over = found != NULL && found->over;
	char text[WORDS_TEXT], clock[STAMP_TEXT];
	int column;

	column = 2 +
	    frame_put(menu, row, 1, menu->columns - 2, FRAME_BOLD,
		words_fill(text, doing(view->what), &args));
	/* When another session has begun it is not known. */
	if (found == &job->other)
		return row + 1;
	stamp_clock((over ? job->over_ms : now) - began, clock);
	args.time = clock;
	frame_put(menu, row, column, menu->columns - column - 1, FRAME_PLAIN,
	    words_fill(text, over ? WORDS_TOOK : WORDS_ELAPSED, &args));
	return row + 1;
}

/* The countdown of what a guest was asked for. */
static int
draw_countdown(struct menu *menu, const struct menu_view *view,
    const struct menu_job *found, int row, int64_t now)
{
	struct words_args args = { .guest = view->guest };
	char text[WORDS_TEXT], clock[STAMP_TEXT];
	enum words_id id = WORDS_TIME_OVER;

	if ((view->what != MENU_DO_SHUTDOWN && view->what != MENU_DO_REBOOT) ||
	    found->deadline_ms < 0)
		return row;
	/* Up to the next second: 0:01 is shown until it is over. */
	if (found->deadline_ms > now) {
		stamp_clock(found->deadline_ms - now + 999, clock);
		args.time = clock;
		id = WORDS_TIME_LEFT;
	}
	return row +
	    frame_wrap(menu, row, 1, menu->columns - 2,
		menu->bottom - row > 2 ? 2 : menu->bottom - row, FRAME_BUSY,
		words_fill(text, id, &args));
}

/* How it ended, and what is to be done next; returns the next row. */
static int
draw_outcome(struct menu *menu, const struct menu_view *view,
    const struct menu_job *found, int row)
{
	const struct job *job = view->state;
	const struct item *item = menu_item(menu, view->guest);
	struct words_args args = { .guest = view->guest,
		.verb = menu_verb(view->what) };
	char text[WORDS_TEXT];
	enum words_id id = WORDS_DONE;

	if (found == &job->other && item != NULL) {
		args.text = frame_state(item->is.state);
		id = WORDS_OVER;
	} else if (found->err != VPSH_OK)
		id = WORDS_NOT_DONE;
	words_fill(text, id, &args);
	row += frame_wrap(menu, row, 1, menu->columns - 2, menu->bottom - row,
	    found->err == VPSH_OK ? FRAME_GOOD : FRAME_BAD,
	    found->text[0] != '\0' ? found->text : text);
	if (offers_destroy(menu, view, found))
		row += frame_wrap(menu, row, 1, menu->columns - 2,
		    menu->bottom - row, FRAME_PLAIN,
		    words_plain(WORDS_OFFER_DESTROY));
	return row;
}

static int
draw_progress(struct menu *menu, const struct menu_view *view,
    const struct menu_job *found, int row, int64_t now)
{
	const struct job *job = view->state;
	const char *text = words_plain(WORDS_ASKED);

	if (found == &job->other)
		text = words_plain(WORDS_FOREIGN);
	if (job->cancelling)
		text = words_plain(WORDS_CANCELLING);
	else if (found != NULL && found->text[0] != '\0')
		text = found->text;
	row += frame_wrap(menu, row, 1, menu->columns - 2,
	    menu->bottom - row > 4 ? 4 : menu->bottom - row, FRAME_PLAIN,
	    text);
	if (found != NULL)
		row = draw_countdown(menu, view, found, row, now);
	return row;
}

/* The end of the console in the rows that are left. */
static void
draw_console(struct menu *menu, const struct menu_view *view, int row)
{
	const struct item *item = menu_item(menu, view->guest);
	int at, rows = menu->bottom - row;
	size_t nth = 0;
	const char *line;

	if (item == NULL || rows < 1 ||
	    (item->is.rights & RIGHT_BIT(RIGHT_LOG)) == 0)
		return;
	if (rows > 2) {
		if (rows > 4)
			row++;
		frame_put(menu, row++, 1, menu->columns - 2, FRAME_DIM,
		    words_plain(item_line(item, 0) != NULL ?
				WORDS_LAST_LINES :
				WORDS_NO_LINES));
	}
	for (at = menu->bottom - 1; at >= row; at--) {
		line = item_line(item, nth);
		if (line == NULL)
			break;
		nth++;
	}
	for (at = row; nth > 0; at++, nth--)
		frame_put(menu, at, 1, menu->columns - 2, FRAME_PLAIN,
		    item_line(item, nth - 1));
}

static void
draw_keys(struct menu *menu, const struct menu_view *view,
    const struct menu_job *found)
{
	static const char *const going[] = { "c", "console", "l", "log", "Esc",
		"leave", NULL };
	static const char *const waiting[] = { "x", "cancel", "c", "console",
		"l", "log", "Esc", "leave", NULL };
	static const char *const over[] = { "Enter", "back", "c", "console",
		"l", "log", NULL };
	static const char *const hangs[] = { "Enter", "back", "D", "destroy",
		"c", "console", "l", "log", NULL };

	if (found != NULL && found->over)
		frame_keys(menu,
		    offers_destroy(menu, view, found) ? hangs : over);
	else
		frame_keys(menu,
		    can_cancel(view->state, found) ? waiting : going);
}

static int64_t
job_draw(struct menu *menu, struct menu_view *view, int64_t now)
{
	struct job *job = view->state;
	const struct menu_job *found = job_seen(menu, view);
	char title[WIRE_NAME + WIRE_WORD], right[WIRE_REF + 8] = "";
	int row = FRAME_TOP + (menu->bottom > 12 ? 1 : 0);

	if (found != NULL && found->over && job->over_ms == 0)
		job->over_ms = now;
	/* It was answered, and goes on: they may try again. */
	if (menu->said[0] != '\0' || menu->away[0] != '\0')
		job->cancelling = false;
	(void)text_format(title, sizeof(title), "%s: %s", view->guest,
	    menu_verb(view->what));
	if (found != NULL && found->ref[0] != '\0')
		(void)text_format(right, sizeof(right), "Ref %s", found->ref);
	frame_title(menu, title, right);
	row = draw_head(menu, view, found, row, now);
	if (found != NULL && found->over)
		row = draw_outcome(menu, view, found, row);
	else
		row = draw_progress(menu, view, found, row, now);
	draw_console(menu, view, row);
	draw_keys(menu, view, found);
	/* No clock runs for what is over, nor for what another has begun. */
	if (found != NULL && (found->over || found == &job->other))
		return -1;
	if (found == NULL && menu_asleep(menu, now))
		return -1;
	return stamp_next(now, found != NULL ? found->began_ms :
					       job->opened_ms);
}

/* --- keys ---------------------------------------------------------------- */

/* It goes on without them, which is said. */
static void
leave(struct menu *menu, const struct menu_view *view)
{
	struct words_args args = { .guest = view->guest,
		.verb = menu_verb(view->what) };
	char text[WORDS_TEXT];

	words_fill(text, WORDS_GOES_ON, &args);
	menu_pop(menu);
	menu_say(menu, text);
}

static bool
job_key(struct menu *menu, struct menu_view *view, uint32_t key, int64_t now)
{
	struct job *job = view->state;
	const struct menu_job *found = job_seen(menu, view);

	(void)now;
	switch (key) {
	case 'c':
		guest_act(menu, view, MENU_DO_CONSOLE, view->guest);
		return true;
	case 'l':
		guest_act(menu, view, MENU_DO_LOG, view->guest);
		return true;
	case '?':
	case KEYS_CTRL('L'):
	case KEYS_CTRL('D'):
		return false;
	case 'x':
		if (!can_cancel(job, found))
			break;
		job->cancelling = true;
		menu_want_cancel(menu, found->ref);
		return true;
	case 'D':
		if (!offers_destroy(menu, view, found))
			break;
		guest_act(menu, view, MENU_DO_DESTROY, view->guest);
		return true;
	default:
		break;
	}
	if (found != NULL && found->over)
		menu_pop(menu);
	else if (key == KEYS_ESC || key == KEYS_LEFT || key == 'q')
		leave(menu, view);
	else
		return false;
	return true;
}

const struct menu_screen job_screen = {
	.state_size = sizeof(struct job),
	.enter = job_enter,
	.draw = job_draw,
	.key = job_key,
	.console = true,
};
