/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "shell/environ.h"

#define VALUE_MAX 64

#define TERM_DEFAULT   "vt100"
#define LOCALE_DEFAULT "C.UTF-8"

/* Unset, the C library would open it again each time it is needed. */
#define TZ_DEFAULT ":/etc/localtime"

/* What it was before anybody preferred another one. */
static char own_zone[VALUE_MAX + 1];

/*
 * Is it made of letters, digits and those of extra, and short?  No dot in
 * front and none twice: terminfo, locale and zone names become parts of
 * paths.
 */
static bool
is_tame(const char *value, const char *extra)
{
	size_t i;

	for (i = 0; value[i] != '\0'; i++)
		if (i == VALUE_MAX ||
		    (!isalnum((unsigned char)value[i]) &&
			strchr(extra, value[i]) == NULL))
			return false;
	return i > 0 && value[0] != '.' && value[0] != '/' &&
	    strstr(value, "..") == NULL;
}

/* The tame value of a variable in out, or an empty string. */
static void
take(const char *name, const char *extra, char out[VALUE_MAX + 1])
{
	const char *value = getenv(name);

	*out = '\0';
	if (value != NULL && is_tame(value, extra))
		text_copy(out, VALUE_MAX + 1, value);
}

/* The locale asked for, in the order of setlocale(3). */
static void
take_locale(char out[VALUE_MAX + 1])
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *value;
	size_t i;

	*out = '\0';
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = getenv(names[i]);
		if (value == NULL || *value == '\0')
			continue;
		take(names[i], "_.@-", out);
		return;
	}
}

/* The first word of SSH_CONNECTION; it proves nothing. */
static void
take_origin(char *out, size_t size)
{
	const char *value = getenv("SSH_CONNECTION");
	size_t len;

	*out = '\0';
	if (value == NULL)
		return;
	len = strspn(value, "0123456789abcdefABCDEF.:");
	if (len < size && value[len] == ' ') {
		memcpy(out, value, len);
		out[len] = '\0';
	}
}

/* line or menu, for once. */
static enum wire_mode
take_wish(void)
{
	char wish[VALUE_MAX + 1];

	take("LC_VPSH", "", wish);
	if (strcmp(wish, "line") == 0)
		return WIRE_MODE_LINE;
	return strcmp(wish, "menu") == 0 ? WIRE_MODE_MENU : WIRE_MODE_DEFAULT;
}

static int
set_locale(const char *wanted)
{
	const char *name = wanted;

	if (*name == '\0' || setlocale(LC_CTYPE, name) == NULL) {
		name = LOCALE_DEFAULT;
		if (setlocale(LC_CTYPE, name) == NULL)
			name = "C";
	}
	return setenv("LC_CTYPE", name, 1);
}

int
environ_scrub(struct environ_claims *claims)
{
	char term[VALUE_MAX + 1], locale[VALUE_MAX + 1], tz[VALUE_MAX + 1];
	const char *original = getenv("SSH_ORIGINAL_COMMAND");
	const char *no_color = getenv("NO_COLOR");
#ifdef VPSH_TEST_HOOKS
	char hijack[VALUE_MAX + 1];

	take("VPSH_HIJACK", "-_", hijack);
#endif
	claims->original = NULL;
	if (original != NULL && (claims->original = strdup(original)) == NULL)
		return -1;
	take_origin(claims->origin, sizeof(claims->origin));
	claims->no_color = no_color != NULL && *no_color != '\0';
	claims->wish = take_wish();
	take("TERM", "-_.+", term);
	claims->term = *term != '\0' && strcmp(term, "dumb") != 0 &&
	    strcmp(term, "unknown") != 0;
	take("TZ", "_+-/", tz);
	take_locale(locale);
	/* The host may lack that locale; the terminal is what it is. */
	claims->utf8 = strcasestr(locale, "utf-8") != NULL ||
	    strcasestr(locale, "utf8") != NULL;

	text_copy(own_zone, sizeof(own_zone), *tz != '\0' ? tz : TZ_DEFAULT);
	if (clearenv() != 0)
		return -1;
	if (setenv("TERM", *term != '\0' ? term : TERM_DEFAULT, 1) == -1 ||
	    setenv("TZ", own_zone, 1) == -1)
		return -1;
	tzset();
	if (set_locale(locale) == -1)
		return -1;
#ifdef VPSH_TEST_HOOKS
	if (*hijack != '\0' && setenv("VPSH_HIJACK", hijack, 1) == -1)
		return -1;
#endif
	return 0;
}

void
environ_zone(const char *tz)
{
	if (setenv("TZ", *tz != '\0' ? tz : own_zone, 1) == 0)
		tzset();
}
