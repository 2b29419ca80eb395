/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_SPEC_H
#define DOMAIN_SPEC_H

#include "domain/job.h"

/*
 * From the operator's xl.cfg to a configuration that can be created, with
 * everything checked that can be known before: what fails here fails with a
 * sentence of its own.  Returns 0 or a negative enum vpsh_err with job->text
 * set; libxl_domain_config_dispose() in both cases.
 */
int	 spec_load(struct job *job, libxl_domain_config *config);

/* Give every network card a MAC address that stays, unless it has one. */
void	 spec_macs(libxl_domain_config *config);

/*
 * A domain that xl made has a uuid and MAC addresses, of its xl.cfg or made
 * up.  Remember them, for what the xl.cfg does not say: its next boot is to
 * have the same.  Returns 0 or -1; not a reason to stop.
 */
int	 spec_remember(struct job *job, uint32_t domid);

/* Put our mark on it, so that the domain carries it from birth. */
int	 spec_mark(struct job *job, libxl_domain_config *config);

/* Is there memory for it?  Right before creating. */
int	 spec_memory(struct job *job, libxl_domain_config *config);

#endif
