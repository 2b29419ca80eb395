/* SPDX-License-Identifier: ISC */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/faults.h"

/* One parser: any bytes in, and whatever must hold is checked inside. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define fuzz_check(condition)                                                \
	do {                                                                 \
		if (!(condition)) {                                          \
			fprintf(stderr, "%s:%d: does not hold: %s\n",        \
			    __FILE__, __LINE__, #condition);                 \
			abort();                                             \
		}                                                            \
	} while (0)

/* A string with nothing behind its NUL, so that one byte too far is seen. */
static inline char *
fuzz_string(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	fuzz_check(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* Can it be printed on a terminal as it is? */
static inline bool
fuzz_is_safe(const char *s)
{
	char escaped[8 * POLICY_TEXT];

	text_escape(escaped, sizeof(escaped), s, strlen(s));
	return strcmp(s, escaped) == 0;
}

/* They can be shown, name a line that is there, and do not grow for ever. */
static inline void
fuzz_check_faults(const struct faults *faults, const char *text, size_t files)
{
	int lines = 1;
	size_t i;

	for (; *text != '\0'; text++)
		lines += *text == '\n';
	fuzz_check(!faults->nomem);
	fuzz_check(faults->count <= files * (FAULTS_PER_FILE + 1));
	for (i = 0; i < faults->count; i++) {
		fuzz_check(faults->list[i].text[0] != '\0');
		fuzz_check(fuzz_is_safe(faults->list[i].text));
		fuzz_check(faults->list[i].place.line >= 0);
		fuzz_check(faults->list[i].place.line <= lines);
	}
}

static inline bool
fuzz_same_faults(const struct faults *a, const struct faults *b)
{
	size_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++)
		if (a->list[i].place.line != b->list[i].place.line ||
		    strcmp(a->list[i].text, b->list[i].text) != 0)
			return false;
	return true;
}

#endif
