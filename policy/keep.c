/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "policy/folder.h"
#include "policy/host.h"
#include "policy/policy.h"

/*
 * A file for each customer, and one for vpsh.conf, whose name no customer can
 * have.  The first line says since when the version has been an old one, in
 * milliseconds since the epoch, or 0; the rest is the text as it was.
 */
#define HOST_NAME "vpsh.conf"

static int
keep_text(const char *dir, int fd, const char *name, int64_t since,
    const char *text)
{
	size_t size = strlen(text) + 32, len = 0;
	char *wanted = malloc(size), *have = NULL;
	int r = 0;

	if (wanted == NULL)
		return -1;
	snprintf(wanted, size, "%lld\n%s", (long long)since, text);
	if (file_read_trusted(fd, name, &have, &len) != FILE_OK ||
	    strcmp(have, wanted) != 0)
		r = file_replace(dir, name, wanted, strlen(wanted), 0644);
	free(have);
	free(wanted);
	return r;
}

/* Customers whose last good version has run out, or who are gone. */
static int
forget_others(const struct policy *policy, int fd)
{
	const struct policy_customer *customer;
	struct faults unheard = { 0 };
	struct folder_list list;
	int r = folder_read(fd, &list, &unheard);
	size_t i;

	for (i = 0; i < list.count; i++) {
		customer = policy_customer(policy, list.names[i]);
		if ((customer == NULL || customer->text == NULL) &&
		    unlinkat(fd, list.names[i], 0) == -1)
			r = -1;
	}
	if (policy->host_text == NULL && unlinkat(fd, HOST_NAME, 0) == -1 &&
	    errno != ENOENT)
		r = -1;
	folder_free(&list);
	free(unheard.list);
	return r;
}

int
policy_keep(const struct policy *policy, const char *dir)
{
	const struct policy_customer *c;
	int fd = -1, r = 0;
	size_t i;

	if (mkdir(dir, 0700) == -1 && errno != EEXIST)
		return -1;
	if (folder_open(AT_FDCWD, dir, &fd) != NULL) {
		errno = EPERM;
		return -1;
	}
	for (i = 0; i < policy->ncustomers; i++) {
		c = &policy->customers[i];
		if (c->text != NULL &&
		    keep_text(dir, fd, c->name, c->stale_since_ms, c->text) ==
			-1)
			r = -1;
	}
	if (policy->host_text != NULL &&
	    keep_text(dir, fd, HOST_NAME, policy->host_stale_since_ms,
		policy->host_text) == -1)
		r = -1;
	if (forget_others(policy, fd) == -1)
		r = -1;
	fd_close(&fd);
	return r;
}

static char *
recall_text(int fd, const char *name, int64_t *since)
{
	char *text = NULL, *end, *rest = NULL;
	long long value;
	size_t len;

	if (file_read_trusted(fd, name, &text, &len) != FILE_OK)
		return NULL;
	if ((end = strchr(text, '\n')) != NULL) {
		*end = '\0';
		if (text_number(text, 0, INT64_MAX, &value) == 0) {
			*since = value;
			rest = strdup(end + 1);
		}
	}
	free(text);
	return rest;
}

static void
recall_host(struct policy *policy, int fd)
{
	struct faults unheard = { 0 };
	bool usable;

	policy->host_text = recall_text(fd, HOST_NAME,
	    &policy->host_stale_since_ms);
	policy->host = host_read(policy->host_text, &unheard, &usable);
	if (policy->host != NULL)
		policy->grace_ms = policy->host->grace_ms;
	free(unheard.list);
}

struct policy *
policy_recall(const char *dir)
{
	struct policy *policy = NULL;
	struct policy_customer *c;
	struct faults unheard = { 0 };
	struct folder_list list = { 0 };
	int fd = -1;
	size_t i;

	if (folder_open(AT_FDCWD, dir, &fd) != NULL)
		return NULL;
	if (folder_read(fd, &list, &unheard) == -1 ||
	    (policy = calloc(1, sizeof(*policy))) == NULL)
		goto out;
	policy->customers = calloc(list.count + 1, sizeof(*policy->customers));
	for (i = 0; i < list.count && policy->customers != NULL; i++) {
		c = &policy->customers[policy->ncustomers++];
		text_copy(c->name, sizeof(c->name), list.names[i]);
		c->text = recall_text(fd, c->name, &c->stale_since_ms);
	}
	recall_host(policy, fd);
out:
	folder_free(&list);
	free(unheard.list);
	fd_close(&fd);
	return policy;
}
