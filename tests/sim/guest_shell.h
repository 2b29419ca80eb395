/* SPDX-License-Identifier: ISC */
#ifndef SIM_GUEST_SHELL_H
#define SIM_GUEST_SHELL_H

#include <termios.h>

#include "tests/sim/guest.h"

/*
 * What getty and shell (guest_shell.c) and their commands (guest_command.c)
 * share.
 */

enum stage {
	STAGE_BOOT,		/* nobody reads yet, or any more */
	STAGE_NAME,
	STAGE_PASSWORD,
	STAGE_PROMPT,
	STAGE_TASK
};

struct shell;

/* One step of a task; the next is due at shell::due, -1 ends it. */
typedef void step(struct shell *shell, int64_t now);

struct shell {
	struct guest	*guest;
	enum stage	 stage;
	char		 user[33];
	struct pipeline	 out;		/* to the terminal */
	step		*step;
	int64_t		 due;
	int64_t		 at;		/* how far the task is */
	int64_t		 until;
	bool		 reads;		/* the task wants the lines */
	struct termios	 sane;
};

void	 shell_print(struct shell *shell, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
void	 shell_set_echo(struct shell *shell, bool on);
void	 shell_start(struct shell *shell, step *task, int64_t until);
/* The task is over, and the prompt comes. */
void	 shell_finish(struct shell *shell);

/* Does what a line says. */
void	 command_run(struct shell *shell, char *line);

#endif
