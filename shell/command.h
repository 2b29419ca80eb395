/* SPDX-License-Identifier: ISC */
#ifndef SHELL_COMMAND_H
#define SHELL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shell/words.h"
#include "wire/right.h"
#include "wire/wire.h"

struct session;
struct command_call;

#define COMMAND_ARGS_MAX	2
#define COMMAND_OPTIONS_MAX	6

struct command_option {
	const char	*name;		/* "--from" */
	const char	*value;		/* "OFFSET"; NULL when it has none */
	const char	*help;
};

/*
 * One row for each thing that can be typed.  Dispatch, help and the manual
 * come from it.  right is what the broker will ask for; here it is only
 * shown.
 */
struct command {
	const char		*name;
	const char		*args;		/* "GUEST", "[GUEST]", "" */
	const char		*help;		/* one line */
	const char		*more;		/* for help NAME; may be NULL */
	bool			 beside;	/* the one before in the list */
	/* Arguments; min without a guest that may be left out. */
	size_t			 min;
	size_t			 max;
	/* What the first one may be, for completion; or NULL. */
	const char		*const *choices;
	bool			 guest;		/* the first is a guest's name;
						   the only one when left out */
	enum right		 right;
	uint32_t		 type;		/* enum wire_type, 0: none */
	struct command_option	 options[COMMAND_OPTIONS_MAX];
	int			(*run)(struct session *,
				    const struct command_call *);
};

/* What was typed, checked against its row. */
struct command_call {
	const struct command	*command;
	const char		*guest;		/* rows with guest only */
	/* The arguments, in those rows without the guest. */
	size_t			 nargs;
	const char		*args[COMMAND_ARGS_MAX];
	/* Value of each option, "" if it has none, NULL when not given. */
	const char		*options[COMMAND_OPTIONS_MAX];
};

/* The i-th row, NULL past the end. */
const struct command *command_at(size_t i);

/*
 * The row of a name or hidden alias, NULL when there is none.  person: the
 * digits of xencontrol's menu, too.
 */
const struct command *command_find(const char *name, bool person);

/* Its i-th hidden alias, NULL past the end; none of xencontrol's digits. */
const char *command_alias(const struct command *command, size_t i);

/*
 * Check words, of which the first named command, and fill in call except for
 * a guest that was left out.  Returns 0, VPSH_ERR_USAGE with detail saying
 * what is wrong, or VPSH_ERR_NO_GUEST for what is no name at all.
 */
int	 command_parse(const struct command *command,
	    const struct words *words, struct command_call *call,
	    char *detail, size_t size);

/* Is it a program that people run through ssh without typing it? */
bool	 command_is_foreign(const char *name);

/* The value of an option of that row. */
const char *command_option(const struct command_call *call, const char *name);

/*
 * The same as a number of [min, max]; fallback when it was not given.  Says
 * what is wrong with it.
 */
int	 command_number(struct session *session,
	    const struct command_call *call, const char *name, long long min,
	    long long max, long long fallback, long long *value);

/*
 * The guest that need not be named because there is no other.  Says what is
 * wrong when there are none or several.
 */
int	 command_only_guest(struct session *session, const char *verb,
	    char name[WIRE_NAME]);

/*
 * Split len bytes of a line, which need no NUL, and run what was typed:
 * nothing happens before all of it is understood.
 * Everything there is to say was said on return.  Returns 0 or a negative
 * enum vpsh_err, for the exit code.
 */
int	 command_run(struct session *session, const char *line, size_t len);

#endif
