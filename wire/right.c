/* SPDX-License-Identifier: ISC */
#include <stddef.h>
#include <string.h>

#include "wire/right.h"

static const char *const names[RIGHT_COUNT] = {
	[RIGHT_CONSOLE] = "console",
	[RIGHT_VIEW] = "view",
	[RIGHT_LOG] = "log",
	[RIGHT_START] = "start",
	[RIGHT_SHUTDOWN] = "shutdown",
	[RIGHT_REBOOT] = "reboot",
	[RIGHT_DESTROY] = "destroy",
	[RIGHT_PAUSE] = "pause",
	[RIGHT_SYSRQ] = "sysrq",
	[RIGHT_RESCUE] = "rescue",
	[RIGHT_REIMAGE] = "reimage",
	[RIGHT_RDNS] = "rdns",
	[RIGHT_KEYS] = "keys",
};

const char *
right_name(enum right right)
{
	if ((unsigned)right >= RIGHT_COUNT)
		return NULL;
	return names[right];
}

enum right
right_by_name(const char *name)
{
	int i;

	for (i = 0; i < RIGHT_COUNT; i++)
		if (names[i] != NULL && strcmp(names[i], name) == 0)
			return (enum right)i;
	return RIGHT_NONE;
}
