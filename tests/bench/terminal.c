/* SPDX-License-Identifier: ISC */
/*
 * A person's end: a program on a terminal, as sshd would have it, and what
 * is behind it.  With -p its standard output is a pipe instead; with -t the
 * argument is a tty to be used as it is, with no program in between.
 *
 *	terminal [-p] PROGRAM ARGUMENT...
 *	terminal -t TTY
 *
 * It prints "pid N" and then does what it is told on standard input:
 *
 *	text STRING	wait until the string came
 *	drain LINES	read the numbered lines 0 to LINES - 1, or what comes
 *			of them until nothing does for 3 s; says
 *			"drained LINES MISSING DOUBLE SECONDS"
 *	ping N		type a byte and wait for it, N times; says
 *			"pinged MEDIAN P99" in microseconds
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#include "tests/bench/line.h"

#define READ_SIZE 65536
#define PINGS_MAX 100000
#define SILENT_MS 3000

static int in = -1, out = -1; /* what is shown, and where keys go */
static char held[READ_SIZE + 4096];
static size_t nheld;

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
	fprintf(stderr, "terminal: %s: %s\n", why, strerror(errno));
	exit(1);
}

/* Waits so long for something to come; -1: for ever. */
static bool
comes(int ms)
{
	struct pollfd pfd = { .fd = in, .events = POLLIN };
	int r;

	do {
		r = poll(&pfd, 1, ms);
	} while (r == -1 && errno == EINTR);
	return r > 0;
}

/* As much as there is, behind what is held. */
static void
more(void)
{
	ssize_t n;

	if (nheld > 4096) {
		memmove(held, held + nheld - 4096, 4096);
		nheld = 4096;
	}
	do {
		n = read(in, held + nheld, READ_SIZE);
	} while (n == -1 && errno == EINTR);
	if (n <= 0) {
		fprintf(stderr, "terminal: it ended; it said: %.*s\n",
		    (int)nheld, held);
		exit(1);
	}
	nheld += (size_t)n;
}

static void
text(const char *wanted)
{
	while (memmem(held, nheld, wanted, strlen(wanted)) == NULL)
		more();
	nheld = 0;
	printf("seen\n");
}

struct count {
	int64_t next;
	uint64_t lines;
	uint64_t missing;
	uint64_t twice;
};

static void
count_line(struct count *count, const char *line, size_t len)
{
	int64_t number = line_number(line, len);

	if (number == -1)
		return;
	if (number < count->next) {
		count->twice++;
		return;
	}
	count->missing += (uint64_t)(number - count->next);
	count->next = number + 1;
	count->lines++;
}

static void
drain(int64_t wanted)
{
	struct count count = { 0 };
	double first = 0, last = 0;
	char *line, *nl;

	nheld = 0;
	while (count.next < wanted && comes(first == 0 ? -1 : SILENT_MS)) {
		more();
		last = now();
		if (first == 0)
			first = last;
		line = held;
		while ((nl = memchr(line, '\n',
			    (size_t)(held + nheld - line))) != NULL) {
			count_line(&count, line, (size_t)(nl + 1 - line));
			line = nl + 1;
		}
		nheld = (size_t)(held + nheld - line);
		memmove(held, line, nheld);
	}
	count.missing += (uint64_t)(wanted - count.next);
	printf("drained %llu %llu %llu %.6f\n",
	    (unsigned long long)count.lines,
	    (unsigned long long)count.missing,
	    (unsigned long long)count.twice, last - first);
}

static int
by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
ping(size_t n)
{
	static double took[PINGS_MAX];
	double begin;
	size_t i;

	if (n == 0 || n > PINGS_MAX)
		die("so many pings");
	for (i = 0; i < n; i++) {
		char key = (char)('a' + i % 26);

		nheld = 0;
		begin = now();
		if (write(out, &key, 1) != 1)
			die("key");
		while (memchr(held, key, nheld) == NULL)
			more();
		took[i] = (now() - begin) * 1e6;
	}
	qsort(took, n, sizeof(took[0]), by_time);
	printf("pinged %.2f %.2f\n", took[n / 2], took[n * 99 / 100]);
}

static void
make_raw(int fd)
{
	struct termios tio;

	if (tcgetattr(fd, &tio) == -1)
		die("tty");
	cfmakeraw(&tio);
	if (tcsetattr(fd, TCSANOW, &tio) == -1)
		die("tty");
}

static void
run(char **argv, bool pipes)
{
	struct winsize size = { 24, 80, 0, 0 };
	int master, slave, ends[2];
	pid_t pid;

	if (openpty(&master, &slave, NULL, NULL, &size) == -1 ||
	    pipe2(ends, O_CLOEXEC) == -1 ||
	    fcntl(master, F_SETFD, FD_CLOEXEC) == -1)
		die("no tty");
	/* A program that does not see to that itself is not to suffer. */
	make_raw(slave);
	pid = fork();
	if (pid == -1)
		die("fork");
	if (pid == 0) {
		if (login_tty(slave) == -1 ||
		    (pipes && dup2(ends[1], 1) == -1))
			_exit(126);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(slave);
	close(ends[1]);
	in = pipes ? ends[0] : master;
	out = master;
	printf("pid %d\n", (int)pid);
}

int
main(int argc, char **argv)
{
	char line[256];

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && strcmp(argv[1], "-t") == 0) {
		in = out = open(argv[2], O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (in == -1)
			die(argv[2]);
		printf("pid %d\n", (int)getpid());
	} else if (argc > 2 && strcmp(argv[1], "-p") == 0)
		run(argv + 2, true);
	else if (argc > 1)
		run(argv + 1, false);
	else
		die("usage: terminal [-p] PROGRAM ARGUMENT...");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "text ", 5) == 0)
			text(line + 5);
		else if (strncmp(line, "drain ", 6) == 0)
			drain(strtoll(line + 6, NULL, 10));
		else if (strncmp(line, "ping ", 5) == 0)
			ping(strtoul(line + 5, NULL, 10));
		else
			die(line);
	}
	return 0;
}
