/* SPDX-License-Identifier: ISC */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "ctl/report.h"

/*
 * vpshctl: what the operator does with customers.  It works on the files
 * below /etc/vpsh as an editor would, with the parser and the decisions of
 * the service itself.  What is about guests and the service itself is asked
 * of the broker: sessions.c, operate.c, health.c.
 */

/* Exit codes. */
#define CTL_OK	    0 /* done, or nothing to do */
#define CTL_FAILED  1 /* nothing was changed unless it says so */
#define CTL_USAGE   2
#define CTL_PROBLEM 3 /* check, what-if: not as it should be; no */
#define CTL_SERVICE 7 /* the service does not answer */

#define CTL_ARGS_MAX	4
#define CTL_OPTIONS_MAX 6
#define CTL_VALUES_MAX	64 /* of one option */

struct ctl {
	const char *prefix; /* of every path; "" */
	char etc[PATH_MAX];
	char run[PATH_MAX];
	char var[PATH_MAX];
	char log[PATH_MAX];
	struct report report;
};

struct ctl_option {
	const char *name;  /* "--plan" */
	const char *value; /* "PLAN"; NULL when it has none */
	const char *help;
	bool many; /* may be given again */
};

struct ctl_call;

/* One row per command; dispatch, usage and help come from it. */
struct ctl_command {
	const char *name; /* "customer add" */
	const char *args; /* "NAME" */
	const char *help; /* one line */
	size_t min;
	size_t max;
	bool customer; /* the first argument is the name of one */
	struct ctl_option options[CTL_OPTIONS_MAX];
	int (*run)(struct ctl *, const struct ctl_call *);
};

/* What was typed, checked against its row. */
struct ctl_call {
	const struct ctl_command *command;
	size_t nargs;
	const char *args[CTL_ARGS_MAX];
	struct ctl_values {
		size_t n; /* how often it was given */
		const char *value[CTL_VALUES_MAX];
	} options[CTL_OPTIONS_MAX];
};

/* The i-th row, NULL past the end. */
const struct ctl_command *ctl_command_at(size_t i);

/* The values of an option of that row; n is 0 when it was not given. */
const struct ctl_values *
ctl_values(const struct ctl_call *call, const char *name);
bool ctl_given(const struct ctl_call *call, const char *name);
/* The value of one that is given once, or NULL. */
const char *ctl_value(const struct ctl_call *call, const char *name);

/* Run what stands behind the program's own options: the exit code. */
int ctl_run(struct ctl *ctl, int argc, char *const argv[]);

void ctl_usage(FILE *to);

/*
 * The commands: add.c, show.c, close.c, welcome.c, check.c, sessions.c,
 * operate.c, watch.c, health.c, metrics.c.
 */
int add_run(struct ctl *ctl, const struct ctl_call *call);
int show_run(struct ctl *ctl, const struct ctl_call *call);
int show_list_run(struct ctl *ctl, const struct ctl_call *call);
int close_remove_run(struct ctl *ctl, const struct ctl_call *call);
int close_suspend_run(struct ctl *ctl, const struct ctl_call *call);
int close_resume_run(struct ctl *ctl, const struct ctl_call *call);
int welcome_run(struct ctl *ctl, const struct ctl_call *call);
int check_run(struct ctl *ctl, const struct ctl_call *call);
int check_what_if_run(struct ctl *ctl, const struct ctl_call *call);
int sessions_run(struct ctl *ctl, const struct ctl_call *call);
int operate_adopt_run(struct ctl *ctl, const struct ctl_call *call);
int operate_hold_run(struct ctl *ctl, const struct ctl_call *call);
int operate_release_run(struct ctl *ctl, const struct ctl_call *call);
int operate_forget_run(struct ctl *ctl, const struct ctl_call *call);
int watch_run(struct ctl *ctl, const struct ctl_call *call);
int health_run(struct ctl *ctl, const struct ctl_call *call);
int metrics_run(struct ctl *ctl, const struct ctl_call *call);

#endif
