/* SPDX-License-Identifier: ISC */
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

/* Capabilities in term.h, and names of ours. */
#undef columns
#undef lines

#include "base/clock.h"
#include "base/text.h"
#include "menu/screen.h"

/* Larger windows are used in part: what is painted costs memory. */
#define LINES_MOST   200
#define COLUMNS_MOST 500

/* How long a terminal that takes nothing may hold up what restores it. */
#define STUCK_MS 1000

#define PASTE_ON  "\033[?2004h"
#define PASTE_OFF "\033[?2004l"
#define MOUSE_ON  "\033[?1000h\033[?1006h"
#define MOUSE_OFF "\033[?1006l\033[?1000l"

struct screen {
	int		 in;
	int		 out;
	FILE		*files[2];	/* curses wants them; duplicates */
	SCREEN		*curses;
	struct termios	 modes;		/* before we came */
	bool		 has_modes;
	bool		 shown;		/* the terminal is ours now */
	bool		 colour;
	bool		 signs;
	bool		 edge;		/* leave the last column alone */
	bool		 apart;		/* has a screen beside its own */
	bool		 paste;		/* knows these modes */
	bool		 mouse;
	bool		 cursor;
	int		 cursor_row;
	int		 cursor_column;
};

/*
 * Whatever could make curses look elsewhere or behave otherwise.  HOME: for
 * its .terminfo.
 */
static const char *const unwanted[] = { "TERMINFO", "TERMINFO_DIRS", "TERMCAP",
	"TERMPATH", "HOME", "LINES", "COLUMNS", "ESCDELAY", "TABSIZE",
	"CC", "BAUDRATE", "NCURSES_ASSUMED_COLORS", "NCURSES_CONSOLE2",
	"NCURSES_NO_HARD_TABS", "NCURSES_NO_MAGIC_COOKIE",
	"NCURSES_NO_PADDING", "NCURSES_NO_SETBUF", "NCURSES_NO_UTF8_ACS",
	"NCURSES_TRACE" };

/* Signals that newterm(3) would take where nobody has. */
static const int curses_signals[] = { SIGINT, SIGTERM, SIGTSTP, SIGWINCH };

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void
scrub(void)
{
	size_t i;

	for (i = 0; i < N(unwanted); i++)
		(void)unsetenv(unwanted[i]);
	(void)setenv("NCURSES_GPM_TERMS", "", 1);
}

/* 0 where the terminal does not say. */
static void
window_size(int fd, int *lines, int *columns)
{
	struct winsize size;

	*lines = *columns = 0;
	if (ioctl(fd, TIOCGWINSZ, &size) == -1)
		return;
	*lines = size.ws_row < LINES_MOST ? size.ws_row : LINES_MOST;
	*columns = size.ws_col < COLUMNS_MOST ? size.ws_col : COLUMNS_MOST;
}

/*
 * Tell curses so before it asks by itself.  For a window that is smaller than
 * any menu it would keep so little back that what begins its first painting
 * came out at once.
 */
static void
size_in_environment(int fd)
{
	char text[16];
	int lines, columns;

	window_size(fd, &lines, &columns);
	if (lines <= 0 || columns <= 0)
		return;
	if (lines < MENU_LINES)
		lines = MENU_LINES;
	if (columns < MENU_COLUMNS)
		columns = MENU_COLUMNS;
	text_format(text, sizeof(text), "%d", lines);
	(void)setenv("LINES", text, 1);
	text_format(text, sizeof(text), "%d", columns);
	(void)setenv("COLUMNS", text, 1);
}

static FILE *
file_of(int fd, const char *mode)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	FILE *file = copy != -1 ? fdopen(copy, mode) : NULL;

	if (file == NULL && copy != -1)
		close(copy);
	return file;
}

/* newterm(3) that leaves signals alone. */
static SCREEN *
curses_open(struct screen *screen, const char *term)
{
	struct sigaction actions[N(curses_signals)];
	SCREEN *curses;
	size_t i;

	for (i = 0; i < N(curses_signals); i++)
		(void)sigaction(curses_signals[i], NULL, &actions[i]);
	size_in_environment(screen->out);
	curses = newterm(term, screen->files[1], screen->files[0]);
	(void)unsetenv("LINES");
	(void)unsetenv("COLUMNS");
	for (i = 0; i < N(curses_signals); i++)
		(void)sigaction(curses_signals[i], &actions[i], NULL);
	return curses;
}

static bool
has(const char *capability)
{
	const char *value = tigetstr(capability);

	return value != NULL && value != (const char *)-1;
}

/*
 * Is it known, and can its cursor be moved?  Asked beforehand: newterm(3)
 * keeps the memory of what it does not take.
 */
static bool
can_draw(const struct screen *screen, const char *term)
{
	bool can = false;
	int err;

	if (setupterm(term, screen->out, &err) == OK)
		can = has("cup") && has("clear") && tigetflag("gn") <= 0 &&
		    tigetflag("hc") <= 0;
	if (cur_term != NULL)
		del_curterm(cur_term);
	return can;
}

static void
colours_begin(struct screen *screen)
{
	if (!screen->colour || !has_colors() || start_color() == ERR ||
	    use_default_colors() == ERR) {
		screen->colour = false;
		return;
	}
	/* No red beside green: these differ for everybody. */
	init_pair(FRAME_GOOD, COLOR_CYAN, -1);
	init_pair(FRAME_BUSY, COLOR_MAGENTA, -1);
	init_pair(FRAME_BAD, COLOR_RED, -1);
}

/*
 * curses sends its first painting in as many pieces as there are cursor
 * movements, and every later one in one.  So the first one is a later one:
 * what ends the painting that never was goes into a pipe.
 */
static int
pretend_end(struct screen *screen)
{
	int sink[2], fd = fileno(screen->files[1]), r = -1;

	if (pipe2(sink, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	if (dup3(sink[1], fd, O_CLOEXEC) != -1) {
		endwin();
		r = dup3(screen->out, fd, O_CLOEXEC) != -1 ? 0 : -1;
	}
	close(sink[0]);
	close(sink[1]);
	return r;
}

static void
modes_begin(struct screen *screen, const char *term)
{
	const char *cup = tigetstr("cup");

	raw();
	noecho();
	nonl();
	typeahead(-1);
	leaveok(stdscr, FALSE);
	def_prog_mode();
	/* Those that speak ANSI skip the modes that they do not know. */
	screen->paste = strncmp(cup, "\033[", 2) == 0;
	screen->mouse = screen->paste && has("kmous");
	/* Who says so little of its last column often does it otherwise. */
	screen->edge = tigetflag("xenl") <= 0;
	screen->apart = has("smcup");
	screen->signs = MB_CUR_MAX > 1 && strncmp(term, "linux", 5) != 0;
	/* The palette may be theirs: what would reset it is made empty. */
	if (has("oc"))
		*tigetstr("oc") = '\0';
	colours_begin(screen);
}

static void
screen_free(struct screen *screen)
{
	size_t i;

	if (screen->curses != NULL)
		delscreen(screen->curses);
	for (i = 0; i < N(screen->files); i++)
		if (screen->files[i] != NULL)
			fclose(screen->files[i]);
	free(screen);
}

struct screen *
screen_open(const struct menu_options *options)
{
	struct screen *screen = calloc(1, sizeof(*screen));
	int r = -1;

	if (screen == NULL)
		return NULL;
	screen->in = options->in;
	screen->out = options->out;
	screen->colour = options->colour;
	screen->has_modes = tcgetattr(options->in, &screen->modes) == 0;
	scrub();
	screen->files[0] = file_of(options->in, "r");
	screen->files[1] = file_of(options->out, "w");
	if (screen->files[0] == NULL || screen->files[1] == NULL)
		goto out;
	if (!can_draw(screen, options->term))
		goto out;
	screen->curses = curses_open(screen, options->term);
	if (screen->curses == NULL)
		goto out;
	modes_begin(screen, options->term);
	r = pretend_end(screen);
	screen_resized(screen);
out:
	/* curses has set its own by now, and nothing is shown yet. */
	if (screen->has_modes)
		(void)tcsetattr(screen->in, TCSANOW, &screen->modes);
	if (r == 0)
		return screen;
	screen_free(screen);
	return NULL;
}

/* Past curses; a line that is gone or stuck is no reason to stay. */
static void
send_text(struct screen *screen, const char *text)
{
	const int64_t until = clock_ms() + STUCK_MS;
	struct pollfd pfd = { .fd = screen->out, .events = POLLOUT };
	int64_t left;
	ssize_t n;

	while (*text != '\0') {
		left = until - clock_ms();
		if (left <= 0 ||
		    (poll(&pfd, 1, (int)left) == -1 && errno != EINTR))
			return;
		n = write(screen->out, text, strlen(text));
		if (n > 0)
			text += n;
		else if (n == -1 && errno != EAGAIN && errno != EINTR)
			return;
	}
}

static bool
takes_output(const struct screen *screen, int ms)
{
	struct pollfd pfd = { .fd = screen->out, .events = POLLOUT };

	return poll(&pfd, 1, ms) != 0;
}

void
screen_suspend(struct screen *screen)
{
	if (!screen->shown)
		return;
	screen->shown = false;
	/* curses would wait for ever: what is stuck is given up. */
	if (!takes_output(screen, STUCK_MS))
		(void)tcflush(screen->out, TCOFLUSH);
	if (!screen->apart) {
		/* Nothing brings back what was there; leave no debris. */
		werase(stdscr);
		(void)wrefresh(stdscr);
	}
	if (screen->mouse)
		send_text(screen, MOUSE_OFF);
	if (screen->paste)
		send_text(screen, PASTE_OFF);
	curs_set(1);
	endwin();
	if (screen->has_modes)
		(void)tcsetattr(screen->in, TCSANOW, &screen->modes);
}

void
screen_resume(struct screen *screen)
{
	screen_resized(screen);
	screen_spoiled(screen);
}

void
screen_close(struct screen *screen)
{
	if (screen == NULL)
		return;
	screen_suspend(screen);
	screen_free(screen);
}

void
screen_resized(struct screen *screen)
{
	int lines, columns;

	window_size(screen->out, &lines, &columns);
	if (lines <= 0 || columns <= 0 ||
	    (lines == getmaxy(stdscr) && columns == getmaxx(stdscr)))
		return;
	(void)resize_term(lines, columns);
	screen_spoiled(screen);
}

int
screen_lines(const struct screen *screen)
{
	(void)screen;
	return getmaxy(stdscr);
}

int
screen_columns(const struct screen *screen)
{
	(void)screen;
	return getmaxx(stdscr);
}

int
screen_edge(const struct screen *screen)
{
	return getmaxx(stdscr) - (screen->edge ? 1 : 0);
}

bool
screen_has_signs(const struct screen *screen)
{
	return screen->signs;
}

void
screen_erase(struct screen *screen)
{
	screen->cursor = false;
	werase(stdscr);
}

static attr_t
attributes(const struct screen *screen, enum frame_look look)
{
	const attr_t paint = screen->colour ? COLOR_PAIR(look) : 0;

	switch (look) {
	case FRAME_PLAIN:
	case FRAME_LOOKS:
		break;
	case FRAME_BOLD:
	case FRAME_KEY:
		return A_BOLD;
	case FRAME_DIM:
		return A_DIM;
	case FRAME_TITLE:
	case FRAME_CHOSEN:
		return A_REVERSE;
	case FRAME_GOOD:
	case FRAME_BUSY:
		return paint;
	case FRAME_BAD:
		return paint | A_BOLD;
	}
	return A_NORMAL;
}

void
screen_text(struct screen *screen, int row, int column, enum frame_look look,
    const char *text, size_t len)
{
	wattrset(stdscr, (int)attributes(screen, look));
	(void)mvwaddnstr(stdscr, row, column, text, (int)len);
	wattrset(stdscr, A_NORMAL);
}

void
screen_fill(struct screen *screen, int row, enum frame_look look)
{
	wattrset(stdscr, (int)attributes(screen, look));
	(void)mvwhline(stdscr, row, 0, ' ' | attributes(screen, look),
	    screen_edge(screen));
	wattrset(stdscr, A_NORMAL);
}

void
screen_cursor(struct screen *screen, int row, int column)
{
	screen->cursor = true;
	screen->cursor_row = row;
	screen->cursor_column = column;
}

void
screen_spoiled(struct screen *screen)
{
	(void)screen;
	clearok(curscr, TRUE);
	touchwin(stdscr);
}

bool
screen_show(struct screen *screen)
{
	const bool begin = !screen->shown;

	if (!takes_output(screen, 0))
		return false;
	if (begin) {
		reset_prog_mode();
		screen->shown = true;
	}
	(void)wmove(stdscr, screen->cursor ? screen->cursor_row :
					     getmaxy(stdscr) - 1,
	    screen->cursor ? screen->cursor_column : 0);
	curs_set(screen->cursor ? 1 : 0);
	(void)wnoutrefresh(stdscr);
	(void)doupdate();
	if (begin && screen->paste)
		send_text(screen, PASTE_ON);
	if (begin && screen->mouse)
		send_text(screen, MOUSE_ON);
	return true;
}
