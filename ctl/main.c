/* SPDX-License-Identifier: ISC */

/*
 * vpshctl: customers, guests and the service from the operator's side.  It
 * runs with the rights of whoever starts it, root as a rule, and keeps no
 * state of its own.
 */

#include <sys/stat.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "ctl/ctl.h"

/* "--json" is good anywhere; the rest does not get to see it. */
static bool
take_json(int *argc, char *argv[])
{
	bool found = false;
	int i, n = 0;

	for (i = 0; i < *argc; i++)
		if (i > 0 && strcmp(argv[i], "--json") == 0)
			found = true;
		else
			argv[n++] = argv[i];
	argv[n] = NULL;
	*argc = n;
	return found;
}

int
main(int argc, char *argv[])
{
	static struct ctl ctl = { .prefix = "" };
	bool json = take_json(&argc, argv);
	int c;

	/* Nothing that is made here is for others, unless it is said so. */
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	/* Whoever ignores it would have us lose what programs exit with. */
	signal(SIGCHLD, SIG_DFL);
	fd_close_from(STDERR_FILENO + 1);
	log_open("vpshctl", 1);
	while ((c = getopt(argc, argv, "+hp:")) != -1) {
		if (c == 'h') {
			ctl_usage(stdout);
			return CTL_OK;
		}
		if (c != 'p')
			return CTL_USAGE;
		ctl.prefix = optarg;
	}
	if (optind == argc) {
		ctl_usage(stderr);
		return CTL_USAGE;
	}
	if (text_format(ctl.etc, sizeof(ctl.etc), "%s%s", ctl.prefix,
		VPSH_ETC) != 0 ||
	    text_format(ctl.run, sizeof(ctl.run), "%s%s", ctl.prefix,
		VPSH_RUN) != 0 ||
	    text_format(ctl.var, sizeof(ctl.var), "%s%s", ctl.prefix,
		VPSH_VAR) != 0 ||
	    text_format(ctl.log, sizeof(ctl.log), "%s%s", ctl.prefix,
		VPSH_LOG) != 0)
		fatal("-p %s is too long", ctl.prefix);
	report_open(&ctl.report, json);
	return ctl_run(&ctl, argc - optind, argv + optind);
}
