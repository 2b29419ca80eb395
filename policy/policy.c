/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/utsname.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/file.h"
#include "policy/claims.h"
#include "policy/customer.h"
#include "policy/folder.h"
#include "policy/host.h"
#include "policy/ips.h"

struct loader {
	struct policy *policy;
	const struct policy_draft *draft; /* NULL: files only */
	const struct policy *previous;
	struct faults faults;
	int64_t now_ms;
};

/*
 * Is it content that does not hold, as an interrupted write or a slip leaves
 * it?  Then the last good version may go on.  A file that anybody might have
 * written, that was taken away or closed to us may not.
 */
static bool
is_slip(enum file_fault fault, int error)
{
	return fault == FILE_TOO_BIG || fault == FILE_HAS_NUL ||
	    (fault == FILE_UNREADABLE && error != EACCES && error != EPERM);
}

static void
note_file(struct loader *l, const char *file, enum file_fault fault, int error)
{
	if (fault == FILE_UNREADABLE)
		faults_add(&l->faults, file, 0, "%s: %s",
		    file_fault_text(fault), strerror(error));
	else
		faults_add(&l->faults, file, 0, "%s", file_fault_text(fault));
}

/* Since when the file has been broken, or -1 when its grace is over. */
static int64_t
stale_since(const struct loader *l, int64_t before, int64_t grace_ms)
{
	int64_t since = before;

	if (before == 0 || before > l->now_ms)
		since = l->now_ms;
	return l->now_ms - since < grace_ms ? since : -1;
}

/* The last good vpsh.conf, under its own grace. */
static bool
lend_host(struct loader *l)
{
	const struct policy *old = l->previous;
	struct faults unheard = { 0 };
	struct host *host;
	int64_t since;
	bool usable;

	if (old == NULL || old->host_text == NULL)
		return false;
	since = stale_since(l, old->host_stale_since_ms, old->grace_ms);
	if (since < 0)
		return false;
	host = host_read(old->host_text, &unheard, &usable);
	free(unheard.list);
	l->policy->host_text = strdup(old->host_text);
	if (host == NULL || l->policy->host_text == NULL) {
		host_free(host);
		l->faults.nomem = true;
		return false;
	}
	host_free(l->policy->host);
	l->policy->host = host;
	l->policy->host_stale_since_ms = since;
	return true;
}

/* A file, or what a draft puts in its place; errno is as of the fault. */
static enum file_fault
load_text(int folder, const char *name, const char *draft, char **text)
{
	size_t len;

	*text = NULL;
	if (draft != NULL)
		return (*text = strdup(draft)) != NULL ? FILE_OK :
							 FILE_UNREADABLE;
	return folder == -1 ? FILE_MISSING :
			      file_read_trusted(folder, name, text, &len);
}

static void
load_host(struct loader *l, int etc)
{
	struct policy *p = l->policy;
	enum file_fault fault;
	char *text;
	bool usable, slip;

	fault = load_text(etc, "vpsh.conf",
	    l->draft != NULL ? l->draft->host : NULL, &text);
	slip = is_slip(fault, errno);
	if (fault != FILE_OK && fault != FILE_MISSING)
		note_file(l, "vpsh.conf", fault, errno);
	p->host = host_read(text, &l->faults, &usable);
	if (p->host == NULL) {
		l->faults.nomem = true;
		free(text);
		return;
	}
	if (fault == FILE_OK && usable) {
		p->host_text = text;
	} else {
		free(text);
		if (fault != FILE_MISSING)
			faults_add(&l->faults, "vpsh.conf", 0,
			    (fault == FILE_OK || slip) && lend_host(l) ?
				"is not usable as written: its last good "
				"version stays in force until policy_grace "
				"is over" :
				"is not usable as written: only what is "
				"right in it holds");
	}
	text_copy(p->support, sizeof(p->support), p->host->support);
	text_copy(p->ssh_host, sizeof(p->ssh_host), p->host->ssh_host);
	p->ssh_port = p->host->ssh_port;
	p->grace_ms = p->host->grace_ms;
}

/* What this customer may still do by the last good version. */
static bool
lend_customer(struct loader *l, struct policy_customer *c)
{
	const struct policy_customer *old = NULL;
	struct faults unheard = { 0 };
	int64_t since;

	if (l->previous != NULL)
		old = policy_customer(l->previous, c->name);
	if (old == NULL || old->text == NULL)
		return false;
	since = stale_since(l, old->stale_since_ms, l->policy->grace_ms);
	if (since < 0)
		return false;
	if (!customer_read(c, l->policy->host, old->text, &unheard)) {
		free(unheard.list);
		customer_clear(c);
		return false;
	}
	free(unheard.list);
	c->stale_since_ms = since;
	c->text = strdup(old->text);
	l->faults.nomem |= unheard.nomem || c->text == NULL;
	return true;
}

/* The file cannot be used: deny, or go on with what it said before. */
static void
fall_back(struct loader *l, struct policy_customer *c, const char *file,
    bool slip)
{
	const struct policy_fault *why = faults_of(&l->faults, file);
	char text[POLICY_TEXT + sizeof(why->place.file) + 16] = "";

	if (why != NULL)
		policy_fault_text(why, text, sizeof(text));
	customer_clear(c);
	if (slip && lend_customer(l, c)) {
		faults_add(&l->faults, file, 0,
		    "is not usable as written: its "
		    "last good version stays in force until policy_grace is "
		    "over");
		return;
	}
	text_copy(c->denied, sizeof(c->denied), text);
	faults_add(&l->faults, file, 0,
	    "is not usable as written: %s is "
	    "denied",
	    c->name);
}

/* Beside policy.conf: neither can make it unusable, nor be lost with it. */
static void
load_others(struct loader *l, int folder, const char *ips,
    struct policy_customer *c)
{
	char file[sizeof(c->allow.file)];
	enum file_fault fault;
	char *text;

	fault = load_text(folder, "suspended", NULL, &text);
	if (fault != FILE_OK && fault != FILE_MISSING) {
		text_format(file, sizeof(file), "%s/suspended", c->name);
		note_file(l, file, fault, errno);
		faults_add(&l->faults, file, 0, "%s is suspended all the same",
		    c->name);
	}
	customer_suspend(c, fault, text);
	free(text);
	fault = load_text(folder, "ips.txt", ips, &text);
	ips_read(c, fault, text, &l->faults);
}

static void
load_customer(struct loader *l, int customers, const char *name,
    struct policy_customer *c)
{
	static const struct policy_draft none;
	const struct policy_draft *draft = &none;
	char file[sizeof(c->allow.file)];
	enum file_fault fault;
	const char *wrong;
	char *text;
	int folder = -1, error;

	text_copy(c->name, sizeof(c->name), name);
	customer_file(file, sizeof(file), name);
	if (l->draft != NULL && l->draft->customer != NULL &&
	    strcmp(l->draft->customer, name) == 0)
		draft = l->draft;
	wrong = folder_open(customers, name, &folder);
	if (wrong != NULL && (draft->conf == NULL || errno != ENOENT)) {
		faults_add(&l->faults, file, 0, "its directory %s", wrong);
		fall_back(l, c, file, false);
		return;
	}
	fault = load_text(folder, "policy.conf", draft->conf, &text);
	error = errno;
	if (fault != FILE_OK) {
		note_file(l, file, fault, error);
		fall_back(l, c, file, is_slip(fault, error));
	} else if (customer_read(c, l->policy->host, text, &l->faults)) {
		c->text = text;
		text = NULL;
	} else
		fall_back(l, c, file, true);
	free(text);
	load_others(l, folder, draft->ips, c);
	fd_close(&folder);
}

/* A guest that names this very host is simply here. */
static void
settle_hosts(struct policy *policy)
{
	struct policy_customer *c;
	struct utsname self;
	size_t i, k, len;

	if (uname(&self) != 0)
		return;
	len = strcspn(self.nodename, ".");
	for (i = 0; i < policy->ncustomers; i++) {
		c = &policy->customers[i];
		for (k = 0; k < c->nguests; k++)
			if (strcmp(c->guests[k].host, self.nodename) == 0 ||
			    (strncmp(c->guests[k].host, self.nodename, len) ==
				    0 &&
				c->guests[k].host[len] == '\0'))
				*c->guests[k].host = '\0';
	}
}

static void
load_customers(struct loader *l, int etc)
{
	struct policy *p = l->policy;
	struct folder_list list;
	const char *wrong;
	int customers = -1;
	size_t i;

	if ((wrong = folder_open(etc, "customers", &customers)) != NULL) {
		faults_add(&l->faults, "customers", 0,
		    "this directory %s: "
		    "there are no customers",
		    wrong);
		return;
	}
	if (folder_read(customers, &list, &l->faults) == 0 &&
	    (l->draft == NULL || l->draft->conf == NULL ||
		folder_with(&list, l->draft->customer) == 0))
		p->customers = calloc(list.count + 1, sizeof(*p->customers));
	if (p->customers == NULL)
		l->faults.nomem = true;
	for (i = 0; i < list.count && p->customers != NULL; i++)
		load_customer(l, customers, list.names[i],
		    &p->customers[p->ncustomers++]);
	folder_free(&list);
	fd_close(&customers);
}

static struct policy *
load(const char *etc, const struct policy *previous,
    const struct policy_draft *draft)
{
	struct loader l = { .previous = previous,
		.draft = draft,
		.now_ms = clock_wall_ms() };
	const char *wrong;
	int fd = -1;

	if ((l.policy = calloc(1, sizeof(*l.policy))) == NULL)
		return NULL;
	if ((wrong = folder_open(AT_FDCWD, etc, &fd)) != NULL)
		faults_add(&l.faults, etc, 0,
		    "this directory %s: there are "
		    "no customers",
		    wrong);
	load_host(&l, fd);
	if (fd != -1 && l.policy->host != NULL)
		load_customers(&l, fd);
	fd_close(&fd);
	settle_hosts(l.policy);
	if (claims_judge(l.policy, &l.faults) != 0)
		l.faults.nomem = true;
	l.policy->faults = l.faults.list;
	l.policy->nfaults = l.faults.count;
	if (l.faults.nomem) {
		policy_free(l.policy);
		return NULL;
	}
	return l.policy;
}

struct policy *
policy_load(const char *etc, const struct policy *previous)
{
	return load(etc, previous, NULL);
}

struct policy *
policy_try(const char *etc, const struct policy_draft *draft)
{
	return load(etc, NULL, draft);
}

void
policy_free(struct policy *policy)
{
	size_t i;

	if (policy == NULL)
		return;
	for (i = 0; i < policy->ncustomers; i++) {
		free(policy->customers[i].guests);
		free(policy->customers[i].text);
		free(policy->customers[i].ips);
		free(policy->customers[i].ips_text);
	}
	free(policy->customers);
	free(policy->faults);
	host_free(policy->host);
	free(policy->host_text);
	free(policy->by_domain);
	free(policy);
}

static int
customer_named(const void *name, const void *customer)
{
	return strcmp(name, ((const struct policy_customer *)customer)->name);
}

const struct policy_customer *
policy_customer(const struct policy *policy, const char *name)
{
	if (policy->ncustomers == 0)
		return NULL;
	return bsearch(name, policy->customers, policy->ncustomers,
	    sizeof(*policy->customers), customer_named);
}

static int
guest_named(const void *name, const void *guest)
{
	return strcmp(name, ((const struct policy_guest *)guest)->name);
}

const struct policy_guest *
policy_guest(const struct policy_customer *customer, const char *name)
{
	if (customer->nguests == 0)
		return NULL;
	return bsearch(name, customer->guests, customer->nguests,
	    sizeof(*customer->guests), guest_named);
}

static int
guest_of_domain(const void *domain, const void *guest)
{
	return strcmp(domain,
	    (*(const struct policy_guest *const *)guest)->domain);
}

const struct policy_guest *
policy_by_domain(const struct policy *policy, const char *domain)
{
	const struct policy_guest *const *found;

	if (policy->ndomains == 0)
		return NULL;
	found = bsearch(domain, policy->by_domain, policy->ndomains,
	    sizeof(*policy->by_domain), guest_of_domain);
	return found != NULL ? *found : NULL;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

int64_t
policy_due_ms(const struct policy *policy)
{
	int64_t due = 0, since;
	size_t i;

	if (policy->host_stale_since_ms != 0)
		due = policy->host_stale_since_ms + policy->grace_ms;
	for (i = 0; i < policy->ncustomers; i++) {
		since = policy->customers[i].stale_since_ms;
		if (since != 0)
			due = sooner(due, since + policy->grace_ms);
	}
	return due;
}

void
policy_fault_text(const struct policy_fault *fault, char *dst, size_t size)
{
	if (fault->place.line > 0)
		text_format(dst, size, "%s:%d: %s", fault->place.file,
		    fault->place.line, fault->text);
	else
		text_format(dst, size, "%s: %s", fault->place.file,
		    fault->text);
}
