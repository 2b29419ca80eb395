/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/point.h"
#include "base/sandbox.h"
#include "base/text.h"
#include "policy/prefs_text.h"
#include "store/keep.h"
#include "store/zone.h"
#include "wire/err.h"
#include "wire/wire.h"

/*
 * vpsh-store: one thing that a customer wants kept, told by the broker,
 * which can write nothing itself.  Each word of it is a customer's.
 */

#define USER		"vpsh"
#define CONTROL		3
#define ZONEINFO	"/usr/share/zoneinfo"
#define ASK_MS		5000	/* for the broker to say what */

/* Where they are at start-up, so that the filter can name them. */
enum { CUSTOMERS = 10, ZONES };

static const struct sandbox_limit limits[] = {
	{ RLIMIT_NOFILE, 16 },
	{ RLIMIT_NPROC, 0 },
	{ RLIMIT_CORE, 0 },
	{ RLIMIT_FSIZE, 4096 },		/* more is no preference */
	{ RLIMIT_AS, 256 * 1024 * 1024 },
};

static const struct sandbox_rule syscalls[] = {
	{ "openat", 2, 2, {
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC },
	    "the customer's folder, and a new file in it" },
	{ "openat2", 0, 1, { ZONES }, "a zone, below its folder" },
	{ "mkdirat", 0, 1, { CUSTOMERS }, "a customer's first word" },
	{ "flock", 0, 0, { 0 }, "one at a time" },
	{ "fsync", 0, 0, { 0 }, "it is to outlive the power" },
	{ "renameat", 0, 0, { 0 }, "the new file takes the old one's name" },
	{ "unlinkat", 2, 1, { 0 }, "what a dead one of us left" },
};

/* One that tmpfiles.d did not make is made here. */
static void
open_customers(const char *prefix, uid_t uid, gid_t gid)
{
	static const char *const folders[] = { VPSH_VAR,
		VPSH_VAR "/customers" };
	char path[PATH_MAX];
	size_t i;
	int fd = -1;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (text_format(path, sizeof(path), "%s%s", prefix,
		    folders[i]) == -1)
			fatal("%s: too long", prefix);
		if (mkdir(path, i == 0 ? 0755 : 0700) == 0 && i == 1 &&
		    geteuid() == 0 && chown(path, uid, gid) == -1)
			fatal("cannot make %s: %s", path, strerror(errno));
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || (fd != CUSTOMERS &&
	    dup3(fd, CUSTOMERS, O_CLOEXEC) == -1))
		fatal("cannot open %s: %s", path, strerror(errno));
	if (fd != CUSTOMERS)
		fd_close(&fd);
}

/* Without any, no zone can be had; the rest can. */
static void
open_zones(void)
{
	int fd = open(ZONEINFO, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		log_warn("there are no time zones: %s: %s", ZONEINFO,
		    strerror(errno));
	else if (fd != ZONES) {
		if (dup3(fd, ZONES, O_CLOEXEC) == -1)
			fatal("cannot keep %s: %s", ZONEINFO,
			    strerror(errno));
		fd_close(&fd);
	}
}

/* The one thing to do; the broker may be slow, and may be gone. */
static int
receive(struct wire_put *put)
{
	struct pollfd pfd = { CONTROL, POLLIN, 0 };
	static struct wire_msg msg;
	int r;

	do
		r = poll(&pfd, 1, ASK_MS);
	while (r == -1 && errno == EINTR);
	if (r != 1 || wire_recv(CONTROL, &msg, WIRE_BROKER_WORKER, NULL,
	    NULL) <= 0 || msg.head.type != WIRE_PUT)
		return -1;
	*put = msg.u.put;
	return 0;
}

static int
store(struct wire_put *put, char *said, size_t size)
{
	char text[PREFS_TEXT_MAX];
	int err, why;

	put->prefs.tz[0] = '\0';
	if (put->prefs.zone[0] != '\0') {
		err = zone_find(ZONES, put->prefs.zone, put->prefs.tz,
		    sizeof(put->prefs.tz));
		if (err != VPSH_OK)
			return err;
	}
	if (!text_is_name(put->customer) ||
	    prefs_text_print(&put->prefs, text, sizeof(text)) == -1) {
		(void)text_copy(said, size, "the broker sent nonsense");
		return VPSH_ERR_FAILED;
	}
	if (keep_text(CUSTOMERS, put->customer, PREFS_TEXT_FILE, text) == 0)
		return VPSH_OK;
	why = errno;
	(void)text_format(said, size, "cannot write "
	    VPSH_VAR "/customers/%s/" PREFS_TEXT_FILE ": %s", put->customer,
	    strerror(why));
	return why == ENOSPC || why == EDQUOT ? VPSH_ERR_NO_ROOM :
	    VPSH_ERR_FAILED;
}

int
main(int argc, char *argv[])
{
	struct wire_result result = { 0 };
	const char *prefix = argc == 3 ? argv[2] : "";
	struct wire_put put;
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (argc != 1 && !(argc == 3 && strcmp(argv[1], "-p") == 0))
		fatal("usage: vpsh-store [-p DIR]; vpshd starts it");
	log_open("vpsh-store", argc == 3);
	point_open(argc == 3 ? argv[2] : NULL);

	/* 1. The two folders that it can see. */
	if (uid == 0)
		sandbox_lookup(USER, &uid, &gid);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		fatal("cannot ignore signals: %m");
	open_customers(prefix, uid, gid);
	open_zones();

	/* 2. Nothing else, before the first byte of anybody's is read. */
	sandbox_limits(limits, sizeof(limits) / sizeof(limits[0]));
	sandbox_user(uid, gid);
	sandbox_caps(NULL, 0, NULL, 0);
	sandbox_no_new_privs();
	sandbox_syscalls(syscalls, sizeof(syscalls) / sizeof(syscalls[0]));
	sandbox_hijack_hook();

	if (wire_hello_inner(CONTROL, WIRE_ROLE_WORKER,
	    WIRE_ROLE_BROKER) == -1 || receive(&put) == -1)
		fatal("no broker on descriptor 3 says what to keep");
	result.job = put.job;
	result.err = store(&put, result.text, sizeof(result.text));
	return wire_send(CONTROL, WIRE_RESULT, 0, &result, NULL, 0) == 0 ? 0 :
	    1;
}
