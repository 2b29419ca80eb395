/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "broker/broker.h"
#include "broker/operation.h"
#include "wire/err.h"

#define OPERATOR	"operator"
#define SYSTEM		"system"

struct act {
	TAILQ_ENTRY(act) link;	/* activity_of.acts */
	int64_t		 wall_ms;
	int64_t		 took_ms;	/* -1: it is not over */
	int		 err;
	bool		 customers;	/* else who is not a customer's name */
	char		 ref[WIRE_REF];
	char		 verb[WIRE_WORD];
	char		 domain[WIRE_DOMAIN];
	char		 who[WIRE_NAME];
	char		 claim[];
};

struct activity_of {
	TAILQ_ENTRY(activity_of) link;	/* activity.list */
	char			 customer[WIRE_NAME];
	TAILQ_HEAD(acts, act)	 acts;	/* newest first */
	size_t			 nacts;
};

static void
on_heard(void *arg, const struct audit_record *r)
{
	activity_note(arg, r, clock_wall_ms());
}

void
activity_init(struct broker *b)
{
	TAILQ_INIT(&b->activity.list);
	b->audit.heard = on_heard;
	b->audit.heard_arg = b;
}

static struct activity_of *
activity_of(struct broker *b, const char *customer, bool make)
{
	struct activity_of *of;

	TAILQ_FOREACH(of, &b->activity.list, link)
		if (strcmp(of->customer, customer) == 0)
			return of;
	if (!make || (of = calloc(1, sizeof(*of))) == NULL)
		return NULL;
	(void)text_copy(of->customer, sizeof(of->customer), customer);
	TAILQ_INIT(&of->acts);
	TAILQ_INSERT_TAIL(&b->activity.list, of, link);
	return of;
}

static void
act_free(struct activity_of *of, struct act *act)
{
	TAILQ_REMOVE(&of->acts, act, link);
	of->nacts--;
	free(act);
}

void
activity_prune(struct broker *b)
{
	struct activity_of *of, *next;
	struct act *act;

	for (of = TAILQ_FIRST(&b->activity.list); of != NULL; of = next) {
		next = TAILQ_NEXT(of, link);
		if (policy_customer(b->policy, of->customer) != NULL)
			continue;
		while ((act = TAILQ_FIRST(&of->acts)) != NULL)
			act_free(of, act);
		TAILQ_REMOVE(&b->activity.list, of, link);
		free(of);
	}
}

/* --- what a record says -------------------------------------------------- */

/* Customers ask for what has a row; the others say who they are. */
static const char *
who_of(const struct audit_record *r, bool *customers)
{
	*customers = operation_by_name(r->verb) != NULL;
	if (*customers)
		return r->customer;
	/* A console that is watched is recorded with who has the guest. */
	if (strcmp(r->event, OPERATOR) == 0 || strcmp(r->verb, "watch") == 0 ||
	    strcmp(r->verb, "lend") == 0 ||
	    (r->customer != NULL && strcmp(r->customer, OPERATOR) == 0))
		return OPERATOR;
	return SYSTEM;
}

/* The domain that is meant; a guest that was denied is recorded by name. */
static const char *
domain_of(const struct broker *b, const struct audit_record *r)
{
	const struct policy_customer *customer;
	const struct policy_guest *guest = NULL;

	if (r->domain != NULL && *r->domain != '\0')
		return r->domain;
	customer = r->customer == NULL || r->guest == NULL ? NULL :
	    policy_customer(b->policy, r->customer);
	if (customer != NULL)
		guest = policy_guest(customer, r->guest);
	return guest == NULL ? NULL : guest->domain;
}

static bool
is(const char *s, const char *word)
{
	return s != NULL && strcmp(s, word) == 0;
}

/* A session on a console has no reference: it begins and ends by name. */
static bool
is_session(const struct audit_record *r)
{
	return is(r->verb, "console") || is(r->verb, "watch");
}

/* Nor has a console that is lent. */
static bool
has_ends(const struct audit_record *r)
{
	return is_session(r) || is(r->verb, "lend");
}

/* An operator's question what would be done. */
static bool
is_question(const struct audit_record *r)
{
	return is(r->verb, "adopt") && is(r->how, "--dry-run");
}

static bool
is_power(const struct audit_record *r)
{
	const struct operation *op = operation_by_name(r->verb);

	return op == NULL || (op->flags & OPERATION_POWER) != 0;
}

enum step { NOTHING, BEGINS, ENDS, BOTH };

static enum step
step_of(const struct audit_record *r)
{
	bool decided = is(r->event, "decided") || is(r->event, OPERATOR);

	if ((!is_power(r) && !is_session(r)) || is_question(r))
		return NOTHING;
	if (decided && is(r->verdict, "deny"))
		return BOTH;
	if ((decided && (r->ref != NULL || has_ends(r))) ||
	    is(r->event, "attach"))
		return BEGINS;
	if (is(r->event, "skipped") || is(r->event, "left"))
		return BOTH;
	return is(r->event, "done") || is(r->event, "detach") ? ENDS : NOTHING;
}

/* --- what is remembered of it -------------------------------------------- */

static struct act *
act_find(const struct activity_of *of, const struct audit_record *r,
    const char *domain, const char *who)
{
	struct act *act;

	TAILQ_FOREACH(act, &of->acts, link) {
		if (strcmp(act->domain, domain) != 0)
			continue;
		if (r->ref != NULL ? strcmp(act->ref, r->ref) == 0 :
		    act->took_ms == -1 && strcmp(act->verb, r->verb) == 0 &&
		    strcmp(act->who, who) == 0)
			return act;
	}
	return NULL;
}

/* Newest first; what took long is on record late. */
static void
act_insert(struct activity_of *of, struct act *act)
{
	struct act *at = TAILQ_FIRST(&of->acts);

	while (at != NULL && at->wall_ms > act->wall_ms)
		at = TAILQ_NEXT(at, link);
	if (at == NULL)
		TAILQ_INSERT_TAIL(&of->acts, act, link);
	else
		TAILQ_INSERT_BEFORE(at, act, link);
	if (++of->nacts > ACTIVITY_MAX)
		act_free(of, TAILQ_LAST(&of->acts, acts));
}

static struct act *
act_new(const struct audit_record *r, const char *domain, const char *who)
{
	const char *claim = r->claim != NULL ? r->claim : "";
	size_t len = strlen(claim);
	struct act *act;

	if (len >= WIRE_CLAIM)
		len = WIRE_CLAIM - 1;
	if ((act = calloc(1, sizeof(*act) + len + 1)) == NULL)
		return NULL;
	memcpy(act->claim, claim, len);
	act->took_ms = -1;
	(void)text_copy(act->domain, sizeof(act->domain), domain);
	(void)text_copy(act->who, sizeof(act->who), who);
	if (r->ref != NULL)
		(void)text_copy(act->ref, sizeof(act->ref), r->ref);
	/* An operator's is a reason, and theirs. */
	if (r->how != NULL && *r->how != '\0' && strcmp(who, OPERATOR) != 0)
		(void)text_format(act->verb, sizeof(act->verb), "%s %s",
		    r->verb, r->how);
	else
		(void)text_copy(act->verb, sizeof(act->verb), r->verb);
	return act;
}

/* Who comes back to the same console again and again is there once. */
static bool
is_same_session(const struct act *act, const struct audit_record *r,
    const char *domain, const char *who)
{
	return act != NULL && is_session(r) &&
	    strcmp(act->verb, r->verb) == 0 &&
	    strcmp(act->domain, domain) == 0 && strcmp(act->who, who) == 0;
}

static int
err_of(const char *name)
{
	int err;

	for (err = 0; name != NULL && err > -VPSH_ERR_COUNT; err--)
		if (strcmp(err_name(err), name) == 0)
			return err;
	return name == NULL ? VPSH_OK : VPSH_ERR_FAILED;
}

static void
note_in(struct activity_of *of, const struct audit_record *r, int64_t wall_ms,
    const char *domain, enum step step)
{
	bool customers;
	const char *who = who_of(r, &customers);
	struct act *act = NULL, *first = TAILQ_FIRST(&of->acts);
	bool fresh;

	if (who == NULL)
		return;
	if (step != BOTH)
		act = act_find(of, r, domain, who);
	/* A session's end says nothing of one that is forgotten. */
	if (act == NULL && step == ENDS && r->ref == NULL)
		return;
	fresh = act == NULL;
	if (fresh && step == BEGINS &&
	    is_same_session(first, r, domain, who))
		act_free(of, first);
	if (fresh && (act = act_new(r, domain, who)) == NULL)
		return;
	act->customers = customers;
	if (step == BEGINS || step == BOTH || fresh)
		act->wall_ms = step == ENDS ? wall_ms - r->ms : wall_ms;
	if (step == BOTH)
		act->took_ms = 0;
	else if (step == ENDS)
		act->took_ms = r->ms > 0 ? r->ms - 1 :
		    wall_ms > act->wall_ms ? wall_ms - act->wall_ms : 0;
	if (step != BEGINS)
		act->err = err_of(r->err);
	if (fresh)
		act_insert(of, act);
}

static bool
has_domain(const struct policy_customer *customer, const char *domain)
{
	size_t i;

	for (i = 0; customer != NULL && i < customer->nguests; i++)
		if (strcmp(customer->guests[i].domain, domain) == 0)
			return true;
	return false;
}

/*
 * No customer's act, and of the time of one who has the guest no more: not
 * for who has it now.
 */
static bool
is_of_another_time(const struct broker *b, const struct audit_record *r,
    const char *domain)
{
	return operation_by_name(r->verb) == NULL && r->customer != NULL &&
	    strcmp(r->customer, OPERATOR) != 0 &&
	    strcmp(r->customer, SYSTEM) != 0 &&
	    !has_domain(policy_customer(b->policy, r->customer), domain);
}

void
activity_note(struct broker *b, const struct audit_record *r, int64_t wall_ms)
{
	const struct policy_customer *customer;
	const struct policy_guest *first;
	enum step step;
	const char *domain;
	struct activity_of *of;
	size_t i;

	if (r->verb == NULL || (step = step_of(r)) == NOTHING ||
	    (domain = domain_of(b, r)) == NULL ||
	    (first = policy_by_domain(b->policy, domain)) == NULL ||
	    is_of_another_time(b, r, domain))
		return;
	for (i = 0; i < b->policy->ncustomers; i++) {
		customer = &b->policy->customers[i];
		if (!first->shared && strcmp(customer->name, first->owner) != 0)
			continue;
		if (has_domain(customer, domain) &&
		    (of = activity_of(b, customer->name, true)) != NULL)
			note_in(of, r, wall_ms, domain, step);
	}
}

void
activity_close_open(struct broker *b)
{
	struct activity_of *of;
	struct act *act;

	TAILQ_FOREACH(of, &b->activity.list, link)
		TAILQ_FOREACH(act, &of->acts, link)
			if (act->took_ms == -1 && act->ref[0] == '\0')
				act->took_ms = 0;
}

/* --- what a customer is told --------------------------------------------- */

static const struct policy_guest *
guest_by_domain(const struct policy_customer *customer, const char *domain)
{
	size_t i;

	for (i = 0; i < customer->nguests; i++)
		if (strcmp(customer->guests[i].domain, domain) == 0 &&
		    customer->guests[i].closed[0] == '\0')
			return &customer->guests[i];
	return NULL;
}

/* What was done to it in its time, by who has it, has had it or runs it. */
static const struct policy_guest *
guest_shown(const struct policy *policy,
    const struct policy_customer *customer, const struct act *act)
{
	const struct policy_customer *who = !act->customers ? customer :
	    policy_customer(policy, act->who);

	/* Of whoever had the guest before, nobody is told. */
	if (who == NULL || guest_by_domain(who, act->domain) == NULL)
		return NULL;
	return guest_by_domain(customer, act->domain);
}

static void
fill(const struct request *r, const struct act *act, const char *guest,
    struct wire_act *out)
{
	const struct job *job;

	memset(out, 0, sizeof(*out));
	out->wall_ms = act->wall_ms;
	out->took_ms = act->took_ms;
	out->err = act->err;
	memcpy(out->verb, act->verb, sizeof(out->verb));
	memcpy(out->who, act->who, sizeof(out->who));
	memcpy(out->ref, act->ref, sizeof(out->ref));
	(void)text_copy(out->guest, sizeof(out->guest), guest);
	/* Where others log in from is not their business. */
	if (act->customers && strcmp(act->who, r->customer->name) == 0)
		(void)text_copy(out->claim, sizeof(out->claim), act->claim);
	if (act->took_ms != -1 || act->ref[0] == '\0')
		return;
	/* The host went down with it: nobody will say any more how it ended. */
	job = job_by_ref(r->broker, act->ref);
	if (job == NULL || job->state == JOB_OVER) {
		out->took_ms = 0;
		out->err = VPSH_ERR_INTERRUPTED;
	}
}

int
activity_request(struct request *r)
{
	const struct wire_ask_activity *ask = &r->msg->u.ask_activity;
	const struct activity_of *of = activity_of(r->broker,
	    r->customer->name, false);
	const struct policy_guest *guest;
	struct wire_count end = { 0 };
	struct wire_act out;
	const struct act *act;

	for (act = of == NULL ? NULL : TAILQ_FIRST(&of->acts); act != NULL;
	     act = TAILQ_NEXT(act, link)) {
		if (ask->max != 0 && end.count >= ask->max)
			break;
		guest = guest_shown(r->broker->policy, r->customer, act);
		if (guest == NULL || (r->guest != NULL && guest != r->guest))
			continue;
		fill(r, act, guest->name, &out);
		connection_send(r->connection, WIRE_ACT, r->msg->head.id,
		    &out);
		end.count++;
	}
	connection_send(r->connection, WIRE_END, r->msg->head.id, &end);
	return VPSH_OK;
}
