/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/again.h"
#include "shell/track.h"
#include "wire/err.h"

/* How long the viewer before stays, so that nobody else becomes writer. */
#define BEFORE_MS 200

/* A queue that nobody takes from may be that of a socket that is no more. */
#define GREET_MS 3000

/* A console that works does not stand still for longer. */
#define HOLD_MS 1000

/* A service that is just there is asked again, whatever it said first. */
static bool
may_come_back(int err)
{
	switch (err) {
	case VPSH_ERR_SERVICE:
	case VPSH_ERR_CONSOLE:
	case VPSH_ERR_TIMEOUT:
	case VPSH_ERR_HOST:
	case VPSH_ERR_MEMORY_HOST:
	/* Those who were there before us are many, too. */
	case VPSH_ERR_BUSY:
	case VPSH_ERR_RATE:
	case VPSH_ERR_CONNECTS:
	case VPSH_ERR_SESSIONS:
		return true;
	default:
		return false;
	}
}

/* Something is missing from now on; try to get it at once. */
static void
begin(struct again *again, int state)
{
	again->state = state;
	again->next_ms = clock_ms();
	again->delay_ms = AGAIN_MIN_MS;
}

/* It did not work this time. */
static void
later(struct again *again, int state)
{
	again->state = state;
	again->next_ms = clock_ms() + again->delay_ms;
	again->delay_ms *= 2;
	if (again->delay_ms > AGAIN_MAX_MS)
		again->delay_ms = AGAIN_MAX_MS;
	attach_hold(&again->attach, false);
}

static void
connect_later(struct again *again)
{
	client_close(&again->session->client);
	later(again, AGAIN_CONNECT);
}

static void
connect_now(struct again *again)
{
	int err = client_begin(&again->session->client);

	if (err == VPSH_ERR_SERVICE) {
		connect_later(again);
	} else if (err != 0) {
		again->err = err;
	} else {
		/* It may come up with our connection in its queue. */
		again->state = AGAIN_GREET;
		again->next_ms = clock_ms() + GREET_MS;
	}
}

static void
ask_now(struct again *again)
{
	struct client *client = &again->session->client;
	struct wire_attach body = { .from = attach_from(&again->attach),
		.flags = again->flags,
		.since_ms = -1 };

	if (body.from == WIRE_FROM_TAIL)
		body.tail = AGAIN_TAIL_BYTES;
	text_copy(body.guest, sizeof(body.guest), again->guest);
	again->asked = ++client->id;
	if (wire_send_version(client->fd, client->version, WIRE_CONSOLE,
		again->asked, &body) == -1) {
		connect_later(again);
		return;
	}
	again->state = AGAIN_ASKED;
	/* What comes from here on is the next viewer's to show. */
	attach_hold(&again->attach, true);
	again->next_ms = clock_ms() + HOLD_MS;
}

/* The old viewer stays for a moment: who writes keeps writing. */
static void
take_viewer(struct again *again, const struct wire_attached *attached, int *fd)
{
	again->attached = *attached;
	fd_close(&again->before);
	again->before = again->viewer;
	again->viewer = *fd;
	*fd = -1;
	again->state = AGAIN_WELL;
	again->next_ms = again->before != -1 ? clock_ms() + BEFORE_MS : -1;
	attach_viewer(&again->attach, again->viewer, attached->may_write != 0);
}

static void
refused(struct again *again, const struct wire_outcome *outcome)
{
	if (may_come_back(outcome->err)) {
		later(again, AGAIN_ASK);
		return;
	}
	again->session->client.said = *outcome;
	again->err = outcome->err < 0 ? outcome->err : VPSH_ERR_FAILED;
}

/* HELLO, or what came instead of it. */
static void
greeted(struct again *again, const struct wire_msg *msg)
{
	int err = client_greeted(&again->session->client, msg);

	if (err == 0)
		begin(again, AGAIN_ASK);
	else if (may_come_back(err))
		connect_later(again);
	else
		again->err = err;
}

/* What became of a key of sysrq; DONE is shown as that of any job. */
static void
pressed(struct again *again, const struct wire_msg *msg, char text[WIRE_TEXT])
{
	if (msg->head.type == WIRE_REFUSED)
		text_copy(text, WIRE_TEXT, msg->u.outcome.text);
	if (msg->head.type == WIRE_REFUSED || msg->head.type == WIRE_DONE)
		again->pressed = 0;
}

/* They see the guest, so it is the one that runs now: no boot is named. */
static void
on_sysrq(void *arg, char key, char text[WIRE_TEXT])
{
	struct again *again = arg;
	struct client *client = &again->session->client;
	struct wire_sysrq body = { .key = (uint32_t)(unsigned char)key };

	text_copy(text, WIRE_TEXT,
	    "sysrq: no key was pressed, for vpsh is restarting. Try again in "
	    "a moment");
	(void)track_token(&body.token);
	text_copy(body.guest, sizeof(body.guest), again->guest);
	if (client->fd == -1 || again->state == AGAIN_CONNECT ||
	    again->state == AGAIN_GREET ||
	    wire_send_version(client->fd, client->version, WIRE_SYSRQ,
		client->id + 1, &body) == -1)
		return;
	again->pressed = ++client->id;
	text_format(text, WIRE_TEXT, "sysrq: %c", key);
}

/* A frame of the broker's; true when that has changed something. */
static bool
on_broker(void *arg, const struct wire_msg *msg, int *fd, char text[WIRE_TEXT])
{
	struct again *again = arg;

	if (again->state == AGAIN_GREET) {
		greeted(again, msg);
		return true;
	}
	if (again->state == AGAIN_ASKED && msg->head.id == again->asked) {
		if (msg->head.type == WIRE_ATTACHED)
			take_viewer(again, &msg->u.attached, fd);
		else if (msg->head.type == WIRE_REFUSED)
			refused(again, &msg->u.outcome);
		return true;
	}
	if (msg->head.id == again->pressed && again->pressed != 0)
		pressed(again, msg, text);
	/* A job that was left alone ends while its guest's console is shown. */
	if (msg->head.type == WIRE_DONE)
		text_format(text, WIRE_TEXT, "%s: %s", msg->u.outcome.ref,
		    msg->u.outcome.text);
	return false;
}

/* The time of next_ms has come. */
static void
step(struct again *again)
{
	again->next_ms = -1;
	switch (again->state) {
	case AGAIN_WELL:
		fd_close(&again->before);
		break;
	case AGAIN_CONNECT:
		connect_now(again);
		break;
	case AGAIN_GREET:
		connect_later(again);
		break;
	case AGAIN_ASK:
		ask_now(again);
		break;
	case AGAIN_ASKED:
		if (!again->attach.held) {
			connect_later(again);
			break;
		}
		attach_hold(&again->attach, false);
		again->next_ms = clock_ms() + CLIENT_ANSWER_MS;
		break;
	}
}

/* The console server is gone, or this viewer is too slow for it. */
static void
viewer_lost(struct again *again)
{
	fd_close(&again->viewer);
	fd_close(&again->before);
	attach_viewer(&again->attach, -1, false);
	if (again->state != AGAIN_WELL)
		return;
	/* A broker may not have seen yet that there is no console server. */
	if (again->attach.gap_ms == again->gap_ms)
		later(again, AGAIN_ASK);
	else
		begin(again, AGAIN_ASK);
	again->gap_ms = again->attach.gap_ms;
}

static void
broker_lost(struct again *again)
{
	bool greeting = again->state == AGAIN_GREET;

	client_close(&again->session->client);
	again->pressed = 0;
	if (greeting) {
		connect_later(again);
		return;
	}
	begin(again, AGAIN_CONNECT);
	attach_hold(&again->attach, false);
}

/* A console that works is not given up for want of a broker. */
static int64_t
give_up_at(const struct again *again)
{
	return again->attach.gap_ms == -1 ?
	    -1 :
	    again->attach.gap_ms + AGAIN_FOR_MS;
}

/* One run; true when it is over. */
static bool
run(struct again *again, enum attach_end *end)
{
	int64_t until = again->next_ms, last = give_up_at(again);

	if (last != -1 && (until == -1 || last < until))
		until = last;
	*end = attach_run(&again->attach, again->session->client.fd, until);
	switch (*end) {
	case ATTACH_LOST:
		viewer_lost(again);
		break;
	case ATTACH_BYE:
		if (again->attach.bye.err != VPSH_ERR_SERVICE)
			return true;
		broker_lost(again);
		break;
	case ATTACH_ALONE:
		broker_lost(again);
		break;
	case ATTACH_LATER:
		/* The console may have come back since. */
		last = give_up_at(again);
		if (last != -1 && clock_ms() >= last)
			again->err = again->state == AGAIN_ASK ?
			    VPSH_ERR_CONSOLE :
			    VPSH_ERR_SERVICE;
		else if (again->next_ms != -1 && clock_ms() >= again->next_ms)
			step(again);
		break;
	case ATTACH_NEWS:
		break;
	case ATTACH_LEFT:
	case ATTACH_ENDED:
	case ATTACH_REVOKED:
		return true;
	}
	*end = ATTACH_LOST;
	return again->err != 0;
}

enum attach_end
again_run(struct again *again, struct session *session, const char *guest,
    uint32_t flags, const struct wire_attached *attached, int viewer,
    unsigned generation)
{
	const struct attach_options options = { .guest = guest,
		.customer = session->customer,
		.term = session->term,
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.err = STDERR_FILENO,
		.broker = on_broker,
		.sysrq = on_sysrq,
		.arg = again,
		.escape = (enum wire_escape)session->prefs.escape,
		.version = &session->client.version };
	enum attach_end end = ATTACH_LOST;

	memset(again, 0, sizeof(*again));
	again->session = session;
	again->guest = guest;
	again->flags = flags;
	again->attached = *attached;
	again->viewer = viewer;
	again->before = -1;
	again->next_ms = again->gap_ms = -1;
	if (session->client.fd == -1)
		begin(again, AGAIN_CONNECT);
	else if (session->client.generation != generation)
		begin(again, AGAIN_ASK);
	fflush(stdout);
	if (attach_open(&again->attach, &options) == -1) {
		again->err = VPSH_ERR_FAILED;
	} else {
		attach_viewer(&again->attach, viewer, attached->may_write != 0);
		while (!run(again, &end))
			continue;
	}
	attach_close(&again->attach);
	fd_close(&again->viewer);
	fd_close(&again->before);
	if (again->state == AGAIN_GREET)
		client_close(&session->client);
	return end;
}
