/* SPDX-License-Identifier: ISC */
#ifndef WIRE_ERR_H
#define WIRE_ERR_H

#include <stddef.h>
#include <stdint.h>

/*
 * Every way in which a request can end, each with its exit code and its
 * sentence.  All sentences that a customer can read stand in err.c.  The
 * numbers are part of the protocol: add at the end, never renumber.
 */
enum vpsh_err {
	VPSH_OK = 0,
	VPSH_ERR_FAILED = -1, /* the worker could not say more */
	VPSH_ERR_USAGE = -2,
	VPSH_ERR_UNKNOWN_COMMAND = -3,
	VPSH_ERR_BYTES = -4,	    /* control bytes in a command */
	VPSH_ERR_QUOTE = -5,	    /* unterminated quote */
	VPSH_ERR_FOREIGN_TOOL = -6, /* scp, sftp, rsync, git */
	VPSH_ERR_DENIED = -7,
	VPSH_ERR_NO_GUEST = -8,
	VPSH_ERR_BUSY = -9,  /* another job holds the guest */
	VPSH_ERR_RATE = -10, /* too many of one kind */
	VPSH_ERR_TIMEOUT = -11,
	VPSH_ERR_SERVICE = -12, /* broker not reachable */
	VPSH_ERR_HOST = -13,	/* broker is up, Xen is not */
	VPSH_ERR_AUDIT = -14,	/* the log cannot be written */
	VPSH_ERR_BOOT = -15,	/* rebooted since the customer saw it */
	VPSH_ERR_NOT_RUNNING = -16,
	VPSH_ERR_NO_CUSTOMER = -17,
	VPSH_ERR_POLICY = -18,	     /* policy unusable, denied */
	VPSH_ERR_GUEST_CLOSED = -19, /* guest claimed twice, and such */
	VPSH_ERR_SESSIONS = -20,
	VPSH_ERR_CONFIG = -21,	  /* xl.cfg does not compile */
	VPSH_ERR_NO_CONFIG = -22, /* xl.cfg is not there */
	VPSH_ERR_NO_KERNEL = -23,
	VPSH_ERR_NO_DISK = -24,
	VPSH_ERR_MEMORY = -25, /* number: MiB missing */
	VPSH_ERR_CREATE = -26,
	VPSH_ERR_HOTPLUG = -27,	  /* vif or disk script */
	VPSH_ERR_STILL_UP = -28,  /* ignored the shutdown request */
	VPSH_ERR_NO_ANSWER = -29, /* guest cannot be asked to stop */
	VPSH_ERR_CONFIRM = -30,	  /* destroy wants the name */
	VPSH_ERR_VERSION = -31,
	VPSH_ERR_WORKER = -32,	    /* worker died or was killed */
	VPSH_ERR_CONSOLE = -33,	    /* console server not there */
	VPSH_ERR_REVOKED = -34,	    /* right lost while in use */
	VPSH_ERR_PYGRUB = -35,	    /* pygrub without its cage */
	VPSH_ERR_ELSEWHERE = -36,   /* saved, moved: must not boot */
	VPSH_ERR_MEMORY_HOST = -37, /* broker out of memory, slots */
	VPSH_ERR_CONNECTS = -38,    /* connects too often */
	VPSH_ERR_SUSPENDED = -39,   /* the operator suspended the account */
	VPSH_ERR_KEY = -40,	    /* sysrq: no such key */
	VPSH_ERR_PAUSED = -41,	    /* a paused guest cannot answer */
	VPSH_ERR_NO_SYSRQ = -42,    /* the guest has no sysrq */
	VPSH_ERR_LOOP = -43,	    /* it died too often: left off */
	VPSH_ERR_INTERRUPTED = -44, /* its worker died; detail: the guest now */
	VPSH_ERR_HELD = -45,	    /* by the operator; detail: why */
	VPSH_ERR_NO_JOB = -46,	    /* no such reference; detail: it */
	VPSH_ERR_NO_ROOM = -47,	    /* a disk of the host is full */
	VPSH_ERR_CANCELLED = -48,   /* by the customer, before it acted */
	VPSH_ERR_NO_CANCEL = -49,   /* it acts already */
	VPSH_ERR_ZONE = -50,	    /* no such time zone; detail: it */
	VPSH_ERR_LENT = -51,	    /* the console: the operator has it */
	VPSH_ERR_COUNT = 52
};

/* What a sentence may mention.  NULL and 0 are fine where unused. */
struct err_args {
	const char *verb;    /* "start" */
	const char *guest;   /* "web" */
	const char *ref;     /* "K7F3" */
	const char *support; /* operator's contact */
	const char *detail;  /* further words, escaped on output */
	long long number;
};

/* Exit code of the shell for an outcome: see docs/PROTOCOL.md. */
int err_exit_code(int err);

/* Stable short name: "no-guest". "failed" for a number nobody knows. */
const char *err_name(int err);

/*
 * The sentence, cut at size.  {verb} {guest} {ref} {support} {detail}
 * {number} of the template are filled in; a [..] part that mentions
 * something that is not given is left out.
 */
void err_sentence(int err, const struct err_args *args, char *dst, size_t size);

#endif
