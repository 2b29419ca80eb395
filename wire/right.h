/* SPDX-License-Identifier: ISC */
#ifndef WIRE_RIGHT_H
#define WIRE_RIGHT_H

#include <stdint.h>

/*
 * What a policy may allow.  The masks travel in frames so that the shell can
 * show what a customer may do; they decide nothing there.
 */
enum right {
	RIGHT_NONE, /* invalid in the operation table */
	RIGHT_ANY,  /* any known customer: list, whoami, why */
	RIGHT_CONSOLE,
	RIGHT_VIEW,
	RIGHT_LOG,
	RIGHT_START,
	RIGHT_SHUTDOWN,
	RIGHT_REBOOT,
	RIGHT_DESTROY,
	RIGHT_PAUSE,
	RIGHT_SYSRQ,
	RIGHT_RESCUE,
	RIGHT_REIMAGE,
	RIGHT_RDNS, /* of the account */
	RIGHT_KEYS, /* of the account */
	RIGHT_COUNT
};

#define RIGHT_BIT(r) (UINT32_C(1) << (r))

/* "console"; NULL for RIGHT_NONE, RIGHT_ANY and numbers out of range. */
const char *right_name(enum right right);

/* RIGHT_NONE when there is no such right. */
enum right right_by_name(const char *name);

#endif
