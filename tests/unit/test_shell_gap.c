/* SPDX-License-Identifier: ISC */
#include "tests/unit/shell_seat.h"

#include "shell/attach.h"
#include "shell/terminal.h"

/*
 * A customer's terminal while there is no console server: one that is gone,
 * and the one that comes after it.
 */

#define GAP "[web: vpsh is restarting; one moment]\r\n"

struct scene {
	struct seat seat;
	int server[2];
	int far[2]; /* ours */
};

static const struct attach_options options = { .guest = "web",
	.customer = "alice",
	.term = "xterm",
	.in = 0,
	.out = 1,
	.err = 2 };

/* Keep nothing of what the test has but the two sockets. */
static void
leave_the_test(struct scene *scene)
{
	scene->far[0] = fcntl(scene->far[0], F_DUPFD_CLOEXEC, 100);
	scene->far[1] = fcntl(scene->far[1], F_DUPFD_CLOEXEC, 100);
	(void)close_range(3, 99, 0);
}

/* One viewer instead of another that works, as when a broker was restarted. */
static int
switch_body(void *arg)
{
	struct scene *scene = arg;
	enum attach_end end;
	struct attach a;

	leave_the_test(scene);
	if (attach_open(&a, &options) == -1)
		return 1;
	attach_viewer(&a, scene->far[0], true);
	while (!a.known)
		(void)attach_run(&a, -1, clock_ms() + 10);
	attach_viewer(&a, scene->far[1], true);
	end = attach_run(&a, -1, -1);
	attach_close(&a);
	return 100 + (int)end;
}

/* Runs twice: lost, then again from where it was. */
static int
again_body(void *arg)
{
	struct scene *scene = arg;
	struct attach a;

	leave_the_test(scene);
	if (attach_open(&a, &options) == -1 ||
	    attach_from(&a) != WIRE_FROM_TAIL)
		return 1;
	attach_viewer(&a, scene->far[0], true);
	if (attach_run(&a, -1, -1) != ATTACH_LOST)
		return 2;
	attach_viewer(&a, -1, false);
	if (attach_from(&a) != 5003 || !terminal_entered() ||
	    attach_run(&a, -1, clock_ms() + 200) != ATTACH_LATER)
		return 3;
	attach_viewer(&a, scene->far[1], true);
	if (attach_run(&a, -1, -1) != ATTACH_LOST)
		return 4;
	attach_viewer(&a, -1, false);
	attach_mark(&a, "waiting");
	if (attach_run(&a, -1, clock_ms() + RIG_MS) != ATTACH_LEFT)
		return 5;
	attach_close(&a);
	attach_close(&a);
	return 100;
}

static void
scene_open(struct scene *scene, int (*body)(void *))
{
	int pair[2], i;

	memset(scene, 0, sizeof(*scene));
	seat_open(&scene->seat);
	for (i = 0; i < 2; i++) {
		assert_int_equal(fd_pair(pair), 0);
		scene->server[i] = pair[0];
		scene->far[i] = pair[1];
	}
	seat_run(&scene->seat, body, scene);
	for (i = 0; i < 2; i++)
		fd_close(&scene->far[i]);
}

static void
say(int server, uint64_t offset, const char *text)
{
	assert_int_equal(wire_send_data(server, WIRE_OUTPUT, offset, text,
			     strlen(text)),
	    0);
}

static void
write_side(int server, bool you)
{
	const struct wire_writer told = { .you = you, .who = "alice" };

	rig_send(server, WIRE_WRITER, &told, NULL, 0);
}

static void
a_lost_console_is_gone_on_with_from_the_next_byte(void **state)
{
	const struct wire_missed missed = { 7 };
	struct wire_msg msg;
	struct scene scene;

	(void)state;
	scene_open(&scene, again_body);
	write_side(scene.server[0], true);
	say(scene.server[0], 5000, "abc");
	fd_close(&scene.server[0]);
	seat_see(&scene.seat, "abc\r\n" GAP);
	/* Few keys, and soon: they reach the next one, which wrote before. */
	seat_type(&scene.seat, "ls\r");
	rig_recv(scene.server[1], &msg, WIRE_VIEWER_CONSOLE, WIRE_TAKE);
	write_side(scene.server[1], false);
	write_side(scene.server[1], true);
	rig_recv(scene.server[1], &msg, WIRE_VIEWER_CONSOLE, WIRE_INPUT);
	assert_memory_equal(msg.u.output.data, "ls\r", 3);
	rig_send(scene.server[1], WIRE_MISSED, &missed, NULL, 0);
	say(scene.server[1], 5010, "def");
	seat_see(&scene.seat,
	    GAP "[web: back]\r\n[web: 7 bytes are missing here]\r\ndef");
	fd_close(&scene.server[1]);
	seat_see(&scene.seat, "def\r\n" GAP "[web: waiting]\r\n");
	seat_type(&scene.seat, "abc\035");
	seat_see(&scene.seat, terminal_reset("xterm"));
	assert_int_equal(seat_wait(&scene.seat), 100);
	seat_assert_restored(&scene.seat);
	seat_close(&scene.seat);
}

static void
D05_another_viewer_of_the_same_console_is_not_noticed(void **state)
{
	struct wire_msg msg;
	struct scene scene;

	(void)state;
	scene_open(&scene, switch_body);
	write_side(scene.server[0], true);
	say(scene.server[0], 5000, "abc");
	/* It wrote, and has to write again before the old one is closed. */
	rig_recv(scene.server[1], &msg, WIRE_VIEWER_CONSOLE, WIRE_TAKE);
	write_side(scene.server[1], false);
	write_side(scene.server[1], true);
	say(scene.server[1], 5000, "ab");
	say(scene.server[1], 5002, "cdef");
	seat_see(&scene.seat, "helps]\r\nabcdef");
	seat_type(&scene.seat, "ls\r\035");
	rig_recv(scene.server[1], &msg, WIRE_VIEWER_CONSOLE, WIRE_INPUT);
	assert_memory_equal(msg.u.output.data, "ls\r", 3);
	seat_see(&scene.seat, terminal_reset("xterm"));
	assert_int_equal(seat_wait(&scene.seat), 100 + ATTACH_LEFT);
	seat_assert_restored(&scene.seat);
	assert_null(memmem(scene.seat.screen, scene.seat.len, "watching", 8));
	seat_close(&scene.seat);
	fd_close(&scene.server[0]);
	fd_close(&scene.server[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    D05_another_viewer_of_the_same_console_is_not_noticed),
		cmocka_unit_test(
		    a_lost_console_is_gone_on_with_from_the_next_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
