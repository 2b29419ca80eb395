/* SPDX-License-Identifier: ISC */
#ifndef BROKER_AUTOSTART_H
#define BROKER_AUTOSTART_H

#include "wire/wire.h"

struct broker;
struct domain;

/*
 * After a boot of the host: start what was on before, or what the policy
 * says is always to be on.  The watcher says for each guest without a domain
 * how it was, again and again, until it hears that the jobs are on record.
 */

/* DOMAIN_GONE of this guest said so; state_gone() has dealt with the rest. */
void	 autostart_domain(struct broker *b, struct domain *d,
	    enum wire_autostart said);

/*
 * A scan was answered: what runs is known by now.  Makes the jobs, and tells
 * the watcher when they are in the journal.
 */
void	 autostart_scanned(struct broker *b);

/* A job has ended: was it one of these that has to be made once more? */
void	 autostart_again(struct broker *b);

#endif
