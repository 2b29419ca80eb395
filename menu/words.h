/* SPDX-License-Identifier: ISC */
#ifndef MENU_WORDS_H
#define MENU_WORDS_H

#include <stddef.h>

/*
 * Every sentence of the menu, in one voice: what happens, to what, what is
 * untouched, what to do next.  Those about known endings of a console stand
 * in menu/endings.c, the broker's own in wire/err.c.
 */
enum words_id {
	/* everywhere */
	WORDS_Q_LEAVES,
	WORDS_NO_SHELL,
	WORDS_NO_PASTE,
	WORDS_GUEST_LEFT,
	WORDS_ASLEEP,
	WORDS_TOO_SMALL,
	WORDS_TOO_BUSY,
	WORDS_AWAY,

	/* list, guest */
	WORDS_LIST,
	WORDS_ASKING,
	WORDS_NO_GUESTS,
	WORDS_NO_GUESTS_SUPPORT,
	WORDS_BACK,
	WORDS_DENIED,
	WORDS_ALREADY_ON,
	WORDS_ALREADY_OFF,
	WORDS_ALREADY_PAUSED,
	WORDS_NOT_PAUSED,
	WORDS_HAS_CRASHED,
	WORDS_SAVED,
	WORDS_UP,
	WORDS_UNDER_WAY,
	WORDS_ELSEWHERE,
	WORDS_NOT_NOW,
	WORDS_CONSOLE_MEANS,
	WORDS_VIEW_MEANS,
	WORDS_START_MEANS,
	WORDS_SHUTDOWN_HINT,
	WORDS_DESTROY_HINT,
	WORDS_REBOOT_HINT,
	WORDS_RESET_HINT,
	WORDS_PAUSE_HINT,
	WORDS_UNPAUSE_HINT,
	WORDS_LOG_HINT,
	WORDS_ACTIVITY_HINT,
	WORDS_EXIT_FIRST,
	WORDS_EXIT_LIST,

	/* confirm */
	WORDS_TITLE_SHUTDOWN,
	WORDS_TITLE_REBOOT,
	WORDS_TITLE_RESET,
	WORDS_TITLE_DESTROY,
	WORDS_SHUTDOWN_MEANS,
	WORDS_REBOOT_MEANS,
	WORDS_UP_FOR,
	WORDS_NO_LEAVE,
	WORDS_YES_SHUTDOWN,
	WORDS_YES_REBOOT,
	WORDS_ASK_DESTROY,
	WORDS_ASK_RESET,
	WORDS_TYPE_NAME,
	WORDS_WRONG_NAME,
	WORDS_NAME,
	WORDS_IS_OFF,
	WORDS_OTHER_BOOT,
	WORDS_GONE,

	/* job */
	WORDS_DOING_START,
	WORDS_DOING_SHUTDOWN,
	WORDS_DOING_REBOOT,
	WORDS_DOING_RESET,
	WORDS_DOING_DESTROY,
	WORDS_DOING_PAUSE,
	WORDS_DOING_UNPAUSE,
	WORDS_ASKED,
	WORDS_ELAPSED,
	WORDS_TOOK,
	WORDS_TIME_LEFT,
	WORDS_TIME_OVER,
	WORDS_GOES_ON,
	WORDS_CANCELLING,
	WORDS_DONE,
	WORDS_NOT_DONE,
	WORDS_FOREIGN,
	WORDS_OVER,
	WORDS_OFFER_DESTROY,
	WORDS_LAST_LINES,
	WORDS_NO_LINES,

	/* activity */
	WORDS_ACTIVITY,
	WORDS_ACTIVITY_OF,
	WORDS_LOADING,
	WORDS_NOT_LOADED,
	WORDS_NO_ACTIVITY,
	WORDS_NO_ACTIVITY_OF,
	WORDS_ACT_DONE,
	WORDS_ACT_UNDER_WAY,
	WORDS_ACT_FAILED,
	WORDS_ACT_LINE,
	WORDS_ACT_SYSTEM,

	/* log */
	WORDS_LOG_OF,
	WORDS_LOG_EMPTY,
	WORDS_LOG_FOLLOWS,
	WORDS_LOG_CUT,
	WORDS_LOG_GAP,
	WORDS_SEARCH,
	WORDS_FOUND_NONE,
	WORDS_NO_OLDER,
	WORDS_NO_NEWER,

	/* prefs */
	WORDS_PREFS,
	WORDS_PREF_MODE,
	WORDS_PREF_MODE_MENU,
	WORDS_PREF_MODE_LINE,
	WORDS_PREF_MODE_DEFAULT,
	WORDS_PREF_MODE_MEANS,
	WORDS_PREF_ESCAPE,
	WORDS_PREF_ESCAPE_ON,
	WORDS_PREF_ESCAPE_OFF,
	WORDS_PREF_ESCAPE_MEANS,
	WORDS_PREF_ZONE,
	WORDS_PREF_ZONE_HOST,
	WORDS_PREF_ZONE_MEANS,
	WORDS_PREF_LINE,
	WORDS_PREF_LINE_MEANS,
	WORDS_PREF_SAVING,
	WORDS_PREF_SAVED,

	WORDS_HELP,
	WORDS_COUNT
};

/* What a sentence may mention.  NULL and 0 are fine where unused. */
struct words_args {
	const char	*guest;
	const char	*who;
	const char	*verb;
	const char	*time;		/* a span or a moment */
	const char	*from;
	const char	*took;
	const char	*ref;
	const char	*text;
	long long	 number;
};

/* The longest sentence, with its NUL. */
#define WORDS_TEXT 1024

/*
 * The sentence with its {guest}, {time} ... filled in, cut at size; a [..]
 * part that mentions something that is not given is left out.  It may well
 * have bytes of a guest or an operator in it: draw it by frame_put() only.
 */
const char *words_fill(char dst[WORDS_TEXT], enum words_id id,
	    const struct words_args *args);

/* One that mentions nothing, as it stands. */
const char *words_plain(enum words_id id);

#endif
