/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "shell/terminal.h"

/* A terminal that takes no output for this long does not get its reset. */
#define STUCK_MS 1000

/*
 * 1000-1006, 1015, 1016 and 9: kinds of mouse reports (xterm's ctlseqs); 1004
 * is focus events, 2004 bracketed paste.
 */
#define MOUSE_OFF                                               \
	"\033[?9;1000;1001;1002;1003;1004;1005;1006;1015;1016l" \
	"\033[?2004l"

/* What else keys send: xterm's modifyOtherKeys, and kitty's protocol. */
#define KEYS_OFF "\033[>4;0m\033[=0;1u"

/*
 * In this order: end what a cut-off sequence may have begun (CAN, ST); show
 * at once what is drawn; mouse and keys; leave the alternate screen, which
 * may have keys of its own; soft reset, which not all terminals know;
 * charsets; colours; cursor, wrap, cursor keys, keypad, insert, reverse;
 * margins and origin mode, which move the cursor; the last line, because the
 * cursor may be in the middle of what the guest drew; and the mouse once
 * more, since some terminals keep its modes with the screen.
 */
static const char reset_full[] =
    "\030\033\\\033[?2026l" MOUSE_OFF KEYS_OFF "\033[?1049l" KEYS_OFF
    "\033[!p\017\033(B\033)B\033[0m"
    "\033[?25h\033[?7h\033[?1l\033>\033[4l\033[?5l"
    "\033[?69l\033[?6l\033[r\033[999;1H" MOUSE_OFF "\r\n";

/* The first two end an edited line, too: there Ctrl-C is a key. */
static const int ending[] = { SIGHUP, SIGTERM, SIGINT, SIGQUIT };
static const int ignored[] = { SIGTSTP, SIGTTOU, SIGPIPE };

#define NENDING	 (sizeof(ending) / sizeof(ending[0]))
#define NEDITING 2
#define NIGNORED (sizeof(ignored) / sizeof(ignored[0]))

static struct {
	volatile sig_atomic_t entered;
	bool editing;
	int in;
	int out;
	int in_flags;
	int out_flags;
	struct termios modes;
	const char *reset;
	struct sigaction actions[NENDING + NIGNORED];
	sigset_t mask;
} self;

const char *
terminal_reset(const char *term)
{
	if (term == NULL || *term == '\0' || strcmp(term, "dumb") == 0 ||
	    strcmp(term, "unknown") == 0)
		return "\r\n";
	return reset_full;
}

bool
terminal_entered(void)
{
	return self.entered != 0;
}

/* Modes and flags as they were.  Safe in a signal handler. */
static void
restore(void)
{
	if (!self.editing)
		(void)tcflush(self.in, TCIFLUSH);
	(void)tcsetattr(self.in, TCSANOW, &self.modes);
	(void)fcntl(self.in, F_SETFL, self.in_flags);
	(void)fcntl(self.out, F_SETFL, self.out_flags);
}

/* A slow terminal gets a moment, one that is stuck does not hold us. */
static void
reset_now(void)
{
	struct pollfd pfd = { .fd = self.out, .events = POLLOUT };
	const int64_t until = clock_ms() + STUCK_MS;
	const char *at = self.reset;
	int64_t left;
	ssize_t n;

	while (*at != '\0') {
		n = write(self.out, at, strlen(at));
		if (n > 0)
			at += n;
		left = until - clock_ms();
		if ((n == -1 && errno != EAGAIN) || left <= 0 ||
		    (n == -1 && poll(&pfd, 1, (int)left) != 1))
			return;
	}
}

/* All that is called here may be: signal-safety(7). */
static void
on_end(int sig)
{
	if (self.entered) {
		self.entered = 0;
		reset_now();
		restore();
	}
	_exit(128 + sig);
}

static void
signals_take(void)
{
	struct sigaction action = { .sa_handler = on_end };
	size_t n = self.editing ? NEDITING : NENDING, i;
	sigset_t end;

	sigfillset(&action.sa_mask);
	sigemptyset(&end);
	for (i = 0; i < n; i++) {
		(void)sigaction(ending[i], &action, &self.actions[i]);
		(void)sigaddset(&end, ending[i]);
	}
	/* Others let some of them in only where they wait. */
	(void)sigprocmask(SIG_UNBLOCK, &end, &self.mask);
	action.sa_handler = SIG_IGN;
	for (i = 0; i < NIGNORED; i++)
		(void)sigaction(ignored[i], &action,
		    &self.actions[NENDING + i]);
}

static void
signals_give(void)
{
	size_t n = self.editing ? NEDITING : NENDING, i;

	(void)sigprocmask(SIG_SETMASK, &self.mask, NULL);
	for (i = 0; i < n; i++)
		(void)sigaction(ending[i], &self.actions[i], NULL);
	for (i = 0; i < NIGNORED; i++)
		(void)sigaction(ignored[i], &self.actions[NENDING + i], NULL);
}

/* Remember all that will be changed, and make sure it is put back. */
static int
begin(int in, int out, const char *reset, bool editing)
{
	static bool registered;

	if (self.entered) {
		errno = EBUSY;
		return -1;
	}
	if (tcgetattr(in, &self.modes) == -1)
		return -1;
	self.in_flags = fcntl(in, F_GETFL);
	self.out_flags = fcntl(out, F_GETFL);
	if (self.in_flags == -1 || self.out_flags == -1)
		return -1;
	if (!registered && atexit(terminal_leave) != 0) {
		errno = ENOMEM;
		return -1;
	}
	registered = true;
	self.in = in;
	self.out = out;
	self.reset = reset;
	self.editing = editing;
	self.entered = 1;
	signals_take();
	return 0;
}

/* It did not work: as if nothing had been tried, with its errno. */
static int
undo(void)
{
	int saved = errno;

	restore();
	signals_give();
	self.entered = 0;
	errno = saved;
	return -1;
}

int
terminal_enter(int in, int out, const char *term)
{
	struct termios raw;

	if (begin(in, out, terminal_reset(term), false) == -1)
		return -1;
	raw = self.modes;
	cfmakeraw(&raw);
	if (tcsetattr(in, TCSANOW, &raw) == -1 ||
	    fcntl(in, F_SETFL, self.in_flags | O_NONBLOCK) == -1 ||
	    fcntl(out, F_SETFL, self.out_flags | O_NONBLOCK) == -1)
		return undo();
	return 0;
}

int
terminal_edit(int in)
{
	struct termios keys;

	if (begin(in, in, "", true) == -1)
		return -1;
	keys = self.modes;
	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
	keys.c_cc[VMIN] = 1;
	keys.c_cc[VTIME] = 0;
	return tcsetattr(in, TCSANOW, &keys) == -1 ? undo() : 0;
}

/* Throw away what is there.  False when nothing more can come. */
static bool
input_drop(void)
{
	char buf[4096];
	ssize_t n;

	do
		n = read(self.in, buf, sizeof(buf));
	while (n > 0 || (n == -1 && errno == EINTR));
	return n == -1 && errno == EAGAIN;
}

/* Write what of text the terminal takes now.  False when it takes none. */
static bool
output_some(const char **text)
{
	ssize_t n = write(self.out, *text, strlen(*text));

	if (n > 0)
		*text += n;
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static void
settle(const char *text)
{
	struct pollfd pfd[2] = { { .fd = self.in, .events = POLLIN },
		{ .fd = self.out, .events = POLLOUT } };
	const int64_t begin = clock_ms();
	int64_t wait;

	for (;;) {
		if (*text != '\0')
			wait = STUCK_MS;
		else
			wait = TERMINAL_SETTLE_MS;
		wait -= clock_ms() - begin;
		if (wait <= 0 || (pfd[0].fd == -1 && *text == '\0'))
			return;
		pfd[1].fd = *text != '\0' ? self.out : -1;
		if (poll(pfd, 2, (int)wait) == -1 && errno != EINTR)
			return;
		if (pfd[0].revents != 0 && !input_drop())
			pfd[0].fd = -1;
		if (pfd[1].revents != 0 && !output_some(&text))
			text = "";
		pfd[0].revents = pfd[1].revents = 0;
	}
}

void
terminal_leave(void)
{
	if (!self.entered)
		return;
	if (!self.editing)
		settle(self.reset);
	restore();
	self.entered = 0;
	signals_give();
}
