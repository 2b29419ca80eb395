/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"
#include "base/point.h"
#include "base/sandbox.h"
#include "console/server.h"

/*
 * vpsh-console: guests' ptys in, viewers out.  It opens nothing and decides
 * nothing.  What it reads and writes are descriptors that it was handed: a
 * guest's bytes are data to it, and a customer's are frames of one small
 * protocol.
 */

#define USER	"vpsh-console"
#define CONTROL 3

static const struct sandbox_limit limits[] = {
	{ RLIMIT_NOFILE, 8192 }, /* SERVER_STREAMS_MAX, _VIEWERS_MAX */
	{ RLIMIT_NPROC, 0 },	 /* no children, no threads */
	{ RLIMIT_CORE, 0 }	 /* consoles show passwords */
};

static const struct sandbox_rule syscalls[] = { { "ioctl", 1, 1, { TCGETS },
    "is it a terminal that we were handed?" } };

int
main(int argc, char *argv[])
{
	struct event_base *base;
	struct server server;
	uid_t uid = geteuid();
	gid_t gid = getegid();

	/*
	 * -p DIR comes with every child of a vpshd that is being tried out.
	 * Nothing here has a path; the log then goes to standard error.
	 */
	if (argc != 1 && !(argc == 3 && strcmp(argv[1], "-p") == 0))
		fatal("usage: vpsh-console [-p DIR]; vpshd starts it");
	log_open(USER, argc == 3);
	point_open(argc == 3 ? argv[2] : NULL);
	if (geteuid() == 0)
		sandbox_lookup(USER, &uid, &gid);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		fatal("cannot ignore SIGPIPE: %m");
	ring_guard();
	base = event_base_new();
	if (base == NULL)
		fatal("cannot make an event loop");

	sandbox_limits(limits, sizeof(limits) / sizeof(limits[0]));
	sandbox_user(uid, gid);
	sandbox_caps(NULL, 0, NULL, 0);
	sandbox_no_new_privs();
	sandbox_syscalls(syscalls, sizeof(syscalls) / sizeof(syscalls[0]));
	sandbox_hijack_hook();

	if (server_init(&server, base, CONTROL) == -1)
		fatal("no memory, or no supervisor, to start with");
	(void)event_base_dispatch(base);
	server_free(&server);
	event_base_free(base);
	return 0;
}
