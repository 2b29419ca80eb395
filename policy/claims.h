/* SPDX-License-Identifier: ISC */
#ifndef POLICY_CLAIMS_H
#define POLICY_CLAIMS_H

#include "policy/faults.h"
#include "policy/policy.h"

/*
 * What no file can know alone: who else claims the same domain, uid or
 * address.  Domains that are claimed twice close those guests, addresses
 * those addresses, uids deny both customers.  Fills in by_domain and the
 * owners of shared guests.  Returns -1 without memory.
 */
int claims_judge(struct policy *policy, struct faults *faults);

#endif
