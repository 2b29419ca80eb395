/* SPDX-License-Identifier: ISC */
#include "tests/unit/shell_seat.h"

#include "shell/terminal.h"

#define XTERM_RESET terminal_reset("xterm-256color")

/* --- bodies -------------------------------------------------------------- */

static int
enter_and_wait(void *arg)
{
	struct pollfd pfd = { .fd = -1 };

	(void)arg;
	if (terminal_enter(0, 1, "xterm-256color") == -1)
		return 1;
	if (write(1, "raw", 3) != 3)
		return 2;
	return poll(&pfd, 0, RIG_MS) == 0 ? 3 : 4;
}

static int
enter_and_exit(void *arg)
{
	if (terminal_enter(0, 1, arg) == -1)
		return 1;
	return 0;
}

/* Status 0: after leaving, nothing is there to be read. */
static int
leave_and_read(void *arg)
{
	struct pollfd pfd = { .fd = 0, .events = POLLIN };

	(void)arg;
	if (terminal_enter(0, 1, "xterm-256color") == -1 ||
	    terminal_enter(0, 1, "xterm-256color") != -1)
		return 1;
	terminal_leave();
	terminal_leave();
	if (terminal_entered())
		return 2;
	return poll(&pfd, 1, 0) == 0 ? 0 : 3;
}

/* Status 0: leaving did not wait for a terminal that takes nothing. */
static int
leave_when_stuck(void *arg)
{
	const char line[256] = { 0 };
	int64_t begin;

	(void)arg;
	if (terminal_enter(0, 1, "xterm-256color") == -1)
		return 1;
	while (write(1, line, sizeof(line)) > 0)
		continue;
	if (errno != EAGAIN)
		return 2;
	begin = clock_ms();
	terminal_leave();
	return clock_ms() - begin < 2500 ? 0 : 3;
}

/* Full, which is told through that pipe, until a signal ends it. */
static int
fill_and_wait(void *arg)
{
	const char line[256] = { 0 };
	const int *full = arg;

	if (terminal_enter(0, 1, "xterm-256color") == -1)
		return 1;
	while (write(1, line, sizeof(line)) > 0)
		continue;
	if (write(full[1], "", 1) != 1)
		return 2;
	return poll(NULL, 0, RIG_MS) == 0 ? 3 : 4;
}

/* Status 0: Ctrl-C was a key, and what was typed ahead is still there. */
static int
edit_and_read(void *arg)
{
	char typed[64];
	ssize_t n;

	(void)arg;
	if (signal(SIGINT, SIG_IGN) == SIG_ERR || terminal_edit(0) == -1 ||
	    terminal_edit(0) != -1 || terminal_enter(0, 1, "xterm") != -1)
		return 1;
	if (write(1, "keys", 4) != 4 || read(0, typed, 1) != 1)
		return 2;
	if (write(1, "one", 3) != 3)
		return 3;
	if (poll(&(struct pollfd){ .fd = 0, .events = POLLIN }, 1, RIG_MS) !=
	    1)
		return 4;
	terminal_leave();
	n = read(0, typed, sizeof(typed));
	return n == 4 && memcmp(typed, "two\n", 4) == 0 ? 0 : 5;
}

static int
edit_and_wait(void *arg)
{
	struct pollfd pfd = { .fd = -1 };

	(void)arg;
	if (terminal_edit(0) == -1 || write(1, "keys", 4) != 4)
		return 1;
	return poll(&pfd, 0, RIG_MS) == 0 ? 3 : 4;
}

/* --- tests --------------------------------------------------------------- */

static void
C07_a_slow_terminal_gets_its_reset_after_a_signal(void **state)
{
	struct seat seat;
	int full[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(full, O_CLOEXEC), 0);
	seat_open(&seat);
	seat_run(&seat, fill_and_wait, full);
	rig_wait(full[0], POLLIN);
	assert_int_equal(read(full[0], &byte, 1), 1);
	assert_int_equal(kill(seat.pid, SIGTERM), 0);
	seat_see(&seat, XTERM_RESET);
	assert_int_equal(seat_wait(&seat), 128 + SIGTERM);
	seat_assert_restored(&seat);
	seat_close(&seat);
	fd_close(&full[0]);
	fd_close(&full[1]);
}

static void
a_signal_that_was_blocked_is_heard_on_a_console(void **state)
{
	struct seat seat;
	sigset_t blocked, before;

	(void)state;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, &before), 0);
	seat_open(&seat);
	seat_run(&seat, enter_and_wait, NULL);
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
	seat_see(&seat, "raw");
	assert_int_equal(kill(seat.pid, SIGINT), 0);
	assert_int_equal(seat_wait(&seat), 128 + SIGINT);
	seat_assert_restored(&seat);
	seat_close(&seat);
}

static void
C07_a_signal_restores_the_terminal_and_ends_the_process(void **state)
{
	const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	struct termios modes;
	struct seat seat;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		seat_open(&seat);
		seat_run(&seat, enter_and_wait, NULL);
		seat_see(&seat, "raw");
		assert_int_equal(tcgetattr(seat.slave, &modes), 0);
		assert_int_equal(modes.c_lflag & (ICANON | ECHO | ISIG), 0);
		assert_int_equal(kill(seat.pid, signals[i]), 0);
		assert_int_equal(seat_wait(&seat), 128 + signals[i]);
		seat_see(&seat, XTERM_RESET);
		seat_assert_restored(&seat);
		seat_close(&seat);
	}
}

static void
an_edited_line_gets_keys_and_loses_nothing(void **state)
{
	struct termios modes;
	struct seat seat;

	(void)state;
	seat_open(&seat);
	seat_run(&seat, edit_and_read, NULL);
	seat_see(&seat, "keys");
	assert_int_equal(tcgetattr(seat.slave, &modes), 0);
	assert_int_equal(modes.c_lflag & (ICANON | ECHO), 0);
	assert_int_equal(modes.c_lflag & ISIG, ISIG);
	seat_type(&seat, "x");
	seat_see(&seat, "one");
	seat_type(&seat, "two\r");
	assert_int_equal(seat_wait(&seat), 0);
	seat_assert_restored(&seat);
	seat_close(&seat);
}

static void
C07_an_edited_line_is_restored_by_what_ends_it(void **state)
{
	const int signals[] = { SIGHUP, SIGTERM };
	struct seat seat;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		seat_open(&seat);
		seat_run(&seat, edit_and_wait, NULL);
		seat_see(&seat, "keys");
		assert_int_equal(kill(seat.pid, signals[i]), 0);
		assert_int_equal(seat_wait(&seat), 128 + signals[i]);
		seat_assert_restored(&seat);
		seat_close(&seat);
	}
}

static void
C07_a_line_that_drops_ends_the_process(void **state)
{
	struct seat seat;

	(void)state;
	seat_open(&seat);
	seat_run(&seat, enter_and_wait, NULL);
	seat_see(&seat, "raw");
	fd_close(&seat.slave);
	fd_close(&seat.master);
	assert_int_equal(seat_wait(&seat), 128 + SIGHUP);
	seat_close(&seat);
}

static void
C07_suspending_from_outside_is_ignored(void **state)
{
	struct seat seat;

	(void)state;
	seat_open(&seat);
	seat_run(&seat, enter_and_wait, NULL);
	seat_see(&seat, "raw");
	assert_int_equal(kill(seat.pid, SIGTSTP), 0);
	assert_int_equal(kill(seat.pid, SIGTERM), 0);
	assert_int_equal(seat_wait(&seat), 128 + SIGTERM);
	seat_assert_restored(&seat);
	seat_close(&seat);
}

static void
exit_restores_the_terminal(void **state)
{
	struct seat seat;

	(void)state;
	seat_open(&seat);
	seat_run(&seat, enter_and_exit, (void *)(uintptr_t) "xterm-256color");
	seat_see(&seat, XTERM_RESET);
	assert_int_equal(seat_wait(&seat), 0);
	seat_assert_restored(&seat);
	seat_close(&seat);
}

static void
the_rest_of_a_paste_is_nobodys_command(void **state)
{
	struct seat seat;

	(void)state;
	seat_open(&seat);
	seat_run(&seat, leave_and_read, NULL);
	seat_see(&seat, XTERM_RESET);
	/* It is out, and what comes now is within the time. */
	seat_type(&seat, "destroy web --yes\n");
	assert_int_equal(seat_wait(&seat), 0);
	seat_assert_restored(&seat);
	seat_close(&seat);
}

static void
a_terminal_that_takes_nothing_does_not_hold_us(void **state)
{
	struct seat seat;

	(void)state;
	seat_open(&seat);
	seat_run(&seat, leave_when_stuck, NULL);
	assert_int_equal(seat_wait(&seat), 0);
	seat_assert_restored(&seat);
	seat_close(&seat);
}

static void
a_dumb_terminal_gets_a_new_line_and_no_more(void **state)
{
	struct seat seat;

	(void)state;
	assert_string_equal(terminal_reset(NULL), "\r\n");
	assert_string_equal(terminal_reset(""), "\r\n");
	assert_string_equal(terminal_reset("dumb"), "\r\n");
	seat_open(&seat);
	seat_run(&seat, enter_and_exit, (void *)(uintptr_t) "dumb");
	assert_int_equal(seat_wait(&seat), 0);
	assert_true(seat_look(&seat));
	assert_int_equal(seat.len, 2);
	assert_memory_equal(seat.screen, "\r\n", 2);
	seat_close(&seat);
}

static void
what_is_no_terminal_is_not_entered(void **state)
{
	int pipes[2];

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(terminal_enter(pipes[0], pipes[1], "xterm"), -1);
	assert_int_equal(errno, ENOTTY);
	assert_false(terminal_entered());
	fd_close(&pipes[0]);
	fd_close(&pipes[1]);
}

static void
C15_the_reset_turns_off_what_a_guest_may_leave_on(void **state)
{
	static const char *const wanted[] = { "\033[?1049l", "1000;", "1002;",
		"1003;", "1004;", "1005;", "1006;", "1015;", "1016l",
		"\033[?2004l", "\033[?2026l", "\033[>4;0m", "\033[=0;1u",
		"\033[?25h", "\033[r", "\033(B", "\017", "\033[?1l", "\033>",
		"\033[?7h", "\033[?6l", "\033[?69l", "\033[0m" };
	const char *reset = XTERM_RESET, *alternate;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (strstr(reset, wanted[i]) == NULL)
			fail_msg("no %s", wanted[i] + 1);
	alternate = strstr(reset, "\033[?1049l");
	assert_non_null(strstr(alternate, "1000;"));
}

static void
C13_the_reset_makes_no_terminal_answer(void **state)
{
	const char *at;

	(void)state;
	/* ENQ; DECID; and CSI with the finals of DA, DSR, DECREQTPARM, ... */
	assert_null(strchr(XTERM_RESET, 0x05));
	assert_null(strstr(XTERM_RESET, "\033Z"));
	for (at = XTERM_RESET; (at = strstr(at, "\033[")) != NULL; at++) {
		const char *final = at + 2 +
		    strspn(at + 2, "0123456789;?!<=>$\"' ");

		assert_null(strchr("cnxtqRI$", *final));
		assert_null(memchr(at, '$', (size_t)(final - at)));
	}
	/* Nor does it leave a string open, or begin one. */
	assert_null(strstr(XTERM_RESET, "\033]"));
	assert_null(strstr(XTERM_RESET, "\033P"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    C07_a_signal_restores_the_terminal_and_ends_the_process),
		cmocka_unit_test(
		    C07_a_slow_terminal_gets_its_reset_after_a_signal),
		cmocka_unit_test(
		    a_signal_that_was_blocked_is_heard_on_a_console),
		cmocka_unit_test(an_edited_line_gets_keys_and_loses_nothing),
		cmocka_unit_test(
		    C07_an_edited_line_is_restored_by_what_ends_it),
		cmocka_unit_test(C07_a_line_that_drops_ends_the_process),
		cmocka_unit_test(C07_suspending_from_outside_is_ignored),
		cmocka_unit_test(exit_restores_the_terminal),
		cmocka_unit_test(the_rest_of_a_paste_is_nobodys_command),
		cmocka_unit_test(
		    a_terminal_that_takes_nothing_does_not_hold_us),
		cmocka_unit_test(a_dumb_terminal_gets_a_new_line_and_no_more),
		cmocka_unit_test(what_is_no_terminal_is_not_entered),
		cmocka_unit_test(
		    C15_the_reset_turns_off_what_a_guest_may_leave_on),
		cmocka_unit_test(C13_the_reset_makes_no_terminal_answer)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
