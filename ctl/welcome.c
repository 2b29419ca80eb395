/* SPDX-License-Identifier: ISC */
#include <sys/utsname.h>

#include <netdb.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ctl/ctl.h"
#include "ctl/sshd.h"
#include "policy/keys.h"
#include "policy/policy.h"

/*
 * `welcome`: the mail for a new customer.  Each line of it has to be true
 * for this customer on this host, so each is looked up and none is a guess;
 * what cannot be looked up is said to the operator and not in the mail.
 */

#define COMMANDS     5
#define HOST_KEYS    8
#define PORT_DEFAULT 22

struct welcome {
	struct ctl *ctl;
	const struct policy *policy;
	const struct policy_customer *customer;
	char account[80];
	char host[POLICY_PATH];
	int port;
	bool asked; /* sshd says where its host keys are */
	struct sshd sshd;
	struct {
		char type[SSHD_VALUE];
		char print[SSHD_VALUE];
	} keys[HOST_KEYS];
	size_t nkeys;
};

#define fail(w, ...) report_fail(&(w)->ctl->report, __VA_ARGS__)

/* vpsh.conf says it, or the name service does. */
static void
find_host(struct welcome *w)
{
	const struct addrinfo hints = { .ai_flags = AI_CANONNAME,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	struct utsname self;

	text_copy(w->host, sizeof(w->host), w->policy->ssh_host);
	if (*w->host != '\0' || uname(&self) != 0)
		return;
	text_copy(w->host, sizeof(w->host), self.nodename);
	if (strchr(w->host, '.') == NULL &&
	    getaddrinfo(self.nodename, NULL, &hints, &list) == 0 &&
	    list->ai_canonname != NULL &&
	    strchr(list->ai_canonname, '.') != NULL)
		text_copy(w->host, sizeof(w->host), list->ai_canonname);
	if (list != NULL)
		freeaddrinfo(list);
	report_note("note: the host's name is this machine's; if customers "
		    "reach it by another, say so in vpsh.conf: ssh_host = "
		    "\"...\";");
}

/* Would the customer come in by that port, with the keys they gave? */
static bool
leads_in(struct welcome *w, int port)
{
	const struct passwd *account = getpwnam(w->account);

	return account != NULL && sshd_ask(&w->sshd, w->account, port) == 0 &&
	    sshd_serves(&w->sshd) && sshd_takes_keys(&w->sshd) &&
	    sshd_admits(&w->sshd, account);
}

/* The first sshd that leads this customer into vpsh, and its port. */
static int
find_sshd(struct welcome *w)
{
	const char *file;
	size_t i, p, looked = 0;
	bool missing;

	for (i = 0; *w->ctl->prefix == '\0' && (file = sshd_file(i)) != NULL;
	     i++) {
		if (sshd_open(&w->sshd, file, &missing) != NULL)
			continue;
		looked++;
		for (p = 0; p < w->sshd.nports; p++)
			if (leads_in(w, w->sshd.ports[p])) {
				w->port = w->sshd.ports[p];
				w->asked = true;
				return CTL_OK;
			}
	}
	if (looked > 0)
		return fail(w,
		    "no sshd of this host leads %s into vpsh, so no mail could "
		    "be true: vpshctl check says why",
		    w->account);
	report_note("note: no sshd could be looked at; the port is a guess, "
		    "and the host keys are those in /etc/ssh");
	w->port = PORT_DEFAULT;
	return CTL_OK;
}

static void
add_key(struct welcome *w, const char *file)
{
	char path[PATH_MAX];

	text_format(path, sizeof(path), "%s.pub", file);
	if (w->nkeys < HOST_KEYS &&
	    sshd_fingerprint(path, w->keys[w->nkeys].print,
		w->keys[w->nkeys].type) == 0)
		w->nkeys++;
}

static int
find_host_keys(struct welcome *w)
{
	static const char *const usual[] = { "/etc/ssh/ssh_host_ed25519_key",
		"/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_rsa_key" };
	char file[SSHD_VALUE];
	size_t i;

	for (i = 0; w->asked && sshd_value(&w->sshd, "hostkey", i, file); i++)
		add_key(w, file);
	for (i = 0; !w->asked && i < sizeof(usual) / sizeof(usual[0]); i++)
		add_key(w, usual[i]);
	if (w->nkeys == 0)
		return fail(w,
		    "no host key could be read, so the mail would "
		    "have no fingerprint in it");
	return CTL_OK;
}

/* Only what the customer may do; list and help are for everybody. */
static void
tell_commands(struct welcome *w)
{
	static const struct {
		enum right right;
		const char *verb;
		const char *help;
	} rows[] = {
		{ RIGHT_CONSOLE, "console", "work on its console" },
		{ RIGHT_START, "start", "boot it" },
		{ RIGHT_SHUTDOWN, "shutdown", "ask it to shut down" },
		{ RIGHT_REBOOT, "reboot", "ask it to reboot" },
		{ RIGHT_LOG, "log", "what its console said last" },
		{ RIGHT_DESTROY, "destroy", "pull the plug; the disk is kept" },
		{ RIGHT_ANY, "status", "everything about it" },
	};
	struct report *r = &w->ctl->report;
	const char *guest = w->customer->guests[0].name;
	struct verdict verdict;
	char line[80];
	size_t i, n = 2;

	report_begin(r, "commands", '[');
	report_say(r, "    %-24s %s", "list", "your guests and how they are");
	report_string(r, NULL, "list");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]) && n < COMMANDS; i++) {
		policy_decide(w->customer, guest, rows[i].right, &verdict);
		if (verdict.err != 0)
			continue;
		text_format(line, sizeof(line), "%s %s", rows[i].verb, guest);
		report_say(r, "    %-24s %s", line, rows[i].help);
		report_string(r, NULL, line);
		n++;
	}
	report_say(r, "    %-24s %s", "help", "all commands");
	report_string(r, NULL, "help");
	report_end(r, ']');
}

static void
tell_fingerprints(struct welcome *w)
{
	struct report *r = &w->ctl->report;
	size_t i;

	report_begin(r, "host_keys", '[');
	for (i = 0; i < w->nkeys; i++) {
		report_say(r, "    %-8s %s", w->keys[i].type, w->keys[i].print);
		report_begin(r, NULL, '{');
		report_string(r, "type", w->keys[i].type);
		report_string(r, "fingerprint", w->keys[i].print);
		report_end(r, '}');
	}
	report_end(r, ']');
}

static void
tell_guests(struct welcome *w)
{
	struct report *r = &w->ctl->report;
	const struct policy_customer *c = w->customer;
	size_t i;

	report_begin(r, "guests", '[');
	for (i = 0; i < c->nguests; i++) {
		report_say(r, "    %s", c->guests[i].name);
		report_string(r, NULL, c->guests[i].name);
	}
	report_end(r, ']');
}

static void
tell(struct welcome *w)
{
	struct report *r = &w->ctl->report;
	struct verdict verdict;
	char ssh[POLICY_PATH + 120];

	if (w->port == PORT_DEFAULT)
		text_format(ssh, sizeof(ssh), "ssh %s@%s", w->account, w->host);
	else
		text_format(ssh, sizeof(ssh), "ssh -p %d %s@%s", w->port,
		    w->account, w->host);
	report_string(r, "customer", w->customer->name);
	report_string(r, "ssh", ssh);
	report_say(r,
	    "Hello %s,\n\nyou control your guests over SSH, with the "
	    "key that you gave us:\n\n    %s\n",
	    w->customer->name, ssh);
	report_say(r,
	    "When ssh asks whether it is the right host, compare "
	    "with one of these:\n");
	tell_fingerprints(w);
	report_say(r, "\nYour guests:\n");
	tell_guests(w);
	report_say(r,
	    "\nFive commands to begin with, at the prompt or behind "
	    "the ssh command:\n");
	tell_commands(w);
	policy_decide(w->customer, w->customer->guests[0].name, RIGHT_CONSOLE,
	    &verdict);
	if (verdict.err == 0) {
		report_say(r,
		    "\nCtrl-] leaves a console; Ctrl-Q three times "
		    "does, too. The guest runs on.");
		report_string(r, "escape", "Ctrl-]");
	}
	if (*w->policy->support != '\0')
		report_say(r, "\nQuestions: %s", w->policy->support);
	report_string(r, "support", w->policy->support);
}

/* Is there somebody to write to, who could log in? */
static int
find_customer(struct welcome *w, const char *name)
{
	const struct policy_customer *c = policy_customer(w->policy, name);
	const struct passwd *account;
	struct keys keys;
	size_t nkeys;

	w->customer = c;
	if (c == NULL)
		return fail(w, "there is no customer %s in %s/customers", name,
		    w->ctl->etc);
	if (c->suspended || *c->denied != '\0' || c->nguests == 0)
		return fail(w,
		    "%s cannot do anything now: %s. No mail could "
		    "be true.",
		    name,
		    c->suspended	     ? "suspended" :
			*c->denied != '\0' ? c->denied :
					     "there is no guest");
	(void)keys_load(w->ctl->etc, name, &keys);
	nkeys = keys.nlines;
	keys_free(&keys);
	if (nkeys == 0)
		return fail(w,
		    "%s has no key and cannot log in: vpshctl "
		    "customer add %s --key FILE",
		    name, name);
	text_copy(w->account, sizeof(w->account), name);
	if (*w->ctl->prefix != '\0')
		return CTL_OK;
	account = c->has_uid ? getpwuid(c->uid) : getpwnam(name);
	if (account == NULL)
		return fail(w,
		    "%s has no account and cannot log in: vpshctl "
		    "customer add %s --unix-account",
		    name, name);
	text_copy(w->account, sizeof(w->account), account->pw_name);
	return CTL_OK;
}

int
welcome_run(struct ctl *ctl, const struct ctl_call *call)
{
	struct welcome *w = calloc(1, sizeof(*w));
	struct policy *policy = policy_load(ctl->etc, NULL);
	int code;

	if (w == NULL || policy == NULL) {
		free(w);
		policy_free(policy);
		return report_fail(&ctl->report, "out of memory");
	}
	w->ctl = ctl;
	w->policy = policy;
	if ((code = find_customer(w, call->args[0])) == CTL_OK &&
	    (code = find_sshd(w)) == CTL_OK &&
	    (code = find_host_keys(w)) == CTL_OK) {
		find_host(w);
		if (policy->ssh_port != 0)
			w->port = policy->ssh_port;
		tell(w);
	}
	policy_free(policy);
	free(w);
	return code;
}
