/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include "tests/unit/console_rig.h"

/* The frames: who may do what to a real vpsh-console, and who notices. */

static const struct wire_stream stream_of_web = { .customer = "alice",
	.guest = "web" };

static void
drain(struct rig *rig)
{
	rig_send(rig->broker, WIRE_DRAIN, &stream_of_web, NULL, 0);
}

static void
assert_drained(struct rig *rig)
{
	struct wire_msg msg;

	rig_recv(rig->broker, &msg, WIRE_CONSOLE_BROKER, WIRE_DRAINED);
	assert_string_equal(msg.u.stream.customer, "alice");
	assert_string_equal(msg.u.stream.guest, "web");
}

/* Does its console still work both ways? */
static void
assert_works(struct rig_guest *guest, struct rig_view *view)
{
	rig_print(guest, "<alive>");
	rig_see_text(view, "<alive>");
	view->len = 0;
	rig_type(view, "echo");
	rig_hears(guest, "echo");
}

/* --- the write side ------------------------------------------------------ */

static void
D05_the_second_viewer_watches_until_it_takes_over(void **state)
{
	const struct wire_empty none = { 0 };
	struct rig_guest web;
	struct rig_view alice, bob;
	struct rig rig;

	(void)state;
	rig_open(&rig, &web);
	rig_attach(&rig, &alice, &web, "alice");
	assert_true(alice.writer);
	rig_attach(&rig, &bob, &web, "bob");
	assert_false(bob.writer);
	assert_string_equal(bob.who, "alice");

	rig_type(&bob, "ignored");
	rig_send(bob.fd, WIRE_TAKE, &none, NULL, 0);
	rig_see_writer(&bob, true, "bob");
	rig_see_writer(&alice, false, "bob");
	rig_type(&bob, "b");
	rig_hears(&web, "b");
	rig_print(&web, "both see it");
	rig_see_text(&alice, "both see it");
	rig_see_text(&bob, "both see it");
	rig_view_free(&alice);
	rig_view_free(&bob);
	rig_close(&rig, &web);
}

static void
the_write_side_goes_on_to_the_next_when_the_writer_leaves(void **state)
{
	struct rig_guest web;
	struct rig_view alice, bob;
	struct wire_msg msg;
	struct rig rig;
	uint64_t left;

	(void)state;
	rig_open(&rig, &web);
	rig_attach(&rig, &alice, &web, "alice");
	rig_attach(&rig, &bob, &web, "bob");
	left = alice.id;
	rig_view_free(&alice);
	rig_see_writer(&bob, true, "bob");
	rig_recv(rig.broker, &msg, WIRE_CONSOLE_BROKER, WIRE_VIEWER_GONE);
	assert_int_equal(msg.u.viewer.viewer, left);
	rig_view_free(&bob);
	rig_close(&rig, &web);
}

static void
a_viewer_without_the_grant_never_writes(void **state)
{
	const struct wire_grant how = { .from = WIRE_FROM_TAIL };
	const struct wire_empty none = { 0 };
	struct rig_guest web;
	struct rig_view view, alice;
	struct rig rig;

	(void)state;
	rig_open(&rig, &web);
	rig_grant(&rig, &view, &web, "bob", how);
	rig_see_writer(&view, false, "");
	rig_type(&view, "rm -rf /\n");
	rig_send(view.fd, WIRE_TAKE, &none, NULL, 0);
	rig_see_writer(&view, false, "");
	rig_type(&view, "rm -rf /\n");
	rig_attach(&rig, &alice, &web, "alice");
	assert_true(alice.writer);
	rig_type(&alice, "a");
	rig_hears(&web, "a");
	rig_view_free(&view);
	rig_view_free(&alice);
	rig_close(&rig, &web);
}

/* --- drain --------------------------------------------------------------- */

static void
drained_is_half_a_second_of_silence(void **state)
{
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;
	int64_t begin;

	(void)state;
	rig_open_view(&rig, &web, &view);
	begin = clock_ms();
	drain(&rig);
	rig_print(&web, "last words");
	rig_see_text(&view, "last words");
	assert_drained(&rig);
	assert_in_range(clock_ms() - begin, 499, 2500);
	rig_view_free(&view);
	rig_close(&rig, &web);
}

static void
drained_comes_after_three_seconds_at_most(void **state)
{
	struct rig_guest web;
	struct pollfd pfd[2];
	struct rig_view view;
	struct rig rig;
	int64_t begin;

	(void)state;
	rig_open_view(&rig, &web, &view);
	begin = clock_ms();
	drain(&rig);
	pfd[0] = (struct pollfd){ rig.broker, POLLIN, 0 };
	pfd[1] = (struct pollfd){ view.fd, POLLIN, 0 };
	do {
		/* One line after the other, each when the last was seen. */
		rig_print(&web, "x");
		rig_see(&view, view.len + 1);
		pfd[0].revents = 0;
		assert_true(poll(pfd, 1, 0) >= 0);
	} while (pfd[0].revents == 0);
	assert_drained(&rig);
	assert_in_range(clock_ms() - begin, 2999, 5000);
	rig_view_free(&view);
	rig_close(&rig, &web);
}

static void
a_console_that_is_about_to_come_is_waited_for_and_read(void **state)
{
	const struct wire_grant how = { .from = 0 };
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	/* Somebody saw it before we were restarted. */
	rig_grant(&rig, &view, &web, "alice", how);
	drain(&rig);
	/* Its first word to the broker is that the console is there. */
	rig_boot(&rig, &web);
	rig_print(&web, "last words");
	rig_see_text(&view, "last words");
	assert_drained(&rig);
	rig_view_free(&view);
	rig_close(&rig, &web);
}

static void
drained_comes_at_once_without_a_console(void **state)
{
	struct rig_guest web;
	struct wire_msg msg;
	struct rig rig;
	int64_t begin;

	(void)state;
	rig_start(&rig);
	begin = clock_ms();
	drain(&rig);
	assert_drained(&rig);
	rig_guest(&web, "alice", "web");
	rig_boot(&rig, &web);
	drain(&rig);
	rig_halt(&web);
	rig_recv(rig.watch, &msg, WIRE_CONSOLE_WATCH, WIRE_PTY_LOST);
	assert_drained(&rig);
	drain(&rig);
	assert_drained(&rig);
	assert_true(clock_ms() - begin < 490);
	rig_close(&rig, &web);
}

/* --- whose is it --------------------------------------------------------- */

static void
a_ring_of_another_stream_is_not_shared(void **state)
{
	struct rig_guest web, db;
	struct rig_view view;
	struct rig rig;

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	rig_guest(&db, "bob", "db");
	rig_boot(&rig, &web);
	rig_print(&web, "alice's secret");
	rig_attach(&rig, &view, &web, "alice");
	rig_see_text(&view, "alice's secret");
	rig_view_free(&view);

	fd_close(&db.ring);
	db.ring = fcntl(web.ring, F_DUPFD_CLOEXEC, 0);
	rig_boot(&rig, &db);
	rig_attach(&rig, &view, &db, "bob");
	rig_print(&db, "bob's bytes");
	rig_see_text(&view, "bob's bytes");
	assert_int_equal(view.len, strlen("bob's bytes"));
	rig_view_free(&view);
	rig_attach(&rig, &view, &web, "alice");
	rig_see_text(&view, "alice's secret");
	assert_int_equal(view.len, strlen("alice's secret"));
	rig_view_free(&view);
	rig_guest_free(&web);
	rig_guest_free(&db);
	rig_stop(&rig);
}

static void
H01_one_console_for_two_guests_is_used_for_neither(void **state)
{
	struct rig_guest web, db;
	struct rig_view view;
	struct wire_msg msg;
	struct rig rig;
	int fds[3];

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	rig_guest(&db, "bob", "db");
	rig_boot(&rig, &web);
	rig_attach(&rig, &view, &web, "alice");
	fds[0] = web.slave;
	fds[1] = db.lock;
	fds[2] = db.ring;
	rig_send(rig.watch, WIRE_PTY, &db.pty, fds, 3);
	rig_recv(rig.watch, &msg, WIRE_CONSOLE_WATCH, WIRE_PTY_LOST);
	assert_string_equal(msg.u.pty.customer, "alice");
	rig_recv(rig.watch, &msg, WIRE_CONSOLE_WATCH, WIRE_PTY_LOST);
	assert_string_equal(msg.u.pty.customer, "bob");
	rig_see_event(&view, "waiting for the guest");
	/* Nobody reads it any more. */
	rig_print(&web, "whose?");
	rig_halt(&web);
	rig_boot(&rig, &web);
	rig_print(&web, "mine");
	rig_see_text(&view, "mine");
	assert_int_equal(view.len, 4);
	rig_view_free(&view);
	rig_guest_free(&web);
	rig_guest_free(&db);
	rig_stop(&rig);
}

static void
D01_what_is_no_terminal_is_no_console(void **state)
{
	struct rig_guest web;
	struct wire_msg msg;
	struct rig rig;
	int fds[3], pipes[2], null;

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	fds[1] = web.lock;
	fds[2] = web.ring;
	fds[0] = null;
	rig_send(rig.watch, WIRE_PTY, &web.pty, fds, 3);
	rig_recv(rig.watch, &msg, WIRE_CONSOLE_WATCH, WIRE_PTY_LOST);
	fds[0] = pipes[0];
	rig_send(rig.watch, WIRE_PTY, &web.pty, fds, 3);
	rig_recv(rig.watch, &msg, WIRE_CONSOLE_WATCH, WIRE_PTY_LOST);
	fds[0] = web.ring;
	rig_send(rig.watch, WIRE_PTY, &web.pty, fds, 3);
	rig_recv(rig.watch, &msg, WIRE_CONSOLE_WATCH, WIRE_PTY_LOST);
	rig_boot(&rig, &web);
	fd_close(&null);
	fd_close(&pipes[0]);
	fd_close(&pipes[1]);
	rig_close(&rig, &web);
}

static void
H12_a_bad_ring_costs_the_ring_and_not_the_console(void **state)
{
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	assert_int_equal(ftruncate(web.ring, 4096), 0);
	rig_boot(&rig, &web);
	rig_attach(&rig, &view, &web, "alice");
	assert_works(&web, &view);
	rig_view_free(&view);
	rig_close(&rig, &web);
}

static void
H12_a_ring_that_is_cut_short_ends_nothing(void **state)
{
	struct rig_guest web, db;
	struct rig_view view, other;
	struct rig rig;

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	rig_guest(&db, "bob", "db");
	rig_boot(&rig, &web);
	rig_boot(&rig, &db);
	rig_attach(&rig, &view, &web, "alice");
	rig_attach(&rig, &other, &db, "bob");
	rig_print(&web, "before");
	rig_see_text(&view, "before");
	assert_int_equal(ftruncate(web.ring, 0), 0);
	assert_works(&web, &view);
	assert_works(&db, &other);
	rig_view_free(&view);
	rig_view_free(&other);
	rig_guest_free(&web);
	rig_guest_free(&db);
	rig_stop(&rig);
}

static void
bytes_that_died_with_the_daemon_are_marked_as_missing(void **state)
{
	struct rig_guest web;
	struct rig_view view;
	struct wire_pty died;
	struct rig rig;

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	rig_boot(&rig, &web);
	rig_attach(&rig, &view, &web, "alice");
	assert_works(&web, &view);
	died = web.pty;
	died.flags = WIRE_PTY_DIED;
	rig_send(rig.watch, WIRE_PTY_DROP, &died, NULL, 0);
	rig_see_event(&view, "lines may be missing here");
	/* Also when it was noticed already that the console hung up. */
	rig_send(rig.watch, WIRE_PTY_DROP, &died, NULL, 0);
	rig_see_event(&view, "lines may be missing here");
	rig_view_free(&view);
	rig_close(&rig, &web);
}

static void
who_was_away_when_bytes_died_is_told_when_back(void **state)
{
	const struct wire_grant how = { .from = 8 };
	struct rig_guest web;
	struct rig_view view, back;
	struct wire_pty died;
	struct rig rig;

	(void)state;
	rig_open_view(&rig, &web, &view);
	rig_print(&web, "8 bytes.");
	rig_see_text(&view, "8 bytes.");
	died = web.pty;
	died.flags = WIRE_PTY_DIED;
	rig_send(rig.watch, WIRE_PTY_DROP, &died, NULL, 0);
	rig_see_event(&view, "lines may be missing here");
	rig_grant(&rig, &back, &web, "alice", how);
	rig_see_event(&back, "lines may be missing here");
	rig_view_free(&view);
	rig_view_free(&back);
	rig_close(&rig, &web);
}

static void
a_dropped_console_is_let_go_with_its_lock(void **state)
{
	struct rig_guest web;
	struct rig_view view;
	struct wire_pty other;
	struct rig rig;
	int pipes[2];
	char c;

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	fd_close(&web.lock);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	web.lock = pipes[1];
	rig_boot(&rig, &web);
	fd_close(&web.lock);
	rig_attach(&rig, &view, &web, "alice");

	/* Of an older boot: not this one. */
	other = web.pty;
	other.uuid[0]++;
	rig_send(rig.watch, WIRE_PTY_DROP, &other, NULL, 0);
	assert_works(&web, &view);

	rig_send(rig.watch, WIRE_PTY_DROP, &web.pty, NULL, 0);
	rig_see_event(&view, "waiting for the guest");
	rig_wait(pipes[0], POLLIN | POLLHUP);
	assert_int_equal(read(pipes[0], &c, 1), 0);
	fd_close(&pipes[0]);
	rig_view_free(&view);
	rig_close(&rig, &web);
}

/* --- bad frames ---------------------------------------------------------- */

static size_t
bad_frame(uint8_t *frame, size_t which)
{
	struct wire_head head = { WIRE_INPUT, 0 };

	memset(frame, 0x41, WIRE_FRAME_MAX + 64);
	switch (which) {
	case 0:
		return 1; /* not even a head */
	case 1:
		return 64; /* a type that is none */
	case 2:
		head.type = WIRE_OUTPUT; /* of the other direction */
		break;
	case 3:
		head.type = WIRE_GRANT; /* of another socket */
		break;
	case 4:
		memcpy(frame, &head, sizeof(head));
		return sizeof(head) + 8; /* INPUT of nothing */
	case 5:
		memcpy(frame, &head, sizeof(head));
		return WIRE_FRAME_MAX + 1; /* INPUT of too much */
	case 6:
		head.type = WIRE_TAKE;
		memcpy(frame, &head, sizeof(head));
		return sizeof(head) + 5; /* a byte too long */
	case 7:
		head.type = WIRE_HELLO;
		break;
	default:
		return 0;
	}
	memcpy(frame, &head, sizeof(head));
	return 64;
}

static void
E08_a_malformed_frame_ends_its_viewer_and_nobody_else(void **state)
{
	uint8_t frame[WIRE_FRAME_MAX + 64];
	struct rig_guest web;
	struct rig_view good, bad;
	struct wire_msg msg;
	struct rig rig;
	size_t i, len;

	(void)state;
	rig_open(&rig, &web);
	rig_attach(&rig, &good, &web, "alice");
	for (i = 0; (len = bad_frame(frame, i)) > 0; i++) {
		rig_attach(&rig, &bad, &web, "mallory");
		assert_int_equal(send(bad.fd, frame, len, 0), len);
		assert_true(rig_ends(bad.fd, WIRE_CONSOLE_VIEWER));
		rig_recv(rig.broker, &msg, WIRE_CONSOLE_BROKER,
		    WIRE_VIEWER_GONE);
		assert_int_equal(msg.u.viewer.viewer, bad.id);
		rig_view_free(&bad);
		assert_works(&web, &good);
	}
	assert_int_equal(i, 8);
	rig_view_free(&good);
	rig_close(&rig, &web);
}

static void
E08_descriptors_from_a_viewer_end_it_and_are_not_kept(void **state)
{
	const struct wire_head head = { WIRE_TAKE, 0 };
	uint8_t frame[sizeof(head) + sizeof(struct wire_empty)] = { 0 };
	struct rig_guest web;
	struct rig_view bad;
	struct rig rig;
	int pipes[2];
	char c;

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	rig_attach(&rig, &bad, &web, "mallory");
	memcpy(frame, &head, sizeof(head));
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(fd_send(bad.fd, frame, sizeof(frame), &pipes[1], 1),
	    0);
	fd_close(&pipes[1]);
	assert_true(rig_ends(bad.fd, WIRE_CONSOLE_VIEWER));
	rig_wait(pipes[0], POLLIN | POLLHUP);
	assert_int_equal(read(pipes[0], &c, 1), 0);
	fd_close(&pipes[0]);
	rig_view_free(&bad);
	rig_close(&rig, &web);
}

static void
a_bad_frame_from_the_broker_costs_that_channel_only(void **state)
{
	struct wire_stream bad = { .customer = "../etc", .guest = "web" };
	struct rig_guest web;
	struct rig_view view;
	struct wire_msg msg;
	struct rig rig;

	(void)state;
	rig_open_view(&rig, &web, &view);
	rig_send(rig.broker, WIRE_MARK, &bad, NULL, 0);
	assert_true(rig_ends(rig.broker, WIRE_CONSOLE_BROKER));
	assert_works(&web, &view);

	/* The next broker is told what is there; the viewer has stayed. */
	fd_close(&rig.broker);
	rig.broker = rig_peer(&rig, WIRE_ROLE_BROKER);
	rig_recv(rig.broker, &msg, WIRE_CONSOLE_BROKER, WIRE_READY);
	assert_memory_equal(&msg.u.pty, &web.pty, sizeof(web.pty));
	assert_works(&web, &view);
	rig_view_free(&view);
	rig_close(&rig, &web);
}

static void
a_peer_of_another_build_or_role_is_refused(void **state)
{
	const struct wire_peer peer = { WIRE_ROLE_BROKER };
	struct wire_hello hello;
	struct rig rig;
	int pair[2], i;

	(void)state;
	rig_start(&rig);
	for (i = 0; i < 2; i++) {
		assert_int_equal(fd_pair(pair), 0);
		wire_hello(&hello, i == 0 ? WIRE_ROLE_WATCH : WIRE_ROLE_BROKER,
		    NULL);
		if (i == 1)
			hello.build[0] ^= 1;
		rig_send(pair[0], WIRE_HELLO, &hello, NULL, 0);
		rig_send(rig.super, WIRE_PEER, &peer, &pair[1], 1);
		fd_close(&pair[1]);
		assert_true(rig_ends(pair[0], WIRE_ANY));
		fd_close(&pair[0]);
	}
	rig_stop(&rig);
}

/* --- revoke -------------------------------------------------------------- */

static void
a_revoked_viewer_is_told_why_and_sees_nothing_more(void **state)
{
	struct rig_guest web;
	struct rig_view view, other;
	struct wire_viewer revoke;
	struct wire_msg msg;
	struct rig rig;

	(void)state;
	rig_open_view(&rig, &web, &view);
	rig_attach(&rig, &other, &web, "bob");
	revoke.viewer = view.id;
	rig_send(rig.broker, WIRE_REVOKE, &revoke, NULL, 0);
	rig_recv(rig.broker, &msg, WIRE_CONSOLE_BROKER, WIRE_VIEWER_GONE);
	assert_int_equal(msg.u.viewer.viewer, view.id);
	rig_print(&web, "not for you");
	rig_see_text(&other, "not for you");
	while (rig_look(&view))
		continue;
	assert_true(view.ended);
	assert_int_equal(view.err, VPSH_ERR_REVOKED);
	assert_int_equal(view.len, 0);
	rig_view_free(&view);
	rig_view_free(&other);
	rig_close(&rig, &web);
}

static void
a_thousand_viewers_come_and_go(void **state)
{
	struct rig_guest web;
	struct rig_view view, others[200];
	struct rig rig;
	size_t i, round;

	(void)state;
	rig_open_view(&rig, &web, &view);
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 200; i++)
			rig_attach(&rig, &others[i], &web, "alice");
		for (i = 0; i < 200; i++)
			rig_view_free(&others[i]);
	}
	assert_works(&web, &view);
	rig_view_free(&view);
	rig_close(&rig, &web);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    D05_the_second_viewer_watches_until_it_takes_over),
		cmocka_unit_test(
		    the_write_side_goes_on_to_the_next_when_the_writer_leaves),
		cmocka_unit_test(a_viewer_without_the_grant_never_writes),
		cmocka_unit_test(drained_is_half_a_second_of_silence),
		cmocka_unit_test(drained_comes_after_three_seconds_at_most),
		cmocka_unit_test(
		    a_console_that_is_about_to_come_is_waited_for_and_read),
		cmocka_unit_test(drained_comes_at_once_without_a_console),
		cmocka_unit_test(a_ring_of_another_stream_is_not_shared),
		cmocka_unit_test(
		    H01_one_console_for_two_guests_is_used_for_neither),
		cmocka_unit_test(D01_what_is_no_terminal_is_no_console),
		cmocka_unit_test(
		    H12_a_bad_ring_costs_the_ring_and_not_the_console),
		cmocka_unit_test(H12_a_ring_that_is_cut_short_ends_nothing),
		cmocka_unit_test(
		    bytes_that_died_with_the_daemon_are_marked_as_missing),
		cmocka_unit_test(
		    who_was_away_when_bytes_died_is_told_when_back),
		cmocka_unit_test(a_dropped_console_is_let_go_with_its_lock),
		cmocka_unit_test(
		    E08_a_malformed_frame_ends_its_viewer_and_nobody_else),
		cmocka_unit_test(
		    E08_descriptors_from_a_viewer_end_it_and_are_not_kept),
		cmocka_unit_test(
		    a_bad_frame_from_the_broker_costs_that_channel_only),
		cmocka_unit_test(a_peer_of_another_build_or_role_is_refused),
		cmocka_unit_test(
		    a_revoked_viewer_is_told_why_and_sees_nothing_more),
		cmocka_unit_test(a_thousand_viewers_come_and_go)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
