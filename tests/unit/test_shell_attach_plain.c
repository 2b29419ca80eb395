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
		end = attach_run(&a, plain->viewer[1], -1, true);
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
without_a_terminal_the_end_of_input_leaves_the_output(void **state)
{
	struct plain plain;
	struct wire_msg msg;

	(void)state;
	plain_open(&plain);
	assert_int_equal(write(plain.in[1], "uptime\n", 7), 7);
	fd_close(&plain.in[1]);
	rig_recv(plain.viewer[0], &msg, WIRE_VIEWER_CONSOLE, WIRE_INPUT);
	assert_memory_equal(msg.u.output.data, "uptime\n", 7);
	assert_int_equal(wire_send_data(plain.viewer[0], WIRE_OUTPUT, 0,
			     "up 3 days\n", 10),
	    0);
	read_exactly(plain.out[0], "up 3 days\n");
	/* Nobody there to read: over, although the guest says nothing. */
	fd_close(&plain.out[0]);
	plain_close(&plain, ATTACH_LEFT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_terminal_bytes_pass_as_they_are),
		cmocka_unit_test(
		    without_a_terminal_the_end_of_input_leaves_the_output)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
