/* SPDX-License-Identifier: ISC */
#ifndef WIRE_LAYOUT_H
#define WIRE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

/*
 * Everything that is known about a type, for the codec, the tests and the
 * protocol document.
 */
#define WIRE_STRINGS 6

struct wire_layout {
	uint32_t type;
	const char *name;
	enum wire_way way;
	size_t min;   /* body size; of the oldest version that has it */
	size_t max;   /* body size; of ours */
	bool bytes;   /* console bytes: any size from min to max */
	unsigned fds; /* descriptors it carries */
	struct {
		uint16_t offset;
		uint16_t size;
	} strings[WIRE_STRINGS]; /* size 0 ends the list */
};

/* NULL for a number that is no type. */
const struct wire_layout *wire_layout(uint32_t type);

/* The i-th row, NULL past the end: for tests. */
const struct wire_layout *wire_layout_at(size_t i);

#endif
