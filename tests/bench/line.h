/* SPDX-License-Identifier: ISC */
#ifndef BENCH_LINE_H
#define BENCH_LINE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * What the guests of the benchmark print: numbered lines of one length, so
 * that whoever reads them knows what is missing and what came twice.
 */
#define LINE		64
#define LINE_DIGITS	15

static inline void
line_make(char line[LINE], uint64_t number)
{
	static const char digits[] = "0123456789abcdef";
	static const char rest[] =
	    " what a guest prints while it boots or builds\r\n";
	int i;

	_Static_assert(sizeof(rest) - 1 + LINE_DIGITS + 1 <= LINE, "fits");
	memset(line, '.', LINE);
	line[0] = '#';
	for (i = LINE_DIGITS; i > 0; i--, number >>= 4)
		line[i] = digits[number & 15];
	memcpy(line + LINE - (sizeof(rest) - 1), rest, sizeof(rest) - 1);
}

/* Its number; -1: it is none of these lines. */
static inline int64_t
line_number(const char *line, size_t len)
{
	int64_t number = 0;
	int i;

	if (len != LINE || line[0] != '#')
		return -1;
	for (i = 1; i <= LINE_DIGITS; i++) {
		if (line[i] >= '0' && line[i] <= '9')
			number = number << 4 | (line[i] - '0');
		else if (line[i] >= 'a' && line[i] <= 'f')
			number = number << 4 | (line[i] - 'a' + 10);
		else
			return -1;
	}
	return number;
}

#endif
