/* SPDX-License-Identifier: ISC */
#ifndef SHELL_TERMINAL_H
#define SHELL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The customer's own terminal while a guest's bytes go to it.  There is one
 * per process.
 *
 * Between terminal_enter() and terminal_leave() it is raw and both ends are
 * non-blocking.  Every way out of the process but SIGKILL puts back what was
 * there: exit(), and SIGHUP, SIGINT, SIGQUIT and SIGTERM, which end the
 * process with 128 + signal.  SIGTSTP and SIGPIPE are ignored meanwhile.
 *
 * System calls, for the sandbox: ioctl (TCGETS, TCSETS, TCFLSH), fcntl
 * (F_GETFL, F_SETFL), poll, read, write, rt_sigaction, rt_sigreturn,
 * exit_group.  Nothing is opened.
 */

/* After a guest, what still arrives for this long is nobody's: dropped. */
#define TERMINAL_SETTLE_MS 500

/*
 * Make the terminal raw.  in and out stay the caller's.  term is the value
 * of TERM, may be NULL, and must stay valid.  Returns 0, or -1 with errno
 * when in is no terminal or one is entered already.
 */
int	 terminal_enter(int in, int out, const char *term);

/*
 * Undo what the guest may have left on, drop what arrives on in for
 * TERMINAL_SETTLE_MS (the rest of a paste, a terminal's late answers), and
 * restore modes and flags exactly.  Never blocks on a terminal that does not
 * take output.  Nothing happens when none is entered.
 */
void	 terminal_leave(void);

bool	 terminal_entered(void);

/*
 * The same for a line that is edited key by key: no echo, no lines, but
 * Ctrl-C and CR mean what they did, and SIGINT stays with whoever has it.
 * terminal_leave() then restores the modes and nothing else; what was typed
 * ahead stays.
 */
int	 terminal_edit(int in);

/*
 * What terminal_leave() writes for that kind of terminal: sequences only
 * that make no terminal answer.  A dumb or unknown one gets a new line.
 */
const char *terminal_reset(const char *term);

#endif
