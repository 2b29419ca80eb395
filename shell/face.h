/* SPDX-License-Identifier: ISC */
#ifndef SHELL_FACE_H
#define SHELL_FACE_H

#include <termios.h>

#include "shell/environ.h"
#include "shell/session.h"
#include "wire/wire.h"

/*
 * What an interactive login sees: the menu where the terminal can show it,
 * else lines.  What they wish for once beats what they prefer, and that beats
 * the operator's policy.
 */
struct face {
	struct session	*session;
	enum wire_mode	 wish;
	bool		 can;		/* a person at a terminal with a name */
	struct termios	 before;	/* what the terminal had */
};

/*
 * Before the sandbox: opens the menu if this terminal can show it, and
 * writes nothing.  wish is that of the command line, if any.
 */
void	 face_open(struct face *face, struct session *session,
	    const struct environ_claims *claims, enum wire_mode wish);
void	 face_close(struct face *face);

/*
 * Until they leave.  Returns the error for the exit code; a signal that ends
 * it ends the process.
 */
int	 face_run(struct face *face);

#endif
