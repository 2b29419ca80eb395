/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/output.h"
#include "shell/session.h"

/* More than any customer has; a broker that sends more is broken. */
#define GUESTS_MAX 4096

static void
remember(struct session *session, const struct wire_guest *guest)
{
	size_t i;

	for (i = 0; i < session->nseen; i++)
		if (strcmp(session->seen[i].guest, guest->name) == 0)
			break;
	if (i == SESSION_SEEN_MAX)
		i = 0;
	if (i == session->nseen)
		session->nseen++;
	text_copy(session->seen[i].guest, sizeof(session->seen[i].guest),
	    guest->name);
	session->seen[i].boot = guest->boot;
}

uint64_t
session_seen(const struct session *session, const char *guest)
{
	size_t i;

	for (i = 0; i < session->nseen; i++)
		if (strcmp(session->seen[i].guest, guest) == 0)
			return session->seen[i].boot;
	return 0;
}

void
session_forget(struct session *session, const char *guest)
{
	size_t i;

	for (i = 0; i < session->nseen; i++)
		if (strcmp(session->seen[i].guest, guest) == 0)
			session->seen[i].boot = 0;
}

int
session_who(struct session *session, struct wire_who *who)
{
	const struct wire_empty empty = { 0 };
	struct wire_msg msg;
	int err, fd;

	err = client_ask(&session->client, WIRE_WHOAMI, &empty, WIRE_WHO, &msg,
	    &fd);
	if (err != 0)
		return err;
	text_copy(session->customer, sizeof(session->customer),
	    msg.u.who.customer);
	text_copy(session->host, sizeof(session->host), msg.u.who.host);
	text_copy(session->support, sizeof(session->support),
	    msg.u.who.support);
	if (who != NULL)
		*who = msg.u.who;
	return 0;
}

/* GUEST frames until END, each added to the list. */
static int
collect(struct session *session, struct wire_guest **guests, size_t *n)
{
	int64_t deadline = clock_ms() + CLIENT_ANSWER_MS;
	struct wire_guest *more;
	struct wire_msg msg;
	int err, fd;

	for (;;) {
		err = client_recv(&session->client, &msg, &fd, deadline);
		fd_close(&fd);
		if (err != 0)
			return err == VPSH_ERR_TIMEOUT ? VPSH_ERR_SERVICE : err;
		if (msg.head.type == WIRE_END)
			return 0;
		if (msg.head.type != WIRE_GUEST || *n == GUESTS_MAX)
			return VPSH_ERR_VERSION;
		more = reallocarray(*guests, *n + 1, sizeof(**guests));
		if (more == NULL)
			return VPSH_ERR_MEMORY_HOST;
		*guests = more;
		(*guests)[(*n)++] = msg.u.guest;
		remember(session, &msg.u.guest);
	}
}

static int
ask_guests(struct session *session, uint32_t type, const void *body,
    struct wire_guest **guests, size_t *n)
{
	int err;

	*guests = NULL;
	*n = 0;
	err = client_send(&session->client, type, body);
	if (err == 0)
		err = collect(session, guests, n);
	if (err != 0) {
		free(*guests);
		*guests = NULL;
		*n = 0;
	}
	return err;
}

int
session_list(struct session *session, struct wire_guest **guests, size_t *n)
{
	const struct wire_empty empty = { 0 };

	return ask_guests(session, WIRE_LIST, &empty, guests, n);
}

int
session_status(struct session *session, const char *name,
    struct wire_guest *guest)
{
	struct wire_guest *guests;
	struct wire_name body;
	size_t n;
	int err;

	memset(&body, 0, sizeof(body));
	text_copy(body.guest, sizeof(body.guest), name);
	err = ask_guests(session, WIRE_STATUS, &body, &guests, &n);
	if (err == 0 && n != 1)
		err = VPSH_ERR_VERSION;
	if (err == 0)
		*guest = guests[0];
	free(guests);
	return err;
}

int
session_fail(struct session *session, int err, const char *verb,
    const char *guest, const char *detail)
{
	const struct wire_outcome *said = &session->client.said;
	const struct err_args args = { verb, guest, NULL, session->support,
		detail, 0 };
	char text[WIRE_TEXT * 2];

	if (err == CLIENT_INTERRUPTED) {
		output_after_key();
		output_say(stderr, "Interrupted.");
		return VPSH_ERR_FAILED;
	}
	if (said->err == err && said->text[0] != '\0') {
		output_say(stderr, said->text);
		return err;
	}
	err_sentence(err, &args, text, sizeof(text));
	output_say(stderr, text);
	return err;
}
