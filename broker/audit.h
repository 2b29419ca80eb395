/* SPDX-License-Identifier: ISC */
#ifndef BROKER_AUDIT_H
#define BROKER_AUDIT_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/fd.h"
#include "broker/audit_disk.h"
#include "broker/audit_writer.h"
#include "wire/wire.h"

struct audit_line;
struct audit_record;
struct event;
struct event_base;

/*
 * Who asked for what, what was decided and how it ended: one JSON object per
 * line in audit.jsonl.  Whatever a customer wrote is escaped on the way.
 *
 * A record that the log cannot take goes to the reserve beside it, and one
 * that cannot go there either waits here; both are copied in their order as
 * soon as the log can be written again.  Records that came when no more could
 * wait are counted, and the count is put in their place.
 */
#define AUDIT_WAITING_MAX	1000

struct audit {
	struct audit_disk	 disk;
	struct audit_writer	 writer;
	struct event		*late;	/* the writer's */
	struct event		*retry;
	STAILQ_HEAD(, audit_line) waiting;
	size_t			 nwaiting;
	uint64_t		 last;	/* number of the newest record */
	uint64_t		 kept;	/* and of the newest on a disk */
	bool			 busy;	/* the writer has the first one, */
	bool			 nothing;	/* or just the reserve */
	int64_t			 mark;	/* as of before that */
	enum wire_audit		 state;
	int64_t			 lost;	/* with no line in their place yet */
	int64_t			 lost_since_ms;	/* clock_wall_ms() */
	uint64_t		 lost_ever;
	/* Told of each record, wherever it goes; or NULL. */
	void			(*heard)(void *arg,
				    const struct audit_record *r);
	void			*heard_arg;
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

/* Open the files, making them if need be: 0, or -1 with errno. */
int	 audit_open(struct audit *audit, const char *dir);

/*
 * From now on the disk cannot hold up the loop, and what a predecessor left
 * in the reserve goes into the log.  Makes a thread: after privilege is
 * dropped, before limits and filter.  Returns 0 or -1 with errno.
 */
int	 audit_start(struct audit *audit, struct event_base *base);

/*
 * Write one record.  Returns 0, or -1 when it is not on any disk yet:
 * nothing may then be changed on a customer's word.
 */
int	 audit_write(struct audit *audit, const struct audit_record *record);

/* A last attempt for what waits. */
void	 audit_end(struct audit *audit);

enum wire_audit audit_state(const struct audit *audit);

/* Records that were lost, since the start. */
uint64_t audit_lost(const struct audit *audit);

/*
 * Another number than before as soon as one more record is on a disk, and not
 * otherwise; also from one broker to the next.
 */
int64_t	 audit_mark(const struct audit *audit);

#endif
