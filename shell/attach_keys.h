/* SPDX-License-Identifier: ISC */
#ifndef SHELL_ATTACH_KEYS_H
#define SHELL_ATTACH_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The keys of ours on a guest's console.
 *
 * Ctrl-] leaves, wherever it stands in a read.  Within a bracketed paste it
 * is text, and leaves when it comes twice in a row: a paste whose end got
 * lost must not lock anybody in.
 *
 * Unless the customer wants no keys of ours but that one, Ctrl-Q three times
 * leaves, too, and Ctrl-^ begins a command of one key; behind it every other
 * key is the guest's, and so is Ctrl-^ that stays alone.
 */

enum attach_key {
	ATTACH_KEY_NONE,
	ATTACH_KEY_LEAVE,
	ATTACH_KEY_TAKE,
	ATTACH_KEY_WRITER,	/* a watcher types: say who writes */
	ATTACH_KEY_HELP,
	ATTACH_KEY_SIZE,	/* type stty rows R cols C */
	ATTACH_KEY_HERE,	/* who is here? */
	ATTACH_KEY_SYSRQ,	/* which letter? */
	ATTACH_KEY_SURE,	/* it can end what runs there: once more? */
	ATTACH_KEY_PRESS,	/* press the letter */
	ATTACH_KEY_NOT		/* the letter is not pressed */
};

/* Where the reading of keys stands between two reads.  All 0 to begin. */
struct attach_scan {
	bool		plain;		/* no key of ours but Ctrl-] */
	unsigned	quits;		/* Ctrl-Q in a row */
	int64_t		quit_ms[2];	/* when the last two came */
	bool		paste;		/* inside a bracketed one */
	size_t		matched;	/* of what begins and ends it */
	bool		bracket;	/* Ctrl-] came last, in a paste */
	int64_t		bracket_ms;
	int		command;	/* how far behind Ctrl-^ */
	int64_t		command_ms;
	char		letter;		/* of SURE and PRESS */
	int		sequence;	/* watchers: in which kind of answer */
	int64_t		last_ms;	/* of the last byte */
};

/* One read. */
struct attach_read {
	const uint8_t	*data;
	size_t		 len;
	int64_t		 now_ms;
	bool		 writer;	/* else a watcher's: nothing goes out */
	size_t		 at;		/* so many were read */
	uint8_t		*out;		/* for the guest: room for */
	size_t		 n;		/* ATTACH_KEYS_OUT(len) */
};

#define ATTACH_KEYS_OUT(len) ((len) + 1)

/*
 * Go on with a read, up to the first key that means something; again until
 * at is len.  Of a watcher one key that came alone means something, answers
 * of the terminal to the guest's questions do not.
 */
enum attach_key attach_keys(struct attach_scan *scan,
	    struct attach_read *read);

/* When a key that stays alone is given up, or -1. */
int64_t	 attach_keys_due(const struct attach_scan *scan);

/* That time has come.  Sets read->n as attach_keys() does. */
enum attach_key attach_keys_late(struct attach_scan *scan,
	    struct attach_read *read);

#endif
