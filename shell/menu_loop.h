/* SPDX-License-Identifier: ISC */
#ifndef SHELL_MENU_LOOP_H
#define SHELL_MENU_LOOP_H

#include <termios.h>

#include "shell/session.h"
#include "wire/wire.h"

/* The first paint waits so long for what it has to show. */
#define MENU_LOOP_FIRST_MS 150

enum menu_loop_end {
	MENU_LOOP_QUIT,
	MENU_LOOP_LINE,		/* they want line mode */
	MENU_LOOP_HUNG_UP,	/* their line is gone */
	MENU_LOOP_SIGNAL,	/* SIGHUP or SIGTERM: signal */
	MENU_LOOP_OVER		/* the broker ended it: err, or aside */
};

struct menu_loop_options {
	struct session		*session;
	const struct termios	*before;	/* what the terminal had */
	enum wire_mode		 wish;		/* for once; beats prefs */
};

struct menu_loop_result {
	enum menu_loop_end	 end;
	int			 err;
	int			 signal;
};

/*
 * Show the menu until it ends; session->menu is open.  On return the
 * terminal is as it was before, and the menu can be shown again.
 */
void	 menu_loop(const struct menu_loop_options *options,
	    struct menu_loop_result *result);

#endif
