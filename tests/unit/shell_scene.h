/* SPDX-License-Identifier: ISC */
#ifndef UNIT_SHELL_SCENE_H
#define UNIT_SHELL_SCENE_H

#include "tests/unit/shell_seat.h"

#include "shell/attach.h"
#include "shell/terminal.h"

/* The customer's end on a real terminal, the test being the console server. */

#define LINE                                                               \
	"[web: connected. Ctrl-] or Ctrl-5 leaves, or Ctrl-Q three times; " \
	"Ctrl-^ ? helps]\r\n"

struct scene {
	struct seat seat;
	int viewer; /* the server's end */
	int broker; /* the broker's end */
	int far[2]; /* theirs */
	bool may_write;
};

static inline struct attach_options
options_on(int in, int out, int err)
{
	const struct attach_options options = { .guest = "web",
		.customer = "alice",
		.term = "xterm-256color",
		.in = in,
		.out = out,
		.err = err };

	return options;
}

/* Keep nothing of what the test has but the two sockets. */
static inline void
leave_the_test(struct scene *scene)
{
	scene->far[0] = fcntl(scene->far[0], F_DUPFD_CLOEXEC, 100);
	scene->far[1] = fcntl(scene->far[1], F_DUPFD_CLOEXEC, 100);
	(void)close_range(3, 99, 0);
}

/* Status: 100 + how the run ended. */
static inline int
attach_body(void *arg)
{
	const struct attach_options options = options_on(0, 1, 2);
	struct scene *scene = arg;
	enum attach_end end;
	struct attach a;

	leave_the_test(scene);
	if (attach_open(&a, &options) == -1)
		return 1;
	attach_viewer(&a, scene->far[0], scene->may_write);
	end = attach_run(&a, scene->far[1], -1);
	attach_close(&a);
	return 100 + (int)end;
}

static inline void
scene_open(struct scene *scene, bool may_write, bool writer, const char *who)
{
	struct wire_writer told = { .you = writer };
	int pair[2];

	memset(scene, 0, sizeof(*scene));
	seat_open(&scene->seat);
	assert_int_equal(fd_pair(pair), 0);
	scene->viewer = pair[0];
	scene->far[0] = pair[1];
	assert_int_equal(fd_pair(pair), 0);
	scene->broker = pair[0];
	scene->far[1] = pair[1];
	scene->may_write = may_write;
	seat_run(&scene->seat, attach_body, scene);
	fd_close(&scene->far[0]);
	fd_close(&scene->far[1]);
	(void)text_copy(told.who, WIRE_NAME, who);
	rig_send(scene->viewer, WIRE_WRITER, &told, NULL, 0);
	/* When this is on the screen, who writes is known as well. */
	assert_int_equal(wire_send_data(scene->viewer, WIRE_OUTPUT, 0,
			     "<hi>\r\n", 6),
	    0);
	seat_see(&scene->seat, LINE);
	seat_see(&scene->seat, "<hi>\r\n");
}

/* The process ends like that, and the terminal is as before. */
static inline void
scene_close(struct scene *scene, enum attach_end end)
{
	seat_see(&scene->seat, terminal_reset("xterm-256color"));
	assert_int_equal(seat_wait(&scene->seat), 100 + (int)end);
	seat_assert_restored(&scene->seat);
	seat_close(&scene->seat);
	fd_close(&scene->viewer);
	fd_close(&scene->broker);
}

static inline void
hear_keys(struct scene *scene, const char *want)
{
	struct wire_msg msg;
	char got[256];
	size_t have = 0, n;
	ssize_t len;

	while (have < strlen(want)) {
		len = rig_recv_any(scene->viewer, &msg, WIRE_VIEWER_CONSOLE);
		assert_true(len > 0);
		assert_int_equal(msg.head.type, WIRE_INPUT);
		n = (size_t)len - offsetof(struct wire_output, data);
		assert_true(have + n <= strlen(want));
		memcpy(got + have, msg.u.output.data, n);
		have += n;
	}
	assert_memory_equal(got, want, have);
}

static inline void
guest_says(struct scene *scene, const char *text)
{
	rig_wait(scene->viewer, POLLOUT);
	assert_int_equal(wire_send_data(scene->viewer, WIRE_OUTPUT, 0, text,
			     strlen(text)),
	    0);
}

#endif
