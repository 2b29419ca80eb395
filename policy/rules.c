/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "policy/rules.h"

#define LIMIT_MAX 1000

uint32_t
rules_expand(uint32_t rights)
{
	if (rights & RIGHT_BIT(RIGHT_CONSOLE))
		rights |= RIGHT_BIT(RIGHT_VIEW);
	if (rights & RIGHT_BIT(RIGHT_VIEW))
		rights |= RIGHT_BIT(RIGHT_LOG);
	return rights;
}

static const char *
nearest_right(const char *word)
{
	const char *names[RIGHT_COUNT];
	size_t n = 0;
	int i;

	for (i = 0; i < RIGHT_COUNT; i++)
		if (right_name((enum right)i) != NULL)
			names[n++] = right_name((enum right)i);
	return text_nearest(word, names, n);
}

/* Is it two rights in one, as libconfig makes of "a" "b"? */
static bool
is_joined(const char *word)
{
	const char *name;
	size_t len;
	int i;

	for (i = 0; i < RIGHT_COUNT; i++) {
		if ((name = right_name((enum right)i)) == NULL)
			continue;
		len = strlen(name);
		if (strncmp(word, name, len) == 0 &&
		    right_by_name(word + len) != RIGHT_NONE)
			return true;
	}
	return false;
}

static void
unknown_right(struct conf *conf, const config_setting_t *at, const char *word)
{
	const char *near = nearest_right(word);

	if (is_joined(word))
		conf_fault(conf, at, "unknown right \"%s\" (missing comma?)",
		    word);
	else if (near != NULL)
		conf_fault(conf, at,
		    "unknown right \"%s\" (did you mean "
		    "\"%s\"?)",
		    word, near);
	else
		conf_fault(conf, at, "unknown right \"%s\"", word);
}

/*
 * An unknown word makes the whole file unusable: it may be a right that is
 * meant to be there or, behind a slip, one that is meant to be gone.  What
 * the operator last wrote without a slip is the safer reading of the two.
 */
bool
rules_allow(struct conf *conf, const config_setting_t *group, uint32_t fitting,
    uint32_t *rights, struct policy_place *place)
{
	const config_setting_t *list, *e;
	const char *word;
	enum right right;
	uint32_t got = 0;
	int i;

	if ((list = conf_strings(conf, group, "allow")) == NULL)
		return false;
	for (i = 0; i < config_setting_length(list); i++) {
		e = config_setting_get_elem(list, (unsigned)i);
		word = config_setting_get_string(e);
		right = right_by_name(word);
		if (right == RIGHT_NONE)
			unknown_right(conf, e, word);
		else if (RIGHT_BIT(right) & fitting)
			got |= RIGHT_BIT(right);
		else if (RIGHT_BIT(right) & RULES_ACCOUNT)
			conf_fault(conf, e,
			    "\"%s\" is a right of the account, "
			    "not of a guest: put it into an \"allow\" outside "
			    "of \"guests\"",
			    word);
		else
			conf_fault(conf, e,
			    "\"%s\" is a right of a guest, not "
			    "of the account: put it into the guest's own "
			    "\"allow\"",
			    word);
	}
	*rights = got;
	text_copy(place->file, sizeof(place->file), conf->file);
	place->line = conf_line(list);
	return true;
}

void
rules_limits(struct conf *conf, const config_setting_t *group,
    struct policy_limits *limits)
{
	const struct {
		const char *key;
		int *value;
	} rows[] = {
		{ "sessions", &limits->sessions },
		{ "power", &limits->power },
		{ "consoles", &limits->consoles },
	};
	const char *keys[sizeof(rows) / sizeof(rows[0])];
	const config_setting_t *at;
	long long value;
	size_t i;

	if ((at = conf_group(conf, group, "limits")) == NULL)
		return;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		keys[i] = rows[i].key;
		value = *rows[i].value;
		conf_number(conf, at, keys[i], 1, LIMIT_MAX, &value);
		*rows[i].value = (int)value;
	}
	conf_keys(conf, at, keys, i);
}

/* Which of n words it is; -1: none is said, or none of these. */
static int
which(struct conf *conf, const config_setting_t *group, const char *key,
    const char *const *words, size_t n, const char *all)
{
	const config_setting_t *at = conf_string(conf, group, key);
	const char *word, *near;
	size_t i;

	if (at == NULL)
		return -1;
	word = config_setting_get_string(at);
	for (i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return (int)i;
	near = text_nearest(word, words, n);
	if (near != NULL)
		conf_fault(conf, at, "unknown %s \"%s\" (did you mean "
		    "\"%s\"?)", key, word, near);
	else
		conf_fault(conf, at, "unknown %s \"%s\": %s", key, word, all);
	return -1;
}

void
rules_autostart(struct conf *conf, const config_setting_t *group,
    enum policy_autostart *autostart)
{
	static const char *const words[] = { [POLICY_AUTOSTART_LAST] = "last",
		[POLICY_AUTOSTART_ALWAYS] = "always",
		[POLICY_AUTOSTART_NEVER] = "never" };
	int i = which(conf, group, "autostart", words,
	    sizeof(words) / sizeof(words[0]), "last, always or never");

	if (i != -1)
		*autostart = (enum policy_autostart)i;
}

void
rules_interface(struct conf *conf, const config_setting_t *group,
    enum policy_interface *interface)
{
	static const char *const words[] = { [POLICY_INTERFACE_MENU] = "menu",
		[POLICY_INTERFACE_LINE] = "line" };
	int i = which(conf, group, "interface", words,
	    sizeof(words) / sizeof(words[0]), "menu or line");

	if (i != -1)
		*interface = (enum policy_interface)i;
}

bool
rules_is_plain(const char *s, size_t max)
{
	size_t i;

	for (i = 0; s[i] != '\0'; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return i > 0 && i <= max;
}

bool
rules_is_path(const char *path)
{
	size_t len;

	if (!rules_is_plain(path, POLICY_PATH - 1) || *path != '/')
		return false;
	while (*path != '\0') {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0 || (len == 2 && memcmp(path, "..", 2) == 0))
			return false;
		path += len;
	}
	return true;
}
