/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "shell/json.h"
#include "shell/output.h"
#include "shell/verbs.h"
#include "wire/err.h"

/* Where the explanations begin in the list of commands. */
#define HELP_COLUMN 21

/* What an exit code of ours means: design and manual say the same. */
static const char *const exit_codes[] = {
	"done, or nothing to do",
	"failed",
	"not understood, or wants --yes",
	"denied",
	"no such guest, or job",
	"busy, or asked too often",
	"timed out",
	"the service or Xen cannot be reached",
};

#define NEXIT_CODES (sizeof(exit_codes) / sizeof(exit_codes[0]))

/* One row, and the next one where the two belong together. */
static void
put_row(const struct command *command, const struct command *next, bool narrow)
{
	char text[HELP_COLUMN * 4], line[WIRE_TEXT], help[WIRE_TEXT];

	text_format(text, sizeof(text), "%s%s%s%s%s", command->name,
	    next != NULL ? ", " : "", next != NULL ? next->name : "",
	    *command->args != '\0' ? " " : "", command->args);
	text_format(help, sizeof(help), "%s%s%s", command->help,
	    next != NULL ? "; " : "", next != NULL ? next->help : "");
	if (narrow) {
		text_format(line, sizeof(line), "%s: %s", text, help);
		output_say(stdout, line);
	} else
		printf("%-*s%s\n", HELP_COLUMN, text, help);
}

static void
help_all(void)
{
	bool narrow = output_columns(stdout) < OUTPUT_NARROW;
	const struct command *command, *next;
	size_t i;

	for (i = 0; (command = command_at(i)) != NULL; i++) {
		next = command_at(i + 1);
		if (next != NULL && !next->beside)
			next = NULL;
		if (!command->beside)
			put_row(command, next, narrow);
	}
	fputc('\n', stdout);
	output_say(stdout,
	    "With only one guest you may leave its name out. help COMMAND "
	    "says more.");
}

/* "console GUEST [--view] [--from OFFSET]: work on its console" */
static void
put_synopsis(const struct command *command)
{
	const struct command_option *option;
	char text[WIRE_TEXT];
	size_t i, len;

	text_format(text, sizeof(text), "%s%s%s", command->name,
	    *command->args != '\0' ? " " : "", command->args);
	for (i = 0; i < COMMAND_OPTIONS_MAX; i++) {
		option = &command->options[i];
		if (option->name == NULL)
			continue;
		len = strlen(text);
		text_format(text + len, sizeof(text) - len, " [%s%s%s]",
		    option->name, option->value != NULL ? " " : "",
		    option->value != NULL ? option->value : "");
	}
	len = strlen(text);
	text_format(text + len, sizeof(text) - len, ": %s", command->help);
	output_say(stdout, text);
}

static void
put_options(const struct command *command)
{
	const struct command_option *option;
	char text[WIRE_TEXT];
	size_t i;

	for (i = 0; i < COMMAND_OPTIONS_MAX; i++) {
		option = &command->options[i];
		if (option->name == NULL)
			continue;
		text_format(text, sizeof(text), "%s%s%s: %s", option->name,
		    option->value != NULL ? " " : "",
		    option->value != NULL ? option->value : "", option->help);
		output_say(stdout, text);
	}
}

static void
put_aliases(const struct command *command)
{
	char text[WIRE_TEXT];
	const char *alias;
	size_t i, len;

	if (command_alias(command, 0) == NULL)
		return;
	text_copy(text, sizeof(text), "Aliases:");
	for (i = 0; (alias = command_alias(command, i)) != NULL; i++) {
		len = strlen(text);
		text_format(text + len, sizeof(text) - len, "%s %s",
		    i > 0 ? "," : "", alias);
	}
	output_say(stdout, text);
}

static void
put_exit_codes(void)
{
	char text[WIRE_TEXT];
	size_t i, len;

	text_copy(text, sizeof(text), "Exit code of ssh:");
	for (i = 0; i < NEXIT_CODES; i++) {
		len = strlen(text);
		text_format(text + len, sizeof(text) - len, "%s %zu %s",
		    i > 0 ? ";" : "", i, exit_codes[i]);
	}
	len = strlen(text);
	text_format(text + len, sizeof(text) - len, ".");
	output_say(stdout, text);
}

static void
help_one(const struct command *command)
{
	put_synopsis(command);
	put_options(command);
	if (command->more != NULL)
		output_say(stdout, command->more);
	put_aliases(command);
	if (command->type != 0)
		put_exit_codes();
}

static void
report_command(struct json *json, const struct command *command)
{
	const struct command_option *option;
	const char *alias;
	size_t i;

	json_object(json, NULL);
	json_string(json, "name", command->name);
	json_string(json, "args", command->args);
	json_string(json, "help", command->help);
	json_text(json, "more", command->more);
	json_text(json, "right", right_name(command->right));
	json_array(json, "options");
	for (i = 0; i < COMMAND_OPTIONS_MAX; i++) {
		option = &command->options[i];
		if (option->name == NULL)
			continue;
		json_object(json, NULL);
		json_string(json, "name", option->name);
		json_text(json, "value", option->value);
		json_string(json, "help", option->help);
		json_close(json);
	}
	json_close(json);
	json_array(json, "aliases");
	for (i = 0; (alias = command_alias(command, i)) != NULL; i++)
		json_string(json, NULL, alias);
	json_close(json);
	json_close(json);
}

/* only: one of them, or NULL for all. */
static void
help_json(const struct command *only)
{
	const struct command *command;
	struct json json;
	size_t i;

	json_begin(&json, stdout);
	json_array(&json, "commands");
	for (i = 0; (command = command_at(i)) != NULL; i++)
		if (only == NULL || only == command)
			report_command(&json, command);
	json_end(&json);
}

int
verbs_help(struct session *session, const struct command_call *call)
{
	const struct command *command = NULL;

	if (call->nargs > 0) {
		command = command_find(call->args[0], session->line.person);
		if (command == NULL)
			return session_fail(session, VPSH_ERR_UNKNOWN_COMMAND,
			    call->args[0], NULL, NULL);
	}
	if (session->json)
		help_json(command);
	else if (command != NULL)
		help_one(command);
	else
		help_all();
	return 0;
}
