/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "menu/menu.h"
#include "shell/follow.h"
#include "shell/output.h"
#include "shell/report.h"
#include "shell/verbs.h"

/* Names without states are not what was asked for: it ends as a failure. */
static int
check_known(const struct wire_guest *guests, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (guests[i].state == WIRE_STATE_UNKNOWN)
			return VPSH_ERR_HOST;
	return 0;
}

/* One object, with the error in it if there is one. */
static int
say_json(struct session *session, const struct wire_guest *guests, size_t n)
{
	const struct err_args args = { .support = session->support };
	int err = check_known(guests, n);
	char text[WIRE_TEXT];
	struct json json;

	json_begin(&json, stdout);
	report_guests(&json, guests, n);
	if (err != 0) {
		err_sentence(err, &args, text, sizeof(text));
		report_error(&json, err, text, "");
		output_say(stderr, text);
	}
	json_end(&json);
	return err;
}

int
verbs_list(struct session *session, const struct command_call *call)
{
	struct wire_guest *guests;
	size_t n;
	int err;

	if (command_option(call, "--follow") != NULL)
		return follow_run(session, "list", NULL, false);
	err = session_look(session, WIRE_LIST, NULL, WIRE_LOOK_COUNTERS,
	    &guests, &n);
	if (err != 0)
		return session_fail(session, err, "list", NULL, NULL);
	if (session->json) {
		err = say_json(session, guests, n);
	} else {
		if (n == 0)
			output_say(stdout, "You have no guests here.");
		output_list(stdout, output_table_columns(stdout), guests, n);
		if ((err = check_known(guests, n)) != 0)
			session_fail(session, err, "list", NULL, NULL);
	}
	free(guests);
	return err;
}

int
verbs_status(struct session *session, const struct command_call *call)
{
	const char *guest = call->nargs > 0 ? call->args[0] : NULL;
	struct wire_guest *guests = NULL;
	size_t i, n = 0;
	int err = 0;

	if (guest != NULL && !text_is_name(guest))
		err = VPSH_ERR_NO_GUEST;
	if (err == 0 && command_option(call, "--follow") != NULL)
		return follow_run(session, "status", guest, true);
	if (err == 0)
		err = session_look(session,
		    guest != NULL ? WIRE_STATUS : WIRE_LIST, guest,
		    WIRE_LOOK_COUNTERS, &guests, &n);
	if (err != 0)
		return session_fail(session, err, "status", guest, NULL);
	if (session->json) {
		err = say_json(session, guests, n);
	} else {
		if (n == 0)
			output_say(stdout, "You have no guests here.");
		for (i = 0; i < n; i++) {
			if (i > 0)
				fputc('\n', stdout);
			output_guest(stdout, &guests[i]);
		}
		if ((err = check_known(guests, n)) != 0)
			session_fail(session, err, "status", guest, NULL);
	}
	free(guests);
	return err;
}

/* The guest that is asked about, in out; empty when none is needed. */
static int
why_guest(struct session *session, const struct command_call *call,
    const struct command *command, char out[WIRE_NAME])
{
	*out = '\0';
	if (call->nargs == 1)
		return command->guest || command->type == WIRE_STATUS ?
		    command_only_guest(session, "why", out) :
		    0;
	if (!text_is_name(call->args[1]))
		return session_fail(session, VPSH_ERR_NO_GUEST, "why", NULL,
		    NULL);
	text_copy(out, WIRE_NAME, call->args[1]);
	return 0;
}

/* The broker's answer, or our own for what needs no right. */
static void
say_because(const struct session *session, const char *verb,
    const char *guest, bool allowed, const char *text)
{
	struct json json;

	if (!session->json) {
		output_say(stdout, text);
		return;
	}
	json_begin(&json, stdout);
	json_string(&json, "command", verb);
	json_text(&json, "guest", guest);
	json_bool(&json, "allowed", allowed);
	json_string(&json, "because", text);
	json_end(&json);
}

int
verbs_why(struct session *session, const struct command_call *call)
{
	const struct command *command = command_find(call->args[0], false);
	char text[WIRE_TEXT];
	struct wire_why body;
	struct wire_msg msg;
	int err, fd;

	if (command == NULL)
		return session_fail(session, VPSH_ERR_UNKNOWN_COMMAND,
		    call->args[0], NULL, NULL);
	if (command->type == 0) {
		text_format(text, sizeof(text), "Anybody may use %s.",
		    command->name);
		say_because(session, command->name, NULL, true, text);
		return 0;
	}
	memset(&body, 0, sizeof(body));
	text_copy(body.verb, sizeof(body.verb), command->name);
	err = why_guest(session, call, command, body.guest);
	if (err != 0)
		return err;
	err = client_ask(&session->client, WIRE_WHY, &body, WIRE_BECAUSE, &msg,
	    &fd);
	if (err != 0)
		return session_fail(session, err, "why", body.guest, NULL);
	say_because(session, command->name, body.guest,
	    msg.u.because.allowed != 0, msg.u.because.text);
	return msg.u.because.allowed ? 0 : VPSH_ERR_DENIED;
}

static void
whoami_json(const struct wire_who *who)
{
	struct json json;

	json_begin(&json, stdout);
	json_string(&json, "customer", who->customer);
	json_string(&json, "host", who->host);
	json_count(&json, "guests", who->guests);
	report_rights(&json, "rights", who->rights);
	json_text(&json, "support", who->support);
	json_end(&json);
}

int
verbs_whoami(struct session *session, const struct command_call *call)
{
	char text[WIRE_TEXT];
	struct wire_who who;
	int err;

	(void)call;
	if ((err = session_who(session, &who)) != 0)
		return session_fail(session, err, "whoami", NULL, NULL);
	if (session->json) {
		whoami_json(&who);
		return 0;
	}
	output_field(stdout, "customer", who.customer);
	output_field(stdout, "host", who.host);
	text_format(text, sizeof(text), "%" PRIu32, who.guests);
	output_field(stdout, "guests", text);
	output_rights(who.rights, text, sizeof(text));
	output_field(stdout, "you may", text);
	output_field(stdout, "help", who.support);
	return 0;
}

int
verbs_version(struct session *session, const struct command_call *call)
{
	struct json json;
	int err;

	(void)call;
	if (!session->json)
		output_field(stdout, "vpsh", VPSH_BUILD);
	err = client_connect(&session->client, session->client.connect_ms);
	if (err != 0)
		return session_fail(session, err, "version", NULL, NULL);
	if (!session->json) {
		output_field(stdout, "service", session->client.build);
		return 0;
	}
	json_begin(&json, stdout);
	json_string(&json, "vpsh", VPSH_BUILD);
	json_string(&json, "service", session->client.build);
	json_end(&json);
	return 0;
}

/* As words of a login they choose the other one: shell/mode.c. */
int
verbs_line(struct session *session, const struct command_call *call)
{
	(void)call;
	output_say(stdout,
	    session->menu != NULL ?
		"This is line mode. prefs line makes it so at every login; "
		"menu goes back to the menu." :
		"This is line mode.");
	return 0;
}

int
verbs_menu(struct session *session, const struct command_call *call)
{
	(void)call;
	if (!session->line.person)
		return session_fail(session, VPSH_ERR_USAGE, "menu", NULL,
		    "the menu is for a person at a terminal: ssh -t");
	if (session->menu == NULL)
		return session_fail(session, VPSH_ERR_USAGE, "menu", NULL,
		    "the menu needs a terminal that can be drawn on");
	/* Their window may be another one by now. */
	menu_resized(session->menu);
	if (!menu_fits(session->menu))
		return session_fail(session, VPSH_ERR_USAGE, "menu", NULL,
		    "the menu needs a window of 40 columns and 12 lines");
	session->to_menu = session->leave = true;
	return 0;
}

int
verbs_exit(struct session *session, const struct command_call *call)
{
	(void)call;
	session->leave = true;
	return 0;
}
