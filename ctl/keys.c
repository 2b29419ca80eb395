/* SPDX-License-Identifier: ISC */

/*
 * vpsh-keys: sshd's AuthorizedKeysCommand, run as user vpsh with the account
 * name that a stranger typed.  It prints the keys that the operator gave this
 * customer, and nothing for anybody else.
 *
 * It does not ask whether the customer is suspended or denied: they are let
 * in so that vpsh can tell them in a sentence, and the broker refuses
 * everything.  Closing the door here would look like a lost key.
 */

#include <sys/resource.h>

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/text.h"
#include "policy/keys.h"
#include "policy/policy.h"

/* The files are small and few; sshd waits for us with a login at hand. */
static const struct sandbox_limit limits[] = {
	{ RLIMIT_CORE, 0 },
	{ RLIMIT_CPU, 5 },
	{ RLIMIT_FSIZE, 1024 * 1024 },
	{ RLIMIT_NOFILE, 32 },
	{ RLIMIT_NPROC, 0 },
};

/* Beyond what every program of ours may do: see base/sandbox_syscalls.c. */
static const struct sandbox_rule syscalls[] = {
	{ "openat", 2, 2,
	    { O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
		O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_DIRECTORY },
	    "the customer's file, never to write" },
};

static void
usage(void)
{
	fprintf(stderr, "usage: vpsh-keys [-p DIR] CUSTOMER\n");
	exit(2);
}

/* Returns the exit code.  Whoever has no directory is no customer of ours. */
static int
print_keys(const char *etc, const char *customer)
{
	char text[POLICY_TEXT + 100];
	struct keys keys;
	size_t i;

	keys_load(etc, customer, &keys);
	for (i = 0; i < keys.nfaults; i++) {
		policy_fault_text(&keys.faults[i], text, sizeof(text));
		log_warn("%s", text);
	}
	/* What DisableForwarding and ForceCommand of sshd say, said twice. */
	for (i = 0; i < keys.nlines; i++)
		printf("restrict,pty %s\n", keys.lines[i]);
	keys_free(&keys);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_warn("%s: the keys could not be handed to sshd", customer);
		return 1;
	}
	return 0;
}

int
main(int argc, char *argv[])
{
	const char *prefix = "";
	char etc[POLICY_PATH];
	int c;

	while ((c = getopt(argc, argv, "+p:")) != -1) {
		if (c != 'p')
			usage();
		prefix = optarg;
	}
	if (argc - optind != 1)
		usage();
	fd_close_from(STDERR_FILENO + 1);
	log_open("vpsh-keys", *prefix != '\0');
	sandbox_limits(limits, sizeof(limits) / sizeof(limits[0]));
	sandbox_no_new_privs();
	sandbox_syscalls(syscalls, sizeof(syscalls) / sizeof(syscalls[0]));
	sandbox_hijack_hook();
	if (text_format(etc, sizeof(etc), "%s%s", prefix, VPSH_ETC) != 0)
		fatal("-p %s is too long", prefix);
	/* sshd asks for every name that somebody tries; most are nobody's. */
	if (!text_is_name(argv[optind])) {
		log_info("\"%.64s\" is not the name of a customer",
		    argv[optind]);
		return 0;
	}
	return print_keys(etc, argv[optind]);
}
