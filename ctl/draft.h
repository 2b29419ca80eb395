/* SPDX-License-Identifier: ISC */
#ifndef CTL_DRAFT_H
#define CTL_DRAFT_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/keys.h"
#include "policy/policy.h"

/*
 * A policy.conf as vpshctl writes it: a plan and guests, nothing else.  A
 * file that says more, or has comments, is the operator's, and vpshctl leaves
 * it alone.
 */
#define DRAFT_GUESTS_MAX 128

struct draft {
	char plan[TEXT_NAME_MAX + 1];
	size_t nguests;
	struct draft_guest {
		char name[TEXT_NAME_MAX + 1];
		char domain[POLICY_DOMAIN];
	} guests[DRAFT_GUESTS_MAX];
};

/* What the customer's file says of plan and guests. */
void draft_of(struct draft *draft, const struct policy_customer *customer);

/*
 * Add a guest, or give it another domain.  Returns 1 when that changed
 * something, 0 when not, -1 when there are too many.
 */
int draft_guest(struct draft *draft, const char *name, const char *domain);

/* The file; NULL without memory. */
char *draft_text(const struct draft *draft);

/* Did vpshctl write that text, or might have? */
bool draft_is_own(const struct policy_customer *customer, const char *text);

/* One guest as it stands in a file: "{ name = ...; }". */
void draft_guest_text(const struct draft_guest *guest, char *dst, size_t size);

/* text and one more line behind it; text may be NULL.  NULL: no memory. */
char *draft_with_line(const char *text, const char *line);

/* Is that key among the first n? */
bool draft_has_key(const struct keys *keys, const char *line, size_t n);

#endif
