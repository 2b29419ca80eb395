/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "menu/menu.h"
#include "shell/again.h"
#include "shell/feed.h"
#include "shell/jobs.h"
#include "shell/menu_loop.h"
#include "shell/output.h"
#include "shell/signals.h"
#include "shell/verbs.h"
#include "shell/viewers.h"
#include "wire/err.h"

#define AWAY_TEXT "vpsh is restarting: nothing was done. Try again in a moment."

#define OLD_TEXT                                                            \
	"The service on this host is older than this menu and cannot do that " \
	"yet. Nothing was done."

#define ACTIVITY_MAX 50

struct loop {
	struct session *session;
	struct menu *menu;
	const struct termios *before;
	struct feed feed;
	struct jobs jobs;
	struct viewers viewers;
	bool painted;
	bool decided; /* their preferences are known, or do not count */
	int64_t first_ms; /* paint then, whatever is there */
	bool over;
	struct menu_loop_result *result;
};

static void
end(struct loop *loop, enum menu_loop_end how)
{
	if (loop->over)
		return;
	loop->over = true;
	loop->result->end = how;
}

/* --- the console and back ------------------------------------------------ */

/* The menu is here again, at the same place, and asks for everything anew. */
static void
come_back(struct loop *loop)
{
	struct session *session = loop->session;

	signals_screen(loop->before);
	/* What was typed for the guest is no key of ours: it drops that. */
	menu_resume(loop->menu);
	if (session->aside[0] != '\0')
		menu_say(loop->menu, session->aside);
	feed_resume(&loop->feed);
}

static void
show_console(struct loop *loop, const struct wire_attached *attached, int fd)
{
	struct session *session = loop->session;
	char guest[WIRE_NAME];
	int err;

	text_copy(guest, sizeof(guest), attached->guest);
	viewers_close(&loop->viewers);
	feed_pause(&loop->feed);
	menu_suspend(loop->menu);
	signals_screen(NULL);
	session->screen = true;
	session->aside[0] = '\0';
	session->client.connect_ms = CLIENT_STAY_MS;
	err = view_run(session, guest, 0, attached, fd,
	    session->client.generation);
	session->screen = false;
	if (session->client.over) {
		loop->result->err = err;
		end(loop, MENU_LOOP_OVER);
	} else
		come_back(loop);
}

static void
ask_console(struct loop *loop, const char *guest)
{
	struct wire_attach body = { .from = WIRE_FROM_TAIL,
		.tail = AGAIN_TAIL_BYTES,
		.since_ms = -1 };

	text_copy(body.guest, sizeof(body.guest), guest);
	(void)feed_ask(&loop->feed, FEED_CONSOLE, WIRE_CONSOLE, &body,
	    sizeof(body));
}

/* --- answers ------------------------------------------------------------- */

/* What they prefer counts before anything was painted, or the first time. */
static void
take_prefs(struct loop *loop, const struct wire_msg *msg)
{
	struct session *session = loop->session;
	uint32_t mode;

	if (msg->head.type == WIRE_REFUSED)
		menu_say(loop->menu, msg->u.outcome.text);
	if (msg->head.type != WIRE_PREFS_ARE) {
		/* What it shows is not so. */
		if (session->prefers)
			menu_prefs(loop->menu, &session->prefs);
		return;
	}
	session_prefer(session, &msg->u.prefs);
	/* That they may go back is offered once. */
	if (session->offered)
		session->prefs.back[0] = '\0';
	session->offered = true;
	menu_prefs(loop->menu, &session->prefs);
	mode = session->prefs.mode != WIRE_MODE_DEFAULT ?
	    session->prefs.mode :
	    session->prefs.policy_mode;
	if (!loop->decided && mode == WIRE_MODE_LINE)
		end(loop, MENU_LOOP_LINE);
	loop->decided = true;
}

static void
take_activity(struct loop *loop, const struct wire_msg *msg)
{
	if (msg->head.type == WIRE_ACT) {
		menu_activity(loop->menu, &msg->u.act);
		return;
	}
	if (msg->head.type == WIRE_REFUSED)
		menu_say(loop->menu, msg->u.outcome.text);
	menu_loaded(loop->menu, MENU_DO_ACTIVITY,
	    msg->head.type != WIRE_REFUSED);
}

static void
on_answer(void *arg, enum feed_kind kind, const struct wire_msg *msg, int *fd)
{
	struct loop *loop = arg;
	int viewer;

	switch (kind) {
	case FEED_PREFS:
		/* A service that does not know them is not complained about. */
		if (msg->head.type != WIRE_REFUSED)
			take_prefs(loop, msg);
		break;
	case FEED_PREFER:
		take_prefs(loop, msg);
		break;
	case FEED_ACTIVITY:
		take_activity(loop, msg);
		break;
	case FEED_LOG:
		viewers_log_answer(&loop->viewers, msg, fd);
		break;
	case FEED_LINES:
		viewers_lines_answer(&loop->viewers, msg, fd);
		break;
	case FEED_CONSOLE:
		if (msg->head.type == WIRE_ATTACHED) {
			viewer = *fd;
			*fd = -1;
			show_console(loop, &msg->u.attached, viewer);
			break;
		}
		/* FALLTHROUGH */
	case FEED_CANCEL:
		if (msg->head.type == WIRE_REFUSED ||
		    msg->head.type == WIRE_DONE)
			menu_say(loop->menu, msg->u.outcome.text);
		break;
	case FEED_WHO:
	case FEED_FOLLOW:
	case FEED_KINDS:
		break;
	}
}

static bool
on_other(void *arg, const struct wire_msg *msg)
{
	struct loop *loop = arg;

	return jobs_take(&loop->jobs, msg);
}

static void
on_lost(void *arg)
{
	struct loop *loop = arg;

	viewers_close(&loop->viewers);
	/* The menu does not wait for these any more. */
	feed_forget(&loop->feed, FEED_LOG);
	feed_forget(&loop->feed, FEED_ACTIVITY);
}

static void
on_back(void *arg)
{
	struct loop *loop = arg;

	jobs_return(&loop->jobs);
}

static const struct feed_ops feed_ops = { on_answer, on_other, on_lost,
	on_back };

/* --- what they want ------------------------------------------------------ */

static const struct {
	enum menu_do what;
	uint32_t type;
	const char *verb;
	uint32_t flags;
} powers[] = {
	{ MENU_DO_START, WIRE_START, "start", 0 },
	{ MENU_DO_SHUTDOWN, WIRE_SHUTDOWN, "shutdown", 0 },
	{ MENU_DO_REBOOT, WIRE_REBOOT, "reboot", 0 },
	{ MENU_DO_RESET, WIRE_RESET, "reset", WIRE_POWER_CONFIRMED },
	{ MENU_DO_DESTROY, WIRE_DESTROY, "destroy", WIRE_POWER_CONFIRMED },
	{ MENU_DO_PAUSE, WIRE_PAUSE, "pause", 0 },
	{ MENU_DO_UNPAUSE, WIRE_UNPAUSE, "unpause", 0 },
};

static bool
do_power(struct loop *loop, const struct menu_intent *intent)
{
	size_t i;

	for (i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
		if (powers[i].what != intent->what)
			continue;
		/* One that somebody else has started is what was wanted. */
		jobs_begin(&loop->jobs, powers[i].type, powers[i].verb,
		    intent->guest,
		    intent->what == MENU_DO_START ? 0 : intent->boot,
		    powers[i].flags);
		return true;
	}
	return false;
}

static void
do_ask(struct loop *loop, const struct menu_intent *intent)
{
	struct wire_ask_activity activity = { .max = ACTIVITY_MAX };
	struct wire_prefs prefs;
	struct wire_ref ref;

	memset(&ref, 0, sizeof(ref));
	memset(&prefs, 0, sizeof(prefs));
	if (intent->what == MENU_DO_CANCEL) {
		text_copy(ref.ref, sizeof(ref.ref), intent->ref);
		(void)feed_ask(&loop->feed, FEED_CANCEL, WIRE_CANCEL, &ref,
		    sizeof(ref));
	} else if (intent->what == MENU_DO_ACTIVITY) {
		text_copy(activity.guest, sizeof(activity.guest),
		    intent->guest);
		(void)feed_ask(&loop->feed, FEED_ACTIVITY, WIRE_ACTIVITY,
		    &activity, sizeof(activity));
	} else if (intent->what == MENU_DO_PREFER) {
		prefs.mode = intent->prefs.mode;
		prefs.escape = intent->prefs.escape;
		text_copy(prefs.zone, sizeof(prefs.zone), intent->prefs.zone);
		(void)feed_ask(&loop->feed, FEED_PREFER, WIRE_PREFER, &prefs,
		    sizeof(prefs));
	}
}

/* The screen of a job waits for how it ends. */
static void
refuse_power(struct loop *loop, const struct menu_intent *intent)
{
	struct menu_job job = { .began_ms = clock_ms(),
		.deadline_ms = -1,
		.over = true,
		.err = VPSH_ERR_SERVICE,
		.text = AWAY_TEXT };
	size_t i;

	for (i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
		if (powers[i].what != intent->what)
			continue;
		text_copy(job.guest, sizeof(job.guest), intent->guest);
		text_copy(job.verb, sizeof(job.verb), powers[i].verb);
		menu_job(loop->menu, &job);
	}
}

/* Nothing is kept for later: who sees it happen then has forgotten it. */
static void
refuse(struct loop *loop, const struct menu_intent *intent, const char *text)
{
	menu_say(loop->menu, text);
	refuse_power(loop, intent);
	if (intent->what == MENU_DO_LOG || intent->what == MENU_DO_ACTIVITY)
		menu_loaded(loop->menu, intent->what, false);
	if (intent->what == MENU_DO_PREFER && loop->session->prefers)
		menu_prefs(loop->menu, &loop->session->prefs);
}

/* The service does not know what came with version 4. */
static bool
is_too_old(const struct loop *loop, enum menu_do what)
{
	return loop->session->client.version < CLIENT_PREFS &&
	    (what == MENU_DO_CANCEL || what == MENU_DO_ACTIVITY ||
		what == MENU_DO_PREFER);
}

static void
act(struct loop *loop, const struct menu_intent *intent)
{
	if (intent->what == MENU_DO_QUIT) {
		end(loop, MENU_LOOP_QUIT);
	} else if (intent->what == MENU_DO_LINE) {
		end(loop, MENU_LOOP_LINE);
	} else if (intent->what == MENU_DO_NOTHING) {
		return;
	} else if (loop->feed.state != FEED_UP) {
		refuse(loop, intent, AWAY_TEXT);
	} else if (is_too_old(loop, intent->what)) {
		refuse(loop, intent, OLD_TEXT);
	} else if (intent->what == MENU_DO_CONSOLE) {
		ask_console(loop, intent->guest);
	} else if (intent->what == MENU_DO_LOG) {
		viewers_log(&loop->viewers, intent->guest);
	} else if (!do_power(loop, intent))
		do_ask(loop, intent);
}

/* --- one turn ------------------------------------------------------------ */

static int64_t
sooner(int64_t a, int64_t b)
{
	if (a == -1)
		return b;
	return b != -1 && b < a ? b : a;
}

/* Paint, ask for what has to be painted; returns when to look again. */
static int64_t
show(struct loop *loop)
{
	struct menu_wants wants;
	int64_t now = clock_ms(), until;

	if (!loop->painted && !feed_ready(&loop->feed) && !loop->feed.away &&
	    now < loop->first_ms)
		return loop->first_ms;
	loop->painted = true;
	until = menu_draw(loop->menu, now);
	wants = menu_wants(loop->menu, now);
	feed_counters(&loop->feed, wants.counters);
	viewers_want(&loop->viewers, wants.console);
	return until;
}

static int64_t
due(const struct loop *loop, int64_t until)
{
	/* What was asked for could not be sent: it is gone. */
	if (loop->feed.state == FEED_UP && loop->session->client.fd == -1)
		return 0;
	until = sooner(until, loop->feed.next_ms);
	until = sooner(until, viewers_due(&loop->viewers, clock_ms()));
	if (loop->feed.state == FEED_UP)
		until = sooner(until, jobs_due(&loop->jobs));
	return until;
}

static void
take_keys(struct loop *loop, bool hung_up)
{
	struct menu_intent intent;

	while (!loop->over && menu_input(loop->menu, clock_ms(), &intent))
		act(loop, &intent);
	if (menu_hung_up(loop->menu) || hung_up)
		end(loop, MENU_LOOP_HUNG_UP);
}

static void
take_signals(struct loop *loop)
{
	loop->result->signal = signals_ended();
	if (loop->result->signal != 0)
		end(loop, MENU_LOOP_SIGNAL);
	if (signals_resized())
		menu_resized(loop->menu);
}

static void
turn(struct loop *loop)
{
	int64_t until = show(loop);
	struct pollfd fds[4] = { { STDIN_FILENO, POLLIN, 0 },
		{ loop->session->client.fd, POLLIN, 0 },
		{ viewers_lines_fd(&loop->viewers, clock_ms()), POLLIN, 0 },
		{ loop->viewers.log, POLLIN, 0 } };
	int r;

	r = signals_wait(fds, 4, due(loop, until));
	if (r == -1 && errno != EINTR) {
		end(loop, MENU_LOOP_HUNG_UP);
		return;
	}
	take_signals(loop);
	if (r > 0)
		viewers_run(&loop->viewers, fds[2].revents != 0,
		    fds[3].revents != 0);
	if (!loop->over)
		take_keys(loop,
		    r > 0 && (fds[0].revents & (POLLERR | POLLNVAL)) != 0);
	if (loop->over)
		return;
	feed_run(&loop->feed);
	if (loop->feed.state == FEED_UP)
		jobs_late(&loop->jobs, clock_ms());
	if (loop->feed.err != 0) {
		loop->result->err = loop->feed.err;
		end(loop, MENU_LOOP_OVER);
	}
}

void
menu_loop(const struct menu_loop_options *options,
    struct menu_loop_result *result)
{
	static struct loop loop;

	memset(&loop, 0, sizeof(loop));
	memset(result, 0, sizeof(*result));
	loop.session = options->session;
	loop.menu = options->session->menu;
	loop.before = options->before;
	loop.decided = options->wish != WIRE_MODE_DEFAULT;
	loop.result = result;
	loop.first_ms = clock_ms() + MENU_LOOP_FIRST_MS;
	options->session->aside[0] = '\0';
	feed_init(&loop.feed, loop.session, &feed_ops, &loop);
	jobs_init(&loop.jobs, loop.session);
	viewers_init(&loop.viewers, &loop.feed);
	signals_screen(loop.before);
	feed_resume(&loop.feed);
	feed_run(&loop.feed);
	while (!loop.over)
		turn(&loop);
	viewers_close(&loop.viewers);
	jobs_leave(&loop.jobs);
	feed_pause(&loop.feed);
	feed_dispose(&loop.feed);
	menu_suspend(loop.menu);
	signals_screen(NULL);
}
