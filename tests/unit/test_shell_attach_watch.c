/* SPDX-License-Identifier: ISC */
#include "tests/unit/shell_scene.h"

/* --- watching ------------------------------------------------------------ */

static void
D05_a_watcher_is_told_and_takes_over_with_one_key(void **state)
{
	struct wire_writer told = { .you = 1, .who = "alice" };
	struct wire_msg msg;
	struct scene scene;

	(void)state;
	scene_open(&scene, true, false, "bob");
	seat_see(&scene.seat,
	    "[web: you are watching; bob writes; w takes "
	    "over, q leaves]\r\n");
	seat_forget(&scene.seat);
	seat_type(&scene.seat, "ls -l\r");
	seat_see(&scene.seat, "bob writes; w takes over");
	seat_type(&scene.seat, "w");
	rig_recv(scene.viewer, &msg, WIRE_VIEWER_CONSOLE, WIRE_TAKE);
	rig_send(scene.viewer, WIRE_WRITER, &told, NULL, 0);
	seat_see(&scene.seat, "[web: you write now]\r\n");
	seat_type(&scene.seat, "wq");
	hear_keys(&scene, "wq");

	told.you = 0;
	(void)text_copy(told.who, WIRE_NAME, "bob");
	rig_send(scene.viewer, WIRE_WRITER, &told, NULL, 0);
	seat_see(&scene.seat, "bob has taken over; w takes over, q leaves");
	seat_type(&scene.seat, "q");
	scene_close(&scene, ATTACH_LEFT);
}

static void
D05_a_watcher_hears_when_it_is_their_own_other_session(void **state)
{
	struct wire_writer told = { .who = "alice" };
	struct scene scene;

	(void)state;
	scene_open(&scene, true, false, "alice");
	seat_see(&scene.seat, "another session of yours writes");
	seat_type(&scene.seat, "w");
	told.you = 1;
	rig_send(scene.viewer, WIRE_WRITER, &told, NULL, 0);
	seat_see(&scene.seat, "you write");
	told.you = 0;
	rig_send(scene.viewer, WIRE_WRITER, &told, NULL, 0);
	/* In one line of 80. */
	seat_see(&scene.seat, "[web: another session of yours has taken over; "
	    "w takes over, q leaves]\r\n");
	seat_type(&scene.seat, "\035");
	scene_close(&scene, ATTACH_LEFT);
}

static void
who_may_only_watch_is_offered_nothing_else(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, false, false, "bob");
	seat_see(&scene.seat,
	    "[web: you are watching; bob writes; q "
	    "leaves]\r\n");
	seat_forget(&scene.seat);
	seat_type(&scene.seat, "w");
	seat_see(&scene.seat, "you are watching; bob writes; q leaves");
	seat_type(&scene.seat, "q");
	scene_close(&scene, ATTACH_LEFT);
}

static void
write_side(struct scene *scene, bool you, const char *who)
{
	struct wire_writer told = { .you = you };

	(void)text_copy(told.who, WIRE_NAME, who);
	rig_send(scene->viewer, WIRE_WRITER, &told, NULL, 0);
}

static void
assert_never_seen(struct scene *scene, const char *text)
{
	assert_null(memmem(scene->seat.screen, scene->seat.len, text,
	    strlen(text)));
}

/* In the middle of a control sequence, whose other half is for another. */
static void
C13_a_take_over_in_the_middle_of_a_sequence_tears_none(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, true, false, "bob");
	seat_forget(&scene.seat);
	guest_says(&scene, "a\033[6n\033[3");
	write_side(&scene, true, "alice");
	guest_says(&scene, "1mred\033[6nb");
	seat_see(&scene.seat, "\033[31mred\033[6nb");
	assert_never_seen(&scene, "\033[6n\033[3");
	seat_forget(&scene.seat);

	guest_says(&scene, "\033]0;tit");
	write_side(&scene, false, "bob");
	guest_says(&scene, "le\atext\033[6n.");
	seat_see(&scene.seat, "text.");
	seat_see(&scene.seat, "\033]0;tit\030\033\\");
	assert_never_seen(&scene, "le\a");
	seat_type(&scene.seat, "q");
	scene_close(&scene, ATTACH_LEFT);
}

static void
the_mouse_goes_with_the_write_side(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, true, false, "bob");
	seat_forget(&scene.seat);
	guest_says(&scene, "\033[?1003h\033[?1hx\033=y");
	seat_see(&scene.seat, "xy");
	assert_never_seen(&scene, "\033[?");
	write_side(&scene, true, "alice");
	seat_see(&scene.seat, "\033[?1h\033[?1003h\033=");
	seat_forget(&scene.seat);
	guest_says(&scene, "\033[?1003l.");
	seat_see(&scene.seat, "\033[?1003l.");
	write_side(&scene, false, "bob");
	seat_see(&scene.seat, ".\033[?1l\033>");
	seat_type(&scene.seat, "q");
	scene_close(&scene, ATTACH_LEFT);
}

/* --- keys of ours -------------------------------------------------------- */

static void
who_is_here_is_asked_of_the_console_server(void **state)
{
	const struct wire_text here = { "here: alice (types)" };
	struct wire_msg msg;
	struct scene scene;

	(void)state;
	scene_open(&scene, true, true, "alice");
	seat_type(&scene.seat, "\036h");
	rig_recv(scene.viewer, &msg, WIRE_VIEWER_CONSOLE, WIRE_HERE);
	rig_send(scene.viewer, WIRE_EVENT, &here, NULL, 0);
	seat_see(&scene.seat, "[web: here: alice (types)]\r\n");
	seat_type(&scene.seat, "\036x\036");
	hear_keys(&scene, "\036x\036");
	seat_type(&scene.seat, "\035");
	scene_close(&scene, ATTACH_LEFT);
}

/* The last screenful had questions in it, which were answered long ago. */
static void
C13_answers_to_what_was_asked_before_are_not_the_guests(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, true, true, "alice");
	seat_type(&scene.seat,
	    "a\033[24;80Rb\033[?62;1;4c\033]11;rgb:0/0/0\033\\c\033P>|xterm"
	    "\033\\\033[8;24;80td\033[Ae\033[3~\033OP");
	hear_keys(&scene, "abcd\033[Ae\033[3~\033OP");
	seat_type(&scene.seat, "\035");
	scene_close(&scene, ATTACH_LEFT);
}

static void
the_size_of_the_terminal_is_typed_for_them(void **state)
{
	const struct winsize size = { .ws_row = 50, .ws_col = 132 };
	struct scene scene;

	(void)state;
	scene_open(&scene, true, true, "alice");
	seat_type(&scene.seat, "\036s");
	seat_see(&scene.seat, "how large your terminal is it does not say");
	assert_int_equal(ioctl(scene.seat.master, TIOCSWINSZ, &size), 0);
	seat_type(&scene.seat, "a\036sb");
	hear_keys(&scene, "astty rows 50 cols 132\rb");
	seat_type(&scene.seat, "\035");
	scene_close(&scene, ATTACH_LEFT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    D05_a_watcher_is_told_and_takes_over_with_one_key),
		cmocka_unit_test(
		    D05_a_watcher_hears_when_it_is_their_own_other_session),
		cmocka_unit_test(who_may_only_watch_is_offered_nothing_else),
		cmocka_unit_test(
		    C13_a_take_over_in_the_middle_of_a_sequence_tears_none),
		cmocka_unit_test(the_mouse_goes_with_the_write_side),
		cmocka_unit_test(who_is_here_is_asked_of_the_console_server),
		cmocka_unit_test(
		    C13_answers_to_what_was_asked_before_are_not_the_guests),
		cmocka_unit_test(the_size_of_the_terminal_is_typed_for_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
