/* SPDX-License-Identifier: ISC */
#ifndef POLICY_VERB_H
#define POLICY_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

/*
 * Which right each command of a customer needs, for those who ask "what if"
 * without the service.  The broker's own table decides; a test holds the two
 * together.
 */
#define VERB_FORCE "--force-after"

struct verb {
	const char *name;
	enum right right;
	bool guest; /* it is about one */
	bool force; /* may go on to pull the plug: VERB_FORCE */
	bool key;   /* is about a sysrq key */
};

/* The i-th, NULL past the end. */
const struct verb *verb_at(size_t i);

/* NULL when there is no such command. */
const struct verb *verb_find(const char *name);

/*
 * The verdict on that right, and on a second one if what is asked for may
 * amount to more: force pulls the plug in the end, a sysrq key (0: none that
 * does harm) may stop the guest.
 */
void verb_decide(const struct policy_customer *customer, const char *guest,
    enum right right, bool force, uint32_t key, struct verdict *verdict);

#endif
