/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "ctl/passwd.h"
#include "ctl/program.h"
#include "ctl/sshd.h"

#define KEYGEN	  "/usr/bin/ssh-keygen"
#define VPSH_KEYS VPSH_LIBEXEC "/vpsh-keys %u"

/* Addresses that nobody has: as strange to the host as a customer's. */
#define FROM "host=customer.invalid,addr=192.0.2.1,laddr=192.0.2.2"

static const struct {
	const char *keyword;
	const char *value;
	const char *what; /* it is good for */
} wanted[] = {
	{ "forcecommand", VPSH_BIN, "a shell, scp and sftp can be reached" },
	{ "permittunnel", "no", "a tunnel can be opened" },
	{ "permituserrc", "no", "~/.ssh/rc can run" },
	{ "permituserenvironment", "no", "~/.ssh/environment counts" },
	{ "chrootdirectory", "none", "vpsh does not find its service" },
	{ "authorizedkeysfile", "none", "keys in other places log in" },
	{ "authorizedkeyscommand", VPSH_KEYS,
	    "keys that were given with vpshctl do not log in" },
	{ "authorizedkeyscommanduser", "vpsh",
	    "vpsh-keys cannot read the keys" },
	{ "trustedusercakeys", "none", "certificates log in" },
	{ "authenticationmethods", "publickey",
	    "other ways than a key log in" },
};

static const char *const forwardings[] = { "allowtcpforwarding",
	"allowstreamlocalforwarding", "allowagentforwarding", "x11forwarding" };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *
sshd_file(size_t i)
{
	static const char *const files[] = { VPSH_ETC "/sshd_config",
		"/etc/ssh/sshd_config" };

	return i < COUNT(files) ? files[i] : NULL;
}

const char *
sshd_value(const struct sshd *sshd, const char *keyword, size_t i,
    char dst[SSHD_VALUE])
{
	const char *line = sshd->text;
	size_t len = strlen(keyword);

	for (; *line != '\0'; line += strcspn(line, "\n"), line += *line != 0) {
		if (strncmp(line, keyword, len) != 0 || line[len] != ' ')
			continue;
		if (i-- > 0)
			continue;
		line += len + 1;
		text_format(dst, SSHD_VALUE, "%.*s", (int)strcspn(line, "\n"),
		    line);
		return dst;
	}
	return NULL;
}

bool
sshd_is(const struct sshd *sshd, const char *keyword, const char *value)
{
	char got[SSHD_VALUE];

	return sshd_value(sshd, keyword, 0, got) != NULL &&
	    strcmp(got, value) == 0;
}

static int
run(struct sshd *sshd, const char *user, int port)
{
	char who[200];
	char *argv[] = { SSHD_PROGRAM, "-T", "-f", (char *)sshd->file, NULL,
		NULL, NULL };

	text_format(who, sizeof(who), "user=%s," FROM ",lport=%d", user, port);
	if (*user != '\0') {
		argv[4] = "-C";
		argv[5] = who;
	}
	return program_run(argv, sshd->text, sizeof(sshd->text)) == 0 ? 0 : -1;
}

int
sshd_ask(struct sshd *sshd, const char *user, int port)
{
	return run(sshd, user, port);
}

const char *
sshd_open(struct sshd *sshd, const char *file, bool *missing)
{
	char value[SSHD_VALUE];
	long long port;
	size_t i;

	memset(sshd, 0, sizeof(*sshd));
	sshd->file = file;
	*missing = access(file, F_OK) != 0;
	if (*missing)
		return "is not there";
	if (!program_is_there(SSHD_PROGRAM))
		return "cannot be looked at: " SSHD_PROGRAM " is not installed";
	/* With somebody, or a Match that asks who would end it. */
	if (run(sshd, "nobody", 22) != 0)
		return geteuid() != 0 ? "cannot be looked at: are you root?" :
					"is refused by sshd -t, which says why";
	for (i = 0;
	     i < SSHD_PORTS && sshd_value(sshd, "port", i, value) != NULL; i++)
		if (text_number(value, 1, 65535, &port) == 0)
			sshd->ports[sshd->nports++] = (int)port;
	return NULL;
}

bool
sshd_serves(const struct sshd *sshd)
{
	return sshd_is(sshd, "forcecommand", VPSH_BIN);
}

bool
sshd_takes_keys(const struct sshd *sshd)
{
	return sshd_is(sshd, "authorizedkeyscommand", VPSH_KEYS);
}

/*
 * Does a list of users or groups have that one?  -1 when there is no list.
 * With wildcards in it the safe answer is the caller's to give.
 */
static int
listed(const struct sshd *sshd, const char *keyword, const char *name, int wild)
{
	char value[SSHD_VALUE], *rest, *word;
	int found = -1;
	size_t i;

	for (i = 0; sshd_value(sshd, keyword, i, value) != NULL; i++) {
		rest = value;
		if (found == -1)
			found = 0;
		while ((word = strsep(&rest, " ")) != NULL)
			if (strpbrk(word, "*?!@") != NULL)
				found = found != 0 ? found : wild;
			else if (strcmp(word, name) == 0)
				found = 1;
	}
	return found;
}

bool
sshd_admits(const struct sshd *sshd, const struct passwd *account)
{
	const struct group *group = getgrgid(account->pw_gid);
	const char *own = group != NULL ? group->gr_name : "";
	int allowed;

	if (listed(sshd, "denyusers", account->pw_name, 0) == 1 ||
	    listed(sshd, "denygroups", own, 0) == 1)
		return false;
	if (passwd_is_member(account) &&
	    listed(sshd, "denygroups", PASSWD_GROUP, 0) == 1)
		return false;
	if (listed(sshd, "allowusers", account->pw_name, 1) == 0)
		return false;
	allowed = listed(sshd, "allowgroups", own, 1);
	if (allowed == 0 && passwd_is_member(account))
		allowed = listed(sshd, "allowgroups", PASSWD_GROUP, 1);
	return allowed != 0;
}

/* One name of AuthorizedKeysFile as sshd_config(5) says. */
static int
expand(char *dst, size_t size, const char *from, const struct passwd *account)
{
	size_t used = 0;
	char one[2] = "";
	const char *value;

	if (*from != '/' && strncmp(from, "%h", 2) != 0) {
		if (text_format(dst, size, "%s/", account->pw_dir) != 0)
			return -1;
		used = strlen(dst);
	}
	for (*(dst + used) = '\0'; *from != '\0'; from++) {
		one[0] = *from;
		value = one;
		if (*from == '%' && from[1] != '\0') {
			from++;
			value = *from == 'h' ? account->pw_dir :
			    *from == 'u'     ? account->pw_name :
					       "%";
		}
		if (text_copy(dst + used, size - used, value) != 0)
			return -1;
		used += strlen(value);
	}
	return 0;
}

bool
sshd_has_key_of(const struct sshd *sshd, const struct passwd *account,
    char dst[SSHD_VALUE])
{
	char value[SSHD_VALUE], *rest = value, *word;

	if (sshd_value(sshd, "authorizedkeysfile", 0, value) == NULL)
		return false;
	while ((word = strsep(&rest, " ")) != NULL)
		if (*word != '\0' && strcmp(word, "none") != 0 &&
		    expand(dst, SSHD_VALUE, word, account) == 0 &&
		    access(dst, F_OK) == 0)
			return true;
	return false;
}

static bool
forwards(const struct sshd *sshd)
{
	size_t i;

	if (sshd_is(sshd, "disableforwarding", "yes"))
		return false;
	for (i = 0; i < COUNT(forwardings); i++)
		if (!sshd_is(sshd, forwardings[i], "no"))
			return true;
	return false;
}

const char *
sshd_fault(const struct sshd *sshd, size_t i, char *text, size_t size)
{
	char value[SSHD_VALUE];
	size_t k;

	if (forwards(sshd) && i-- == 0) {
		text_copy(text, size,
		    "ports, agents or X11 can be forwarded: "
		    "DisableForwarding is not yes");
		return text;
	}
	for (k = 0; k < COUNT(wanted); k++) {
		if (sshd_value(sshd, wanted[k].keyword, 0, value) == NULL)
			text_copy(value, sizeof(value), "none");
		if (strcmp(value, wanted[k].value) == 0 || i-- != 0)
			continue;
		text_format(text, size, "%s: %s is \"%s\", not \"%s\"",
		    wanted[k].what, wanted[k].keyword, value, wanted[k].value);
		return text;
	}
	return NULL;
}

int
sshd_fingerprint(const char *file, char print[SSHD_VALUE],
    char type[SSHD_VALUE])
{
	char *const argv[] = { KEYGEN, "-l", "-E", "sha256", "-f", (char *)file,
		NULL };
	char said[1024], *at, *end;

	/* 256 SHA256:... comment (ED25519) */
	if (program_run(argv, said, sizeof(said)) != 0 ||
	    (at = strstr(said, "SHA256:")) == NULL ||
	    (end = strrchr(said, ')')) == NULL)
		return -1;
	*end = '\0';
	if ((end = strrchr(at, '(')) == NULL)
		return -1;
	text_copy(type, SSHD_VALUE, end + 1);
	text_format(print, SSHD_VALUE, "%.*s", (int)strcspn(at, " \n"), at);
	return 0;
}
