/* SPDX-License-Identifier: ISC */
#ifndef UNIT_RING_HELP_H
#define UNIT_RING_HELP_H

#include "tests/unit/console_rig.h"

#include "console/ring.h"

/* A ring in this process, and the time it is told. */

#define RING_NOON	INT64_C(1795262400000)	/* 2026-11-21T12:00:00Z */

/* Put bytes into a ring the way a console does: from a descriptor. */
static inline void
ring_feed(struct ring *ring, const void *bytes, size_t len, int64_t wall_ms)
{
	const uint8_t *data = bytes;
	int fds[2];
	size_t n;

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	while (len > 0) {
		n = len < 4096 ? len : 4096;
		assert_int_equal(write(fds[1], data, n), n);
		data += n;
		len -= n;
		while (n > 0) {
			ssize_t r = ring_read(ring, fds[0], wall_ms);

			assert_true(r > 0);
			n -= (size_t)r;
		}
	}
	assert_int_equal(ring_read(ring, fds[0], wall_ms), -1);
	assert_int_equal(errno, EAGAIN);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
}

/* One line that came s seconds after noon. */
static inline void
ring_line(struct ring *ring, const char *text, int s)
{
	ring_feed(ring, text, strlen(text), RING_NOON + s * 1000);
}

static inline enum ring_found
ring_bind_to(struct ring *ring, int fd, const char *customer,
    const char *guest)
{
	enum ring_found found = RING_SAME;

	assert_int_equal(ring_bind(ring, fd, customer, guest, &found), 0);
	return found;
}

#endif
