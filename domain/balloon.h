/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_BALLOON_H
#define DOMAIN_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/xen.h"

/*
 * Hosts on which dom0 starts with all the memory and gives it away as guests
 * need it: xl.conf(5), autoballoon.  xl's rule is followed, so that a guest
 * starts through vpsh wherever it starts through xl.
 */

/* Is it on, by the text of xl.conf and the hypervisor's command line? */
bool	 balloon_is_on(const char *conf, const char *commandline);

/*
 * Take need_kib from dom0 if this host does that.  Holds xl's own lock,
 * LOCKS/xl, until the process ends.  Returns 0 when there is enough now, 1
 * when not, and -1 when the lock is taken for longer than ten seconds.
 */
int	 balloon_make_room(struct xen *xen, const char *conf_path,
	    const char *locks, uint64_t need_kib);

#endif
