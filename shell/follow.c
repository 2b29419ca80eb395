/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/follow.h"
#include "shell/output.h"
#include "shell/report.h"
#include "shell/signals.h"

struct follow {
	struct session *session;
	const char *verb;
	const char *guest;
	bool use;
	bool again; /* shown once already: only news, please */
};

static void
show_json(const struct wire_guest *guest)
{
	struct json json;

	json_begin(&json, stdout);
	json_time(&json, "at", clock_wall_ms());
	report_guest(&json, "guest", guest);
	json_end(&json);
}

static void
show(const struct follow *follow, const struct wire_guest *guest)
{
	session_remember(follow->session, guest);
	if (follow->session->json)
		show_json(guest);
	else
		output_change(stdout, guest, follow->use);
}

static void
show_left(const struct follow *follow, const char *name)
{
	char text[WIRE_TEXT];
	struct json json;

	if (follow->session->json) {
		json_begin(&json, stdout);
		json_time(&json, "at", clock_wall_ms());
		json_string(&json, "left", name);
		json_end(&json);
		return;
	}
	text_format(text, sizeof(text), "%s is not yours any more.", name);
	output_say(stdout, text);
}

/* All of them as they are now, before what changes. */
static void
show_first(const struct follow *follow, const struct wire_guest *guests,
    size_t n)
{
	bool lines = follow->session->json || follow->again;
	size_t i;

	if (!lines && isatty(STDIN_FILENO))
		output_say(stdout, "Ctrl-C ends this.");

	if (n == 0 && !follow->session->json)
		output_say(stdout, "You have no guests here.");
	if (!lines && !follow->use)
		output_list(stdout, output_table_columns(stdout), guests, n);
	for (i = 0; i < n; i++) {
		if (lines)
			show(follow, &guests[i]);
		else if (follow->use) {
			output_guest(stdout, &guests[i]);
			fputc('\n', stdout);
		}
	}
}

/*
 * Wait for the broker, for Ctrl-C, and for the end of whoever reads: a pipe
 * without a reader is the only sign that an ssh without a terminal is gone.
 */
static int
wait_news(struct client *client)
{
	struct pollfd fds[2] = { { client->fd, POLLIN, 0 },
		{ STDOUT_FILENO, 0, 0 } };

	if (fflush(stdout) == EOF || ferror(stdout))
		return VPSH_ERR_FAILED;
	if (signals_wait(fds, 2, -1) == -1)
		return errno == EINTR ? CLIENT_INTERRUPTED : VPSH_ERR_SERVICE;
	return (fds[1].revents & (POLLERR | POLLHUP)) != 0 ? VPSH_ERR_FAILED :
							     0;
}

/* Until something is wrong with this subscription. */
static int
take_news(struct follow *follow)
{
	struct client *client = &follow->session->client;
	struct wire_msg msg;
	int err, fd;

	for (;;) {
		if ((err = wait_news(client)) != 0)
			return err;
		/* What is there may belong to a job that was left alone. */
		err = client_recv(client, &msg, &fd, clock_ms());
		fd_close(&fd);
		if (err == VPSH_ERR_TIMEOUT && client->fd != -1 &&
		    client->said.err == 0)
			continue;
		if (err != 0)
			return err;
		if (msg.head.type == WIRE_GUEST)
			show(follow, &msg.u.guest);
		else if (msg.head.type != WIRE_LEFT)
			return VPSH_ERR_VERSION;
		else {
			show_left(follow, msg.u.name.guest);
			if (follow->guest != NULL)
				return VPSH_ERR_NO_GUEST;
		}
	}
}

static int
subscribe(struct follow *follow)
{
	struct wire_guest *guests;
	size_t n;
	int err;

	err = session_look(follow->session, WIRE_FOLLOW, follow->guest,
	    follow->use ? WIRE_LOOK_COUNTERS : 0, &guests, &n);
	if (err != 0)
		return err;
	show_first(follow, guests, n);
	free(guests);
	follow->again = true;
	return take_news(follow);
}

int
follow_run(struct session *session, const char *verb, const char *guest,
    bool use)
{
	struct follow follow = { session, verb, guest, use, false };
	const struct wire_empty empty = { 0 };
	struct client *client = &session->client;
	int err;

	do {
		err = subscribe(&follow);
	} while (err == VPSH_ERR_SERVICE && client->fd == -1 &&
	    client->said.err == 0 && follow.again &&
	    client_connect(client, CLIENT_CONNECT_MS) == 0);
	if (client->fd != -1)
		(void)client_send(client, WIRE_UNFOLLOW, &empty);
	if (err == CLIENT_INTERRUPTED) {
		output_after_key();
		return 0;
	}
	return session_fail(session, err, verb, guest, NULL);
}
