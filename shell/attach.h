/* SPDX-License-Identifier: ISC */
#ifndef SHELL_ATTACH_H
#define SHELL_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ansi.h"
#include "shell/attach_keys.h"
#include "wire/wire.h"

/*
 * The customer's end of a guest's console.
 *
 *	struct attach a;
 *
 *	attach_open(&a, &options);
 *	... CONSOLE{from = attach_from(&a)} -> ATTACHED + fd
 *	attach_viewer(&a, fd, may_write);
 *	end = attach_run(&a, broker, -1);
 *	attach_close(&a);
 *
 * The terminal stays raw all the time.  When the viewer's socket is lost,
 * attach_viewer() is given -1 until there is another one, which goes on where
 * the last byte stood: nothing is missing and nothing comes twice.  It may
 * also be given another one instead of one that still works.
 */

/* What we keep for a guest that does not read, before we stop reading. */
#define ATTACH_PENDING_MAX	(2u * 1024 * 1024)

/*
 * What was typed while there was no console reaches it if it is back so
 * soon, and is so little; else it is dropped, and that is said.
 */
#define ATTACH_KEYS_MS	2000
#define ATTACH_KEYS_MAX	4096

enum attach_end {
	ATTACH_LEFT,		/* the customer left, or their line is gone, */
				/* or their pipe has said and heard it all */
	ATTACH_ENDED,		/* the console server ended it: see bye */
	ATTACH_REVOKED,		/* the right is gone: see bye */
	ATTACH_BYE,		/* the broker said good-bye: see bye */
	ATTACH_LOST,		/* the viewer's socket is at its end */
	ATTACH_ALONE,		/* the broker's is; the viewer may go on */
	ATTACH_NEWS,		/* the callback said so */
	ATTACH_LATER		/* until is over */
};

/*
 * A frame from the broker that is not BYE, while attached: the outcome of a
 * job that was under way, or an answer.  A sentence put into text is shown
 * as a mark.  *fd came with the frame, or is -1; the callback may take it.
 * True ends the run.
 */
typedef bool attach_broker_cb(void *arg, const struct wire_msg *msg, int *fd,
	    char text[WIRE_TEXT]);

/*
 * They want that key of sysrq to be pressed in the guest.  text says what
 * became of that so far.
 */
typedef void attach_sysrq_cb(void *arg, char key, char text[WIRE_TEXT]);

struct attach_options {
	const char		*guest;		/* must stay valid */
	const char		*customer;	/* who we are; may be NULL */
	const char		*term;		/* TERM, may be NULL */
	int			 in;		/* 0 */
	int			 out;		/* 1 */
	int			 err;		/* 2 */
	attach_broker_cb	*broker;	/* may be NULL */
	attach_sysrq_cb		*sysrq;		/* may be NULL */
	void			*arg;
	enum wire_escape	 escape;	/* which keys are ours */
	const unsigned		*version;	/* the service's; may be NULL */
};

/* Read the fields, leave them alone. */
struct attach {
	struct attach_options	 options;
	struct wire_outcome	 bye;		/* with ENDED, REVOKED, BYE */
	bool			 tty;		/* in and out are terminals */
	int			 viewer;	/* -1: none */
	bool			 held;		/* its bytes wait in it */
	int64_t			 gap_ms;	/* since when none, or -1 */
	bool			 gapped;	/* and nothing came since */
	bool			 unsent;	/* keys were dropped in it */
	bool			 writer;	/* keys reach the guest */
	bool			 wrote;		/* the same, of any viewer */
	bool			 may_write;
	bool			 told;		/* WRITER came from this one */
	bool			 heard;		/* or from one before */
	bool			 taking;	/* TAKE was sent with it */
	bool			 known;		/* offset is valid */
	uint64_t		 offset;	/* of the next byte */
	uint64_t		 seen;		/* bytes before it were */
	bool			 input_over;	/* in is at its end */
	bool			 fed;		/* and was not empty */
	int64_t			 last_ms;	/* last byte to or from */
	bool			 greeted;
	int64_t			 came_ms;	/* when it was */
	bool			 bol;		/* out is at a line's start */
	int64_t			 writer_ms;	/* watchers' line was drawn */
	bool			 looking;	/* out is not the guest's */
	bool			 tidy;		/* nor yet: see ansi */
	struct ansi		 ansi;		/* what it said to out */
	char			 who[WIRE_NAME];	/* who writes */
	struct attach_scan	 scan;
	uint8_t			*pending;	/* for the guest */
	size_t			 pending_at;
	size_t			 pending_len;
	size_t			 pending_size;
	uint8_t			*shown;		/* for the terminal */
	size_t			 shown_len;
	size_t			 shown_at;
};

/*
 * Get ready: raw mode when in and out are terminals, otherwise a line on err
 * that says how to get one.  SIGPIPE is ignored from here on.  Returns 0 or
 * -1 with errno; attach_close() in both cases.
 */
int	 attach_open(struct attach *a, const struct attach_options *options);

/* Restore the terminal (terminal_leave()) and free.  Idempotent. */
void	 attach_close(struct attach *a);

/* The offset to ask the broker for: WIRE_FROM_TAIL the first time. */
uint64_t attach_from(const struct attach *a);

/*
 * This viewer from now on; it came with ATTACHED, is made non-blocking and
 * stays the caller's to close.  -1: there is none, which is said, and that
 * it is back as well.  Who wrote before takes the write side again.
 */
void	 attach_viewer(struct attach *a, int viewer, bool may_write);

/* Leave bytes of the guest in the viewer's socket, for another one. */
void	 attach_hold(struct attach *a, bool held);

/*
 * Carry bytes until something ends it, or until that time (clock_ms(); -1:
 * for ever).  Without a viewer only the keys that leave are heeded.  broker
 * is read for BYE and for the callback's frames; -1 for none.
 */
enum attach_end attach_run(struct attach *a, int broker, int64_t until);

/* Draw one line of our own, escaped: "[web: TEXT]". */
void	 attach_mark(struct attach *a, const char *text);

#endif
