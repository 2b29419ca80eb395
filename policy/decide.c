/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "policy/policy.h"
#include "policy/rules.h"
#include "wire/err.h"

/*
 * The only place where yes or no is said.  Whoever has no place in it gets
 * no: each way out below is a refusal, except where a rule says otherwise.
 */

#define say(out, ...) \
	text_format((out)->because, sizeof((out)->because), __VA_ARGS__)

/* "allow has", with the right that brought an included one along. */
static void
say_rule(struct verdict *out, const struct policy_place *place,
    const char *plan, uint32_t rights, enum right right)
{
	const char *name = right_name(right), *by = "";
	bool has = (rights & RIGHT_BIT(right)) != 0;

	if (has && right == RIGHT_VIEW && rights & RIGHT_BIT(RIGHT_CONSOLE))
		by = " with \"console\"";
	else if (has && right == RIGHT_LOG && rights & RIGHT_BIT(RIGHT_VIEW))
		by = rights & RIGHT_BIT(RIGHT_CONSOLE) ? " with \"console\"" :
							 " with \"view\"";
	if (*plan != '\0')
		say(out, "%s:%d: plan \"%s\" %s \"%s\"%s", place->file,
		    place->line, plan, has ? "allows" : "does not allow", name,
		    by);
	else if (place->line > 0)
		say(out, "%s:%d: allow has %s\"%s\"%s", place->file,
		    place->line, has ? "" : "no ", name, by);
	else
		say(out, "%s: there is no \"allow\" for \"%s\"", place->file,
		    name);
}

static void
decide_account(const struct policy_customer *customer, enum right right,
    struct verdict *out)
{
	if (customer->rights & RIGHT_BIT(right)) {
		if (right == RIGHT_RDNS && *customer->ips_closed != '\0') {
			out->err = VPSH_ERR_POLICY;
			say(out, "%s", customer->ips_closed);
			return;
		}
		out->err = VPSH_OK;
	}
	say_rule(out, &customer->allow, customer->plan, customer->rights,
	    right);
}

/*
 * Only the customer's own guests are looked at, so a guest of somebody else
 * costs and answers exactly what a name costs that nobody has.
 */
static void
decide_guest(const struct policy_customer *customer, const char *name,
    enum right right, struct verdict *out)
{
	const struct policy_guest *guest = policy_guest(customer, name);

	if (guest == NULL) {
		out->err = VPSH_ERR_NO_GUEST;
		say(out, "%s/policy.conf: there is no guest of that name",
		    customer->name);
	} else if (*guest->closed != '\0') {
		out->err = VPSH_ERR_GUEST_CLOSED;
		say(out, "%s", guest->closed);
	} else if (right == RIGHT_ANY) {
		out->err = VPSH_OK;
		say(out, "%s:%d: \"%s\" is %s's own", guest->place.file,
		    guest->place.line, guest->name, customer->name);
	} else {
		if (guest->rights & RIGHT_BIT(right))
			out->err = VPSH_OK;
		say_rule(out, &guest->allow, guest->plan, guest->rights, right);
	}
}

void
policy_decide(const struct policy_customer *customer, const char *guest,
    enum right right, struct verdict *out)
{
	memset(out, 0, sizeof(*out));
	out->err = VPSH_ERR_DENIED;
	if (customer == NULL) {
		out->err = VPSH_ERR_NO_CUSTOMER;
		say(out, "there is no such customer");
	} else if (customer->suspended) {
		out->err = VPSH_ERR_SUSPENDED;
		say(out, "%s/%s: suspended%s%s", customer->name,
		    customer->suspended_by, *customer->reason ? ": " : "",
		    customer->reason);
	} else if (*customer->denied != '\0') {
		out->err = VPSH_ERR_POLICY;
		say(out, "%s", customer->denied);
	} else if (right != RIGHT_ANY && right_name(right) == NULL) {
		say(out, "there is no such right");
	} else if (right != RIGHT_ANY && RIGHT_BIT(right) & RULES_ACCOUNT) {
		decide_account(customer, right, out);
	} else if (guest != NULL) {
		decide_guest(customer, guest, right, out);
	} else if (right == RIGHT_ANY) {
		out->err = VPSH_OK;
		say(out, "every customer may");
	} else {
		say(out, "\"%s\" is a right on a guest, and none was named",
		    right_name(right));
	}
}
