/* SPDX-License-Identifier: ISC */
#ifndef BROKER_VPSHD_H
#define BROKER_VPSHD_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "wire/wire.h"

struct event;
struct event_base;

/*
 * The supervisor is root and therefore small.  It starts the others,
 * introduces them to each other and reaps them.  It reads nothing but the
 * frames of its own children, none of which is trusted to send sense, and
 * never a byte that a customer wrote.
 */
#define VPSHD_CHILDREN	3
#define VPSHD_WORKERS	256	/* orphans and who sees to them, too */
#define VPSHD_DOORS	2
#define VPSHD_FILES	3

/* Descriptors of these numbers outlive a renewal; nothing else does. */
enum { VPSHD_LOCK = 3, VPSHD_DOOR, VPSHD_KEPT_END = VPSHD_DOOR + VPSHD_DOORS };

/* A long-lived child or a job's worker: the leader of its own group. */
struct process {
	struct vpshd		*vpshd;
	const char		*program;
	const char		*word;		/* its argument, or NULL */
	pid_t			 pid;		/* 0: not running */
	struct event		*timer;		/* start again, or be killed */
	/* Children only. */
	enum wire_role		 role;
	int			 fd;		/* control socket, or -1 */
	struct event		*input;
	bool			 greeted;	/* its HELLO fits ours */
	unsigned		 pings;		/* that it has not answered */
	int64_t			 started_ms;
	uint32_t		 delay_ms;	/* before the next start */
	/* Workers only. */
	int			 file;		/* the program, opened */
	uint64_t		 job;
	bool			 late;		/* its deadline passed */
	bool			 orphan;	/* its broker is gone */
};

struct vpshd {
	struct event_base	*base;
	const char		*prefix;	/* of run-time paths, or NULL */
	const char		*libexec;
	const char		*path;		/* our own */
	int			 alive;		/* see process_outlived() */
	int			 files[VPSHD_FILES];	/* workers' programs */
	int64_t			 started_ms;
	int64_t			 renewed_ms;	/* 0: not yet */
	bool			 renewing;
	bool			 ready;		/* the manager was told so */
	bool			 stopping;
	struct process		 children[VPSHD_CHILDREN];
	struct process		 workers[VPSHD_WORKERS];
};

/* vpshd_renew.c */

/* Before the working folder changes.  renewed_ms is what renew() passed. */
void	 renew_init(struct vpshd *d);
/*
 * Execute the program file afresh, and all children after it; at once, or as
 * soon as the last time was long enough ago.  Workers go on as orphans.
 */
void	 renew(struct vpshd *d);
/* Is it another file than the one that runs? */
bool	 renew_helps(const struct vpshd *d);

/* vpshd_child.c */
int	 child_init_all(struct vpshd *d);
bool	 child_any(const struct vpshd *d);
/* Children exit when their control socket closes; workers finish. */
void	 child_stop_all(struct vpshd *d);
void	 child_gone(struct process *c, pid_t pid, int status);
void	 child_worker_gone(struct vpshd *d, uint64_t job, int status,
	    bool late);

/* vpshd_process.c */
void	 process_init(struct vpshd *d, const char *run);
/*
 * Start the program with fd as its descriptor 3, a child with its lock as
 * descriptor 4, nothing above it, a fixed environment and its own process
 * group.  fd stays the caller's.  Returns 0 or -1; then pid is 0.
 */
int	 process_start(struct process *p, int fd);
/*
 * Does a child of this kind live that a vpshd before us has started?  Two
 * console servers would share one tty's bytes.  With end it is killed.
 */
bool	 process_outlived(const struct process *p, bool end);
void	 process_kill(const struct process *p);
void	 process_timer(struct process *p, uint32_t ms);
/*
 * Whatever has ended, also what we do not know from before a renewal.  What
 * crashed or was killed takes its group along.
 */
void	 process_reap_all(struct vpshd *d);

int	 worker_init_all(struct vpshd *d);
/* False: no broker of ours would ask for that.  fd stays the caller's. */
bool	 worker_spawn(struct vpshd *d, const struct wire_spawn *spawn, int fd);
void	 worker_end(struct vpshd *d, uint64_t job);
/* Nobody waits for them any more; what changes a domain is finished. */
void	 worker_orphan_all(struct vpshd *d);

#endif
