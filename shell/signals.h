/* SPDX-License-Identifier: ISC */
#ifndef SHELL_SIGNALS_H
#define SHELL_SIGNALS_H

#include <poll.h>
#include <stdint.h>

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
 * does; -1 with errno EINTR only after Ctrl-C.
 */
int	 signals_wait(struct pollfd *fds, nfds_t n, int64_t deadline);

#endif
