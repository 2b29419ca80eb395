/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_COUNTERS_H
#define DOMAIN_COUNTERS_H

#include <net/if.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What dom0's kernel counts for a domain's disks and network cards, in
 * /sys/bus/xen-backend/devices and /sys/class/net.  The kernel starts a
 * device's count afresh whenever its guest detaches and attaches it; the
 * sums here only grow.
 */

/* A guest has no more than a few; what is above that is not counted. */
#define COUNTERS_DEVICES 64

struct counters_device {
	bool		 is_net;
	uint32_t	 number;	/* vbd: vdev; vif: index */
	char		 net[IF_NAMESIZE];	/* dom0's name of it */
	uint64_t	 last[2];	/* as the kernel said it last */
};

struct counters {
	uint32_t	 domid;
	uint64_t	 disk_read;	/* bytes */
	uint64_t	 disk_written;
	uint64_t	 net_in;	/* as the guest sees it */
	uint64_t	 net_out;
	struct counters_device *devices;
	size_t		 ndevices;
};

void	 counters_init(struct counters *counters, uint32_t domid);
void	 counters_free(struct counters *counters);

/*
 * Read what there is for each of n domains, in the order of their domids;
 * sys is "/sys".  A device that is gone keeps what it had.  Returns 0, or -1
 * with errno when there is no such folder.
 */
int	 counters_read(const char *sys, struct counters *const all[],
	    size_t n);

/* "vbd-5-51712", "vif-5-0"; false: something else. */
bool	 counters_parse(const char *name, uint32_t *domid,
	    struct counters_device *device);

#endif
