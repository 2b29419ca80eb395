/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_MENU_PTY_H
#define TESTS_UNIT_MENU_PTY_H

#define NCURSES_WIDECHAR 1
#include <curses.h>

#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"
#include "menu/menu.h"
#include "wire/right.h"

/*
 * A menu of any terminal on a real pty, and every byte that it wrote there.
 * What is on the screen is asked of curses.
 */
#define PTY_MS	 10000
#define PTY_ROW	 2048
#define PTY_SENT (1 << 20)

static struct {
	struct menu	*menu;
	int		 master;
	int		 slave;
	pthread_t	 reader;
	pthread_mutex_t	 lock;
	char		 sent[PTY_SENT];
	size_t		 nsent;
} pty = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void *
pty_read(void *arg)
{
	char bytes[4096];
	ssize_t n;

	(void)arg;
	while ((n = read(pty.master, bytes, sizeof(bytes))) > 0) {
		pthread_mutex_lock(&pty.lock);
		if ((size_t)n < sizeof(pty.sent) - pty.nsent) {
			memcpy(pty.sent + pty.nsent, bytes, (size_t)n);
			pty.nsent += (size_t)n;
		}
		pthread_mutex_unlock(&pty.lock);
	}
	return NULL;
}

static inline void
pty_size(int columns, int lines)
{
	const struct winsize size = { .ws_row = (unsigned short)lines,
		.ws_col = (unsigned short)columns };

	assert_int_equal(ioctl(pty.slave, TIOCSWINSZ, &size), 0);
}

static inline void
pty_terminal(int columns, int lines)
{
	pty.nsent = 0;
	pty.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(pty.master != -1);
	assert_int_equal(grantpt(pty.master), 0);
	assert_int_equal(unlockpt(pty.master), 0);
	pty.slave = open(ptsname(pty.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(pty.slave != -1);
	pty_size(columns, lines);
	assert_int_equal(pthread_create(&pty.reader, NULL, pty_read, NULL), 0);
}

static inline struct menu *
pty_menu(const char *term, bool utf8, bool colour)
{
	const struct menu_options options = { .term = term, .in = pty.slave,
		.out = pty.slave, .utf8 = utf8, .colour = colour };

	assert_non_null(setlocale(LC_CTYPE, utf8 ? "C.UTF-8" : "C"));
	pty.menu = menu_open(&options);
	return pty.menu;
}

static inline void
pty_open(const char *term, int columns, int lines)
{
	pty_terminal(columns, lines);
	assert_non_null(pty_menu(term, true, true));
}

/* Afterwards all that was written is in sent. */
static inline int
pty_close(void **state)
{
	(void)state;
	menu_close(pty.menu);
	pty.menu = NULL;
	if (pty.slave > 0)
		close(pty.slave);
	if (pty.master > 0) {
		pthread_join(pty.reader, NULL);
		close(pty.master);
	}
	pty.slave = pty.master = 0;
	return 0;
}

/* Was that written, or is it before the deadline? */
static inline bool
pty_sent(const char *text)
{
	const int64_t until = clock_ms() + PTY_MS;
	bool found = false;

	while (!found && clock_ms() < until) {
		pthread_mutex_lock(&pty.lock);
		found = memmem(pty.sent, pty.nsent, text, strlen(text)) != NULL;
		pthread_mutex_unlock(&pty.lock);
		if (!found)
			(void)poll(NULL, 0, 1);
	}
	return found;
}

/* A row of the screen without the blanks at its end. */
static inline const char *
pty_row(int row)
{
	static char text[PTY_ROW];
	int n = mvwinnstr(curscr, row, 0, text, sizeof(text) - 1);

	while (n > 0 && text[n - 1] == ' ')
		n--;
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static inline int
pty_find(const char *text)
{
	int row;

	for (row = 0; row < getmaxy(stdscr); row++)
		if (strstr(pty_row(row), text) != NULL)
			return row;
	return -1;
}

static inline void
pty_expect(const char *text)
{
	int row;

	(void)menu_draw(pty.menu, clock_ms());
	if (pty_find(text) != -1)
		return;
	for (row = 0; row < getmaxy(stdscr); row++)
		print_error("|%s\n", pty_row(row));
	fail_msg("\"%s\" is not on the screen", text);
}

static inline void
pty_expect_not(const char *text)
{
	(void)menu_draw(pty.menu, clock_ms());
	assert_int_equal(pty_find(text), -1);
}

/* These bytes in one go; they are there when the terminal says so. */
static inline void
pty_type(const char *bytes, size_t len)
{
	const int64_t until = clock_ms() + PTY_MS;
	struct pollfd pfd = { .fd = pty.slave, .events = POLLIN };
	int have = 0;

	assert_int_equal(write(pty.master, bytes, len), len);
	while (have < (int)len) {
		assert_true(clock_ms() < until);
		(void)poll(&pfd, 1, 100);
		assert_int_equal(ioctl(pty.slave, FIONREAD, &have), 0);
	}
}

/* The next intent, or MENU_DO_NOTHING. */
static inline struct menu_intent
pty_intent(void)
{
	struct menu_intent intent = { .what = MENU_DO_NOTHING };

	(void)menu_input(pty.menu, clock_ms(), &intent);
	return intent;
}

/* These keys one after the other, as a person hits them; the last intent. */
static inline struct menu_intent
pty_press(const char *keys)
{
	struct menu_intent intent = { .what = MENU_DO_NOTHING }, next;

	for (; *keys != '\0'; keys++) {
		(void)menu_draw(pty.menu, clock_ms());
		pty_type(keys, 1);
		while ((next = pty_intent()).what != MENU_DO_NOTHING)
			intent = next;
	}
	(void)menu_draw(pty.menu, clock_ms());
	return intent;
}

#define PTY_ALL_RIGHTS UINT32_C(0xffff)

static inline struct wire_guest
pty_guest_of(const char *name, enum wire_state state, uint32_t rights)
{
	struct wire_guest guest;

	memset(&guest, 0, sizeof(guest));
	text_copy(guest.name, sizeof(guest.name), name);
	guest.state = state;
	guest.boot = 7;
	guest.uptime_ms = state == WIRE_STATE_OFF ? -1 : 3 * 3600 * 1000;
	guest.memory_kib = 2 * 1024 * 1024;
	guest.vcpus = 2;
	guest.cpu_permille = -1;
	guest.counters.at_ms = -1;
	guest.rights = rights;
	return guest;
}

static inline void
pty_guest(const char *name, enum wire_state state, uint32_t rights)
{
	const struct wire_guest guest = pty_guest_of(name, state, rights);

	menu_guest(pty.menu, &guest, clock_ms());
}

#endif
