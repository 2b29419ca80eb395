/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/text.h"
#include "policy/prefs_text.h"

#define FIRST	"vpsh-prefs 1"
#define NONE	"-"
#define LETTERS	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"

static const char *const modes[] = {
	[WIRE_MODE_DEFAULT] = "default",
	[WIRE_MODE_LINE] = "line",
	[WIRE_MODE_MENU] = "menu",
};

static const char *const escapes[] = {
	[WIRE_ESCAPE_DEFAULT] = "default",
	[WIRE_ESCAPE_NONE] = "none",
};

#define NMODES	 (sizeof(modes) / sizeof(modes[0]))
#define NESCAPES (sizeof(escapes) / sizeof(escapes[0]))

bool
prefs_text_is_known(const struct wire_prefs *prefs)
{
	return prefs->mode < NMODES && prefs->escape < NESCAPES;
}

bool
prefs_text_is_zone(const char *zone)
{
	size_t len;

	if (strlen(zone) >= WIRE_ZONE)
		return false;
	for (;; zone += len + 1) {
		len = strspn(zone, LETTERS DIGITS "_+-");
		if (len == 0 || strspn(zone, LETTERS) == 0)
			return false;
		if (zone[len] != '/')
			return zone[len] == '\0';
	}
}

/* "CET" or "<+0530>", and how far that is. */
static const char *
skip_name(const char *tz)
{
	size_t len;

	if (*tz != '<') {
		len = strspn(tz, LETTERS);
		return len < 3 ? NULL : tz + len;
	}
	len = strspn(++tz, LETTERS DIGITS "+-");
	return len < 3 || tz[len] != '>' ? NULL : tz + len + 1;
}

bool
prefs_text_is_tz(const char *tz)
{
	size_t len;

	if (strlen(tz) >= WIRE_ZONE || (tz = skip_name(tz)) == NULL)
		return false;
	tz += strspn(tz, "+-") != 0;
	len = strspn(tz, DIGITS ":");
	if (len == 0 || *tz == ':')
		return false;
	tz += len;
	if (*tz == '\0')
		return true;
	/* The summer's name, and its offset if that is not an hour. */
	if ((tz = skip_name(tz)) == NULL)
		return false;
	tz += strspn(tz, "+-") != 0;
	tz += strspn(tz, DIGITS ":");
	/* No slash before the first comma: nor is it a path then. */
	return *tz == ',' && strspn(tz, "JM.,/:+-" DIGITS) == strlen(tz) &&
	    strstr(tz, "..") == NULL;
}

int
prefs_text_print(const struct wire_prefs *prefs, char *dst, size_t size)
{
	bool zone = prefs->zone[0] != '\0';

	if (!prefs_text_is_known(prefs) ||
	    (zone && (!prefs_text_is_zone(prefs->zone) ||
	    !prefs_text_is_tz(prefs->tz))))
		return -1;
	return text_format(dst, size, FIRST "\nmode %s\nescape %s\nzone %s\n"
	    "tz %s\n", modes[prefs->mode], escapes[prefs->escape],
	    zone ? prefs->zone : NONE, zone ? prefs->tz : NONE);
}

/* One line that begins with that; its rest is the value. */
static bool
take(const char **at, const char *key, char *value, size_t size)
{
	size_t len = strlen(key), n;

	if (strncmp(*at, key, len) != 0)
		return false;
	*at += len;
	n = strcspn(*at, "\n");
	if ((*at)[n] != '\n' || n >= size)
		return false;
	memcpy(value, *at, n);
	value[n] = '\0';
	*at += n + 1;
	return true;
}

static bool
take_word(const char **at, const char *key, const char *const *words, size_t n,
    uint32_t *which)
{
	char value[WIRE_WORD];

	if (!take(at, key, value, sizeof(value)))
		return false;
	for (*which = 0; *which < n; ++*which)
		if (strcmp(words[*which], value) == 0)
			return true;
	return false;
}

static bool
parse(const char *text, struct wire_prefs *prefs)
{
	char first[1];

	if (!take(&text, FIRST, first, sizeof(first)) ||
	    !take_word(&text, "mode ", modes, NMODES, &prefs->mode) ||
	    !take_word(&text, "escape ", escapes, NESCAPES, &prefs->escape) ||
	    !take(&text, "zone ", prefs->zone, sizeof(prefs->zone)) ||
	    !take(&text, "tz ", prefs->tz, sizeof(prefs->tz)) || *text != '\0')
		return false;
	if (strcmp(prefs->zone, NONE) != 0)
		return prefs_text_is_zone(prefs->zone) &&
		    prefs_text_is_tz(prefs->tz);
	if (strcmp(prefs->tz, NONE) != 0)
		return false;
	prefs->zone[0] = prefs->tz[0] = '\0';
	return true;
}

bool
prefs_text_parse(const char *text, struct wire_prefs *prefs)
{
	memset(prefs, 0, sizeof(*prefs));
	if (parse(text, prefs))
		return true;
	memset(prefs, 0, sizeof(*prefs));
	return false;
}
