/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/text.h"
#include "broker/broker.h"
#include "broker/operation.h"

static int
do_list(struct request *r)
{
	return state_answer_later(r->broker, r->connection, r->msg->head.id,
	    r->guest == NULL ? "" : r->guest->name) == 0 ? VPSH_OK :
	    VPSH_ERR_MEMORY_HOST;
}

static int
do_start(struct request *r)
{
	return power_request(r, WIRE_OP_START);
}

static int
do_shutdown(struct request *r)
{
	return power_request(r, WIRE_OP_SHUTDOWN);
}

static int
do_reboot(struct request *r)
{
	return power_request(r, WIRE_OP_REBOOT);
}

static int
do_reset(struct request *r)
{
	return power_request(r, WIRE_OP_RESET);
}

static int
do_destroy(struct request *r)
{
	return power_request(r, WIRE_OP_DESTROY);
}

static int
do_why(struct request *r)
{
	const struct wire_why *why = &r->msg->u.why;
	struct wire_because answer = { 0 };
	const struct operation *op;
	struct verdict verdict;
	size_t i;

	for (i = 0; (op = operation_at(i)) != NULL; i++)
		if (strcmp(op->name, why->verb) == 0)
			break;
	r->args.verb = why->verb;
	if (op == NULL)
		return VPSH_ERR_UNKNOWN_COMMAND;
	if ((op->flags & OPERATION_GUEST) != 0 && why->guest[0] == '\0') {
		r->args.detail = "it needs the name of a guest";
		return VPSH_ERR_USAGE;
	}
	operation_decide(op, r->customer,
	    (op->flags & OPERATION_GUEST) != 0 ? why->guest : NULL, false,
	    &verdict);
	answer.allowed = verdict.err == VPSH_OK;
	(void)text_copy(answer.text, sizeof(answer.text), verdict.because);
	connection_send(r->connection, WIRE_BECAUSE, r->msg->head.id,
	    &answer);
	return VPSH_OK;
}

static int
do_whoami(struct request *r)
{
	struct wire_who who = { .guests = (uint32_t)r->customer->nguests,
		.rights = r->customer->rights };

	(void)text_copy(who.customer, sizeof(who.customer), r->customer->name);
	(void)text_copy(who.host, sizeof(who.host), r->broker->host);
	(void)text_copy(who.support, sizeof(who.support),
	    r->broker->policy->support);
	connection_send(r->connection, WIRE_WHO, r->msg->head.id, &who);
	return VPSH_OK;
}

#define GUEST	OPERATION_GUEST
#define POWER	(OPERATION_GUEST | OPERATION_POWER)
#define QUIET	OPERATION_QUIET
#define VIEW	(OPERATION_GUEST | OPERATION_VIEW)

static const struct operation operations[] = {
	{ WIRE_LIST, "list", RIGHT_ANY, QUIET, do_list },
	{ WIRE_STATUS, "status", RIGHT_ANY, GUEST | QUIET, do_list },
	{ WIRE_START, "start", RIGHT_START, POWER, do_start },
	{ WIRE_SHUTDOWN, "shutdown", RIGHT_SHUTDOWN, POWER, do_shutdown },
	{ WIRE_REBOOT, "reboot", RIGHT_REBOOT, POWER, do_reboot },
	{ WIRE_RESET, "reset", RIGHT_DESTROY, POWER, do_reset },
	{ WIRE_DESTROY, "destroy", RIGHT_DESTROY, POWER, do_destroy },
	{ WIRE_CONSOLE, "console", RIGHT_CONSOLE, VIEW, viewer_attach },
	{ WIRE_LOG, "log", RIGHT_LOG, GUEST, viewer_attach },
	{ WIRE_WHY, "why", RIGHT_ANY, QUIET, do_why },
	{ WIRE_WHOAMI, "whoami", RIGHT_ANY, QUIET, do_whoami },
};

const struct operation *
operation_at(size_t i)
{
	return i < sizeof(operations) / sizeof(operations[0]) ?
	    &operations[i] : NULL;
}

void
operation_decide(const struct operation *op,
    const struct policy_customer *customer, const char *guest, bool look,
    struct verdict *verdict)
{
	policy_decide(customer, guest,
	    look && (op->flags & OPERATION_VIEW) != 0 ? RIGHT_VIEW : op->right,
	    verdict);
}

/*
 * What the operator should know and the customer must not: is that guest
 * somebody else's?  Always looks at every customer, so that the time tells
 * nothing either.
 */
static const char *
foreign_owner(const struct policy *policy, const char *guest)
{
	const char *owner = NULL;
	size_t i;

	for (i = 0; i < policy->ncustomers; i++)
		if (policy_guest(&policy->customers[i], guest) != NULL)
			owner = policy->customers[i].name;
	return owner;
}

static int
record_decision(const struct request *r, const char *guest,
    const struct verdict *verdict)
{
	char because[sizeof(verdict->because) + 80];
	struct audit_record record = { .event = "decided",
		.customer = r->customer->name,
		.peer = connection_peer(r->connection),
		.claim = connection_claim(r->connection),
		.verb = r->operation->name, .guest = guest,
		.domain = r->guest == NULL ? NULL : r->guest->domain,
		.verdict = verdict->err == VPSH_OK ? "allow" : "deny",
		.because = because,
		.err = verdict->err == VPSH_OK ? NULL :
		    err_name(verdict->err) };
	const char *owner = guest == NULL ? NULL :
	    foreign_owner(r->broker->policy, guest);

	if (verdict->err == VPSH_OK &&
	    (r->operation->flags & OPERATION_QUIET) != 0)
		return 0;
	(void)text_format(because, sizeof(because), "%s%s%s",
	    verdict->because, verdict->err != VPSH_ERR_NO_GUEST ? "" :
	    owner == NULL ? "; nobody has one" : "; it is a guest of ",
	    verdict->err == VPSH_ERR_NO_GUEST && owner != NULL ? owner : "");
	return audit_write(&r->broker->audit, &record);
}

/* Allowed and yet not done: the outcome has to be on record, too. */
static void
record_failure(const struct request *r, int err)
{
	const struct audit_record record = { .event = "done",
		.customer = r->customer->name,
		.peer = connection_peer(r->connection),
		.verb = r->operation->name,
		.guest = r->guest == NULL ? NULL : r->guest->name,
		.domain = r->guest == NULL ? NULL : r->guest->domain,
		.err = err_name(err) };

	audit_write(&r->broker->audit, &record);
}

int
operation_dispatch(struct broker *b, struct connection *c,
    const struct wire_msg *msg)
{
	struct request r = { .broker = b, .connection = c, .msg = msg };
	const char *guest = NULL;
	struct verdict verdict;
	size_t i = 0;
	bool recorded;
	int err;

	while ((r.operation = operation_at(i)) != NULL &&
	    r.operation->type != msg->head.type)
		i++;
	r.customer = policy_customer(b->policy, connection_customer(c));
	if (r.operation == NULL || r.customer == NULL)
		return -1;
	if ((r.operation->flags & OPERATION_GUEST) != 0)
		guest = msg->u.name.guest;	/* first in each such body */

	operation_decide(r.operation, r.customer, guest,
	    (r.operation->flags & OPERATION_VIEW) != 0 &&
	    (msg->u.attach.flags & WIRE_ATTACH_VIEW) != 0, &verdict);
	if (guest != NULL && verdict.err == VPSH_OK)
		r.guest = policy_guest(r.customer, guest);
	recorded = record_decision(&r, guest, &verdict) == 0;

	r.args = (struct err_args){ .verb = r.operation->name,
		.guest = r.guest != NULL ? r.guest->name : NULL,
		.support = b->policy->support };
	err = verdict.err;
	if (err == VPSH_OK && !recorded &&
	    (r.operation->flags & OPERATION_POWER) != 0)
		err = VPSH_ERR_AUDIT;
	if (err == VPSH_OK) {
		err = r.operation->handler(&r);
		if (err != VPSH_OK)
			record_failure(&r, err);
	} else if (err != VPSH_ERR_NO_GUEST)
		r.args.guest = guest;
	if (err != VPSH_OK)
		connection_say(c, WIRE_REFUSED, msg->head.id, err, &r.args);
	return 0;
}

_Static_assert(offsetof(struct wire_name, guest) == 0 &&
    offsetof(struct wire_power, guest) == 0 &&
    offsetof(struct wire_attach, guest) == 0, "a guest's name comes first");
