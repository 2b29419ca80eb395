/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "menu/spark.h"

#define LEVELS 8

/* U+2581 to U+2588, and what a terminal without UTF-8 has. */
static const char *const blocks[LEVELS] = { "\u2581", "\u2582", "\u2583",
	"\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
static const char *const ascii[LEVELS] = { "_", ".", ":", "-", "=", "+", "*",
	"#" };

/* SPARK_NONE and zero are 0, else 1 to LEVELS, rounded up. */
static int
level(int64_t sample, int64_t top)
{
	if (sample <= 0)
		return 0;
	if (sample >= top)
		return LEVELS;
	/* In a double nothing can overflow; eighths need no more. */
	return 1 + (int)((double)sample * LEVELS / (double)top - 1e-9);
}

static int64_t
greatest(const int64_t *samples, size_t n)
{
	int64_t top = 1;
	size_t i;

	for (i = 0; i < n; i++)
		if (samples[i] > top)
			top = samples[i];
	return top;
}

void
spark_draw(char *dst, size_t size, const int64_t *samples, size_t n,
    size_t cells, int64_t top, bool utf8)
{
	const char *cell;
	size_t i, len, at = 0;
	int bar;

	if (size == 0)
		return;
	if (n > cells) {
		samples += n - cells;
		n = cells;
	}
	if (top <= 0)
		top = greatest(samples, n);
	for (i = 0; i < cells; i++) {
		cell = " ";
		if (i + n >= cells && samples[i + n - cells] >= 0) {
			bar = level(samples[i + n - cells], top);
			cell = (utf8 ? blocks : ascii)[bar > 0 ? bar - 1 : 0];
		}
		len = strlen(cell);
		if (len >= size - at)
			break;
		memcpy(dst + at, cell, len);
		at += len;
	}
	dst[at] = '\0';
}
