/* SPDX-License-Identifier: ISC */
#ifndef CTL_OPERATE_H
#define CTL_OPERATE_H

#include "ctl/ctl.h"
#include "wire/wire.h"

/* CUSTOMER/GUEST or a domain, as it was typed: CTL_OK or CTL_USAGE. */
int operate_take_guest(
    struct ctl *ctl, const char *word, struct wire_operate *what);

#endif
