/* SPDX-License-Identifier: ISC */
#ifndef BROKER_AUDIT_H
#define BROKER_AUDIT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/fd.h"

/*
 * Who asked for what, what was decided and how it ended: one JSON object per
 * line in audit.jsonl.  Whatever a customer wrote is escaped on the way.
 */
struct audit {
	int	fd;
	bool	torn;		/* the last line was cut off */
	int64_t	lost;		/* records since the log was last written */
	int64_t	lost_since_ms;	/* clock_wall_ms() */
};

/* NULL and 0 members are left out. */
struct audit_record {
	const char		*event;		/* "decided", "done", ... */
	const char		*customer;
	const struct peer	*peer;
	const char		*claim;		/* what the client says */
	const char		*verb;
	const char		*how;		/* what the verb was given */
	const char		*guest;
	const char		*domain;
	const char		*ref;
	const char		*verdict;	/* "allow" or "deny" */
	const char		*because;
	const char		*err;		/* err_name() */
	int64_t			 ms;
};

/* Open for appending, making it if need be: 0, or -1 with errno. */
int	 audit_open(struct audit *audit, const char *dir);

/*
 * Write one record.  Returns 0, or -1 when it is not on record: nothing may
 * then be changed on a customer's word.  A gap record follows on recovery.
 */
int	 audit_write(struct audit *audit, const struct audit_record *record);

#endif
