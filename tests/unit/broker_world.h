/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_BROKER_WORLD_H
#define TESTS_UNIT_BROKER_WORLD_H

/*
 * A broker with real files and a real loop; the test holds the supervisor's
 * end of its control socket.  For inclusion by one test program each.
 */

#include <sys/stat.h>

#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"

struct world {
	struct broker	 b;
	char		 dir[128];
	int		 supervisor;
};

static inline void
world_write(const struct world *w, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	assert_int_equal(text_format(path, sizeof(path), "%s/%s", w->dir,
	    name), 0);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static inline void
world_customer(const struct world *w, const char *name, const char *text)
{
	char path[256];

	assert_int_equal(text_format(path, sizeof(path), "%s/customers/%s",
	    w->dir, name), 0);
	(void)mkdir(path, 0700);
	assert_int_equal(text_format(path, sizeof(path),
	    "customers/%s/policy.conf", name), 0);
	world_write(w, path, text);
}

static inline void
world_folder(struct world *w)
{
	const char *tmp = getenv("TMPDIR");
	char path[256];

	memset(w, 0, sizeof(*w));
	umask(022);
	log_open("test", 1);
	assert_int_equal(text_format(w->dir, sizeof(w->dir),
	    "%s/vpsh-unit-XXXXXX", tmp != NULL ? tmp : "/tmp"), 0);
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(text_format(path, sizeof(path), "%s/customers",
	    w->dir), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	world_write(w, "vpsh.conf", "plans = ( { name = \"basic\"; "
	    "allow = [ \"console\", \"start\", \"shutdown\", "
	    "\"destroy\" ]; } );\n");
}

static inline void
world_start(struct world *w)
{
	struct policy *policy = policy_load(w->dir, NULL);
	int pair[2];

	assert_non_null(policy);
	assert_int_equal(fd_pair(pair), 0);
	w->supervisor = pair[0];
	w->b.base = event_base_new();
	assert_non_null(w->b.base);
	assert_int_equal(audit_open(&w->b.audit, w->dir), 0);
	(void)text_copy(w->b.etc, sizeof(w->b.etc), w->dir);
	assert_int_equal(broker_init(&w->b, policy, pair[1]), 0);
}

static inline void
world_loop(struct world *w)
{
	(void)event_base_loop(w->b.base, EVLOOP_NONBLOCK);
}

/* The next frame of that type from the broker; others are passed over. */
static inline int
world_expect(struct world *w, uint32_t type, struct wire_msg *msg)
{
	struct pollfd pfd = { w->supervisor, POLLIN, 0 };
	int fds[FD_PASS_MAX];
	size_t n = 0;

	for (;;) {
		world_loop(w);
		if (poll(&pfd, 1, 100) != 1)
			return -1;
		if (wire_recv(w->supervisor, msg, WIRE_CHILD_SUPER, fds,
		    &n) <= 0)
			return -1;
		if (msg->head.type == type)
			return n > 0 ? fds[0] : 0;
		while (n > 0)
			fd_close(&fds[--n]);
	}
}

#endif
