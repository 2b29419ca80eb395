/* SPDX-License-Identifier: ISC */
#ifndef BROKER_JOB_H
#define BROKER_JOB_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/channel.h"
#include "broker/state.h"
#include "wire/wire.h"

struct broker;
struct connection;
struct domain;
struct event;
struct request;

enum job_state {
	JOB_QUEUED,
	JOB_RUNNING,		/* has a worker */
	JOB_WATCHING,		/* holds nothing */
	JOB_OVER
};

struct job_kind {
	const char	*verb;
	enum rate_class	 rate;
	bool		 creates;
	bool		 stops;
	bool		 looks;		/* Xen says it late, or not at all */
	uint32_t	 deadline_ms;	/* of the worker */
	uint32_t	 wait_s;	/* default countdown; 0: none */
	enum wire_op	 force;		/* what it becomes with a force; 0 */
	const char	*done;		/* after the guest's name */
	const char	*already;	/* there is nothing to do */
};

/* A client that wants to hear how a job ends. */
struct waiter {
	TAILQ_ENTRY(waiter)	 link;	/* job.waiters */
	struct connection	*connection;
	uint32_t		 id;	/* of its request */
};

struct job {
	TAILQ_ENTRY(job)	 link;	/* jobs.list */
	TAILQ_HEAD(, waiter)	 waiters;
	struct broker		*broker;
	enum wire_op		 op;
	const struct job_kind	*kind;	/* of op */
	const char		*verb;	/* that was asked for */
	enum job_state		 state;
	char			 ref[WIRE_REF];
	char			 owner[WIRE_NAME];	/* or "system" */
	char			 customer[WIRE_NAME];	/* for the worker */
	char			 guest[WIRE_NAME];
	struct wire_stream	 stream;	/* of its console */
	struct domain		*domain;	/* NULL when over */
	uint64_t		 boot;		/* when it began */
	uint32_t		 domid;
	char			 key;		/* SYSRQ */
	uint32_t		 wait_s;
	bool			 force;		/* not obeyed: pull the plug */
	bool			 due;		/* it was not obeyed */
	bool			 forced;	/* the plug is being pulled */
	int64_t			 began_ms;
	int64_t			 ended_ms;
	uint64_t		 turn;		/* of jobs.turns; 0: not yet */
	uint64_t		 number;	/* of its worker */
	struct channel		*worker;
	struct event		*timer;
	uint32_t		 phase;		/* that waits for GO, or 0 */
	struct wire_phase	 created;
	uint32_t		 serial;	/* of a scan that ends it; 0 */
	bool			 has_result;
	bool			 broken_off;	/* by a destroy */
	int			 err;
	long long		 value;		/* the number of the sentence */
};

struct jobs {
	TAILQ_HEAD(joblist, job) list;	/* oldest first, ended ones too */
	size_t			 count;
	unsigned		 creating;	/* workers that may create */
	uint64_t		 turns;	/* counts the starts of workers */
};

/* Jobs and watches, from their making to their end: job.c. */

void	 job_init(struct broker *b);

/*
 * A new job, QUEUED and holding nothing yet; NULL: no memory.  It is freed
 * 15 minutes after its end.
 */
struct job *job_new(struct broker *b, enum wire_op op, const char *owner,
	    const char *customer, const char *guest, struct domain *d);
const struct job_kind *job_kind(enum wire_op op);
void	 job_wait(struct job *job, struct connection *c, uint32_t id);
void	 job_note(const struct job *job, const char *text);
void	 job_timer(struct job *job, uint32_t ms);

/* It is over: recorded, answered, and what waited for it begins. */
void	 job_end(struct job *job, int err, long long value);

/* It holds its guest now, whose customers are to see that. */
void	 job_hold(struct job *job);

/* Its worker is done, the guest was asked: wait, holding nothing. */
void	 job_watch(struct job *job);

/* Start the workers of as many queued jobs as may run now. */
void	 job_pump(struct broker *b);

/* "start is under way, ref K7F3". */
void	 job_describe(const struct job *job, char *dst, size_t size);

/* Which job that connection waits for, if any. */
void	 job_describe_waiting(const struct broker *b,
	    const struct connection *c, struct wire_session *out);

/* The client has gone; its jobs go on. */
void	 job_forget_connection(struct broker *b, const struct connection *c);

/* Something happened to it: a watch may be over, or it may have died. */
void	 job_domain_changed(struct broker *b, struct domain *d);

/* A job's worker: run.c. */

void	 run_start(struct job *job);
void	 run_kill(const struct job *job);
void	 run_timer(struct job *job);
void	 run_worker_gone(struct broker *b, const struct wire_gone *gone);
/* That scan has ended.  True: a job waits for one that has not begun. */
bool	 run_scanned(struct broker *b, uint32_t serial);
void	 run_console_ready(struct broker *b, const struct wire_pty *pty);
void	 run_console_drained(struct broker *b,
	    const struct wire_stream *stream);
void	 run_console_lost(struct broker *b);

/* What follows from what happens to a guest: death.c. */

/*
 * The time of a job that may pull the plug is over, and nothing else holds
 * the guest.
 */
void	 death_force(struct job *job);
/* Such a job had to queue: did the guest obey meanwhile?  Then it is over. */
bool	 death_obeyed(struct job *job);

/*
 * It stays shut down until somebody has cleaned up after it: begin that, if
 * it is for us to do.
 */
void	 death_check(struct broker *b, struct domain *d);

/* Asking for a job: power.c. */

/*
 * Do what the request wants, as far as it can be done now: 0, and it is or
 * will be answered; or an enum vpsh_err, with what the sentence needs in
 * request->args.
 */
int	 power_request(struct request *r, enum wire_op op);

#endif
