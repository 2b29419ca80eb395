/* SPDX-License-Identifier: ISC */
#ifndef POLICY_PREFS_TEXT_H
#define POLICY_PREFS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/wire.h"

/*
 * What a customer prefers, as the text of the file that vpsh-store writes and
 * the broker reads:
 *
 *	vpsh-prefs 1
 *	mode menu
 *	escape default
 *	zone Europe/Berlin
 *	tz CET-1CEST,M3.5.0,M10.5.0/3
 *
 * All of these lines, in this order; "-" where there is no zone.
 */
#define PREFS_TEXT_FILE	"prefs"
#define PREFS_TEXT_MAX	256

/* 0, or -1: no such preferences.  back and the policy are no part of it. */
int prefs_text_print(const struct wire_prefs *prefs, char *dst, size_t size);

/* False, and *prefs all 0, when a byte of it is not as it must be. */
bool prefs_text_parse(const char *text, struct wire_prefs *prefs);

/* May the mode and the escape be so?  The zone is judged by those below. */
bool prefs_text_is_known(const struct wire_prefs *prefs);

/* Could a time zone be called that?  Never a way out of a folder. */
bool prefs_text_is_zone(const char *zone);

/*
 * Is it what POSIX has TZ be?  Never the name of a file, which tzset(3) would
 * open.
 */
bool prefs_text_is_tz(const char *tz);

#endif
