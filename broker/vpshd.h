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
#define VPSHD_WORKERS	64
#define VPSHD_DOORS	2

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
	int64_t			 started_ms;
	uint32_t		 delay_ms;	/* before the next start */
	/* Workers only. */
	uint64_t		 job;
	bool			 late;		/* its deadline passed */
	bool			 orphan;	/* its broker is gone */
};

struct vpshd {
	struct event_base	*base;
	const char		*prefix;	/* of run-time paths, or NULL */
	const char		*libexec;
	int			 doors[VPSHD_DOORS];	/* wire_door - 1 */
	bool			 stopping;
	struct process		 children[VPSHD_CHILDREN];
	struct process		 workers[VPSHD_WORKERS];
};

/* vpshd_child.c */
int	 child_init_all(struct vpshd *d);
void	 child_reap_all(struct vpshd *d);
bool	 child_any(const struct vpshd *d);
/* Children exit when their control socket closes; workers finish. */
void	 child_stop_all(struct vpshd *d);
void	 child_worker_gone(struct vpshd *d, uint64_t job, int status,
	    bool late);

/* vpshd_process.c */

/*
 * Start the program with fd as its descriptor 3, nothing above it, a fixed
 * environment and its own process group.  fd stays the caller's.  Returns 0
 * or -1; then pid is 0.
 */
int	 process_start(struct process *p, int fd);
void	 process_kill(const struct process *p);
void	 process_timer(struct process *p, uint32_t ms);
/* Has it ended?  What crashed or was killed takes its group along. */
bool	 process_reap(struct process *p, int *status);

int	 worker_init_all(struct vpshd *d);
void	 worker_reap_all(struct vpshd *d);
/* False: no broker of ours would ask for that.  fd stays the caller's. */
bool	 worker_spawn(struct vpshd *d, const struct wire_spawn *spawn, int fd);
void	 worker_end(struct vpshd *d, uint64_t job);
/* Nobody waits for them any more; what changes a domain is finished. */
void	 worker_orphan_all(struct vpshd *d);

#endif
