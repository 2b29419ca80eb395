/* SPDX-License-Identifier: ISC */
#ifndef SHELL_ENVIRON_H
#define SHELL_ENVIRON_H

#include <stdbool.h>

#include "wire/wire.h"

/*
 * The environment is the customer's as far as sshd's AcceptEnv lets it in.
 * What is kept was looked at first; the rest is gone before anything else
 * runs.
 */
struct environ_claims {
	char	 origin[64];	/* address in SSH_CONNECTION; may be empty */
	char	*original;	/* SSH_ORIGINAL_COMMAND or NULL; to be freed */
	bool	 term;		/* TERM names a terminal, perhaps */
	bool	 utf8;		/* the terminal's, as their locale says */
	bool	 no_color;	/* NO_COLOR is there, and not empty */
	enum wire_mode wish;	/* LC_VPSH, for this login only */
};

/*
 * Replace the environment by TERM, LC_CTYPE and TZ as far as they are
 * harmless, read what is claimed, and set the locale.  Returns 0, or -1 when
 * there is no memory.  Call it first.  What ncurses would read is gone, so
 * that it finds terminfo in the system's own folders only.
 */
int	 environ_scrub(struct environ_claims *claims);

/*
 * The time zone from now on, as POSIX writes it; empty: as it was.  The C
 * library first tries a file of that name: behind the sandbox there is none.
 */
void	 environ_zone(const char *tz);

#endif
