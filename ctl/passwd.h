/* SPDX-License-Identifier: ISC */
#ifndef CTL_PASSWD_H
#define CTL_PASSWD_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "ctl/ctl.h"

/*
 * Unix accounts of customers: one that can do nothing but run vpsh.
 */
#define PASSWD_GROUP "vpsh" /* by which sshd knows customers */
#define PASSWD_HOME  VPSH_VAR "/home"

struct passwd;

/*
 * What is wrong with that account, one thing after the other: returns NULL
 * when i is past the last, or a sentence without a full stop, in text.
 */
const char *passwd_fault(const struct passwd *account, size_t i, char *text,
    size_t size);

/* Is it in that group? */
bool passwd_is_member(const struct passwd *account);

/* Is it, by its group or its shell, one of ours? */
bool passwd_is_customer(const struct passwd *account);

/*
 * Is it good for vpsh and nothing else?  A customer may have the name of
 * root, of a service or of a colleague, whose account is not ours to remove.
 */
bool passwd_is_removable(const struct passwd *account);

/* With a prefix no account is touched: CTL_USAGE. */
int passwd_refuse_prefix(struct ctl *ctl);

/*
 * Make it.  Returns CTL_OK or what report_fail() gives.  NAME is a checked
 * name: see text_is_name().
 */
int passwd_add(struct ctl *ctl, const char *name);

/* Remove it; its home, which is everybody's, stays. */
int passwd_remove(struct ctl *ctl, const char *name);

#endif
