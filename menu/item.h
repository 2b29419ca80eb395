/* SPDX-License-Identifier: ISC */
#ifndef MENU_ITEM_H
#define MENU_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "menu/menu.h"
#include "wire/wire.h"

/*
 * A guest as the menu knows it: what the broker said last, and what that
 * makes over some minutes.
 */
#define ITEM_SAMPLES   20	/* of the CPU, for the sparkline */
#define ITEM_SAMPLE_MS 15000	/* five minutes in all */
#define ITEM_JOBS      4	/* by verb; the oldest goes */
#define ITEM_LINES     100	/* of the console */
#define ITEM_LINE      256	/* bytes of each, with its NUL */

struct item_rates {
	int64_t net_in;		/* bytes a second; -1: not known */
	int64_t net_out;
	int64_t disk_read;
	int64_t disk_written;
};

struct item_console {
	char	line[ITEM_LINES][ITEM_LINE];
	size_t	first;
	size_t	count;		/* the last one may be unfinished */
	bool	open;		/* and is */
	bool	back;		/* a CR: what comes begins it again */
};

struct item {
	struct wire_guest	 is;
	int64_t			 seen_ms;	/* clock_ms() of that */
	bool			 stale;		/* of before an absence */
	struct item_rates	 rates;
	int64_t			 rates_ms;	/* when they were found */
	int64_t			 cpu[ITEM_SAMPLES]; /* of 1000; oldest first */
	size_t			 ncpu;
	int64_t			 cpu_ms;	/* begin of the last one */
	unsigned		 cpu_parts;	/* that it is the mean of */
	struct menu_job		*jobs;		/* newest first; or NULL */
	size_t			 njobs;
	struct item_console	*console;	/* NULL: nothing came yet */
};

/* NULL: no memory. */
struct item	*item_new(const struct wire_guest *guest, int64_t now);
void		 item_free(struct item *item);

/* What the broker says of it now. */
void		 item_update(struct item *item, const struct wire_guest *guest,
		    int64_t now);

/* -1: it is off, or nobody knows. */
int64_t		 item_uptime(const struct item *item, int64_t now);

/* As menu_console() and menu_job(). */
void		 item_console(struct item *item, const char *text, size_t len,
		    bool fresh);
void		 item_job(struct item *item, const struct menu_job *job);

/*
 * The nth line of the console from its end; 0 is the newest that is not
 * empty.  NULL: there are not as many.
 */
const char	*item_line(const struct item *item, size_t nth);

/* Does it run, in some way or other: is there a domain? */
bool		 item_is_up(const struct item *item);

#endif
