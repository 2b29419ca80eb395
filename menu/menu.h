/* SPDX-License-Identifier: ISC */
#ifndef MENU_MENU_H
#define MENU_MENU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

/*
 * What a customer sees who logs in with a terminal.  It is given data and
 * gives back intents; it knows no socket, and does nothing by itself.
 *
 *	menu = menu_open(&options);		before the sandbox: terminfo
 *	for (;;) {
 *		menu_guest(menu, ...);		what the broker pushed
 *		again = menu_draw(menu, now);
 *		... poll until then: keys, broker, signals ...
 *		while (menu_input(menu, now, &intent))
 *			... do it, or refuse it by menu_say() ...
 *	}
 *	menu_close(menu);
 *
 * All text may be of a guest, an operator or the DNS: it is made visible
 * here, and cut at the width of its cells.  Times are clock_ms().
 */
struct menu;

/* What a customer may want of whoever shows the menu. */
enum menu_do {
	MENU_DO_NOTHING,
	MENU_DO_CONSOLE,	/* guest */
	MENU_DO_START,		/* guest, boot */
	MENU_DO_SHUTDOWN,
	MENU_DO_REBOOT,
	MENU_DO_RESET,		/* confirmed */
	MENU_DO_DESTROY,	/* confirmed: the name was typed */
	MENU_DO_PAUSE,
	MENU_DO_UNPAUSE,
	MENU_DO_CANCEL,		/* ref */
	MENU_DO_LOG,		/* guest: all that there is */
	MENU_DO_ACTIVITY,	/* guest, or all */
	MENU_DO_PREFER,		/* prefs */
	MENU_DO_LINE,		/* go on in line mode */
	MENU_DO_QUIT
};

struct menu_options {
	const char	*term;		/* checked by shell/environ.c */
	int		 in;
	int		 out;
	bool		 utf8;		/* the locale's */
	bool		 colour;	/* no NO_COLOR */
};

/* Smaller than this is line mode's. */
#define MENU_COLUMNS	40
#define MENU_LINES	12

/* NULL: this terminal cannot show it; nothing was written to it. */
struct menu	*menu_open(const struct menu_options *options);

/* The terminal is as it was before; also fine when nothing was drawn yet. */
void		 menu_close(struct menu *menu);

/*
 * Around a console: the terminal is left as it was before menu_open(), and
 * is painted afresh afterwards.  Opens nothing.
 */
void		 menu_suspend(struct menu *menu);
void		 menu_resume(struct menu *menu);

/* The terminal has another size now (SIGWINCH). */
void		 menu_resized(struct menu *menu);
/* False: it is too small by now. */
bool		 menu_fits(const struct menu *menu);

/* --- what is so ---------------------------------------------------------- */

void		 menu_who(struct menu *menu, const struct wire_who *who);
void		 menu_prefs(struct menu *menu, const struct wire_prefs *prefs);
/* One that is new or has changed; gone; and the first list is whole. */
void		 menu_guest(struct menu *menu, const struct wire_guest *guest,
		    int64_t now);
void		 menu_left(struct menu *menu, const char *guest);
void		 menu_listed(struct menu *menu);

/* The service is away; NULL: it is back. */
void		 menu_away(struct menu *menu, const char *sentence);

/* A sentence for the line at the bottom; it stays until a key or the next. */
void		 menu_say(struct menu *menu, const char *sentence);

/*
 * More of that guest's console, with control sequences left out already
 * (ansi_text()); the newest lines are kept.  fresh: forget the others.
 */
void		 menu_console(struct menu *menu, const char *guest,
		    const char *text, size_t len, bool fresh);

struct menu_job {
	char	guest[WIRE_NAME];
	char	verb[WIRE_WORD];
	char	ref[WIRE_REF];		/* empty: not known yet */
	int64_t	began_ms;
	int64_t	deadline_ms;		/* or -1 */
	bool	over;
	int	err;			/* over: enum vpsh_err */
	char	text[WIRE_TEXT];	/* the last note, or how it ended */
};

/* Where a job of this session stands; by guest and verb. */
void		 menu_job(struct menu *menu, const struct menu_job *job);

/*
 * The answers to MENU_DO_ACTIVITY and MENU_DO_LOG; a newer question of the
 * same kind has replaced the one before.  Then the end of that kind: it is
 * whole, or nobody gives the rest.
 * A line that is a mark of ours begins with MENU_MARK, which a guest's has
 * not: its control characters are left out or made visible by then.
 */
#define MENU_MARK '\001'
void		 menu_activity(struct menu *menu, const struct wire_act *act);
void		 menu_log(struct menu *menu, int64_t wall_ms, const char *line);
void		 menu_loaded(struct menu *menu, enum menu_do what, bool whole);

/* --- what they want ------------------------------------------------------ */

struct menu_intent {
	enum menu_do		what;
	char			guest[WIRE_NAME];
	uint64_t		boot;	/* that they were looking at */
	char			ref[WIRE_REF];
	struct wire_prefs	prefs;
};

/*
 * Read what was typed.  True: they want that; call it again.  False: there
 * is no more.  A key acts once, a paste never.
 */
bool		 menu_input(struct menu *menu, int64_t now,
		    struct menu_intent *intent);

/* Their line is gone: the terminal is at its end. */
bool		 menu_hung_up(const struct menu *menu);

/*
 * What has to be known for the screen that is shown; nothing else is asked
 * for, and nothing at all after MENU_ASLEEP_MS without a key.
 */
#define MENU_ASLEEP_MS	(5 * 60 * 1000)

struct menu_wants {
	bool		 counters;
	char		 console[WIRE_NAME];	/* whose lines; or empty */
};

struct menu_wants menu_wants(const struct menu *menu, int64_t now);

/*
 * Paint what has changed.  Returns when it has to be painted again if
 * nothing happens (a clock runs, a key sequence ends), or -1.
 */
int64_t		 menu_draw(struct menu *menu, int64_t now);

#endif
