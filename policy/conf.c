/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/conf.h"
#include "policy/scan.h"

int
conf_line(const config_setting_t *setting)
{
	return (int)config_setting_source_line(setting);
}

/*
 * libconfig gives a string the line of the token behind it, because it has
 * to look whether another string follows.  The scanner knows better.
 */
static void
set_lines(config_setting_t *setting, const struct scan *scan, size_t *next)
{
	int i, n = config_setting_length(setting);

	if (config_setting_type(setting) == CONFIG_TYPE_STRING) {
		if (*next < scan->nlines)
			setting->line = (unsigned)scan->lines[(*next)++];
		return;
	}
	if (config_setting_is_aggregate(setting))
		for (i = 0; i < n; i++)
			set_lines(config_setting_get_elem(setting, (unsigned)i),
			    scan, next);
}

static config_setting_t *
parse(struct conf *conf, const struct scan *scan, const char *text)
{
	size_t next = 0;

	if (!config_read_string(&conf->config, text)) {
		conf->usable = false;
		if (!scan->faulty)
			faults_add(conf->faults, conf->file,
			    config_error_line(&conf->config), "%s",
			    config_error_text(&conf->config));
		return NULL;
	}
	set_lines(config_root_setting(&conf->config), scan, &next);
	return config_root_setting(&conf->config);
}

config_setting_t *
conf_open(struct conf *conf, const char *file, const char *text,
    struct faults *faults)
{
	config_setting_t *root = NULL;
	struct scan scan;
	char *copy;

	memset(conf, 0, sizeof(*conf));
	conf->file = file;
	conf->faults = faults;
	config_init(&conf->config);
	/* Were an include ever to slip through: nothing is below a device. */
	config_set_include_dir(&conf->config, "/dev/null");
	if ((copy = strdup(text)) == NULL) {
		faults->nomem = true;
		return NULL;
	}
	scan_text(&scan, file, copy, faults);
	conf->nscanned = faults->count;
	conf->usable = !scan.unparsable && !scan.faulty;
	conf->suspended = scan.suspended;
	if (!scan.unparsable)
		root = parse(conf, &scan, copy);
	/* An interrupted write; whoever means it leaves a comment. */
	if (text[strspn(text, " \t\r\n")] == '\0') {
		conf->usable = false;
		faults_add(faults, file, 0, "is empty");
	}
	free(scan.lines);
	free(copy);
	return root;
}

void
conf_close(struct conf *conf)
{
	config_destroy(&conf->config);
}

static void
note(struct conf *conf, const config_setting_t *at, const char *fmt, va_list ap)
{
	char text[POLICY_TEXT];
	size_t i;

	/* What the scanner saw is the cause, this would be its echo. */
	for (i = conf->nscanned; i > 0 &&
	     strcmp(conf->faults->list[i - 1].place.file, conf->file) == 0;
	     i--)
		if (conf->faults->list[i - 1].place.line == conf_line(at))
			return;
	vsnprintf(text, sizeof(text), fmt, ap);
	faults_add(conf->faults, conf->file, conf_line(at), "%s", text);
}

void
conf_fault(struct conf *conf, const config_setting_t *at, const char *fmt, ...)
{
	va_list ap;

	conf->usable = false;
	va_start(ap, fmt);
	note(conf, at, fmt, ap);
	va_end(ap);
}

void
conf_note(struct conf *conf, const config_setting_t *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(conf, at, fmt, ap);
	va_end(ap);
}

static bool
is_known(const char *key, const char *const *keys, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

void
conf_keys(struct conf *conf, const config_setting_t *group,
    const char *const *keys, size_t n)
{
	const config_setting_t *member;
	const char *key, *near;
	int i, count = config_setting_length(group);

	for (i = 0; i < count; i++) {
		member = config_setting_get_elem(group, (unsigned)i);
		key = config_setting_name(member);
		if (is_known(key, keys, n))
			continue;
		near = text_nearest(key, keys, n);
		if (near != NULL)
			conf_fault(conf, member,
			    "unknown key \"%s\" (did you "
			    "mean \"%s\"?)",
			    key, near);
		else
			conf_fault(conf, member, "unknown key \"%s\"", key);
	}
}

config_setting_t *
conf_string(struct conf *conf, const config_setting_t *group, const char *key)
{
	config_setting_t *s = config_setting_get_member(group, key);

	if (s == NULL || config_setting_type(s) == CONFIG_TYPE_STRING)
		return s;
	conf_fault(conf, s, "\"%s\" must be a text in quotes", key);
	return NULL;
}

/* A list ( ) of strings is as good as an array [ ]. */
static bool
is_strings(const config_setting_t *s)
{
	int i;

	if (!config_setting_is_array(s) && !config_setting_is_list(s))
		return false;
	for (i = 0; i < config_setting_length(s); i++)
		if (config_setting_type(config_setting_get_elem(s,
			(unsigned)i)) != CONFIG_TYPE_STRING)
			return false;
	return true;
}

config_setting_t *
conf_strings(struct conf *conf, const config_setting_t *group, const char *key)
{
	config_setting_t *s = config_setting_get_member(group, key);

	if (s == NULL || is_strings(s))
		return s;
	conf_fault(conf, s,
	    "\"%s\" must be a list of words: %s = [ \"...\", "
	    "\"...\" ];",
	    key, key);
	return NULL;
}

config_setting_t *
conf_group(struct conf *conf, const config_setting_t *group, const char *key)
{
	config_setting_t *s = config_setting_get_member(group, key);

	if (s == NULL || config_setting_is_group(s))
		return s;
	conf_fault(conf, s, "\"%s\" must be a group: %s = { ... };", key, key);
	return NULL;
}

static bool
is_groups(const config_setting_t *s)
{
	int i;

	/* [ ] is an array of nothing, which is a list of nothing, too. */
	if (config_setting_length(s) == 0)
		return config_setting_is_list(s) || config_setting_is_array(s);
	if (!config_setting_is_list(s))
		return false;
	for (i = 0; i < config_setting_length(s); i++)
		if (!config_setting_is_group(
			config_setting_get_elem(s, (unsigned)i)))
			return false;
	return true;
}

config_setting_t *
conf_groups(struct conf *conf, const config_setting_t *group, const char *key)
{
	config_setting_t *s = config_setting_get_member(group, key);

	if (s == NULL || is_groups(s))
		return s;
	conf_fault(conf, s,
	    "\"%s\" must be a list of groups: %s = ( { ... }, "
	    "{ ... } );",
	    key, key);
	return NULL;
}

void
conf_bool(struct conf *conf, const config_setting_t *group, const char *key,
    bool *value)
{
	config_setting_t *s = config_setting_get_member(group, key);

	if (s == NULL)
		return;
	if (config_setting_type(s) == CONFIG_TYPE_BOOL)
		*value = config_setting_get_bool(s) != 0;
	else
		conf_fault(conf, s,
		    "\"%s\" must be true or false, without "
		    "quotes",
		    key);
}

void
conf_number(struct conf *conf, const config_setting_t *group, const char *key,
    long long min, long long max, long long *value)
{
	config_setting_t *s = config_setting_get_member(group, key);
	int type;
	long long got;

	if (s == NULL)
		return;
	type = config_setting_type(s);
	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
		conf_fault(conf, s,
		    "\"%s\" must be a whole number, without "
		    "quotes",
		    key);
		return;
	}
	got = config_setting_get_int64(s);
	if (got < min || got > max)
		conf_fault(conf, s,
		    "\"%s\" must be a number from %lld to "
		    "%lld",
		    key, min, max);
	else
		*value = got;
}
