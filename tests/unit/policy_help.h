/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_POLICY_HELP_H
#define TESTS_UNIT_POLICY_HELP_H

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "policy/policy.h"
#include "tests/unit/base_help.h"
#include "wire/err.h"

/* A configuration directory of its own for each test. */
static char help_etc[64];

static inline void
help_path(char path[512], const char *name)
{
	assert_int_equal(text_format(path, 512, "%s/%s", help_etc, name), 0);
}

static inline void
help_mkdir(const char *name)
{
	char path[512];

	help_path(path, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static inline void
help_write_bytes(const char *name, const void *data, size_t len)
{
	char path[512];
	int fd;

	help_path(path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static inline void
help_write(const char *name, const char *text)
{
	help_write_bytes(name, text, strlen(text));
}

static inline void
help_chmod(const char *name, mode_t mode)
{
	char path[512];

	help_path(path, name);
	assert_int_equal(chmod(path, mode), 0);
}

static inline void
help_unlink(const char *name)
{
	char path[512];

	help_path(path, name);
	assert_int_equal(unlink(path), 0);
}

static inline int
help_setup(void **state)
{
	(void)state;
	umask(022);
	text_copy(help_etc, sizeof(help_etc), "/tmp/vpsh-policy-XXXXXX");
	assert_non_null(mkdtemp(help_etc));
	help_mkdir("customers");
	return 0;
}

static inline int
help_teardown(void **state)
{
	(void)state;
	return nftw(help_etc, help_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline struct policy *
help_load(const struct policy *previous)
{
	struct policy *policy = policy_load(help_etc, previous);

	assert_non_null(policy);
	return policy;
}

static inline int
help_decide(const struct policy *policy, const char *customer,
    const char *guest, enum right right, struct verdict *verdict)
{
	struct verdict own;

	if (verdict == NULL)
		verdict = &own;
	policy_decide(policy_customer(policy, customer), guest, right, verdict);
	return verdict->err;
}

/* All faults of one file, a line each. */
static inline void
help_faults(const struct policy *policy, const char *file, char *dst,
    size_t size)
{
	char text[POLICY_TEXT + 100];
	size_t i, used = 0;

	*dst = '\0';
	for (i = 0; i < policy->nfaults; i++) {
		if (strcmp(policy->faults[i].place.file, file) != 0)
			continue;
		policy_fault_text(&policy->faults[i], text, sizeof(text));
		assert_int_equal(text_format(dst + used, size - used, "%s\n",
				     text),
		    0);
		used += strlen(dst + used);
	}
}

#define ALICE "customers/alice/policy.conf"
#define GOOD                                                        \
	"# alice pays for destroy, too\n"                           \
	"guests = (\n"                                              \
	"  { name = \"web\";\n"                                     \
	"    config = \"/srv/xen/alice-web.cfg\";\n"                \
	"    allow = [ \"console\", \"start\", \"destroy\" ]; },\n" \
	"  { name = \"db\"; allow = [ \"start\" ]; /* only */ }\n"  \
	");\n"                                                      \
	"limits = { sessions = 3; };\n"

/* Alice and bob, with nothing wrong. */
static inline int
help_setup_two(void **state)
{
	help_setup(state);
	help_mkdir("customers/alice");
	help_mkdir("customers/bob");
	help_write(ALICE, GOOD);
	help_write("customers/bob/policy.conf",
	    "guests = ( { name = \"db\"; allow = [ \"start\" ]; } );\n");
	return 0;
}

static inline void
assert_alice(const struct policy *policy, int err)
{
	assert_int_equal(help_decide(policy, "alice", "web", RIGHT_START, NULL),
	    err);
	assert_int_equal(help_decide(policy, "bob", "db", RIGHT_START, NULL),
	    VPSH_OK);
}

/* Load and expect alice's fate, with a last good version at hand or not. */
static inline void
assert_fate(const struct policy *previous, int err, const char *told)
{
	struct policy *policy = help_load(previous);
	char said[2048];

	assert_alice(policy, err);
	help_faults(policy, "alice/policy.conf", said, sizeof(said));
	assert_non_null(strstr(said, told));
	policy_free(policy);
}

#endif
