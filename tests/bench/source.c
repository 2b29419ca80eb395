/* SPDX-License-Identifier: ISC */
/*
 * N guests that talk: what xenconsoled is to the readers of its ttys.  It
 * makes the ttys as that does (raw, its own end of each kept open), prints
 * their names, and then does what it is told on standard input:
 *
 *	flood FIRST N LINES	guests FIRST to FIRST + N - 1 print so many
 *				lines each, as fast as they are read
 *	pace FIRST N LINES MS	the same, a line each at a time, at that pace
 *
 * and says "flooded SECONDS" when all is written.  As from a guest's ring,
 * not more than 2 KiB go into a tty at once.  What is typed comes back, as
 * from a guest that echoes.
 */
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/line.h"

#define RING_BYTES 2048

struct guest {
	int		 master;
	int		 slave;
	uint64_t	 next;		/* the number of its next line */
	uint64_t	 left;		/* lines of it still to print */
	char		 out[RING_BYTES];
	size_t		 at;
	size_t		 len;
};

static struct guest *guests;
static struct pollfd *polled;
static size_t nguests, busy;
static double began;
static int pace_ms;

static double
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
die(const char *why)
{
	fprintf(stderr, "source: %s: %s\n", why, strerror(errno));
	exit(1);
}

static void
open_guest(struct guest *guest)
{
	struct termios tio;
	char name[64];

	if (openpty(&guest->master, &guest->slave, name, NULL, NULL) == -1 ||
	    tcgetattr(guest->slave, &tio) == -1)
		die("no tty");
	cfmakeraw(&tio);
	if (tcsetattr(guest->slave, TCSANOW, &tio) == -1 ||
	    fcntl(guest->master, F_SETFL, O_RDWR | O_NONBLOCK) == -1)
		die("tty");
	printf("%s\n", name);
}

/* The guest fills its ring. */
static void
fill(struct guest *guest)
{
	size_t room = pace_ms > 0 ? LINE : sizeof(guest->out);

	guest->at = guest->len = 0;
	while (guest->left > 0 && guest->len + LINE <= room) {
		line_make(guest->out + guest->len, guest->next++);
		guest->len += LINE;
		guest->left--;
	}
}

/* The daemon empties it into the tty.  False: it has said all. */
static bool
give(struct guest *guest)
{
	ssize_t n;

	if (guest->at == guest->len)
		fill(guest);
	n = write(guest->master, guest->out + guest->at,
	    guest->len - guest->at);
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		die("write");
	if (n > 0)
		guest->at += (size_t)n;
	return guest->left > 0 || guest->at < guest->len;
}

static void
echo(struct guest *guest)
{
	char typed[1024];
	ssize_t n = read(guest->master, typed, sizeof(typed));

	if (n > 0 && write(guest->master, typed, (size_t)n) != n)
		die("echo");
}

/* One command; false at the end of them. */
static bool
command(void)
{
	unsigned long first, n, lines, i;
	char line[128];

	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	pace_ms = 0;
	if (sscanf(line, "flood %lu %lu %lu", &first, &n, &lines) != 3 &&
	    sscanf(line, "pace %lu %lu %lu %d", &first, &n, &lines,
		&pace_ms) != 4)
		die(line);
	if (first + n > nguests || lines == 0)
		die("so many there are not");
	for (i = first; i < first + n; i++) {
		guests[i].left = lines;
		guests[i].next = 0;
		polled[i].events = POLLIN | POLLOUT;
	}
	busy = n;
	began = now();
	return true;
}

static void
turn(void)
{
	size_t i;

	if (poll(polled, nguests + 1, -1) == -1 && errno != EINTR)
		die("poll");
	for (i = 0; i < nguests; i++) {
		if ((polled[i].revents & POLLIN) != 0)
			echo(&guests[i]);
		if ((polled[i].revents & POLLOUT) == 0 ||
		    (polled[i].events & POLLOUT) == 0)
			continue;
		if (!give(&guests[i])) {
			polled[i].events = POLLIN;
			busy--;
			if (busy == 0)
				printf("flooded %.6f\n", now() - began);
		}
	}
	if (pace_ms > 0 && busy > 0)
		(void)poll(NULL, 0, pace_ms);
}

int
main(int argc, char **argv)
{
	struct rlimit files;
	size_t i;

	nguests = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	if (nguests == 0) {
		fprintf(stderr, "usage: source N\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	/* A command is read when it is there, and not one line further. */
	(void)setvbuf(stdin, NULL, _IONBF, 0);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	guests = calloc(nguests, sizeof(*guests));
	polled = calloc(nguests + 1, sizeof(*polled));
	if (guests == NULL || polled == NULL)
		die("memory");
	for (i = 0; i < nguests; i++) {
		open_guest(&guests[i]);
		polled[i].fd = guests[i].master;
		polled[i].events = POLLIN;
	}
	polled[nguests].fd = 0;
	polled[nguests].events = POLLIN;
	for (;;) {
		turn();
		if (polled[nguests].revents != 0 && !command())
			return 0;
	}
}
