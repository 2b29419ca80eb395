/* SPDX-License-Identifier: ISC */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include <stdint.h>

/*
 * WORLD/sim/history: what happened to domains, a line each, for tests to
 * look back: which were there at the same time, and how often one was made.
 */
void	 history_note(const char *world, uint32_t domid, const char *what,
	    const char *detail);

#endif
