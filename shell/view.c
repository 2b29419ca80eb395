/* SPDX-License-Identifier: ISC */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/again.h"
#include "shell/attach_log.h"
#include "shell/output.h"
#include "shell/signals.h"
#include "shell/verbs.h"
#include "shell/when.h"

#define LOG_LINES     50
#define LOG_LINES_MAX 1000000
#define LOG_MS	      10000

/* A console server that restarts is waited for as a broker is. */
static int
request(struct session *session, uint32_t type, struct wire_attach *body,
    const char *guest, struct wire_attached *attached, int *viewer)
{
	struct client *client = &session->client;
	int64_t until = clock_ms() + client->connect_ms;
	struct wire_msg msg;
	int err;

	text_copy(body->guest, sizeof(body->guest), guest);
	for (;;) {
		err = client_ask(client, type, body, WIRE_ATTACHED, &msg,
		    viewer);
		if (err != VPSH_ERR_CONSOLE || clock_ms() >= until)
			break;
		client_tell(client);
		if (signals_wait(NULL, 0, clock_ms() + CLIENT_RETRY_MS) == -1)
			return CLIENT_INTERRUPTED;
	}
	if (err == 0)
		*attached = msg.u.attached;
	return err;
}

static int
request_console(struct session *session, const char *guest, uint32_t flags,
    uint64_t from, struct wire_attached *attached, int *viewer)
{
	struct wire_attach body = { .from = from,
		.tail = from == WIRE_FROM_TAIL ? AGAIN_TAIL_BYTES : 0,
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
	/* And which keys are ours. */
	if (!session->prefers && isatty(STDIN_FILENO))
		(void)session_prefs(session);
	err = request_console(session, guest, flags, from, attached, viewer);
	return err == 0 ? 0 :
			  session_fail(session, err, "console", guest, NULL);
}

/* What the end of it means for the session. */
static int
finish(struct session *session, enum attach_end end,
    const struct wire_outcome *bye, const char *guest)
{
	switch (end) {
	case ATTACH_LEFT:
	case ATTACH_LOST:
	case ATTACH_ALONE:
	case ATTACH_NEWS:
	case ATTACH_LATER:
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

/*
 * Of their own will: after a line that dropped they would be shown back here.
 * A terminal that has gone polls as an error, a pipe at its end does not.
 */
static void
leave(struct client *client)
{
	const struct wire_empty empty = { 0 };
	struct pollfd line = { STDIN_FILENO, 0, 0 };

	if (client->fd == -1 || client->version < CLIENT_PREFS ||
	    (poll(&line, 1, 0) == 1 && (line.revents & POLLERR) != 0))
		return;
	(void)client_post(client, WIRE_LEAVE, &empty);
}

int
view_run(struct session *session, const char *guest, uint32_t flags,
    const struct wire_attached *attached, int viewer, unsigned generation)
{
	struct again again;
	enum attach_end end;

	end = again_run(&again, session, guest, flags, attached, viewer,
	    generation);
	if (end == ATTACH_LEFT)
		leave(&session->client);
	/* What a script piped in has reached nobody. */
	if (end == ATTACH_LEFT && again.attach.fed &&
	    again.attached.state == WIRE_STATE_OFF)
		again.err = VPSH_ERR_NOT_RUNNING;
	if (again.err != 0)
		return session_fail(session, again.err, "console", guest, NULL);
	return finish(session, end, &again.attach.bye, guest);
}

/* A number of bytes from the first one of all; *from is left when none. */
static int
take_offset(struct session *session, const struct command_call *call,
    uint64_t *from)
{
	const char *offset = command_option(call, "--from");
	long long n;

	if (offset == NULL)
		return 0;
	if (text_number(offset, 0, INT64_MAX, &n) == -1)
		return session_fail(session, VPSH_ERR_USAGE,
		    call->command->name, NULL, "OFFSET is a number of bytes");
	*from = (uint64_t)n;
	return 0;
}

int
view_console(struct session *session, const struct command_call *call)
{
	struct wire_attached attached;
	uint64_t from = WIRE_FROM_TAIL;
	uint32_t flags = 0;
	int err, viewer;

	if ((err = take_offset(session, call, &from)) != 0)
		return err;
	if (command_option(call, "--view") != NULL)
		flags |= WIRE_ATTACH_VIEW;
	session->client.connect_ms = CLIENT_STAY_MS;
	err = view_request(session, call->guest, flags, from, &attached,
	    &viewer);
	if (err != 0)
		return err;
	return view_run(session, call->guest, flags, &attached, viewer,
	    session->client.generation);
}

/* --- log ----------------------------------------------------------------- */

/* From that byte or where it stopped on, or all from that time on. */
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
	struct client *client = &session->client;
	int err, viewer, tries = 0;

	/* Nothing of it is shown before it is whole: it can begin again. */
	do {
		err = request_log(session, guest, 0, log, since_ms, &viewer);
		if (err != 0)
			return err;
		err = attach_log_collect(log, viewer, LOG_MS);
		fd_close(&viewer);
		if (err != VPSH_ERR_CONSOLE || ++tries == CLIENT_TRIES)
			return err;
		client_tell(client);
	} while (signals_wait(NULL, 0, clock_ms() + CLIENT_RETRY_MS) != -1);
	return CLIENT_INTERRUPTED;
}

/* A moment, and the broker; 0 or what ends the waiting. */
static int
log_wait(struct client *client, int64_t deadline)
{
	int64_t now = clock_ms();
	int err;

	if (now >= deadline)
		return VPSH_ERR_CONSOLE;
	client_tell(client);
	if (signals_wait(NULL, 0, now + AGAIN_MIN_MS * 2) == -1)
		return CLIENT_INTERRUPTED;
	if ((err = client_drain(client)) != 0)
		return err;
	return client_connect(client, (int)(deadline - now));
}

static bool
may_come_back(int err)
{
	return err == VPSH_ERR_SERVICE || err == VPSH_ERR_CONSOLE ||
	    err == VPSH_ERR_TIMEOUT || err == VPSH_ERR_RATE;
}

/* Until the customer leaves, over restarts of the service. */
static int
log_follow(struct session *session, const char *guest, struct attach_log *log,
    int64_t since_ms)
{
	struct client *client = &session->client;
	int64_t deadline = clock_ms() + AGAIN_FOR_MS;
	int err, viewer;

	for (;;) {
		err = request_log(session, guest, WIRE_ATTACH_FOLLOW, log,
		    since_ms, &viewer);
		if (err == 0) {
			client->told = false;
			err = attach_log_follow(log, viewer, client);
			deadline = clock_ms() + AGAIN_FOR_MS;
		}
		fd_close(&viewer);
		if (!may_come_back(err) || client->over)
			break;
		if ((err = log_wait(client, deadline)) != 0)
			break;
	}
	return err == CLIENT_INTERRUPTED ? 0 : err;
}

static int
log_options(struct session *session, const struct command_call *call,
    struct attach_log_options *options, int64_t *since_ms)
{
	const char *since = command_option(call, "--since");
	const char *from = command_option(call, "--from");
	long long lines = LOG_LINES;
	int err;

	*since_ms = -1;
	if (since != NULL && from != NULL)
		return session_fail(session, VPSH_ERR_USAGE, "log", NULL,
		    "say either --since or --from");
	if (since != NULL &&
	    when_parse(since, clock_wall_ms(), since_ms) == -1)
		return session_fail(session, VPSH_ERR_USAGE, "log", NULL,
		    WHEN_TEXT);
	/* Who says from when or where wants all of it. */
	if (command_number(session, call, "--lines", 0, LOG_LINES_MAX,
		since != NULL || from != NULL ? 0 : LOG_LINES, &lines) != 0)
		return VPSH_ERR_USAGE;
	err = session_zone(session);
	if (err != 0)
		return session_fail(session, err, "log", call->guest, NULL);
	/* By their own clock, not that of this host. */
	if (since != NULL)
		(void)when_parse(since, clock_wall_ms(), since_ms);
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
	if (options.follow)
		session->client.connect_ms = CLIENT_STAY_MS;
	attach_log_init(&log, &options);
	if ((err = take_offset(session, call, &log.offset)) != 0)
		return err;
	log.known = command_option(call, "--from") != NULL;
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
