/* SPDX-License-Identifier: ISC */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "wire/right.h"

/*
 * What the operator wrote under /etc/vpsh, read and judged whole.  A policy
 * is immutable once loaded; a reload makes a new one.  Names and texts in it
 * come from root-owned files and are still bounded and escaped.
 */

#define POLICY_TEXT   384
#define POLICY_PATH   256
#define POLICY_DOMAIN 65
#define POLICY_REASON 200

/* Where a rule stands: "alice/policy.conf", 7.  Line 0: the whole file. */
struct policy_place {
	char file[80];
	int line;
};

/* A mistake, for the operator: "alice/policy.conf:3: unknown right ...". */
struct policy_fault {
	struct policy_place place;
	char text[POLICY_TEXT]; /* without the place */
};

enum policy_autostart {
	POLICY_AUTOSTART_LAST,
	POLICY_AUTOSTART_ALWAYS,
	POLICY_AUTOSTART_NEVER
};

/* What a login sees that wants nothing in particular. */
enum policy_interface {
	POLICY_INTERFACE_MENU,
	POLICY_INTERFACE_LINE
};

struct policy_limits {
	int sessions; /* connections at a time, per customer */
	int power;    /* per guest and verb class, per minute */
	int consoles; /* viewers at a time, per guest */
};

/*
 * Rights hold what they include: console is there for view and log as well,
 * view for log, because a viewer is shown what was missed.
 */
struct policy_guest {
	char name[TEXT_NAME_MAX + 1];
	char domain[POLICY_DOMAIN];
	char config[POLICY_PATH];
	char host[POLICY_DOMAIN];     /* empty: this one */
	uint32_t rights;	      /* mask of RIGHT_BIT */
	struct policy_place allow;    /* the list that decided rights */
	struct policy_place place;    /* the guest's own entry */
	char plan[TEXT_NAME_MAX + 1]; /* of that list */
	enum policy_autostart autostart;
	bool shared;
	/*
	 * The stream's name: the first owner in alphabetical order.  Equal to
	 * the customer unless shared.
	 */
	char owner[TEXT_NAME_MAX + 1];
	/* Why nobody may use it (claimed twice); empty when usable. */
	char closed[POLICY_TEXT];
};

struct policy_ip; /* policy/ips.h */

struct policy_customer {
	char name[TEXT_NAME_MAX + 1];
	bool has_uid; /* "uid = N" in the policy */
	uid_t uid;
	uint32_t rights; /* of the account */
	struct policy_place allow;
	char plan[TEXT_NAME_MAX + 1]; /* of allow */
	char base[TEXT_NAME_MAX + 1]; /* the plan that the file names */
	struct policy_limits limits;
	enum policy_interface interface;
	struct policy_guest *guests; /* sorted by name */
	size_t nguests;
	struct policy_ip *ips; /* sorted; see policy/ips.h */
	size_t nips;
	char *ips_text; /* what they point into */
	/* Why there is no reverse DNS although allowed; empty when usable. */
	char ips_closed[POLICY_TEXT];
	bool suspended;
	/* Which file says so: "suspended" or "policy.conf". */
	const char *suspended_by;
	/* The operator's reason, for the customer to read; may be empty. */
	char reason[POLICY_REASON];
	/*
	 * Why the customer may do nothing at all; empty when usable.  Says
	 * nothing of a suspension, during which guests run on.
	 */
	char denied[POLICY_TEXT];
	/* The file is broken and this is what it last said; 0: current. */
	int64_t stale_since_ms; /* clock_wall_ms() */
	int uid_line;		/* of "uid = N" */
	char *text;		/* last good file, or NULL */
};

struct policy {
	struct policy_customer *customers; /* sorted by name */
	size_t ncustomers;
	struct policy_fault *faults;
	size_t nfaults;
	char support[128];	     /* operator's contact */
	char ssh_host[POLICY_PATH];  /* as customers reach it, or empty */
	int ssh_port;		     /* the same, or 0 */
	int64_t grace_ms;	     /* policy_grace */
	struct host *host;	     /* vpsh.conf: see policy/host.h */
	char *host_text;	     /* last good vpsh.conf, or NULL */
	int64_t host_stale_since_ms; /* as that of customers */
	const struct policy_guest **by_domain; /* sorted by domain */
	size_t ndomains;
};

/*
 * Load vpsh.conf and customers/ * /policy.conf below etc ("/etc/vpsh").
 * previous, which may be NULL, lends the last good policy of a customer
 * whose file cannot be parsed any more, until policy_grace is over.  Returns
 * NULL only when there is no memory; whatever is wrong with the files closes
 * its own part and is listed in faults.  Free with policy_free().
 */
struct policy *policy_load(const char *etc, const struct policy *previous);

/*
 * What would hold if these texts were in the files' place: NULL leaves a file
 * as it is.  conf and ips are those of customer, who need not be there yet.
 */
struct policy_draft {
	const char *host; /* vpsh.conf */
	const char *customer;
	const char *conf; /* policy.conf */
	const char *ips;  /* ips.txt */
};
struct policy *policy_try(const char *etc, const struct policy_draft *draft);

void policy_free(struct policy *policy);

/*
 * When a last good version that is in force runs out, as of clock_wall_ms():
 * load again then, even if no file has changed.  0: none is in force.
 */
int64_t policy_due_ms(const struct policy *policy);

/*
 * The last good versions, for processes that start while a file is broken: a
 * worker, or the broker again.  One process keeps them, as root, in a
 * directory below /run; it writes what has changed and removes what is no
 * longer in force.  Returns -1 with errno when something could not be kept.
 */
int policy_keep(const struct policy *policy, const char *dir);

/*
 * What policy_keep() left there, as a previous for policy_load() and for
 * nothing else.  NULL when there is nothing, which is as good.
 */
struct policy *policy_recall(const char *dir);

/* "alice/policy.conf:3: unknown right ...", cut at size. */
void
policy_fault_text(const struct policy_fault *fault, char *dst, size_t size);

const struct policy_customer *
policy_customer(const struct policy *policy, const char *name);
const struct policy_guest *
policy_guest(const struct policy_customer *customer, const char *name);

/* The first guest, of any customer, that is this Xen domain; may be NULL. */
const struct policy_guest *
policy_by_domain(const struct policy *policy, const char *domain);

struct verdict {
	int err; /* 0, VPSH_ERR_DENIED, VPSH_ERR_NO_GUEST, ... */
	char because[POLICY_TEXT + 100]; /* the rule, with file:line */
};

/*
 * May this customer use this right on this guest?  guest is NULL for rights
 * of the account.  A guest that is somebody else's and one that nobody has
 * give the same verdict.  RIGHT_ANY with a guest asks whether it is theirs
 * and open.  customer may be NULL.  Pure: no clock, no files.
 */
void policy_decide(const struct policy_customer *customer, const char *guest,
    enum right right, struct verdict *out);

#endif
