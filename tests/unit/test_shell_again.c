/* SPDX-License-Identifier: ISC */
#include "tests/unit/shell_seat.h"

#include <time.h>

#include "shell/again.h"
#include "shell/command.h"
#include "shell/session.h"
#include "shell/signals.h"
#include "shell/terminal.h"
#include "tests/unit/shell_help.h"

/*
 * What is waited for and never comes back.  These tests have a clock of
 * their own, in place of base/clock.c, so that a minute is one second.
 */
#define FASTER 60

static int64_t
fast_ms(clockid_t id)
{
	struct timespec now = { 0, 0 };

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_ms(void)
{
	return fast_ms(CLOCK_MONOTONIC) * FASTER;
}

int64_t
clock_boot_ms(void)
{
	return fast_ms(CLOCK_BOOTTIME) * FASTER;
}

int64_t
clock_wall_ms(void)
{
	return fast_ms(CLOCK_REALTIME);
}

void
clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_LEN])
{
	(void)wall_ms;
	(void)text_copy(out, CLOCK_RFC3339_LEN, "1970-01-01T00:00:00.000Z");
}

/* --- a console ----------------------------------------------------------- */

struct scene {
	struct seat seat;
	const char *path; /* of the broker, or NULL */
	int viewer; /* the server's end */
	int far;
};

/* Keep nothing of what the test has but the socket. */
static void
leave_the_test(struct scene *scene)
{
	scene->far = fcntl(scene->far, F_DUPFD_CLOEXEC, 100);
	(void)close_range(3, 99, 0);
}

/* Status: 100 - the error that ended it. */
static int
console_body(void *arg)
{
	const struct wire_attached attached = { .may_write = 1 };
	struct scene *scene = arg;
	struct session session;
	struct again again;
	enum attach_end end;

	leave_the_test(scene);
	memset(&session, 0, sizeof(session));
	session.term = "xterm";
	if (client_init(&session.client,
		scene->path != NULL ? scene->path : "/nonexistent/broker",
		"") == -1)
		return 1;
	end = again_run(&again, &session, "web", 0, &attached, scene->far, 0);
	return end == ATTACH_LOST ? 100 - again.err : 10 + (int)end;
}

/* A broker at that path, or none. */
static void
scene_open_at(struct scene *scene, const char *path)
{
	struct wire_writer told = { .you = 1, .who = "alice" };
	int pair[2];

	memset(scene, 0, sizeof(*scene));
	scene->path = path;
	seat_open(&scene->seat);
	assert_int_equal(fd_pair(pair), 0);
	scene->viewer = pair[0];
	scene->far = pair[1];
	seat_run(&scene->seat, console_body, scene);
	fd_close(&scene->far);
	rig_send(scene->viewer, WIRE_WRITER, &told, NULL, 0);
	assert_int_equal(wire_send_data(scene->viewer, WIRE_OUTPUT, 0, "hi", 2),
	    0);
	seat_see(&scene->seat, "hi");
}

static void
scene_open(struct scene *scene)
{
	scene_open_at(scene, NULL);
}

/* For two minutes; what it says first is from that offset. */
static void
scene_works_on(struct scene *scene, uint64_t offset)
{
	int64_t begin = clock_ms();

	while (clock_ms() - begin < 2 * AGAIN_FOR_MS) {
		seat_forget(&scene->seat);
		assert_int_equal(wire_send_data(scene->viewer, WIRE_OUTPUT,
				     offset, "on", 2),
		    0);
		offset += 2;
		seat_see(&scene->seat, "on");
	}
}

static void
scene_close(struct scene *scene, int status)
{
	seat_see(&scene->seat, terminal_reset("xterm"));
	assert_int_equal(seat_wait(&scene->seat), status);
	seat_assert_restored(&scene->seat);
	seat_close(&scene->seat);
	fd_close(&scene->viewer);
}

static void
a_console_that_never_comes_back_ends_after_a_minute(void **state)
{
	struct scene scene;
	int64_t begin;

	(void)state;
	scene_open(&scene);
	begin = clock_ms();
	fd_close(&scene.viewer);
	seat_see(&scene.seat,
	    "hi\r\n[web: vpsh is restarting; one moment]\r\n");
	scene_close(&scene, 100 - VPSH_ERR_SERVICE);
	assert_true(clock_ms() - begin >= AGAIN_FOR_MS);
}

static void
a_console_that_works_is_not_given_up_for_want_of_a_broker(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene_works_on(&scene, 2);
	seat_type(&scene.seat, "\035");
	scene_close(&scene, 10 + ATTACH_LEFT);
}

/* A broker's answer to one client that asks for the console. */
static bool
grants(int client, int viewer)
{
	const struct wire_attached attached = { .may_write = 1 };
	struct wire_hello hello;
	struct wire_msg msg;

	wire_hello(&hello, WIRE_ROLE_BROKER, NULL);
	return rig_recv_any(client, &msg, WIRE_CLIENT_BROKER) > 0 &&
	    wire_send(client, WIRE_HELLO, 0, &hello, NULL, 0) == 0 &&
	    rig_recv_any(client, &msg, WIRE_CLIENT_BROKER) > 0 &&
	    msg.head.type == WIRE_CONSOLE &&
	    wire_send(client, WIRE_ATTACHED, msg.head.id, &attached, &viewer,
		1) == 0;
}

static void
a_console_that_came_back_is_not_given_up_later(void **state)
{
	struct wire_writer told = { .you = 1, .who = "alice" };
	char dir[] = "/tmp/vpsh-again-XXXXXX", path[64];
	int listener, client = -1, pair[2];
	struct scene scene;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/broker", dir);
	listener = fd_listen(path, 0600, getegid());
	assert_int_not_equal(listener, -1);
	scene_open_at(&scene, path);
	fd_close(&scene.viewer);
	seat_see(&scene.seat, "one moment]\r\n");
	assert_int_equal(fd_pair(pair), 0);
	do {
		/* It lets go of one that answers too late. */
		fd_close(&client);
		rig_wait(listener, POLLIN);
		client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	} while (!grants(client, pair[1]));
	fd_close(&pair[1]);
	scene.viewer = pair[0];
	rig_send(scene.viewer, WIRE_WRITER, &told, NULL, 0);
	seat_see(&scene.seat, "[web: back]\r\n");
	scene_works_on(&scene, 2);
	seat_type(&scene.seat, "\035");
	scene_close(&scene, 10 + ATTACH_LEFT);
	fd_close(&client);
	fd_close(&listener);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void
A18_a_hang_up_while_it_waits_ends_it_at_once(void **state)
{
	static const int signals[] = { SIGHUP, SIGTERM };
	struct scene scene;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		scene_open(&scene);
		fd_close(&scene.viewer);
		seat_see(&scene.seat, "one moment]\r\n");
		assert_int_equal(kill(scene.seat.pid, signals[i]), 0);
		scene_close(&scene, 128 + signals[i]);
	}
}

/* Without a broker: only how long a key waits. */
static int
keys_body(void *arg)
{
	const struct attach_options options = { .guest = "web",
		.customer = "alice",
		.term = "xterm",
		.in = 0,
		.out = 1,
		.err = 2 };
	struct scene *scene = arg;
	struct attach a;
	int64_t until;

	leave_the_test(scene);
	if (attach_open(&a, &options) == -1)
		return 1;
	attach_viewer(&a, -1, false);
	/* In small steps: poll(2) has the old clock. */
	until = clock_ms() + 10 * ATTACH_KEYS_MS;
	while (clock_ms() < until)
		if (attach_run(&a, -1, clock_ms() + 10) != ATTACH_LATER)
			return 2;
	attach_viewer(&a, scene->far, true);
	(void)attach_run(&a, -1, -1);
	attach_close(&a);
	return 100;
}

static void
old_keys_reach_nobody_and_that_is_said(void **state)
{
	struct wire_writer told = { .you = 1, .who = "alice" };
	struct wire_msg msg;
	struct scene scene;
	int pair[2];

	(void)state;
	memset(&scene, 0, sizeof(scene));
	seat_open(&scene.seat);
	assert_int_equal(fd_pair(pair), 0);
	scene.viewer = pair[0];
	scene.far = pair[1];
	seat_run(&scene.seat, keys_body, &scene);
	fd_close(&scene.far);
	seat_see(&scene.seat, "one moment]\r\n");
	seat_type(&scene.seat, "rm -rf /\r");
	rig_send(scene.viewer, WIRE_WRITER, &told, NULL, 0);
	seat_see(&scene.seat,
	    "[web: back; what you typed meanwhile was not sent]\r\n");
	seat_type(&scene.seat, "ls\r\035");
	assert_true(rig_recv_any(scene.viewer, &msg, WIRE_VIEWER_CONSOLE) > 0);
	assert_int_equal(msg.head.type, WIRE_INPUT);
	assert_memory_equal(msg.u.output.data, "ls\r", 3);
	scene_close(&scene, 100);
}

/* --- commands ------------------------------------------------------------ */

static struct help_broker broker;
static struct session session;
static bool plain;

/* Ends the broker for good when it has got a request. */
static pid_t
assassin(void)
{
	struct wire_msg msg;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid != 0)
		return pid;
	alarm(25);
	do {
		if (read(broker.seen, &msg, HELP_REPORT) != HELP_REPORT)
			_exit(1);
	} while (msg.head.type == WIRE_PREFS);
	kill(broker.pid, SIGKILL);
	_exit(0);
}

static int
command_without_end(const char *line)
{
	int err, status;
	pid_t pid;

	memset(&broker, 0, sizeof(broker));
	help_guest(&broker.guests[0], "web", WIRE_STATE_RUNNING, 7);
	broker.nguests = 1;
	broker.endless = true;
	broker.plain = plain;
	help_broker_start(&broker);
	memset(&session, 0, sizeof(session));
	assert_int_equal(client_init(&session.client, broker.path, ""), 0);
	pid = assassin();
	err = command_run(&session, line, strlen(line));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	client_close(&session.client);
	assert_false(help_broker_stop(&broker));
	return err;
}

static void
a_service_that_never_comes_back_ends_each_wait(void **state)
{
	static const struct {
		const char *line;
		int64_t wait_ms;
	} waits[] = { { "start web", 30000 }, { "job K7F3", 30000 },
		{ "list --follow", 60000 }, { "status web --follow", 60000 } };
	int64_t begin;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		begin = clock_ms();
		assert_int_equal(command_without_end(waits[i].line),
		    VPSH_ERR_SERVICE);
		assert_true(clock_ms() - begin >= waits[i].wait_ms);
	}
}

static void
one_that_knows_of_no_preferences_is_followed_all_the_same(void **state)
{
	(void)state;
	plain = true;
	assert_int_equal(command_without_end("list --follow"),
	    VPSH_ERR_SERVICE);
	plain = false;
}

static void
a_timeout_counts_while_the_service_is_away_as_well(void **state)
{
	int64_t begin = clock_ms();

	(void)state;
	assert_int_equal(command_without_end("start web --timeout 10"),
	    VPSH_ERR_TIMEOUT);
	assert_true(clock_ms() - begin < 30000);
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
		cmocka_unit_test(
		    a_console_that_never_comes_back_ends_after_a_minute),
		cmocka_unit_test(
		    a_console_that_works_is_not_given_up_for_want_of_a_broker),
		cmocka_unit_test(
		    a_console_that_came_back_is_not_given_up_later),
		cmocka_unit_test(A18_a_hang_up_while_it_waits_ends_it_at_once),
		cmocka_unit_test(old_keys_reach_nobody_and_that_is_said),
		cmocka_unit_test(
		    a_service_that_never_comes_back_ends_each_wait),
		cmocka_unit_test(
		    one_that_knows_of_no_preferences_is_followed_all_the_same),
		cmocka_unit_test(
		    a_timeout_counts_while_the_service_is_away_as_well),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
