/* SPDX-License-Identifier: ISC */
#ifndef MENU_ENDINGS_H
#define MENU_ENDINGS_H

#include <stddef.h>

#include "menu/menu.h"

/*
 * What the end of a console is known to mean.  The lines are a guest's word:
 * they decide which sentence of ours is shown, and nothing else.
 */

enum endings_mood {
	ENDINGS_FINE,	/* nothing is wrong */
	ENDINGS_WAITS,	/* it stands there; no longer so when it is off */
	ENDINGS_TROUBLE
};

#define ENDINGS_NEXT 3

struct ending {
	const char		*name;		/* "panic" */
	enum endings_mood	 mood;
	const char		*sentence;	/* plain, one, with its stop */
	/*
	 * What helps, best first, up to MENU_DO_NOTHING: offer the first
	 * that state and rights allow.
	 */
	enum menu_do		 next[ENDINGS_NEXT];
};

/* How many of the last lines are worth giving. */
#define ENDINGS_LINES 60

/*
 * The ending of a console's last lines, oldest first, the last one complete
 * or not; NULL when there is nothing to say.
 */
const struct ending *endings_find(const char *const *lines, size_t n);

/* The whole table, for tests; NULL after the last. */
const struct ending *endings_row(size_t i);

#endif
