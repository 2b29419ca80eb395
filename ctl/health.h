/* SPDX-License-Identifier: ISC */
#ifndef CTL_HEALTH_H
#define CTL_HEALTH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctl/ctl.h"
#include "wire/wire.h"

/* How vpsh is on this host: what the broker says, and room on its disks. */

#define HEALTH_DISKS 3

struct health_disk {
	char path[PATH_MAX];
	int error; /* why it could not be looked at: errno, or 0 */
	uint64_t size;
	uint64_t free; /* bytes, to those who are not root */
	uint64_t inodes; /* 0: it does not count them */
	uint64_t inodes_free;
};

struct health {
	bool up;	/* the broker has answered */
	bool forbidden; /* we may not ask it */
	char why[PATH_MAX + 200]; /* it has not */
	char build[WIRE_BUILD];
	struct wire_health is;
	struct health_disk disks[HEALTH_DISKS];
};

/* As Nagios and its like number them. */
enum health_level {
	HEALTH_OK,
	HEALTH_WARNING,
	HEALTH_CRITICAL,
	HEALTH_UNKNOWN
};

struct health_verdict {
	enum health_level level;
	char text[4096]; /* what is critical stands first */
	size_t critical; /* so long is that part */
};

bool health_xen_answers(const struct wire_health *is);

void health_judge(const struct health *h, struct health_verdict *v);

void health_look(const struct ctl *ctl, struct health *h);

#endif
