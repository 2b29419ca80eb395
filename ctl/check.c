/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/ctl.h"
#include "ctl/passwd.h"
#include "ctl/sshd.h"
#include "policy/keys.h"
#include "policy/policy.h"
#include "policy/sysrq.h"
#include "policy/verb.h"
#include "wire/err.h"

#define READERS	       "vpsh-policy"
#define PAM_FILE       "/etc/pam.d/sshd"
#define LINE_MAX_BYTES 1024

struct check {
	struct ctl *ctl;
	struct policy *policy;
	size_t problems;
	size_t looked; /* at so many sshds */
	struct sshd sshd;
};

static void problem(struct check *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
problem(struct check *c, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES], safe[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_escape(safe, sizeof(safe), text, strlen(text));
	report_say(&c->ctl->report, "%s", safe);
	report_string(&c->ctl->report, NULL, safe);
	c->problems++;
}

static int
finish(struct check *c, const char *what)
{
	struct report *r = &c->ctl->report;

	report_end(r, ']');
	report_number(r, "count", (long long)c->problems);
	report_number(r, "sshds", (long long)c->looked);
	if (c->problems == 0)
		report_say(r, "%s: nothing is wrong.", what);
	else
		report_say(r, "%s: %zu problem%s.", what, c->problems,
		    c->problems == 1 ? "" : "s");
	return c->problems == 0 ? CTL_OK : CTL_PROBLEM;
}

/* --- files --------------------------------------------------------------- */

static void
say_fault(struct check *c, const struct policy_fault *fault)
{
	char text[POLICY_TEXT + 100];

	policy_fault_text(fault, text, sizeof(text));
	problem(c, "%s", text);
}

static void
check_keys(struct check *c, const char *name)
{
	struct keys keys;
	size_t i;

	(void)keys_load(c->ctl->etc, name, &keys);
	for (i = 0; i < keys.nfaults; i++)
		say_fault(c, &keys.faults[i]);
	if (keys.nlines == 0 && keys.nfaults == 0)
		problem(c,
		    "%s/authorized_keys: there is no key in it, and "
		    "nobody can log in",
		    name);
	keys_free(&keys);
}

/* Root can read everything; the broker cannot. */
static void
check_readable(struct check *c, const char *below)
{
	const struct group *group = getgrnam(READERS);
	char path[PATH_MAX];
	struct stat st;
	mode_t need;

	text_format(path, sizeof(path), "%s%s", c->ctl->etc, below);
	if (group == NULL || lstat(path, &st) != 0 || S_ISLNK(st.st_mode))
		return;
	need = S_ISDIR(st.st_mode) ? S_IROTH | S_IXOTH : S_IROTH;
	if (st.st_gid == group->gr_gid)
		need <<= 3;
	if ((st.st_mode & need) != need)
		problem(c,
		    "%s cannot be read by the broker: chgrp %s "
		    "and chmod %s",
		    path, READERS, S_ISDIR(st.st_mode) ? "750" : "640");
}

static void
check_all_readable(struct check *c)
{
	static const char *const files[] = { "", "/policy.conf", "/ips.txt",
		"/authorized_keys", "/suspended" };
	char below[100];
	size_t i, k;

	check_readable(c, "");
	check_readable(c, "/vpsh.conf");
	check_readable(c, "/customers");
	for (i = 0; i < c->policy->ncustomers; i++)
		for (k = 0; k < sizeof(files) / sizeof(files[0]); k++) {
			text_format(below, sizeof(below), "/customers/%s%s",
			    c->policy->customers[i].name, files[k]);
			check_readable(c, below);
		}
}

static void
check_files(struct check *c)
{
	size_t i;

	for (i = 0; i < c->policy->nfaults; i++)
		say_fault(c, &c->policy->faults[i]);
	for (i = 0; i < c->policy->ncustomers; i++)
		check_keys(c, c->policy->customers[i].name);
	if (*c->ctl->prefix == '\0')
		check_all_readable(c);
}

/* --- accounts ------------------------------------------------------------ */

static const struct passwd *
account_of(const struct policy_customer *customer)
{
	return customer->has_uid ? getpwuid(customer->uid) :
				   getpwnam(customer->name);
}

/* The customer whose account it is, or NULL. */
static const struct policy_customer *
customer_of(const struct check *c, const struct passwd *account)
{
	const struct policy_customer *customer;
	size_t i;

	for (i = 0; i < c->policy->ncustomers; i++) {
		customer = &c->policy->customers[i];
		if (customer->has_uid ?
			customer->uid == account->pw_uid :
			strcmp(customer->name, account->pw_name) == 0)
			return customer;
	}
	return NULL;
}

static void
check_door(struct check *c, const struct passwd *account)
{
	const char *name = account->pw_name, *file = c->sshd.file;
	char text[2 * SSHD_VALUE];
	size_t p, i;

	for (p = 0; p < c->sshd.nports; p++) {
		if (sshd_ask(&c->sshd, name, c->sshd.ports[p]) != 0) {
			problem(c, "%s: sshd does not say what it does with %s",
			    file, name);
			continue;
		}
		if (!sshd_admits(&c->sshd, account))
			continue;
		if (!sshd_serves(&c->sshd) &&
		    !sshd_has_key_of(&c->sshd, account, text) &&
		    sshd_is(&c->sshd, "authorizedkeyscommand", "none")) {
			report_note("note: %s: %s has no key for the sshd on "
				    "port %d; whoever had one could forward "
				    "there. DenyGroups " PASSWD_GROUP
				    " closes it",
			    file, name, c->sshd.ports[p]);
			continue;
		}
		for (i = 0; sshd_fault(&c->sshd, i, text, sizeof(text)); i++)
			problem(c, "%s: as %s on port %d %s", file, name,
			    c->sshd.ports[p], text);
		if (sshd_has_key_of(&c->sshd, account, text))
			problem(c, "%s: keys in %s log in as %s", file, text,
			    name);
	}
}

typedef void account_fn(struct check *c, const struct passwd *account);

/* What is called asks for accounts itself: nothing of theirs would stay. */
static void
call_with(struct check *c, const struct passwd *found, account_fn *call)
{
	struct passwd account = *found;
	char name[256], home[PATH_MAX], shell[PATH_MAX];

	text_copy(name, sizeof(name), found->pw_name);
	text_copy(home, sizeof(home), found->pw_dir);
	text_copy(shell, sizeof(shell), found->pw_shell);
	account.pw_name = name;
	account.pw_dir = home;
	account.pw_shell = shell;
	account.pw_passwd = "x";
	call(c, &account);
}

/*
 * Call it for every account that is a customer's, in whatever way.  Not every
 * name service lists all that it knows: customers' are asked for by name.
 */
static void
each_account(struct check *c, account_fn *call)
{
	const struct passwd *found;
	size_t i;

	for (i = 0; i < c->policy->ncustomers; i++)
		if ((found = account_of(&c->policy->customers[i])) != NULL)
			call_with(c, found, call);
	setpwent();
	while ((found = getpwent()) != NULL)
		if (passwd_is_customer(found) && customer_of(c, found) == NULL)
			call_with(c, found, call);
	endpwent();
}

static void
check_account(struct check *c, const struct passwd *account)
{
	char text[2 * SSHD_VALUE];
	size_t i;

	for (i = 0; passwd_fault(account, i, text, sizeof(text)) != NULL; i++)
		problem(c, "account %s: it %s", account->pw_name, text);
	if (customer_of(c, account) == NULL)
		report_note("note: the account %s is a customer's by its group "
			    "or shell, and there is no such customer",
		    account->pw_name);
}

static void
check_accounts(struct check *c)
{
	const struct policy_customer *customer;
	size_t i;

	each_account(c, check_account);
	for (i = 0; i < c->policy->ncustomers; i++) {
		customer = &c->policy->customers[i];
		if (account_of(customer) == NULL)
			problem(c,
			    "%s: there is no such account, and nobody "
			    "can log in: vpshctl customer add %s "
			    "--unix-account",
			    customer->name, customer->name);
	}
}

/* PAM's session modules run as root with files of the customer's home. */
static void
check_pam(struct check *c)
{
	char *text = NULL, *line, *rest;
	size_t len;
	bool found = false;

	if (!sshd_is(&c->sshd, "usepam", "yes") ||
	    file_read_trusted(AT_FDCWD, PAM_FILE, &text, &len) != FILE_OK)
		return;
	rest = text;
	while ((line = strsep(&rest, "\n")) != NULL)
		found |= strncmp(line, "session", 7) == 0 &&
		    strstr(line, "pam_succeed_if.so") != NULL &&
		    strstr(line, "ingroup " PASSWD_GROUP) != NULL;
	free(text);
	if (!found)
		problem(c,
		    PAM_FILE ": session modules run for customers; put "
			     "the line of examples/ssh/pam-sshd.txt in "
			     "front of common-session");
}

static void
check_sshd(struct check *c)
{
	const char *file, *why;
	size_t i, looked = 0;
	bool missing;

	for (i = 0; (file = sshd_file(i)) != NULL; i++) {
		if ((why = sshd_open(&c->sshd, file, &missing)) != NULL) {
			if (!missing)
				report_note("note: %s %s", file, why);
			continue;
		}
		looked++;
		check_pam(c);
		each_account(c, check_door);
	}
	c->looked = looked;
	if (looked == 0)
		report_note("note: no sshd could be looked at: whether "
			    "customers reach vpsh and nothing else is not "
			    "known");
}

/* --- one file, before it is in place ------------------------------------- */

static char *
read_file(struct check *c, const char *path)
{
	char *text = calloc(1, FILE_MAX + 2), safe[PATH_MAX];
	int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = -1, len = 0;

	while (fd != -1 && text != NULL && len <= FILE_MAX &&
	    (n = read(fd, text + len, (size_t)(FILE_MAX + 1 - len))) > 0)
		len += n;
	if (n == 0 && len <= FILE_MAX && strlen(text) == (size_t)len) {
		fd_close(&fd);
		return text;
	}
	text_escape(safe, sizeof(safe), path, strlen(path));
	report_fail(&c->ctl->report, "%s cannot be judged: %s", safe,
	    fd == -1 || n == -1 ? strerror(errno) :
		len > FILE_MAX	? file_fault_text(FILE_TOO_BIG) :
				  file_fault_text(FILE_HAS_NUL));
	fd_close(&fd);
	free(text);
	return NULL;
}

static bool
is_known(const struct policy *policy, const struct policy_fault *fault)
{
	size_t i;

	for (i = 0; i < policy->nfaults; i++)
		if (strcmp(policy->faults[i].text, fault->text) == 0 &&
		    strcmp(policy->faults[i].place.file, fault->place.file) ==
			0)
			return true;
	return false;
}

/* What would be wrong in that file, and because of it in others. */
static int
try_draft(struct check *c, const struct policy_draft *draft, const char *as)
{
	struct policy *then = policy_try(c->ctl->etc, draft);
	size_t i;

	if (then == NULL)
		return report_fail(&c->ctl->report, "out of memory");
	report_begin(&c->ctl->report, "problems", '[');
	for (i = 0; i < then->nfaults; i++)
		if (strcmp(then->faults[i].place.file, as) == 0 ||
		    !is_known(c->policy, &then->faults[i]))
			say_fault(c, &then->faults[i]);
	policy_free(then);
	return finish(c, as);
}

static int
try_keys(struct check *c, char *text, const char *as)
{
	struct keys keys;
	size_t i;

	report_begin(&c->ctl->report, "problems", '[');
	(void)keys_read(as, text, &keys);
	for (i = 0; i < keys.nfaults; i++)
		say_fault(c, &keys.faults[i]);
	keys_free(&keys);
	return finish(c, as);
}

static int
check_file(struct check *c, const char *path, const char *as)
{
	struct policy_draft draft = { 0 };
	char name[TEXT_NAME_MAX + 1], label[80], *text;
	const char *slash = strchr(as, '/');
	const char *file = slash != NULL ? slash + 1 : "policy.conf";
	int code;

	if (strcmp(as, "vpsh.conf") == 0)
		file = as;
	else if (text_format(name, sizeof(name), "%.*s", (int)strcspn(as, "/"),
		     as) != 0 ||
	    !text_is_name(name) ||
	    (strcmp(file, "policy.conf") != 0 && strcmp(file, "ips.txt") != 0 &&
		strcmp(file, "authorized_keys") != 0))
		return report_usage(&c->ctl->report,
		    "--as wants NAME, NAME/policy.conf, NAME/ips.txt, "
		    "NAME/authorized_keys or vpsh.conf");
	if ((text = read_file(c, path)) == NULL)
		return CTL_FAILED;
	if (file == as) {
		draft.host = text;
		code = try_draft(c, &draft, as);
	} else {
		text_format(label, sizeof(label), "%s/%s", name, file);
		draft.customer = name;
		if (strcmp(file, "policy.conf") == 0)
			draft.conf = text;
		else if (policy_customer(c->policy, name) == NULL)
			draft.conf = "# not there yet\n";
		if (strcmp(file, "ips.txt") == 0)
			draft.ips = text;
		code = strcmp(file, "authorized_keys") == 0 ?
		    try_keys(c, text, label) :
		    try_draft(c, &draft, label);
	}
	free(text);
	return code;
}

/* --- commands ------------------------------------------------------------ */

int
check_run(struct ctl *ctl, const struct ctl_call *call)
{
	const char *file = ctl_value(call, "--file");
	const char *as = ctl_value(call, "--as");
	struct check *c = calloc(1, sizeof(*c));
	char what[80];
	int code;

	if (c == NULL || (c->policy = policy_load(ctl->etc, NULL)) == NULL) {
		free(c);
		return report_fail(&ctl->report, "out of memory");
	}
	c->ctl = ctl;
	if ((file == NULL) != (as == NULL)) {
		code = report_usage(&ctl->report,
		    "--file and --as go together: --file F --as alice");
	} else if (file != NULL) {
		code = check_file(c, file, as);
	} else {
		report_begin(&ctl->report, "problems", '[');
		check_files(c);
		/* Accounts and sshd are the machine's, not the prefix's. */
		if (*ctl->prefix == '\0') {
			check_accounts(c);
			check_sshd(c);
		}
		text_format(what, sizeof(what), "%zu customer%s",
		    c->policy->ncustomers,
		    c->policy->ncustomers == 1 ? "" : "s");
		code = finish(c, what);
	}
	policy_free(c->policy);
	free(c);
	return code;
}

/* What was asked about, or one sentence about why it is nothing. */
static int
read_what(struct report *r, const struct ctl_call *call, uint32_t *key)
{
	const struct verb *verb = verb_find(call->args[1]);
	const char *word = call->nargs > 3 ? call->args[3] : NULL;

	*key = 0;
	if (verb == NULL)
		return report_usage(r,
		    "there is no command of that name that "
		    "needs a right");
	if (verb->guest && call->nargs < 3)
		return report_usage(r,
		    "%s is about a guest: vpshctl what-if "
		    "%s %s GUEST",
		    verb->name, call->args[0], verb->name);
	if (ctl_given(call, VERB_FORCE) && !verb->force)
		return report_usage(r,
		    VERB_FORCE " goes with shutdown and reboot, not with %s",
		    verb->name);
	if (word != NULL && !verb->key)
		return report_usage(r, "a key goes with sysrq, not with %s",
		    verb->name);
	if (word != NULL && word[1] == '\0')
		*key = (unsigned char)*word;
	if (word != NULL && sysrq_right(*key) == RIGHT_NONE)
		return report_usage(r,
		    "there is no such sysrq key: one letter or digit that "
		    "Linux knows is wanted");
	return CTL_OK;
}

int
check_what_if_run(struct ctl *ctl, const struct ctl_call *call)
{
	const struct verb *verb = verb_find(call->args[1]);
	bool force = ctl_given(call, VERB_FORCE);
	struct report *r = &ctl->report;
	struct verdict verdict;
	struct policy *policy;
	char what[60];
	uint32_t key;
	int code;

	if ((code = read_what(r, call, &key)) != CTL_OK)
		return code;
	if ((policy = policy_load(ctl->etc, NULL)) == NULL)
		return report_fail(r, "out of memory");
	verb_decide(policy_customer(policy, call->args[0]),
	    verb->guest ? call->args[2] : NULL, verb->right, force, key,
	    &verdict);
	policy_free(policy);
	if (verdict.err == VPSH_OK && verb->key && key == 0)
		sysrq_describe(verdict.because, sizeof(verdict.because));
	text_format(what, sizeof(what), "%s%s%s", verb->name,
	    force || key != 0 ? " " : "",
	    force	 ? VERB_FORCE :
		key != 0 ? call->args[3] :
			   "");
	report_say(r, "%s: %s", verdict.err == VPSH_OK ? "yes" : "no",
	    verdict.because);
	report_string(r, "customer", call->args[0]);
	report_string(r, "command", what);
	report_bool(r, "allowed", verdict.err == VPSH_OK);
	report_string(r, "because", verdict.because);
	if (verdict.err != VPSH_OK)
		report_string(r, "err", err_name(verdict.err));
	return verdict.err == VPSH_OK ? CTL_OK : CTL_PROBLEM;
}
