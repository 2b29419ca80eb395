/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/ctl.h"
#include "ctl/passwd.h"
#include "policy/ips.h"
#include "policy/keys.h"
#include "policy/policy.h"

#define RIGHTS_TEXT 160

/* "console log start", or "nothing", for a person; a list for a program. */
static void
show_rights(struct report *r, uint32_t rights, char *dst, size_t size)
{
	size_t used = 0;
	int i;

	*dst = '\0';
	report_begin(r, "rights", '[');
	for (i = 0; i < RIGHT_COUNT; i++) {
		const char *name = right_name((enum right)i);

		if (name == NULL || !(rights & RIGHT_BIT(i)))
			continue;
		report_string(r, NULL, name);
		text_format(dst + used, size - used, "%s%s",
		    used > 0 ? " " : "", name);
		used += strlen(dst + used);
	}
	report_end(r, ']');
	if (used == 0)
		text_copy(dst, size, "nothing");
}

static const char *
state_of(const struct policy_customer *c)
{
	return c->suspended	? "suspended" :
	    *c->denied != '\0' ? "denied" :
				  "in order";
}

/* A line "key value" of such a file, or NULL; value is cut out of text. */
static const char *
line_of(char *text, const char *key)
{
	size_t len = strlen(key);
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return line + len + 1;
		if (rest != NULL)
			rest[-1] = '\n';
	}
	return NULL;
}

/* What a worker wrote for `hold`, if it holds still: see domain/hold.h. */
static void
show_hold(struct ctl *ctl, const struct policy_guest *g)
{
	char path[PATH_MAX + 80], until[CLOCK_RFC3339_LEN], safe[600], *text;
	const char *reason, *word;
	long long ms = 0;
	size_t len;

	text_format(path, sizeof(path), "%s/hold/%s", ctl->var, g->domain);
	if (file_read_trusted(AT_FDCWD, path, &text, &len) != FILE_OK)
		return;
	reason = line_of(text, "reason");
	word = line_of(text, "until");
	if (word != NULL)
		(void)text_number(word, 0, INT64_MAX, &ms);
	clock_rfc3339(ms, until);
	text_escape(safe, sizeof(safe), reason != NULL ? reason : "",
	    strlen(reason != NULL ? reason : ""));
	if (ms == 0 || ms > clock_wall_ms()) {
		report_say(&ctl->report, "                   held until %s: %s",
		    ms == 0 ? "it is released" : until, safe);
		report_string(&ctl->report, "held", safe);
	}
	free(text);
}

static void
show_guests(struct ctl *ctl, const struct policy_customer *c)
{
	struct report *r = &ctl->report;
	const struct policy_guest *g;
	char rights[RIGHTS_TEXT];

	report_begin(r, "guests", '[');
	for (g = c->guests; g < c->guests + c->nguests; g++) {
		report_begin(r, NULL, '{');
		show_rights(r, g->rights, rights, sizeof(rights));
		report_say(r, "guest %-12s domain %s, %s", g->name, g->domain,
		    g->config);
		report_say(r, "                   %s (%s:%d%s%s)", rights,
		    g->allow.file, g->allow.line,
		    *g->plan != '\0' ? ", plan " : "", g->plan);
		if (*g->closed != '\0')
			report_say(r, "                   closed: %s",
			    g->closed);
		report_string(r, "name", g->name);
		report_string(r, "domain", g->domain);
		report_string(r, "config", g->config);
		report_string(r, "host", g->host);
		report_bool(r, "shared", g->shared);
		report_string(r, "closed", g->closed);
		show_hold(ctl, g);
		report_end(r, '}');
	}
	report_end(r, ']');
}

static void
show_ips(struct report *r, const struct policy_customer *c)
{
	char text[IPS_TEXT];
	size_t i;

	report_begin(r, "ips", '[');
	for (i = 0; i < c->nips; i++) {
		const struct policy_ip *ip = &c->ips[i];

		ips_format(ip, text);
		report_say(r, "address            %s%s%s%s", text,
		    ip->name != NULL ? " " : "",
		    ip->name != NULL ? ip->name : "",
		    ip->closed ? " (closed: claimed twice)" : "");
		report_begin(r, NULL, '{');
		report_string(r, "address", text);
		report_string(r, "name", ip->name != NULL ? ip->name : "");
		report_bool(r, "shared", ip->shared);
		report_bool(r, "closed", ip->closed);
		report_end(r, '}');
	}
	report_end(r, ']');
}

static void
show_keys(struct ctl *ctl, const char *name)
{
	struct report *r = &ctl->report;
	struct keys keys;
	char head[40];
	size_t i;

	/* What is wrong with it comes among the faults. */
	(void)keys_load(ctl->etc, name, &keys);
	report_begin(r, "keys", '[');
	for (i = 0; i < keys.nlines; i++) {
		text_format(head, sizeof(head), "%.*s",
		    (int)strcspn(keys.lines[i], " "), keys.lines[i]);
		report_say(r, "key                %s %s", head, keys.notes[i]);
		report_begin(r, NULL, '{');
		report_string(r, "type", head);
		report_string(r, "key", keys.lines[i]);
		report_string(r, "comment", keys.notes[i]);
		report_end(r, '}');
	}
	report_end(r, ']');
	keys_free(&keys);
}

static void
show_fault(struct report *r, const struct policy_fault *fault)
{
	char text[POLICY_TEXT + 100];

	policy_fault_text(fault, text, sizeof(text));
	report_say(r, "fault              %s", text);
	report_string(r, NULL, text);
}

/* What is wrong with this customer's own files. */
static size_t
show_faults(struct ctl *ctl, const struct policy *policy, const char *name)
{
	struct report *r = &ctl->report;
	size_t i, n, len = strlen(name);
	struct keys keys;

	report_begin(r, "faults", '[');
	(void)keys_load(ctl->etc, name, &keys);
	for (n = 0; n < keys.nfaults; n++)
		show_fault(r, &keys.faults[n]);
	keys_free(&keys);
	for (i = 0; i < policy->nfaults; i++) {
		const struct policy_fault *f = &policy->faults[i];

		if (strncmp(f->place.file, name, len) == 0 &&
		    f->place.file[len] == '/') {
			show_fault(r, f);
			n++;
		}
	}
	report_end(r, ']');
	return n;
}

static void
show_account(struct ctl *ctl, const struct policy_customer *c)
{
	struct report *r = &ctl->report;
	const struct passwd *account = c->has_uid ? getpwuid(c->uid) :
						    getpwnam(c->name);

	if (account != NULL)
		report_say(r, "account            %s, uid %lu, shell %s",
		    account->pw_name, (unsigned long)account->pw_uid,
		    account->pw_shell);
	else
		report_say(r, "account            none on this host");
	report_string(r, "account", account != NULL ? account->pw_name : "");
	if (account != NULL)
		report_number(r, "uid", account->pw_uid);
}

int
show_run(struct ctl *ctl, const struct ctl_call *call)
{
	struct policy *policy = policy_load(ctl->etc, NULL);
	const struct policy_customer *c;
	struct report *r = &ctl->report;
	char rights[RIGHTS_TEXT];
	size_t faults;

	if (policy == NULL)
		return report_fail(r, "out of memory");
	if ((c = policy_customer(policy, call->args[0])) == NULL) {
		policy_free(policy);
		return report_fail(r, "there is no customer %s in %s/customers",
		    call->args[0], ctl->etc);
	}
	show_rights(r, c->rights, rights, sizeof(rights));
	report_say(r, "customer           %s: %s%s%s", c->name, state_of(c),
	    *c->reason != '\0' ? ", " : "", c->reason);
	report_say(r, "plan               %s; of the account: %s",
	    *c->base != '\0' ? c->base : "none", rights);
	report_say(r,
	    "limits             %d sessions, %d consoles, %d of a "
	    "kind a minute",
	    c->limits.sessions, c->limits.consoles, c->limits.power);
	report_string(r, "customer", c->name);
	report_string(r, "state", state_of(c));
	report_bool(r, "suspended", c->suspended);
	report_string(r, "reason", c->reason);
	report_string(r, "plan", c->base);
	report_begin(r, "limits", '{');
	report_number(r, "sessions", c->limits.sessions);
	report_number(r, "consoles", c->limits.consoles);
	report_number(r, "power", c->limits.power);
	report_end(r, '}');
	show_account(ctl, c);
	show_guests(ctl, c);
	show_ips(r, c);
	show_keys(ctl, c->name);
	faults = show_faults(ctl, policy, c->name);
	policy_free(policy);
	return faults == 0 ? CTL_OK : CTL_PROBLEM;
}

int
show_list_run(struct ctl *ctl, const struct ctl_call *call)
{
	struct policy *policy = policy_load(ctl->etc, NULL);
	struct report *r = &ctl->report;
	size_t i, k;

	(void)call;
	if (policy == NULL)
		return report_fail(r, "out of memory");
	if (policy->ncustomers == 0)
		report_say(r,
		    "There are no customers. vpshctl customer add "
		    "makes one.");
	report_begin(r, "customers", '[');
	for (i = 0; i < policy->ncustomers; i++) {
		const struct policy_customer *c = &policy->customers[i];
		char guests[60] = "";

		for (k = 0; k < c->nguests; k++)
			text_format(guests + strlen(guests),
			    sizeof(guests) - strlen(guests), "%s%s",
			    k > 0 ? " " : "", c->guests[k].name);
		report_say(r, "%-20s %-12s %-18s %s", c->name, c->base,
		    state_of(c), guests);
		report_begin(r, NULL, '{');
		report_string(r, "customer", c->name);
		report_string(r, "plan", c->base);
		report_string(r, "state", state_of(c));
		report_bool(r, "suspended", c->suspended);
		report_begin(r, "guests", '[');
		for (k = 0; k < c->nguests; k++)
			report_string(r, NULL, c->guests[k].name);
		report_end(r, ']');
		report_end(r, '}');
	}
	report_end(r, ']');
	policy_free(policy);
	return CTL_OK;
}
