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
	JOB_ASKED,		/* may still be refused */
	JOB_QUEUED,
	JOB_RUNNING,		/* has a worker */
	JOB_WATCHING,		/* holds nothing */
	JOB_OVER,
	JOB_STATES
};

#define WAIT_MAX_S	600	/* of a countdown */
/* A worker's number with VPSH_OK: there was nothing to do. */
#define JOB_WAS_SO	1
/* With VPSH_ERR_INTERRUPTED: how its guest is; else it runs. */
#define JOB_IS_OFF	0
#define JOB_IS_PAUSED	2
/* Besides that: the worker that died had not begun with anything. */
#define JOB_NOT_BEGUN	8

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
	char			 name[WIRE_DOMAIN];	/* the domain's */
	uint64_t		 token;		/* its client's; 0: none */
	uint64_t		 seq;		/* jobs are older or newer */
	int			 slot;		/* of the journal; -1: none */
	int64_t			 audit_mark;	/* see journal_job_save() */
	bool			 unrecorded;	/* its end is not on record */
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
	int64_t			 deadline_ms;	/* its, clock_boot_ms() */
	int64_t			 due_ms;	/* of the watch, the same */
	/* Its worker died: another one sees to what that has left. */
	uint64_t		 of;		/* the dead one; 0: none */
	unsigned		 recoveries;
	bool			 late;		/* it was killed in the end */
	bool			 again;		/* it had not begun; once */
	bool			 taken_up;	/* from another broker */
	struct channel		*worker;
	struct event		*timer;
	uint32_t		 phase;		/* that waits for GO, or 0 */
	struct wire_phase	 at;		/* of that phase */
	uint32_t		 serial;	/* of a scan that ends it; 0 */
	bool			 has_result;
	bool			 broken_off;	/* by a destroy */
	int			 err;
	long long		 value;		/* the number of the sentence */
	char			 said[WIRE_TEXT]; /* to the operator */
	/* Of an operator's job: for its worker, and who asked for it. */
	char			 text[WIRE_CLAIM];
	int64_t			 until_ms;
	uint32_t		 run_flags;
	void			(*ended)(struct job *job, void *arg);
	void			*ended_arg;
};

struct jobs {
	TAILQ_HEAD(joblist, job) list;	/* oldest first, ended ones too */
	size_t			 count;
	uint64_t		 last;		/* counts jobs */
	unsigned		 creating;	/* workers that may create */
	uint64_t		 turns;	/* counts the starts of workers */
};

/* Jobs and watches, from their making to their end: job.c. */

void	 job_init(struct broker *b);

/*
 * A new job, ASKED for and holding nothing yet; NULL: no memory.  job_hold()
 * has it queued; job_drop() takes it back; it is freed 15 minutes after its
 * end.  ended() of an operator's job is called at its end, and never when
 * this broker does not live to see that.
 */
struct job *job_new(struct broker *b, enum wire_op op, const char *owner,
	    const char *customer, const char *guest, struct domain *d);
void	 job_drop(struct job *job);
/* One of which nothing is known yet, for recover.c. */
struct job *job_blank(struct broker *b);
void	 job_wait(struct job *job, struct connection *c, uint32_t id);
void	 job_note(const struct job *job, const char *text);
/*
 * That request is about this job: tell how it stands, and how it ends.
 * guest is how the asker calls it.
 */
void	 job_attach(struct job *job, struct connection *c, uint32_t id,
	    const char *guest);
/* The job of that reference, or the one of that owner's token; or NULL. */
struct job *job_by_ref(const struct broker *b, const char *ref);
struct job *job_by_token(const struct broker *b, const char *owner,
	    uint64_t token);
void	 job_timer(struct job *job, uint32_t ms);

/* It is over: recorded, answered, and what waited for it begins. */
void	 job_end(struct job *job, int err, long long value);

/* It holds its guest now, whose customers are to see that. */
void	 job_hold(struct job *job);
/* The same as soon as what holds it now has ended. */
void	 job_hold_next(struct job *job);
/* Its worker died and had not begun: it is queued as it was, once. */
void	 job_hold_again(struct job *job);

/* Its worker is done, the guest was asked: wait, holding nothing. */
void	 job_watch(struct job *job);
/* Wait for what is left of its time. */
void	 job_watch_on(struct job *job);

/* The end of it goes on record. */
void	 job_record(struct job *job);
/* How it ended is shown with the guest. */
void	 job_remember(const struct job *job, struct domain *d);

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

/* What jobs there are: job_kind.c. */

/* NULL: no such job, or nobody asks for that. */
const struct job_kind *job_kind(enum wire_op op);
/* What that verb asks for; 0: nothing of the kind. */
enum wire_op job_op(const char *verb);
/* "start", "cleanup", ... as one of ours; NULL: no job is called that. */
const char *job_verb(const char *verb);

/* A job's worker: run.c. */

void	 run_start(struct job *job);
/* Its worker died: have another one see to what that has left. */
void	 run_recover(struct job *job);
void	 run_kill(const struct job *job);
/* The same of the one that it came after, which may be alive. */
void	 run_kill_dead(const struct job *job);
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
 * Its client has asked for this before, and does not know what came of it:
 * answered with that job.
 */
bool	 power_again(struct request *r);

/* Make request->job and have it in the journal; NULL: no room for it. */
void	 power_prepare(struct request *r);

/* It is not to be done: that is about to go on record. */
void	 power_refuse(struct job *job, int err);

/*
 * Do what the request wants, as far as it can be done now: 0, and it is or
 * will be answered; or an enum vpsh_err, with what the sentence needs in
 * request->args.  The job is its own master then, and request->job NULL.
 */
int	 power_request(struct request *r);

#endif
