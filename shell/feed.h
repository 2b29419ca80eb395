/* SPDX-License-Identifier: ISC */
#ifndef SHELL_FEED_H
#define SHELL_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "menu/menu.h"
#include "shell/session.h"
#include "wire/wire.h"

/* A question that was under way when the service died is asked again. */
#define FEED_AGAIN_MS	10000

/* One answer of each kind is waited for; a newer question replaces it. */
enum feed_kind {
	FEED_WHO,
	FEED_PREFS,
	FEED_FOLLOW,
	FEED_PREFER,
	FEED_CANCEL,
	FEED_ACTIVITY,
	FEED_LOG,
	FEED_LINES,
	FEED_CONSOLE,
	FEED_KINDS
};

struct feed_ask {
	bool		 open;		/* there is more to come */
	uint32_t	 id;		/* 0: not sent yet */
	uint32_t	 type;
	int64_t		 asked_ms;
	union {
		struct wire_empty	 empty;
		struct wire_look	 look;
		struct wire_prefs	 prefs;
		struct wire_ref		 ref;
		struct wire_ask_activity ask_activity;
		struct wire_attach	 attach;
	} body;
};

struct feed_guest {
	char		 name[WIRE_NAME];
	uint32_t	 rights;
	bool		 listed;	/* in the list that is coming in */
};

struct feed;

/* Who wants to hear of the rest.  *fd came with the frame; may be taken. */
struct feed_ops {
	/* The answer to a question of that kind. */
	void	(*answer)(void *arg, enum feed_kind kind,
		    const struct wire_msg *msg, int *fd);
	/* False: it is nobody's. */
	bool	(*other)(void *arg, const struct wire_msg *msg);
	/* The connection is gone, with all that hung on it; is there again. */
	void	(*lost)(void *arg);
	void	(*back)(void *arg);
};

/*
 * The connection of a menu, and what the broker pushes over it: it is made
 * and made again step by step, and nothing here waits.
 */
struct feed {
	struct session		*session;
	struct menu		*menu;
	const struct feed_ops	*ops;
	void			*arg;
	enum {
		FEED_CONNECT,		/* at next_ms */
		FEED_GREET,		/* it has not said HELLO yet */
		FEED_UP
	} state;
	int64_t			 next_ms;	/* or -1 */
	int			 delay_ms;
	bool			 away;		/* the menu says so */
	bool			 met;		/* preferences were answered */
	bool			 counters;	/* are wanted */
	bool			 listed;	/* all guests were seen once */
	int			 err;		/* that ends the session */
	struct feed_ask		 asks[FEED_KINDS];
	struct feed_guest	*guests;
	size_t			 nguests;
};

void	 feed_init(struct feed *feed, struct session *session,
	    const struct feed_ops *ops, void *arg);
void	 feed_dispose(struct feed *feed);

/* After something else had the connection, or nobody yet: begin afresh. */
void	 feed_resume(struct feed *feed);
/* Somebody else is about to have it. */
void	 feed_pause(struct feed *feed);

/* What can be done now: frames, and what is due.  Sets err at the end. */
void	 feed_run(struct feed *feed);

/* Are figures wanted?  A change is asked for at once. */
void	 feed_counters(struct feed *feed, bool wanted);

/*
 * Ask; body is the struct of type.  Without a connection nothing happens,
 * and false comes back.
 */
bool	 feed_ask(struct feed *feed, enum feed_kind kind, uint32_t type,
	    const void *body, size_t size);
/* Its answer is not wanted any more. */
void	 feed_forget(struct feed *feed, enum feed_kind kind);

/* Rights on that guest; 0 for what is not theirs. */
uint32_t feed_rights(const struct feed *feed, const char *guest);

/* All that a first screen needs is there. */
bool	 feed_ready(const struct feed *feed);

#endif
