/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_TRAFFIC_H
#define DOMAIN_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/record.h"
#include "wire/wire.h"

/*
 * What a guest sent and received in a calendar month (UTC), over all its
 * boots: TRAFFIC/DOMAIN, written by the watcher alone.  The kernel's counters
 * outlive a watcher but not their domain; the file says how far they have
 * been added up.
 */

#define TRAFFIC_MONTH	8	/* "2026-11" */

struct traffic_month {
	char		name[TRAFFIC_MONTH];	/* "": none yet */
	uint64_t	in;		/* bytes, as the guest sees it */
	uint64_t	out;
};

struct traffic {
	struct traffic_month now;
	struct traffic_month before;	/* the one that ended last */
	/* Whose counters were added up to where. */
	char		host[RECORD_HOST];
	uint32_t	domid;
	uint8_t		uuid[WIRE_UUID];
	uint64_t	seen_in;
	uint64_t	seen_out;
	bool		unknown;	/* what it has is of no known month */
	bool		dirty;		/* differs from the file */
};

/* Returns 0; -1, and zeroes, when there is none or it is unusable. */
int	 traffic_load(const char *dir, const char *domain,
	    struct traffic *traffic);

/* Write it if it is dirty.  Returns 0 or -1 with errno; waits for the disk. */
int	 traffic_save(const char *dir, const char *domain,
	    struct traffic *traffic);

/* "" when the clock is beyond all reason. */
void	 traffic_month_of(int64_t wall_ms, char name[TRAFFIC_MONTH]);

/* What the wall clock says is a new month from now on. */
void	 traffic_turn(struct traffic *traffic, int64_t wall_ms);

/*
 * From now on the counters of this domain are added, from zero unless it is
 * the one of before.  Without a record, what it has so far is of this month
 * only if it began in it; began_ms is the wall clock, -1 when not known.
 */
void	 traffic_follow(struct traffic *traffic, const struct boot *boot,
	    int64_t began_ms, int64_t wall_ms);

/*
 * The counters as they are now, sums since its boot.  One that fell adds
 * nothing.
 */
void	 traffic_add(struct traffic *traffic, int64_t wall_ms, uint64_t in,
	    uint64_t out);

#endif
