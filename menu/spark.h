/* SPDX-License-Identifier: ISC */
#ifndef MENU_SPARK_H
#define MENU_SPARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The last minutes of a number as a row of little bars, one cell each.
 */

#define SPARK_NONE	-1	/* a sample that nobody took */
#define SPARK_CELL	4	/* bytes that a cell needs, at most */

/*
 * Draw the last `cells` of n samples, oldest first, into dst; cells that
 * have no sample are blank, and on the left.  top is a full bar; 0: the
 * greatest sample shown.  A sample above zero is never drawn as nothing.
 * dst has room for cells * SPARK_CELL + 1 bytes.
 */
void	 spark_draw(char *dst, size_t size, const int64_t *samples, size_t n,
	    size_t cells, int64_t top, bool utf8);

#endif
