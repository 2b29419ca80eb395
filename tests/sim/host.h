/* SPDX-License-Identifier: ISC */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include <stdint.h>

#include <xenctrl.h>

#include "tests/sim/ring.h"

/*
 * libsimxen.so: what libxc, libxenguest, libxenevtchn and libxengnttab say
 * on a simulated host.  In front of them in the order of libraries (linked,
 * or preloaded) it lets libxl, xl and xenstored as they are work without a
 * hypervisor; their fixed paths lead below W.
 */

#pragma GCC visibility push(hidden)

/* W, from the environment (SIM_WORLD) or our arguments (-p W). */
const char *host_world(void);

/* What is behind an xc_interface. */
struct host {
	int		 ring;
	xentoollog_logger *logger;
};

/* One request of the hypervisor: 0, or -1 with errno. */
int	 host_ask(xc_interface *xch, enum sim_op op, uint32_t domid,
	    uint32_t value, uint64_t number, struct sim_reply *reply);

#pragma GCC visibility pop

#endif
