/* SPDX-License-Identifier: ISC */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/type.h"

/*
 * The local protocol: one packet of an AF_UNIX SOCK_SEQPACKET socket is one
 * frame, a head and a body of exactly the size that its type has.  Numbers
 * are fixed-width and in host order (both ends are one machine); strings are
 * NUL-terminated inside fixed arrays.  docs/PROTOCOL.md says who sends what
 * when, and which frames carry descriptors.
 *
 * Change anything here: raise WIRE_VERSION.
 */
#define WIRE_MAGIC	    0x48535056u /* "VPSH" */
#define WIRE_VERSION	    4
#define WIRE_VERSION_OLDEST 2 /* clients of 2 are served, see layout.c */

#define WIRE_NAME	40  /* customer or guest */
#define WIRE_DOMAIN	72  /* Xen domain name */
#define WIRE_TEXT	512 /* a sentence */
#define WIRE_REF	8   /* job reference */
#define WIRE_WORD	24  /* verb or right */
#define WIRE_BUILD	48
#define WIRE_CLAIM	128   /* what a client says of its origin */
#define WIRE_DATA	16384 /* console bytes in one frame */
#define WIRE_UUID	16
#define WIRE_ZONE	48 /* a time zone's name, or its TZ */
/* A ring file: header, time index, data; console/ring.h has the layout. */
#define WIRE_RING_BYTES (4096 + 64 * 1024 + 1024 * 1024)

struct wire_head {
	uint32_t type;
	uint32_t id; /* request number, echoed; else 0 */
};

/* First frame in both directions on every socket but the viewers'. */
struct wire_hello {
	uint32_t magic;
	uint16_t version; /* newest the sender speaks */
	uint16_t oldest;  /* oldest the sender speaks */
	uint32_t role;	  /* enum wire_role of the sender */
	char build[WIRE_BUILD];
	char claim[WIRE_CLAIM]; /* client's origin, unproven */
};

struct wire_empty {
	uint32_t zero;
};

/* LIST, STATUS, FOLLOW. */
#define WIRE_LOOK_COUNTERS 0x1u /* worth a moment to measure the CPU */

struct wire_look {
	char guest[WIRE_NAME]; /* empty: all; STATUS names one */
	uint32_t flags;
	uint32_t zero;
};

struct wire_name {
	char guest[WIRE_NAME];
};

#define WIRE_POWER_CONFIRMED 0x1u /* destroy, reset: name was typed */
#define WIRE_POWER_FORCE     0x2u /* not obeyed in wait_s: pull the plug */

/*
 * A request with a token that the same customer has sent before is that one
 * again: the client cannot know whether the broker had it when it died.
 * Clients of version 2 send none.
 */
struct wire_power {
	char guest[WIRE_NAME];
	uint64_t boot; /* boot number seen; 0: none seen */
	uint32_t flags;
	uint32_t wait_s; /* shutdown, reboot: 0 = default */
	uint64_t token;	 /* random; 0: none */
};

struct wire_sysrq {
	char guest[WIRE_NAME];
	uint64_t boot; /* boot number seen; 0: none seen */
	uint32_t key;  /* a lower-case letter or a digit */
	uint32_t zero;
	uint64_t token; /* as in wire_power */
};

struct wire_ref {
	char ref[WIRE_REF];
};

#define WIRE_ATTACH_VIEW   0x1u	      /* never writes */
#define WIRE_ATTACH_LOG	   0x2u	      /* what is there, then end; stamps */
#define WIRE_ATTACH_FOLLOW 0x4u	      /* with LOG: and what comes */
#define WIRE_ATTACH_BOOT   0x8u	      /* FROM_TAIL: of this boot only */
#define WIRE_ATTACH_OPERATOR 0x10u    /* GRANT only: an operator watches */
#define WIRE_FROM_TAIL	   UINT64_MAX /* last screenful */

struct wire_attach {
	char guest[WIRE_NAME];
	uint64_t from; /* byte offset or WIRE_FROM_TAIL */
	uint32_t tail; /* bytes, with WIRE_FROM_TAIL */
	uint32_t flags;
	int64_t since_ms; /* LOG: not before this; wall clock, -1 */
};

enum wire_mode {
	WIRE_MODE_DEFAULT, /* as the operator's policy says */
	WIRE_MODE_LINE,
	WIRE_MODE_MENU
};

/* Keys that leave a console beside Ctrl-]. */
enum wire_escape {
	WIRE_ESCAPE_DEFAULT, /* Ctrl-Q three times within a second */
	WIRE_ESCAPE_NONE
};

/*
 * What the customer prefers.  PREFER sets mode, escape and zone and leaves
 * the rest empty; the broker finds tz, which needs no file to be opened.
 * back: whose console their connection was lost from, and how long ago.
 */
struct wire_prefs {
	uint32_t mode;	       /* enum wire_mode */
	uint32_t escape;       /* enum wire_escape */
	char zone[WIRE_ZONE];  /* "Europe/Berlin"; empty: the host's */
	char tz[WIRE_ZONE];    /* its TZ, as POSIX has it */
	char back[WIRE_NAME];  /* a guest, or empty */
	int64_t back_ms;       /* since then; -1: never */
	uint32_t policy_mode;  /* enum wire_mode that the policy asks for */
	uint32_t zero;
};

struct wire_ask_activity {
	char guest[WIRE_NAME]; /* empty: all that are theirs */
	uint32_t max;
	uint32_t zero;
};

struct wire_act {
	int64_t wall_ms; /* when it was decided */
	int64_t took_ms; /* until it was over; -1: it is not */
	char verb[WIRE_WORD];
	char guest[WIRE_NAME];
	char who[WIRE_NAME];   /* a customer, "operator", "system" */
	char claim[WIRE_CLAIM]; /* where they said to be; unproven */
	char ref[WIRE_REF];
	int32_t err; /* enum vpsh_err: how it ended */
	uint32_t zero;
};

struct wire_why {
	char verb[WIRE_WORD];
	char guest[WIRE_NAME]; /* may be empty */
};

struct wire_outcome {	    /* REFUSED, DONE, BYE */
	int32_t err;	    /* enum vpsh_err */
	char ref[WIRE_REF]; /* empty when no job was made */
	uint32_t zero;
	char text[WIRE_TEXT];
};

enum wire_state {
	WIRE_STATE_UNKNOWN,
	WIRE_STATE_OFF,
	WIRE_STATE_STARTING,
	WIRE_STATE_RUNNING,
	WIRE_STATE_PAUSED,
	WIRE_STATE_STOPPING,
	WIRE_STATE_CRASHED,
	WIRE_STATE_SAVED
};

/*
 * What a domain used, as the guest counts it: in is what it received.  All
 * since its boot, but for the months, which add up all boots of the calendar
 * month (UTC).
 */
struct wire_counters {
	int64_t at_ms;	 /* CLOCK_BOOTTIME of the sample, -1: none yet */
	uint64_t cpu_ns; /* of all vcpus */
	uint64_t disk_read;
	uint64_t disk_written; /* bytes */
	uint64_t net_in;
	uint64_t net_out;
	uint64_t month_in;
	uint64_t month_out;
};

struct wire_guest {
	char name[WIRE_NAME];
	uint32_t state;	    /* enum wire_state */
	uint32_t elsewhere; /* 1: managed elsewhere */
	uint64_t boot;	    /* boot number, 0: never booted */
	int64_t uptime_ms;  /* -1: off or not known */
	uint64_t memory_kib;
	struct wire_counters counters;
	int32_t cpu_permille; /* 1000: one vcpu is busy; -1: unknown */
	uint32_t vcpus;
	uint32_t rights;	  /* mask of enum right */
	uint32_t zero;
	char job_verb[WIRE_WORD]; /* of the job under way, or empty */
	char job_ref[WIRE_REF];
	char note[WIRE_TEXT]; /* why closed; may be empty */
};

struct wire_count {
	uint32_t count;
};

struct wire_job {
	char ref[WIRE_REF];
	uint32_t deadline_ms; /* from now */
	uint32_t zero;
};

struct wire_text {
	char text[WIRE_TEXT];
};

struct wire_attached {
	char guest[WIRE_NAME];
	uint64_t viewer;
	uint32_t may_write;
	uint32_t state; /* enum wire_state */
};

struct wire_because {
	uint32_t allowed;
	uint32_t zero;
	char text[WIRE_TEXT];
};

struct wire_who {
	char customer[WIRE_NAME];
	char host[WIRE_DOMAIN];
	char support[WIRE_CLAIM];
	uint32_t guests;
	uint32_t rights; /* account's rights */
};

struct wire_peer {
	uint32_t role; /* who is at the other end */
};

enum wire_door {
	WIRE_DOOR_CUSTOMERS = 1,
	WIRE_DOOR_OPERATORS
};

struct wire_listener {
	uint32_t door; /* enum wire_door */
};

enum wire_worker {
	WIRE_WORKER_RUN = 1, /* vpsh-domain run */
	WIRE_WORKER_ACCOUNTS, /* vpsh-broker accounts */
	WIRE_WORKER_STORE     /* vpsh-store */
};

struct wire_spawn {
	uint64_t job;	      /* unique within this broker */
	uint32_t worker;      /* enum wire_worker */
	uint32_t deadline_ms; /* killed after this */
};

struct wire_jobid {
	uint64_t job;
};

struct wire_gone {
	uint64_t job;
	int32_t status;	 /* as of waitpid(2); -1: not started */
	uint32_t killed; /* 1: its deadline passed */
};

struct wire_serial {
	uint32_t serial;
	uint32_t ok; /* SCANNED: 1 when Xen answered */
};

/* LEND; LENT says what became of it. */
struct wire_lend {
	char domain[WIRE_DOMAIN];
	uint8_t uuid[WIRE_UUID];
	uint32_t domid;
	int32_t err;	  /* LENT: enum vpsh_err */
	int64_t until_ms; /* CLOCK_BOOTTIME; back before when it was used */
};

/* Why a domain is shut down: xen/include/public/sched.h, SHUTDOWN_*. */
enum wire_reason {
	WIRE_REASON_NONE, /* not shut down */
	WIRE_REASON_POWEROFF,
	WIRE_REASON_REBOOT,
	WIRE_REASON_SUSPEND,
	WIRE_REASON_CRASH,
	WIRE_REASON_WATCHDOG,
	WIRE_REASON_SOFT_RESET,
	WIRE_REASON_DESTROYED /* DOMAIN_GONE only */
};

/* The host was booted since vpsh last looked after this guest. */
enum wire_autostart {
	WIRE_AUTOSTART_NONE, /* it was not */
	WIRE_AUTOSTART_OFF,  /* it was, and the guest was off before */
	WIRE_AUTOSTART_ON    /* and the guest was on */
};

struct wire_domain { /* DOMAIN_STATE, DOMAIN_GONE */
	char domain[WIRE_DOMAIN];
	uint8_t uuid[WIRE_UUID];
	uint32_t domid;
	uint32_t state;	 /* enum wire_state */
	uint32_t reason; /* enum wire_reason */
	uint32_t ours;	 /* mark and intent agree */
	uint64_t boot;
	int64_t since_ms; /* CLOCK_BOOTTIME of its start, -1 */
	uint64_t memory_kib;
	struct wire_counters counters;
	uint32_t vcpus;
	uint32_t autostart; /* GONE: enum wire_autostart */
	int64_t held_until_ms; /* wall clock; 0: until it is released */
	char held[WIRE_CLAIM]; /* the operator's reason; empty: it is not */
};

/*
 * A console stream is named by the guest's first owner and the guest.
 */
#define WIRE_PTY_DIED 0x1u /* PTY_DROP: with bytes that nobody has read */
#define WIRE_PTY_LENT 0x2u /* PTY_DROP: to another tool, for a while */
#define WIRE_PTY_UNREAD 0x4u /* PTY_DROP: it is not open here, and gone */
#define WIRE_PTY_OFF 0x10u /* RING: there is no such domain now */
#define WIRE_PTY_FORGET 0x8u /* PTY_DROP: and its log; names only */

struct wire_pty { /* PTY, PTY_DROP, PTY_LOST, READY; RING: names only */
	char customer[WIRE_NAME];
	char guest[WIRE_NAME];
	uint8_t uuid[WIRE_UUID];
	uint64_t boot;
	uint32_t domid;
	uint32_t flags; /* PTY_DROP, RING */
};

struct wire_grant {
	uint64_t viewer;
	char customer[WIRE_NAME]; /* of the stream */
	char guest[WIRE_NAME];
	char who[WIRE_NAME]; /* the viewing customer */
	uint64_t from;
	uint32_t tail;
	uint32_t may_write;
	uint32_t flags; /* WIRE_ATTACH_LOG, _FOLLOW, _BOOT */
	uint32_t zero;
	int64_t since_ms; /* as in wire_attach */
};

struct wire_viewer {
	uint64_t viewer;
};

struct wire_stream { /* DRAIN, DRAINED, MARK */
	char customer[WIRE_NAME];
	char guest[WIRE_NAME];
	char text[WIRE_TEXT]; /* MARK */
};

struct wire_output {		 /* OUTPUT; INPUT has offset 0 */
	uint64_t offset;	 /* of the first byte, in the stream */
	uint8_t data[WIRE_DATA]; /* 1..WIRE_DATA, as sent */
};

struct wire_missed {
	uint64_t bytes;
};

struct wire_stamp {
	uint64_t offset;
	int64_t wall_ms; /* since 1970, UTC */
};

struct wire_writer {
	uint32_t you; /* 1: your keys reach the guest */
	uint32_t zero;
	char who[WIRE_NAME]; /* who writes; empty: nobody */
};

enum wire_op {
	WIRE_OP_START = 1,
	WIRE_OP_SHUTDOWN,
	WIRE_OP_REBOOT,
	WIRE_OP_RESET,
	WIRE_OP_DESTROY,
	WIRE_OP_DEATH, /* what on_poweroff ... say */
	WIRE_OP_PAUSE,
	WIRE_OP_UNPAUSE,
	WIRE_OP_SYSRQ,
	WIRE_OP_RECOVER, /* see to what a worker that died has left */
	WIRE_OP_ADOPT,	 /* from here on the operator's, never a customer's */
	WIRE_OP_HOLD,
	WIRE_OP_RELEASE,
	WIRE_OP_FORGET_SAVED
};

#define WIRE_RUN_DRY 0x1u /* ADOPT: say what would be done */

struct wire_run {
	uint64_t job;
	uint32_t op; /* enum wire_op */
	uint32_t key; /* SYSRQ */
	char ref[WIRE_REF];
	char customer[WIRE_NAME];
	char guest[WIRE_NAME];
	uint8_t uuid[WIRE_UUID]; /* expected; all 0: any */
	uint64_t of;		 /* RECOVER: job of the dead worker */
	uint32_t of_op;		 /* RECOVER: enum wire_op of that job */
	uint32_t lock_s; /* wait for the guest's lock; then break it */
	uint32_t flags;	 /* WIRE_RUN_DRY */
	uint32_t zero;
	int64_t until_ms;	/* HOLD: wall clock; 0: for good */
	char text[WIRE_CLAIM]; /* HOLD: the reason */
};

struct wire_put {
	uint64_t job;
	char customer[WIRE_NAME];
	struct wire_prefs prefs;
};

enum wire_phase_kind {
	WIRE_PHASE_CREATED = 1, /* paused; waits for GO, 2 s */
	WIRE_PHASE_PAUSED,	/* to be destroyed; waits 3 s */
	WIRE_PHASE_REQUESTED	/* the guest was asked */
};

struct wire_phase {
	uint64_t job;
	uint32_t phase; /* enum wire_phase_kind */
	uint32_t domid;
	uint8_t uuid[WIRE_UUID];
};

struct wire_result {
	uint64_t job;
	int32_t err; /* enum vpsh_err */
	int32_t number;
	char text[WIRE_TEXT]; /* for the operator */
};

struct wire_account {
	char customer[WIRE_NAME];
	uint32_t uid;
	uint32_t known; /* 0: no such account */
};

/* One connection of a customer. */
struct wire_session {
	uint64_t number;
	char customer[WIRE_NAME];
	char claim[WIRE_CLAIM];
	char guest[WIRE_NAME];	   /* whose console it shows, or empty */
	char job_verb[WIRE_WORD];  /* that it waits for, or empty */
	char job_guest[WIRE_NAME]; /* the same */
	int64_t since_ms;	   /* wall clock of its connect */
	int64_t idle_ms;	   /* since its last request */
	uint32_t uid;
	uint32_t pid;
	uint32_t may_write;
	uint32_t zero;
};

/*
 * ADOPT, HOLD, RELEASE, FORGET_SAVED, LEND_GUEST; answered with DID*,
 * DID_END.  WATCH is answered with WATCHED, or as they are.
 */
struct wire_operate {
	char guest[WIRE_DOMAIN]; /* CUSTOMER/GUEST, or the domain; ADOPT: or
				    empty, for all */
	char text[WIRE_CLAIM];	 /* HOLD: the reason */
	int64_t until_ms;	 /* HOLD, LEND_GUEST: wall clock; 0: for good;
				    WATCH: the offset to go on from, or 0 */
	uint32_t flags;		 /* WIRE_RUN_DRY */
	uint32_t zero;
};

struct wire_did {
	char guest[WIRE_DOMAIN]; /* CUSTOMER/GUEST */
	int32_t err;		 /* enum vpsh_err */
	char ref[WIRE_REF];
	uint32_t zero;
	char text[WIRE_TEXT]; /* for the operator */
};

enum wire_audit {
	WIRE_AUDIT_FINE,
	WIRE_AUDIT_RESERVE, /* the log cannot be written, its reserve can */
	WIRE_AUDIT_LOST	    /* nothing can: power verbs are refused */
};

/* How the service is; all counts as of now unless they say otherwise. */
struct wire_health {
	int64_t broker_ms;  /* since it was started */
	int64_t watcher_ms; /* since it is there, -1: it is not */
	int64_t console_ms; /* the same */
	int64_t xen_ms;	    /* since Xen last answered, -1: never */
	uint64_t requests;  /* since the broker was started */
	uint64_t denied;
	uint64_t jobs_done;
	uint64_t jobs_failed;
	uint64_t audit_lost; /* records */
	uint32_t audit;	     /* enum wire_audit */
	uint32_t sessions;
	uint32_t viewers;
	uint32_t jobs; /* under way or waiting */
	uint32_t customers;
	uint32_t customers_closed; /* for a mistake in their policy */
	uint32_t guests;
	uint32_t guests_closed;
	uint32_t running;
	uint32_t elsewhere; /* running, managed elsewhere */
	uint32_t held;
	uint32_t looping; /* left off: they died too often */
	char note[WIRE_TEXT]; /* the first mistake in a policy, or empty */
};

/* A decoded frame: head and the member that the type says. */
struct wire_msg {
	struct wire_head head;
	union {
		struct wire_hello hello;
		struct wire_empty empty;
		struct wire_look look;
		struct wire_sysrq sysrq;
		struct wire_ref ref;
		struct wire_operate operate;
		struct wire_did did;
		struct wire_health health;
		struct wire_listener listener;
		struct wire_stamp stamp;
		struct wire_session session;
		struct wire_name name;
		struct wire_power power;
		struct wire_attach attach;
		struct wire_why why;
		struct wire_prefs prefs;
		struct wire_ask_activity ask_activity;
		struct wire_act act;
		struct wire_lend lend;
		struct wire_outcome outcome;
		struct wire_guest guest;
		struct wire_count count;
		struct wire_job job;
		struct wire_text text;
		struct wire_attached attached;
		struct wire_because because;
		struct wire_who who;
		struct wire_peer peer;
		struct wire_spawn spawn;
		struct wire_jobid jobid;
		struct wire_gone gone;
		struct wire_serial serial;
		struct wire_domain domain;
		struct wire_pty pty;
		struct wire_grant grant;
		struct wire_viewer viewer;
		struct wire_stream stream;
		struct wire_output output;
		struct wire_missed missed;
		struct wire_writer writer;
		struct wire_run run;
		struct wire_put put;
		struct wire_phase phase;
		struct wire_result result;
		struct wire_account account;
	} u;
};

/* Largest frame; a receive buffer of this size takes every one. */
#define WIRE_FRAME_MAX (sizeof(struct wire_head) + sizeof(struct wire_output))

/*
 * Check len bytes against the type's layout and copy them into msg, zero
 * filled behind.  way is the only way this socket may carry; HELLO is always
 * of it.  nfds must be what the type carries.  Returns the body's length,
 * or -1 with errno EPROTO: the peer is broken or hostile, drop it.
 */
ssize_t wire_decode(struct wire_msg *msg, enum wire_way way, const void *frame,
    size_t len, size_t nfds);

/*
 * fd_recv() and wire_decode() in one.  Returns the body's length (> 0), 0 at
 * end of file, -1 with errno (EAGAIN: nothing there; EPROTO: drop the peer).
 * Descriptors are the caller's; none is left open on failure.
 */
ssize_t wire_recv(int fd, struct wire_msg *msg, enum wire_way way, int fds[],
    size_t *nfds);

/*
 * Send one frame with a fixed-size body; body points to the struct that the
 * type says.  Descriptors stay the caller's.  Returns 0 or -1 with errno.
 */
int wire_send(int fd, uint32_t type, uint32_t id, const void *body,
    const int *fds, size_t nfds);

/* The same without descriptors, to a peer that speaks that version. */
int wire_send_version(int fd, unsigned version, uint32_t type, uint32_t id,
    const void *body);

/* Send OUTPUT or INPUT with len (1..WIRE_DATA) console bytes. */
int wire_send_data(int fd, uint32_t type, uint64_t offset, const void *data,
    size_t len);

/* Fill in a HELLO of this build; claim may be NULL. */
void
wire_hello(struct wire_hello *hello, enum wire_role role, const char *claim);

/*
 * The version to speak with that peer, or 0 when there is none.  Inner
 * channels need equal builds: wire_hello_same().
 */
unsigned wire_hello_version(const struct wire_hello *peer);
bool wire_hello_same(const struct wire_hello *peer);

/*
 * Inner channels at start-up: send our HELLO, wait up to 10 s for the
 * peer's, check its role and build.  Returns 0 or -1 with errno (EPROTO,
 * ETIMEDOUT).  fd may be non-blocking.
 */
int wire_hello_inner(int fd, enum wire_role self, enum wire_role peer);

#endif
