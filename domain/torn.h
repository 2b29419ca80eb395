/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_TORN_H
#define DOMAIN_TORN_H

#include <stdbool.h>

#include "domain/record.h"
#include "domain/xen.h"

/*
 * What a worker that died may have left of a domain: half made, which the
 * intent tells, or half taken down, which TORN/DOMAIN tells.  libxl takes
 * its devices away first, then its name, then itself: on the way it stands
 * still and will never run again.
 */
enum torn_stage {
	TORN_SILENCED,		/* only paused, so that it says no more */
	TORN_DESTROYING
};

struct torn {
	char		mark[RECORD_MARK];
	enum torn_stage	stage;
	uint32_t	domid;
	uint8_t		uuid[WIRE_UUID];
};

/* Returns 0; -1 when there is none or it is unusable (which is logged). */
int	 torn_load(const char *dir, const char *domain, struct torn *torn);

struct job;

/* Write it down before it is done.  A failure is only logged. */
void	 torn_note(struct job *job, enum torn_stage stage,
	    const struct xen_domain *domain);

/*
 * Forget what was noted of a domain that goes on, because it could not be
 * destroyed, or an operator set it going: paused again, it is no wreck.
 */
void	 torn_settle(struct job *job);

/*
 * The guest's domain, even one that has no name: because its making or taking
 * down broke off, or because an xenstored that died took the names with it.
 * Returns as xen_find().
 */
int	 torn_find(struct job *job, struct xen_domain *domain);

/*
 * Is it such a wreck, of no use but to be taken down?  It has to be told by
 * what a worker of that guest wrote down; with the guest's lock held, so
 * that none works on it.
 */
bool	 torn_is(struct job *job, const struct xen_domain *domain);

/*
 * Take down every wreck of that guest, also beside a domain of its name that
 * somebody else made meanwhile.  Returns how many there were, or an error
 * with job->text set.  The intent stays.
 */
int	 torn_clear(struct job *job);

/* Was it only paused, to be destroyed, and not by anybody else? */
bool	 torn_is_silenced(struct job *job, const struct xen_domain *domain);

#endif
