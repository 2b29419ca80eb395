/* SPDX-License-Identifier: ISC */
#ifndef UNIT_SHELL_SEAT_H
#define UNIT_SHELL_SEAT_H

#include <sys/ioctl.h>

#include "tests/unit/console_rig.h"

/*
 * A customer's seat: a real terminal with a process of its own behind it.
 * The test is the person (and the terminal's screen) at the master side.
 */
struct seat {
	pid_t		 pid;
	int		 master;
	int		 slave;		/* kept open: shows modes and flags */
	struct termios	 modes;		/* before anybody changed them */
	int		 flags;
	char		*screen;	/* all that was written to it */
	size_t		 len;
	size_t		 size;
};

/* Modes as a login leaves them, and one oddity that has to survive. */
static inline void
seat_open(struct seat *seat)
{
	memset(seat, 0, sizeof(*seat));
	assert_int_equal(openpty(&seat->master, &seat->slave, NULL, NULL,
	    NULL), 0);
	assert_int_equal(tcgetattr(seat->slave, &seat->modes), 0);
	seat->modes.c_iflag |= IXANY;
	seat->modes.c_cc[VERASE] = 0x08;
	assert_int_equal(tcsetattr(seat->slave, TCSANOW, &seat->modes), 0);
	assert_int_equal(tcgetattr(seat->slave, &seat->modes), 0);
	seat->flags = fcntl(seat->slave, F_GETFL);
	assert_int_equal(fd_set_nonblock(seat->master), 0);
}

/* Run body in a process whose terminal this is; its result is the status. */
static inline void
seat_run(struct seat *seat, int (*body)(void *), void *arg)
{
	int status;

	seat->pid = fork();
	assert_int_not_equal(seat->pid, -1);
	if (seat->pid != 0)
		return;
	fd_close(&seat->master);
	if (setsid() == -1 || ioctl(seat->slave, TIOCSCTTY, 0) == -1 ||
	    dup2(seat->slave, 0) == -1 || dup2(seat->slave, 1) == -1 ||
	    dup2(seat->slave, 2) == -1)
		_exit(126);
	fd_close(&seat->slave);
	status = body(arg);
	exit(status);
}

/* Take what is on the way to the screen.  False when there is no more. */
static inline bool
seat_look(struct seat *seat)
{
	ssize_t n;

	rig_wait(seat->master, POLLIN);
	if (seat->len + 65536 > seat->size) {
		seat->size = 2 * (seat->len + 65536);
		seat->screen = realloc(seat->screen, seat->size);
		assert_non_null(seat->screen);
	}
	n = read(seat->master, seat->screen + seat->len, 65536);
	if (n > 0)
		seat->len += (size_t)n;
	return n > 0;
}

static inline void
seat_see(struct seat *seat, const char *text)
{
	while (seat->len == 0 ||
	    memmem(seat->screen, seat->len, text, strlen(text)) == NULL)
		assert_true(seat_look(seat));
}

static inline void
seat_forget(struct seat *seat)
{
	seat->len = 0;
}

static inline void
seat_type(struct seat *seat, const char *keys)
{
	assert_int_equal(write(seat->master, keys, strlen(keys)),
	    strlen(keys));
}

static inline int
seat_wait(struct seat *seat)
{
	int status;

	assert_int_equal(waitpid(seat->pid, &status, 0), seat->pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Everything is as it was before. */
static inline void
seat_assert_restored(struct seat *seat)
{
	struct termios modes;

	memset(&modes, 0, sizeof(modes));
	assert_int_equal(tcgetattr(seat->slave, &modes), 0);
	assert_memory_equal(&modes, &seat->modes, sizeof(modes));
	assert_int_equal(fcntl(seat->slave, F_GETFL), seat->flags);
}

static inline void
seat_close(struct seat *seat)
{
	fd_close(&seat->master);
	fd_close(&seat->slave);
	free(seat->screen);
	seat->screen = NULL;
}

#endif
