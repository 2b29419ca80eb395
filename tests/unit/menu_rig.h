/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_MENU_RIG_H
#define TESTS_UNIT_MENU_RIG_H

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "menu/inside.h"

/*
 * The menu on a real pty.  What is on its screen is what curses was told;
 * keys go in at the other end.
 */
#define RIG_INTENTS 16
#define RIG_WAIT_MS 5000
#define RIG_PAUSE_MS 400	/* between two keys of a person */

static int rig_master = -1;
static int rig_slave = -1;
static pthread_t rig_reader;
static struct menu *rig_menu;
static int64_t rig_now;
static int64_t rig_next;	/* of the last menu_draw() */
static struct menu_intent rig_intents[RIG_INTENTS];
static size_t rig_nintents;

static inline void
rig_guest(const char *name, uint32_t state, uint64_t boot)
{
	struct wire_guest guest = { .state = state, .boot = boot,
		.uptime_ms = -1, .cpu_permille = -1, .vcpus = 1,
		.memory_kib = 1024 * 1024, .rights = UINT32_MAX };

	(void)text_copy(guest.name, sizeof(guest.name), name);
	if (state == WIRE_STATE_RUNNING)
		guest.uptime_ms = 2 * 3600 * 1000;
	menu_guest(rig_menu, &guest, rig_now);
}

/* What was painted is not looked at; it must not fill the pty. */
static inline void *
rig_drain(void *arg)
{
	struct pollfd pfd = { .fd = rig_master, .events = POLLIN };
	char bytes[4096];

	(void)arg;
	for (;;) {
		(void)poll(&pfd, 1, -1);
		if (read(rig_master, bytes, sizeof(bytes)) > 0)
			continue;
		/* EIO: nobody has the other end any more. */
		if (errno != EAGAIN && errno != EINTR)
			return NULL;
	}
}

static inline void
rig_draw(void)
{
	rig_next = menu_draw(rig_menu, rig_now);
}

static inline void
rig_size(int columns, int lines)
{
	const struct winsize size = { .ws_row = (unsigned short)lines,
		.ws_col = (unsigned short)columns };

	assert_int_equal(ioctl(rig_slave, TIOCSWINSZ, &size), 0);
	if (rig_menu != NULL) {
		menu_resized(rig_menu);
		rig_draw();
	}
}

/* With one running guest, "web", whose screen is shown. */
static inline void
rig_open(int columns, int lines)
{
	struct menu_options options = { .term = "xterm", .utf8 = true };
	char path[64];

	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	rig_master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_true(rig_master != -1 && grantpt(rig_master) == 0 &&
	    unlockpt(rig_master) == 0);
	assert_int_equal(ptsname_r(rig_master, path, sizeof(path)), 0);
	rig_slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(rig_slave != -1);
	assert_int_equal(pthread_create(&rig_reader, NULL, rig_drain, NULL),
	    0);
	rig_size(columns, lines);
	rig_now = clock_ms();
	rig_nintents = 0;
	options.in = options.out = rig_slave;
	rig_menu = menu_open(&options);
	assert_non_null(rig_menu);
	rig_guest("web", WIRE_STATE_RUNNING, 7);
	menu_listed(rig_menu);
	rig_draw();
}

static inline int
rig_close(void **state)
{
	(void)state;
	if (rig_menu != NULL)
		menu_close(rig_menu);
	rig_menu = NULL;
	close(rig_slave);
	assert_int_equal(pthread_join(rig_reader, NULL), 0);
	close(rig_master);
	return 0;
}

/* The time passes, and what it changes is seen. */
static inline void
rig_pass(int64_t ms)
{
	struct menu_intent intent;

	rig_now += ms;
	while (menu_input(rig_menu, rig_now, &intent)) {
		assert_true(rig_nintents < RIG_INTENTS);
		rig_intents[rig_nintents++] = intent;
	}
	rig_draw();
}

/* These bytes in one go; it is waited until the terminal has them. */
static inline void
rig_bytes(const char *bytes)
{
	int64_t until = clock_ms() + RIG_WAIT_MS;
	struct pollfd pfd = { .fd = rig_slave, .events = POLLIN };
	int have = 0, len = (int)strlen(bytes);

	assert_int_equal(write(rig_master, bytes, (size_t)len), len);
	while (have < len) {
		assert_true(clock_ms() < until);
		(void)poll(&pfd, 1, 100);
		assert_int_equal(ioctl(rig_slave, FIONREAD, &have), 0);
	}
	rig_pass(0);
}

/* One key, by a person. */
static inline void
rig_key(const char *key)
{
	rig_pass(RIG_PAUSE_MS);
	rig_bytes(key);
	/* An Esc alone is one by the time that nothing follows. */
	rig_pass(KEYS_ESC_MS + 1);
}

static inline void
rig_type(const char *text)
{
	char key[2] = "";

	for (; *text != '\0'; text++) {
		key[0] = *text;
		rig_key(key);
	}
}

#define RIG_PASTE(text) "\033[200~" text "\033[201~"
#define RIG_ENTER	"\r"
#define RIG_ESC		"\033"
#define RIG_UP		"\033[A"
#define RIG_DOWN	"\033[B"
#define RIG_LEFT	"\033[D"
#define RIG_HOME	"\033[H"
#define RIG_END		"\033[F"
#define RIG_PAGE_UP	"\033[5~"
#define RIG_PAGE_DOWN	"\033[6~"

/* A row of the screen, without the blanks at its end. */
static inline const char *
rig_row(int row)
{
	static char text[4096];
	wchar_t cells[512];
	size_t n;

	assert_true(mvinnwstr(row, 0, cells, 511) != ERR);
	n = wcstombs(text, cells, sizeof(text) - 1);
	assert_true(n != (size_t)-1);
	text[n] = '\0';
	while (n > 0 && text[n - 1] == ' ')
		text[--n] = '\0';
	return text;
}

/* The first row with that in it, or -1. */
static inline int
rig_find(const char *text)
{
	int row;

	for (row = 0; row < LINES; row++)
		if (strstr(rig_row(row), text) != NULL)
			return row;
	return -1;
}

static inline void
rig_screen(void)
{
	int row;

	for (row = 0; row < LINES; row++)
		print_message("|%s\n", rig_row(row));
}

#define rig_shows(text)                                             \
	do {                                                        \
		if (rig_find(text) == -1) {                         \
			rig_screen();                               \
			fail_msg("not on the screen: %s", text);    \
		}                                                   \
	} while (0)

#define rig_hides(text)                                             \
	do {                                                        \
		if (rig_find(text) != -1) {                         \
			rig_screen();                               \
			fail_msg("on the screen: %s", text);        \
		}                                                   \
	} while (0)

/* The intents since the last time: this one and no other. */
static inline const struct menu_intent *
rig_wanted(enum menu_do what)
{
	assert_int_equal(rig_nintents, 1);
	rig_nintents = 0;
	assert_int_equal(rig_intents[0].what, what);
	return &rig_intents[0];
}

static inline void
rig_wanted_nothing(void)
{
	assert_int_equal(rig_nintents, 0);
}

static inline void
rig_console(const char *text, bool fresh)
{
	menu_console(rig_menu, "web", text, strlen(text), fresh);
	rig_draw();
}

static inline enum menu_place
rig_place(void)
{
	return menu_top(rig_menu)->place;
}

#endif
