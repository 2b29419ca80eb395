/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "shell/command.h"
#include "shell/verbs.h"
#include "wire/err.h"
#include "wire/layout.h"
#include "wire/wire.h"

static void
every_row_is_whole_and_its_name_its_own(void **state)
{
	const struct command *c, *other;
	const struct wire_layout *layout;
	size_t i, j;

	(void)state;
	for (i = 0; (c = command_at(i)) != NULL; i++) {
		assert_non_null(c->args);
		assert_true(strlen(c->help) > 3);
		assert_non_null(c->run);
		assert_int_not_equal(c->right, RIGHT_NONE);
		assert_true(c->min <= c->max && c->max <= COMMAND_ARGS_MAX);
		assert_int_equal(c->max > 0, *c->args != '\0');
		if (c->guest)
			assert_int_equal(c->min, c->max - 1);
		for (j = 0; j < COMMAND_OPTIONS_MAX; j++)
			if (c->options[j].name != NULL)
				assert_non_null(c->options[j].help);
		layout = wire_layout(c->type);
		if (c->type != 0)
			assert_int_equal(layout->way, WIRE_CLIENT_BROKER);
		for (j = i + 1; (other = command_at(j)) != NULL; j++) {
			assert_string_not_equal(c->name, other->name);
			if (c->type != 0)
				assert_int_not_equal(c->type, other->type);
		}
		assert_ptr_equal(command_find(c->name, false), c);
	}
	assert_true(i > 10);
}

static void
every_request_of_the_protocol_has_a_command(void **state)
{
	const struct wire_layout *layout;
	const struct command *c;
	size_t i, j;

	(void)state;
	for (i = 0; (layout = wire_layout_at(i)) != NULL; i++) {
		/* An option of list and status; prefs; a key. */
		if (layout->way != WIRE_CLIENT_BROKER ||
		    layout->type == WIRE_FOLLOW ||
		    layout->type == WIRE_UNFOLLOW ||
		    layout->type == WIRE_PREFER ||
		    layout->type == WIRE_LEAVE)
			continue;
		for (j = 0; (c = command_at(j)) != NULL; j++)
			if (c->type == layout->type)
				break;
		if (c == NULL)
			fail_msg("%s cannot be typed", layout->name);
	}
}

static void
old_hands_find_their_words(void **state)
{
	static const char *const pairs[][2] = { { "boot", "start" },
		{ "create", "start" }, { "stop", "shutdown" },
		{ "restart", "reboot" }, { "serial", "console" },
		{ "control", "status" }, { "sysreq", "sysrq" },
		{ "quit", "exit" },
		{ "logout", "exit" }, { "?", "help" } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_string_equal(command_find(pairs[i][0], false)->name,
		    pairs[i][1]);
}

static void
digits_are_the_menu_of_xencontrol_for_people_only(void **state)
{
	static const char *const menu[] = { "console", "start", "shutdown",
		"destroy", "reboot", "exit" };
	char digit[2] = "1";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(menu) / sizeof(menu[0]); i++, digit[0]++) {
		assert_string_equal(command_find(digit, true)->name, menu[i]);
		assert_null(command_find(digit, false));
	}
	/* The old script took these for a console and a destroy. */
	assert_null(command_find("41", true));
	assert_null(command_find("44", true));
	assert_null(command_find("destroy1", true));
	assert_null(command_find("7", true));
	assert_null(command_find("0", true));
}

static void
A01_A02_other_programs_are_no_commands(void **state)
{
	static const char *const words[] = { "sh", "bash", "id", "ls", "sudo",
		"xl", "list;id", "list|id", "$(id)", "`id`", "/bin/sh", "",
		"LIST", "lists", "-c", "--help", "-h" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_null(command_find(words[i], true));
}

static void
A06_tools_that_ssh_users_run_unknowingly_are_known(void **state)
{
	static const char *const tools[] = { "scp", "sftp", "rsync",
		"internal-sftp", "/usr/lib/openssh/sftp-server",
		"/usr/libexec/sftp-server", "git-upload-pack",
		"git-receive-pack", "svnserve", "/usr/bin/rsync" };
	static const char *const others[] = { "list", "sh", "scpx", "xscp",
		"scp/", "" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		assert_true(command_is_foreign(tools[i]));
		assert_null(command_find(tools[i], true));
	}
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(command_is_foreign(others[i]));
}

static struct words words;
static struct command_call call;
static char detail[256];

static int
parse(const char *line)
{
	assert_int_equal(words_split(&words, line, strlen(line)), 0);
	return command_parse(command_find(words.word[0], true), &words, &call,
	    detail, sizeof(detail));
}

static void
arguments_and_options_come_in_any_order(void **state)
{
	(void)state;
	assert_int_equal(parse("destroy --yes web"), 0);
	assert_string_equal(call.guest, "web");
	assert_non_null(command_option(&call, "--yes"));
	assert_int_equal(parse("destroy web --yes"), 0);
	assert_non_null(command_option(&call, "--yes"));
	assert_int_equal(parse("destroy web"), 0);
	assert_null(command_option(&call, "--yes"));
	assert_int_equal(parse("console web --from 12 --view"), 0);
	assert_string_equal(command_option(&call, "--from"), "12");
	assert_string_equal(command_option(&call, "--view"), "");
	assert_int_equal(parse("console --from=12"), 0);
	assert_null(call.guest);
	assert_string_equal(command_option(&call, "--from"), "12");
}

static void
what_is_not_understood_is_refused_with_a_reason(void **state)
{
	static const char *const lines[] = { "start web db", "list web",
		"start --yes", "start -c", "start -", "start --", "start --con",
		"start --console=1 web", "destroy web --yess",
		"destroy web --yes=", "console web --from",
		"console web --from=", "log web --line 5", "whoami x", "why",
		"exit now", "help a b", "start web --console --foo" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		detail[0] = '\0';
		assert_int_equal(parse(lines[i]), VPSH_ERR_USAGE);
		assert_true(strlen(detail) > 5);
	}
}

static void
a_key_of_sysrq_comes_behind_the_guest_or_alone(void **state)
{
	(void)state;
	assert_int_equal(parse("sysrq web s"), 0);
	assert_string_equal(call.guest, "web");
	assert_int_equal(call.nargs, 1);
	assert_string_equal(call.args[0], "s");
	assert_int_equal(parse("sysrq s --yes"), 0);
	assert_null(call.guest);
	assert_string_equal(call.args[0], "s");
	assert_int_equal(parse("sysrq"), VPSH_ERR_USAGE);
	assert_int_equal(parse("sysrq web s t"), VPSH_ERR_USAGE);
	assert_int_equal(parse("sysrq We s"), VPSH_ERR_NO_GUEST);
}

static void
what_several_commands_share_means_the_same(void **state)
{
	static const char *const shared[] = { "--json", "--no-wait",
		"--timeout", "--force-after" };
	const struct command_option *seen, *o;
	const struct command *c;
	size_t i, j, k;

	(void)state;
	for (i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
		seen = NULL;
		for (j = 0; (c = command_at(j)) != NULL; j++)
			for (k = 0; k < COMMAND_OPTIONS_MAX; k++) {
				o = &c->options[k];
				if (o->name == NULL ||
				    strcmp(o->name, shared[i]) != 0)
					continue;
				if (seen != NULL)
					assert_string_equal(o->help,
					    seen->help);
				seen = o;
			}
		assert_non_null(seen);
	}
	/* What ends in a job can be left alone. */
	for (j = 0; (c = command_at(j)) != NULL; j++)
		if (c->run == power_stop || c->run == power_pull ||
		    c->run == power_start || c->run == power_freeze ||
		    c->run == power_sysrq) {
			call.command = c;
			memset(call.options, 0, sizeof(call.options));
			for (k = 0; k < COMMAND_OPTIONS_MAX; k++)
				call.options[k] = "";
			assert_non_null(command_option(&call, "--no-wait"));
			assert_non_null(command_option(&call, "--timeout"));
			assert_non_null(command_option(&call, "--json"));
		}
}

/* Any bytes in: an answer, and nothing but words of the line in it. */
static void
A03_random_lines_are_parsed_or_refused(void **state)
{
	static const char *const bits[] = { "list", "start", "sysrq", "web",
		" ", " ", "--", "-", "--yes", "--timeout", "=", "5", "\"", "s",
		"\xff", "\033", "console", "--from", "log", "--since", "now" };
	const size_t nbits = sizeof(bits) / sizeof(bits[0]);
	const struct command *command;
	char line[512];
	unsigned round, n;
	size_t i, len;

	(void)state;
	srandom(4711);
	for (round = 0; round < 100000; round++) {
		len = 0;
		line[0] = '\0';
		for (n = (unsigned)random() % 12; n > 0; n--) {
			text_copy(line + len, sizeof(line) - len,
			    bits[(size_t)random() % nbits]);
			len = strlen(line);
		}
		if (words_split(&words, line, strlen(line)) != 0 ||
		    words.n == 0 ||
		    (command = command_find(words.word[0], true)) == NULL)
			continue;
		if (command_parse(command, &words, &call, detail,
			sizeof(detail)) != 0)
			continue;
		assert_true(call.nargs <= COMMAND_ARGS_MAX);
		for (i = 0; i < call.nargs; i++)
			assert_true(call.args[i] >= words.text &&
			    call.args[i] < words.text + sizeof(words.text));
		if (call.guest != NULL)
			assert_true(call.guest[0] != '-');
	}
}

static void
A04_a_dash_is_never_a_guest(void **state)
{
	static const char *const lines[] = { "start -web", "start --help",
		"status --help", "why -x", "why start -x", "help --help",
		"destroy -rf --yes", "start \"-web\"" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(parse(lines[i]), VPSH_ERR_USAGE);
}

static void
E12_what_is_no_name_is_no_guest(void **state)
{
	static const char *const lines[] = { "start ../x", "start a=b",
		"start Web", "start web.cfg", "start \"\"", "start \"web db\"",
		"start %s", "start a/b",
		"start aaaaaaaaaabbbbbbbbbbccccccccccddd" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(parse(lines[i]), VPSH_ERR_NO_GUEST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_whole_and_its_name_its_own),
		cmocka_unit_test(every_request_of_the_protocol_has_a_command),
		cmocka_unit_test(old_hands_find_their_words),
		cmocka_unit_test(
		    digits_are_the_menu_of_xencontrol_for_people_only),
		cmocka_unit_test(A01_A02_other_programs_are_no_commands),
		cmocka_unit_test(
		    A06_tools_that_ssh_users_run_unknowingly_are_known),
		cmocka_unit_test(arguments_and_options_come_in_any_order),
		cmocka_unit_test(
		    what_is_not_understood_is_refused_with_a_reason),
		cmocka_unit_test(
		    a_key_of_sysrq_comes_behind_the_guest_or_alone),
		cmocka_unit_test(what_several_commands_share_means_the_same),
		cmocka_unit_test(A03_random_lines_are_parsed_or_refused),
		cmocka_unit_test(A04_a_dash_is_never_a_guest),
		cmocka_unit_test(E12_what_is_no_name_is_no_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
