/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <string.h>

#include "shell/words.h"
#include "wire/err.h"

/* Names, options and numbers are ASCII; nothing else is ever needed. */
static bool
all_printable(const char *line, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (line[i] < 0x20 || line[i] > 0x7e)
			return false;
	return true;
}

/*
 * Copy one word to out, which is at least as long as the line.  Returns what
 * is left of the line, NULL when a quote stays open.
 */
static const char *
copy_word(const char *at, const char *end, char **out)
{
	bool quoted = false;

	for (; at < end && (quoted || *at != ' '); at++) {
		if (*at == '"')
			quoted = !quoted;
		else
			*(*out)++ = *at;
	}
	*(*out)++ = '\0';
	return quoted ? NULL : at;
}

int
words_split(struct words *words, const char *line, size_t len)
{
	const char *at = line, *end = line + len;
	char *out = words->text;

	words->n = 0;
	words->word[0] = NULL;
	if (!all_printable(line, len))
		return VPSH_ERR_BYTES;
	if (len > WORDS_LINE_MAX)
		return VPSH_ERR_USAGE;
	for (;;) {
		while (at < end && *at == ' ')
			at++;
		if (at == end)
			break;
		if (words->n == WORDS_MAX) {
			words->n = 0;
			words->word[0] = NULL;
			return VPSH_ERR_USAGE;
		}
		words->word[words->n++] = out;
		words->word[words->n] = NULL;
		at = copy_word(at, end, &out);
		if (at == NULL) {
			words->n = 0;
			words->word[0] = NULL;
			return VPSH_ERR_QUOTE;
		}
	}
	return 0;
}
