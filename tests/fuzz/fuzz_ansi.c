/* SPDX-License-Identifier: ISC */

/* What a guest prints, for those whose terminal it is not. */

#include "base/ansi.h"
#include "tests/fuzz/fuzz.h"

/* As text it has neither controls nor anything that has to be escaped. */
static void
check_text(const uint8_t *data, size_t size)
{
	char *out, *again;
	size_t len, n, i;

	out = ansi_text(data, size, &len);
	fuzz_check(out != NULL && strlen(out) == len);
	for (i = 0; i < len; i++)
		fuzz_check(((unsigned char)out[i] >= 0x20 && out[i] != 0x7f) ||
		    out[i] == '\n' || out[i] == '\t');
	again = ansi_text((const uint8_t *)out, len, &n);
	fuzz_check(again != NULL && n == len && memcmp(again, out, n) == 0);
	free(again);
	free(out);
}

/* A second, simpler reader: only sequences of these shapes are left. */
static size_t
picture_length(const uint8_t *s, size_t len)
{
	size_t i = 2;

	fuzz_check(len >= 2);
	if (strchr("78DEHM", s[1]) != NULL)
		return 2;
	if (s[1] == '(' || s[1] == ')') {
		fuzz_check(len >= 3 && strchr("0AB", s[2]) != NULL);
		return 3;
	}
	fuzz_check(s[1] == '[');
	if (i < len && s[i] == '?')
		i++;
	while (i < len && s[i] >= 0x30 && s[i] <= 0x3b)
		i++;
	fuzz_check(i < len);
	if (s[2] == '?')
		fuzz_check(s[i] == 'h' || s[i] == 'l');
	else
		fuzz_check(strchr("cnxtiqpyvw|}'~$", s[i]) == NULL);
	return i + 1;
}

static void
check_picture(const uint8_t *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (s[i] == 0x1b) {
			i += picture_length(s + i, len - i) - 1;
			continue;
		}
		fuzz_check(s[i] >= 0x20 || (s[i] >= '\b' && s[i] <= '\r') ||
		    s[i] == 016 || s[i] == 017);
		fuzz_check(s[i] != 0x7f);
		fuzz_check(s[i] != 0xc2 || s[i + 1] >= 0xa0);
	}
}

static void
check_view(const uint8_t *data, size_t size)
{
	uint8_t *whole = malloc(ANSI_VIEW_MAX(size));
	uint8_t *pieces = malloc(ANSI_VIEW_MAX(size));
	struct ansi a, b, followed;
	size_t i, n, step, m = 0;

	fuzz_check(whole != NULL && pieces != NULL);
	ansi_init(&a);
	ansi_init(&b);
	ansi_init(&followed);
	n = ansi_view(&a, data, size, whole);
	fuzz_check(n <= size);
	check_picture(whole, n);
	for (i = 0; i < size; i += step) {
		step = 1 + data[i] % 7;
		if (step > size - i)
			step = size - i;
		m += ansi_view(&b, data + i, step, pieces + m);
		ansi_follow(&followed, data + i, step);
	}
	fuzz_check(n == m && memcmp(whole, pieces, n) == 0);
	fuzz_check(a.keys == b.keys && a.keys == followed.keys);
	free(whole);
	free(pieces);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_text(data, size);
	check_view(data, size);
	return 0;
}
