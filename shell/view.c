/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/attach.h"
#include "shell/output.h"
#include "shell/verbs.h"

/* The last screenful, so that nobody stares at an empty screen. */
#define TAIL_BYTES    4096
#define LOG_LINES     50
#define LOG_LINES_MAX 1000000
#define LOG_MS	      10000

/* After the console server or the broker went away, for so long. */
#define RETRY_MS     1000
#define RETRY_FOR_MS 60000

static int
request(struct session *session, uint32_t type, const char *guest,
    uint32_t flags, uint64_t from, uint32_t tail,
    struct wire_attached *attached, int *viewer)
{
	struct wire_attach body;
	struct wire_msg msg;
	int err;

	memset(&body, 0, sizeof(body));
	text_copy(body.guest, sizeof(body.guest), guest);
	body.from = from;
	body.tail = from == WIRE_FROM_TAIL ? tail : 0;
	body.flags = flags;
	err = client_ask(&session->client, type, &body, WIRE_ATTACHED, &msg,
	    viewer);
	if (err == 0)
		*attached = msg.u.attached;
	return err;
}

int
view_request(struct session *session, const char *guest, uint32_t flags,
    uint64_t from, struct wire_attached *attached, int *viewer)
{
	int err;

	/* "Another session of yours": that needs to know who we are. */
	if (session->customer[0] == '\0')
		(void)session_who(session, NULL);
	err = request(session, WIRE_CONSOLE, guest, flags, from, TAIL_BYTES,
	    attached, viewer);
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
		err = client_connect(&session->client, RETRY_MS);
		if (err == 0)
			err = request(session, WIRE_CONSOLE,
			    attach->options.guest, flags, attach_from(attach),
			    TAIL_BYTES, attached, viewer);
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
	if (bye->err == 0)
		return 0;
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

int
view_log(struct session *session, const struct command_call *call)
{
	const char *lines = command_option(call, "--lines");
	struct wire_attached attached;
	long long n = LOG_LINES;
	int err, viewer;

	if (lines != NULL && text_number(lines, 0, LOG_LINES_MAX, &n) == -1)
		return session_fail(session, VPSH_ERR_USAGE, "log", NULL,
		    "N is a number of lines");
	err = request(session, WIRE_LOG, call->guest, WIRE_ATTACH_LOG,
	    WIRE_FROM_TAIL, WIRE_RING_BYTES, &attached, &viewer);
	if (err == 0) {
		fflush(stdout);
		err = attach_log(viewer, STDOUT_FILENO, (unsigned)n, LOG_MS);
		fd_close(&viewer);
	}
	return err == 0 ? 0 :
			  session_fail(session, err, "log", call->guest, NULL);
}
