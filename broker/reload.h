/* SPDX-License-Identifier: ISC */
#ifndef BROKER_RELOAD_H
#define BROKER_RELOAD_H

struct broker;
struct event;

/*
 * The operator's files, watched.  A change is in force within a second,
 * without anybody being told to read them.
 */
struct reload {
	int		 inotify;
	struct event	*input;
	struct event	*timer;		/* read them now */
};

int	 reload_init(struct broker *b);

#endif
