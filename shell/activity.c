/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/json.h"
#include "shell/output.h"
#include "shell/verbs.h"
#include "wire/err.h"

/* As many as a broker keeps of a customer; more is no honest one's. */
#define ACTS_MAX 1000
#define ACTS	 50

struct acts {
	struct wire_act *act;
	size_t n;
};

/* ACT frames until END. */
static int
collect(struct client *client, struct acts *acts)
{
	int64_t deadline = clock_ms() + CLIENT_ANSWER_MS;
	struct wire_msg msg;
	struct wire_act *more;
	int err, fd;

	for (;;) {
		err = client_recv(client, &msg, &fd, deadline);
		fd_close(&fd);
		if (err != 0)
			return err == VPSH_ERR_TIMEOUT ? VPSH_ERR_SERVICE : err;
		if (msg.head.type == WIRE_END)
			return 0;
		if (msg.head.type != WIRE_ACT || acts->n == ACTS_MAX)
			return VPSH_ERR_VERSION;
		more = reallocarray(acts->act, acts->n + 1, sizeof(*more));
		if (more == NULL)
			return VPSH_ERR_MEMORY_HOST;
		acts->act = more;
		more[acts->n++] = msg.u.act;
	}
}

static int
ask(struct session *session, const char *guest, struct acts *acts)
{
	struct client *client = &session->client;
	struct wire_ask_activity body = { .max = ACTS };
	int err, tries = 0;

	if (guest != NULL)
		text_copy(body.guest, sizeof(body.guest), guest);
	do {
		acts->n = 0;
		err = client_connect(client, client->connect_ms);
		if (err == 0 && client->version < CLIENT_PREFS)
			return VPSH_ERR_VERSION;
		if (err == 0)
			err = client_send(client, WIRE_ACTIVITY, &body);
		if (err == 0)
			err = collect(client, acts);
	} while (client_ask_again(client, &err, &tries));
	return err;
}

/* --- showing ------------------------------------------------------------- */

static void
show_json(const struct acts *acts)
{
	const struct wire_act *act;
	struct json json;

	json_begin(&json, stdout);
	json_array(&json, "activity");
	for (act = acts->act; act < acts->act + acts->n; act++) {
		json_object(&json, NULL);
		json_time(&json, "at", act->wall_ms);
		json_string(&json, "verb", act->verb);
		json_text(&json, "guest", act->guest);
		json_string(&json, "who", act->who);
		json_text(&json, "from", act->claim);
		json_text(&json, "ref", act->ref);
		if (act->took_ms >= 0) {
			json_string(&json, "outcome",
			    act->err == 0 ? "done" : err_name(act->err));
			json_number(&json, "took_ms", act->took_ms);
		} else {
			json_null(&json, "outcome");
			json_null(&json, "took_ms");
		}
		json_close(&json);
	}
	json_end(&json);
}

/* "done after 3 seconds", "not done: still-up", "goes on" */
static void
outcome(const struct wire_act *act, char *text, size_t size)
{
	char span[OUTPUT_SPAN];

	if (act->took_ms < 0) {
		text_copy(text, size, "goes on");
		return;
	}
	if (act->err != 0) {
		text_format(text, size, "not done: %s", err_name(act->err));
		return;
	}
	output_span(act->took_ms, span);
	text_format(text, size, "done%s%s",
	    act->took_ms >= 1000 ? " after " : "",
	    act->took_ms >= 1000 ? span : "");
}

/* A date stands where the day changes, as in a log. */
static void
show_one(const struct wire_act *act, int *day)
{
	const time_t seconds = (time_t)(act->wall_ms / 1000);
	char text[WIRE_TEXT], how[WIRE_TEXT / 4], at[64] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm) != NULL) {
		if (tm.tm_year * 366 + tm.tm_yday != *day &&
		    strftime(at, sizeof(at), "-- %Y-%m-%d, times in %Z --",
			&tm) > 0)
			output_say(stdout, at);
		*day = tm.tm_year * 366 + tm.tm_yday;
		(void)strftime(at, sizeof(at), "%H:%M:%S ", &tm);
	}
	outcome(act, how, sizeof(how));
	text_format(text, sizeof(text), "%s%s%s%s, by %s%s%s: %s%s%s", at,
	    act->verb, act->guest[0] != '\0' ? " " : "", act->guest, act->who,
	    act->claim[0] != '\0' ? " from " : "", act->claim, how,
	    act->ref[0] != '\0' ? ", ref " : "", act->ref);
	output_say(stdout, text);
}

int
activity_run(struct session *session, const struct command_call *call)
{
	const char *guest = call->nargs > 0 ? call->args[0] : NULL;
	struct acts acts = { NULL, 0 };
	int day = -1, err = 0;
	size_t i;

	if (guest != NULL && !text_is_name(guest))
		err = VPSH_ERR_NO_GUEST;
	if (err == 0)
		err = ask(session, guest, &acts);
	if (err != 0) {
		free(acts.act);
		return session_fail(session, err, "activity", guest, NULL);
	}
	(void)session_zone(session);
	if (session->json)
		show_json(&acts);
	else if (acts.n == 0)
		output_say(stdout, "Nothing was done yet that is kept.");
	for (i = 0; i < acts.n && !session->json; i++)
		show_one(&acts.act[i], &day);
	free(acts.act);
	return 0;
}
