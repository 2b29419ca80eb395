/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "policy/claims.h"
#include "policy/ips.h"

struct claim {
	struct policy_customer *customer;
	struct policy_guest *guest;
};

static int
by_domain(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int d = strcmp(x->guest->domain, y->guest->domain);

	if (d == 0)
		d = strcmp(x->customer->name, y->customer->name);
	return d != 0 ? d : strcmp(x->guest->name, y->guest->name);
}

/* May these claim one domain?  They are sorted by customer. */
static bool
is_shared(const struct claim *claims, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!claims[i].guest->shared ||
		    (i > 0 && claims[i].customer == claims[i - 1].customer))
			return false;
	return true;
}

/*
 * The customer's own sentence names no other customer: whose guests are not
 * theirs do not exist for them.
 */
static void
close_claim(const struct claim *claim, const struct claim *other,
    struct faults *faults)
{
	struct policy_guest *g = claim->guest;
	bool same = claim->customer == other->customer;

	faults_add(faults, g->place.file, g->place.line,
	    "the domain \"%s\" is "
	    "claimed by %s:%d as well%s; %s is closed",
	    g->domain, other->guest->place.file, other->guest->place.line,
	    same ? "" : ", and not every owner says \"shared = true\"",
	    g->name);
	if (*g->closed == '\0')
		text_format(g->closed, sizeof(g->closed),
		    "%s:%d: the domain of this guest is claimed twice",
		    g->place.file, g->place.line);
}

static void
judge_domain(const struct claim *claims, size_t n, struct faults *faults)
{
	size_t i;

	if (n < 2)
		return;
	if (is_shared(claims, n)) {
		for (i = 1; i < n; i++)
			text_copy(claims[i].guest->owner,
			    sizeof(claims[i].guest->owner),
			    claims[0].guest->owner);
		return;
	}
	for (i = 0; i < n; i++)
		close_claim(&claims[i], &claims[i == 0 ? 1 : 0], faults);
}

static int
judge_domains(struct policy *policy, struct faults *faults)
{
	struct policy_customer *c;
	struct claim *claims;
	size_t i, k, n = 0;

	for (i = 0; i < policy->ncustomers; i++)
		n += policy->customers[i].nguests;
	claims = calloc(n + 1, sizeof(*claims));
	policy->by_domain = calloc(n + 1, sizeof(*policy->by_domain));
	if (claims == NULL || policy->by_domain == NULL) {
		free(claims);
		return -1;
	}
	n = 0;
	for (i = 0; i < policy->ncustomers; i++) {
		c = &policy->customers[i];
		for (k = 0; k < c->nguests; k++)
			if (*c->guests[k].domain != '\0')
				claims[n++] = (struct claim){ c,
					&c->guests[k] };
	}
	qsort(claims, n, sizeof(*claims), by_domain);
	for (i = 0; i < n; i = k) {
		for (k = i + 1; k < n &&
		     strcmp(claims[k].guest->domain, claims[i].guest->domain) ==
			 0;
		     k++)
			continue;
		judge_domain(&claims[i], k - i, faults);
		policy->by_domain[policy->ndomains++] = claims[i].guest;
	}
	free(claims);
	return 0;
}

static int
by_uid(const void *a, const void *b)
{
	const struct policy_customer *const *x = a, *const *y = b;

	if ((*x)->uid != (*y)->uid)
		return (*x)->uid < (*y)->uid ? -1 : 1;
	return strcmp((*x)->name, (*y)->name);
}

static void
deny_uid(struct policy_customer *customer, const struct policy_customer *other,
    struct faults *faults)
{
	char file[sizeof(customer->allow.file)];

	text_format(file, sizeof(file), "%s/policy.conf", customer->name);
	faults_add(faults, file, customer->uid_line,
	    "uid %lu is also that of %s/policy.conf:%d; %s is denied",
	    (unsigned long)customer->uid, other->name, other->uid_line,
	    customer->name);
	if (*customer->denied == '\0')
		text_format(customer->denied, sizeof(customer->denied),
		    "%s:%d: this uid is not %s's alone", file,
		    customer->uid_line, customer->name);
}

static int
judge_uids(struct policy *policy, struct faults *faults)
{
	struct policy_customer **list;
	size_t i, k, j, n = 0;

	list = calloc(policy->ncustomers + 1, sizeof(*list));
	if (list == NULL)
		return -1;
	for (i = 0; i < policy->ncustomers; i++)
		if (policy->customers[i].has_uid)
			list[n++] = &policy->customers[i];
	qsort(list, n, sizeof(*list), by_uid);
	for (i = 0; i < n; i = k) {
		for (k = i + 1; k < n && list[k]->uid == list[i]->uid; k++)
			continue;
		for (j = i; j < k && k - i > 1; j++)
			deny_uid(list[j], list[j == i ? i + 1 : i], faults);
	}
	free(list);
	return 0;
}

int
claims_judge(struct policy *policy, struct faults *faults)
{
	if (judge_uids(policy, faults) != 0 || ips_judge(policy, faults) != 0)
		return -1;
	return judge_domains(policy, faults);
}
