/* SPDX-License-Identifier: ISC */
#ifndef POLICY_HOST_H
#define POLICY_HOST_H

#include "policy/faults.h"
#include "policy/policy.h"

/* What vpsh.conf says: contact, grace, plans and rescue profiles. */

struct host_plan {
	char name[TEXT_NAME_MAX + 1];
	int line;
	bool usable; /* nothing in it is wrong */
	uint32_t rights;
	struct policy_place allow;
	struct policy_limits limits;
	char domain_template[POLICY_DOMAIN];
	char config_template[POLICY_PATH];
	enum policy_autostart autostart;
};

struct host {
	char support[128];
	char ssh_host[POLICY_PATH];
	int ssh_port;
	int64_t grace_ms;
	enum policy_interface interface;
	struct host_plan *plans;
	size_t nplans;
	char (*profiles)[TEXT_NAME_MAX + 1];
	size_t nprofiles;
	struct host_plan defaults; /* where there is no plan */
};

/*
 * Read the text; NULL gives the defaults.  *usable says whether it holds
 * throughout; when it does not, what stands on its own is there all the same.
 * Returns NULL only without memory.
 */
struct host *host_read(const char *text, struct faults *faults, bool *usable);
void host_free(struct host *host);

const struct host_plan *host_plan(const struct host *host, const char *name);
bool host_has_profile(const struct host *host, const char *name);

/* The nearest plan to that word, or NULL. */
const char *host_plan_guess(const struct host *host, const char *name);

/*
 * Fill in %c (customer), %g (guest), %d (domain, where given) and %%.
 * Returns -1 when it does not fit or the template is wrong.
 */
int host_expand(char *dst, size_t size, const char *template,
    const char *customer, const char *guest, const char *domain);

#endif
