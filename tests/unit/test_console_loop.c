/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include "tests/unit/console_rig.h"

#include "console/server.h"

/*
 * The server in this process, so that time can be moved: its clock would
 * otherwise keep a test waiting.
 */
struct loop {
	struct event_base *base;
	struct server server;
	struct rig rig;
};

/* Let the server do whatever it has to do now. */
static void
loop_turn(struct loop *loop)
{
	assert_int_not_equal(event_base_loop(loop->base, EVLOOP_NONBLOCK), -1);
}

static int
loop_peer(struct loop *loop, enum wire_role role)
{
	const struct wire_peer peer = { (uint32_t)role };
	struct wire_hello hello;
	struct wire_msg msg;
	int pair[2];

	assert_int_equal(fd_pair(pair), 0);
	wire_hello(&hello, role, NULL);
	rig_send(pair[0], WIRE_HELLO, &hello, NULL, 0);
	rig_send(loop->rig.super, WIRE_PEER, &peer, &pair[1], 1);
	fd_close(&pair[1]);
	loop_turn(loop);
	loop_turn(loop);
	rig_recv(pair[0], &msg, WIRE_ANY, WIRE_HELLO);
	return pair[0];
}

static void
loop_start(struct loop *loop)
{
	struct wire_hello hello;
	struct wire_msg msg;
	int pair[2];

	memset(loop, 0, sizeof(*loop));
	assert_int_equal(fd_pair(pair), 0);
	loop->rig.super = pair[0];
	loop->base = event_base_new();
	assert_non_null(loop->base);
	assert_int_equal(server_init(&loop->server, loop->base, pair[1]), 0);
	wire_hello(&hello, WIRE_ROLE_SUPERVISOR, NULL);
	rig_send(pair[0], WIRE_HELLO, &hello, NULL, 0);
	loop_turn(loop);
	rig_recv(pair[0], &msg, WIRE_ANY, WIRE_HELLO);
	loop->rig.broker = loop_peer(loop, WIRE_ROLE_BROKER);
	loop->rig.watch = loop_peer(loop, WIRE_ROLE_WATCH);
}

static void
loop_stop(struct loop *loop)
{
	server_free(&loop->server);
	event_base_free(loop->base);
	fd_close(&loop->rig.super);
	fd_close(&loop->rig.broker);
	fd_close(&loop->rig.watch);
}

static void
loop_attach(struct loop *loop, struct rig_view *view,
    const struct rig_guest *guest, const char *who)
{
	const struct wire_grant how = { .from = WIRE_FROM_TAIL,
		.tail = 4096,
		.may_write = 1 };

	rig_grant(&loop->rig, view, guest, who, how);
	loop_turn(loop);
	loop_turn(loop);
	while (view->told == 0)
		assert_true(rig_look(view));
}

/* --- tests --------------------------------------------------------------- */

static void
D05_the_same_customer_takes_over_their_own_silent_session(void **state)
{
	struct rig_guest web;
	struct rig_view old, early, late, bob;
	struct stream *stream;
	struct loop loop;

	(void)state;
	loop_start(&loop);
	rig_guest(&web, "alice", "web");
	loop_attach(&loop, &old, &web, "alice");
	assert_true(old.writer);
	loop_attach(&loop, &early, &web, "alice");
	assert_false(early.writer);

	stream = TAILQ_FIRST(&loop.server.streams);
	stream->writer->input_ms -= STREAM_SILENT_MS;
	loop_attach(&loop, &bob, &web, "bob");
	assert_false(bob.writer);
	loop_attach(&loop, &late, &web, "alice");
	assert_true(late.writer);
	loop_turn(&loop);
	rig_see_writer(&old, false, "alice");

	rig_view_free(&old);
	rig_view_free(&early);
	rig_view_free(&late);
	rig_view_free(&bob);
	rig_guest_free(&web);
	loop_stop(&loop);
}

static void
viewers_of_a_broker_that_is_gone_have_their_time(void **state)
{
	struct rig_guest web;
	struct rig_view old, fresh;
	struct loop loop;

	(void)state;
	loop_start(&loop);
	rig_guest(&web, "alice", "web");
	loop_attach(&loop, &old, &web, "alice");
	fd_close(&loop.rig.broker);
	loop_turn(&loop);
	loop.rig.broker = loop_peer(&loop, WIRE_ROLE_BROKER);
	loop_attach(&loop, &fresh, &web, "alice");
	assert_int_equal(loop.server.nviewers, 2);
	assert_true(event_pending(loop.server.orphans, EV_TIMEOUT, NULL));

	event_active(loop.server.orphans, EV_TIMEOUT, 0);
	loop_turn(&loop);
	assert_int_equal(loop.server.nviewers, 1);
	while (rig_look(&old))
		continue;
	assert_false(old.ended);
	/* The new broker never knew the old viewer and is not told of it. */
	rig_see_writer(&fresh, true, "alice");
	rig_view_free(&old);
	rig_view_free(&fresh);
	rig_guest_free(&web);
	loop_stop(&loop);
}

static void
a_revoke_of_the_new_broker_never_means_an_old_viewer(void **state)
{
	struct wire_viewer revoke;
	struct rig_guest web;
	struct rig_view old;
	struct loop loop;

	(void)state;
	loop_start(&loop);
	rig_guest(&web, "alice", "web");
	loop_attach(&loop, &old, &web, "alice");
	fd_close(&loop.rig.broker);
	loop_turn(&loop);
	loop.rig.broker = loop_peer(&loop, WIRE_ROLE_BROKER);
	revoke.viewer = old.id;
	rig_send(loop.rig.broker, WIRE_REVOKE, &revoke, NULL, 0);
	loop_turn(&loop);
	assert_int_equal(loop.server.nviewers, 1);
	rig_view_free(&old);
	rig_guest_free(&web);
	loop_stop(&loop);
}

static void
guests_that_were_only_asked_for_do_not_fill_the_server(void **state)
{
	struct rig_guest web;
	struct rig_view view;
	struct loop loop;
	char name[32];
	size_t i;

	(void)state;
	loop_start(&loop);
	for (i = 0; i < SERVER_STREAMS_MAX + 10; i++) {
		(void)snprintf(name, sizeof(name), "g%zu", i);
		rig_guest(&web, "alice", name);
		loop_attach(&loop, &view, &web, "alice");
		assert_true(view.writer);
		rig_view_free(&view);
		loop_turn(&loop);
		rig_guest_free(&web);
		while (recv(loop.rig.broker, name, 1, MSG_DONTWAIT) > 0)
			continue;
	}
	assert_true(loop.server.nstreams <= SERVER_STREAMS_MAX);
	loop_stop(&loop);
}

static void
a_broker_that_does_not_listen_is_not_waited_for(void **state)
{
	const struct wire_stream drain = { .customer = "alice",
		.guest = "web" };
	struct wire_msg msg;
	struct loop loop;
	size_t asked = 0, heard = 0;

	(void)state;
	loop_start(&loop);
	/* More answers than its socket takes while nobody reads them. */
	while (asked < 3000) {
		if (wire_send(loop.rig.broker, WIRE_DRAIN, 0, &drain, NULL,
			0) == 0)
			asked++;
		loop_turn(&loop);
	}
	assert_true(loop.server.broker.queued > 0);
	while (heard < asked) {
		loop_turn(&loop);
		rig_recv(loop.rig.broker, &msg, WIRE_CONSOLE_BROKER,
		    WIRE_DRAINED);
		heard++;
	}
	assert_int_equal(loop.server.broker.queued, 0);
	loop_stop(&loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    D05_the_same_customer_takes_over_their_own_silent_session),
		cmocka_unit_test(
		    viewers_of_a_broker_that_is_gone_have_their_time),
		cmocka_unit_test(
		    a_revoke_of_the_new_broker_never_means_an_old_viewer),
		cmocka_unit_test(
		    guests_that_were_only_asked_for_do_not_fill_the_server),
		cmocka_unit_test(
		    a_broker_that_does_not_listen_is_not_waited_for)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
