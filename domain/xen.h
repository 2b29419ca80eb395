/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_XEN_H
#define DOMAIN_XEN_H

#include <stdbool.h>
#include <stdint.h>

#include <libxl.h>

#include "wire/wire.h"

/*
 * One libxl context with its messages kept.  What libxl says may contain
 * what a guest wrote: it goes to the operator, through log_*(), which
 * escapes.
 */
struct xen {
	xentoollog_logger vtable;	/* first: libxl sees only this */
	libxl_ctx	*ctx;
	char		 said[WIRE_TEXT];	/* the first errors */
	size_t		 len;
	bool		 hotplug;	/* a script failed */
	bool		 memory;	/* the host ran short of it */
	bool		 quiet;		/* expected errors: not logged */
};

/* Returns 0, or -1 when Xen cannot be asked. */
int	 xen_open(struct xen *xen);
void	 xen_close(struct xen *xen);

/* Forget what was said so far. */
void	 xen_forget(struct xen *xen);

struct xen_domain {
	uint32_t	 domid;
	uint8_t		 uuid[WIRE_UUID];
	bool		 paused;
	bool		 ran;	/* ever, were it for a moment */
	bool		 dying;
	enum wire_reason reason;	/* NONE: it is not shut down */
};

/*
 * The domain with that id, as it is now.  Returns 0, 1 when it is gone, -1
 * when Xen does not answer.
 */
int	 xen_info(struct xen *xen, uint32_t domid, struct xen_domain *domain);

/*
 * The domain of that name; or a nameless one with that uuid, whose making
 * broke off early; either may be NULL.  Others may have the uuid, too: a
 * corpse that was put aside under another name keeps it.  One that is shut
 * down or being taken down only when there is no other.  A nameless one that
 * is dying has nothing any more but some memory: it is not there.  Returns
 * as xen_info().
 */
int	 xen_find(struct xen *xen, const char *name,
	    const uint8_t *uuid, struct xen_domain *domain);

/* The first with that uuid and a higher domid.  Returns as xen_info(). */
int	 xen_next(struct xen *xen, const uint8_t uuid[WIRE_UUID],
	    uint32_t after, struct xen_domain *domain);

/* How many domains carry that name. */
int	 xen_count(struct xen *xen, const char *name);

enum wire_reason xen_reason(const libxl_dominfo *info);

#endif
