/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ctl/ctl.h"

#define NAME_LEN 24

static const struct ctl_command commands[] = {
	{ .name = "customer add",
	    .args = "NAME",
	    .help = "make a customer, or add to one; again changes nothing",
	    .min = 1,
	    .max = 1,
	    .customer = true,
	    .options = { { "--plan", "PLAN", "of vpsh.conf", false },
		{ "--guest", "GUEST[=DOMAIN]", "a guest of theirs", true },
		{ "--ip", "ADDR", "an address or prefix of theirs", true },
		{ "--key", "FILE", "public keys that log in; - is the input",
		    true },
		{ "--unix-account", NULL, "and the account, if it is missing",
		    false } },
	    .run = add_run },
	{ .name = "customer show",
	    .args = "NAME",
	    .help = "everything that is set for one",
	    .min = 1,
	    .max = 1,
	    .customer = true,
	    .run = show_run },
	{ .name = "customer list",
	    .args = "",
	    .help = "all customers, a line each",
	    .run = show_list_run },
	{ .name = "customer remove",
	    .args = "NAME",
	    .help = "take the access away; guests and disks stay",
	    .min = 1,
	    .max = 1,
	    .customer = true,
	    .options = { { "--yes", NULL, "do not ask", false },
		{ "--unix-account", NULL, "and the account", false } },
	    .run = close_remove_run },
	{ .name = "welcome",
	    .args = "NAME",
	    .help = "the mail to send to a customer",
	    .min = 1,
	    .max = 1,
	    .customer = true,
	    .run = welcome_run },
	{ .name = "check",
	    .args = "",
	    .help = "what is wrong with files, accounts and sshd",
	    .options = { { "--file", "FILE",
			     "judge this file before it is put in place",
			     false },
		{ "--as", "NAME[/FILE]",
		    "as NAME's policy.conf, or another file; or vpsh.conf",
		    false } },
	    .run = check_run },
	{ .name = "what-if",
	    .args = "NAME COMMAND [GUEST [KEY]]",
	    .help = "may they, and by which rule",
	    .min = 2,
	    .max = 4,
	    .customer = true,
	    .options = { { "--force-after", NULL, "and if it is not obeyed",
		false } },
	    .run = check_what_if_run },
	{ .name = "sessions",
	    .args = "",
	    .help = "who is logged in, and what they do",
	    .run = sessions_run },
	{ .name = "suspend",
	    .args = "NAME",
	    .help = "end all sessions of a customer and let none begin",
	    .min = 1,
	    .max = 1,
	    .customer = true,
	    .options = { { "--reason", "TEXT", "which the customer reads",
		false } },
	    .run = close_suspend_run },
	{ .name = "resume",
	    .args = "NAME",
	    .help = "undo suspend",
	    .min = 1,
	    .max = 1,
	    .customer = true,
	    .run = close_resume_run },
	{ .name = "adopt",
	    .args = "[GUEST]",
	    .help = "make a guest that runs already vpsh's; it runs on",
	    .max = 1,
	    .options = { { "--all", NULL, "all of them", false },
		{ "--dry-run", NULL, "say what would be done", false } },
	    .run = operate_adopt_run },
	{ .name = "hold",
	    .args = "GUEST",
	    .help = "let nobody boot it; it runs on if it runs",
	    .min = 1,
	    .max = 1,
	    .options = { { "--reason", "TEXT", "which the customer reads",
			     false },
		{ "--for", "TIME", "no longer than that: 10m, 2h, 1d",
		    false } },
	    .run = operate_hold_run },
	{ .name = "release",
	    .args = "GUEST",
	    .help = "undo hold",
	    .min = 1,
	    .max = 1,
	    .options = { { "--console", NULL,
			     "no hold: give its console up, for xl console",
			     false },
		{ "--for", "TIME", "for so long, else 10m", false } },
	    .run = operate_release_run },
	{ .name = "watch",
	    .args = "GUEST",
	    .help = "see its console, as text; who is there is told",
	    .min = 1,
	    .max = 1,
	    .run = watch_run },
	{ .name = "forget-saved",
	    .args = "GUEST",
	    .help = "it was saved or moved away: let it be booted anew",
	    .min = 1,
	    .max = 1,
	    .run = operate_forget_run },
	{ .name = "health",
	    .args = "",
	    .help = "how the service is, a line for Nagios and its like",
	    .run = health_run },
	{ .name = "metrics",
	    .args = "",
	    .help = "the same in numbers, for Prometheus",
	    .options = { { "--file", "PATH.prom",
		"there, in one step, for the textfile collector", false } },
	    .run = metrics_run },
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct ctl_command *
ctl_command_at(size_t i)
{
	return i < NCOMMANDS ? &commands[i] : NULL;
}

const struct ctl_values *
ctl_values(const struct ctl_call *call, const char *name)
{
	static const struct ctl_values none;
	size_t i;

	for (i = 0; i < CTL_OPTIONS_MAX; i++)
		if (call->command->options[i].name != NULL &&
		    strcmp(call->command->options[i].name, name) == 0)
			return &call->options[i];
	return &none;
}

bool
ctl_given(const struct ctl_call *call, const char *name)
{
	return ctl_values(call, name)->n > 0;
}

const char *
ctl_value(const struct ctl_call *call, const char *name)
{
	const struct ctl_values *values = ctl_values(call, name);

	return values->n > 0 ? values->value[0] : NULL;
}

void
ctl_usage(FILE *to)
{
	const struct ctl_command *c;
	const struct ctl_option *o;
	char head[80];

	fputs("usage: vpshctl [-p DIR] [--json] COMMAND ...\n\n", to);
	for (c = commands; c < commands + NCOMMANDS; c++) {
		text_format(head, sizeof(head), "%s%s%s", c->name,
		    *c->args != '\0' ? " " : "", c->args);
		fprintf(to, "  %-32s %s\n", head, c->help);
		for (o = c->options; o->name != NULL; o++) {
			text_format(head, sizeof(head), "%s%s%s", o->name,
			    o->value != NULL ? " " : "",
			    o->value != NULL ? o->value : "");
			fprintf(to, "      %-28s %s\n", head, o->help);
		}
	}
	fputs("\nGUEST is CUSTOMER/GUEST or its Xen domain.\n"
	      "Exit: 0 done or nothing to do, 1 failed, 2 usage, 3 a problem "
	      "was found,\n7 the service does not answer; health: 0 OK, "
	      "1 warning, 2 critical, 3 unknown.\n",
	    to);
}

/* A name of one word or two; *used says how many. */
static const struct ctl_command *
find(int argc, char *const argv[], int *used)
{
	char name[NAME_LEN];
	int words;
	size_t i;

	for (words = 1; words <= 2 && words <= argc; words++) {
		if (text_format(name, sizeof(name), "%s%s%s", argv[0],
			words == 2 ? " " : "", words == 2 ? argv[1] : "") != 0)
			continue;
		for (i = 0; i < NCOMMANDS; i++)
			if (strcmp(commands[i].name, name) == 0) {
				*used = words;
				return &commands[i];
			}
	}
	return NULL;
}

static int
unknown(struct ctl *ctl, const char *word)
{
	const char *names[NCOMMANDS], *near;
	char safe[100];
	size_t i;

	for (i = 0; i < NCOMMANDS; i++)
		names[i] = commands[i].name;
	near = text_nearest(word, names, NCOMMANDS);
	text_escape(safe, sizeof(safe), word, strlen(word));
	if (near != NULL)
		return report_usage(&ctl->report,
		    "there is no command \"%s\" (did you mean \"%s\"?); "
		    "vpshctl without words lists them all",
		    safe, near);
	return report_usage(&ctl->report,
	    "there is no command \"%s\"; vpshctl without words lists them all",
	    safe);
}

/* One option, its value perhaps in the next word; *i is moved over it. */
static int
parse_option(struct ctl *ctl, struct ctl_call *call, int argc,
    char *const argv[], int *i)
{
	const char *word = argv[*i], *value = strchr(word, '=');
	size_t len = value != NULL ? (size_t)(value - word) : strlen(word);
	const struct ctl_option *option = call->command->options;
	struct ctl_values *values;
	char safe[100];

	text_escape(safe, sizeof(safe), word, len);
	while (option->name != NULL &&
	    (strlen(option->name) != len ||
		strncmp(option->name, word, len) != 0))
		option++;
	if (option->name == NULL)
		return report_usage(&ctl->report, "%s has no option %s",
		    call->command->name, safe);
	values = &call->options[option - call->command->options];
	if (option->value == NULL && value != NULL)
		return report_usage(&ctl->report, "%s takes no value", safe);
	if (option->value != NULL && value == NULL && *i + 1 < argc)
		value = argv[++*i];
	else if (value != NULL)
		value++;
	if (option->value != NULL && (value == NULL || *value == '\0'))
		return report_usage(&ctl->report, "%s wants %s after it", safe,
		    option->value);
	if (values->n > 0 && !option->many)
		return report_usage(&ctl->report, "%s can be given once only",
		    safe);
	if (values->n == CTL_VALUES_MAX)
		return report_usage(&ctl->report,
		    "%s can be given %d times at most", safe, CTL_VALUES_MAX);
	values->value[values->n++] = value;
	return CTL_OK;
}

static int
parse(struct ctl *ctl, struct ctl_call *call, int argc, char *const argv[])
{
	const struct ctl_command *command = call->command;
	char safe[100];
	int i, code;

	for (i = 0; i < argc; i++) {
		text_escape(safe, sizeof(safe), argv[i], strlen(argv[i]));
		if (argv[i][0] == '-') {
			code = parse_option(ctl, call, argc, argv, &i);
			if (code != CTL_OK)
				return code;
		} else if (call->nargs == command->max)
			return report_usage(&ctl->report,
			    "there is nothing to do with \"%s\" after %s", safe,
			    command->name);
		else
			call->args[call->nargs++] = argv[i];
	}
	if (call->nargs < command->min)
		return report_usage(&ctl->report, "%s wants %s", command->name,
		    command->args);
	if (command->customer && !text_is_name(call->args[0])) {
		text_escape(safe, sizeof(safe), call->args[0],
		    strlen(call->args[0]));
		return report_usage(&ctl->report,
		    "\"%s\" cannot be the name of a customer: a-z, 0-9 and "
		    "\"-\" only, at most %d",
		    safe, TEXT_NAME_MAX);
	}
	return CTL_OK;
}

int
ctl_run(struct ctl *ctl, int argc, char *const argv[])
{
	struct ctl_call call = { 0 };
	int code, used = 0;

	call.command = find(argc, argv, &used);
	if (call.command == NULL)
		code = unknown(ctl, argv[0]);
	else
		code = parse(ctl, &call, argc - used, argv + used);
	if (code == CTL_OK)
		code = call.command->run(ctl, &call);
	if (report_close(&ctl->report) != 0 && code == CTL_OK) {
		report_note("it is done, but not all that there is to say of "
			    "it could be written");
		code = CTL_FAILED;
	}
	return code;
}
