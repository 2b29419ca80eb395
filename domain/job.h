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
	bool		 closed;	/* nothing new is done for it */
	char		 config[POLICY_PATH + PATHS_LEN];
	struct xen	 xen;
	struct xs_handle *store;
	char		 mark[RECORD_MARK];
	int64_t		 born;		/* as result::youngest; 0: unknown */
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

/* Is this the host where the policy has the guest? */
bool	 job_is_here(const struct job *job);

/* What it is to the customer that we cannot write: by errno. */
int	 job_write_err(void);

/*
 * Leave the result for who comes after a broker, or a worker, that is gone.
 * Also in the middle, once what follows cannot change it.
 */
void	 job_keep(const struct job *job, int err);

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
int	 adopt_run(struct job *job);
int	 recover_run(struct job *job);

/*
 * Without Xen: has the worker that died left its result, or somebody who took
 * this one for dead?  Then *err is that, with job->text set.
 */
bool	 recover_is_told(struct job *job, int *err);

/*
 * Has a worker that is younger done something else with the guest since?
 * What this one was to do is of the past then: its broker is gone, and who
 * asked was told that it is not done.  *err as above.
 */
bool	 recover_is_overtaken(struct job *job, int *err);

/*
 * The guest's domain, for an operation on one that is there, and that it is
 * the one that was meant.
 */
int	 stop_find(struct job *job, struct xen_domain *domain);

/*
 * Take a domain down for good: give the console time to read what is left,
 * unless it never ran, destroy, wait until it is gone.
 */
int	 stop_take_down(struct job *job, const struct xen_domain *domain,
	    bool ran);

/* The same, and forget the intent: nothing follows. */
int	 stop_domain(struct job *job, const struct xen_domain *domain,
	    bool ran);

/*
 * Boot what shut down and was taken away to be booted again.  Is there such
 * a guest, whose worker died over it, or that was held meanwhile?
 */
int	 death_finish_late(struct job *job);
bool	 death_is_due(struct job *job);

/* May it be booted: is it not held, saved or moved? */
int	 start_allowed(struct job *job);

/* Write down what is done about which domain; waits for the disk. */
int	 start_save_intent(struct job *job, const struct xen_domain *domain,
	    enum intent_mode mode);

/* The mark of a domain, if dom0 wrote it.  Returns 0 or -1. */
int	 start_mark(struct job *job, uint32_t domid, char mark[RECORD_MARK]);

/* Keep our mark with the domain's other data, for whoever looks there. */
void	 start_sign(struct job *job, uint32_t domid);

/* Do mark and intent agree that vpsh made it? */
bool	 start_is_ours(struct job *job, const struct xen_domain *domain);

#endif
