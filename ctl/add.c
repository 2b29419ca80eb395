/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/ctl.h"
#include "ctl/draft.h"
#include "ctl/passwd.h"
#include "ctl/place.h"
#include "policy/folder.h"
#include "policy/host.h"
#include "policy/ips.h"

/*
 * `customer add`: first everything is made in memory and judged by the
 * parser of the service; then it is put in place.  A file that would stay the
 * same is not touched, and one that the operator wrote is never rewritten.
 */

enum { CONF, IPS, KEYS, FILES };

static const char *const names[FILES] = { [CONF] = "policy.conf",
	[IPS] = "ips.txt",
	[KEYS] = "authorized_keys" };

struct add {
	struct ctl *ctl;
	const struct ctl_call *call;
	const char *name;
	struct place place;
	struct policy *policy;			/* as it is */
	const struct policy_customer *customer; /* in it, or NULL */
	char *now[FILES];			/* NULL: there is none */
	char *then[FILES];			/* NULL: it stays */
	bool account;				/* is to be made */
};

#define fail(a, ...) report_fail(&(a)->ctl->report, __VA_ARGS__)
#define nomem(a)     fail(a, "out of memory. Nothing was changed.")

/* --- what is there ------------------------------------------------------- */

static int
read_files(struct add *a)
{
	enum file_fault fault;
	const char *wrong;
	size_t i, len;
	int folder, code = CTL_OK;

	wrong = folder_open(a->place.customers, a->name, &folder);
	if (wrong != NULL && errno == ENOENT)
		return CTL_OK;
	if (wrong != NULL)
		return fail(a, "customers/%s %s. Nothing was changed.", a->name,
		    wrong);
	for (i = 0; i < FILES && code == CTL_OK; i++) {
		fault = file_read_trusted(folder, names[i], &a->now[i], &len);
		if (fault != FILE_OK && fault != FILE_MISSING)
			code = fail(a, "%s/%s %s. Nothing was changed.",
			    a->name, names[i], file_fault_text(fault));
	}
	fd_close(&folder);
	return code;
}

/* A broken file says nothing that could be added to. */
static int
read_policy(struct add *a)
{
	struct policy *policy = policy_load(a->ctl->etc, NULL);

	if (policy == NULL)
		return nomem(a);
	a->policy = policy;
	a->customer = policy_customer(policy, a->name);
	if (a->customer != NULL && a->now[CONF] != NULL &&
	    *a->customer->denied != '\0')
		return fail(a, "%s. Nothing was changed; mend that first.",
		    a->customer->denied);
	return CTL_OK;
}

/* --- policy.conf --------------------------------------------------------- */

/* "web=alice-web", or "web" and what the plan's template makes of it. */
static int
add_guest(struct add *a, struct draft *draft, const char *spec)
{
	const struct host_plan *plan = host_plan(a->policy->host, draft->plan);
	char name[TEXT_NAME_MAX + 1], domain[POLICY_DOMAIN], safe[120];
	const char *equal = strchr(spec, '=');
	size_t len = equal != NULL ? (size_t)(equal - spec) : strlen(spec);

	text_escape(safe, sizeof(safe), spec, strlen(spec));
	if (text_format(name, sizeof(name), "%.*s", (int)len, spec) != 0 ||
	    !text_is_name(name))
		return report_usage(&a->ctl->report,
		    "--guest %s: GUEST is a name of a-z, 0-9 and \"-\", at "
		    "most %d, and DOMAIN what Xen calls it: --guest "
		    "web=%s-web",
		    safe, TEXT_NAME_MAX, a->name);
	if (plan == NULL)
		plan = &a->policy->host->defaults;
	if (equal != NULL ?
		text_copy(domain, sizeof(domain), equal + 1) != 0 :
		host_expand(domain, sizeof(domain), plan->domain_template,
		    a->name, name, NULL) != 0)
		*domain = '\0';
	if (!text_is_domain(domain))
		return report_usage(&a->ctl->report,
		    "--guest %s: that cannot be the name of a Xen domain",
		    safe);
	if (draft_guest(draft, name, domain) == -1)
		return fail(a,
		    "%s would have more than %d guests. Nothing was "
		    "changed.",
		    a->name, DRAFT_GUESTS_MAX);
	return CTL_OK;
}

/* The operator's own file: say what to do instead. */
static int
refuse_foreign(struct add *a, const struct draft *draft)
{
	struct draft old;
	char lines[4096] = "", text[TEXT_NAME_MAX + POLICY_DOMAIN + 40];
	size_t i, used = 0;

	draft_of(&old, a->customer);
	if (strcmp(old.plan, draft->plan) != 0) {
		text_format(lines, sizeof(lines), "\n  plan = \"%s\";",
		    draft->plan);
		used = strlen(lines);
	}
	for (i = 0; i < draft->nguests; i++) {
		const struct draft_guest *g = &draft->guests[i];

		if (draft_guest(&old, g->name, g->domain) == 0)
			continue;
		draft_guest_text(g, text, sizeof(text));
		text_format(lines + used, sizeof(lines) - used,
		    "\n  in guests: %s", text);
		used += strlen(lines + used);
	}
	return fail(a,
	    "%s/policy.conf was written by hand, and vpshctl does not rewrite "
	    "it. Nothing was changed. It would need:%s",
	    a->name, lines);
}

static int
make_conf(struct add *a)
{
	const struct ctl_values *guests = ctl_values(a->call, "--guest");
	const char *plan = ctl_value(a->call, "--plan");
	struct draft draft = { 0 };
	char *text;
	size_t i;
	int code;

	if (a->now[CONF] == NULL && (plan == NULL || guests->n == 0))
		return report_usage(&a->ctl->report,
		    "%s is a new customer: --plan and at least one --guest are "
		    "needed",
		    a->name);
	if (a->customer != NULL && a->now[CONF] != NULL)
		draft_of(&draft, a->customer);
	if (plan != NULL &&
	    (!text_is_name(plan) || host_plan(a->policy->host, plan) == NULL)) {
		const char *near = host_plan_guess(a->policy->host, plan);

		return fail(a,
		    "there is no such plan in vpsh.conf%s%s%s. Nothing was "
		    "changed.",
		    near != NULL ? " (did you mean \"" : "",
		    near != NULL ? near : "", near != NULL ? "\"?)" : "");
	}
	if (plan != NULL)
		text_copy(draft.plan, sizeof(draft.plan), plan);
	for (i = 0; i < guests->n; i++)
		if ((code = add_guest(a, &draft, guests->value[i])) != CTL_OK)
			return code;
	if ((text = draft_text(&draft)) == NULL)
		return nomem(a);
	a->then[CONF] = text;
	if (a->now[CONF] == NULL)
		return CTL_OK;
	if (draft_is_own(a->customer, text)) {
		/* What it would say it says already, in whatever words. */
		free(text);
		a->then[CONF] = NULL;
	} else if (!draft_is_own(a->customer, a->now[CONF]))
		return refuse_foreign(a, &draft);
	return CTL_OK;
}

/* --- ips.txt ------------------------------------------------------------- */

static bool
has_ip(const struct policy_customer *customer, const struct policy_ip *ip)
{
	char one[IPS_TEXT], other[IPS_TEXT];
	size_t i;

	ips_format(ip, one);
	for (i = 0; i < customer->nips; i++) {
		ips_format(&customer->ips[i], other);
		if (strcmp(one, other) == 0)
			return true;
	}
	return false;
}

/* One line, judged alone: what is wrong with it is not the file's fault. */
static int
add_ip(struct add *a, const char *line)
{
	struct policy_customer alone = { .name = "--ip" };
	struct faults faults = { 0 };
	const char *text = a->then[IPS] != NULL ? a->then[IPS] : a->now[IPS];
	char safe[120], *copy = strdup(line), *made;
	int code = CTL_OK;

	text_escape(safe, sizeof(safe), line, strlen(line));
	ips_read(&alone, copy != NULL ? FILE_OK : FILE_MISSING, copy, &faults);
	if (copy == NULL || faults.nomem)
		code = nomem(a);
	else if (faults.count > 0)
		code = fail(a, "--ip %s: %s. Nothing was changed.", safe,
		    faults.list[0].text);
	else if (alone.nips != 1 || strchr(line, '\n') != NULL)
		code = report_usage(&a->ctl->report,
		    "--ip %s: one address or prefix is wanted", safe);
	else if (a->customer == NULL || !has_ip(a->customer, alone.ips)) {
		made = draft_with_line(text, line);
		free(a->then[IPS]);
		a->then[IPS] = made;
		if (made == NULL)
			code = nomem(a);
	}
	free(faults.list);
	free(alone.ips);
	free(alone.ips_text);
	return code;
}

static int
make_ips(struct add *a)
{
	const struct ctl_values *ips = ctl_values(a->call, "--ip");
	size_t i, k;
	int code = CTL_OK;

	for (i = 0; i < ips->n && code == CTL_OK; i++) {
		for (k = 0; k < i && strcmp(ips->value[k], ips->value[i]); k++)
			continue;
		if (k == i)
			code = add_ip(a, ips->value[i]);
	}
	return code;
}

/* --- authorized_keys ----------------------------------------------------- */

/* Whoever runs vpshctl says whose keys these are: no owner is asked for. */
static char *
read_input(struct add *a, const char *file)
{
	bool input = strcmp(file, "-") == 0;
	int fd = input ? STDIN_FILENO :
			 open(file, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	char *text = calloc(1, FILE_MAX + 1), safe[200];
	size_t len = 0;
	ssize_t n = 1;

	text_escape(safe, sizeof(safe), file, strlen(file));
	while (fd != -1 && text != NULL && n != 0 && len < FILE_MAX) {
		n = read(fd, text + len, FILE_MAX - len);
		if (n == -1 && errno != EINTR)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	if (fd == -1 || n == -1)
		fail(a, "--key %s cannot be read: %s. Nothing was changed.",
		    safe, strerror(errno));
	else if (text == NULL || len == FILE_MAX || strlen(text) != len)
		fail(a,
		    "--key %s is no file of public keys. Nothing was "
		    "changed.",
		    safe);
	if (fd != -1 && !input)
		fd_close(&fd);
	if (text != NULL && !a->ctl->report.failed)
		return text;
	free(text);
	return NULL;
}

static int
merge_keys(struct add *a, const char *file, const struct keys *wanted)
{
	const char *text = a->then[KEYS] != NULL ? a->then[KEYS] : a->now[KEYS];
	char line[KEYS_LINE_MAX], *copy, *made;
	struct keys have = { 0 };
	size_t i;

	if (wanted->nfaults > 0)
		return fail(a, "--key %s:%d: %s. Nothing was changed.", file,
		    wanted->faults[0].place.line, wanted->faults[0].text);
	if (wanted->nlines == 0)
		return fail(a,
		    "--key %s: there is no key in it. Nothing was "
		    "changed.",
		    file);
	if ((copy = strdup(text != NULL ? text : "")) == NULL ||
	    keys_read(names[KEYS], copy, &have) != 0) {
		free(copy);
		keys_free(&have);
		return nomem(a);
	}
	free(copy);
	for (i = 0; i < wanted->nlines; i++) {
		if (draft_has_key(&have, wanted->lines[i], have.nlines) ||
		    draft_has_key(wanted, wanted->lines[i], i))
			continue;
		text_format(line, sizeof(line), "%s%s%s", wanted->lines[i],
		    *wanted->notes[i] != '\0' ? " " : "", wanted->notes[i]);
		made = draft_with_line(a->then[KEYS] != NULL ? a->then[KEYS] :
							       a->now[KEYS],
		    line);
		free(a->then[KEYS]);
		if ((a->then[KEYS] = made) == NULL)
			break;
	}
	keys_free(&have);
	return i == wanted->nlines ? CTL_OK : nomem(a);
}

static int
make_keys(struct add *a)
{
	const struct ctl_values *files = ctl_values(a->call, "--key");
	char safe[200], *text;
	struct keys wanted;
	size_t i;
	int code = CTL_OK;

	for (i = 0; i < files->n && code == CTL_OK; i++) {
		if ((text = read_input(a, files->value[i])) == NULL)
			return CTL_FAILED;
		text_escape(safe, sizeof(safe), files->value[i],
		    strlen(files->value[i]));
		code = keys_read(safe, text, &wanted) == 0 ?
		    merge_keys(a, safe, &wanted) :
		    nomem(a);
		keys_free(&wanted);
		free(text);
	}
	if (a->then[KEYS] == NULL || code != CTL_OK)
		return code;
	/* With all that was there before: is there room for so many? */
	if ((text = strdup(a->then[KEYS])) == NULL)
		return nomem(a);
	if (keys_read(names[KEYS], text, &wanted) == 0 &&
	    wanted.nlines == KEYS_MAX && wanted.nfaults > 0)
		code = fail(a,
		    "%s would have more than %d keys. Nothing was "
		    "changed.",
		    a->name, KEYS_MAX);
	keys_free(&wanted);
	free(text);
	return code;
}

/* --- the whole ----------------------------------------------------------- */

/* Is that fault about this customer's files? */
static bool
is_ours(const struct add *a, const struct policy_fault *fault)
{
	size_t len = strlen(a->name);

	return strncmp(fault->place.file, a->name, len) == 0 &&
	    fault->place.file[len] == '/';
}

static int
judge(struct add *a)
{
	const struct policy_draft draft = { .customer = a->name,
		.conf = a->then[CONF] != NULL ? a->then[CONF] : a->now[CONF],
		.ips = a->then[IPS] };
	struct policy *policy = policy_try(a->ctl->etc, &draft);
	char text[POLICY_TEXT + 100];
	int code = CTL_OK;
	size_t i;

	if (policy == NULL)
		return nomem(a);
	/* It would be refused whole, with all that was good in it before. */
	for (i = 0; i < FILES && code == CTL_OK; i++)
		if (a->then[i] != NULL && strlen(a->then[i]) > FILE_MAX)
			code = fail(a,
			    "%s/%s would be larger than %d KiB. Nothing was "
			    "changed.",
			    a->name, names[i], FILE_MAX / 1024);
	for (i = 0; i < policy->nfaults; i++) {
		if (!is_ours(a, &policy->faults[i]))
			continue;
		policy_fault_text(&policy->faults[i], text, sizeof(text));
		if (code == CTL_OK)
			code = fail(a, "%s. Nothing was changed.", text);
		else
			report_note("%s", text);
	}
	policy_free(policy);
	return code;
}

static int
judge_account(struct add *a)
{
	const struct passwd *account = getpwnam(a->name);
	bool wanted = ctl_given(a->call, "--unix-account");
	int code = CTL_OK;
	char text[300];
	size_t i;

	if (wanted && *a->ctl->prefix != '\0')
		return passwd_refuse_prefix(a->ctl);
	a->account = wanted && account == NULL;
	if (account == NULL || *a->ctl->prefix != '\0')
		return CTL_OK;
	for (i = 0; passwd_fault(account, i, text, sizeof(text)) != NULL; i++)
		if (wanted)
			code = fail(a,
			    "the account %s exists and %s. Nothing was "
			    "changed.",
			    a->name, text);
		else
			report_note("note: the account %s %s", a->name, text);
	return code;
}

static void
tell(struct add *a, const char *item, const char *result)
{
	report_say(&a->ctl->report, "%-16s %s", item, result);
	report_begin(&a->ctl->report, NULL, '{');
	report_string(&a->ctl->report, "item", item);
	report_string(&a->ctl->report, "result", result);
	report_end(&a->ctl->report, '}');
}

static int
put_in_place(struct add *a)
{
	struct place_file files[FILES];
	bool whole = a->customer == NULL;
	size_t i;

	for (i = 0; i < FILES; i++)
		files[i] = (struct place_file){ names[i], a->then[i] };
	if (a->account && passwd_add(a->ctl, a->name) != CTL_OK)
		return CTL_FAILED;
	if (whole && place_make(&a->place, a->name, files, FILES) != 0)
		return fail(a, "customers/%s cannot be made: %s. %s.", a->name,
		    strerror(errno),
		    a->account ? "The account is there, without any rights" :
				 "Nothing was changed");
	for (i = 0; i < FILES && !whole; i++)
		if (a->then[i] != NULL &&
		    place_replace(&a->place, a->name, &files[i]) != 0)
			return fail(a,
			    "%s/%s cannot be written: %s. It is as "
			    "it was.",
			    a->name, names[i], strerror(errno));
	return CTL_OK;
}

static void
tell_all(struct add *a)
{
	struct report *r = &a->ctl->report;
	size_t i;

	report_string(r, "customer", a->name);
	report_begin(r, "items", '[');
	tell(a, "directory", a->customer == NULL ? "made" : "unchanged");
	for (i = 0; i < FILES; i++)
		if (a->then[i] != NULL)
			tell(a, names[i],
			    a->now[i] == NULL ? "made" : "changed");
		else if (a->now[i] != NULL)
			tell(a, names[i], "unchanged");
	if (ctl_given(a->call, "--unix-account"))
		tell(a, "account", a->account ? "made" : "unchanged");
	report_end(r, ']');
	if (a->now[KEYS] == NULL && a->then[KEYS] == NULL)
		report_note("note: %s has no key yet and cannot log in; give "
			    "one with --key",
		    a->name);
}

int
add_run(struct ctl *ctl, const struct ctl_call *call)
{
	struct add a = { .ctl = ctl, .call = call, .name = call->args[0] };
	static int (*const steps[])(struct add *) = { read_files, read_policy,
		make_conf, make_ips, make_keys, judge, judge_account,
		put_in_place };
	size_t i;
	int code;

	code = place_open(ctl, &a.place);
	for (i = 0; code == CTL_OK && i < sizeof(steps) / sizeof(steps[0]); i++)
		code = steps[i](&a);
	if (code == CTL_OK)
		tell_all(&a);
	for (i = 0; i < FILES; i++) {
		free(a.now[i]);
		free(a.then[i]);
	}
	policy_free(a.policy);
	place_close(&a.place);
	return code;
}
