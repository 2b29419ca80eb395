/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_JOB_H
#define DOMAIN_JOB_H

#include "domain/paths.h"
#include "domain/record.h"
#include "domain/xen.h"
#include "policy/policy.h"
#include "wire/err.h"
#include "wire/wire.h"

/*
 * One job of a worker: a request, what the operator's policy says about it,
 * and what to report.  The broker gave names only; everything that decides
 * where the worker reaches, comes from files that root owns.
 */
struct job {
	struct paths	 paths;
	int		 fd;		/* the broker; -1: it went away */
	struct wire_run	 run;
	struct policy_guest guest;	/* the policy's, copied */
	char		 config[POLICY_PATH + PATHS_LEN];
	struct xen	 xen;
	struct xs_handle *store;
	char		 mark[RECORD_MARK];
	int		 number;	/* for RESULT */
	char		 text[WIRE_TEXT];
};

/*
 * Tell the broker where the job is and wait for its GO, at most wait_ms.
 * Whatever happens, the job goes on afterwards: without a broker nobody
 * else would finish it.
 */
void	 job_phase(struct job *job, enum wire_phase_kind kind,
	    const struct xen_domain *domain, int wait_ms);

/* How long the console may take to read what a guest still said. */
#define JOB_PAUSED_MS	3000

/* Set the operator's text of RESULT; returns err. */
int	 job_end(struct job *job, int err, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/* The same with what libxl said behind it. */
int	 job_end_xen(struct job *job, int err, const char *what);

/*
 * The operations.  Return 0 or a negative enum vpsh_err, with job->text
 * set.  The caller holds the guest's lock.
 */
int	 start_run(struct job *job);
int	 stop_ask(struct job *job, bool reboot);
int	 stop_destroy(struct job *job);
int	 stop_reset(struct job *job);
int	 death_run(struct job *job);
int	 ask_pause(struct job *job);
int	 ask_unpause(struct job *job);
int	 ask_sysrq(struct job *job);

/*
 * The guest's domain, for an operation on one that is there, and that it is
 * the one that was meant.
 */
int	 stop_find(struct job *job, struct xen_domain *domain);

/*
 * Take a domain down for good: give the console time to read what is left,
 * unless it never ran, destroy, wait until it is gone, forget the intent.
 */
int	 stop_domain(struct job *job, const struct xen_domain *domain,
	    bool ran);

/* Is it the half-made domain of a start that did not end? */
bool	 start_is_half_made(struct job *job, const struct xen_domain *domain);

/* Do mark and intent agree that vpsh made it? */
bool	 start_is_ours(struct job *job, const struct xen_domain *domain);

#endif
