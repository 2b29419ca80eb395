/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <shadow.h>
#include <string.h>

#include "base/text.h"
#include "ctl/passwd.h"
#include "ctl/program.h"

#define USERADD	   "/usr/sbin/useradd"
#define USERDEL	   "/usr/sbin/userdel"
#define UID_FIRST  1000
#define GROUPS_MAX 64
#define IN_USE	   8 /* userdel(8): it still has a process */
#define RETRIES	   25
#define RETRY_MS   200
#define SAID_MAX   1024

bool
passwd_is_member(const struct passwd *account)
{
	const struct group *group = getgrnam(PASSWD_GROUP);
	char **member;

	if (group == NULL)
		return false;
	if (group->gr_gid == account->pw_gid)
		return true;
	for (member = group->gr_mem; *member != NULL; member++)
		if (strcmp(*member, account->pw_name) == 0)
			return true;
	return false;
}

bool
passwd_is_customer(const struct passwd *account)
{
	return strcmp(account->pw_shell, VPSH_BIN) == 0 ||
	    passwd_is_member(account);
}

bool
passwd_is_removable(const struct passwd *account)
{
	return account->pw_uid >= UID_FIRST &&
	    strcmp(account->pw_shell, VPSH_BIN) == 0;
}

int
passwd_refuse_prefix(struct ctl *ctl)
{
	return report_usage(&ctl->report,
	    "--unix-account: accounts are the whole machine's, not those of "
	    "%s. Nothing was changed; leave it out with -p",
	    ctl->prefix);
}

/* A group beside its own and vpsh could open anything. */
static bool
foreign_group(const struct passwd *account, char *text, size_t size)
{
	gid_t groups[GROUPS_MAX];
	const struct group *group;
	int i, n = GROUPS_MAX;

	if (getgrouplist(account->pw_name, account->pw_gid, groups, &n) == -1) {
		text_format(text, size, "is in more than %d groups",
		    GROUPS_MAX);
		return true;
	}
	for (i = 0; i < n; i++) {
		group = getgrgid(groups[i]);
		if (group == NULL || strcmp(group->gr_name, PASSWD_GROUP) == 0)
			continue;
		if (groups[i] == account->pw_gid &&
		    (strcmp(group->gr_name, account->pw_name) == 0 ||
			strcmp(group->gr_name, "users") == 0 ||
			strcmp(group->gr_name, "nogroup") == 0))
			continue;
		text_format(text, size,
		    "is in the group %s as well: gpasswd -d %s %s",
		    group->gr_name, account->pw_name, group->gr_name);
		return true;
	}
	return false;
}

static bool
has_password(const struct passwd *account)
{
	const struct spwd *shadow = getspnam(account->pw_name);
	const char *hash = shadow != NULL ? shadow->sp_pwdp :
					    account->pw_passwd;

	/* Readable by root only; "x" is what others see. */
	return *hash != '*' && *hash != '!' && strcmp(hash, "x") != 0;
}

const char *
passwd_fault(const struct passwd *account, size_t i, char *text, size_t size)
{
	const char *name = account->pw_name;

	if (account->pw_uid < UID_FIRST && i-- == 0)
		text_format(text, size,
		    "has uid %lu, and below %d nobody is a customer",
		    (unsigned long)account->pw_uid, UID_FIRST);
	else if (strcmp(account->pw_shell, VPSH_BIN) != 0 && i-- == 0)
		text_format(text, size,
		    "has the shell %.100s: usermod -s " VPSH_BIN " %s",
		    account->pw_shell, name);
	else if (!passwd_is_member(account) && i-- == 0)
		text_format(text, size,
		    "is not in the group " PASSWD_GROUP
		    ": usermod -a -G " PASSWD_GROUP " %s",
		    name);
	else if (strcmp(account->pw_dir, PASSWD_HOME) != 0 && i-- == 0)
		text_format(text, size,
		    "has the home %.100s, which may be writable: usermod -d "
		    "%s %s",
		    account->pw_dir, PASSWD_HOME, name);
	else if (has_password(account) && i-- == 0)
		text_format(text, size, "has a password: usermod -p '*' %s",
		    name);
	else if (i != 0 || !foreign_group(account, text, size))
		return NULL;
	return text;
}

/* Its exit status; -1 when there is none, and why not in said. */
static int
run(char *const argv[], char *said, size_t size)
{
	int status = program_run(argv, said, size);

	if (status == -1)
		text_copy(said, size, strerror(errno));
	said[strcspn(said, "\n")] = '\0';
	return status;
}

int
passwd_add(struct ctl *ctl, const char *name)
{
	char *const argv[] = { USERADD, "-M", "-d", PASSWD_HOME, "-s", VPSH_BIN,
		"-G", PASSWD_GROUP, "-p", "*", (char *)name, NULL };
	char said[SAID_MAX], safe[SAID_MAX];
	int status = run(argv, said, sizeof(said));

	if (status == 0)
		return CTL_OK;
	text_escape(safe, sizeof(safe), said, strlen(said));
	return report_fail(&ctl->report,
	    "the account %s was not made: %s exits with %d (%s). Nothing was "
	    "changed.",
	    name, USERADD, status, safe);
}

int
passwd_remove(struct ctl *ctl, const char *name)
{
	char *const argv[] = { USERDEL, (char *)name, NULL };
	char said[SAID_MAX], safe[SAID_MAX];
	int status, tries = 0;

	/* The sessions are being ended as we ask. */
	while ((status = run(argv, said, sizeof(said))) == IN_USE &&
	    ++tries < RETRIES)
		(void)poll(NULL, 0, RETRY_MS);
	if (status == 0)
		return CTL_OK;
	text_escape(safe, sizeof(safe), said, strlen(said));
	return report_fail(&ctl->report,
	    "the account %s is still there: %s exits with %d (%s). Without "
	    "its directory it can do nothing; remove it by hand.",
	    name, USERDEL, status, safe);
}
