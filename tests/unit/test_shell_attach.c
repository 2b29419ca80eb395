/* SPDX-License-Identifier: ISC */
#include "tests/unit/shell_scene.h"

/* --- leaving ------------------------------------------------------------- */

static void
the_escape_key_leaves_wherever_it_stands_in_a_read(void **state)
{
	static const char *const typed[] = { "\035", "\035more", "before\035",
		"before\035after", "a\035\035b" };
	static const char *const heard[] = { "", "", "before", "before", "a" };
	struct wire_msg msg;
	struct scene scene;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(typed) / sizeof(typed[0]); i++) {
		scene_open(&scene, true, true, "alice");
		seat_type(&scene.seat, typed[i]);
		hear_keys(&scene, heard[i]);
		/* What stood behind it never comes. */
		assert_int_equal(rig_recv_any(scene.viewer, &msg,
				     WIRE_VIEWER_CONSOLE),
		    0);
		scene_close(&scene, ATTACH_LEFT);
	}
}

static void
D11_three_ctrl_q_leave_as_well(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, true, true, "alice");
	seat_type(&scene.seat, "x\021\021y\021");
	hear_keys(&scene, "x\021\021y\021");
	seat_type(&scene.seat, "\021\021\021");
	scene_close(&scene, ATTACH_LEFT);
}

static void
C07_keys_that_mean_something_to_a_terminal_go_to_the_guest(void **state)
{
	const char keys[] = "\003\004\032\034\023\021\177\r\n\033[A";
	struct scene scene;

	(void)state;
	scene_open(&scene, true, true, "alice");
	seat_type(&scene.seat, keys);
	hear_keys(&scene, keys);
	seat_type(&scene.seat, "\035");
	scene_close(&scene, ATTACH_LEFT);
}

static void
D09_the_escape_key_works_behind_a_paste_that_nobody_reads(void **state)
{
	uint8_t *paste = malloc(MIB);
	struct scene scene;
	size_t at = 0;
	ssize_t n;

	(void)state;
	assert_non_null(paste);
	memset(paste, 'p', MIB);
	scene_open(&scene, true, true, "alice");
	while (at < MIB) {
		rig_wait(scene.seat.master, POLLOUT);
		n = write(scene.seat.master, paste + at, MIB - at);
		assert_true(n > 0 || errno == EAGAIN);
		at += n > 0 ? (size_t)n : 0;
	}
	rig_wait(scene.seat.master, POLLOUT);
	seat_type(&scene.seat, "\035");
	scene_close(&scene, ATTACH_LEFT);
	free(paste);
}

static void
the_escape_key_works_while_the_terminal_takes_no_output(void **state)
{
	char flood[WIRE_DATA];
	struct scene scene;

	(void)state;
	memset(flood, 'f', sizeof(flood));
	scene_open(&scene, true, true, "alice");
	/* Until its side of the socket stays full: it has stopped reading. */
	for (;;) {
		struct pollfd pfd = { scene.viewer, POLLOUT, 0 };

		if (wire_send_data(scene.viewer, WIRE_OUTPUT, 0, flood,
			sizeof(flood)) == 0)
			continue;
		assert_int_equal(errno, EAGAIN);
		if (poll(&pfd, 1, 200) == 0)
			break;
	}
	seat_type(&scene.seat, "\035");
	scene_close(&scene, ATTACH_LEFT);
}

static void
A18_a_line_that_drops_ends_the_session(void **state)
{
	struct wire_msg msg;
	struct scene scene;
	int status;

	(void)state;
	scene_open(&scene, true, true, "alice");
	fd_close(&scene.seat.slave);
	fd_close(&scene.seat.master);
	status = seat_wait(&scene.seat);
	assert_true(status == 128 + SIGHUP || status == 100 + ATTACH_LEFT);
	assert_int_equal(rig_recv_any(scene.viewer, &msg, WIRE_VIEWER_CONSOLE),
	    0);
	seat_close(&scene.seat);
	fd_close(&scene.viewer);
	fd_close(&scene.broker);
}

static void
C07_a_signal_in_a_session_restores_the_terminal(void **state)
{
	const int signals[] = { SIGTERM, SIGHUP, SIGINT };
	struct scene scene;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		scene_open(&scene, true, true, "alice");
		guest_says(&scene, "\033[?1049h\033[?1003h\033[31m");
		seat_see(&scene.seat, "\033[31m");
		assert_int_equal(kill(scene.seat.pid, signals[i]), 0);
		seat_see(&scene.seat, terminal_reset("xterm"));
		assert_int_equal(seat_wait(&scene.seat), 128 + signals[i]);
		seat_assert_restored(&scene.seat);
		seat_close(&scene.seat);
		fd_close(&scene.viewer);
		fd_close(&scene.broker);
	}
}

/* --- how it ends --------------------------------------------------------- */

static void
the_reasons_for_the_end_are_told_apart(void **state)
{
	const struct wire_outcome revoked = { .err = VPSH_ERR_REVOKED };
	const struct wire_outcome done = { .err = VPSH_OK };
	struct scene scene;

	(void)state;
	scene_open(&scene, true, true, "alice");
	rig_send(scene.viewer, WIRE_VIEW_END, &revoked, NULL, 0);
	scene_close(&scene, ATTACH_REVOKED);

	scene_open(&scene, true, true, "alice");
	rig_send(scene.viewer, WIRE_VIEW_END, &done, NULL, 0);
	scene_close(&scene, ATTACH_ENDED);

	scene_open(&scene, true, true, "alice");
	rig_send(scene.broker, WIRE_BYE, &revoked, NULL, 0);
	scene_close(&scene, ATTACH_BYE);

	scene_open(&scene, true, true, "alice");
	fd_close(&scene.viewer);
	scene_close(&scene, ATTACH_LOST);

	scene_open(&scene, true, true, "alice");
	fd_close(&scene.broker);
	scene_close(&scene, ATTACH_ALONE);
}

static void
what_the_guest_said_last_is_shown_before_the_end(void **state)
{
	const struct wire_outcome done = { .err = VPSH_OK };
	struct scene scene;

	(void)state;
	scene_open(&scene, true, true, "alice");
	guest_says(&scene, "reboot: Power down\r\n");
	rig_send(scene.viewer, WIRE_VIEW_END, &done, NULL, 0);
	seat_see(&scene.seat, "reboot: Power down\r\n");
	scene_close(&scene, ATTACH_ENDED);
}

/* --- bytes --------------------------------------------------------------- */

static void
a_mebibyte_reaches_the_terminal_byte_for_byte(void **state)
{
	uint8_t *noise = rig_noise(MIB, 11);
	struct pollfd pfd[2];
	struct scene scene;
	size_t sent = 0, n;

	(void)state;
	scene_open(&scene, true, true, "alice");
	seat_forget(&scene.seat);
	while (scene.seat.len < MIB) {
		pfd[0] = (struct pollfd){ sent < MIB ? scene.viewer : -1,
			POLLOUT, 0 };
		pfd[1] = (struct pollfd){ scene.seat.master, POLLIN, 0 };
		assert_true(poll(pfd, 2, RIG_MS) > 0);
		n = MIB - sent < 10007 ? MIB - sent : 10007;
		if (pfd[0].revents != 0 &&
		    wire_send_data(scene.viewer, WIRE_OUTPUT, sent,
			noise + sent, n) == 0)
			sent += n;
		if (pfd[1].revents != 0)
			assert_true(seat_look(&scene.seat));
	}
	assert_int_equal(scene.seat.len, MIB);
	assert_memory_equal(scene.seat.screen, noise, MIB);
	seat_type(&scene.seat, "\035");
	scene_close(&scene, ATTACH_LEFT);
	free(noise);
}

/* Take what has come as INPUT. */
static size_t
hear_noise(int viewer, const uint8_t *noise)
{
	struct wire_msg msg;
	ssize_t len = rig_recv_any(viewer, &msg, WIRE_VIEWER_CONSOLE);

	assert_true(len > 0);
	assert_int_equal(msg.head.type, WIRE_INPUT);
	len -= (ssize_t)offsetof(struct wire_output, data);
	assert_memory_equal(msg.u.output.data, noise, len);
	return (size_t)len;
}

static void
a_mebibyte_reaches_the_guest_byte_for_byte(void **state)
{
	uint8_t *noise = rig_noise(MIB, 12);
	struct pollfd pfd[2];
	struct scene scene;
	size_t typed = 0, heard = 0, i;
	ssize_t n;

	(void)state;
	/* All but the keys that are ours. */
	for (i = 0; i < MIB; i++)
		if (noise[i] == 0x1d || noise[i] == 0x1e || noise[i] == 0x11)
			noise[i] = 0x80;
	scene_open(&scene, true, true, "alice");
	while (heard < MIB) {
		pfd[0] = (struct pollfd){ typed < MIB ? scene.seat.master : -1,
			POLLOUT, 0 };
		pfd[1] = (struct pollfd){ scene.viewer, POLLIN, 0 };
		assert_true(poll(pfd, 2, RIG_MS) > 0);
		if (pfd[0].revents != 0) {
			n = write(scene.seat.master, noise + typed,
			    MIB - typed);
			assert_true(n > 0 || errno == EAGAIN);
			typed += n > 0 ? (size_t)n : 0;
		}
		if (pfd[1].revents != 0)
			heard += hear_noise(scene.viewer, noise + heard);
	}
	assert_int_equal(heard, MIB);
	seat_type(&scene.seat, "\035");
	scene_close(&scene, ATTACH_LEFT);
	free(noise);
}

static void
C11_our_own_lines_are_escaped_and_stand_alone(void **state)
{
	const struct wire_text event = {
		"\033]0;owned\a rebooted\r\n\xe2\x80\xae"
		"x"
	};
	const struct wire_missed missed = { 12345 };
	struct scene scene;

	(void)state;
	scene_open(&scene, true, true, "alice");
	guest_says(&scene, "login: ");
	rig_send(scene.viewer, WIRE_EVENT, &event, NULL, 0);
	rig_send(scene.viewer, WIRE_MISSED, &missed, NULL, 0);
	seat_see(&scene.seat,
	    "login: \r\n[web: \\x1b]0;owned\\x07 "
	    "rebooted\\x0d\\x0a\\u{202e}x]\r\n[web: this view was too slow: "
	    "12345 bytes are missing here]\r\n");
	seat_type(&scene.seat, "\035");
	scene_close(&scene, ATTACH_LEFT);
}

static void
C11_a_guest_that_dies_in_a_title_hides_none_of_our_lines(void **state)
{
	const struct wire_text event = { "the guest has crashed" };
	struct scene scene;

	(void)state;
	scene_open(&scene, true, true, "alice");
	guest_says(&scene, "\033]0;never closed");
	rig_send(scene.viewer, WIRE_EVENT, &event, NULL, 0);
	seat_see(&scene.seat,
	    "\033]0;never closed\030\r\n[web: the guest has crashed]\r\n");
	seat_type(&scene.seat, "\035");
	scene_close(&scene, ATTACH_LEFT);
}

/* --- with the real server ------------------------------------------------ */

/* One customer on a guest of a running vpsh-console. */
static void
scene_on_server(struct scene *scene, struct rig *rig, struct rig_guest *web)
{
	const struct wire_grant how = { .from = WIRE_FROM_TAIL,
		.tail = 4096,
		.may_write = 1 };
	struct rig_view view;
	int pair[2];

	memset(scene, 0, sizeof(*scene));
	rig_start(rig);
	rig_guest(web, "alice", "web");
	rig_boot(rig, web);
	rig_grant(rig, &view, web, "alice", how);
	seat_open(&scene->seat);
	assert_int_equal(fd_pair(pair), 0);
	scene->viewer = -1;
	scene->broker = pair[0];
	scene->far[0] = view.fd;
	scene->far[1] = pair[1];
	scene->may_write = true;
	seat_run(&scene->seat, attach_body, scene);
	fd_close(&scene->far[0]);
	fd_close(&scene->far[1]);
	seat_see(&scene->seat, LINE);
}

/* The guest prints back what it reads, while the person types and looks. */
static void
type_and_see_echo(struct scene *scene, struct rig_guest *web,
    const uint8_t *noise, size_t len)
{
	uint8_t echo[65536];
	size_t typed = 0, held = 0, begin = scene->seat.len;
	struct pollfd pfd[2];
	ssize_t n;

	while (scene->seat.len - begin < len) {
		pfd[0] = (struct pollfd){ scene->seat.master,
			typed < len ? POLLIN | POLLOUT : POLLIN, 0 };
		pfd[1] = (struct pollfd){ web->master,
			held > 0 ? POLLIN | POLLOUT : POLLIN, 0 };
		assert_true(poll(pfd, 2, RIG_MS) > 0);
		if ((pfd[0].revents & POLLOUT) != 0) {
			n = write(scene->seat.master, noise + typed,
			    len - typed);
			typed += n > 0 ? (size_t)n : 0;
		}
		if ((pfd[0].revents & POLLIN) != 0)
			assert_true(seat_look(&scene->seat));
		n = read(web->master, echo + held, sizeof(echo) - held);
		held += n > 0 ? (size_t)n : 0;
		n = write(web->master, echo, held);
		if (n > 0) {
			held -= (size_t)n;
			memmove(echo, echo + n, held);
		}
	}
}

static void
a_mebibyte_is_echoed_through_everything(void **state)
{
	uint8_t *noise = rig_noise(MIB, 13);
	struct rig_guest web;
	struct scene scene;
	struct rig rig;
	size_t i;

	(void)state;
	for (i = 0; i < MIB; i++)
		if (noise[i] == 0x1d || noise[i] == 0x1e || noise[i] == 0x11)
			noise[i] = 0x80;
	scene_on_server(&scene, &rig, &web);
	seat_see(&scene.seat, "[web: console opened (boot 1)]\r\n");
	seat_forget(&scene.seat);
	type_and_see_echo(&scene, &web, noise, MIB);
	assert_int_equal(scene.seat.len, MIB);
	assert_memory_equal(scene.seat.screen, noise, MIB);
	seat_type(&scene.seat, "\035");
	scene_close(&scene, ATTACH_LEFT);
	rig_guest_free(&web);
	rig_stop(&rig);
	free(noise);
}

static void
a_reboot_and_the_end_of_the_server_are_seen(void **state)
{
	struct rig_guest web;
	struct scene scene;
	struct rig rig;

	(void)state;
	scene_on_server(&scene, &rig, &web);
	rig_print(&web, "bye\r\n");
	seat_see(&scene.seat, "bye\r\n");
	rig_halt(&web);
	seat_see(&scene.seat,
	    "[web: console closed; waiting for the guest]\r\n");
	rig_boot(&rig, &web);
	seat_see(&scene.seat, "[web: console opened (boot 2)]\r\n");
	seat_type(&scene.seat, "x");
	rig_hears(&web, "x");
	rig_kill(&rig);
	scene_close(&scene, ATTACH_LOST);
	rig_guest_free(&web);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_escape_key_leaves_wherever_it_stands_in_a_read),
		cmocka_unit_test(D11_three_ctrl_q_leave_as_well),
		cmocka_unit_test(
		    C07_keys_that_mean_something_to_a_terminal_go_to_the_guest),
		cmocka_unit_test(
		    D09_the_escape_key_works_behind_a_paste_that_nobody_reads),
		cmocka_unit_test(
		    the_escape_key_works_while_the_terminal_takes_no_output),
		cmocka_unit_test(A18_a_line_that_drops_ends_the_session),
		cmocka_unit_test(
		    C07_a_signal_in_a_session_restores_the_terminal),
		cmocka_unit_test(the_reasons_for_the_end_are_told_apart),
		cmocka_unit_test(
		    what_the_guest_said_last_is_shown_before_the_end),
		cmocka_unit_test(a_mebibyte_reaches_the_terminal_byte_for_byte),
		cmocka_unit_test(a_mebibyte_reaches_the_guest_byte_for_byte),
		cmocka_unit_test(C11_our_own_lines_are_escaped_and_stand_alone),
		cmocka_unit_test(
		    C11_a_guest_that_dies_in_a_title_hides_none_of_our_lines),
		cmocka_unit_test(a_mebibyte_is_echoed_through_everything),
		cmocka_unit_test(a_reboot_and_the_end_of_the_server_are_seen)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
