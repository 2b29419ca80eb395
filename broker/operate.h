/* SPDX-License-Identifier: ISC */
#ifndef BROKER_OPERATE_H
#define BROKER_OPERATE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/wire.h"

struct operator_client;
struct policy_guest;

/*
 * What operators have done to guests: adopt, hold, release, forget what was
 * saved.  One job a guest, which holds it as a customer's would, and goes on
 * when the operator hangs up.
 */

/* Does that question ask for it, and is it one that can be asked? */
bool	 operate_is_good(const struct wire_msg *msg);

/* Answered with a DID for each guest, and DID_END.  False: no memory. */
bool	 operate_begin(struct operator_client *o, const struct wire_msg *msg);

/* The guest of that name; NULL: there is none, which was answered. */
const struct policy_guest *operate_guest(struct operator_client *o,
	    const char *name);

/* CUSTOMER/GUEST */
void	 operate_name(const struct policy_guest *g, char dst[WIRE_DOMAIN]);

/* The one answer, and the end of it. */
void	 operate_say(struct operator_client *o, const char *guest, int err,
	    const char *text);

/* The operator has gone; the jobs go on. */
void	 operate_forget(struct operator_client *o);

#endif
