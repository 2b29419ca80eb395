/* SPDX-License-Identifier: ISC */
#ifndef SHELL_SESSION_H
#define SHELL_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shell/client.h"
#include "shell/line.h"
#include "wire/wire.h"

/*
 * What is known while one customer is logged in.  All of it comes from the
 * broker and is for showing; nothing here decides what they may do.
 */

#define SESSION_SEEN_MAX	256
#define SESSION_JOBS_MAX	16

/* Who comes back to a console so late has forgotten why they were there. */
#define SESSION_BACK_MS		(10 * 60 * 1000)

struct menu;

struct session {
	struct client	 client;
	struct line	 line;
	const char	*term;		/* TERM, checked */
	bool		 leave;		/* exit was typed */
	bool		 json;		/* the command at hand is a program's */
	bool		 to_menu;	/* menu was typed */
	struct menu	*menu;		/* NULL: not on this terminal */
	/* A screen is shown: what went wrong is kept for it. */
	bool		 screen;
	char		 aside[WIRE_TEXT * 2];
	char		 customer[WIRE_NAME];
	char		 host[WIRE_DOMAIN];
	char		 support[WIRE_CLAIM];
	char		 back[WIRE_NAME];	/* Enter is its console */
	bool		 offered;	/* that was, or by the menu */
	bool		 prefers;	/* prefs came from the broker */
	struct wire_prefs prefs;
	/* The boot of each guest that the customer was last shown. */
	struct {
		char		guest[WIRE_NAME];
		uint64_t	boot;
	} seen[SESSION_SEEN_MAX];
	size_t		 nseen;
	/* The last jobs that were begun here, for completion. */
	char		 jobs[SESSION_JOBS_MAX][WIRE_REF];
	size_t		 njobs;
};

/* The questions; all return an error as of shell/client.h. */
int	 session_who(struct session *session, struct wire_who *who);
/* Into prefs; a service that is too old for them has defaults. */
int	 session_prefs(struct session *session);
/*
 * Times are theirs from here on, if that can be known; an error only when
 * nobody can be asked anything.
 */
int	 session_zone(struct session *session);
/*
 * type is WIRE_LIST, WIRE_STATUS or WIRE_FOLLOW; guest may be NULL for all.
 * *guests is the caller's to free.
 */
int	 session_look(struct session *session, uint32_t type,
	    const char *guest, uint32_t flags, struct wire_guest **guests,
	    size_t *n);
int	 session_list(struct session *session, struct wire_guest **guests,
	    size_t *n);
int	 session_status(struct session *session, const char *name,
	    struct wire_guest *guest);

/* What the broker says they are; their time zone is ours from now on. */
void	 session_whose(struct session *session, const struct wire_who *who);
void	 session_prefer(struct session *session,
	    const struct wire_prefs *prefs);

/* Whose console to offer to go back to, NULL: none. */
const char *session_back(const struct session *session);

/* Keep what was shown of a guest: session_seen(), completion. */
void	 session_remember(struct session *session,
	    const struct wire_guest *guest);

/* The boot to send with a verb; 0 when none was shown. */
uint64_t session_seen(const struct session *session, const char *guest);
/* Our own job may have changed it. */
void	 session_forget(struct session *session, const char *guest);

void	 session_job(struct session *session, const char *ref);

/*
 * Say on stderr what went wrong: the broker's own words if it had any, else
 * the sentence of err; a program gets an object on stdout, too.  Each of the
 * three may be NULL.  Returns err, made VPSH_ERR_FAILED after Ctrl-C, for
 * whoever wants to pass it on.
 */
int	 session_fail(struct session *session, int err, const char *verb,
	    const char *guest, const char *detail);

/* The same with a sentence of one's own; ref may be empty. */
int	 session_fail_text(struct session *session, int err,
	    const char *text, const char *ref);

#endif
