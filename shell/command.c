/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "shell/command.h"
#include "shell/session.h"
#include "shell/verbs.h"
#include "shell/when.h"
#include "wire/err.h"

#define TIMEOUT_TEXT "wait no longer; what was begun goes on"
#define FORCE_TEXT   "then pull the plug; needs destroy"

#define OPTION_YES	    { "--yes", NULL, "do not ask" }
#define OPTION_YES_NAME	    { "--yes", NULL, "do not ask for the guest's name" }
#define OPTION_JSON	    { "--json", NULL, "one JSON object, for programs" }
#define OPTION_NO_WAIT	    { "--no-wait", NULL, "return once it has begun" }
#define OPTION_TIMEOUT	    { "--timeout", "SECONDS", TIMEOUT_TEXT }
#define OPTION_FORCE	    { "--force-after", "SECONDS", FORCE_TEXT }
#define OPTION_FOLLOW(what) { "--follow", NULL, what }

static const char *const prefs_choices[] = { "line", "menu", "escape", "zone",
	NULL };

static const struct command commands[] = {
	{ .name = "list",
	    .args = "",
	    .right = RIGHT_ANY,
	    .type = WIRE_LIST,
	    .help = "your guests and how they are",
	    .options = { OPTION_FOLLOW("go on with a line for each change"),
		OPTION_JSON },
	    .run = verbs_list },
	{ .name = "status",
	    .args = "[GUEST]",
	    .max = 1,
	    .right = RIGHT_ANY,
	    .type = WIRE_STATUS,
	    .help = "everything about one guest, or about all",
	    .options = { OPTION_FOLLOW("go on with what it uses, as it does"),
		OPTION_JSON },
	    .run = verbs_status },
	{ .name = "start",
	    .args = "GUEST",
	    .max = 1,
	    .guest = true,
	    .right = RIGHT_START,
	    .type = WIRE_START,
	    .help = "boot it",
	    .options = { { "--console", NULL,
			     "show its console from the very first byte" },
		OPTION_NO_WAIT, OPTION_TIMEOUT, OPTION_JSON },
	    .run = power_start },
	{ .name = "shutdown",
	    .args = "GUEST",
	    .max = 1,
	    .guest = true,
	    .right = RIGHT_SHUTDOWN,
	    .type = WIRE_SHUTDOWN,
	    .help = "ask it to shut down",
	    .more = "A guest can ignore this; destroy cannot be ignored. With "
		    "--force-after the guest's name is asked for as destroy "
		    "does, and a script has to say --yes.",
	    .options = { OPTION_FORCE, OPTION_YES, OPTION_NO_WAIT,
		OPTION_TIMEOUT, OPTION_JSON },
	    .run = power_stop },
	{ .name = "reboot",
	    .args = "GUEST",
	    .max = 1,
	    .guest = true,
	    .right = RIGHT_REBOOT,
	    .type = WIRE_REBOOT,
	    .help = "ask it to reboot",
	    .more = "A guest can ignore this; reset cannot be ignored. With "
		    "--force-after the guest's name is asked for as reset "
		    "does, and a script has to say --yes.",
	    .options = { OPTION_FORCE, OPTION_YES, OPTION_NO_WAIT,
		OPTION_TIMEOUT, OPTION_JSON },
	    .run = power_stop },
	{ .name = "reset",
	    .args = "GUEST",
	    .max = 1,
	    .guest = true,
	    .right = RIGHT_DESTROY,
	    .type = WIRE_RESET,
	    .help = "pull the plug and boot it again",
	    .more = "The disk is kept; what the guest had not yet written is "
		    "lost.",
	    .options = { OPTION_YES_NAME, OPTION_NO_WAIT, OPTION_TIMEOUT,
		OPTION_JSON },
	    .run = power_pull },
	{ .name = "destroy",
	    .args = "GUEST",
	    .max = 1,
	    .guest = true,
	    .right = RIGHT_DESTROY,
	    .type = WIRE_DESTROY,
	    .help = "pull the plug; the disk is kept",
	    .more = "What the guest had not yet written is lost.",
	    .options = { OPTION_YES_NAME, OPTION_NO_WAIT, OPTION_TIMEOUT,
		OPTION_JSON },
	    .run = power_pull },
	{ .name = "pause",
	    .args = "GUEST",
	    .max = 1,
	    .guest = true,
	    .right = RIGHT_PAUSE,
	    .type = WIRE_PAUSE,
	    .help = "freeze it, memory and all",
	    .more = "It does not notice but by its clock. unpause lets it go "
		    "on; a reboot of the host loses what it had in memory.",
	    .options = { OPTION_NO_WAIT, OPTION_TIMEOUT, OPTION_JSON },
	    .run = power_freeze },
	{ .name = "unpause",
	    .beside = true,
	    .args = "GUEST",
	    .max = 1,
	    .guest = true,
	    .right = RIGHT_PAUSE,
	    .type = WIRE_UNPAUSE,
	    .help = "let it go on",
	    .options = { OPTION_NO_WAIT, OPTION_TIMEOUT, OPTION_JSON },
	    .run = power_freeze },
	{ .name = "sysrq",
	    .args = "GUEST KEY",
	    .min = 1,
	    .max = 2,
	    .guest = true,
	    .right = RIGHT_SYSRQ,
	    .type = WIRE_SYSRQ,
	    .help = "press Alt-SysRq and KEY in it",
	    .more = "KEY is one small letter or digit that its Linux knows: h "
		    "lists them on its console, s writes out its disks, t "
		    "shows its tasks. b, c, e, f, g, i, k, o and u can stop "
		    "it: they need the right for that, too, and the guest's "
		    "name or --yes.",
	    .options = { OPTION_YES_NAME, OPTION_NO_WAIT, OPTION_TIMEOUT,
		OPTION_JSON },
	    .run = power_sysrq },
	{ .name = "console",
	    .args = "GUEST",
	    .max = 1,
	    .guest = true,
	    .right = RIGHT_CONSOLE,
	    .type = WIRE_CONSOLE,
	    .help = "work on its console; Ctrl-] leaves",
	    .more = "Ctrl-Q three times leaves, too, and Ctrl-^ ? names all "
		    "keys. It follows the guest through reboots and waits "
		    "while it is off.",
	    .options = { { "--view", NULL, "only watch" },
		{ "--from", "OFFSET", "show again from this byte on" } },
	    .run = view_console },
	{ .name = "log",
	    .args = "GUEST",
	    .max = 1,
	    .guest = true,
	    .right = RIGHT_LOG,
	    .type = WIRE_LOG,
	    .help = "what its console said last, and when",
	    .more = WHEN_TEXT ". Without a zone it is your time: see prefs.",
	    .options = { { "--lines", "N",
			     "that many lines, 0 for all that are kept; "
			     "else 50" },
		{ "--since", "TIME", "only what came from then on" },
		{ "--from", "OFFSET", "only what came from this byte on" },
		OPTION_FOLLOW("go on with what comes"), OPTION_JSON },
	    .run = view_log },
	{ .name = "job",
	    .args = "REF",
	    .min = 1,
	    .max = 1,
	    .right = RIGHT_ANY,
	    .type = WIRE_FIND,
	    .help = "what a job of yours came to",
	    .more = "REF is the reference that was named when it was left to "
		    "itself. If it is still under way its end is waited for. "
		    "What jobs came to is kept for 15 minutes.",
	    .options = { OPTION_NO_WAIT, OPTION_TIMEOUT, OPTION_JSON },
	    .run = job_find },
	{ .name = "cancel",
	    .beside = true,
	    .args = "REF",
	    .min = 1,
	    .max = 1,
	    .right = RIGHT_ANY,
	    .type = WIRE_CANCEL,
	    .help = "end one that only waits",
	    .more = "A shutdown or reboot that waits for its guest, or a job "
		    "whose turn has not come. What was done by then stays "
		    "done: a guest that was asked to shut down may still do "
		    "it.",
	    .options = { OPTION_JSON },
	    .run = job_cancel },
	{ .name = "activity",
	    .args = "[GUEST]",
	    .max = 1,
	    .right = RIGHT_ANY,
	    .type = WIRE_ACTIVITY,
	    .help = "who did what to your guests, newest first",
	    .options = { OPTION_JSON },
	    .run = activity_run },
	{ .name = "prefs",
	    .args = "[WORD [VALUE]]",
	    .max = 2,
	    .choices = prefs_choices,
	    .right = RIGHT_ANY,
	    .type = WIRE_PREFS,
	    .help = "how vpsh meets you at every login",
	    .more = "Alone it shows them. prefs line or prefs menu: what you "
		    "see first. prefs escape on or off: do Ctrl-Q three times "
		    "and the keys behind Ctrl-^ leave the guest's console, "
		    "beside Ctrl-]? prefs zone NAME: your time zone, as "
		    "Europe/Berlin; prefs zone host: that of this host. For "
		    "one login only: ssh -t HOST line, ssh -t HOST menu.",
	    .options = { OPTION_JSON },
	    .run = prefs_run },
	{ .name = "why",
	    .args = "COMMAND [GUEST]",
	    .min = 1,
	    .max = 2,
	    .right = RIGHT_ANY,
	    .type = WIRE_WHY,
	    .help = "which rule allows or denies it",
	    .options = { OPTION_JSON },
	    .run = verbs_why },
	{ .name = "whoami",
	    .args = "",
	    .right = RIGHT_ANY,
	    .type = WIRE_WHOAMI,
	    .help = "your account, and whom to ask for help",
	    .options = { OPTION_JSON },
	    .run = verbs_whoami },
	{ .name = "version",
	    .args = "",
	    .right = RIGHT_ANY,
	    .help = "of vpsh and of the service",
	    .options = { OPTION_JSON },
	    .run = verbs_version },
	{ .name = "menu",
	    .args = "",
	    .right = RIGHT_ANY,
	    .help = "the menu",
	    .run = verbs_menu },
	{ .name = "line",
	    .beside = true,
	    .args = "",
	    .right = RIGHT_ANY,
	    .help = "lines instead, which are never redrawn",
	    .run = verbs_line },
	{ .name = "help",
	    .args = "[COMMAND]",
	    .max = 1,
	    .right = RIGHT_ANY,
	    .help = "this list, or all about one command",
	    .options = { OPTION_JSON },
	    .run = verbs_help },
	{ .name = "exit",
	    .args = "",
	    .right = RIGHT_ANY,
	    .help = "leave; your guests run on",
	    .run = verbs_exit },
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

/* What xen-shell's and xencontrol's users have in their fingers. */
static const struct {
	const char *alias;
	const char *name;
	bool person; /* a key of a menu, not a word */
} aliases[] = {
	{ "boot", "start", false },
	{ "create", "start", false },
	{ "stop", "shutdown", false },
	{ "restart", "reboot", false },
	{ "serial", "console", false },
	{ "control", "status", false },
	{ "sysreq", "sysrq", false },
	{ "logout", "exit", false },
	{ "quit", "exit", false },
	{ "?", "help", false },
	{ "1", "console", true },
	{ "2", "start", true },
	{ "3", "shutdown", true },
	{ "4", "destroy", true },
	{ "5", "reboot", true },
	{ "6", "exit", true },
};

const struct command *
command_at(size_t i)
{
	return i < NCOMMANDS ? &commands[i] : NULL;
}

const struct command *
command_find(const char *name, bool person)
{
	size_t i;

	for (i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(aliases[i].alias, name) == 0 &&
		    (person || !aliases[i].person))
			name = aliases[i].name;
	for (i = 0; i < NCOMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

const char *
command_alias(const struct command *command, size_t i)
{
	size_t a;

	for (a = 0; a < sizeof(aliases) / sizeof(aliases[0]); a++)
		if (!aliases[a].person &&
		    strcmp(aliases[a].name, command->name) == 0 && i-- == 0)
			return aliases[a].alias;
	return NULL;
}

bool
command_is_foreign(const char *name)
{
	static const char *const tools[] = { "scp", "sftp", "sftp-server",
		"internal-sftp", "rsync", "git", "git-upload-pack",
		"git-receive-pack", "git-upload-archive", "git-lfs-transfer",
		"git-lfs-authenticate", "svnserve", "cvs", "hg", "bzr",
		"unison", "borg", "mosh-server" };
	const char *base = strrchr(name, '/');
	size_t i;

	base = base != NULL ? base + 1 : name;
	for (i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
		if (strcmp(base, tools[i]) == 0)
			return true;
	return false;
}

const char *
command_option(const struct command_call *call, const char *name)
{
	size_t i;

	for (i = 0; i < COMMAND_OPTIONS_MAX; i++)
		if (call->command->options[i].name != NULL &&
		    strcmp(call->command->options[i].name, name) == 0)
			return call->options[i];
	return NULL;
}

int
command_number(struct session *session, const struct command_call *call,
    const char *name, long long min, long long max, long long fallback,
    long long *value)
{
	const char *text = command_option(call, name);
	char detail[WIRE_TEXT];

	*value = fallback;
	if (text == NULL || text_number(text, min, max, value) == 0)
		return 0;
	text_format(detail, sizeof(detail),
	    "%s wants a number from %lld to %lld", name, min, max);
	return session_fail(session, VPSH_ERR_USAGE, call->command->name, NULL,
	    detail);
}

/* One option, its value perhaps in the next word; *i is moved over it. */
static int
parse_option(struct command_call *call, const struct words *words, size_t *i,
    char *detail, size_t size)
{
	const struct command *command = call->command;
	const char *word = words->word[*i], *value = strchr(word, '=');
	size_t len = value != NULL ? (size_t)(value - word) : strlen(word);
	const struct command_option *option;
	size_t o;

	for (o = 0; o < COMMAND_OPTIONS_MAX; o++) {
		option = &command->options[o];
		if (option->name == NULL || strlen(option->name) != len ||
		    strncmp(option->name, word, len) != 0)
			continue;
		if (option->value == NULL) {
			if (value != NULL)
				break;
			call->options[o] = "";
			return 0;
		}
		if (value != NULL)
			value++;
		else if (*i + 1 < words->n)
			value = words->word[++*i];
		if (value == NULL || *value == '\0') {
			text_format(detail, size, "%s wants %s after it",
			    option->name, option->value);
			return VPSH_ERR_USAGE;
		}
		call->options[o] = value;
		return 0;
	}
	text_format(detail, size, "%s has no option %s", command->name, word);
	return VPSH_ERR_USAGE;
}

/* The first argument is the guest unless only the others are there. */
static int
take_guest(struct command_call *call)
{
	if (call->nargs == call->command->min)
		return 0;
	call->guest = call->args[0];
	call->nargs--;
	memmove(call->args, call->args + 1,
	    call->nargs * sizeof(call->args[0]));
	call->args[call->nargs] = NULL;
	return text_is_name(call->guest) ? 0 : VPSH_ERR_NO_GUEST;
}

int
command_parse(const struct command *command, const struct words *words,
    struct command_call *call, char *detail, size_t size)
{
	size_t i;
	int err;

	memset(call, 0, sizeof(*call));
	call->command = command;
	text_copy(detail, size, "");
	for (i = 1; i < words->n; i++) {
		if (words->word[i][0] == '-') {
			err = parse_option(call, words, &i, detail, size);
			if (err != 0)
				return err;
			continue;
		}
		if (call->nargs == command->max) {
			text_format(detail, size,
			    "there is nothing to do with \"%s\" after %s",
			    words->word[i], command->name);
			return VPSH_ERR_USAGE;
		}
		call->args[call->nargs++] = words->word[i];
	}
	if (call->nargs < command->min) {
		text_format(detail, size, "%s wants %s", command->name,
		    command->args);
		return VPSH_ERR_USAGE;
	}
	return command->guest ? take_guest(call) : 0;
}

int
command_only_guest(struct session *session, const char *verb,
    char name[WIRE_NAME])
{
	char detail[WIRE_TEXT];
	struct wire_guest *guests;
	size_t i, n, len;
	int err;

	err = session_list(session, &guests, &n);
	if (err != 0)
		return session_fail(session, err, verb, NULL, NULL);
	if (n == 1) {
		text_copy(name, WIRE_NAME, guests[0].name);
	} else if (n == 0) {
		err = session_fail(session, VPSH_ERR_NO_GUEST, verb, NULL,
		    NULL);
	} else {
		text_copy(detail, sizeof(detail), "say which guest:");
		for (i = 0; i < n; i++) {
			len = strlen(detail);
			text_format(detail + len, sizeof(detail) - len, "%s %s",
			    i > 0 ? "," : "", guests[i].name);
		}
		err = session_fail(session, VPSH_ERR_USAGE, verb, NULL, detail);
	}
	free(guests);
	return err;
}

static int
fail_unknown(struct session *session, const char *word)
{
	const char *names[NCOMMANDS];
	size_t i;

	if (command_is_foreign(word))
		return session_fail(session, VPSH_ERR_FOREIGN_TOOL, word, NULL,
		    NULL);
	for (i = 0; i < NCOMMANDS; i++)
		names[i] = commands[i].name;
	return session_fail(session, VPSH_ERR_UNKNOWN_COMMAND, word, NULL,
	    text_nearest(word, names, NCOMMANDS));
}

static int
run_words(struct session *session, const struct words *words)
{
	const struct command *command;
	struct command_call call;
	char detail[WIRE_TEXT], name[WIRE_NAME];
	int err;

	if (words->n == 0)
		return 0;
	command = command_find(words->word[0], session->line.person);
	if (command == NULL)
		return fail_unknown(session, words->word[0]);
	err = command_parse(command, words, &call, detail, sizeof(detail));
	if (err != 0)
		return session_fail(session, err, command->name, NULL, detail);
	if (command->guest && call.guest == NULL) {
		err = command_only_guest(session, command->name, name);
		if (err != 0)
			return err;
		call.guest = name;
	}
	return command->run(session, &call);
}

int
command_run(struct session *session, const char *line, size_t len)
{
	static const char json[] = " --json";
	struct words words;
	int err;

	memset(&session->client.said, 0, sizeof(session->client.said));
	session->client.told = false;
	/* Whoever was served here before has come to stay. */
	if (session->line.person && session->client.generation > 0)
		session->client.connect_ms = CLIENT_STAY_MS;
	/* A program reads the answer even if the rest is not understood. */
	session->json = memmem(line, len, json, strlen(json)) != NULL;
	err = words_split(&words, line, len);
	if (err != 0)
		return session_fail(session, err, NULL, NULL,
		    err == VPSH_ERR_USAGE ? WORDS_LIMIT_TEXT : NULL);
	return run_words(session, &words);
}
