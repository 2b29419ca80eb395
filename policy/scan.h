/* SPDX-License-Identifier: ISC */
#ifndef POLICY_SCAN_H
#define POLICY_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/faults.h"

/*
 * A look at a configuration text before libconfig gets it.  libconfig 1.5
 * includes other files even when it parses a string, joins "a" "b" to "ab",
 * wraps 3000000000 to a negative number, and has one sentence ("syntax
 * error") for everything else.  All of that is found here, with its line.
 */
struct scan {
	bool unparsable; /* libconfig must not or cannot read it */
	bool faulty;	 /* it can, but the text does not hold */
	bool suspended;	 /* it says "suspended = true", broken or not */
	int *lines;	 /* of each string in order; free(3) it */
	size_t nlines;
};

/*
 * Comments in text are overwritten with blanks, so that they look the same
 * to libconfig.  file is what the faults shall be listed under.
 */
void scan_text(struct scan *scan, const char *file, char *text,
    struct faults *faults);

#endif
