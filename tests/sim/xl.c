/* SPDX-License-Identifier: ISC */
/*
 * W/usr/sbin/xl: Debian's own xl, as W/sim/xl, on the simulated host W that
 * this file is in.
 */
#include <sys/auxv.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char place[] = "/usr/sbin/xl";

static void
set(const char *name, const char *world, const char *file)
{
	char value[PATH_MAX];

	if (snprintf(value, sizeof(value), "%s%s", world, file) >=
	    (int)sizeof(value) || setenv(name, value, 1) == -1) {
		fprintf(stderr, "xl: %s: %s\n", name, strerror(errno));
		exit(127);
	}
}

int
main(int argc, char *argv[])
{
	/* What was executed; argv[0] may be anything. */
	const char *name = (const char *)getauxval(AT_EXECFN);
	size_t len = strlen(name), tail = sizeof(place) - 1;
	char world[PATH_MAX], real[PATH_MAX];

	(void)argc;
	if (name[0] != '/' || len <= tail || len >= sizeof(world) ||
	    strcmp(name + len - tail, place) != 0) {
		fprintf(stderr, "xl: start it as W%s\n", place);
		return 127;
	}
	memcpy(world, name, len - tail);
	world[len - tail] = '\0';
	set("SIM_WORLD", world, "");
	set("LD_PRELOAD", world, "/sim/libsimxen.so");
	if (snprintf(real, sizeof(real), "%s/sim/xl", world) >=
	    (int)sizeof(real))
		return 127;
	execv(real, argv);
	fprintf(stderr, "xl: %s: %s\n", real, strerror(errno));
	return 127;
}
