/* SPDX-License-Identifier: ISC */
#ifndef SHELL_WORDS_H
#define SHELL_WORDS_H

#include <stddef.h>

/*
 * A typed line as words.  This is all the parsing that a customer's bytes
 * ever get: blanks separate, double quotes keep together, nothing expands,
 * and every other character is just itself.
 */

#define WORDS_LINE_MAX	1024	/* bytes of a line, without its end */
#define WORDS_MAX	16

/* The two limits, as part of a sentence. */
#define WORDS_LIMIT_TEXT "a command has at most 16 words and 1024 characters"

struct words {
	size_t	 n;
	char	*word[WORDS_MAX + 1];		/* into text, then NULL */
	char	 text[WORDS_LINE_MAX + 1];
};

/*
 * Split len bytes of line, which need no NUL.  Returns 0, or
 * VPSH_ERR_BYTES	a byte that is not printable ASCII, wherever it is;
 * VPSH_ERR_QUOTE	a quote without its end;
 * VPSH_ERR_USAGE	too long, or too many words.
 * After an error there are no words.
 */
int	 words_split(struct words *words, const char *line, size_t len);

#endif
