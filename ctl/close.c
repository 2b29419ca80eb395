/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "ctl/ctl.h"
#include "ctl/passwd.h"
#include "ctl/place.h"
#include "policy/policy.h"

/* Taking access away, for good or for a time, and giving it back. */

/*
 * Load the policy and find the customer.  *policy is the caller's to free,
 * also on failure.
 */
static int
find(struct ctl *ctl, const char *name, struct policy **policy,
    const struct policy_customer **customer)
{
	*policy = policy_load(ctl->etc, NULL);
	*customer = NULL;
	if (*policy == NULL)
		return report_fail(&ctl->report, "out of memory");
	*customer = policy_customer(*policy, name);
	if (*customer == NULL)
		return report_fail(&ctl->report,
		    "there is no customer %s in %s/customers. Nothing was "
		    "changed.",
		    name, ctl->etc);
	return CTL_OK;
}

/* --- for good ------------------------------------------------------------ */

/* A person types the name; a program says --yes. */
static int
confirm(struct ctl *ctl, const struct ctl_call *call)
{
	char line[TEXT_NAME_MAX + 4];

	if (ctl_given(call, "--yes"))
		return CTL_OK;
	if (!isatty(STDIN_FILENO) || ctl->report.json)
		return report_usage(&ctl->report,
		    "customer remove wants --yes. Nothing was changed.");
	fprintf(stderr,
	    "%s will not be able to log in any more. Guests, disks "
	    "and addresses stay.\nType the customer's name: ",
	    call->args[0]);
	if (fgets(line, sizeof(line), stdin) == NULL)
		*line = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	if (strcmp(line, call->args[0]) != 0)
		return report_fail(&ctl->report,
		    "that is not %s. Nothing was changed.", call->args[0]);
	return CTL_OK;
}

/* Before anything is done: whose is the account of that name? */
static int
judge_account(struct ctl *ctl, const struct ctl_call *call,
    const struct passwd *account)
{
	if (!ctl_given(call, "--unix-account"))
		return CTL_OK;
	if (*ctl->prefix != '\0')
		return passwd_refuse_prefix(ctl);
	if (account == NULL || passwd_is_removable(account))
		return CTL_OK;
	return report_fail(&ctl->report,
	    "the account %s (uid %lu, shell %.100s) is not a customer's alone, "
	    "and vpshctl does not remove it. Nothing was changed; leave out "
	    "--unix-account.",
	    account->pw_name, (unsigned long)account->pw_uid,
	    account->pw_shell);
}

static void
tell_removed(struct ctl *ctl, const char *name, const char *where,
    const struct policy_customer *customer, bool account)
{
	struct report *r = &ctl->report;
	size_t i;

	report_string(r, "customer", name);
	report_string(r, "moved_to", where);
	report_say(r,
	    "%s is no customer any more; sessions end within a "
	    "second.",
	    name);
	report_say(r, "The files are kept in %s.", where);
	report_begin(r, "guests_kept", '[');
	for (i = 0; i < customer->nguests; i++) {
		report_say(r, "Kept: guest %s, domain %s, %s and its disks.",
		    customer->guests[i].name, customer->guests[i].domain,
		    customer->guests[i].config);
		report_string(r, NULL, customer->guests[i].domain);
	}
	report_end(r, ']');
	report_bool(r, "account_kept", account);
}

static void
tell_account(struct ctl *ctl, const char *name, bool ours)
{
	if (ours)
		report_say(&ctl->report,
		    "Kept: the account %s. No key opens it, and userdel %s "
		    "removes it.",
		    name, name);
	else
		report_say(&ctl->report,
		    "Kept: the account %s. It is not a customer's alone, and "
		    "may be opened by other keys than those in vpsh.",
		    name);
}

int
close_remove_run(struct ctl *ctl, const struct ctl_call *call)
{
	const char *name = call->args[0];
	const struct policy_customer *customer;
	struct policy *policy = NULL;
	struct place place = { .customers = -1 };
	char where[PATH_MAX];
	const struct passwd *found;
	bool account, ours;
	int code;

	found = *ctl->prefix == '\0' ? getpwnam(name) : NULL;
	account = found != NULL;
	ours = account && passwd_is_removable(found);
	if ((code = find(ctl, name, &policy, &customer)) != CTL_OK ||
	    (code = judge_account(ctl, call, found)) != CTL_OK ||
	    (code = confirm(ctl, call)) != CTL_OK ||
	    (code = place_open(ctl, &place)) != CTL_OK)
		goto out;
	if (place_remove(ctl, &place, name, where, sizeof(where)) != 0) {
		code = report_fail(&ctl->report,
		    "customers/%s cannot be moved away: %s. Nothing was "
		    "changed.",
		    name, strerror(errno));
		goto out;
	}
	if (account && ctl_given(call, "--unix-account")) {
		code = passwd_remove(ctl, name);
		account = code != CTL_OK;
	}
	tell_removed(ctl, name, where, customer, account);
	if (account)
		tell_account(ctl, name, ours);
out:
	place_close(&place);
	policy_free(policy);
	return code;
}

/* --- for a time ---------------------------------------------------------- */

static void
tell(struct ctl *ctl, const char *name, const char *result, bool suspended)
{
	report_string(&ctl->report, "customer", name);
	report_string(&ctl->report, "result", result);
	report_bool(&ctl->report, "suspended", suspended);
}

/* As the service will read it: one line, escaped, cut. */
static int
write_reason(struct ctl *ctl, const struct place *place, const char *name,
    const char *reason)
{
	char text[POLICY_REASON + 2], safe[POLICY_REASON];
	const struct place_file file = { "suspended", text };

	text_escape(safe, sizeof(safe), reason, strlen(reason));
	text_format(text, sizeof(text), "%s\n", safe);
	if (place_replace(place, name, &file) != 0)
		return report_fail(&ctl->report,
		    "%s/suspended cannot be written: %s. Nothing was changed.",
		    name, strerror(errno));
	return CTL_OK;
}

int
close_suspend_run(struct ctl *ctl, const struct ctl_call *call)
{
	const char *name = call->args[0];
	const char *reason = ctl_value(call, "--reason");
	const struct policy_customer *customer;
	struct policy *policy = NULL;
	struct place place = { .customers = -1 };
	bool by_file;
	int code;

	if ((code = find(ctl, name, &policy, &customer)) != CTL_OK)
		goto out;
	by_file = customer->suspended &&
	    strcmp(customer->suspended_by, "suspended") == 0;
	if (by_file &&
	    (reason == NULL || strcmp(reason, customer->reason) == 0)) {
		report_say(&ctl->report, "unchanged: %s is suspended%s%s", name,
		    *customer->reason != '\0' ? ": " : "", customer->reason);
		tell(ctl, name, "unchanged", true);
		goto out;
	}
	if ((code = place_open(ctl, &place)) != CTL_OK ||
	    (code = write_reason(ctl, &place, name,
		 reason != NULL ? reason : "")) != CTL_OK)
		goto out;
	report_say(&ctl->report,
	    "%s is suspended: sessions end within a second, logins are told "
	    "so, guests run on.\nvpshctl resume %s undoes it.",
	    name, name);
	tell(ctl, name, "changed", true);
out:
	place_close(&place);
	policy_free(policy);
	return code;
}

int
close_resume_run(struct ctl *ctl, const struct ctl_call *call)
{
	const char *name = call->args[0];
	const struct policy_customer *customer;
	struct policy *policy = NULL, *after = NULL;
	struct place place = { .customers = -1 };
	int code;

	if ((code = find(ctl, name, &policy, &customer)) != CTL_OK)
		goto out;
	if (!customer->suspended) {
		report_say(&ctl->report, "unchanged: %s is not suspended",
		    name);
		tell(ctl, name, "unchanged", false);
		goto out;
	}
	if ((code = place_open(ctl, &place)) != CTL_OK)
		goto out;
	if (place_unlink(&place, name, "suspended") != 0) {
		code = report_fail(&ctl->report,
		    "%s/suspended cannot be removed: %s. %s is still "
		    "suspended.",
		    name, strerror(errno), name);
		goto out;
	}
	if ((code = find(ctl, name, &after, &customer)) != CTL_OK)
		goto out;
	if (customer->suspended) {
		code = report_fail(&ctl->report,
		    "%s is still suspended: \"suspended = true\" is in "
		    "%s/policy.conf, which is yours to edit.",
		    name, name);
		goto out;
	}
	report_say(&ctl->report, "%s is not suspended any more", name);
	tell(ctl, name, "changed", false);
out:
	place_close(&place);
	policy_free(policy);
	policy_free(after);
	return code;
}
