/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "policy/conf.h"
#include "policy/host.h"
#include "policy/rules.h"

#define FILE_NAME   "vpsh.conf"
#define GRACE_S	    (24 * 60 * 60)
#define GRACE_S_MAX (30 * 24 * 60 * 60)

#define HOST_CHARACTERS                                        \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789.:-"

static const struct host_plan builtin = {
	.usable = true,
	.limits = { .sessions = 8, .power = 6, .consoles = 8 },
	.domain_template = "%c-%g",
	.config_template = "/etc/xen/%d.cfg",
	.autostart = POLICY_AUTOSTART_LAST,
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

int
host_expand(char *dst, size_t size, const char *template, const char *customer,
    const char *guest, const char *domain)
{
	const char *from, *value;
	char one[2] = { 0 };
	size_t used = 0;

	*dst = '\0';
	for (from = template; *from != '\0'; from++) {
		one[0] = *from;
		value = one;
		if (*from == '%') {
			from++;
			value = *from == 'c' ? customer :
			    *from == 'g'     ? guest :
			    *from == 'd'     ? domain :
			    *from == '%'     ? "%" :
					       NULL;
		}
		if (value == NULL || text_copy(dst + used, size - used, value))
			return -1;
		used += strlen(value);
	}
	return 0;
}

const struct host_plan *
host_plan(const struct host *host, const char *name)
{
	size_t i;

	for (i = 0; i < host->nplans; i++)
		if (strcmp(host->plans[i].name, name) == 0)
			return &host->plans[i];
	return NULL;
}

const char *
host_plan_guess(const struct host *host, const char *name)
{
	const char *best = NULL, *word;
	size_t i;

	for (i = 0; i < host->nplans && best == NULL; i++) {
		word = host->plans[i].name;
		best = text_nearest(name, &word, 1);
	}
	return best;
}

bool
host_has_profile(const struct host *host, const char *name)
{
	size_t i;

	for (i = 0; i < host->nprofiles; i++)
		if (strcmp(host->profiles[i], name) == 0)
			return true;
	return false;
}

/* A template is right when what it makes for anybody is right. */
static void
read_templates(struct conf *conf, const config_setting_t *at,
    struct host_plan *plan)
{
	const config_setting_t *s;
	const char *text;
	char made[POLICY_PATH];

	if ((s = conf_string(conf, at, "domain_template")) != NULL) {
		text = config_setting_get_string(s);
		if (strstr(text, "%g") == NULL ||
		    host_expand(made, POLICY_DOMAIN, text, "c", "g", NULL) ||
		    !text_is_domain(made) ||
		    text_copy(plan->domain_template,
			sizeof(plan->domain_template), text) != 0)
			conf_fault(conf, s,
			    "\"domain_template\" must make a "
			    "domain name of %%c (customer) and %%g (guest), "
			    "like \"%%c-%%g\"");
	}
	if ((s = conf_string(conf, at, "config_template")) != NULL) {
		text = config_setting_get_string(s);
		if ((strstr(text, "%d") == NULL &&
			strstr(text, "%g") == NULL) ||
		    host_expand(made, sizeof(made), text, "c", "g", "d") ||
		    !rules_is_path(made) ||
		    text_copy(plan->config_template,
			sizeof(plan->config_template), text) != 0)
			conf_fault(conf, s,
			    "\"config_template\" must make a "
			    "path of %%d (domain), %%c (customer) and %%g "
			    "(guest), like \"/etc/xen/%%d.cfg\"");
	}
}

static void
read_plan(struct conf *conf, const struct host *host,
    const config_setting_t *at, struct host_plan *plan)
{
	static const char *const keys[] = { "name", "allow", "limits",
		"domain_template", "config_template", "autostart", "rescue" };
	const config_setting_t *s, *e;
	bool before = conf->usable;
	int i;

	*plan = builtin;
	plan->line = conf_line(at);
	text_copy(plan->allow.file, sizeof(plan->allow.file), FILE_NAME);
	plan->allow.line = plan->line;
	conf->usable = true;
	if ((s = conf_string(conf, at, "name")) == NULL)
		conf_fault(conf, at, "this plan has no \"name\"");
	else if (!text_is_name(config_setting_get_string(s)))
		conf_fault(conf, s,
		    "\"%s\" cannot be the name of a plan: a-z, "
		    "0-9 and \"-\" only, at most %d",
		    config_setting_get_string(s), TEXT_NAME_MAX);
	else if (host_plan(host, config_setting_get_string(s)) != NULL)
		conf_fault(conf, s, "there are two plans \"%s\"",
		    config_setting_get_string(s));
	else
		text_copy(plan->name, sizeof(plan->name),
		    config_setting_get_string(s));
	rules_allow(conf, at, ~UINT32_C(0), &plan->rights, &plan->allow);
	rules_limits(conf, at, &plan->limits);
	rules_autostart(conf, at, &plan->autostart);
	read_templates(conf, at, plan);
	s = conf_strings(conf, at, "rescue");
	for (i = 0; s != NULL && i < config_setting_length(s); i++) {
		e = config_setting_get_elem(s, (unsigned)i);
		if (!host_has_profile(host, config_setting_get_string(e)))
			conf_fault(conf, e,
			    "there is no rescue profile "
			    "\"%s\"",
			    config_setting_get_string(e));
	}
	conf_keys(conf, at, keys, COUNT(keys));
	plan->usable = conf->usable;
	conf->usable &= before;
}

static void
read_plans(struct conf *conf, const config_setting_t *root, struct host *host)
{
	const config_setting_t *list = conf_groups(conf, root, "plans");
	int i, n;

	if (list == NULL || (n = config_setting_length(list)) == 0)
		return;
	host->plans = calloc((size_t)n, sizeof(*host->plans));
	if (host->plans == NULL) {
		conf->faults->nomem = true;
		return;
	}
	for (i = 0; i < n; i++) {
		read_plan(conf, host,
		    config_setting_get_elem(list, (unsigned)i),
		    &host->plans[i]);
		host->nplans++;
	}
}

/*
 * A profile's shape is checked here, so that a slip shows when it is made;
 * only the worker that boots one has a use for what is in it.
 */
static void
read_profile(struct conf *conf, const config_setting_t *at, struct host *host)
{
	static const char *const keys[] = { "name", "kernel", "ramdisk",
		"cmdline" };
	const config_setting_t *s;
	size_t i;

	conf_keys(conf, at, keys, COUNT(keys));
	for (i = 1; i <= 2; i++) {
		s = conf_string(conf, at, keys[i]);
		if (s != NULL && !rules_is_path(config_setting_get_string(s)))
			conf_fault(conf, s,
			    "\"%s\" must be an absolute path "
			    "without \"..\"",
			    keys[i]);
	}
	if (config_setting_get_member(at, "kernel") == NULL)
		conf_fault(conf, at, "this rescue profile has no \"kernel\"");
	conf_string(conf, at, "cmdline");
	if ((s = conf_string(conf, at, "name")) == NULL)
		conf_fault(conf, at, "this rescue profile has no \"name\"");
	else if (!text_is_name(config_setting_get_string(s)))
		conf_fault(conf, s,
		    "\"%s\" cannot be the name of a rescue "
		    "profile: a-z, 0-9 and \"-\" only, at most %d",
		    config_setting_get_string(s), TEXT_NAME_MAX);
	else if (host_has_profile(host, config_setting_get_string(s)))
		conf_fault(conf, s, "there are two rescue profiles \"%s\"",
		    config_setting_get_string(s));
	else
		text_copy(host->profiles[host->nprofiles++],
		    sizeof(host->profiles[0]), config_setting_get_string(s));
}

static void
read_profiles(struct conf *conf, const config_setting_t *root,
    struct host *host)
{
	const config_setting_t *list = conf_groups(conf, root, "rescue");
	int i, n;

	if (list == NULL || (n = config_setting_length(list)) == 0)
		return;
	host->profiles = calloc((size_t)n, sizeof(*host->profiles));
	if (host->profiles == NULL) {
		conf->faults->nomem = true;
		return;
	}
	for (i = 0; i < n; i++)
		read_profile(conf, config_setting_get_elem(list, (unsigned)i),
		    host);
}

/* Customers read it, on terminals of every age: no more than plain ASCII. */
static void
read_support(struct conf *conf, const config_setting_t *root, struct host *host)
{
	const config_setting_t *s = conf_string(conf, root, "support");

	if (s == NULL)
		return;
	if (rules_is_plain(config_setting_get_string(s),
		sizeof(host->support) - 1))
		text_copy(host->support, sizeof(host->support),
		    config_setting_get_string(s));
	else
		conf_fault(conf, s,
		    "\"support\" must be plain ASCII, at most "
		    "%zu characters",
		    sizeof(host->support) - 1);
}

/* What a customer types behind "ssh": a name or an address, and no option. */
static void
read_ssh(struct conf *conf, const config_setting_t *root, struct host *host)
{
	const config_setting_t *s = conf_string(conf, root, "ssh_host");
	const char *name = s != NULL ? config_setting_get_string(s) : "";
	size_t len = strlen(name);
	long long port = 0;

	if (s == NULL)
		;
	else if (len == 0 || len >= sizeof(host->ssh_host) ||
	    *name == '-' || strspn(name, HOST_CHARACTERS) != len)
		conf_fault(conf, s, "\"%s\" is not the name or address of a "
		    "host", name);
	else
		text_copy(host->ssh_host, sizeof(host->ssh_host), name);
	conf_number(conf, root, "ssh_port", 1, 65535, &port);
	host->ssh_port = (int)port;
}

struct host *
host_read(const char *text, struct faults *faults, bool *usable)
{
	static const char *const keys[] = { "support", "policy_grace", "plans",
		"rescue", "ssh_host", "ssh_port", "interface" };
	struct conf conf = { .usable = true };
	config_setting_t *root = NULL;
	long long grace = GRACE_S;
	struct host *host = calloc(1, sizeof(*host));

	if (host == NULL)
		return NULL;
	host->defaults = builtin;
	if (text != NULL) {
		root = conf_open(&conf, FILE_NAME, text, faults);
		if (root != NULL) {
			conf_keys(&conf, root, keys, COUNT(keys));
			conf_number(&conf, root, "policy_grace", 0, GRACE_S_MAX,
			    &grace);
			read_support(&conf, root, host);
			read_ssh(&conf, root, host);
			rules_interface(&conf, root, &host->interface);
			read_profiles(&conf, root, host);
			read_plans(&conf, root, host);
		}
		conf_close(&conf);
		faults_sort(faults, FILE_NAME);
	}
	host->grace_ms = grace * 1000;
	*usable = conf.usable;
	return host;
}

void
host_free(struct host *host)
{
	if (host == NULL)
		return;
	free(host->plans);
	free(host->profiles);
	free(host);
}
