/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/attach.h"
#include "shell/attach_log.h"
#include "shell/output.h"
#include "shell/signals.h"
#include "shell/verbs.h"
#include "shell/when.h"

/* The last screenful, so that nobody stares at an empty screen. */
#define TAIL_BYTES    4096
#define LOG_LINES     50
#define LOG_LINES_MAX 1000000
#define LOG_MS	      10000

/* After the console server or the broker went away, for so long. */
#define RETRY_MS     1000
#define RETRY_FOR_MS 60000

static int
request(struct session *session, uint32_t type, struct wire_attach *body,
    const char *guest, struct wire_attached *attached, int *viewer)
{
	struct wire_msg msg;
	int err;

	text_copy(body->guest, sizeof(body->guest), guest);
	err = client_ask(&session->client, type, body, WIRE_ATTACHED, &msg,
	    viewer);
	if (err == 0)
		*attached = msg.u.attached;
	return err;
}

static int
request_console(struct session *session, const char *guest, uint32_t flags,
    uint64_t from, struct wire_attached *attached, int *viewer)
{
	struct wire_attach body = { .from = from,
		.tail = from == WIRE_FROM_TAIL ? TAIL_BYTES : 0,
		.flags = flags,
		.since_ms = -1 };

	return request(session, WIRE_CONSOLE, &body, guest, attached, viewer);
}

int
view_request(struct session *session, const char *guest, uint32_t flags,
    uint64_t from, struct wire_attached *attached, int *viewer)
{
	int err;

	/* "Another session of yours": that needs to know who we are. */
	if (session->customer[0] == '\0')
		(void)session_who(session, NULL);
	err = request_console(session, guest, flags, from, attached, viewer);
	return err == 0 ? 0 :
			  session_fail(session, err, "console", guest, NULL);
}

/* A job that was left alone ends while its guest's console is shown. */
static void
on_broker(void *arg, const struct wire_msg *msg, char text[WIRE_TEXT])
{
	(void)arg;
	if (msg->head.type == WIRE_DONE)
		text_format(text, WIRE_TEXT, "%s: %s", msg->u.outcome.ref,
		    msg->u.outcome.text);
}

static bool
may_come_back(int err)
{
	return err == VPSH_ERR_SERVICE || err == VPSH_ERR_CONSOLE ||
	    err == VPSH_ERR_TIMEOUT;
}

/*
 * Get the console again from where it stopped, with the keys that leave
 * alive between the tries.  Returns 0 with *viewer, -1 there when the
 * customer left, or the error.
 */
static int
again(struct session *session, struct attach *attach, uint32_t flags,
    struct wire_attached *attached, int *viewer)
{
	int64_t deadline = clock_ms() + RETRY_FOR_MS;
	int err;

	*viewer = -1;
	do {
		if (attach_pause(attach, RETRY_MS))
			return 0;
		/* Never long: nobody listens to the keys meanwhile. */
		err = client_drain(&session->client);
		if (err == 0)
			err = client_connect(&session->client, RETRY_MS);
		if (err == 0)
			err = request_console(session, attach->options.guest,
			    flags, attach_from(attach), attached, viewer);
	} while (may_come_back(err) && clock_ms() < deadline);
	return err;
}

/* What the end of it means for the session. */
static int
finish(struct session *session, enum attach_end end,
    const struct wire_outcome *bye, const char *guest)
{
	switch (end) {
	case ATTACH_LEFT:
	case ATTACH_LOST:
		return 0;
	case ATTACH_BYE:
		session->client.over = true;
		break;
	case ATTACH_ENDED:
	case ATTACH_REVOKED:
		break;
	}
	/* It did not end because the customer wanted it to. */
	if (bye->err == VPSH_OK)
		return session_fail(session, VPSH_ERR_CONSOLE, "console", guest,
		    NULL);
	session->client.said = *bye;
	return session_fail(session, bye->err, "console", guest, NULL);
}

int
view_run(struct session *session, const char *guest, uint32_t flags,
    const struct wire_attached *first, int viewer)
{
	const struct attach_options options = { guest, session->customer,
		session->term, STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO,
		on_broker, session };
	struct wire_attached attached = *first;
	enum attach_end end = ATTACH_LEFT;
	struct attach attach;
	int err = 0;

	fflush(stdout);
	if (attach_open(&attach, &options) == -1) {
		err = VPSH_ERR_FAILED;
		goto out;
	}
	do {
		end = attach_run(&attach, viewer, session->client.fd,
		    attached.may_write != 0);
		fd_close(&viewer);
		if (end == ATTACH_LOST)
			err = again(session, &attach, flags, &attached,
			    &viewer);
	} while (end == ATTACH_LOST && err == 0 && viewer != -1);
out:
	attach_close(&attach);
	fd_close(&viewer);
	/* What a script piped in has reached nobody. */
	if (end == ATTACH_LEFT && attach.fed &&
	    attached.state == WIRE_STATE_OFF)
		err = VPSH_ERR_NOT_RUNNING;
	if (err != 0)
		return session_fail(session, err, "console", guest, NULL);
	return finish(session, end, &attach.bye, guest);
}

int
view_console(struct session *session, const struct command_call *call)
{
	const char *offset = command_option(call, "--from");
	struct wire_attached attached;
	uint64_t from = WIRE_FROM_TAIL;
	uint32_t flags = 0;
	long long n;
	int err, viewer;

	if (offset != NULL) {
		if (text_number(offset, 0, INT64_MAX, &n) == -1)
			return session_fail(session, VPSH_ERR_USAGE, "console",
			    NULL, "OFFSET is a number of bytes");
		from = (uint64_t)n;
	}
	if (command_option(call, "--view") != NULL)
		flags |= WIRE_ATTACH_VIEW;
	err = view_request(session, call->guest, flags, from, &attached,
	    &viewer);
	if (err != 0)
		return err;
	return view_run(session, call->guest, flags, &attached, viewer);
}

/* --- log ----------------------------------------------------------------- */

/* From where it stopped, or all from that time on. */
static int
request_log(struct session *session, const char *guest, uint32_t flags,
    const struct attach_log *log, int64_t since_ms, int *viewer)
{
	struct wire_attached attached;
	struct wire_attach body = { .from = WIRE_FROM_TAIL,
		.tail = WIRE_RING_BYTES,
		.flags = WIRE_ATTACH_LOG | flags,
		.since_ms = since_ms };

	if (log->known) {
		body.from = log->offset;
		body.tail = 0;
		body.since_ms = -1;
	}
	return request(session, WIRE_LOG, &body, guest, &attached, viewer);
}

static int
log_once(struct session *session, const char *guest, struct attach_log *log,
    int64_t since_ms)
{
	int err, viewer;

	err = request_log(session, guest, 0, log, since_ms, &viewer);
	if (err == 0)
		err = attach_log_collect(log, viewer, LOG_MS);
	fd_close(&viewer);
	return err;
}

/* Until the customer leaves, over restarts of the service. */
static int
log_follow(struct session *session, const char *guest, struct attach_log *log,
    int64_t since_ms)
{
	int64_t deadline = clock_ms() + RETRY_FOR_MS;
	int err, viewer;

	for (;;) {
		err = request_log(session, guest, WIRE_ATTACH_FOLLOW, log,
		    since_ms, &viewer);
		if (err == 0) {
			err = attach_log_follow(log, viewer, &session->client);
			deadline = clock_ms() + RETRY_FOR_MS;
		}
		fd_close(&viewer);
		if (!may_come_back(err) || clock_ms() >= deadline)
			break;
		if (signals_wait(NULL, 0, clock_ms() + RETRY_MS) == -1)
			return 0;
	}
	return err == CLIENT_INTERRUPTED ? 0 : err;
}

static int
log_options(struct session *session, const struct command_call *call,
    struct attach_log_options *options, int64_t *since_ms)
{
	const char *since = command_option(call, "--since");
	long long lines = LOG_LINES;

	*since_ms = -1;
	if (since != NULL &&
	    when_parse(since, clock_wall_ms(), since_ms) == -1)
		return session_fail(session, VPSH_ERR_USAGE, "log", NULL,
		    WHEN_TEXT);
	/* Who says from when wants all of it. */
	if (command_number(session, call, "--lines", 0, LOG_LINES_MAX,
		since != NULL ? 0 : LOG_LINES, &lines) != 0)
		return VPSH_ERR_USAGE;
	options->out = stdout;
	options->lines = (unsigned)lines;
	options->json = command_option(call, "--json") != NULL;
	options->follow = command_option(call, "--follow") != NULL;
	return 0;
}

/* For a person, who would wonder; a program sees that nothing came. */
static void
say_about_log(const char *guest, const struct attach_log *log,
    int64_t since_ms)
{
	char text[WIRE_TEXT];

	if (!isatty(STDOUT_FILENO) || log->options.json)
		return;
	text_format(text, sizeof(text), "The console of %s has said nothing%s.",
	    guest, since_ms >= 0 ? " since then" : " that is kept");
	if (log->count == 0 && log->len == 0)
		output_say(stdout, text);
	if (log->options.follow)
		output_say(stdout, "Ctrl-C ends this.");
}

int
view_log(struct session *session, const struct command_call *call)
{
	struct attach_log_options options;
	struct attach_log log;
	int64_t since_ms;
	int err;

	err = log_options(session, call, &options, &since_ms);
	if (err != 0)
		return err;
	attach_log_init(&log, &options);
	err = log_once(session, call->guest, &log, since_ms);
	if (err == 0)
		say_about_log(call->guest, &log, since_ms);
	if (err == 0 && options.follow) {
		err = log_follow(session, call->guest, &log, since_ms);
		attach_log_end(&log);
		if (err == 0)
			output_after_key();
	}
	return err == 0 ? 0 :
			  session_fail(session, err, "log", call->guest, NULL);
}
