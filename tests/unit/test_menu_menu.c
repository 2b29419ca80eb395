/* SPDX-License-Identifier: ISC */
#include "tests/unit/menu_pty.h"

#define ONLY(right) (RIGHT_BIT(RIGHT_##right))

static void
open_two(int columns, int lines)
{
	pty_open("xterm-256color", columns, lines);
	pty_guest("web", WIRE_STATE_RUNNING, PTY_ALL_RIGHTS);
	pty_guest("db", WIRE_STATE_OFF, PTY_ALL_RIGHTS);
	menu_listed(pty.menu);
}

static void
open_one(int columns, int lines)
{
	pty_open("xterm-256color", columns, lines);
	pty_guest("web", WIRE_STATE_RUNNING, PTY_ALL_RIGHTS);
	menu_listed(pty.menu);
}

/* --- the terminal -------------------------------------------------------- */

static void
test_nothing_is_written_before_the_first_painting(void **state)
{
	struct termios before, after;

	(void)state;
	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	pty_terminal(80, 24);
	assert_int_equal(tcgetattr(pty.slave, &before), 0);
	assert_non_null(pty_menu("xterm-256color", true, true));
	assert_int_equal(tcgetattr(pty.slave, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	pty_close(state);
	assert_int_equal(pty.nsent, 0);
}

static void
test_the_terminal_is_as_it_was_around_a_console(void **state)
{
	struct termios before, after;

	(void)state;
	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	pty_terminal(80, 24);
	assert_int_equal(tcgetattr(pty.slave, &before), 0);
	assert_non_null(pty_menu("xterm-256color", true, true));
	pty_expect("Asking for your guests");
	assert_true(pty_sent("\033[?1049h"));
	assert_true(pty_sent("\033[?2004h"));
	menu_suspend(pty.menu);
	assert_true(pty_sent("\033[?1006l\033[?1000l"));
	assert_true(pty_sent("\033[?2004l"));
	assert_true(pty_sent("\033[?1049l"));
	assert_int_equal(tcgetattr(pty.slave, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	pty.nsent = 0;
	menu_resume(pty.menu);
	pty_expect("Asking for your guests");
	assert_true(pty_sent("Asking for your guests"));
	menu_close(pty.menu);
	pty.menu = NULL;
	assert_int_equal(tcgetattr(pty.slave, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void
test_C02_only_the_systems_terminfo_is_looked_at(void **state)
{
	(void)state;
	setenv("TERMINFO", "/nowhere", 1);
	setenv("TERMINFO_DIRS", "/nowhere", 1);
	setenv("HOME", "/nowhere", 1);
	setenv("TERMCAP", "xterm-256color:cl=evil:", 1);
	setenv("LINES", "7", 1);
	pty_open("xterm-256color", 80, 24);
	assert_null(getenv("TERMINFO"));
	assert_null(getenv("TERMINFO_DIRS"));
	assert_null(getenv("TERMCAP"));
	assert_string_equal(getenv("NCURSES_GPM_TERMS"), "");
	assert_true(menu_fits(pty.menu));
	pty_expect("Asking");
}

static void
test_C01_a_terminal_that_cannot_show_it_is_refused(void **state)
{
	static const char *const terms[] = { "dumb", "unknown", "nosuchterm",
		"", "../../etc/passwd", "glasstty", "lpr" };
	size_t i;

	(void)state;
	pty_terminal(80, 24);
	for (i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
		assert_null(pty_menu(terms[i], true, true));
	pty_close(state);
	assert_int_equal(pty.nsent, 0);
}

static void
test_terminals_of_every_kind(void **state)
{
	static const char *const terms[] = { "xterm", "xterm-256color",
		"screen", "screen-256color", "tmux", "tmux-256color", "linux",
		"putty", "rxvt", "rxvt-unicode", "vt100", "vt220", "ansi",
		"konsole", "cygwin" };
	size_t i;

	for (i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
		pty_open(terms[i], 80, 24);
		pty_guest("web", WIRE_STATE_RUNNING, PTY_ALL_RIGHTS);
		menu_listed(pty.menu);
		pty_expect("running, up for 3h");
		pty_close(state);
	}
}

static void
test_C07_the_line_may_be_gone(void **state)
{
	struct menu_intent intent;

	(void)state;
	open_one(80, 24);
	pty_expect("running");
	close(pty.slave);
	pty.slave = 0;
	assert_false(menu_hung_up(pty.menu));
	assert_false(menu_input(pty.menu, clock_ms(), &intent));
	assert_true(menu_hung_up(pty.menu));
	(void)menu_draw(pty.menu, clock_ms());
	menu_suspend(pty.menu);
	menu_resume(pty.menu);
	(void)menu_draw(pty.menu, clock_ms());
}

/* Whoever reads at the other end has stopped, and there is no more room. */
static void
test_C07_a_terminal_that_takes_nothing_holds_nobody_up(void **state)
{
	struct menu_options options = { .term = "xterm", .utf8 = true };
	int64_t now, next;

	(void)state;
	pty.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(pty.master != -1 && grantpt(pty.master) == 0 &&
	    unlockpt(pty.master) == 0);
	pty.slave = open(ptsname(pty.master),
	    O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	assert_true(pty.slave != -1);
	pty_size(80, 24);
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	options.in = options.out = pty.slave;
	pty.menu = menu_open(&options);
	assert_non_null(pty.menu);
	(void)menu_draw(pty.menu, clock_ms());
	while (write(pty.slave, "x", 1) == 1)
		;
	assert_int_equal(fcntl(pty.slave, F_SETFL, O_RDWR), 0);
	now = clock_ms();
	next = menu_draw(pty.menu, now);
	assert_true(next > now && next <= now + 1000);
	menu_close(pty.menu);
	pty.menu = NULL;
	assert_true(clock_ms() - now < PTY_MS);
	close(pty.slave);
	close(pty.master);
	pty.slave = pty.master = 0;
}

static void
test_any_size_and_back(void **state)
{
	static const int sizes[][2] = { { 40, 12 }, { 300, 100 }, { 39, 12 },
		{ 1, 1 }, { 200, 60 }, { 40, 11 }, { 80, 24 }, { 2, 100 },
		{ 60, 15 }, { 1000, 500 }, { 80, 24 } };
	size_t i;
	bool fits;

	(void)state;
	open_one(80, 24);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		pty_size(sizes[i][0], sizes[i][1]);
		menu_resized(pty.menu);
		fits = sizes[i][0] >= 40 && sizes[i][1] >= 12;
		assert_int_equal(menu_fits(pty.menu), fits);
		(void)menu_draw(pty.menu, clock_ms());
		if (fits)
			pty_expect("q  Exit");
	}
}

static void
test_NO_COLOR_and_ASCII(void **state)
{
	(void)state;
	pty_terminal(80, 24);
	assert_non_null(pty_menu("xterm-256color", false, false));
	pty_guest("web", WIRE_STATE_RUNNING, PTY_ALL_RIGHTS);
	pty_guest("caf\xc3\xa9", WIRE_STATE_OFF, PTY_ALL_RIGHTS);
	menu_listed(pty.menu);
	pty_expect("* running");
	pty_expect("o off");
	pty_expect("caf\\u{00e9}");
	pty_close(state);
	assert_null(memmem(pty.sent, pty.nsent, "\033[36m", 5));
	assert_null(memmem(pty.sent, pty.nsent, "\xe2", 1));
}

static void
test_C11_text_of_others_is_shown_escaped(void **state)
{
	struct wire_guest guest = pty_guest_of("web", WIRE_STATE_RUNNING,
	    PTY_ALL_RIGHTS);
	static const char text[] = "\033]0;title\007 \xe2\x80\xae \x9b"
				   "31m evil\n";

	(void)state;
	pty_open("xterm-256color", 80, 24);
	text_copy(guest.note, sizeof(guest.note), "closed\033[2J\r\xc2\x9b");
	menu_guest(pty.menu, &guest, clock_ms());
	menu_listed(pty.menu);
	menu_console(pty.menu, "web", text, sizeof(text) - 1, true);
	menu_say(pty.menu, "said\033[31m");
	pty_expect("closed\\x1b[2J\\x0d\\u{009b}");
	pty_expect("\\x1b]0;title\\x07 \\u{202e} \\x9b31m evil");
	pty_expect("said\\x1b[31m");
	pty_close(state);
	assert_null(memmem(pty.sent, pty.nsent, "\033]0;", 4));
}

/* --- the list ------------------------------------------------------------ */

static void
test_the_list_shows_what_has_room(void **state)
{
	struct wire_guest guest = pty_guest_of("web", WIRE_STATE_RUNNING,
	    PTY_ALL_RIGHTS);
	const int64_t now = clock_ms();

	(void)state;
	open_two(200, 60);
	guest.cpu_permille = 420;
	guest.counters.at_ms = 1000;
	menu_guest(pty.menu, &guest, now - 2000);
	guest.counters.at_ms = 3000;
	guest.counters.net_in = 4000000;
	guest.counters.disk_written = 2000;
	menu_guest(pty.menu, &guest, now);
	pty_expect("NAME");
	pty_expect("2.0 MB/0 B");
	pty_expect("0 B/1.0 kB");
	pty_expect("42 %");
	pty_expect("2 GiB");
	pty_size(40, 12);
	menu_resized(pty.menu);
	pty_expect("\xe2\x97\x8f running");
	pty_expect("42 %");
	pty_expect("\xe2\x97\x8b off");
	pty_expect_not("GiB");
}

static void
test_a_thousand_guests_scroll(void **state)
{
	char name[WIRE_NAME];
	int i;

	(void)state;
	pty_open("xterm-256color", 80, 24);
	for (i = 1; i <= 1000; i++) {
		text_format(name, sizeof(name), "guest-%d", i);
		pty_guest(name, WIRE_STATE_OFF, PTY_ALL_RIGHTS);
	}
	menu_listed(pty.menu);
	pty_expect("> guest-1 ");
	pty_press("G");
	pty_expect("> guest-1000");
	pty_press("k");
	pty_expect("> guest-999");
	/* A change elsewhere moves nothing. */
	pty_guest("guest-3", WIRE_STATE_RUNNING, PTY_ALL_RIGHTS);
	menu_left(pty.menu, "guest-1");
	pty_expect("> guest-999");
	pty_press("g");
	pty_expect("> guest-2 ");
	pty_expect("1/999");
	pty_press("3");
	pty_expect("> guest-4 ");
}

static void
test_who_has_no_guest_is_told(void **state)
{
	const struct wire_who who = { .customer = "alice", .host = "xen07",
		.support = "help@example.net" };

	(void)state;
	pty_open("xterm-256color", 80, 24);
	menu_who(pty.menu, &who);
	menu_listed(pty.menu);
	pty_expect("alice on xen07");
	pty_expect("You have no guests on this host. If that is wrong, ask "
		   "help@example.net.");
	assert_int_equal(pty_press("q").what, MENU_DO_QUIT);
}

/* --- a guest ------------------------------------------------------------- */

static void
test_one_guest_is_the_first_screen(void **state)
{
	(void)state;
	open_one(80, 24);
	pty_expect("1  c  Console");
	pty_expect("6  q  Exit      log out");
	assert_int_equal(pty_press("\003").what, MENU_DO_NOTHING);
	pty_expect("q logs out");
	assert_int_equal(pty_press("q").what, MENU_DO_QUIT);
}

static void
test_a_digit_moves_and_enter_acts(void **state)
{
	struct menu_intent intent;

	(void)state;
	open_one(80, 24);
	assert_int_equal(pty_press("1").what, MENU_DO_NOTHING);
	pty_expect("> 1  c  Console");
	intent = pty_press("\r");
	assert_int_equal(intent.what, MENU_DO_CONSOLE);
	assert_string_equal(intent.guest, "web");
	assert_int_equal(pty_press("6").what, MENU_DO_NOTHING);
	pty_expect("> 6  q  Exit");
	assert_int_equal(pty_press("\r").what, MENU_DO_QUIT);
}

static void
test_the_digits_are_those_of_xencontrol(void **state)
{
	static const char *const words[] = { "> 1  c  Console", "> 2  s  Start",
		"> 3  d  Shutdown", "> 4  D  Destroy", "> 5  r  Reboot",
		"> 6  q  Exit" };
	char key[2] = "1";

	(void)state;
	open_one(80, 24);
	for (; key[0] <= '6'; key[0]++) {
		assert_int_equal(pty_press(key).what, MENU_DO_NOTHING);
		pty_expect(words[key[0] - '1']);
	}
}

static void
test_start_acts_once_and_shows_its_job(void **state)
{
	struct menu_intent intent;

	(void)state;
	open_two(80, 24);
	pty_press("j\r");
	pty_expect("off");
	pty_type("sss", 3);
	intent = pty_intent();
	assert_int_equal(intent.what, MENU_DO_START);
	assert_string_equal(intent.guest, "db");
	assert_int_equal(intent.boot, 7);
	assert_int_equal(pty_intent().what, MENU_DO_NOTHING);
	pty_expect("Starting db");
}

static void
test_a_console_is_asked_for_once(void **state)
{
	(void)state;
	open_one(80, 24);
	assert_int_equal(pty_press("c").what, MENU_DO_CONSOLE);
	assert_int_equal(pty_press("c\r").what, MENU_DO_NOTHING);
	menu_say(pty.menu, "The console is not there.");
	assert_int_equal(pty_press("c").what, MENU_DO_CONSOLE);
	menu_suspend(pty.menu);
	menu_resume(pty.menu);
	assert_int_equal(pty_press("c").what, MENU_DO_CONSOLE);
}

static void
test_what_takes_something_away_asks_first(void **state)
{
	(void)state;
	open_one(80, 24);
	assert_int_equal(pty_press("d").what, MENU_DO_NOTHING);
	pty_expect("Shut down web?");
	/* No is chosen. */
	assert_int_equal(pty_press("\r").what, MENU_DO_NOTHING);
	pty_expect("1  c  Console");
	assert_int_equal(pty_press("r").what, MENU_DO_NOTHING);
	pty_expect("Reboot web?");
	assert_int_equal(pty_press("y").what, MENU_DO_REBOOT);
}

static void
test_destroy_wants_the_name(void **state)
{
	struct menu_intent intent;

	(void)state;
	open_one(80, 24);
	pty_press("D");
	pty_expect("pulls the plug");
	assert_int_equal(pty_press("wen\r").what, MENU_DO_NOTHING);
	pty_press("\177");
	intent = pty_press("b\r");
	assert_int_equal(intent.what, MENU_DO_DESTROY);
	assert_int_equal(intent.boot, 7);
}

static void
test_C09_typed_ahead_keys_confirm_nothing(void **state)
{
	(void)state;
	open_one(80, 24);
	(void)menu_draw(pty.menu, clock_ms());
	pty_type("dy\r", 3);
	assert_int_equal(pty_intent().what, MENU_DO_NOTHING);
	pty_expect("Shut down web?");
}

static void
test_C09_a_paste_is_no_key(void **state)
{
	static const char *const pastes[] = {
		"\033[200~s\rd\ry\rD\rweb\r\033[201~",
		"s\rd\ry\rD\rweb\rsdDrcy12345\r",
	};
	size_t i;

	(void)state;
	open_two(80, 24);
	pty_press("j\r");
	for (i = 0; i < sizeof(pastes) / sizeof(pastes[0]); i++) {
		pty_type(pastes[i], strlen(pastes[i]));
		assert_int_equal(pty_intent().what, MENU_DO_NOTHING);
		pty_expect("1  c  Console");
	}
}

static void
test_C07_keys_of_the_job_control_do_nothing(void **state)
{
	(void)state;
	open_two(80, 24);
	assert_int_equal(pty_press("\032\034\023\021").what, MENU_DO_NOTHING);
	pty_expect("Your guests");
	pty_press("\032");
	pty_expect("There is no shell behind this menu.");
	assert_int_equal(pty_press("\004").what, MENU_DO_QUIT);
}

static void
test_what_is_denied_says_why(void **state)
{
	(void)state;
	pty_open("xterm-256color", 80, 24);
	pty_guest("web", WIRE_STATE_RUNNING, ONLY(VIEW) | ONLY(START));
	menu_listed(pty.menu);
	pty_expect("1  c  Console   its screen; you may only watch");
	pty_expect("2  s  Start     it is on already");
	pty_expect("4  D  Destroy   not allowed for you");
	assert_int_equal(pty_press("4\r").what, MENU_DO_NOTHING);
	pty_expect("Destroy of web: not allowed for you. Nothing was done.");
	assert_int_equal(pty_press("s").what, MENU_DO_NOTHING);
	pty_expect("Start of web: it is on already. Nothing was done.");
}

static void
test_it_says_what_is_wrong_before_a_key_is_hit(void **state)
{
	static const char panic[] =
	    "VFS: Unable to mount root fs\n"
	    "Kernel panic - not syncing: VFS: Unable to mount root fs on "
	    "unknown-block(0,0)\n";

	(void)state;
	open_one(40, 12);
	menu_console(pty.menu, "web", panic, sizeof(panic) - 1, true);
	pty_expect("Your system found no root disk");
	pty_expect("6  q  Exit");
	pty_expect("| Kernel panic");
}

static void
test_the_small_screen_has_all_that_matters(void **state)
{
	static const char lines[] = "first\nweb login: ";

	(void)state;
	open_one(40, 12);
	menu_console(pty.menu, "web", lines, sizeof(lines) - 1, true);
	pty_press("123456");
	pty_expect("1  c  Console");
	pty_expect("> 6  q  Exit");
	pty_expect("| web login:");
	pty_expect("running");
	pty_expect("? help");
	pty_expect("q log out");
	/* With much to say the chosen line is still there. */
	menu_say(pty.menu, "web did not start: the host is short of 512 MB. "
			   "Your guest and disk are untouched. Ref K7F3, "
			   "help@example.net.");
	pty_expect("> 6  q  Exit");
	pty_expect("web did not start");
}

static void
test_the_way_back_to_a_console_is_the_first_line(void **state)
{
	struct wire_prefs prefs = { .back = "db", .back_ms = 1000 };
	struct menu_intent intent;

	(void)state;
	open_two(80, 24);
	menu_prefs(pty.menu, &prefs);
	pty_expect("> Enter: back to the console of db");
	pty_press("j");
	pty_expect("> web");
	pty_press("k");
	intent = pty_press("\r");
	assert_int_equal(intent.what, MENU_DO_CONSOLE);
	assert_string_equal(intent.guest, "db");
	pty_expect_not("back to the console");
	prefs.back_ms = 10 * 60 * 1000;
	menu_prefs(pty.menu, &prefs);
	pty_expect_not("back to the console");
}

/* --- what is so ---------------------------------------------------------- */

static void
test_a_guest_that_leaves_takes_its_screens_along(void **state)
{
	(void)state;
	open_two(80, 24);
	pty_press("\rd");
	pty_expect("Shut down web?");
	menu_left(pty.menu, "web");
	pty_expect("Your guests");
	pty_expect("web is no longer among your guests.");
	pty_expect("> db");
}

static void
test_what_was_not_said_again_after_an_absence_is_gone(void **state)
{
	(void)state;
	open_two(80, 24);
	menu_away(pty.menu, "The service is away.");
	pty_expect("The service is away.");
	assert_int_equal(pty_press("c").what, MENU_DO_NOTHING);
	menu_away(pty.menu, NULL);
	pty_guest("db", WIRE_STATE_OFF, PTY_ALL_RIGHTS);
	menu_listed(pty.menu);
	pty_expect("> db");
	pty_expect_not("running");
}

static void
test_answers_to_a_screen_that_was_closed_go_nowhere(void **state)
{
	const struct wire_act act = { .verb = "start", .guest = "web",
		.who = "alice", .took_ms = 10 };

	(void)state;
	open_two(80, 24);
	assert_int_equal(pty_press("a").what, MENU_DO_ACTIVITY);
	pty_press("q");
	assert_int_equal(pty_press("a").what, MENU_DO_ACTIVITY);
	pty_press("q");
	menu_activity(pty.menu, &act);
	menu_loaded(pty.menu, MENU_DO_ACTIVITY, true);
	pty_expect_not("start");
	assert_int_equal(pty_press("a").what, MENU_DO_ACTIVITY);
	/* Of what is loaded at the same time. */
	menu_log(pty.menu, -1, "nobody's line");
	menu_loaded(pty.menu, MENU_DO_LOG, true);
	pty_expect("Loading");
	menu_activity(pty.menu, &act);
	menu_loaded(pty.menu, MENU_DO_ACTIVITY, true);
	pty_expect("start");
}

static void
test_it_wants_what_it_shows_and_nothing_asleep(void **state)
{
	const int64_t now = clock_ms();
	struct menu_wants wants;
	int64_t next;

	(void)state;
	open_two(80, 24);
	wants = menu_wants(pty.menu, now);
	assert_true(wants.counters);
	assert_string_equal(wants.console, "");
	pty_press("\r");
	wants = menu_wants(pty.menu, now);
	assert_true(wants.counters);
	assert_string_equal(wants.console, "web");
	next = menu_draw(pty.menu, now);
	assert_true(next > now && next <= now + 60000);
	/* Asleep: nothing is asked, and no clock runs. */
	wants = menu_wants(pty.menu, now + MENU_ASLEEP_MS + PTY_MS);
	assert_false(wants.counters);
	assert_string_equal(wants.console, "");
	assert_int_equal(menu_draw(pty.menu, now + MENU_ASLEEP_MS + PTY_MS),
	    -1);
	assert_true(pty_find("No key for 5 minutes") != -1);
	pty_press("l");
	wants = menu_wants(pty.menu, clock_ms());
	assert_false(wants.counters);
}

static void
test_a_window_that_is_too_small_says_what_to_do(void **state)
{
	(void)state;
	open_one(80, 24);
	pty_press("d");
	pty_expect("Shut down web?");
	pty_size(39, 11);
	menu_resized(pty.menu);
	pty_expect("l goes on in line mode");
	/* What was open is out of sight, and so are its keys. */
	assert_int_equal(pty_press("y").what, MENU_DO_NOTHING);
	assert_int_equal(pty_press("l").what, MENU_DO_LINE);
	pty_size(80, 24);
	menu_resized(pty.menu);
	pty_expect("Shut down web?");
}

#define TEST(name) cmocka_unit_test_teardown(test_##name, pty_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_written_before_the_first_painting),
		TEST(the_terminal_is_as_it_was_around_a_console),
		TEST(C02_only_the_systems_terminfo_is_looked_at),
		TEST(C01_a_terminal_that_cannot_show_it_is_refused),
		TEST(terminals_of_every_kind),
		TEST(C07_the_line_may_be_gone),
		TEST(C07_a_terminal_that_takes_nothing_holds_nobody_up),
		TEST(any_size_and_back),
		TEST(a_window_that_is_too_small_says_what_to_do),
		TEST(NO_COLOR_and_ASCII),
		TEST(C11_text_of_others_is_shown_escaped),
		TEST(the_list_shows_what_has_room),
		TEST(a_thousand_guests_scroll),
		TEST(who_has_no_guest_is_told),
		TEST(one_guest_is_the_first_screen),
		TEST(a_digit_moves_and_enter_acts),
		TEST(the_digits_are_those_of_xencontrol),
		TEST(start_acts_once_and_shows_its_job),
		TEST(a_console_is_asked_for_once),
		TEST(what_takes_something_away_asks_first),
		TEST(destroy_wants_the_name),
		TEST(C09_typed_ahead_keys_confirm_nothing),
		TEST(C09_a_paste_is_no_key),
		TEST(C07_keys_of_the_job_control_do_nothing),
		TEST(what_is_denied_says_why),
		TEST(it_says_what_is_wrong_before_a_key_is_hit),
		TEST(the_small_screen_has_all_that_matters),
		TEST(the_way_back_to_a_console_is_the_first_line),
		TEST(a_guest_that_leaves_takes_its_screens_along),
		TEST(what_was_not_said_again_after_an_absence_is_gone),
		TEST(answers_to_a_screen_that_was_closed_go_nowhere),
		TEST(it_wants_what_it_shows_and_nothing_asleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
