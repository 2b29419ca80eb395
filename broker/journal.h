/* SPDX-License-Identifier: ISC */
#ifndef BROKER_JOURNAL_H
#define BROKER_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/slots.h"
#include "broker/state.h"
#include "wire/wire.h"

struct broker;
struct domain;
struct job;

/*
 * What the next broker has to know if this one is killed now: /run/vpsh/
 * journal.  Each job from before its decision is on record until it is
 * forgotten, and what is counted of each domain.  Times are those of the
 * clocks, which go on; a reboot of the host ends all of it.
 */
#define JOURNAL_VERSION	1
#define JOURNAL_NAME	"journal"
#define JOURNAL_JOBS	2048	/* of them 1024 may be over */
#define JOURNAL_DOMAINS	4096

enum journal_table {
	JOURNAL_JOB,
	JOURNAL_DOMAIN,
	JOURNAL_NUMBER
};

/* Members as in struct job. */
struct journal_job {
	uint64_t	 token;
	uint64_t	 seq;
	uint64_t	 boot;
	uint64_t	 turn;
	uint64_t	 number;
	uint64_t	 of;
	int64_t		 audit_mark;
	int64_t		 began_ms;
	int64_t		 ended_ms;
	int64_t		 deadline_ms;
	int64_t		 due_ms;
	int64_t		 until_ms;
	int64_t		 value;
	uint32_t	 state;		/* enum job_state */
	uint32_t	 op;		/* enum wire_op */
	uint32_t	 domid;
	uint32_t	 key;
	uint32_t	 wait_s;
	uint32_t	 run_flags;
	uint32_t	 recoveries;
	uint32_t	 flags;		/* JOURNAL_FORCE, ... */
	int32_t		 err;
	uint32_t	 zero;
	char		 ref[WIRE_REF];
	char		 verb[WIRE_WORD];
	char		 owner[WIRE_NAME];
	char		 customer[WIRE_NAME];
	char		 guest[WIRE_NAME];
	char		 domain[WIRE_DOMAIN];
	char		 text[WIRE_CLAIM];
	char		 said[WIRE_TEXT];
};

#define JOURNAL_FORCE		0x1u
#define JOURNAL_FORCED		0x2u
#define JOURNAL_BROKEN_OFF	0x4u
#define JOURNAL_LATE		0x8u
#define JOURNAL_UNRECORDED	0x10u
#define JOURNAL_AGAIN		0x20u

/* Members as in struct domain. */
struct journal_domain {
	int64_t		 unburied_ms;
	int64_t		 restarts_ms[STATE_RESTARTS];
	struct rate	 rates[RATE_CLASSES];
	uint32_t	 buried;
	uint32_t	 flags;		/* JOURNAL_DIED, ... */
	char		 domain[WIRE_DOMAIN];
};

#define JOURNAL_DIED		0x1u
#define JOURNAL_POWEROFF	0x2u
#define JOURNAL_REBOOTS		0x4u
#define JOURNAL_LOOPING		0x8u

struct journal_number {
	uint64_t	 last_job;
	uint64_t	 tries;		/* to take it up; 0: that was done */
};

struct journal {
	struct slots	 slots;
	int		 number;	/* its slot */
	uint64_t	 tries;		/* as in struct journal_number */
	bool		 full;		/* that was said */
};

/*
 * With the privilege to make files in dir; NULL: in memory only.  Returns 0,
 * or -1 when there is no memory.  A journal that one broker after the other
 * dies of is put aside, too.
 */
int	 journal_open(struct journal *journal, const char *dir);

/*
 * Have the job on record as it is now.  -1: there is no room for it, and it
 * must not begin.
 */
int	 journal_job_save(struct job *job);
void	 journal_job_drop(struct job *job);
/* Have what is counted of the domain on record. */
void	 journal_domain_save(struct broker *b, struct domain *d);
void	 journal_domain_drop(struct broker *b, struct domain *d);
/* b->last_job. */
void	 journal_number_save(struct broker *b);
/* All that is in it was taken up. */
void	 journal_taken_up(struct broker *b);
uint64_t journal_number(const struct broker *b);

/*
 * Taken right before a record is written, and kept in the journal: whoever
 * comes later and finds another one knows that it was written.
 */
int64_t	 journal_audit_mark(const struct broker *b);

#endif
