/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/conf.h"
#include "policy/customer.h"
#include "policy/rules.h"

#define UID_FIRST  1000 /* first of people: login.defs(5) */
#define UID_NOBODY 65534

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What the readers below share. */
struct reader {
	struct conf conf;
	struct policy_customer *customer;
	const struct host *host;
	const struct host_plan *plan;
};

void
customer_file(char *dst, size_t size, const char *name)
{
	text_format(dst, size, "%s/policy.conf", name);
}

void
customer_clear(struct policy_customer *customer)
{
	char name[sizeof(customer->name)];
	char *text = customer->text;
	bool suspended = customer->suspended;

	memcpy(name, customer->name, sizeof(name));
	free(customer->guests);
	memset(customer, 0, sizeof(*customer));
	memcpy(customer->name, name, sizeof(name));
	customer->text = text;
	customer->suspended = suspended;
	customer->suspended_by = suspended ? "policy.conf" : NULL;
}

/*
 * Close one guest: the operator reads why, the customer where.  What the
 * customer sees names nobody else.
 */
#define close_guest(r, guest, at, ...)                                        \
	do {                                                                  \
		conf_note(&(r)->conf, (at), __VA_ARGS__);                     \
		if (*(guest)->closed == '\0')                                 \
			text_format((guest)->closed, sizeof((guest)->closed), \
			    "%s:%d: the entry of this guest is wrong",        \
			    (r)->conf.file, conf_line(at));                   \
	} while (0)

/* Xen gives dom0 this name; no guest may be mistaken for it. */
static bool
is_guest_domain(const char *name)
{
	return text_is_domain(name) && strcasecmp(name, "Domain-0") != 0;
}

static void
read_domain(struct reader *r, const config_setting_t *at,
    struct policy_guest *guest)
{
	const config_setting_t *s = conf_string(&r->conf, at, "domain");
	char name[POLICY_DOMAIN];

	if (s == NULL) {
		s = at;
		if (host_expand(name, sizeof(name), r->plan->domain_template,
			r->customer->name, guest->name, NULL) != 0)
			*name = '\0';
	} else if (text_copy(name, sizeof(name),
		       config_setting_get_string(s)) != 0)
		*name = '\0';
	if (is_guest_domain(name))
		text_copy(guest->domain, sizeof(guest->domain), name);
	else
		close_guest(r, guest, s,
		    "\"%s\" cannot be the domain of a "
		    "guest: letters, digits, \".\", \"_\" and \"-\", at most "
		    "%d; %s is closed",
		    name, POLICY_DOMAIN - 1, guest->name);
}

static void
read_config(struct reader *r, const config_setting_t *at,
    struct policy_guest *guest)
{
	const config_setting_t *s = conf_string(&r->conf, at, "config");
	char path[POLICY_PATH];

	if (s == NULL) {
		s = at;
		if (host_expand(path, sizeof(path), r->plan->config_template,
			r->customer->name, guest->name, guest->domain) != 0)
			*path = '\0';
	} else if (text_copy(path, sizeof(path),
		       config_setting_get_string(s)) != 0)
		*path = '\0';
	if (rules_is_path(path))
		text_copy(guest->config, sizeof(guest->config), path);
	else if (*guest->domain != '\0' || s != at)
		close_guest(r, guest, s,
		    "\"config\" must be an absolute path "
		    "without \"..\", at most %d characters; %s is closed",
		    POLICY_PATH - 1, guest->name);
}

static void
read_host(struct reader *r, const config_setting_t *at,
    struct policy_guest *guest)
{
	const config_setting_t *s = conf_string(&r->conf, at, "host");

	if (s == NULL)
		return;
	if (text_is_domain(config_setting_get_string(s)))
		text_copy(guest->host, sizeof(guest->host),
		    config_setting_get_string(s));
	else
		close_guest(r, guest, s,
		    "\"%s\" is not the name of a host; "
		    "%s is closed",
		    config_setting_get_string(s), guest->name);
}

/* An unknown profile is no loss but itself. */
static void
check_rescue(struct reader *r, const config_setting_t *at)
{
	const config_setting_t *s = conf_strings(&r->conf, at, "rescue");
	const config_setting_t *e;
	int i;

	for (i = 0; s != NULL && i < config_setting_length(s); i++) {
		e = config_setting_get_elem(s, (unsigned)i);
		if (!host_has_profile(r->host, config_setting_get_string(e)))
			conf_note(&r->conf, e,
			    "there is no rescue profile "
			    "\"%s\" in vpsh.conf",
			    config_setting_get_string(e));
	}
}

static void
read_guest_rights(struct reader *r, const config_setting_t *at,
    struct policy_guest *guest)
{
	if (rules_allow(&r->conf, at, RULES_GUEST, &guest->rights,
		&guest->allow)) {
		guest->rights = rules_expand(guest->rights);
		return;
	}
	if (r->plan != &r->host->defaults) {
		guest->rights = rules_expand(r->plan->rights & RULES_GUEST);
		guest->allow = r->plan->allow;
		text_copy(guest->plan, sizeof(guest->plan), r->plan->name);
		return;
	}
	guest->allow = guest->place;
	if (r->conf.usable && config_setting_get_member(at, "allow") == NULL)
		conf_note(&r->conf, at,
		    "%s has no \"allow\" and there is no "
		    "plan: nothing can be done with it",
		    guest->name);
}

/*
 * Returns false when there is no guest to speak of.  A name that is none
 * cannot even be closed: no customer could ever type it.
 */
static bool
read_guest(struct reader *r, const config_setting_t *at,
    struct policy_guest *guest)
{
	static const char *const keys[] = { "name", "domain", "config", "allow",
		"rescue", "autostart", "shared", "host" };
	const config_setting_t *s;
	const char *name = NULL;

	conf_keys(&r->conf, at, keys, COUNT(keys));
	if ((s = conf_string(&r->conf, at, "name")) != NULL)
		name = config_setting_get_string(s);
	else if (config_setting_get_member(at, "name") == NULL)
		conf_fault(&r->conf, at, "this guest has no \"name\"");
	if (name != NULL && !text_is_name(name))
		conf_note(&r->conf, s,
		    "\"%s\" cannot be the name of a guest: "
		    "a-z, 0-9 and \"-\" only, at most %d; it is closed",
		    name, TEXT_NAME_MAX);
	if (name != NULL && text_is_name(name))
		text_copy(guest->name, sizeof(guest->name), name);
	text_copy(guest->place.file, sizeof(guest->place.file), r->conf.file);
	guest->place.line = conf_line(s != NULL ? s : at);
	read_guest_rights(r, at, guest);
	guest->autostart = r->plan->autostart;
	rules_autostart(&r->conf, at, &guest->autostart);
	conf_bool(&r->conf, at, "shared", &guest->shared);
	check_rescue(r, at);
	if (*guest->name == '\0')
		return false;
	read_domain(r, at, guest);
	read_config(r, at, guest);
	read_host(r, at, guest);
	text_copy(guest->owner, sizeof(guest->owner), r->customer->name);
	return true;
}

static int
by_name(const void *a, const void *b)
{
	const struct policy_guest *x = a, *y = b;
	int d = strcmp(x->name, y->name);

	return d != 0 ? d : x->place.line - y->place.line;
}

/*
 * Of two guests of one name neither can be meant.  The first stays, closed;
 * the others go, so that they claim no domain.
 */
static void
close_twins(struct reader *r)
{
	struct policy_customer *c = r->customer;
	struct policy_guest *first = NULL, *g;
	size_t i, n = 0;

	for (i = 0; i < c->nguests; i++) {
		g = &c->guests[i];
		if (first == NULL || strcmp(first->name, g->name) != 0) {
			c->guests[n] = *g;
			first = &c->guests[n++];
			continue;
		}
		faults_add(r->conf.faults, r->conf.file, g->place.line,
		    "there is a guest \"%s\" in line %d already; it is closed",
		    g->name, first->place.line);
		if (*first->closed == '\0')
			text_format(first->closed, sizeof(first->closed),
			    "%s:%d: two guests have this name", r->conf.file,
			    g->place.line);
	}
	c->nguests = n;
}

static void
read_guests(struct reader *r, const config_setting_t *root)
{
	const config_setting_t *list = conf_groups(&r->conf, root, "guests");
	struct policy_customer *c = r->customer;
	int i, n;

	if (list == NULL || (n = config_setting_length(list)) == 0)
		return;
	c->guests = calloc((size_t)n, sizeof(*c->guests));
	if (c->guests == NULL) {
		r->conf.faults->nomem = true;
		return;
	}
	for (i = 0; i < n; i++) {
		if (read_guest(r, config_setting_get_elem(list, (unsigned)i),
			&c->guests[c->nguests]))
			c->nguests++;
		else
			memset(&c->guests[c->nguests], 0, sizeof(*c->guests));
	}
	qsort(c->guests, c->nguests, sizeof(*c->guests), by_name);
	close_twins(r);
}

static void
read_plan(struct reader *r, const config_setting_t *root)
{
	const config_setting_t *s = conf_string(&r->conf, root, "plan");
	const struct host_plan *plan;
	const char *name, *guess;

	r->plan = &r->host->defaults;
	if (s == NULL)
		return;
	name = config_setting_get_string(s);
	plan = host_plan(r->host, name);
	if (plan != NULL && plan->usable) {
		r->plan = plan;
		text_copy(r->customer->plan, sizeof(r->customer->plan), name);
		text_copy(r->customer->base, sizeof(r->customer->base), name);
		return;
	}
	guess = host_plan_guess(r->host, name);
	if (plan != NULL)
		conf_fault(&r->conf, s,
		    "the plan \"%s\" of vpsh.conf:%d has a "
		    "mistake",
		    name, plan->line);
	else if (guess != NULL)
		conf_fault(&r->conf, s,
		    "there is no plan \"%s\" in vpsh.conf "
		    "(did you mean \"%s\"?)",
		    name, guess);
	else
		conf_fault(&r->conf, s, "there is no plan \"%s\" in vpsh.conf",
		    name);
}

static void
read_account(struct reader *r, const config_setting_t *root)
{
	struct policy_customer *c = r->customer;

	if (rules_allow(&r->conf, root, RULES_ACCOUNT, &c->rights, &c->allow))
		*c->plan = '\0';
	else if (r->plan != &r->host->defaults) {
		c->rights = r->plan->rights & RULES_ACCOUNT;
		c->allow = r->plan->allow;
	} else
		text_copy(c->allow.file, sizeof(c->allow.file), r->conf.file);
	c->limits = r->plan->limits;
	rules_limits(&r->conf, root, &c->limits);
}

/*
 * Ids below those of people belong to the system, and nobody's stands for
 * whoever has none: a customer with one of these would be somebody else.
 */
static void
read_uid(struct reader *r, const config_setting_t *root)
{
	struct policy_customer *c = r->customer;
	const config_setting_t *s = config_setting_get_member(root, "uid");
	long long uid = -1;

	if (s == NULL)
		return;
	conf_number(&r->conf, root, "uid", LLONG_MIN, LLONG_MAX, &uid);
	if (!config_setting_is_number(s))
		return;
	c->uid_line = conf_line(s);
	if (uid >= UID_FIRST && uid < UINT32_MAX && uid != UID_NOBODY &&
	    uid != UID_NOBODY + 1) {
		c->has_uid = true;
		c->uid = (uid_t)uid;
		return;
	}
	conf_note(&r->conf, s,
	    "uid %lld is not one of a customer (%d and up); "
	    "%s is denied",
	    uid, UID_FIRST, c->name);
	text_format(c->denied, sizeof(c->denied),
	    "%s:%d: uid %lld is not one of a customer", r->conf.file,
	    c->uid_line, uid);
}

bool
customer_read(struct policy_customer *customer, const struct host *host,
    const char *text, struct faults *faults)
{
	static const char *const keys[] = { "plan", "guests", "allow", "limits",
		"uid", "suspended", "interface" };
	struct reader r = { .customer = customer, .host = host };
	char file[sizeof(customer->allow.file)];
	config_setting_t *root;
	bool suspended = false;

	customer_file(file, sizeof(file), customer->name);
	customer->interface = host->interface;
	root = conf_open(&r.conf, file, text, faults);
	if (root != NULL) {
		conf_keys(&r.conf, root, keys, COUNT(keys));
		read_plan(&r, root);
		read_account(&r, root);
		read_uid(&r, root);
		conf_bool(&r.conf, root, "suspended", &suspended);
		rules_interface(&r.conf, root, &customer->interface);
		read_guests(&r, root);
	}
	customer->suspended |= suspended || r.conf.suspended;
	if (customer->suspended)
		customer->suspended_by = "policy.conf";
	conf_close(&r.conf);
	faults_sort(faults, file);
	return r.conf.usable;
}

/*
 * Readable or not, whatever has this name suspends: a slip with it must not
 * let anybody in.  Its first line is what the customer is told.
 */
void
customer_suspend(struct policy_customer *customer, enum file_fault fault,
    const char *text)
{
	size_t len;

	if (fault == FILE_MISSING)
		return;
	customer->suspended = true;
	customer->suspended_by = "suspended";
	*customer->reason = '\0';
	if (fault != FILE_OK)
		return;
	text += strspn(text, " \t\r\n");
	len = strcspn(text, "\r\n");
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	text_escape(customer->reason, sizeof(customer->reason), text, len);
}
