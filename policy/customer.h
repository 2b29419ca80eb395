/* SPDX-License-Identifier: ISC */
#ifndef POLICY_CUSTOMER_H
#define POLICY_CUSTOMER_H

#include "base/file.h"
#include "policy/host.h"

/*
 * Read the text of customer->name's policy.conf into customer, which holds
 * nothing else yet.  A guest whose own entry is wrong is there and closed;
 * any other mistake makes the file unusable as written and gives false, with
 * customer_clear() as the only thing left to do.  suspended holds either way.
 */
bool customer_read(struct policy_customer *customer, const struct host *host,
    const char *text, struct faults *faults);

/* Forget all but the name, "suspended" and the last good text. */
void customer_clear(struct policy_customer *customer);

/* What the file "suspended" says; text counts with FILE_OK only. */
void customer_suspend(struct policy_customer *customer, enum file_fault fault,
    const char *text);

/* "alice/policy.conf". */
void customer_file(char *dst, size_t size, const char *name);

#endif
