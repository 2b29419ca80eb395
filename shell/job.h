/* SPDX-License-Identifier: ISC */
#ifndef SHELL_JOB_H
#define SHELL_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shell/command.h"
#include "shell/session.h"
#include "shell/track.h"
#include "wire/wire.h"

/*
 * A request that ends in a job, from the frame to its outcome, for a command
 * that waits for it.  It survives the broker: see shell/track.h.
 */
struct job {
	const char	*verb;
	const char	*guest;		/* NULL: only its reference is known */
	bool		 no_wait;
	long long	 timeout_s;	/* --timeout, or 0 */
	struct track	 track;
};

/* What the options of that call say.  Says what is wrong with them. */
int	 job_init(struct job *job, struct session *session,
	    const struct command_call *call);

/*
 * Ask for it and show how it goes until it is over, or is left to itself.
 * body is the struct of the type.  Everything is said on return; 0 or a
 * negative enum vpsh_err.
 */
int	 job_run(struct job *job, struct session *session, uint32_t type,
	    const void *body);

#endif
