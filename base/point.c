/* SPDX-License-Identifier: ISC */
#include "base/point.h"

#ifdef VPSH_TEST_POINTS

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"

static char folder[PATH_MAX];

void
point_open(const char *prefix)
{
	(void)text_format(folder, sizeof(folder), "%s%s/points",
	    prefix != NULL ? prefix : "", VPSH_RUN);
}

void
point(const char *name)
{
	char from[PATH_MAX + 64], to[PATH_MAX + 96];

	if (folder[0] == '\0' || text_format(from, sizeof(from), "%s/%s",
	    folder, name) == -1 || text_format(to, sizeof(to), "%s.%d", from,
	    (int)getpid()) == -1 || rename(from, to) == -1)
		return;
	(void)raise(SIGSTOP);
}

#else

/* ISO C wants a declaration in every file. */
typedef int point_unused;

#endif
