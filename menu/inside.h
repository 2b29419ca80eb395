/* SPDX-License-Identifier: ISC */
#ifndef MENU_INSIDE_H
#define MENU_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "menu/cells.h"
#include "menu/frame.h"
#include "menu/item.h"
#include "menu/keys.h"
#include "menu/menu.h"
#include "menu/words.h"
#include "wire/right.h"

/*
 * What the screens of the menu share.  A screen draws what struct menu says
 * and turns keys into intents; it never waits, opens or writes anything.
 *
 * Rows: 0 is the title line, then the body from FRAME_TOP up to but not
 * including menu->bottom, then what was said, then the key line.
 */

enum menu_place {
	MENU_PLACE_LIST,	/* always at the bottom of the stack */
	MENU_PLACE_GUEST,
	MENU_PLACE_CONFIRM,	/* shutdown, reboot, reset, destroy */
	MENU_PLACE_JOB,
	MENU_PLACE_ACTIVITY,
	MENU_PLACE_LOG,
	MENU_PLACE_HELP,
	MENU_PLACE_PREFS,
	MENU_PLACE_COUNT
};

/* One screen of the stack. */
struct menu_view {
	enum menu_place	 place;
	char		 guest[WIRE_NAME];	/* or empty */
	enum menu_do	 what;		/* CONFIRM, JOB: which act */
	uint64_t	 boot;		/* of the guest when it was opened */
	unsigned	 serial;	/* no two of a session are equal */
	void		*state;		/* of the screen; zeroed when opened */
};

struct menu_screen {
	size_t		 state_size;	/* of view->state; 0: none */

	/* Just opened: state is zero.  About to be closed: free what it has. */
	void		(*enter)(struct menu *menu, struct menu_view *view);
	void		(*leave)(struct menu *menu, struct menu_view *view);

	/* The whole of it; when again if nothing happens, or -1. */
	int64_t		(*draw)(struct menu *menu, struct menu_view *view,
			    int64_t now);

	/*
	 * False: not one of its keys; Esc, Left, q, ?, Ctrl-L then do what
	 * they do everywhere.
	 */
	bool		(*key)(struct menu *menu, struct menu_view *view,
			    uint32_t key, int64_t now);

	/*
	 * A paste, at most KEYS_PASTE_MAX bytes of one line; NULL: it has no
	 * field.  Never an action.
	 */
	void		(*paste)(struct menu *menu, struct menu_view *view,
			    const char *text);

	/* Answers to its MENU_DO_ACTIVITY or MENU_DO_LOG; NULL: it asks none */
	void		(*act)(struct menu *menu, struct menu_view *view,
			    const struct wire_act *act);
	void		(*line)(struct menu *menu, struct menu_view *view,
			    int64_t wall_ms, const char *line);
	void		(*loaded)(struct menu *menu, struct menu_view *view,
			    bool whole);

	/* It has to know the counters, or that guest's last lines. */
	bool		 counters;
	bool		 console;
};

extern const struct menu_screen list_screen;	 /* menu/list.c */
extern const struct menu_screen guest_screen;	 /* menu/guest.c */
extern const struct menu_screen confirm_screen;	 /* menu/confirm.c */
extern const struct menu_screen job_screen;	 /* menu/job.c */
extern const struct menu_screen activity_screen; /* menu/activity.c */
extern const struct menu_screen log_screen;	 /* menu/log.c */
extern const struct menu_screen help_screen;	 /* menu/help.c */
extern const struct menu_screen prefs_screen;	 /* menu/prefs.c */

#define MENU_DEPTH  8	/* screens over each other */
#define MENU_QUEUE  8	/* intents not fetched yet */
#define MENU_LOADS  2	/* MENU_DO_LOG, MENU_DO_ACTIVITY */

struct menu {
	struct screen		*screen;	/* the terminal */
	int			 in;
	struct keys		 keys;
	bool			 utf8;		/* text may be any character */
	bool			 signs;		/* and so may what we draw */
	int			 columns;
	int			 lines;
	int			 bottom;	/* first row below the body */
	int64_t			 key_ms;	/* when a key was hit last */
	int64_t			 console_ms;	/* asked for then; or -1 */
	bool			 hung_up;

	struct item		**items;	/* in the order they came */
	size_t			 nitems;
	bool			 listed;
	struct wire_who		 who;
	struct wire_prefs	 prefs;
	int64_t			 back_until;	/* offer prefs.back; or -1 */
	char			 away[WIRE_TEXT];	/* empty: it is not */
	char			 said[WIRE_TEXT];

	struct menu_view	 stack[MENU_DEPTH];
	size_t			 depth;
	unsigned		 serial;
	struct menu_intent	 queue[MENU_QUEUE];
	size_t			 nqueue;
	unsigned		 loads[MENU_LOADS]; /* views that asked; 0 */
};

const struct menu_screen *menu_screen_of(const struct menu_view *view);

/* --- for the screens ----------------------------------------------------- */

/* That guest, or NULL. */
struct item	*menu_item(const struct menu *menu, const char *guest);

/* Its newest job of that verb; verb NULL: of any.  NULL: none. */
const struct menu_job *menu_job_of(const struct menu *menu,
		    const char *guest, const char *verb);

/*
 * Open another screen over this one; guest may be "".  Typed-ahead input is
 * dropped when it is CONFIRM.  The view that was on top stays where it is.
 */
void		 menu_push(struct menu *menu, enum menu_place place,
		    const char *guest, enum menu_do what);

/* Close the one on top; the last one stays. */
void		 menu_pop(struct menu *menu);

/* What q does: close the one on top, or log out on the first. */
void		 menu_leave(struct menu *menu);

/* Close the one on top and open another in its place. */
void		 menu_replace(struct menu *menu, enum menu_place place,
		    const char *guest, enum menu_do what);

/* The one on top. */
struct menu_view *menu_top(struct menu *menu);

/* Is it the first screen, whose way back is the way out? */
bool		 menu_is_first(const struct menu *menu,
		    const struct menu_view *view);

/*
 * They want that.  For a power verb, boot is the boot that the view was
 * opened for, and the job screen takes the place of the one on top.
 * MENU_DO_ACTIVITY and MENU_DO_LOG: the answers come to view.
 */
void		 menu_want(struct menu *menu, struct menu_view *view,
		    enum menu_do what, const char *guest);
void		 menu_want_cancel(struct menu *menu, const char *ref);
void		 menu_want_prefs(struct menu *menu,
		    const struct wire_prefs *prefs);

/* "shutdown" for MENU_DO_SHUTDOWN; "" for what is no verb of the broker. */
const char	*menu_verb(enum menu_do what);

/* The guest whose console can be gone back to; NULL: there is no offer. */
const struct item *menu_back(const struct menu *menu);

/* Is that view still to be answered? */
bool		 menu_is_loading(const struct menu *menu,
		    const struct menu_view *view, enum menu_do what);
unsigned	*menu_load(struct menu *menu, enum menu_do what);

/*
 * What an action of menu/guest.c is called, its key, and whether it can be
 * had now; guest_act() does it or says why not.
 */
struct guest_action {
	enum menu_do	 what;
	char		 key;
	const char	*word;		/* "Shutdown" */
	uint32_t	 rights;	/* one of these is needed */
	enum words_id	 means;
};

/* In the order of the digits, then those without one; NULL after the last. */
const struct guest_action *guest_action_at(size_t i);
const struct guest_action *guest_action_of(enum menu_do what);

/* Why it cannot be had; WORDS_COUNT: it can. */
enum words_id	 guest_obstacle(const struct item *item, enum menu_do what);
void		 guest_act(struct menu *menu, struct menu_view *view,
		    enum menu_do what, const char *guest);

/* "alice on xen07", for titles; and the line of menu_back(). */
void		 frame_account(const struct menu *menu, char *out, size_t size);
void		 frame_back(struct menu *menu, int row, bool chosen);

/* What is said from now on, as menu_say() does. */
void		 menu_say_words(struct menu *menu, enum words_id id,
		    const char *guest);

/* No key for MENU_ASLEEP_MS: figures are no longer asked for. */
bool		 menu_asleep(const struct menu *menu, int64_t now);

#endif
