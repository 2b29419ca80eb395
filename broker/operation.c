/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/point.h"
#include "base/text.h"
#include "broker/broker.h"
#include "broker/cancel.h"
#include "broker/operation.h"
#include "policy/sysrq.h"
#include "policy/verb.h"

static int
do_list(struct request *r)
{
	return look_later(r->broker, r->connection, r->msg->head.id,
	    r->guest == NULL ? "" : r->guest->name,
	    r->msg->u.look.flags) == 0 ? VPSH_OK : VPSH_ERR_MEMORY_HOST;
}

static int
do_sysrq(struct request *r)
{
	if (sysrq_right(r->msg->u.sysrq.key) != RIGHT_NONE)
		return power_request(r);
	r->args.detail = r->how;
	return VPSH_ERR_KEY;
}

/* "shutdown", "shutdown --force-after" or "sysrq b". */
static const struct operation *
operation_by_words(const char *words, struct operation_how *how)
{
	size_t i, len = strcspn(words, " ");
	const char *rest = words + len + (words[len] == ' ');
	const struct operation *op;

	for (i = 0; (op = operation_at(i)) != NULL; i++)
		if (strlen(op->name) == len &&
		    memcmp(op->name, words, len) == 0)
			break;
	if (op == NULL || *rest == '\0')
		return op;
	how->force = strcmp(rest, VERB_FORCE) == 0;
	if ((op->flags & OPERATION_KEY) != 0 && rest[1] == '\0')
		how->key = (unsigned char)*rest;
	return (how->force && (op->flags & OPERATION_FORCE) != 0) ||
	    sysrq_right(how->key) != RIGHT_NONE ? op : NULL;
}

static int
do_why(struct request *r)
{
	const struct wire_why *why = &r->msg->u.why;
	struct wire_because answer = { 0 };
	struct operation_how how = { 0 };
	const struct operation *op = operation_by_words(why->verb, &how);
	const char *guest = NULL;
	struct verdict verdict;

	r->args.verb = why->verb;
	if (op == NULL)
		return VPSH_ERR_UNKNOWN_COMMAND;
	if ((op->flags & OPERATION_GUEST) != 0)
		guest = why->guest;
	else if ((op->flags & OPERATION_ALL) != 0 && why->guest[0] != '\0')
		guest = why->guest;
	if (guest != NULL && guest[0] == '\0') {
		r->args.detail = "it needs the name of a guest";
		return VPSH_ERR_USAGE;
	}
	operation_decide(op, r->customer, guest, &how, &verdict);
	if (verdict.err == VPSH_ERR_NO_GUEST) {
		r->args.guest = guest;
		return VPSH_ERR_NO_GUEST;
	}
	answer.allowed = verdict.err == VPSH_OK;
	/* What more it may be asked to do is told without being asked. */
	how.force = (op->flags & OPERATION_FORCE) != 0;
	if (how.force)
		operation_decide(op, r->customer, guest, &how, &verdict);
	(void)text_copy(answer.text, sizeof(answer.text), verdict.because);
	if (answer.allowed && (op->flags & OPERATION_KEY) != 0 && how.key == 0)
		sysrq_describe(answer.text, sizeof(answer.text));
	connection_send(r->connection, WIRE_BECAUSE, r->msg->head.id,
	    &answer);
	return VPSH_OK;
}

/*
 * Theirs: they asked for it, or it is about a guest of theirs.  A customer
 * may be called "system", too: what no customer can ask for is the system's,
 * or an operator's.
 */
static bool
is_their_job(const struct policy_customer *customer, const struct job *job,
    const char **guest)
{
	size_t i;

	for (i = 0; i < customer->nguests; i++)
		if (strcmp(customer->guests[i].domain, job->name) == 0) {
			*guest = customer->guests[i].name;
			return true;
		}
	*guest = job->guest;
	return operation_by_name(job->verb) != NULL &&
	    strcmp(customer->name, job->owner) == 0;
}

struct job *
operation_job(const struct request *r, const char *ref, const char **guest)
{
	struct job *job = job_by_ref(r->broker, ref);

	return job != NULL && is_their_job(r->customer, job, guest) ? job :
	    NULL;
}

static int
do_find(struct request *r)
{
	const char *guest;
	struct job *job = operation_job(r, r->msg->u.ref.ref, &guest);

	if (job == NULL) {
		r->args.detail = r->msg->u.ref.ref;
		return VPSH_ERR_NO_JOB;
	}
	job_attach(job, r->connection, r->msg->head.id, guest);
	return VPSH_OK;
}

/* They are on it: there is no need any more to show them back. */
static int
do_console(struct request *r)
{
	int err = viewer_attach(r);

	if (err != VPSH_OK)
		return err;
	connection_left(r->connection, false);
	prefs_returned(r->broker, r->customer->name, r->guest->name);
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
#define ALL	(OPERATION_ALL | OPERATION_QUIET)
#define FORCE	(POWER | OPERATION_FORCE)
#define KEY	(POWER | OPERATION_KEY)
#define REF	OPERATION_REF

static const struct operation operations[] = {
	{ WIRE_LIST, "list", RIGHT_ANY, ALL, do_list },
	{ WIRE_STATUS, "status", RIGHT_ANY, GUEST | QUIET, do_list },
	{ WIRE_START, "start", RIGHT_START, POWER, power_request },
	{ WIRE_SHUTDOWN, "shutdown", RIGHT_SHUTDOWN, FORCE, power_request },
	{ WIRE_REBOOT, "reboot", RIGHT_REBOOT, FORCE, power_request },
	{ WIRE_RESET, "reset", RIGHT_DESTROY, POWER, power_request },
	{ WIRE_DESTROY, "destroy", RIGHT_DESTROY, POWER, power_request },
	{ WIRE_PAUSE, "pause", RIGHT_PAUSE, POWER, power_request },
	{ WIRE_UNPAUSE, "unpause", RIGHT_PAUSE, POWER, power_request },
	{ WIRE_SYSRQ, "sysrq", RIGHT_SYSRQ, KEY, do_sysrq },
	{ WIRE_CONSOLE, "console", RIGHT_CONSOLE, VIEW, do_console },
	{ WIRE_LOG, "log", RIGHT_LOG, GUEST, viewer_attach },
	{ WIRE_FOLLOW, "follow", RIGHT_ANY, ALL, follow_begin },
	{ WIRE_UNFOLLOW, "unfollow", RIGHT_ANY, QUIET, follow_end },
	{ WIRE_FIND, "job", RIGHT_ANY, QUIET, do_find },
	{ WIRE_CANCEL, "cancel", RIGHT_ANY, REF, cancel_request },
	{ WIRE_PREFS, "prefs", RIGHT_ANY, QUIET, prefs_read },
	{ WIRE_PREFER, "prefer", RIGHT_ANY, 0, prefs_prefer },
	{ WIRE_LEAVE, "leave", RIGHT_ANY, QUIET, prefs_leave },
	{ WIRE_ACTIVITY, "activity", RIGHT_ANY, ALL, activity_request },
	{ WIRE_WHY, "why", RIGHT_ANY, QUIET, do_why },
	{ WIRE_WHOAMI, "whoami", RIGHT_ANY, QUIET, do_whoami },
};

const struct operation *
operation_at(size_t i)
{
	return i < sizeof(operations) / sizeof(operations[0]) ?
	    &operations[i] : NULL;
}

const struct operation *
operation_of(uint32_t type)
{
	const struct operation *op;
	size_t i;

	for (i = 0; (op = operation_at(i)) != NULL; i++)
		if (op->type == type)
			break;
	return op;
}

const struct operation *
operation_by_name(const char *name)
{
	const struct operation *op;
	size_t i;

	for (i = 0; (op = operation_at(i)) != NULL; i++)
		if (strcmp(op->name, name) == 0)
			break;
	return op;
}

void
operation_decide(const struct operation *op,
    const struct policy_customer *customer, const char *guest,
    const struct operation_how *how, struct verdict *verdict)
{
	verb_decide(customer, guest,
	    how->look && (op->flags & OPERATION_VIEW) != 0 ? RIGHT_VIEW :
	    op->right, how->force && (op->flags & OPERATION_FORCE) != 0,
	    (op->flags & OPERATION_KEY) != 0 ? how->key : 0, verdict);
}

bool
operation_allows(const struct job *job)
{
	const struct operation_how how = { .force = job->force,
		.key = (unsigned char)job->key };
	const struct operation *op = operation_by_name(job->verb);
	struct verdict verdict;

	/* The system's own, and the operator's: no customer asks for that. */
	if (op == NULL)
		return true;
	operation_decide(op, policy_customer(job->broker->policy, job->owner),
	    job->guest, &how, &verdict);
	return verdict.err == VPSH_OK;
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
		.verb = r->operation->name, .how = r->how, .guest = guest,
		.domain = r->guest == NULL ? NULL : r->guest->domain,
		.ref = r->job == NULL ? NULL : r->job->ref,
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
		.verb = r->operation->name, .how = r->how,
		.guest = r->guest == NULL ? NULL : r->guest->name,
		.domain = r->guest == NULL ? NULL : r->guest->domain,
		.ref = r->job == NULL ? NULL : r->job->ref,
		.err = err_name(err) };

	if (r->job != NULL)
		power_refuse(r->job, err);
	audit_write(&r->broker->audit, &record);
}

static void
how_of(struct request *r, struct operation_how *how)
{
	unsigned flags = r->operation->flags;
	uint32_t key = r->msg->u.sysrq.key;

	memset(how, 0, sizeof(*how));
	if ((flags & OPERATION_REF) != 0)
		(void)text_copy(r->how, sizeof(r->how), r->msg->u.ref.ref);
	if ((flags & OPERATION_VIEW) != 0)
		how->look = (r->msg->u.attach.flags & WIRE_ATTACH_VIEW) != 0;
	if ((flags & OPERATION_FORCE) != 0)
		how->force = (r->msg->u.power.flags & WIRE_POWER_FORCE) != 0;
	if (how->force)
		(void)text_copy(r->how, sizeof(r->how), VERB_FORCE);
	if ((flags & OPERATION_KEY) == 0)
		return;
	how->key = key;
	if (key > ' ' && key < 0x7f)
		(void)text_format(r->how, sizeof(r->how), "%c", (char)key);
	else
		(void)text_format(r->how, sizeof(r->how), "%u", key);
}

/* The guest that it names, if it is to name one. */
static const char *
guest_of(const struct request *r)
{
	const char *guest = r->msg->u.name.guest; /* first in each such body */

	if ((r->operation->flags & OPERATION_GUEST) != 0 ||
	    ((r->operation->flags & OPERATION_ALL) != 0 && *guest != '\0'))
		return guest;
	return NULL;
}

/* Have it done, or know why not. */
static int
operation_do(struct request *r, const char *guest,
    const struct verdict *verdict, bool recorded)
{
	int err = verdict->err;

	r->args = (struct err_args){ .verb = r->operation->name,
		.guest = r->guest != NULL ? r->guest->name : NULL,
		.support = r->broker->policy->support };
	if (err == VPSH_OK) {
		err = recorded ||
		    (r->operation->flags & OPERATION_POWER) == 0 ?
		    r->operation->handler(r) : VPSH_ERR_AUDIT;
		if (err != VPSH_OK)
			record_failure(r, err);
	} else if (err != VPSH_ERR_NO_GUEST)
		r->args.guest = guest;
	if (err == VPSH_ERR_DENIED)
		r->args.detail = r->how;
	return err;
}

int
operation_dispatch(struct broker *b, struct connection *c,
    const struct wire_msg *msg)
{
	struct request r = { .broker = b, .connection = c, .msg = msg };
	struct operation_how how;
	struct verdict verdict;
	const char *guest;
	bool recorded;
	int err;

	r.operation = operation_of(msg->head.type);
	r.customer = policy_customer(b->policy, connection_customer(c));
	if (r.operation == NULL || r.customer == NULL)
		return -1;
	if (later_put(b, c, r.operation, msg))
		return 0;
	guest = guest_of(&r);
	how_of(&r, &how);
	operation_decide(r.operation, r.customer, guest, &how, &verdict);
	if (guest != NULL && verdict.err == VPSH_OK)
		r.guest = policy_guest(r.customer, guest);
	if (r.guest != NULL && (r.operation->flags & OPERATION_POWER) != 0) {
		if (power_again(&r))
			return 0;
		power_prepare(&r);
	}
	recorded = record_decision(&r, guest, &verdict) == 0;
	if (r.job != NULL)
		point("broker-decided");
	err = operation_do(&r, guest, &verdict, recorded);
	if (r.job != NULL)
		job_drop(r.job);
	health_request(b, err);
	if (err != VPSH_OK)
		connection_say(c, WIRE_REFUSED, msg->head.id, err, &r.args);
	return 0;
}

_Static_assert(offsetof(struct wire_name, guest) == 0 &&
    offsetof(struct wire_power, guest) == 0 &&
    offsetof(struct wire_sysrq, guest) == 0 &&
    offsetof(struct wire_look, guest) == 0 &&
    offsetof(struct wire_ask_activity, guest) == 0 &&
    offsetof(struct wire_attach, guest) == 0, "a guest's name comes first");
