/* SPDX-License-Identifier: ISC */
#ifndef BROKER_OPERATION_H
#define BROKER_OPERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"
#include "wire/err.h"
#include "wire/wire.h"

struct broker;
struct connection;
struct job;
struct request;

#define OPERATION_GUEST	0x1u	/* the body begins with a guest's name */
#define OPERATION_POWER	0x2u	/* changes a guest: not without a record */
#define OPERATION_VIEW	0x4u	/* who only looks needs the right "view" */
#define OPERATION_QUIET	0x8u	/* on record only when it is denied */
#define OPERATION_ALL	0x10u	/* the name may be empty: all guests */
#define OPERATION_FORCE	0x20u	/* may go on to pull the plug */
#define OPERATION_KEY	0x40u	/* a sysrq, whose right depends on the key */
#define OPERATION_REF	0x80u	/* of a job, which goes on record */

/*
 * One row per thing that a customer can ask for.  Nothing else is decoded,
 * and nothing is handled before its right was decided on.
 */
struct operation {
	uint32_t	 type;		/* enum wire_type */
	const char	*name;
	enum right	 right;
	unsigned	 flags;
	int		(*handler)(struct request *request);
};

/* What of a request its right depends on, beside the operation. */
struct operation_how {
	bool		 look;	/* promises not to write */
	bool		 force;	/* pulls the plug if not obeyed */
	uint32_t	 key;	/* of a sysrq; 0: any that does no harm */
};

/* An allowed request, for its handler. */
struct request {
	struct broker			*broker;
	struct connection		*connection;
	const struct operation		*operation;
	const struct wire_msg		*msg;
	const struct policy_customer	*customer;
	const struct policy_guest	*guest;	/* with OPERATION_GUEST */
	struct job			*job;	/* with OPERATION_POWER */
	/*
	 * For the sentence of a refusal.  A handler may add to them; detail
	 * has to stay valid until it has returned.
	 */
	struct err_args			 args;
	char				 detail[160];
	char				 how[WIRE_WORD];	/* "b" */
};

/* The i-th row, NULL past the end. */
const struct operation *operation_at(size_t i);
/* The row of that request, or of that name; NULL: there is none. */
const struct operation *operation_of(uint32_t type);
const struct operation *operation_by_name(const char *name);

/*
 * The job of that reference, if it is the customer's: they asked for it, or
 * it is about a guest of theirs.  guest is how they call that; or NULL.
 */
struct job *operation_job(const struct request *r, const char *ref,
	    const char **guest);

/*
 * The only caller of verb_decide(): the verdict on one operation as of
 * now.  What it may turn into is decided on as well.
 */
void	 operation_decide(const struct operation *op,
	    const struct policy_customer *customer, const char *guest,
	    const struct operation_how *how, struct verdict *verdict);

/*
 * Has its owner still the right to what this job is about to do?  Jobs wait,
 * for their turn or for a guest that does not obey, and policies change.
 */
bool	 operation_allows(const struct job *job);

/*
 * Decide on one request, put the decision on record and have it done or
 * refused.  Returns -1 when no client of ours sends that: drop it.
 */
int	 operation_dispatch(struct broker *b, struct connection *c,
	    const struct wire_msg *msg);

#endif
