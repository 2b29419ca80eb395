/* SPDX-License-Identifier: ISC */
#ifndef BROKER_RECOVER_H
#define BROKER_RECOVER_H

struct broker;

/*
 * Take up what the journal has from a broker that was killed: what is over
 * can be found again, countdowns go on, what waited for its turn waits on,
 * and what had a worker is looked after by another one.  Before the first
 * request.  Returns 0, or -1 when there is no memory.
 */
int	 recover_init(struct broker *b);

#endif
