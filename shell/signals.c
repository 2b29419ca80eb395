/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "shell/signals.h"

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

void
signals_init(void)
{
	static const int ignored[] = { SIGPIPE, SIGQUIT, SIGTSTP, SIGTTIN,
		SIGTTOU, SIGXFSZ };
	static const int plain[] = { SIGHUP, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2,
		SIGCHLD };
	struct sigaction action;
	sigset_t blocked;
	size_t i;

	memset(&action, 0, sizeof(action));
	sigemptyset(&action.sa_mask);
	action.sa_handler = SIG_IGN;
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		sigaction(ignored[i], &action, NULL);
	action.sa_handler = SIG_DFL;
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		sigaction(plain[i], &action, NULL);
	action.sa_handler = on_interrupt;
	sigaction(SIGINT, &action, NULL);
	/* Whatever else was blocked by our parent is let in again. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
}

int
signals_wait(struct pollfd *fds, nfds_t n, int64_t deadline)
{
	struct timespec left = { 0, 0 };
	sigset_t none;
	int64_t ms;
	int r;

	sigemptyset(&none);
	for (;;) {
		if (deadline >= 0) {
			ms = deadline - clock_ms();
			if (ms < 0)
				ms = 0;
			left.tv_sec = (time_t)(ms / 1000);
			left.tv_nsec = (long)(ms % 1000) * 1000000;
		}
		r = ppoll(fds, n, deadline >= 0 ? &left : NULL, &none);
		if (r != -1 || errno != EINTR)
			return r;
		if (interrupted) {
			interrupted = 0;
			errno = EINTR;
			return -1;
		}
	}
}
