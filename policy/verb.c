/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/text.h"
#include "policy/sysrq.h"
#include "policy/verb.h"
#include "wire/err.h"

static const struct verb verbs[] = {
	{ "list", RIGHT_ANY, false, false, false },
	{ "status", RIGHT_ANY, true, false, false },
	{ "start", RIGHT_START, true, false, false },
	{ "shutdown", RIGHT_SHUTDOWN, true, true, false },
	{ "reboot", RIGHT_REBOOT, true, true, false },
	{ "reset", RIGHT_DESTROY, true, false, false },
	{ "destroy", RIGHT_DESTROY, true, false, false },
	{ "pause", RIGHT_PAUSE, true, false, false },
	{ "unpause", RIGHT_PAUSE, true, false, false },
	{ "sysrq", RIGHT_SYSRQ, true, false, true },
	{ "console", RIGHT_CONSOLE, true, false, false },
	{ "log", RIGHT_LOG, true, false, false },
	{ "job", RIGHT_ANY, false, false, false },
	{ "cancel", RIGHT_ANY, false, false, false },
	{ "prefs", RIGHT_ANY, false, false, false },
	{ "activity", RIGHT_ANY, false, false, false },
	{ "why", RIGHT_ANY, false, false, false },
	{ "whoami", RIGHT_ANY, false, false, false },
};

#define NVERBS (sizeof(verbs) / sizeof(verbs[0]))

const struct verb *
verb_at(size_t i)
{
	return i < NVERBS ? &verbs[i] : NULL;
}

const struct verb *
verb_find(const char *name)
{
	size_t i;

	for (i = 0; i < NVERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

void
verb_decide(const struct policy_customer *customer, const char *guest,
    enum right right, bool force, uint32_t key, struct verdict *verdict)
{
	enum right second = force ? RIGHT_DESTROY : sysrq_right(key);
	struct verdict more;
	size_t len;

	policy_decide(customer, guest, right, verdict);
	if (verdict->err != VPSH_OK || second == RIGHT_NONE ||
	    second == RIGHT_ANY)
		return;
	policy_decide(customer, guest, second, &more);
	verdict->err = more.err;
	len = strlen(verdict->because);
	(void)text_format(verdict->because + len,
	    sizeof(verdict->because) - len, "; %s amounts to %s: %s",
	    force ? VERB_FORCE : "that key", right_name(second), more.because);
}
