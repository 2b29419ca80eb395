/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/environ.h"
#include "shell/output.h"
#include "shell/report.h"
#include "shell/session.h"

/* More than any customer has; a broker that sends more is broken. */
#define GUESTS_MAX 4096

void
session_remember(struct session *session, const struct wire_guest *guest)
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

void
session_job(struct session *session, const char *ref)
{
	size_t i;

	for (i = 0; i < session->njobs; i++)
		if (strcmp(session->jobs[i], ref) == 0)
			return;
	if (session->njobs == SESSION_JOBS_MAX)
		memmove(session->jobs, session->jobs + 1,
		    --session->njobs * sizeof(session->jobs[0]));
	text_copy(session->jobs[session->njobs++], WIRE_REF, ref);
}

void
session_whose(struct session *session, const struct wire_who *who)
{
	text_copy(session->customer, sizeof(session->customer), who->customer);
	text_copy(session->host, sizeof(session->host), who->host);
	text_copy(session->support, sizeof(session->support), who->support);
}

void
session_prefer(struct session *session, const struct wire_prefs *prefs)
{
	session->prefers = true;
	session->prefs = *prefs;
	environ_zone(prefs->tz);
}

const char *
session_back(const struct session *session)
{
	const struct wire_prefs *prefs = &session->prefs;

	return text_is_name(prefs->back) && prefs->back_ms >= 0 &&
		prefs->back_ms < SESSION_BACK_MS ?
	    prefs->back :
	    NULL;
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
	session_whose(session, &msg.u.who);
	if (who != NULL)
		*who = msg.u.who;
	return 0;
}

int
session_prefs(struct session *session)
{
	const struct wire_empty empty = { 0 };
	struct client *client = &session->client;
	struct wire_msg msg;
	int err, fd;

	err = client_connect(client, client->connect_ms);
	if (err == 0 && client->version < CLIENT_PREFS)
		return VPSH_ERR_VERSION;
	if (err == 0)
		err = client_ask(client, WIRE_PREFS, &empty, WIRE_PREFS_ARE,
		    &msg, &fd);
	if (err == 0)
		session_prefer(session, &msg.u.prefs);
	return err;
}

int
session_zone(struct session *session)
{
	int err;

	if (session->prefers)
		return 0;
	err = session_prefs(session);
	/* One that knows of none is asked for what it is about all the same. */
	if (err == VPSH_ERR_VERSION)
		return 0;
	return session->client.fd == -1 || err == CLIENT_INTERRUPTED ? err : 0;
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
		session_remember(session, &msg.u.guest);
	}
}

int
session_look(struct session *session, uint32_t type, const char *guest,
    uint32_t flags, struct wire_guest **guests, size_t *n)
{
	int err, tries = 0;
	struct wire_look look;

	*guests = NULL;
	memset(&look, 0, sizeof(look));
	look.flags = flags;
	if (guest != NULL)
		text_copy(look.guest, sizeof(look.guest), guest);
	do {
		*n = 0;
		err = client_send(&session->client, type, &look);
		if (err == 0)
			err = collect(session, guests, n);
		if (err != 0) {
			free(*guests);
			*guests = NULL;
			*n = 0;
		}
	} while (client_ask_again(&session->client, &err, &tries));
	return err;
}

int
session_list(struct session *session, struct wire_guest **guests, size_t *n)
{
	return session_look(session, WIRE_LIST, NULL, 0, guests, n);
}

int
session_status(struct session *session, const char *name,
    struct wire_guest *guest)
{
	struct wire_guest *guests;
	size_t n;
	int err;

	err = session_look(session, WIRE_STATUS, name, 0, &guests, &n);
	if (err == 0 && n != 1)
		err = VPSH_ERR_VERSION;
	if (err == 0)
		*guest = guests[0];
	free(guests);
	return err;
}

int
session_fail_text(struct session *session, int err, const char *text,
    const char *ref)
{
	struct json json;

	if (session->screen) {
		text_copy(session->aside, sizeof(session->aside), text);
		return err;
	}
	output_say(stderr, text);
	if (session->json) {
		json_begin(&json, stdout);
		report_error(&json, err, text, ref);
		json_end(&json);
	}
	return err;
}

int
session_fail(struct session *session, int err, const char *verb,
    const char *guest, const char *detail)
{
	const struct wire_outcome said = session->client.said;
	const struct err_args args = { verb, guest, NULL, session->support,
		detail, 0 };
	char text[WIRE_TEXT * 2];

	if (err == CLIENT_INTERRUPTED) {
		output_after_key();
		return session_fail_text(session, VPSH_ERR_FAILED,
		    "Interrupted.", "");
	}
	if (said.err == err && said.text[0] != '\0')
		return session_fail_text(session, err, said.text, said.ref);
	err_sentence(err, &args, text, sizeof(text));
	return session_fail_text(session, err, text, "");
}
