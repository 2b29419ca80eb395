/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "shell/signals.h"

static volatile sig_atomic_t interrupted;

/* Of a screen. */
static volatile sig_atomic_t ended, resized, waiting;
static struct termios modes;
static bool screen;

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
		SIGCHLD, SIGWINCH };
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

static void
on_resize(int number)
{
	(void)number;
	resized = 1;
}

/* Whoever is writing to a terminal that takes nothing would never see it. */
static void
on_end(int number)
{
	struct pollfd out = { STDOUT_FILENO, POLLOUT, 0 };
	int saved = errno;

	if (!waiting && poll(&out, 1, 0) == 0) {
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &modes);
		_exit(128 + number);
	}
	ended = number;
	errno = saved;
}

void
signals_screen(const struct termios *before)
{
	static const int ending[] = { SIGHUP, SIGTERM };
	struct sigaction action;
	size_t i;

	memset(&action, 0, sizeof(action));
	sigemptyset(&action.sa_mask);
	screen = before != NULL;
	if (screen)
		modes = *before;
	ended = resized = 0;
	action.sa_handler = screen ? on_end : SIG_DFL;
	for (i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaction(ending[i], &action, NULL);
	action.sa_handler = screen ? on_resize : SIG_DFL;
	sigaction(SIGWINCH, &action, NULL);
}

int
signals_ended(void)
{
	return ended;
}

bool
signals_resized(void)
{
	bool was = resized != 0;

	resized = 0;
	return was;
}

/* They are let in from here on only where they end the waiting. */
static void
hold(bool on)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGWINCH);
	if (screen)
		sigprocmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* What poll does, but for a signal that came before. */
static int
wait_once(struct pollfd *fds, nfds_t n, const struct timespec *left)
{
	sigset_t none;
	int r = -1;

	sigemptyset(&none);
	hold(true);
	if (ended || resized) {
		errno = EINTR;
	} else {
		waiting = 1;
		r = ppoll(fds, n, left, &none);
		waiting = 0;
	}
	hold(false);
	return r;
}

int
signals_wait(struct pollfd *fds, nfds_t n, int64_t deadline)
{
	struct timespec left = { 0, 0 };
	int64_t ms;
	int r;

	for (;;) {
		if (deadline >= 0) {
			ms = deadline - clock_ms();
			if (ms < 0)
				ms = 0;
			left.tv_sec = (time_t)(ms / 1000);
			left.tv_nsec = (long)(ms % 1000) * 1000000;
		}
		r = wait_once(fds, n, deadline >= 0 ? &left : NULL);
		if (r != -1 || errno != EINTR)
			return r;
		if (interrupted) {
			interrupted = 0;
			errno = EINTR;
			return -1;
		}
		if (ended || resized)
			return -1;
	}
}
