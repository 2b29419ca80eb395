/* SPDX-License-Identifier: ISC */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "menu/field.h"
#include "menu/inside.h"
#include "menu/stamp.h"
#include "menu/words.h"

/*
 * The last question before something is taken from a guest.  A shutdown or
 * reboot is asked for once, and No is chosen; what pulls the plug wants the
 * guest's name.  Whatever came in one go with a paste is not a yes.
 */
#define NAME_MOST (TEXT_NAME_MAX + 8)	/* blanks around it are fine */
#define QUIET_MS  400			/* what follows a paste is of it */
#define ROOMY	  12			/* rows: empty ones in between */

struct confirm {
	struct field	 field;
	bool		 wrong;		/* it was not the name */
	bool		 yes;		/* is chosen */
	int64_t		 pasted_ms;	/* when; 0: never */
};

static void
confirm_enter(struct menu *menu, struct menu_view *view)
{
	struct confirm *confirm = view->state;

	(void)menu;
	field_open(&confirm->field, "", NAME_MOST, true);
}

static bool
wants_name(const struct menu_view *view)
{
	return view->what == MENU_DO_DESTROY || view->what == MENU_DO_RESET;
}

/* Why there is nothing to ask any more; WORDS_COUNT: there is. */
static enum words_id
obstacle(struct menu *menu, const struct menu_view *view)
{
	const struct item *item = menu_item(menu, view->guest);

	if (item == NULL)
		return WORDS_GONE;
	if (item->is.boot != view->boot)
		return WORDS_OTHER_BOOT;
	/* A job that is under way may have a domain that we do not see yet. */
	if (item->is.state == WIRE_STATE_OFF && item->is.job_verb[0] == '\0')
		return WORDS_IS_OFF;
	return WORDS_COUNT;
}

/* What was typed is the name: case and outer blanks do not count. */
static bool
is_name(const struct field *field, const char *guest)
{
	const char *from = field->text;
	size_t len = field->len, wanted = strlen(guest);

	for (; len > 0 && *from == ' '; len--)
		from++;
	while (len > 0 && from[len - 1] == ' ')
		len--;
	return len == wanted && strncasecmp(from, guest, len) == 0;
}

/* --- drawing ------------------------------------------------------------- */

/*
 * A paragraph and an empty row, if there is room, above last; returns the
 * next row.
 */
static int
paragraph(struct menu *menu, int row, int last, enum frame_look look,
    enum words_id id, const struct words_args *args)
{
	char text[WORDS_TEXT];

	words_fill(text, id, args);
	row += frame_wrap(menu, row, 1, menu->columns - 2, last - row, look,
	    text);
	return menu->bottom > ROOMY ? row + 1 : row;
}

static void
draw_choice(struct menu *menu, int row, bool chosen, enum words_id id,
    const struct words_args *args)
{
	enum frame_look look = chosen ? FRAME_CHOSEN : FRAME_PLAIN;
	char text[WORDS_TEXT];

	if (chosen)
		frame_fill(menu, row, look);
	frame_put(menu, row, 1, 2, look, chosen ? "> " : "  ");
	frame_put(menu, row, 3, menu->columns - 4, look,
	    words_fill(text, id, args));
	if (chosen)
		frame_cursor(menu, row, 1);
}

static void
draw_asked(struct menu *menu, const struct menu_view *view,
    const struct confirm *confirm, int row, const struct words_args *args)
{
	static const char *const keys[] = { "y", "yes", "Enter", "choose",
		"Up/Down", "move", "n", "no", NULL };
	bool shutdown = view->what == MENU_DO_SHUTDOWN;
	int last = menu->bottom - 2;

	if (args->time != NULL)
		row = paragraph(menu, row, last, FRAME_BOLD, WORDS_UP_FOR,
		    args);
	row = paragraph(menu, row, last, FRAME_PLAIN,
	    shutdown ? WORDS_SHUTDOWN_MEANS : WORDS_REBOOT_MEANS, args);
	draw_choice(menu, row, !confirm->yes, WORDS_NO_LEAVE, args);
	draw_choice(menu, row + 1, confirm->yes,
	    shutdown ? WORDS_YES_SHUTDOWN : WORDS_YES_REBOOT, args);
	frame_keys(menu, keys);
}

static void
draw_named(struct menu *menu, const struct menu_view *view,
    const struct confirm *confirm, int row, const struct words_args *args)
{
	static const char *const keys[] = { "Enter", "do it", "Esc",
		"leave it as it is", NULL };
	int column, last = menu->bottom - 2;

	/* Never so long that the field has no room, nor the way out. */
	row = paragraph(menu, row, last - 2, FRAME_PLAIN,
	    view->what == MENU_DO_DESTROY ? WORDS_ASK_DESTROY :
					    WORDS_ASK_RESET,
	    args);
	row = paragraph(menu, row, last, FRAME_PLAIN, WORDS_TYPE_NAME, args);
	if (row > last)
		row = last;
	column = 1 +
	    frame_put(menu, row, 1, menu->columns - 2, FRAME_BOLD,
		words_plain(WORDS_NAME));
	field_draw(menu, &confirm->field, row, column,
	    menu->columns - column - 1, false);
	if (confirm->wrong)
		paragraph(menu, row + 1, menu->bottom, FRAME_BAD,
		    WORDS_WRONG_NAME, args);
	frame_keys(menu, keys);
}

static void
draw_title(struct menu *menu, const struct menu_view *view,
    const struct words_args *args)
{
	enum words_id id = WORDS_TITLE_DESTROY;
	char text[WORDS_TEXT];

	if (view->what == MENU_DO_SHUTDOWN)
		id = WORDS_TITLE_SHUTDOWN;
	else if (view->what == MENU_DO_REBOOT)
		id = WORDS_TITLE_REBOOT;
	else if (view->what == MENU_DO_RESET)
		id = WORDS_TITLE_RESET;
	frame_title(menu, words_fill(text, id, args), "");
}

static int64_t
confirm_draw(struct menu *menu, struct menu_view *view, int64_t now)
{
	static const char *const keys[] = { "Esc", "back", NULL };
	const struct confirm *confirm = view->state;
	const struct item *item = menu_item(menu, view->guest);
	struct words_args args = { .guest = view->guest };
	enum words_id why = obstacle(menu, view);
	int64_t uptime = item != NULL ? item_uptime(item, now) : -1;
	char span[STAMP_TEXT];
	int row = FRAME_TOP + (menu->bottom > ROOMY ? 1 : 0);

	draw_title(menu, view, &args);
	if (why != WORDS_COUNT) {
		paragraph(menu, row, menu->bottom, FRAME_BOLD, why, &args);
		frame_keys(menu, keys);
		return -1;
	}
	if (uptime >= 0) {
		stamp_span(uptime, span);
		args.time = span;
	}
	if (wants_name(view))
		draw_named(menu, view, confirm, row, &args);
	else
		draw_asked(menu, view, confirm, row, &args);
	/* The uptime has minutes, and seconds before there are any. */
	if (uptime < 0 || menu_asleep(menu, now))
		return -1;
	return now + 1000 - uptime % 1000;
}

/* --- keys ---------------------------------------------------------------- */

static bool
key_named(struct menu *menu, struct menu_view *view, struct confirm *confirm,
    uint32_t key)
{
	switch (field_key(&confirm->field, key)) {
	case FIELD_DONE:
		if (is_name(&confirm->field, view->guest))
			menu_want(menu, view, view->what, view->guest);
		else
			confirm->wrong = true;
		return true;
	case FIELD_TYPED:
		confirm->wrong = false;
		return true;
	case FIELD_NOT:
	case FIELD_LEFT:
		break;
	}
	return false;
}

static bool
key_asked(struct menu *menu, struct menu_view *view, struct confirm *confirm,
    uint32_t key)
{
	switch (key) {
	case KEYS_UP:
	case KEYS_DOWN:
	case KEYS_TAB:
	case KEYS_RIGHT:
	case 'j':
	case 'k':
		confirm->yes = !confirm->yes;
		return true;
	case KEYS_ENTER:
		if (!confirm->yes) {
			menu_pop(menu);
			return true;
		}
		/* FALLTHROUGH */
	case 'y':
	case 'Y':
		menu_want(menu, view, view->what, view->guest);
		return true;
	case 'n':
	case 'N':
		menu_pop(menu);
		return true;
	default:
		return false;
	}
}

static bool
confirm_key(struct menu *menu, struct menu_view *view, uint32_t key,
    int64_t now)
{
	struct confirm *confirm = view->state;

	if (obstacle(menu, view) != WORDS_COUNT) {
		if (key != KEYS_ENTER)
			return false;
		menu_pop(menu);
		return true;
	}
	if (confirm->pasted_ms != 0 && now - confirm->pasted_ms < QUIET_MS)
		return true;
	if (wants_name(view))
		return key_named(menu, view, confirm, key);
	return key_asked(menu, view, confirm, key);
}

static void
confirm_paste(struct menu *menu, struct menu_view *view, const char *text)
{
	struct confirm *confirm = view->state;

	confirm->pasted_ms = menu->key_ms;
	if (wants_name(view))
		field_paste(&confirm->field, text);
}

const struct menu_screen confirm_screen = {
	.state_size = sizeof(struct confirm),
	.enter = confirm_enter,
	.draw = confirm_draw,
	.key = confirm_key,
	.paste = confirm_paste,
};
