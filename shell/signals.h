/* SPDX-License-Identifier: ISC */
#ifndef SHELL_SIGNALS_H
#define SHELL_SIGNALS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

/*
 * Ctrl-C is an answer to whatever is being waited for, so SIGINT is let in
 * only there and nowhere is interrupted half-way.  SIGHUP and SIGTERM end
 * the process: line mode changes nothing that would have to be restored, and
 * while attached the terminal has its own handlers.  Job control and core
 * dumps are not for a program without a shell around it.
 */
void	 signals_init(void);

/*
 * ppoll(2) until deadline (clock_ms(); -1: for ever).  Returns what poll
 * does; -1 with errno EINTR only after Ctrl-C, and for a screen.
 */
int	 signals_wait(struct pollfd *fds, nfds_t n, int64_t deadline);

/*
 * While a screen is shown SIGHUP and SIGTERM are for its owner, who restores
 * the terminal, and so is SIGWINCH.  Should the terminal take no output just
 * then, the process ends at once, with those modes.  NULL: it is over.
 */
void	 signals_screen(const struct termios *before);

/* Which of the two came, or 0; and whether the size changed since. */
int	 signals_ended(void);
bool	 signals_resized(void);

#endif
