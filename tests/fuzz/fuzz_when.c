/* SPDX-License-Identifier: ISC */

/* TIME of log --since. */

#include <time.h>

#include "shell/when.h"
#include "tests/fuzz/fuzz.h"

#define NOW_MS	 INT64_C(1795273200123)
#define LIMIT_MS (INT64_C(10000) * 366 * 86400 * 1000)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t wall_ms = -1, again_ms = -1;
	char *text = fuzz_string(data, size);
	int r;

	/* With a summer time, and without a file of zones. */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	r = when_parse(text, NOW_MS, &wall_ms);
	fuzz_check(r == 0 || r == -1);
	fuzz_check(when_parse(text, NOW_MS, &again_ms) == r);
	if (r == 0)
		fuzz_check(wall_ms >= 0 && wall_ms < LIMIT_MS &&
		    wall_ms == again_ms);
	free(text);
	return 0;
}
