/* SPDX-License-Identifier: ISC */
#include "tests/unit/console_rig.h"

#include "shell/attach.h"

/* The customer's end without a terminal: pipes. */

static struct attach_options
options_on(int in, int out, int err)
{
	const struct attach_options options = { .guest = "web",
		.customer = "alice",
		.term = "xterm-256color",
		.in = in,
		.out = out,
		.err = err };

	return options;
}

struct plain {
	int in[2];
	int out[2];
	int err[2];
	int viewer[2];
	pid_t pid;
};

static void
plain_open(struct plain *plain)
{
	const struct wire_writer told = { .you = 1, .who = "alice" };
	struct attach_options options;
	enum attach_end end;
	struct attach a;

	assert_int_equal(pipe2(plain->in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(plain->out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(plain->err, O_CLOEXEC), 0);
	assert_int_equal(fd_pair(plain->viewer), 0);
	plain->pid = fork();
	assert_int_not_equal(plain->pid, -1);
	if (plain->pid == 0) {
		fd_close(&plain->in[1]);
		fd_close(&plain->out[0]);
		fd_close(&plain->viewer[0]);
		options = options_on(plain->in[0], plain->out[1],
		    plain->err[1]);
		if (attach_open(&a, &options) == -1)
			_exit(1);
		attach_viewer(&a, plain->viewer[1], true);
		end = attach_run(&a, -1, -1);
		attach_close(&a);
		_exit(100 + (int)end);
	}
	fd_close(&plain->in[0]);
	fd_close(&plain->out[1]);
	fd_close(&plain->err[1]);
	fd_close(&plain->viewer[1]);
	rig_send(plain->viewer[0], WIRE_WRITER, &told, NULL, 0);
}

static void
plain_close(struct plain *plain, enum attach_end end)
{
	int status;

	assert_int_equal(waitpid(plain->pid, &status, 0), plain->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 100 + (int)end);
	fd_close(&plain->in[1]);
	fd_close(&plain->out[0]);
	fd_close(&plain->err[0]);
	fd_close(&plain->viewer[0]);
}

static void
read_exactly(int fd, const char *want)
{
	char got[512];
	size_t have = 0;
	ssize_t n;

	while (have < strlen(want)) {
		rig_wait(fd, POLLIN);
		n = read(fd, got + have, strlen(want) - have);
		assert_true(n > 0);
		have += (size_t)n;
	}
	assert_memory_equal(got, want, have);
}

static void
without_a_terminal_bytes_pass_as_they_are(void **state)
{
	const char keys[] = "\035\021\021\021q\003";
	const struct wire_text event = { "console opened" };
	struct plain plain;
	struct wire_msg msg;

	(void)state;
	plain_open(&plain);
	read_exactly(plain.err[0],
	    "[web: no terminal, so bytes pass as they "
	    "are and no key leaves. For a real console: ssh -t HOST console "
	    "GUEST]\n[web: connected]\n");
	assert_int_equal(write(plain.in[1], keys, sizeof(keys) - 1),
	    sizeof(keys) - 1);
	rig_recv(plain.viewer[0], &msg, WIRE_VIEWER_CONSOLE, WIRE_INPUT);
	assert_memory_equal(msg.u.output.data, keys, sizeof(keys) - 1);
	rig_send(plain.viewer[0], WIRE_EVENT, &event, NULL, 0);
	assert_int_equal(wire_send_data(plain.viewer[0], WIRE_OUTPUT, 0,
			     "\033[31mred\n", 9),
	    0);
	read_exactly(plain.err[0], "[web: console opened]\n");
	read_exactly(plain.out[0], "\033[31mred\n");
	fd_close(&plain.viewer[0]);
	plain_close(&plain, ATTACH_LOST);
}

static void
output(struct plain *plain, const char *text)
{
	assert_int_equal(wire_send_data(plain->viewer[0], WIRE_OUTPUT, 0, text,
			     strlen(text)),
	    0);
}

static void
a_reader_that_is_gone_ends_it(void **state)
{
	struct plain plain;

	(void)state;
	plain_open(&plain);
	fd_close(&plain.out[0]);
	plain_close(&plain, ATTACH_LEFT);
}

/* echo uptime | ssh HOST console web */
static void
what_was_piped_in_is_answered_and_then_it_is_over(void **state)
{
	struct plain plain;
	struct wire_msg msg;

	(void)state;
	plain_open(&plain);
	assert_int_equal(write(plain.in[1], "uptime\n", 7), 7);
	fd_close(&plain.in[1]);
	rig_recv(plain.viewer[0], &msg, WIRE_VIEWER_CONSOLE, WIRE_INPUT);
	assert_memory_equal(msg.u.output.data, "uptime\n", 7);
	output(&plain, "up 3 days\n");
	read_exactly(plain.out[0], "up 3 days\n");
	plain_close(&plain, ATTACH_LEFT);
}

/* ssh -n HOST console web >FILE: the other one began later and is over. */
static void
without_any_input_it_goes_on_listening(void **state)
{
	struct plain listener, other;

	(void)state;
	plain_open(&listener);
	fd_close(&listener.in[1]);
	plain_open(&other);
	assert_int_equal(write(other.in[1], "x", 1), 1);
	fd_close(&other.in[1]);
	plain_close(&other, ATTACH_LEFT);
	output(&listener, "still there\n");
	read_exactly(listener.out[0], "still there\n");
	fd_close(&listener.viewer[0]);
	plain_close(&listener, ATTACH_LOST);
}

/* Somebody else writes: what was piped in waits, and is not left behind. */
static void
input_that_was_not_taken_keeps_it_waiting(void **state)
{
	const struct wire_writer bob = { .who = "bob" },
				 you = { .you = 1, .who = "alice" };
	struct plain plain, other;
	struct wire_msg msg;

	(void)state;
	plain_open(&plain);
	rig_send(plain.viewer[0], WIRE_WRITER, &bob, NULL, 0);
	read_exactly(plain.err[0],
	    "[web: no terminal, so bytes pass as they are and no key leaves. "
	    "For a real console: ssh -t HOST console GUEST]\n"
	    "[web: connected]\n[web: you are watching; bob");
	assert_int_equal(write(plain.in[1], "late", 4), 4);
	fd_close(&plain.in[1]);
	plain_open(&other);
	assert_int_equal(write(other.in[1], "x", 1), 1);
	fd_close(&other.in[1]);
	plain_close(&other, ATTACH_LEFT);
	rig_send(plain.viewer[0], WIRE_WRITER, &you, NULL, 0);
	rig_recv(plain.viewer[0], &msg, WIRE_VIEWER_CONSOLE, WIRE_INPUT);
	assert_memory_equal(msg.u.output.data, "late", 4);
	plain_close(&plain, ATTACH_LEFT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_terminal_bytes_pass_as_they_are),
		cmocka_unit_test(a_reader_that_is_gone_ends_it),
		cmocka_unit_test(
		    what_was_piped_in_is_answered_and_then_it_is_over),
		cmocka_unit_test(without_any_input_it_goes_on_listening),
		cmocka_unit_test(input_that_was_not_taken_keeps_it_waiting)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
