/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_RESULT_H
#define DOMAIN_RESULT_H

#include <stdbool.h>

#include "domain/record.h"

/*
 * RESULTS/DOMAIN: how the last job of a guest ended, written by its worker
 * under the guest's lock before it tells the broker, who may be gone.  Gone
 * with the host's boot, as the jobs are.
 */
struct result {
	char	 mark[RECORD_MARK];	/* "JOB.REF" */
	uint32_t op;			/* enum wire_op */
	int	 err;			/* enum vpsh_err */
	int	 number;
	/*
	 * When the youngest worker was born of all that changed the guest,
	 * in ticks of this boot of the host: who is older was overtaken.
	 */
	int64_t	 youngest;
	char	 text[WIRE_TEXT];	/* one line, escaped */
};

/* Returns 0; -1 when there is none or it is unusable (which is logged). */
int	 result_load(const char *dir, const char *domain,
	    struct result *result);

/* Returns 0 or -1 with errno. */
int	 result_save(const char *dir, const char *domain,
	    const struct result *result);

/*
 * Is mark that of job number, reference ref, or of an earlier worker of that
 * reference?  One that recovered for another keeps its mark.
 */
bool	 result_is_of(const char *mark, uint64_t job, const char *ref);

#endif
