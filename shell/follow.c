/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/follow.h"
#include "shell/output.h"
#include "shell/report.h"
#include "shell/signals.h"

/* So long "unknown" is no news: the watcher of the host may be restarting. */
#define UNKNOWN_MS 3000

struct guests {
	struct wire_guest *guest;
	size_t n;
};

struct follow {
	struct session *session;
	const char *verb;
	const char *guest;
	bool use;
	bool again; /* shown once already: only news, please */
	struct guests shown;
	struct guests unknown; /* not shown as such yet */
	int64_t unknown_ms;    /* then they are */
};

/* --- what was shown ------------------------------------------------------ */

static struct wire_guest *
find(const struct guests *guests, const char *name)
{
	size_t i;

	for (i = 0; i < guests->n; i++)
		if (strcmp(guests->guest[i].name, name) == 0)
			return &guests->guest[i];
	return NULL;
}

static bool
forget(struct guests *guests, const char *name)
{
	struct wire_guest *guest = find(guests, name);

	if (guest == NULL)
		return false;
	guests->n--;
	memmove(guest, guest + 1,
	    (guests->n - (size_t)(guest - guests->guest)) * sizeof(*guest));
	return true;
}

/* What is not remembered is shown once more after a restart, no worse. */
static void
keep(struct guests *guests, const struct wire_guest *guest)
{
	struct wire_guest *known = find(guests, guest->name);
	struct wire_guest *more;

	if (known == NULL) {
		more = reallocarray(guests->guest, guests->n + 1,
		    sizeof(*more));
		if (more == NULL)
			return;
		guests->guest = more;
		known = &more[guests->n++];
	}
	*known = *guest;
}

/* But for uptime and counters, which are never the same. */
static bool
is_news(const struct follow *follow, const struct wire_guest *guest)
{
	const struct wire_guest *old = find(&follow->shown, guest->name);

	return old == NULL || old->state != guest->state ||
	    old->elsewhere != guest->elsewhere || old->boot != guest->boot ||
	    old->memory_kib != guest->memory_kib ||
	    old->vcpus != guest->vcpus || old->rights != guest->rights ||
	    strcmp(old->job_verb, guest->job_verb) != 0 ||
	    strcmp(old->job_ref, guest->job_ref) != 0 ||
	    strcmp(old->note, guest->note) != 0;
}

/* --- showing ------------------------------------------------------------- */

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
show(struct follow *follow, const struct wire_guest *guest)
{
	session_remember(follow->session, guest);
	keep(&follow->shown, guest);
	if (follow->session->json)
		show_json(guest);
	else
		output_change(stdout, guest, follow->use);
}

static void
show_left(struct follow *follow, const char *name)
{
	char text[WIRE_TEXT];
	struct json json;

	(void)forget(&follow->shown, name);
	(void)forget(&follow->unknown, name);
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

/* again: it may well be as it was. */
static void
show_change(struct follow *follow, const struct wire_guest *guest, bool again)
{
	if (guest->state == WIRE_STATE_UNKNOWN) {
		if (follow->unknown.n == 0)
			follow->unknown_ms = clock_ms() + UNKNOWN_MS;
		keep(&follow->unknown, guest);
		return;
	}
	if (forget(&follow->unknown, guest->name) && !follow->use)
		again = true;
	if (!again || is_news(follow, guest))
		show(follow, guest);
}

/* It is not known for so long that it is worth a line. */
static void
show_unknown(struct follow *follow)
{
	size_t i;

	for (i = 0; i < follow->unknown.n; i++)
		show(follow, &follow->unknown.guest[i]);
	follow->unknown.n = 0;
}

/* All of them as they are now, before what changes. */
static void
show_first(struct follow *follow, const struct wire_guest *guests, size_t n)
{
	bool json = follow->session->json;
	size_t i;

	if (!json && isatty(STDIN_FILENO))
		output_say(stdout, "Ctrl-C ends this.");
	if (n == 0 && !json)
		output_say(stdout, "You have no guests here.");
	if (!json && !follow->use)
		output_list(stdout, output_table_columns(stdout), guests, n);
	for (i = 0; i < n; i++) {
		keep(&follow->shown, &guests[i]);
		if (json)
			show_json(&guests[i]);
		else if (follow->use) {
			output_guest(stdout, &guests[i]);
			fputc('\n', stdout);
		}
	}
}

static bool
is_among(const struct wire_guest *guests, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(guests[i].name, name) == 0)
			return true;
	return false;
}

/* After a restart of the service: what has changed meanwhile, no more. */
static void
show_news(struct follow *follow, const struct wire_guest *guests, size_t n)
{
	char name[WIRE_NAME];
	size_t i;

	for (i = follow->shown.n; i-- > 0;) {
		text_copy(name, sizeof(name), follow->shown.guest[i].name);
		if (!is_among(guests, n, name))
			show_left(follow, name);
	}
	for (i = 0; i < n; i++)
		show_change(follow, &guests[i], true);
}

/* --- the subscription ---------------------------------------------------- */

/*
 * Wait for the broker, for Ctrl-C, and for the end of whoever reads: a pipe
 * without a reader is the only sign that an ssh without a terminal is gone.
 */
static int
wait_news(struct follow *follow)
{
	struct client *client = &follow->session->client;
	int64_t until = follow->unknown.n > 0 ? follow->unknown_ms : -1;
	struct pollfd fds[2] = { { client->fd, POLLIN, 0 },
		{ STDOUT_FILENO, 0, 0 } };

	if (fflush(stdout) == EOF || ferror(stdout))
		return VPSH_ERR_FAILED;
	if (signals_wait(fds, 2, until) == -1)
		return errno == EINTR ? CLIENT_INTERRUPTED : VPSH_ERR_SERVICE;
	if (until != -1 && clock_ms() >= until)
		show_unknown(follow);
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
		if ((err = wait_news(follow)) != 0)
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
			show_change(follow, &msg.u.guest, false);
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
	if (follow->again)
		show_news(follow, guests, n);
	else
		show_first(follow, guests, n);
	free(guests);
	follow->again = true;
	return take_news(follow);
}

int
follow_run(struct session *session, const char *verb, const char *guest,
    bool use)
{
	struct follow follow = { .session = session,
		.verb = verb,
		.guest = guest,
		.use = use };
	const struct wire_empty empty = { 0 };
	struct client *client = &session->client;
	int err;

	/* Somebody who watches overnight outlasts an upgrade. */
	client->connect_ms = CLIENT_STAY_MS;
	err = session_zone(session);
	if (err != 0)
		return session_fail(session, err, verb, guest, NULL);
	do {
		err = subscribe(&follow);
		if (!follow.again || !client_is_lost(client, err))
			break;
		err = client_return(client, CLIENT_STAY_MS);
	} while (err == 0);
	free(follow.shown.guest);
	free(follow.unknown.guest);
	if (client->fd != -1)
		(void)client_send(client, WIRE_UNFOLLOW, &empty);
	if (err == CLIENT_INTERRUPTED) {
		output_after_key();
		return 0;
	}
	return session_fail(session, err, verb, guest, NULL);
}
