/* SPDX-License-Identifier: ISC */
#ifndef SHELL_VERBS_H
#define SHELL_VERBS_H

#include "shell/command.h"
#include "shell/session.h"

/*
 * What the rows of the command table do.  Each says all there is to say and
 * returns 0 or a negative enum vpsh_err.
 */

int	 verbs_list(struct session *, const struct command_call *);
int	 verbs_status(struct session *, const struct command_call *);
int	 verbs_why(struct session *, const struct command_call *);
int	 verbs_whoami(struct session *, const struct command_call *);
int	 verbs_version(struct session *, const struct command_call *);
int	 verbs_help(struct session *, const struct command_call *);
int	 verbs_exit(struct session *, const struct command_call *);

int	 verbs_line(struct session *, const struct command_call *);
int	 verbs_menu(struct session *, const struct command_call *);

/* prefs.c, activity.c */
int	 prefs_run(struct session *, const struct command_call *);
int	 activity_run(struct session *, const struct command_call *);

/* power.c: they end in a job. */
int	 power_start(struct session *, const struct command_call *);
int	 power_stop(struct session *, const struct command_call *);
int	 power_pull(struct session *, const struct command_call *);
int	 power_freeze(struct session *, const struct command_call *);
int	 power_sysrq(struct session *, const struct command_call *);
/* A key of sysrq that can end what runs in the guest: ask first. */
bool	 power_key_stops(char key);

/* job.c: how one of those went, or goes; and shall not. */
int	 job_find(struct session *, const struct command_call *);
int	 job_cancel(struct session *, const struct command_call *);

/* view.c: they end in a stream. */
int	 view_console(struct session *, const struct command_call *);
int	 view_log(struct session *, const struct command_call *);

/*
 * A guest's console and the permission to see it, before anything is shown:
 * its first bytes are then kept for us.  *viewer is the caller's to close.
 */
int	 view_request(struct session *, const char *guest, uint32_t flags,
	    uint64_t from, struct wire_attached *attached, int *viewer);

/*
 * Show it until the customer leaves.  Takes viewer, which came over that
 * connection of the client's.
 */
int	 view_run(struct session *, const char *guest, uint32_t flags,
	    const struct wire_attached *attached, int viewer,
	    unsigned generation);

#endif
