/* SPDX-License-Identifier: ISC */
#ifndef POLICY_RULES_H
#define POLICY_RULES_H

#include "policy/conf.h"
#include "policy/policy.h"

/* What plans, customers and guests have in common. */

#define RULES_ACCOUNT (RIGHT_BIT(RIGHT_RDNS) | RIGHT_BIT(RIGHT_KEYS))
#define RULES_GUEST   (~RULES_ACCOUNT)

/* With the rights that others include: see struct policy_guest. */
uint32_t rules_expand(uint32_t rights);

/*
 * The list "allow" of that group.  Only rights of the mask fit there.
 * Returns false, with nothing changed, when there is no such list.
 */
bool rules_allow(struct conf *conf, const config_setting_t *group,
    uint32_t fitting, uint32_t *rights, struct policy_place *place);

void rules_limits(struct conf *conf, const config_setting_t *group,
    struct policy_limits *limits);
void rules_autostart(struct conf *conf, const config_setting_t *group,
    enum policy_autostart *autostart);
void rules_interface(struct conf *conf, const config_setting_t *group,
    enum policy_interface *interface);

/* Absolute, printable, and without a ".." on the way. */
bool rules_is_path(const char *path);

/* The bare word is short, printable ASCII. */
bool rules_is_plain(const char *s, size_t max);

#endif
