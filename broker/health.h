/* SPDX-License-Identifier: ISC */
#ifndef BROKER_HEALTH_H
#define BROKER_HEALTH_H

#include <stdint.h>

#include "wire/wire.h"

struct broker;

/*
 * How the service is, for the operator: what was counted since the broker
 * was started, and what there is now.  Times are of clock_ms().
 */
struct health {
	int64_t		 began_ms;
	int64_t		 watcher_ms;	/* when the last one came */
	int64_t		 console_ms;
	int64_t		 xen_ms;	/* when Xen last answered; 0: never */
	uint64_t	 requests;
	uint64_t	 denied;
	uint64_t	 jobs_done;
	uint64_t	 jobs_failed;
};

void	 health_init(struct broker *b);

/* One call each, from where it happens. */
void	 health_watcher(struct broker *b);
void	 health_console(struct broker *b);
void	 health_xen(struct broker *b);
void	 health_request(struct broker *b, int err);
void	 health_job(struct broker *b, int err);

void	 health_describe(const struct broker *b, struct wire_health *out);

#endif
