/* SPDX-License-Identifier: ISC */
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shell/command.h"
#include "shell/session.h"
#include "shell/signals.h"
#include "tests/unit/shell_help.h"

static struct help_broker broker;
static struct session session;

static void
start(void)
{
	memset(&broker, 0, sizeof(broker));
	help_guest(&broker.guests[0], "web", WIRE_STATE_RUNNING, 7);
	help_guest(&broker.guests[1], "db", WIRE_STATE_OFF, 3);
	broker.nguests = 2;
	help_broker_start(&broker);
	memset(&session, 0, sizeof(session));
	assert_int_equal(client_init(&session.client, broker.path, ""), 0);
}

/* Ends the round; fails if there was a request nobody looked at. */
static void
stop(void)
{
	client_close(&session.client);
	assert_false(help_broker_stop(&broker));
}

static int
command(const char *line)
{
	return command_run(&session, line, strlen(line));
}

/* A process that reads the screen and types when it is asked something. */
static pid_t
typist(const int screen[2], int keyboard, const char *answer)
{
	char seen[8192];
	bool typed = false;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid != 0)
		return pid;
	alarm(25);
	close(screen[1]);
	while (len < sizeof(seen) - 1 &&
	    (n = read(screen[0], seen + len, sizeof(seen) - 1 - len)) > 0) {
		len += (size_t)n;
		seen[len] = '\0';
		if (typed ||
		    (strstr(seen, "Type web to ") == NULL &&
			strstr(seen, "[y/N] ") == NULL))
			continue;
		if (write(keyboard, answer, strlen(answer)) == -1)
			_exit(1);
		typed = true;
	}
	_exit(typed ? 0 : 2);
}

/*
 * A command as a person gives it: typed_ahead lies in the terminal already,
 * answer comes when the question is on the screen.  *asked says whether it
 * was.
 */
static int
command_of_person(const char *line, const char *typed_ahead, const char *answer,
    bool *asked)
{
	int screen[2], keyboard, slave, saved, status, err;
	pid_t pid;

	assert_int_equal(openpty(&keyboard, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(write(keyboard, typed_ahead, strlen(typed_ahead)),
	    strlen(typed_ahead));
	line_init(&session.line, slave, true);
	assert_int_equal(pipe(screen), 0);
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	pid = typist(screen, keyboard, answer);
	dup2(screen[1], STDOUT_FILENO);
	close(screen[1]);
	err = command(line);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(screen[0]);
	/* Its end of the pipe is at its end now. */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	*asked = status == 0;
	close(keyboard);
	close(slave);
	line_init(&session.line, -1, false);
	return err;
}

static void
check_pull(const char *line, const char *answer, uint32_t type)
{
	struct wire_msg msg;
	bool asked;
	int err;

	start();
	err = command_of_person(line, "", answer, &asked);
	assert_true(asked);
	assert_int_equal(help_seen(&broker).head.type, WIRE_STATUS);
	if (type == 0) {
		assert_int_equal(err, VPSH_ERR_CONFIRM);
	} else {
		assert_int_equal(err, 0);
		msg = help_seen(&broker);
		assert_int_equal(msg.head.type, type);
		assert_string_equal(msg.u.power.guest, "web");
		assert_int_equal(msg.u.power.boot, 7);
		assert_int_equal(msg.u.power.flags, WIRE_POWER_CONFIRMED);
	}
	stop();
}

static void
E16_destroy_wants_the_name_of_the_guest(void **state)
{
	static const char *const names[] = { "web\n", "WEB\n", "  Web \n" };
	static const char *const others[] = { "\n", "y\n", "yes\n", "we\n",
		"webb\n", "db\n", "destroy\n", "w e b\n", "\"web\"\n", "\x04",
		"web\x04\x04" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_pull("destroy web", names[i], WIRE_DESTROY);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		check_pull("destroy web", others[i], 0);
	check_pull("reset web", "web\n", WIRE_RESET);
	check_pull("reset web", "y\n", 0);
	check_pull("4 web", "y\n", 0);
}

static void
E16_C09_what_was_typed_ahead_answers_no_question(void **state)
{
	bool asked;

	(void)state;
	start();
	assert_int_equal(command_of_person("destroy web", "web\nweb\nweb\n",
			     "no\n", &asked),
	    VPSH_ERR_CONFIRM);
	assert_true(asked);
	assert_int_equal(help_seen(&broker).head.type, WIRE_STATUS);
	assert_int_equal(command_of_person("shutdown web", "y\ny\n", "no\n",
			     &asked),
	    VPSH_ERR_CONFIRM);
	assert_true(asked);
	assert_int_equal(help_seen(&broker).head.type, WIRE_STATUS);
	stop();
}

static void
E16_a_script_says_yes_or_nothing_happens(void **state)
{
	struct wire_msg msg;

	(void)state;
	start();
	assert_int_equal(command("destroy web"), VPSH_ERR_CONFIRM);
	assert_int_equal(command("reset web"), VPSH_ERR_CONFIRM);
	assert_int_equal(command("destroy web --yes"), 0);
	msg = help_seen(&broker);
	assert_int_equal(msg.head.type, WIRE_DESTROY);
	assert_int_equal(msg.u.power.flags, WIRE_POWER_CONFIRMED);
	assert_int_equal(command("reset --yes web"), 0);
	msg = help_seen(&broker);
	assert_int_equal(msg.head.type, WIRE_RESET);
	assert_int_equal(msg.u.power.flags, WIRE_POWER_CONFIRMED);
	stop();
}

static void
a_person_is_asked_before_a_shutdown_and_default_is_no(void **state)
{
	static const char *const answers[] = { "y\n", "YES\n", "\n", "n\n",
		"web\n", "\x04" };
	struct wire_msg msg;
	size_t i;
	bool asked;
	int err;

	(void)state;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		start();
		err = command_of_person("shutdown web", "", answers[i], &asked);
		assert_true(asked);
		assert_int_equal(help_seen(&broker).head.type, WIRE_STATUS);
		assert_int_equal(err, i < 2 ? 0 : VPSH_ERR_CONFIRM);
		if (i < 2) {
			msg = help_seen(&broker);
			assert_int_equal(msg.head.type, WIRE_SHUTDOWN);
			assert_int_equal(msg.u.power.boot, 7);
			assert_int_equal(msg.u.power.flags, 0);
		}
		stop();
	}
}

static void
nobody_is_asked_about_a_guest_that_is_off(void **state)
{
	bool asked;

	(void)state;
	start();
	assert_int_equal(command_of_person("destroy db", "", "", &asked), 0);
	assert_false(asked);
	assert_int_equal(help_seen(&broker).head.type, WIRE_STATUS);
	assert_int_equal(command_of_person("reset db", "", "", &asked),
	    VPSH_ERR_NOT_RUNNING);
	assert_false(asked);
	assert_int_equal(help_seen(&broker).head.type, WIRE_STATUS);
	stop();
}

static void
the_boot_seen_is_sent_until_our_own_job_changes_it(void **state)
{
	struct wire_msg msg;

	(void)state;
	start();
	assert_int_equal(command("shutdown web"), 0);
	assert_int_equal(help_seen(&broker).u.power.boot, 0);
	assert_int_equal(command("status web"), 0);
	assert_int_equal(help_seen(&broker).head.type, WIRE_STATUS);
	assert_int_equal(command("reboot web"), 0);
	msg = help_seen(&broker);
	assert_int_equal(msg.head.type, WIRE_REBOOT);
	assert_int_equal(msg.u.power.boot, 7);
	assert_int_equal(command("shutdown web"), 0);
	assert_int_equal(help_seen(&broker).u.power.boot, 0);
	/* Whoever started it: it runs, which is what was wanted. */
	assert_int_equal(command("list"), 0);
	assert_int_equal(help_seen(&broker).head.type, WIRE_LIST);
	assert_int_equal(command("start web"), 0);
	assert_int_equal(help_seen(&broker).u.power.boot, 0);
	stop();
}

static void
A04_nothing_is_sent_for_what_is_not_understood(void **state)
{
	static const char *const lines[] = { "start --foo web", "start -web",
		"destroy web --yes --force", "shutdown web now", "start ../x",
		"log web --lines x", "log web --lines -1",
		"console web --from -1", "console web --from 1x", "sh -c id",
		"41", "4", "scp -t /tmp", "start web --timeout 0",
		"shutdown web --force-after 601 --yes", "sysrq web S",
		"sysrq web ss", "log web --since never" };
	size_t i;

	(void)state;
	start();
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_not_equal(command(lines[i]), 0);
	assert_int_equal(session.client.fd, -1);
	stop();
}

static void
check_body(const char *line, uint32_t type, uint32_t flags, uint32_t wait_s)
{
	struct wire_msg msg;

	assert_int_equal(command(line), 0);
	msg = help_seen(&broker);
	assert_int_equal(msg.head.type, type);
	assert_string_equal(msg.u.power.guest, "web");
	assert_int_equal(msg.u.power.flags, flags);
	assert_int_equal(msg.u.power.wait_s, wait_s);
}

static void
options_become_what_the_broker_is_asked_for(void **state)
{
	const uint32_t force = WIRE_POWER_FORCE | WIRE_POWER_CONFIRMED;

	(void)state;
	start();
	check_body("shutdown web", WIRE_SHUTDOWN, 0, 0);
	check_body("shutdown web --yes", WIRE_SHUTDOWN, 0, 0);
	check_body("shutdown web --force-after 60 --yes", WIRE_SHUTDOWN, force,
	    60);
	check_body("reboot web --force-after=600 --yes --timeout 5",
	    WIRE_REBOOT, force, 600);
	check_body("pause web --no-wait", WIRE_PAUSE, 0, 0);
	check_body("unpause web --json", WIRE_UNPAUSE, 0, 0);
	check_body("start web --no-wait --json", WIRE_START, 0, 0);
	stop();
}

static void
E16_what_is_forced_wants_the_name_too(void **state)
{
	struct wire_msg msg;
	bool asked;

	(void)state;
	start();
	assert_int_equal(command("shutdown web --force-after 60"),
	    VPSH_ERR_CONFIRM);
	assert_int_equal(command_of_person("shutdown web --force-after 60", "",
			     "y\n", &asked),
	    VPSH_ERR_CONFIRM);
	assert_true(asked);
	assert_int_equal(help_seen(&broker).head.type, WIRE_STATUS);
	assert_int_equal(command_of_person("reboot web --force-after 60", "",
			     "web\n", &asked),
	    0);
	assert_int_equal(help_seen(&broker).head.type, WIRE_STATUS);
	msg = help_seen(&broker);
	assert_int_equal(msg.head.type, WIRE_REBOOT);
	assert_int_equal(msg.u.power.flags,
	    WIRE_POWER_FORCE | WIRE_POWER_CONFIRMED);
	assert_int_equal(msg.u.power.boot, 7);
	stop();
}

static void
D14_E16_a_key_that_stops_wants_the_name_and_others_do_not(void **state)
{
	static const char stops[] = "bcefgikou";
	char line[32];
	struct wire_msg msg;
	bool asked;
	int byte;

	(void)state;
	for (byte = 0x21; byte < 0x7f; byte++) {
		start();
		line[0] = '\0';
		text_format(line, sizeof(line), "sysrq web %c", byte);
		if ((byte >= 'a' && byte <= 'z') ||
		    (byte >= '0' && byte <= '9')) {
			bool stop_key = strchr(stops, byte) != NULL;

			assert_int_equal(command(line),
			    stop_key ? VPSH_ERR_CONFIRM : 0);
			if (stop_key) {
				text_format(line, sizeof(line),
				    "sysrq web %c --yes", byte);
				assert_int_equal(command(line), 0);
			}
			msg = help_seen(&broker);
			assert_int_equal(msg.head.type, WIRE_SYSRQ);
			assert_string_equal(msg.u.sysrq.guest, "web");
			assert_int_equal(msg.u.sysrq.key, byte);
		} else if (byte != '"' && byte != '-')
			assert_int_equal(command(line), VPSH_ERR_KEY);
		stop();
	}
	start();
	assert_int_equal(command_of_person("sysrq web b", "", "y\n", &asked),
	    VPSH_ERR_CONFIRM);
	assert_true(asked);
	assert_int_equal(help_seen(&broker).head.type, WIRE_STATUS);
	assert_int_equal(command_of_person("sysrq web b", "", "web\n",
			     &asked),
	    0);
	assert_int_equal(help_seen(&broker).head.type, WIRE_STATUS);
	msg = help_seen(&broker);
	assert_int_equal(msg.head.type, WIRE_SYSRQ);
	assert_int_equal(msg.u.sysrq.boot, 7);
	stop();
}

static void
a_guest_that_is_left_out_is_the_only_one(void **state)
{
	struct wire_msg msg;

	(void)state;
	start();
	assert_int_equal(command("start"), VPSH_ERR_USAGE);
	assert_int_equal(help_seen(&broker).head.type, WIRE_LIST);
	stop();
	start();
	broker.nguests = 1;
	help_broker_stop(&broker);
	help_broker_start(&broker);
	assert_int_equal(client_init(&session.client, broker.path, ""), 0);
	assert_int_equal(command("destroy"), VPSH_ERR_CONFIRM);
	assert_int_equal(help_seen(&broker).head.type, WIRE_LIST);
	assert_int_equal(command("destroy --yes"), 0);
	assert_int_equal(help_seen(&broker).head.type, WIRE_LIST);
	msg = help_seen(&broker);
	assert_int_equal(msg.head.type, WIRE_DESTROY);
	assert_string_equal(msg.u.power.guest, "web");
	stop();
}

static int
setup(void **state)
{
	(void)state;
	signals_init();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(E16_destroy_wants_the_name_of_the_guest),
		cmocka_unit_test(
		    E16_C09_what_was_typed_ahead_answers_no_question),
		cmocka_unit_test(E16_a_script_says_yes_or_nothing_happens),
		cmocka_unit_test(
		    a_person_is_asked_before_a_shutdown_and_default_is_no),
		cmocka_unit_test(nobody_is_asked_about_a_guest_that_is_off),
		cmocka_unit_test(
		    the_boot_seen_is_sent_until_our_own_job_changes_it),
		cmocka_unit_test(
		    A04_nothing_is_sent_for_what_is_not_understood),
		cmocka_unit_test(options_become_what_the_broker_is_asked_for),
		cmocka_unit_test(E16_what_is_forced_wants_the_name_too),
		cmocka_unit_test(
		    D14_E16_a_key_that_stops_wants_the_name_and_others_do_not),
		cmocka_unit_test(a_guest_that_is_left_out_is_the_only_one),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
