/* SPDX-License-Identifier: ISC */
#ifndef POLICY_SYSRQ_H
#define POLICY_SYSRQ_H

#include <stddef.h>
#include <stdint.h>

#include "wire/right.h"

/*
 * What has the effect of a power verb needs that verb's right as well.
 * Returns that right, RIGHT_ANY for a key that needs nothing more than
 * "sysrq", RIGHT_NONE for what is no key.
 */
enum right sysrq_right(uint32_t key);

/* Add to text which keys need which right. */
void	 sysrq_describe(char *text, size_t size);

#endif
