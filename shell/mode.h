/* SPDX-License-Identifier: ISC */
#ifndef SHELL_MODE_H
#define SHELL_MODE_H

#include <stdbool.h>

#include "shell/words.h"
#include "wire/wire.h"

/*
 * What we were started for.  sshd(8) runs a login shell without a command as
 * argv[0] "-vpsh", one with a command as "vpsh -c COMMAND", and a
 * ForceCommand the same way, with the customer's own command in
 * SSH_ORIGINAL_COMMAND.  The environment can be the customer's (SendEnv), so
 * that variable counts only where the operator's command is vpsh itself.
 * "line" and "menu" are no commands then, but ways to read them.
 */
struct mode {
	bool		 line;		/* read commands; else run command */
	enum wire_mode	 wish;		/* for this once: line or menu */
	const char	*socket;	/* -S: the broker's, or NULL */
	const char	*root;		/* -p: before run-time paths, or NULL */
	const char	*command;	/* not split yet; may be hostile */
	char		 joined[WORDS_LINE_MAX + 2];	/* our own argv */
};

/*
 * self is the path of this program as the kernel knows it, may be NULL;
 * original is SSH_ORIGINAL_COMMAND, may be NULL.  mode points into argv and
 * original.  Returns 0, or -1 when these arguments make no sense.
 */
int	 mode_decide(struct mode *mode, int argc, char *const argv[],
	    const char *self, const char *original);

#endif
