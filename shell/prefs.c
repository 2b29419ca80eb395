/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "shell/json.h"
#include "shell/output.h"
#include "shell/verbs.h"
#include "wire/err.h"

static const char *
mode_name(uint32_t mode)
{
	return mode == WIRE_MODE_LINE ? "line" : "menu";
}

static void
show_json(const struct wire_prefs *prefs)
{
	struct json json;

	json_begin(&json, stdout);
	json_object(&json, "prefs");
	json_string(&json, "interface",
	    mode_name(prefs->mode != WIRE_MODE_DEFAULT ? prefs->mode :
							 prefs->policy_mode));
	json_bool(&json, "interface_is_yours",
	    prefs->mode != WIRE_MODE_DEFAULT);
	json_bool(&json, "escape", prefs->escape != WIRE_ESCAPE_NONE);
	json_text(&json, "zone", prefs->zone);
	json_end(&json);
}

static void
show(const struct wire_prefs *prefs)
{
	char text[WIRE_TEXT];

	text_format(text, sizeof(text), "%s%s",
	    mode_name(prefs->mode != WIRE_MODE_DEFAULT ? prefs->mode :
							 prefs->policy_mode),
	    prefs->mode != WIRE_MODE_DEFAULT ? "" : ", as for everybody here");
	output_field(stdout, "interface", text);
	output_field(stdout, "escape",
	    prefs->escape == WIRE_ESCAPE_NONE ?
		"off: only Ctrl-] leaves a console" :
		"on: Ctrl-Q three times leaves a console, too");
	output_field(stdout, "zone",
	    prefs->zone[0] != '\0' ? prefs->zone : "that of this host");
}

/* What was typed, into prefs.  Says what is wrong with it. */
static int
take(struct session *session, const struct command_call *call,
    struct wire_prefs *prefs)
{
	const char *word = call->args[0], *value = call->args[1];
	bool escape = strcmp(word, "escape") == 0;
	bool zone = strcmp(word, "zone") == 0;

	if (call->nargs == 1 && strcmp(word, "line") == 0) {
		prefs->mode = WIRE_MODE_LINE;
	} else if (call->nargs == 1 && strcmp(word, "menu") == 0) {
		prefs->mode = WIRE_MODE_MENU;
	} else if (call->nargs == 2 && escape && strcmp(value, "on") == 0) {
		prefs->escape = WIRE_ESCAPE_DEFAULT;
	} else if (call->nargs == 2 && escape && strcmp(value, "off") == 0) {
		prefs->escape = WIRE_ESCAPE_NONE;
	} else if (call->nargs == 2 && zone) {
		if (text_copy(prefs->zone, sizeof(prefs->zone),
			strcmp(value, "host") == 0 ? "" : value) == -1)
			return session_fail(session, VPSH_ERR_ZONE, "prefs",
			    NULL, value);
	} else
		return session_fail(session, VPSH_ERR_USAGE, "prefs", NULL,
		    "prefs alone, prefs line, prefs menu, prefs escape on, "
		    "prefs escape off or prefs zone NAME");
	return 0;
}

static int
set(struct session *session, const struct command_call *call)
{
	struct wire_prefs prefs = session->prefs;
	struct wire_msg msg;
	int err, fd;

	if ((err = take(session, call, &prefs)) != 0)
		return err;
	/* The rest is the broker's to fill in. */
	memset(prefs.tz, 0, sizeof(prefs.tz));
	memset(prefs.back, 0, sizeof(prefs.back));
	prefs.back_ms = 0;
	prefs.policy_mode = 0;
	err = client_ask(&session->client, WIRE_PREFER, &prefs, WIRE_PREFS_ARE,
	    &msg, &fd);
	if (err != 0)
		return session_fail(session, err, "prefs", NULL,
		    call->args[call->nargs - 1]);
	session_prefer(session, &msg.u.prefs);
	return 0;
}

int
prefs_run(struct session *session, const struct command_call *call)
{
	int err = session_prefs(session);

	if (err != 0)
		return session_fail(session, err, "prefs", NULL, NULL);
	if (call->nargs > 0 && (err = set(session, call)) != 0)
		return err;
	if (session->json)
		show_json(&session->prefs);
	else
		show(&session->prefs);
	return 0;
}
