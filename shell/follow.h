/* SPDX-License-Identifier: ISC */
#ifndef SHELL_FOLLOW_H
#define SHELL_FOLLOW_H

#include <stdbool.h>

#include "shell/session.h"

/*
 * Show guests and then what changes of them, as the broker tells it, until
 * Ctrl-C, or until nobody reads any more.  guest: one only, NULL: all.
 * use: what they use, too, every 2 seconds.  A service that restarts is
 * asked again.  Returns 0 after Ctrl-C, else the error, said.
 */
int	 follow_run(struct session *session, const char *verb,
	    const char *guest, bool use);

#endif
