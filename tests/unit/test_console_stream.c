/* SPDX-License-Identifier: ISC */
#include "tests/unit/console_rig.h"

/* The bytes: guests, viewers and rings of a real vpsh-console. */

/* Write noise into the guest's side as fast as it is read. */
static size_t
pour(int fd, const uint8_t *data, size_t len)
{
	ssize_t n = write(fd, data, len);

	if (n == -1)
		assert_int_equal(errno, EAGAIN);
	return n > 0 ? (size_t)n : 0;
}

/* Have the guest print all of it, while view looks on. */
static void
print_and_see(struct rig_guest *guest, struct rig_view *view,
    const uint8_t *data, size_t len)
{
	struct pollfd pfd[2] = { { guest->master, POLLOUT, 0 },
		{ view->fd, POLLIN, 0 } };
	size_t begin = view->len, at = 0;

	while (view->len - begin < len) {
		pfd[0].fd = at < len ? guest->master : -1;
		assert_true(poll(pfd, 2, RIG_MS) > 0);
		if (pfd[0].revents != 0)
			at += pour(guest->master, data + at, len - at);
		if (pfd[1].revents != 0)
			assert_true(rig_look(view));
	}
}

static void
a_mebibyte_of_the_guest_reaches_the_viewer_byte_for_byte(void **state)
{
	uint8_t *noise = rig_noise(MIB, 1);
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;

	(void)state;
	rig_open_view(&rig, &web, &view);
	print_and_see(&web, &view, noise, MIB);
	assert_int_equal(view.len, MIB);
	assert_memory_equal(view.data, noise, MIB);
	assert_int_equal(view.missed, 0);
	rig_view_free(&view);
	rig_close(&rig, &web);
	free(noise);
}

/* Send all of data as INPUT while the guest reads what it gets. */
static void
type_and_hear(struct rig_view *view, struct rig_guest *guest,
    const uint8_t *data, size_t len, uint8_t *heard)
{
	struct pollfd pfd[2] = { { view->fd, POLLOUT, 0 },
		{ guest->master, POLLIN, 0 } };
	size_t sent = 0, got = 0, n;
	ssize_t r;

	while (got < len) {
		pfd[0].fd = sent < len ? view->fd : -1;
		assert_true(poll(pfd, 2, RIG_MS) > 0);
		n = len - sent < WIRE_DATA ? len - sent : WIRE_DATA;
		if (pfd[0].revents != 0 &&
		    wire_send_data(view->fd, WIRE_INPUT, 0, data + sent, n) ==
			0)
			sent += n;
		if (pfd[1].revents == 0)
			continue;
		r = read(guest->master, heard + got, len - got);
		assert_true(r > 0);
		got += (size_t)r;
	}
}

static void
a_mebibyte_of_the_viewer_reaches_the_guest_byte_for_byte(void **state)
{
	uint8_t *noise = rig_noise(MIB, 2), *heard = malloc(MIB);
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;

	(void)state;
	assert_non_null(heard);
	rig_open_view(&rig, &web, &view);
	type_and_hear(&view, &web, noise, MIB, heard);
	assert_memory_equal(heard, noise, MIB);
	rig_hears_nothing(&web);
	rig_view_free(&view);
	rig_close(&rig, &web);
	free(noise);
	free(heard);
}

static void
D13_what_a_dying_guest_printed_is_there_later(void **state)
{
	const struct wire_stream drain = { .customer = "alice",
		.guest = "web" };
	struct wire_msg msg;
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;

	(void)state;
	rig_open(&rig, &web);
	rig_print(&web, "panic: no init found\r\n");
	/* As the broker does before a domain is destroyed. */
	rig_send(rig.broker, WIRE_DRAIN, &drain, NULL, 0);
	rig_recv(rig.broker, &msg, WIRE_CONSOLE_BROKER, WIRE_DRAINED);
	rig_halt(&web);
	rig_attach(&rig, &view, &web, "alice");
	rig_see_text(&view, "panic: no init found\r\n");
	rig_view_free(&view);
	rig_close(&rig, &web);
}

static void
B13_a_viewer_that_never_reads_slows_nobody(void **state)
{
	const size_t len = 3 * MIB;
	uint8_t *noise = rig_noise(len, 3);
	struct rig_guest web;
	struct rig_view quick, stuck;
	struct rig rig;
	size_t kept;

	(void)state;
	rig_open(&rig, &web);
	rig_attach(&rig, &quick, &web, "alice");
	rig_attach(&rig, &stuck, &web, "alice");
	print_and_see(&web, &quick, noise, len);
	assert_memory_equal(quick.data, noise, len);
	assert_int_equal(quick.missed, 0);

	/* Only now does it look: bytes, a gap of a known size, bytes. */
	rig_see(&stuck, len);
	assert_true(stuck.missed > 0);
	assert_int_equal(stuck.len + stuck.missed, len);
	kept = MIB / 2;
	assert_memory_equal(stuck.data + stuck.len - kept, noise + len - kept,
	    kept);
	rig_view_free(&quick);
	rig_view_free(&stuck);
	rig_close(&rig, &web);
	free(noise);
}

static void
D09_a_guest_that_never_reads_blocks_its_writer_only(void **state)
{
	uint8_t *noise = rig_noise(MIB, 4), *heard = malloc(MIB);
	struct rig_guest web, db;
	struct rig_view view, other;
	size_t sent = 0, got = 0;
	struct rig rig;
	ssize_t n;

	(void)state;
	assert_non_null(heard);
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	rig_guest(&db, "alice", "db");
	rig_boot(&rig, &web);
	rig_boot(&rig, &db);
	rig_attach(&rig, &view, &web, "alice");
	rig_attach(&rig, &other, &db, "alice");
	while (
	    wire_send_data(view.fd, WIRE_INPUT, 0, noise + sent, 4096) == 0) {
		sent += 4096;
		assert_true(sent < MIB);
	}
	assert_int_equal(errno, EAGAIN);

	/* The neighbour and this guest's own output go on. */
	rig_type(&other, "ls\n");
	rig_hears(&db, "ls\n");
	rig_print(&web, "still here");
	rig_see_text(&view, "still here");

	/* And nothing of what was accepted is lost. */
	while (got < sent) {
		rig_wait(web.master, POLLIN);
		n = read(web.master, heard + got, sent - got);
		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_memory_equal(heard, noise, sent);
	rig_view_free(&view);
	rig_view_free(&other);
	rig_guest_free(&web);
	rig_guest_free(&db);
	rig_stop(&rig);
	free(noise);
	free(heard);
}

static void
a_dead_viewer_with_stuck_keys_gives_up_the_write_side(void **state)
{
	uint8_t *noise = rig_noise(4096, 5);
	struct rig_guest web;
	struct rig_view dead, view;
	struct rig rig;

	(void)state;
	rig_open(&rig, &web);
	rig_attach(&rig, &dead, &web, "bob");
	rig_attach(&rig, &view, &web, "alice");
	assert_false(view.writer);
	while (wire_send_data(dead.fd, WIRE_INPUT, 0, noise, 4096) == 0)
		continue;
	/* It dies with what it was sent and has not read. */
	rig_print(&web, "unread");
	rig_see_text(&view, "unread");
	rig_view_free(&dead);
	rig_see_writer(&view, true, "alice");
	rig_view_free(&view);
	rig_close(&rig, &web);
	free(noise);
}

static void
D08_a_flood_of_one_guest_leaves_another_responsive(void **state)
{
	uint8_t *noise = rig_noise(65536, 6);
	struct rig_guest flood, web;
	struct pollfd pfd[2];
	struct rig_view view;
	struct rig rig;
	size_t poured = 0;
	int64_t begin;
	int i;

	(void)state;
	rig_start(&rig);
	rig_guest(&flood, "bob", "noisy");
	rig_guest(&web, "alice", "web");
	rig_boot(&rig, &flood);
	rig_boot(&rig, &web);
	rig_attach(&rig, &view, &web, "alice");
	begin = clock_ms();
	for (i = 0; i < 100; i++) {
		rig_type(&view, "k");
		do {
			poured += pour(flood.master, noise, 65536);
			pfd[0] = (struct pollfd){ web.master, POLLIN, 0 };
			pfd[1] = (struct pollfd){ flood.master, POLLOUT, 0 };
			assert_true(poll(pfd, 2, RIG_MS) > 0);
		} while (pfd[0].revents == 0);
		rig_hears(&web, "k");
	}
	assert_true(poured > 65536);
	/* 100 keys: far from what a queue behind the flood would take. */
	assert_true(clock_ms() - begin < 5000);
	rig_view_free(&view);
	rig_guest_free(&flood);
	rig_close(&rig, &web);
	free(noise);
}

static void
a_viewer_stays_over_hang_up_and_the_next_boot(void **state)
{
	struct rig_guest web;
	struct rig_view view;
	struct wire_msg msg;
	struct rig rig;

	(void)state;
	rig_open_view(&rig, &web, &view);
	rig_see_event(&view, "console opened (boot 1)");
	rig_print(&web, "one");
	rig_see_text(&view, "one");
	rig_halt(&web);
	rig_recv(rig.watch, &msg, WIRE_CONSOLE_WATCH, WIRE_PTY_LOST);
	assert_memory_equal(&msg.u.pty, &web.pty, sizeof(web.pty));
	rig_see_event(&view, "waiting for the guest");
	rig_type(&view, "keys for nobody");
	rig_boot(&rig, &web);
	rig_see_event(&view, "console opened (boot 2)");
	rig_print(&web, "two");
	rig_see_text(&view, "onetwo");
	rig_type(&view, "x");
	/* What was typed while it was off is not the first of these. */
	rig_hears(&web, "x");
	rig_view_free(&view);
	rig_close(&rig, &web);
}

/* As a watcher does that was restarted and has proven it again. */
static void
a_console_handed_over_again_goes_on_as_if_nothing_was(void **state)
{
	const size_t len = 48 * 1024;
	uint8_t *noise = rig_noise(len, 10), *heard = malloc(len);
	struct rig_guest web;
	struct rig_view view;
	struct wire_msg msg;
	struct rig rig;
	size_t at, got;
	ssize_t n;

	(void)state;
	assert_non_null(heard);
	rig_open_view(&rig, &web, &view);
	rig_see_event(&view, "console opened (boot 1)");
	for (at = 0; at < len; at += 4096) {
		rig_wait(view.fd, POLLOUT);
		assert_int_equal(wire_send_data(view.fd, WIRE_INPUT, 0,
				     noise + at, 4096),
		    0);
	}
	/* The guest has not read: most of it waits in the server. */
	rig_print(&web, "before");
	rig_see_text(&view, "before");
	rig_hand_over(&rig, &web);
	rig_recv(rig.broker, &msg, WIRE_CONSOLE_BROKER, WIRE_READY);
	for (got = 0; got < len; got += (size_t)n) {
		rig_wait(web.master, POLLIN);
		n = read(web.master, heard + got, len - got);
		assert_true(n > 0);
	}
	assert_memory_equal(heard, noise, len);
	rig_print(&web, "after");
	rig_see_text(&view, "beforeafter");
	assert_int_equal(view.events, 1);
	rig_view_free(&view);
	rig_close(&rig, &web);
	free(noise);
	free(heard);
}

static void
ten_reboots_leave_no_descriptor_behind(void **state)
{
	char path[64], link[64];
	struct rig_guest web;
	struct rig_view view;
	struct wire_msg msg;
	struct rig rig;
	int before = 0, after = 0, i, fd;

	(void)state;
	rig_open_view(&rig, &web, &view);
	for (i = 0; i < 11; i++) {
		rig_print(&web, "boot\n");
		rig_see(&view, (size_t)(i + 1) * 5);
		for (fd = 0, after = 0; fd < 64; fd++) {
			(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d",
			    (int)rig.pid, fd);
			after += readlink(path, link, sizeof(link)) != -1;
		}
		if (i == 0)
			before = after;
		rig_halt(&web);
		rig_recv(rig.watch, &msg, WIRE_CONSOLE_WATCH, WIRE_PTY_LOST);
		rig_boot(&rig, &web);
	}
	assert_int_equal(before, after);
	rig_view_free(&view);
	rig_close(&rig, &web);
}

static void
a_mark_comes_behind_the_bytes_that_were_before_it(void **state)
{
	uint8_t *noise = rig_noise(MIB / 2, 7);
	struct rig_guest web;
	struct rig_view quick, late;
	struct wire_stream mark = { .customer = "alice",
		.guest = "web",
		.text = "web is rebooting" };
	struct rig rig;

	(void)state;
	rig_open(&rig, &web);
	rig_attach(&rig, &quick, &web, "alice");
	rig_attach(&rig, &late, &web, "alice");
	print_and_see(&web, &quick, noise, MIB / 2);
	rig_send(rig.broker, WIRE_MARK, &mark, NULL, 0);
	rig_see_event(&quick, "web is rebooting");
	rig_print(&web, "after");
	rig_see_event(&late, "web is rebooting");
	assert_int_equal(late.len, MIB / 2);
	rig_see_text(&late, "after");
	rig_view_free(&quick);
	rig_view_free(&late);
	rig_close(&rig, &web);
	free(noise);
}

static void
a_killed_server_is_followed_by_one_that_goes_on(void **state)
{
	uint8_t *noise = rig_noise(MIB + MIB / 2, 8);
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;
	uint64_t next;

	(void)state;
	rig_open_view(&rig, &web, &view);
	print_and_see(&web, &view, noise, MIB);
	next = view.next;
	assert_int_equal(next, MIB);
	rig_view_free(&view);
	rig_kill(&rig);
	assert_int_equal(write(web.master, noise + MIB, 3000), 3000);

	rig_start(&rig);
	rig_grant(&rig, &view, &web, "alice",
	    (struct wire_grant){ .from = next, .may_write = 1 });
	rig_hand_over(&rig, &web);
	rig_see(&view, 3000);
	/* Nothing was lost, and nobody was made to believe so. */
	assert_int_equal(view.events, 0);
	print_and_see(&web, &view, noise + MIB + 3000, MIB / 2 - 3000);
	assert_int_equal(view.next, MIB + MIB / 2);
	assert_memory_equal(view.data, noise + MIB, MIB / 2);
	rig_view_free(&view);
	rig_close(&rig, &web);
	free(noise);
}

/* A new server has that console, and a viewer who saw all up to from. */
static void
start_next(struct rig *rig, struct rig_guest *web, struct rig_view *view,
    uint64_t from)
{
	rig_start(rig);
	rig_grant(rig, view, web, "alice",
	    (struct wire_grant){ .from = from, .may_write = 1 });
	rig_hand_over(rig, web);
}

/* Its domain ends while neither a server nor the watcher has its console. */
static void
a_guest_that_ended_while_nobody_was_there_is_marked(void **state)
{
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;
	uint64_t next;

	(void)state;
	rig_open_view(&rig, &web, &view);
	rig_print(&web, "before");
	rig_see_text(&view, "before");
	next = view.next;
	rig_view_free(&view);
	rig_kill(&rig);
	rig_print(&web, "unread");
	rig_halt(&web);

	rig_start(&rig);
	web.pty.flags = WIRE_PTY_OFF;
	rig_send(rig.watch, WIRE_RING, &web.pty, &web.ring, 1);
	rig_grant(&rig, &view, &web, "alice",
	    (struct wire_grant){ .from = next, .may_write = 1 });
	rig_see_event(&view, "the guest ended with its console unread; lines "
			     "may be missing here");
	rig_view_free(&view);
	rig_close(&rig, &web);
}

static void
a_daemon_replaced_while_nobody_was_there_is_marked(void **state)
{
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;
	uint64_t next;

	(void)state;
	rig_open_view(&rig, &web, &view);
	rig_print(&web, "before");
	rig_see_text(&view, "before");
	next = view.next;
	rig_view_free(&view);
	rig_kill(&rig);
	/* It takes with it what nobody read; its successor has a new pty. */
	rig_print(&web, "unread");
	rig_halt(&web);
	rig_openpty(&web);

	start_next(&rig, &web, &view, next);
	rig_see_event(&view, "lines may be missing here");
	rig_print(&web, "after");
	rig_see_text(&view, "after");
	assert_int_equal(view.events, 1);
	next = view.next;
	rig_view_free(&view);
	rig_kill(&rig);

	/* And that was all. */
	start_next(&rig, &web, &view, next);
	rig_print(&web, "more");
	rig_see_text(&view, "more");
	assert_int_equal(view.events, 0);
	rig_view_free(&view);
	rig_close(&rig, &web);
}

/* The host was rebooted, and the rings with it. */
static void
who_saw_more_than_there_is_is_told_that_it_is_lost(void **state)
{
	const struct wire_grant how = { .from = 99999 };
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;

	(void)state;
	rig_open(&rig, &web);
	rig_print(&web, "all that there is");
	rig_grant(&rig, &view, &web, "alice", how);
	rig_see_event(&view, "it has not come that far, or its memory was "
	    "lost; here is all of it");
	rig_see_text(&view, "all that there is");
	rig_view_free(&view);
	rig_close(&rig, &web);
}

static void
a_log_ends_where_it_began_to_be_sent(void **state)
{
	const struct wire_grant how = { .from = 0, .flags = WIRE_ATTACH_LOG };
	uint8_t *noise = rig_noise(MIB / 2, 9);
	struct rig_guest web;
	struct rig_view view, log;
	struct wire_msg msg;
	struct rig rig;

	(void)state;
	rig_open_view(&rig, &web, &view);
	print_and_see(&web, &view, noise, MIB / 2);
	rig_grant(&rig, &log, &web, "alice", how);
	rig_see(&log, 1);
	/* It is being sent: what comes now is not part of it any more. */
	rig_print(&web, "late");
	rig_see(&view, MIB / 2 + 4);
	rig_see_end(&log);
	assert_int_equal(log.err, VPSH_OK);
	assert_int_equal(log.len, MIB / 2);
	assert_memory_equal(log.data, noise, MIB / 2);
	assert_false(rig_look(&log));
	rig_recv(rig.broker, &msg, WIRE_CONSOLE_BROKER, WIRE_VIEWER_GONE);
	assert_int_equal(msg.u.viewer.viewer, log.id);
	rig_view_free(&view);
	rig_view_free(&log);
	rig_close(&rig, &web);
	free(noise);
}

static void
a_log_of_a_guest_that_never_ran_is_empty(void **state)
{
	const struct wire_grant how = { .from = WIRE_FROM_TAIL,
		.tail = 4096,
		.flags = WIRE_ATTACH_LOG };
	struct rig_guest web;
	struct rig_view log;
	struct rig rig;

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	rig_grant(&rig, &log, &web, "alice", how);
	rig_see_end(&log);
	assert_int_equal(log.err, VPSH_OK);
	assert_int_equal(log.len, 0);
	rig_view_free(&log);
	rig_close(&rig, &web);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_mebibyte_of_the_guest_reaches_the_viewer_byte_for_byte),
		cmocka_unit_test(
		    a_mebibyte_of_the_viewer_reaches_the_guest_byte_for_byte),
		cmocka_unit_test(D13_what_a_dying_guest_printed_is_there_later),
		cmocka_unit_test(B13_a_viewer_that_never_reads_slows_nobody),
		cmocka_unit_test(
		    D09_a_guest_that_never_reads_blocks_its_writer_only),
		cmocka_unit_test(
		    a_dead_viewer_with_stuck_keys_gives_up_the_write_side),
		cmocka_unit_test(
		    D08_a_flood_of_one_guest_leaves_another_responsive),
		cmocka_unit_test(a_viewer_stays_over_hang_up_and_the_next_boot),
		cmocka_unit_test(
		    a_console_handed_over_again_goes_on_as_if_nothing_was),
		cmocka_unit_test(ten_reboots_leave_no_descriptor_behind),
		cmocka_unit_test(
		    a_mark_comes_behind_the_bytes_that_were_before_it),
		cmocka_unit_test(
		    a_killed_server_is_followed_by_one_that_goes_on),
		cmocka_unit_test(
		    a_guest_that_ended_while_nobody_was_there_is_marked),
		cmocka_unit_test(
		    a_daemon_replaced_while_nobody_was_there_is_marked),
		cmocka_unit_test(
		    who_saw_more_than_there_is_is_told_that_it_is_lost),
		cmocka_unit_test(a_log_ends_where_it_began_to_be_sent),
		cmocka_unit_test(a_log_of_a_guest_that_never_ran_is_empty)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
