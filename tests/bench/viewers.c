/* SPDX-License-Identifier: ISC */
/*
 * Many viewers in one process: what a vpsh does with each of these sockets,
 * which it was started with, but for its terminal.
 *
 *	viewers FD...
 *
 *	drain BYTES	until so many came on each, or were missed; says
 *			"drained BYTES MISSED MEDIAN SLOWEST": seconds from
 *			the first byte of all to a viewer's last
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "wire/wire.h"

struct viewer {
	int		 fd;
	uint64_t	 got;
	uint64_t	 missed;
	double		 done;
};

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
	fprintf(stderr, "viewers: %s: %s\n", why, strerror(errno));
	exit(1);
}

/* One frame; 0 when there is none. */
static ssize_t
take(struct viewer *viewer)
{
	static _Alignas(8) uint8_t frame[WIRE_FRAME_MAX];
	const size_t front = sizeof(struct wire_head) + sizeof(uint64_t);
	struct wire_head head;
	struct wire_missed missed;
	ssize_t n = recv(viewer->fd, frame, sizeof(frame), MSG_DONTWAIT);

	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n < (ssize_t)sizeof(head))
		die("a viewer ended");
	memcpy(&head, frame, sizeof(head));
	if (head.type == WIRE_OUTPUT && n > (ssize_t)front)
		viewer->got += (uint64_t)n - front;
	if (head.type == WIRE_MISSED) {
		memcpy(&missed, frame + sizeof(head), sizeof(missed));
		viewer->missed += missed.bytes;
	}
	return n;
}

static int
by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
drain(int epoll, struct viewer *viewers, size_t n, uint64_t bytes)
{
	struct epoll_event events[64];
	size_t left = n, i;
	uint64_t got = 0, missed = 0;
	double first = 0, *took = calloc(n, sizeof(*took));
	int ready, k;

	if (took == NULL)
		die("memory");
	for (i = 0; i < n; i++) {
		viewers[i].got = viewers[i].missed = 0;
		viewers[i].done = 0;
	}
	while (left > 0) {
		ready = epoll_wait(epoll, events, 64, -1);
		for (k = 0; k < ready; k++) {
			struct viewer *viewer = &viewers[events[k].data.u32];

			if (take(viewer) == 0)
				continue;
			if (first == 0 && viewer->got > 0)
				first = now();
			if (viewer->done == 0 &&
			    viewer->got + viewer->missed >= bytes) {
				viewer->done = now() - first;
				left--;
			}
		}
	}
	for (i = 0; i < n; i++) {
		got += viewers[i].got;
		missed += viewers[i].missed;
	}
	for (i = 0; i < n; i++)
		took[i] = viewers[i].done;
	qsort(took, n, sizeof(took[0]), by_time);
	printf("drained %llu %llu %.6f %.6f\n", (unsigned long long)got,
	    (unsigned long long)missed, took[n / 2], took[n - 1]);
	free(took);
}

int
main(int argc, char **argv)
{
	size_t n = (size_t)(argc - 1), i;
	struct epoll_event event = { .events = EPOLLIN };
	struct viewer *viewers = calloc(n, sizeof(*viewers));
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	char line[128];

	if (n == 0 || viewers == NULL || epoll == -1)
		die("usage: viewers FD...");
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < n; i++) {
		event.data.u32 = (uint32_t)i;
		viewers[i].fd = atoi(argv[i + 1]);
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, viewers[i].fd,
			&event) == -1)
			die("socket");
	}
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin) != NULL)
		if (strncmp(line, "drain ", 6) == 0)
			drain(epoll, viewers, n, strtoull(line + 6, NULL, 10));
	return 0;
}
