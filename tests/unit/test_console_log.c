/* SPDX-License-Identifier: ISC */
#include "tests/unit/ring_help.h"

/* Logs of a real vpsh-console: when what came, and where a boot begins. */

/* A ring as an earlier console server left it, ten seconds after noon. */
static void
remember(struct rig_guest *guest)
{
	struct ring ring;

	ring_init(&ring);
	(void)ring_bind_to(&ring, guest->ring, guest->customer, guest->name);
	(void)ring_set_boot(&ring, 7);
	ring_mark(&ring, RING_NOON, RING_BOOT, "console opened (boot 7)");
	ring_line(&ring, "zero\n", 0);
	ring_line(&ring, "five\n", 5);
	ring_mark(&ring, RING_NOON + 9000, RING_PLAIN, "console closed");
	ring_free(&ring);
}

static void
give_ring(struct rig *rig, struct rig_guest *guest)
{
	rig_send(rig->watch, WIRE_RING, &guest->pty, &guest->ring, 1);
}

/* Until the server has taken what the watcher sent before. */
static void
settle(struct rig *rig)
{
	struct rig_guest last;
	struct wire_msg msg;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	rig_guest(&last, "nobody", "last");
	last.slave = null;
	rig_hand_over(rig, &last);
	rig_recv(rig->watch, &msg, WIRE_CONSOLE_WATCH, WIRE_PTY_LOST);
	rig_guest_free(&last);
}

/* The frames of a log in short: "@12:00:05", "text", "[mark]", ".". */
static void
tell(struct rig_view *view, char *out, size_t size)
{
	size_t len = 0, had;
	unsigned events = 0, stamps = 0;

	while (!view->ended) {
		had = view->len;
		assert_true(rig_look(view));
		if (view->stamps != stamps)
			len += (size_t)snprintf(out + len, size - len, "@%d ",
			    (int)((view->stamp.wall_ms - RING_NOON) / 1000));
		if (view->events != events)
			len += (size_t)snprintf(out + len, size - len, "[%s] ",
			    view->event);
		if (view->len != had)
			len += (size_t)snprintf(out + len, size - len, "%.*s",
			    (int)(view->len - had),
			    (const char *)view->data + had);
		stamps = view->stamps;
		events = view->events;
	}
	assert_true(len < size);
}

/* What a guest that is off said, since that second. */
static void
assert_log(uint32_t flags, int64_t since_ms, const char *want)
{
	struct rig_guest web;
	struct rig_view log;
	char got[512] = "";
	struct rig rig;

	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	remember(&web);
	give_ring(&rig, &web);
	settle(&rig);
	rig_log(&rig, &log, &web, flags, since_ms);
	tell(&log, got, sizeof(got));
	assert_string_equal(got, want);
	assert_int_equal(log.err, VPSH_OK);
	rig_view_free(&log);
	rig_close(&rig, &web);
}

static void
a_guest_that_is_off_still_has_its_log(void **state)
{
	(void)state;
	assert_log(0, -1,
	    "@0 [console opened (boot 7)] zero\n@5 five\n"
	    "@9 [console closed] ");
}

/* Asked for in the moment in which a new server knows nothing. */
static void
a_log_waits_for_its_ring_after_a_restart(void **state)
{
	struct rig_guest web;
	struct rig_view log;
	struct rig rig;

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	remember(&web);
	rig_log(&rig, &log, &web, 0, -1);
	settle(&rig);
	give_ring(&rig, &web);
	rig_see_end(&log);
	assert_int_equal(log.len, 10);
	rig_view_free(&log);
	rig_close(&rig, &web);
}

static void
since_leaves_out_what_came_before(void **state)
{
	(void)state;
	assert_log(0, RING_NOON + 1000,
	    "@5 five\n@9 [console closed] ");
	assert_log(0, RING_NOON + 5999,
	    "@5 five\n@9 [console closed] ");
	assert_log(0, RING_NOON + 6000, "@9 [console closed] ");
	assert_log(0, 0,
	    "@0 [console opened (boot 7)] zero\n@5 five\n"
	    "@9 [console closed] ");
}

static void
a_follower_sees_what_comes_with_its_time(void **state)
{
	int64_t now = clock_wall_ms();
	struct rig_guest web;
	struct rig_view log;
	struct rig rig;

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	remember(&web);
	rig_log(&rig, &log, &web, WIRE_ATTACH_FOLLOW, -1);
	rig_see_event(&log, "no console yet");
	give_ring(&rig, &web);
	rig_see_event(&log, "console closed");
	assert_int_equal(log.stamp.wall_ms, RING_NOON + 9000);
	assert_int_equal(log.len, 10);

	web.pty.boot = 7;
	rig_boot(&rig, &web);
	rig_see_event(&log, "console opened (boot 8)");
	rig_print(&web, "new\n");
	rig_see_text(&log, "new\n");
	assert_in_range(log.stamp.wall_ms, now - 1000, clock_wall_ms());
	assert_int_equal(log.stamp.wall_ms % 1000, 0);
	assert_false(log.ended);

	rig_halt(&web);
	rig_see_event(&log, "waiting for the guest");
	rig_boot(&rig, &web);
	rig_see_event(&log, "console opened (boot 9)");
	rig_print(&web, "newer\n");
	rig_see_text(&log, "newer\n");
	rig_view_free(&log);
	rig_close(&rig, &web);
}

static void
a_follower_goes_on_where_it_was(void **state)
{
	struct wire_grant how = { .from = 5, .since_ms = -1,
		.flags = WIRE_ATTACH_LOG | WIRE_ATTACH_FOLLOW };
	struct rig_guest web;
	struct rig_view log;
	struct rig rig;

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	remember(&web);
	give_ring(&rig, &web);
	settle(&rig);
	rig_grant(&rig, &log, &web, "alice", how);
	rig_see_event(&log, "console closed");
	assert_int_equal(log.len, 5);
	assert_memory_equal(log.data, "five\n", 5);
	assert_int_equal(log.events, 1);
	assert_int_equal(log.stamps, 2);
	rig_view_free(&log);
	rig_close(&rig, &web);
}

/* Print until view has seen so much, and perhaps some more. */
static void
flood(struct rig_guest *guest, struct rig_view *view, size_t len, size_t more)
{
	struct pollfd pfd[2] = { { guest->master, POLLOUT, 0 },
		{ view->fd, POLLIN, 0 } };
	static const char line[] = "one line of very many lines like it\n";
	size_t sent = 0;
	ssize_t n;

	while (view->len < len) {
		pfd[0].fd = sent < len + more ? guest->master : -1;
		assert_true(poll(pfd, 2, RIG_MS) > 0);
		if (pfd[0].revents != 0) {
			n = write(guest->master, line, sizeof(line) - 1);
			sent += n > 0 ? (size_t)n : 0;
		}
		if (pfd[1].revents != 0)
			assert_true(rig_look(view));
	}
}

static void
B13_a_slow_follower_loses_from_its_own_view_and_is_told(void **state)
{
	struct rig_guest web;
	struct rig_view log, quick;
	struct rig rig;

	(void)state;
	rig_open_view(&rig, &web, &quick);
	rig_log(&rig, &log, &web, WIRE_ATTACH_FOLLOW, -1);
	rig_see_event(&log, "console opened");
	flood(&web, &quick, 3 * MIB, 0);
	assert_int_equal(quick.missed, 0);
	rig_see(&log, quick.len);
	assert_true(log.missed > 0);
	assert_int_equal(log.len + log.missed, quick.len);
	rig_print(&web, "the end\n");
	rig_see_text(&log, "the end\n");
	rig_view_free(&log);
	rig_view_free(&quick);
	rig_close(&rig, &web);
}

static void
a_console_viewer_is_told_no_times(void **state)
{
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;

	(void)state;
	rig_open_view(&rig, &web, &view);
	rig_print(&web, "login: ");
	rig_see_text(&view, "login: ");
	assert_int_equal(view.stamps, 0);
	rig_view_free(&view);
	rig_close(&rig, &web);
}

/* Its right is to what was printed; who sits there is not part of that. */
static void
a_log_is_not_told_who_writes(void **state)
{
	const struct wire_empty take = { 0 };
	struct rig_guest web;
	struct rig_view view, log;
	struct rig rig;

	(void)state;
	rig_open_view(&rig, &web, &view);
	rig_log(&rig, &log, &web, WIRE_ATTACH_FOLLOW, -1);
	rig_see_event(&log, "console opened");
	rig_send(log.fd, WIRE_TAKE, &take, NULL, 0);
	rig_view_free(&view);
	rig_attach(&rig, &view, &web, "bob");
	rig_print(&web, "late\n");
	rig_see_text(&log, "late\n");
	assert_int_equal(log.told, 0);
	rig_view_free(&log);
	rig_view_free(&view);
	rig_close(&rig, &web);
}

static void
a_killed_server_leaves_times_and_marks_to_the_next(void **state)
{
	struct rig_guest web;
	struct rig_view view, log;
	struct wire_msg msg;
	struct rig rig;

	(void)state;
	rig_open_view(&rig, &web, &view);
	rig_print(&web, "before\n");
	rig_see_text(&view, "before\n");
	rig_view_free(&view);
	rig_kill(&rig);
	rig_start(&rig);
	give_ring(&rig, &web);
	rig_hand_over(&rig, &web);
	rig_recv(rig.broker, &msg, WIRE_CONSOLE_BROKER, WIRE_READY);
	rig_print(&web, "after\n");
	rig_log(&rig, &log, &web, WIRE_ATTACH_FOLLOW, -1);
	rig_see_text(&log, "before\nafter\n");
	/* One boot, although it was handed over twice. */
	assert_int_equal(log.opened, 1);
	assert_true(log.stamps >= 1);
	rig_view_free(&log);
	rig_close(&rig, &web);
}

/* Every stamp is of our time, every mark is one that is known. */
static void
assert_sane(struct rig_view *log, int64_t begin_ms)
{
	unsigned stamps = 0, events = 0;

	while (!log->ended) {
		assert_true(rig_look(log));
		if (log->stamps != stamps)
			assert_in_range(log->stamp.wall_ms, begin_ms - 1000,
			    clock_wall_ms());
		if (log->events != events)
			assert_true(strncmp(log->event, "console ", 8) == 0 ||
			    strncmp(log->event, "alice has ", 10) == 0);
		stamps = log->stamps;
		events = log->events;
	}
	assert_true(stamps > 0);
	assert_true(events > 0);
}

static void
a_server_killed_in_a_flood_leaves_a_sane_index(void **state)
{
	const int64_t begin = clock_wall_ms();
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;
	int i;

	(void)state;
	rig_open_view(&rig, &web, &view);
	for (i = 0; i < 20; i++) {
		/* More than was seen is on its way when the kill comes. */
		flood(&web, &view, (size_t)(i % 7 + 1) * 7001, 8192);
		rig_view_free(&view);
		rig_kill(&rig);
		rig_start(&rig);
		rig_hand_over(&rig, &web);
		rig_attach(&rig, &view, &web, "alice");
	}
	rig_view_free(&view);
	rig_log(&rig, &view, &web, 0, -1);
	assert_sane(&view, begin);
	assert_true(view.len > (size_t)20 * 7001);
	rig_view_free(&view);
	rig_close(&rig, &web);
}

static void
a_ring_of_another_guest_is_not_remembered(void **state)
{
	struct rig_guest web, db;
	struct rig_view log;
	struct rig rig;

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	rig_guest(&db, "bob", "db");
	remember(&web);
	give_ring(&rig, &web);
	fd_close(&db.ring);
	db.ring = fcntl(web.ring, F_DUPFD_CLOEXEC, 0);
	give_ring(&rig, &db);
	settle(&rig);
	rig_log(&rig, &log, &db, 0, -1);
	rig_see_end(&log);
	assert_int_equal(log.len, 0);
	assert_int_equal(log.events, 0);
	rig_view_free(&log);
	rig_log(&rig, &log, &web, 0, -1);
	rig_see_end(&log);
	assert_int_equal(log.len, 10);
	rig_view_free(&log);
	rig_guest_free(&db);
	rig_close(&rig, &web);
}

/* --- nothing of an earlier boot ------------------------------------------ */

static const struct wire_grant of_this_boot = { .from = WIRE_FROM_TAIL,
	.tail = 4096,
	.may_write = 1,
	.flags = WIRE_ATTACH_BOOT };

static void
a_start_shows_the_next_boot_from_its_first_byte(void **state)
{
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;

	(void)state;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	remember(&web);
	give_ring(&rig, &web);
	settle(&rig);
	rig_grant(&rig, &view, &web, "alice", of_this_boot);
	web.pty.boot = 7;
	rig_boot(&rig, &web);
	rig_print(&web, "first words");
	rig_see_text(&view, "first words");
	assert_int_equal(view.len, strlen("first words"));
	assert_string_equal(view.event, "console opened (boot 8)");
	rig_view_free(&view);
	rig_close(&rig, &web);
}

/* It was cut off in the middle of what it watched. */
static void
who_comes_back_to_a_start_misses_nothing(void **state)
{
	struct wire_grant how = of_this_boot;
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;

	(void)state;
	how.from = 5;
	rig_start(&rig);
	rig_guest(&web, "alice", "web");
	remember(&web);
	rig_grant(&rig, &view, &web, "alice", how);
	give_ring(&rig, &web);
	rig_see_text(&view, "five\n");
	web.pty.boot = 7;
	rig_boot(&rig, &web);
	rig_print(&web, "first words");
	rig_see_text(&view, "five\nfirst words");
	rig_view_free(&view);
	rig_close(&rig, &web);
}

static void
a_start_of_a_running_guest_shows_no_earlier_boot(void **state)
{
	struct rig_guest web;
	struct rig_view view;
	struct rig rig;

	(void)state;
	rig_open_view(&rig, &web, &view);
	rig_print(&web, "old boot\n");
	rig_see_text(&view, "old boot\n");
	rig_halt(&web);
	rig_see_event(&view, "waiting for the guest");
	rig_boot(&rig, &web);
	rig_print(&web, "new boot\n");
	rig_see_text(&view, "new boot\n");
	rig_view_free(&view);
	rig_grant(&rig, &view, &web, "alice", of_this_boot);
	rig_see_text(&view, "new boot\n");
	assert_int_equal(view.len, strlen("new boot\n"));
	rig_view_free(&view);
	rig_close(&rig, &web);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_that_is_off_still_has_its_log),
		cmocka_unit_test(a_log_waits_for_its_ring_after_a_restart),
		cmocka_unit_test(since_leaves_out_what_came_before),
		cmocka_unit_test(a_follower_sees_what_comes_with_its_time),
		cmocka_unit_test(a_follower_goes_on_where_it_was),
		cmocka_unit_test(
		    B13_a_slow_follower_loses_from_its_own_view_and_is_told),
		cmocka_unit_test(a_console_viewer_is_told_no_times),
		cmocka_unit_test(a_log_is_not_told_who_writes),
		cmocka_unit_test(
		    a_killed_server_leaves_times_and_marks_to_the_next),
		cmocka_unit_test(
		    a_server_killed_in_a_flood_leaves_a_sane_index),
		cmocka_unit_test(a_ring_of_another_guest_is_not_remembered),
		cmocka_unit_test(
		    a_start_shows_the_next_boot_from_its_first_byte),
		cmocka_unit_test(who_comes_back_to_a_start_misses_nothing),
		cmocka_unit_test(
		    a_start_of_a_running_guest_shows_no_earlier_boot)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
