/* SPDX-License-Identifier: ISC */
#ifndef SHELL_JOB_H
#define SHELL_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shell/command.h"
#include "shell/session.h"
#include "wire/wire.h"

#define JOB_NOTES	4

/*
 * A request that ends in a job, from the frame to its outcome.  It survives
 * the broker: a client that loses the connection comes back, and asks for
 * the job by its reference, or says the very same again, token and all, when
 * it never heard of one.  Nothing is done twice by that.
 */
struct job {
	const char	*verb;
	const char	*guest;		/* NULL: only its reference is known */
	bool		 no_wait;
	long long	 timeout_s;	/* --timeout, or 0 */
	char		 ref[WIRE_REF];	/* empty until there is a job */
	int64_t		 begin;
	int64_t		 deadline;	/* the broker's and some grace */
	uint32_t	 type;		/* of the request */
	const void	*body;
	bool		 again;		/* saying it twice is saying it once */
	unsigned	 version;	/* of who was asked first */
	unsigned	 returns;	/* after losses of the connection */
	char		 notes[JOB_NOTES][WIRE_TEXT];	/* shown already */
	size_t		 nnotes;
};

/* A token that nobody else has.  False, and 0, when there is none. */
bool	 job_token(uint64_t *token);

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
