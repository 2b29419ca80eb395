/* SPDX-License-Identifier: ISC */
#ifndef POLICY_CONF_H
#define POLICY_CONF_H

#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>

#include "policy/faults.h"

/*
 * One configuration text, parsed.  Every mistake is noted under its line and
 * makes the text unusable as a whole; reading goes on, so that one look shows
 * them all.
 */
struct conf {
	config_t config;
	const char *file; /* name in faults; the caller's */
	struct faults *faults;
	size_t nscanned; /* faults there were before libconfig had it */
	bool usable;
	bool suspended; /* see struct scan */
};

/*
 * Never reads another file.  Returns the outermost group, NULL when there is
 * nothing to read.  conf_close() in both cases.
 */
config_setting_t *conf_open(struct conf *conf, const char *file,
    const char *text, struct faults *faults);
void conf_close(struct conf *conf);

/* Note a mistake at that setting: the file is not usable as written. */
void conf_fault(struct conf *conf, const config_setting_t *at, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

/* Note a mistake that closes less than the file: the caller sees to that. */
void conf_note(struct conf *conf, const config_setting_t *at, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

/* Complain about every key of the group that is not one of n. */
void conf_keys(struct conf *conf, const config_setting_t *group,
    const char *const *keys, size_t n);

/*
 * The member of that name and kind.  NULL when there is none and when it is
 * of another kind, which is a fault.
 */
config_setting_t *
conf_string(struct conf *conf, const config_setting_t *group, const char *key);
config_setting_t *
conf_strings(struct conf *conf, const config_setting_t *group, const char *key);
config_setting_t *
conf_group(struct conf *conf, const config_setting_t *group, const char *key);
config_setting_t *
conf_groups(struct conf *conf, const config_setting_t *group, const char *key);

/* The value stays as it is when the key is absent or wrong. */
void conf_bool(struct conf *conf, const config_setting_t *group,
    const char *key, bool *value);
void conf_number(struct conf *conf, const config_setting_t *group,
    const char *key, long long min, long long max, long long *value);

int conf_line(const config_setting_t *setting);

#endif
