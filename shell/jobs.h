/* SPDX-License-Identifier: ISC */
#ifndef SHELL_JOBS_H
#define SHELL_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "menu/menu.h"
#include "shell/session.h"
#include "shell/track.h"
#include "wire/wire.h"

/* So many at once; the broker allows fewer. */
#define JOBS_MAX	16

/*
 * The jobs that were begun from the menu: each is followed to its end over
 * restarts of the service, and what becomes of it is told to the menu.
 */
struct jobs {
	struct session	*session;
	struct {
		bool			 used;
		struct wire_power	 body;
		struct track		 track;
		struct menu_job		 shown;
	} job[JOBS_MAX];
};

void	 jobs_init(struct jobs *jobs, struct session *session);

/*
 * Ask for it on the connection that there is.  verb must stay valid; flags
 * are WIRE_POWER_*.
 */
void	 jobs_begin(struct jobs *jobs, uint32_t type,
	    const char *verb, const char *guest, uint64_t boot,
	    uint32_t flags);

/* A frame; false when it belongs to none of them. */
bool	 jobs_take(struct jobs *jobs, const struct wire_msg *msg);

/*
 * The connection is another one, or somebody else read from it meanwhile:
 * ask again for what is under way.
 */
void	 jobs_return(struct jobs *jobs);

/* The broker ends its jobs; this is for one that does not.  -1: none. */
int64_t	 jobs_due(const struct jobs *jobs);
void	 jobs_late(struct jobs *jobs, int64_t now);

/* Nobody looks after them any more: they go on, and line mode hears it. */
void	 jobs_leave(struct jobs *jobs);

#endif
