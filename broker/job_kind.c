/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "broker/broker.h"

static const struct job_kind kinds[] = {
	[WIRE_OP_START] = { .verb = "start", .rate = RATE_START,
	    .creates = true, .looks = true, .deadline_ms = 300000,
	    .done = "is running.", .already = "is running already." },
	[WIRE_OP_SHUTDOWN] = { .verb = "shutdown", .rate = RATE_SHUTDOWN,
	    .stops = true, .deadline_ms = 90000, .wait_s = 60,
	    .force = WIRE_OP_DESTROY, .done = "is off.",
	    .already = "is off already." },
	[WIRE_OP_REBOOT] = { .verb = "reboot", .rate = RATE_REBOOT,
	    .deadline_ms = 90000, .wait_s = 90, .force = WIRE_OP_RESET,
	    .done = "has rebooted." },
	[WIRE_OP_RESET] = { .verb = "reset", .rate = RATE_RESET,
	    .creates = true, .stops = true, .looks = true,
	    .deadline_ms = 420000, .done = "was switched off and on again." },
	[WIRE_OP_DESTROY] = { .verb = "destroy", .rate = RATE_DESTROY,
	    .stops = true, .looks = true, .deadline_ms = 120000,
	    .done = "is off. Its disk is kept.",
	    .already = "is off already." },
	[WIRE_OP_DEATH] = { .verb = "restart", .rate = RATE_START,
	    .creates = true, .stops = true, .looks = true,
	    .deadline_ms = 420000, .done = "was cleaned up after." },
	[WIRE_OP_PAUSE] = { .verb = "pause", .rate = RATE_PAUSE,
	    .looks = true, .deadline_ms = 30000, .done = "is paused.",
	    .already = "is paused already." },
	[WIRE_OP_UNPAUSE] = { .verb = "unpause", .rate = RATE_UNPAUSE,
	    .looks = true, .deadline_ms = 30000, .done = "runs on.",
	    .already = "is running already." },
	[WIRE_OP_SYSRQ] = { .verb = "sysrq", .rate = RATE_SYSRQ,
	    .deadline_ms = 30000 },
	/* The operator's, whom no rate limits. */
	[WIRE_OP_ADOPT] = { .verb = "adopt", .looks = true,
	    .deadline_ms = 60000, .done = "is looked after from here on." },
	[WIRE_OP_HOLD] = { .verb = "hold", .looks = true,
	    .deadline_ms = 30000, .done = "is held." },
	/* A restart that the hold withheld half-way is done by its end. */
	[WIRE_OP_RELEASE] = { .verb = "release", .creates = true,
	    .looks = true, .deadline_ms = 300000, .done = "is released." },
	[WIRE_OP_FORGET_SAVED] = { .verb = "forget-saved", .looks = true,
	    .deadline_ms = 30000, .done = "may be booted again." },
};

const struct job_kind *
job_kind(enum wire_op op)
{
	return (size_t)op < sizeof(kinds) / sizeof(kinds[0]) &&
	    kinds[op].verb != NULL ? &kinds[op] : NULL;
}

enum wire_op
job_op(const char *verb)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].verb != NULL && strcmp(kinds[i].verb, verb) == 0)
			return (enum wire_op)i;
	return (enum wire_op)0;
}

const char *
job_verb(const char *verb)
{
	static const char *const more[] = { "autostart", "cleanup" };
	size_t i;

	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		if (strcmp(more[i], verb) == 0)
			return more[i];
	return kinds[job_op(verb)].verb;
}
