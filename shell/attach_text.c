/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "base/text.h"
#include "shell/attach.h"

/* text_escape() makes at most this many bytes of one. */
#define WIDEST 4

#define BEL 0x07
#define CAN 0x18
#define SUB 0x1a
#define ESC 0x1b

/* The length of ESC [ ... (ECMA-48, 5.4), as far as it is well-formed. */
static size_t
csi_length(const uint8_t *data, size_t len)
{
	size_t i = 2;

	while (i < len && data[i] >= 0x30 && data[i] <= 0x3f)
		i++;
	while (i < len && data[i] >= 0x20 && data[i] <= 0x2f)
		i++;
	if (i < len && data[i] >= 0x40 && data[i] <= 0x7e)
		i++;
	return i;
}

/*
 * The length of a string as OSC and DCS have one.  A new line ends it, too:
 * one that is never closed costs its own line and not the rest of the log.
 */
static size_t
string_length(const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 2; i < len; i++) {
		if (data[i] == BEL || data[i] == CAN || data[i] == SUB)
			return i + 1;
		if (data[i] == '\n')
			return i;
		if (data[i] == ESC)
			return i + 1 < len && data[i + 1] == '\\' ? i + 2 : i;
	}
	return i;
}

/* The length of the escape sequence that data, an ESC, begins. */
static size_t
sequence_length(const uint8_t *data, size_t len)
{
	size_t i = 1;

	if (len < 2)
		return len;
	switch (data[1]) {
	case '[':
		return csi_length(data, len);
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		return string_length(data, len);
	default:
		break;
	}
	while (i < len && data[i] >= 0x20 && data[i] <= 0x2f)
		i++;
	if (i < len && data[i] >= 0x30 && data[i] <= 0x7e)
		i++;
	return i;
}

/*
 * What a line printer would have got.  A carriage return before a new line
 * is part of it; one at a line's start says nothing; any other begins a line
 * of its own, so that a progress bar does not hide what it overwrote.
 */
static size_t
strip(const uint8_t *data, size_t len, char *plain)
{
	size_t i = 0, n = 0;

	while (i < len) {
		if (data[i] == ESC) {
			i += sequence_length(data + i, len - i);
			continue;
		}
		if (data[i] != '\r') {
			plain[n++] = (char)data[i++];
			continue;
		}
		while (i < len && data[i] == '\r')
			i++;
		if (n > 0 && plain[n - 1] != '\n' && i < len && data[i] != '\n')
			plain[n++] = '\n';
	}
	return n;
}

char *
attach_neutralise(const uint8_t *data, size_t len, size_t *outlen)
{
	char *plain = malloc(len + 1), *out = malloc(WIDEST * len + 1);
	size_t begin, end, n, at = 0;

	if (plain == NULL || out == NULL) {
		free(plain);
		free(out);
		return NULL;
	}
	n = strip(data, len, plain);
	for (begin = 0; begin < n; begin = end) {
		for (end = begin;
		     end < n && plain[end] != '\n' && plain[end] != '\t'; end++)
			continue;
		at += text_escape(out + at, WIDEST * len + 1 - at,
		    plain + begin, end - begin);
		if (end < n)
			out[at++] = plain[end++];
	}
	out[at] = '\0';
	free(plain);
	*outlen = at;
	return out;
}
