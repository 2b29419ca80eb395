/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/ansi.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "ctl/operate.h"
#include "ctl/service.h"
#include "wire/err.h"

/*
 * See a guest's console.  What comes over it was made by a customer, and
 * this terminal is root's: text alone gets through, see base/ansi.h.
 */

#define CTRL_BRACKET 0x1d
#define ANSWER_S     15
#define BACK_MS	     60000 /* for a service that is being restarted */
#define RETRY_MS     200
#define MARK_SIZE    1024

#define KEYS "watching; who is there is told so. Ctrl-C or Ctrl-] leaves"

struct watch {
	struct ctl *ctl;
	struct wire_operate what;
	int viewer;
	uint64_t offset; /* of the next byte; 0: not known */
	struct ansi ansi;
	bool mid; /* in the middle of a line */
	bool tty;
	struct termios modes;
};

/* How one viewer ended. */
enum end {
	END_NONE,
	END_LEFT,
	END_LOST,
	END_OVER /* said so */
};

static volatile sig_atomic_t ended;

static void
on_end(int sig)
{
	ended = sig;
}

/* --- the operator's terminal --------------------------------------------- */

/* Keys one by one, and not shown: they go nowhere. */
static void
terminal_begin(struct watch *w)
{
	struct termios keys;

	w->tty = isatty(STDIN_FILENO) &&
	    tcgetattr(STDIN_FILENO, &w->modes) == 0;
	if (!w->tty)
		return;
	keys = w->modes;
	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	keys.c_cc[VMIN] = 1;
	keys.c_cc[VTIME] = 0;
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &keys);
}

static void
terminal_end(const struct watch *w)
{
	if (w->mid)
		(void)fd_write_all(STDOUT_FILENO, "\n", 1);
	if (w->tty)
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &w->modes);
}

/* They are let in only where we wait, so that none is ever missed. */
static void
signals_begin(sigset_t *waiting)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = on_end };
	sigset_t held;
	size_t i;

	sigemptyset(&held);
	for (i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
		sigaddset(&held, ending[i]);
		(void)sigaction(ending[i], &action, NULL);
	}
	(void)sigprocmask(SIG_BLOCK, &held, waiting);
	/* A shell would find its terminal without an echo. */
	(void)signal(SIGTSTP, SIG_IGN);
}

/* Wait until one of them is ready.  False: they want to leave. */
static bool
wait_for(struct pollfd *fds, nfds_t n, int ms, const sigset_t *waiting)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	if (ppoll(fds, n, ms == -1 ? NULL : &time, waiting) == -1 &&
	    errno != EINTR)
		return false;
	return ended == 0;
}

/* All of it, however slow the terminal is.  False: they want to leave. */
static bool
put(const char *text, size_t len, const sigset_t *waiting)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };
	size_t at = 0, some;
	ssize_t n;

	while (at < len) {
		if (!wait_for(&pfd, 1, -1, waiting))
			return false;
		/* So much goes into what can be written to at all. */
		some = len - at < PIPE_BUF ? len - at : PIPE_BUF;
		n = write(STDOUT_FILENO, text + at, some);
		if (n == -1 && errno != EAGAIN && errno != EINTR)
			return false;
		at += n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* A line of ours.  Where bytes go into a file it does not. */
static bool
mark(struct watch *w, const char *text, const sigset_t *waiting)
{
	char line[MARK_SIZE], safe[MARK_SIZE - 2 * WIRE_DOMAIN];
	bool ok = true;

	(void)text_escape(safe, sizeof(safe), text, strlen(text));
	(void)text_format(line, sizeof(line), "%s[%s: %s]\n",
	    w->mid && isatty(STDOUT_FILENO) ? "\n" : "", w->what.guest, safe);
	if (!isatty(STDOUT_FILENO)) {
		(void)fd_write_all(STDERR_FILENO, line, strlen(line));
		return true;
	}
	ok = put(line, strlen(line), waiting);
	w->mid = false;
	return ok;
}

/* --- what comes ---------------------------------------------------------- */

static bool
show(struct watch *w, const struct wire_output *output, size_t len,
    const sigset_t *waiting)
{
	static char text[ANSI_PLAIN_MAX(WIRE_DATA)];
	size_t n = ansi_plain(&w->ansi, output->data, len, text);

	w->offset = output->offset + len;
	if (n > 0)
		w->mid = text[n - 1] != '\n';
	return put(text, n, waiting);
}

static enum end
over(struct watch *w, const struct wire_outcome *outcome)
{
	char text[4 * WIRE_TEXT];

	text_escape(text, sizeof(text), outcome->text, strlen(outcome->text));
	if (w->mid)
		(void)fd_write_all(STDOUT_FILENO, "\n", 1);
	w->mid = false;
	if (outcome->err == VPSH_OK)
		return END_LOST;
	report_fail(&w->ctl->report, "%s: %s", w->what.guest,
	    *text != '\0' ? text : err_name(outcome->err));
	return END_OVER;
}

static enum end
viewer_turn(struct watch *w, const sigset_t *waiting)
{
	static struct wire_msg msg;
	char text[WIRE_TEXT];
	ssize_t len = wire_recv(w->viewer, &msg, WIRE_CONSOLE_VIEWER, NULL,
	    NULL);
	bool on = true;

	if (len == -1 && (errno == EAGAIN || errno == EINTR))
		return END_NONE;
	if (len <= 0)
		return END_LOST;
	switch (msg.head.type) {
	case WIRE_OUTPUT:
		on = show(w, &msg.u.output,
		    (size_t)len - offsetof(struct wire_output, data), waiting);
		break;
	case WIRE_MISSED:
		text_format(text, sizeof(text), "%llu bytes are missing here",
		    (unsigned long long)msg.u.missed.bytes);
		on = mark(w, text, waiting);
		break;
	case WIRE_EVENT:
		on = mark(w, msg.u.text.text, waiting);
		break;
	case WIRE_VIEW_END:
		return over(w, &msg.u.outcome);
	default:
		break;
	}
	return on ? END_NONE : END_LEFT;
}

/* Do they want to leave?  Nothing else that is typed means anything. */
static bool
leaves(void)
{
	char keys[256];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	return n <= 0 || memchr(keys, CTRL_BRACKET, (size_t)n) != NULL;
}

static enum end
watch(struct watch *w, const sigset_t *waiting)
{
	struct pollfd fds[] = { { .fd = w->viewer, .events = POLLIN },
		{ .fd = w->tty ? STDIN_FILENO : -1, .events = POLLIN } };
	enum end end = END_NONE;

	while (end == END_NONE) {
		fds[0].revents = fds[1].revents = 0;
		if (!wait_for(fds, 2, -1, waiting) ||
		    (fds[1].revents != 0 && leaves()))
			return END_LEFT;
		if (fds[0].revents != 0)
			end = viewer_turn(w, waiting);
	}
	return end;
}

/* --- asking for it ------------------------------------------------------- */

/*
 * The viewer's socket into w.  *soon: it is not to be had now, but perhaps
 * in a moment.
 */
static int
ask(struct watch *w, bool *soon)
{
	struct report *r = &w->ctl->report;
	char why[PATH_MAX + 200], text[4 * WIRE_TEXT];
	static struct wire_msg msg;
	int fds[FD_PASS_MAX], fd;
	bool told = w->offset != 0;
	size_t nfds = 0;

	*soon = false;
	/* From where it stopped; the end of what there is the first time. */
	w->what.until_ms = (int64_t)w->offset;
	fd = service_await(w->ctl, ANSWER_S, &told, why, sizeof(why));
	if (fd == -1)
		return report_service(r, "%s", why);
	if (wire_send(fd, WIRE_WATCH, 1, &w->what, NULL, 0) == -1 ||
	    wire_recv(fd, &msg, WIRE_BROKER_OPERATOR, fds, &nfds) <= 0)
		msg.head.type = 0;
	fd_close(&fd);
	if (msg.head.type == WIRE_WATCHED) {
		w->viewer = fds[0];
		return CTL_OK;
	}
	*soon = msg.head.type != WIRE_DID ||
	    msg.u.did.err == VPSH_ERR_CONSOLE;
	if (w->offset != 0 && *soon)
		return CTL_SERVICE;
	if (msg.head.type != WIRE_DID)
		return report_service(r, "the broker broke off; ask again");
	text_escape(text, sizeof(text), msg.u.did.text,
	    strlen(msg.u.did.text));
	return report_fail(r, "%s: %s", w->what.guest, text);
}

/* It was there: whoever watches stays, and misses nothing. */
static int
ask_again(struct watch *w, const sigset_t *waiting)
{
	const int64_t until = clock_ms() + BACK_MS;
	bool soon;
	int code;

	fd_close(&w->viewer);
	if (!mark(w, "vpsh is restarting; one moment", waiting))
		return CTL_OK;
	do {
		if (!wait_for(NULL, 0, RETRY_MS, waiting))
			return CTL_OK;
		code = ask(w, &soon);
	} while (code != CTL_OK && soon && clock_ms() < until);
	if (code == CTL_OK)
		(void)mark(w, "back", waiting);
	else if (soon)
		code = report_service(&w->ctl->report,
		    "the console server does not come back");
	return code;
}

int
watch_run(struct ctl *ctl, const struct ctl_call *call)
{
	static struct watch w;
	enum end end = END_LOST;
	sigset_t waiting;
	bool soon;
	int code;

	w.ctl = ctl;
	w.viewer = -1;
	ansi_init(&w.ansi);
	if (ctl->report.json)
		return report_usage(&ctl->report, "a console is no JSON");
	if ((code = operate_take_guest(ctl, call->args[0], &w.what)) !=
		CTL_OK ||
	    (code = ask(&w, &soon)) != CTL_OK)
		return code;
	signals_begin(&waiting);
	terminal_begin(&w);
	(void)mark(&w, KEYS, &waiting);
	while (end == END_LOST && code == CTL_OK && w.viewer != -1) {
		end = watch(&w, &waiting);
		if (end == END_LOST)
			code = ask_again(&w, &waiting);
	}
	fd_close(&w.viewer);
	terminal_end(&w);
	return end == END_OVER ? CTL_FAILED : code;
}
