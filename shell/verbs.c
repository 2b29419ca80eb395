/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "shell/output.h"
#include "shell/verbs.h"

/* Where the explanations begin in the list of commands. */
#define HELP_COLUMN 21

/* Names without states are not what was asked for: it ends as a failure. */
static int
check_known(struct session *session, const char *verb,
    const struct wire_guest *guests, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (guests[i].state == WIRE_STATE_UNKNOWN)
			return session_fail(session, VPSH_ERR_HOST, verb, NULL,
			    NULL);
	return 0;
}

int
verbs_list(struct session *session, const struct command_call *call)
{
	struct wire_guest *guests;
	size_t n;
	int err;

	(void)call;
	if ((err = session_list(session, &guests, &n)) != 0)
		return session_fail(session, err, "list", NULL, NULL);
	if (n == 0)
		output_say(stdout, "You have no guests here.");
	output_list(stdout, output_columns(stdout), guests, n);
	err = check_known(session, "list", guests, n);
	free(guests);
	return err;
}

static int
status_all(struct session *session)
{
	struct wire_guest *guests;
	size_t i, n;
	int err;

	if ((err = session_list(session, &guests, &n)) != 0)
		return session_fail(session, err, "status", NULL, NULL);
	if (n == 0)
		output_say(stdout, "You have no guests here.");
	for (i = 0; i < n; i++) {
		if (i > 0)
			fputc('\n', stdout);
		output_guest(stdout, &guests[i]);
	}
	err = check_known(session, "status", guests, n);
	free(guests);
	return err;
}

int
verbs_status(struct session *session, const struct command_call *call)
{
	struct wire_guest guest;
	int err;

	if (call->nargs == 0)
		return status_all(session);
	err = VPSH_ERR_NO_GUEST;
	if (text_is_name(call->args[0]))
		err = session_status(session, call->args[0], &guest);
	if (err != 0)
		return session_fail(session, err, "status", call->args[0],
		    NULL);
	output_guest(stdout, &guest);
	return check_known(session, "status", &guest, 1);
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
		output_say(stdout, text);
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
	output_say(stdout, msg.u.because.text);
	return msg.u.because.allowed ? 0 : VPSH_ERR_DENIED;
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
	int err;

	(void)call;
	output_field(stdout, "vpsh", VPSH_BUILD);
	err = client_connect(&session->client, CLIENT_CONNECT_MS);
	if (err != 0)
		return session_fail(session, err, "version", NULL, NULL);
	output_field(stdout, "service", session->client.build);
	return 0;
}

static void
help_all(void)
{
	const struct command *command;
	char text[HELP_COLUMN * 4], line[WIRE_TEXT];
	int columns = output_columns(stdout);
	size_t i;

	for (i = 0; (command = command_at(i)) != NULL; i++) {
		text_format(text, sizeof(text), "%s%s%s", command->name,
		    *command->args != '\0' ? " " : "", command->args);
		if (columns < OUTPUT_NARROW) {
			text_format(line, sizeof(line), "%s: %s", text,
			    command->help);
			output_say(stdout, line);
		} else
			printf("%-*s%s\n", HELP_COLUMN, text, command->help);
	}
	fputc('\n', stdout);
	output_say(stdout,
	    "GUEST is the name of one of yours; with only one "
	    "you may leave it out. help COMMAND says more about one of "
	    "these.");
}

int
verbs_help(struct session *session, const struct command_call *call)
{
	const struct command_option *option;
	const struct command *command;
	size_t i;

	if (call->nargs == 0) {
		help_all();
		return 0;
	}
	command = command_find(call->args[0], session->line.person);
	if (command == NULL)
		return session_fail(session, VPSH_ERR_UNKNOWN_COMMAND,
		    call->args[0], NULL, NULL);
	printf("%s%s%s", command->name, *command->args != '\0' ? " " : "",
	    command->args);
	for (i = 0; i < COMMAND_OPTIONS_MAX; i++) {
		option = &command->options[i];
		if (option->name != NULL)
			printf(" [%s%s%s]", option->name,
			    option->value != NULL ? " " : "",
			    option->value != NULL ? option->value : "");
	}
	printf(": %s\n", command->help);
	for (i = 0; i < COMMAND_OPTIONS_MAX; i++) {
		option = &command->options[i];
		if (option->name != NULL)
			printf("%s%s%s: %s\n", option->name,
			    option->value != NULL ? " " : "",
			    option->value != NULL ? option->value : "",
			    option->help);
	}
	if (command->more != NULL)
		output_say(stdout, command->more);
	return 0;
}

int
verbs_exit(struct session *session, const struct command_call *call)
{
	(void)call;
	session->leave = true;
	return 0;
}
