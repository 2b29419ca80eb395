/* SPDX-License-Identifier: ISC */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/point.h"
#include "base/sandbox.h"
#include "base/text.h"
#include "broker/broker.h"

#define CONTROL_FD	3

static const struct sandbox_limit limits[] = {
	{ RLIMIT_NOFILE, 8192 },	/* 2,200 clients, sockets on the way */
	{ RLIMIT_NPROC, 0 },
	{ RLIMIT_CORE, 0 },
	{ RLIMIT_AS, 512 * 1024 * 1024 },
};

/* Beyond what every program of ours may do: see base/sandbox_syscalls.c. */
static const struct sandbox_rule syscalls[] = {
	{ "accept4", 0, 0, { 0 }, "customers" },
	{ "getsockopt", 0, 0, { 0 }, "who they are: SO_PEERCRED" },
	{ "socketpair", 0, 1, { AF_UNIX }, "for viewers and workers" },
	{ "openat", 2, 3, {
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
	    O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_CLOEXEC,
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_DIRECTORY },
	    "the policy again, and preferences; never to write" },
	{ "getdents64", 0, 0, { 0 }, "its customers" },
	{ "fcntl", 1, 1, { F_DUPFD_CLOEXEC }, "to list them" },
	{ "uname", 0, 0, { 0 }, "its host = ..." },
	{ "inotify_add_watch", 0, 0, { 0 }, "a new customer's folder" },
};

struct start {
	char	etc[PATH_MAX];
	char	log[PATH_MAX];
	char	run[PATH_MAX];		/* for the journal */
	char	kept[PATH_MAX];		/* last good policy */
	char	prefs[PATH_MAX];	/* what customers prefer */
	uid_t	uid;
	gid_t	gid;
};

static void
prepare(struct start *s, const char *prefix)
{
	if (prefix == NULL)
		prefix = "";
	if (text_format(s->etc, sizeof(s->etc), "%s%s", prefix,
	    VPSH_ETC) == -1 ||
	    text_format(s->log, sizeof(s->log), "%s%s", prefix,
	    VPSH_LOG) == -1 ||
	    text_format(s->run, sizeof(s->run), "%s%s", prefix,
	    VPSH_RUN) == -1 ||
	    text_format(s->kept, sizeof(s->kept), "%s%s/policy", prefix,
	    VPSH_RUN) == -1 ||
	    text_format(s->prefs, sizeof(s->prefs), "%s%s/customers", prefix,
	    VPSH_VAR) == -1)
		fatal("%s: too long", prefix);
	s->uid = geteuid();
	s->gid = getegid();
	if (s->uid == 0)
		sandbox_lookup("vpsh", &s->uid, &s->gid);
}

/* NSS modules may need anything: no list of system calls for this one. */
static int
run_accounts(const struct start *s)
{
	if (wire_hello_inner(CONTROL_FD, WIRE_ROLE_WORKER,
	    WIRE_ROLE_BROKER) == -1)
		fatal("no broker on descriptor 3: %s", strerror(errno));
	sandbox_user(s->uid, s->gid);
	sandbox_caps(NULL, 0, NULL, 0);
	sandbox_no_new_privs();
	return account_worker(s->etc, s->kept, CONTROL_FD);
}

static int
run_broker(const struct start *s)
{
	static struct broker b;
	struct policy *policy, *last;
	struct utsname name;
	bool root = geteuid() == 0;

	/* 1. The supervisor, and what later cannot be opened any more. */
	if (wire_hello_inner(CONTROL_FD, WIRE_ROLE_BROKER,
	    WIRE_ROLE_SUPERVISOR) == -1)
		fatal("no supervisor on descriptor 3: %s", strerror(errno));
	if (audit_open(&b.audit, s->log) == -1)
		fatal("cannot open %s/audit.jsonl: %s", s->log,
		    strerror(errno));
	if (journal_open(&b.journal, s->run) == -1)
		fatal("no memory for a journal: %s", strerror(errno));
	activity_open(&b, s->log);
	(void)text_copy(b.etc, sizeof(b.etc), s->etc);
	(void)text_copy(b.prefs.dir, sizeof(b.prefs.dir), s->prefs);
	if (uname(&name) == 0)
		(void)text_copy(b.host, sizeof(b.host), name.nodename);
	if (!root)
		b.single_uid = s->uid;

	/* 2. No way back to root.  The policy is read as who we stay. */
	sandbox_user(s->uid, s->gid);
	sandbox_caps(NULL, 0, NULL, 0);
	sandbox_no_new_privs();
	b.base = event_base_new();
	/* Its thread has no more privilege than we: none is made later. */
	if (b.base == NULL || audit_start(&b.audit, b.base) == -1)
		fatal("cannot write the audit log: %s", strerror(errno));
	sandbox_limits(limits, sizeof(limits) / sizeof(limits[0]));
	last = policy_recall(s->kept);
	policy = policy_load(b.etc, last);
	policy_free(last);
	if (policy == NULL || broker_init(&b, policy, CONTROL_FD) == -1)
		fatal("cannot set up: %s", strerror(errno));

	/* 3. Nothing but the loop. */
	sandbox_syscalls(syscalls, sizeof(syscalls) / sizeof(syscalls[0]));
	sandbox_hijack_hook();
	activity_refill(&b);
	event_base_dispatch(b.base);
	audit_end(&b.audit);
	return 0;
}

int
main(int argc, char **argv)
{
	static struct start start;
	const char *prefix = NULL;
	int c;

	while ((c = getopt(argc, argv, "p:")) == 'p')
		prefix = optarg;
	if (c != -1 || argc - optind > 1 || (argc - optind == 1 &&
	    strcmp(argv[optind], "accounts") != 0)) {
		fprintf(stderr, "usage: vpsh-broker [-p prefix] [accounts]\n"
		    "It is started by vpshd.\n");
		return 2;
	}
	log_open("vpsh-broker", prefix != NULL);
	point_open(prefix);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* an audit log at its limit */
	if (fd_cloexec_from(CONTROL_FD) == -1)
		fatal("cannot mark descriptors: %s", strerror(errno));
	prepare(&start, prefix);
	return argc - optind == 1 ? run_accounts(&start) : run_broker(&start);
}
