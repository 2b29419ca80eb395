/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/broker_world.h"
#include "wire/err.h"

#define SESSIONS 3
#define MINUTES	 (60 * 1000)

/* One customer with a broker that takes us for it, whoever we are. */
static void
set_up(struct world *w)
{
	char text[200], path[200];

	world_folder(w);
	assert_int_equal(text_format(text, sizeof(text),
			     "plan = \"basic\"; uid = 5001; guests = ();\n"
			     "limits = { sessions = %d; };\n",
			     SESSIONS),
	    0);
	world_customer(w, "alice", text);
	world_start(w);
	world_loop(w);
	assert_int_equal(w->b.accounts.nrows, 1);
	w->b.accounts.rows[0].uid = geteuid();
	w->b.accounts.known = true;
	assert_int_equal(text_format(path, sizeof(path), "%s/sock", w->dir), 0);
	door_listen(&w->b, fd_listen(path, 0600, (gid_t)-1));
}

/* The next frame from the broker; 0 when it hung up. */
static uint32_t
next(struct world *w, int fd, struct wire_msg *msg)
{
	struct pollfd pfd = { fd, POLLIN, 0 };
	int i;

	for (i = 0; i < 100; i++) {
		world_loop(w);
		if (poll(&pfd, 1, 20) == 1)
			break;
	}
	assert_in_range(i, 0, 99);
	return wire_recv(fd, msg, WIRE_BROKER_CLIENT, NULL, NULL) > 0 ?
	    msg->head.type :
	    0;
}

static int
log_in(struct world *w)
{
	struct wire_hello hello;
	struct wire_msg msg;
	char path[200];
	int fd;

	assert_int_equal(text_format(path, sizeof(path), "%s/sock", w->dir), 0);
	fd = fd_connect(path);
	assert_int_not_equal(fd, -1);
	wire_hello(&hello, WIRE_ROLE_CLIENT, NULL);
	assert_int_equal(wire_send(fd, WIRE_HELLO, 0, &hello, NULL, 0), 0);
	if (next(w, fd, &msg) != WIRE_HELLO) {
		assert_int_equal(msg.head.type, WIRE_BYE);
		assert_int_equal(msg.u.outcome.err, VPSH_ERR_SESSIONS);
		fd_close(&fd);
	}
	return fd;
}

static void
ask(struct world *w, int fd, uint32_t id)
{
	const struct wire_empty empty = { 0 };
	struct wire_msg msg;

	assert_int_equal(wire_send(fd, WIRE_WHOAMI, id, &empty, NULL, 0), 0);
	assert_int_equal(next(w, fd, &msg), WIRE_WHO);
}

static void
the_session_that_is_idle_longest_gives_way(void **state)
{
	static struct world w;
	struct wire_msg msg;
	int fd[SESSIONS], i;

	(void)state;
	set_up(&w);
	for (i = 0; i < SESSIONS; i++)
		fd[i] = log_in(&w);
	ask(&w, fd[0], 1);
	/* All of them are idle for longer than that. */
	w.b.connections.idle_ms = -MINUTES;
	assert_int_not_equal(log_in(&w), -1);
	assert_int_equal(next(&w, fd[1], &msg), WIRE_BYE);
	assert_int_equal(msg.u.outcome.err, VPSH_ERR_SESSIONS);
	ask(&w, fd[0], 2);
	ask(&w, fd[2], 1);
}

static void
sessions_that_are_not_idle_long_enough_stay(void **state)
{
	static struct world w;
	int fd[SESSIONS], i;

	(void)state;
	set_up(&w);
	assert_in_range(w.b.connections.idle_ms, 2 * MINUTES, 15 * MINUTES);
	for (i = 0; i < SESSIONS; i++)
		fd[i] = log_in(&w);
	assert_int_equal(log_in(&w), -1);
	for (i = 0; i < SESSIONS; i++)
		ask(&w, fd[i], 1);
}

static void
what_waits_for_an_answer_is_not_idle(void **state)
{
	static struct world w;
	struct connection_tally tally;
	int i;

	(void)state;
	set_up(&w);
	w.b.connections.idle_ms = -MINUTES;
	for (i = 0; i < SESSIONS; i++)
		assert_int_not_equal(log_in(&w), -1);
	for (i = 0; i < SESSIONS; i++) {
		connection_tally(&w.b, geteuid(), &tally);
		assert_non_null(tally.idle);
		connection_pending(tally.idle, 1);
	}
	assert_int_equal(log_in(&w), -1);
}

static void
count(void *arg, const struct wire_session *session)
{
	assert_string_equal(session->customer, "alice");
	assert_int_equal(session->uid, geteuid());
	assert_int_equal(session->pid, getpid());
	assert_in_range(session->idle_ms, 0, MINUTES);
	assert_true(session->since_ms > 0 && session->number > 0);
	++*(int *)arg;
}

static void
every_session_of_a_customer_is_told_of_once(void **state)
{
	static struct world w;
	int fd[2], n = 0;

	(void)state;
	set_up(&w);
	fd[0] = log_in(&w);
	fd[1] = log_in(&w);
	connection_each(&w.b, count, &n);
	assert_int_equal(n, 2);
	fd_close(&fd[0]);
	world_loop(&w);
	connection_each(&w.b, count, &n);
	assert_int_equal(n, 3);
	fd_close(&fd[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_session_that_is_idle_longest_gives_way),
		cmocka_unit_test(sessions_that_are_not_idle_long_enough_stay),
		cmocka_unit_test(what_waits_for_an_answer_is_not_idle),
		cmocka_unit_test(every_session_of_a_customer_is_told_of_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
