/* SPDX-License-Identifier: ISC */
#ifndef WIRE_TYPE_H
#define WIRE_TYPE_H

/* The numbers of the protocol: wire/wire.h says what they carry. */

/* The two ends of each socket; a frame type belongs to exactly one. */
enum wire_way {
	WIRE_ANY, /* HELLO */
	WIRE_CLIENT_BROKER,
	WIRE_BROKER_CLIENT,
	WIRE_SUPER_CHILD,
	WIRE_CHILD_SUPER,
	WIRE_BROKER_WATCH,
	WIRE_WATCH_BROKER,
	WIRE_WATCH_CONSOLE,
	WIRE_CONSOLE_WATCH,
	WIRE_BROKER_CONSOLE,
	WIRE_CONSOLE_BROKER,
	WIRE_VIEWER_CONSOLE,
	WIRE_CONSOLE_VIEWER,
	WIRE_BROKER_WORKER,
	WIRE_WORKER_BROKER,
	WIRE_OPERATOR_BROKER,
	WIRE_BROKER_OPERATOR
};

enum wire_type {
	WIRE_HELLO = 1,

	/* client -> broker: requests, answered with the same id */
	WIRE_LIST = 100,
	WIRE_STATUS,
	WIRE_START,
	WIRE_SHUTDOWN,
	WIRE_REBOOT,
	WIRE_RESET,
	WIRE_DESTROY,
	WIRE_CONSOLE,
	WIRE_LOG,
	WIRE_WHY,
	WIRE_WHOAMI,
	WIRE_PAUSE,
	WIRE_UNPAUSE,
	WIRE_SYSRQ,
	WIRE_FOLLOW,   /* GUESTs now, END, and a GUEST at each change */
	WIRE_UNFOLLOW, /* no answer */
	WIRE_FIND,     /* how did that job end, or will it? */
	WIRE_CANCEL,   /* end that job, if it only waits */
	WIRE_PREFS,    /* what the customer prefers, and where they were */
	WIRE_PREFER,   /* prefer that from now on */
	WIRE_ACTIVITY, /* what was done, newest first */
	WIRE_LEAVE,    /* that console, of one's own will; no answer */

	/* broker -> client */
	WIRE_REFUSED = 200,
	WIRE_GUEST,
	WIRE_END,
	WIRE_JOB,
	WIRE_NOTE,
	WIRE_DONE,
	WIRE_ATTACHED, /* carries the viewer's socket */
	WIRE_BECAUSE,
	WIRE_WHO,
	WIRE_BYE, /* id 0: the broker closes after this */
	WIRE_LEFT, /* FOLLOW: that guest is the customer's no more */
	WIRE_PREFS_ARE,
	WIRE_ACT, /* one of ACTIVITY; END follows the last */

	/* supervisor -> child */
	WIRE_PEER = 300, /* carries a socket to another child */
	WIRE_LISTENER,	 /* carries a listening socket */
	WIRE_WORKER_GONE,
	WIRE_PING,

	/* child -> supervisor; SPAWN and KILL from the broker only */
	WIRE_SPAWN = 320, /* carries the worker's end of its socket */
	WIRE_KILL,
	WIRE_PONG,

	/* broker -> watcher, watcher -> broker */
	WIRE_SCAN = 400,
	WIRE_AUTOSTARTED, /* its jobs are on record: do not ask again */
	WIRE_LEND,	  /* give that console up for another tool */
	WIRE_DOMAIN_STATE = 420,
	WIRE_DOMAIN_GONE,
	WIRE_SCANNED,
	WIRE_LENT,

	/* watcher -> console server, and back */
	WIRE_PTY = 500, /* carries pty, lock, ring */
	WIRE_PTY_DROP,
	WIRE_RING, /* carries the ring of a guest that is off */
	WIRE_PTY_LOST = 520,

	/* broker -> console server, and back */
	WIRE_GRANT = 600, /* carries the console's end of a viewer */
	WIRE_REVOKE,
	WIRE_DRAIN,
	WIRE_MARK,
	WIRE_VIEWER_GONE = 620,
	WIRE_READY,
	WIRE_DRAINED,

	/* viewer -> console server, and back */
	WIRE_INPUT = 700,
	WIRE_TAKE,
	WIRE_HERE, /* who watches? answered with EVENT */
	WIRE_OUTPUT = 720,
	WIRE_MISSED,
	WIRE_EVENT,
	WIRE_WRITER,
	WIRE_VIEW_END,
	WIRE_STAMP, /* LOG: when the byte at that offset came */

	/* broker -> worker, and back */
	WIRE_RUN = 800,
	WIRE_GO,
	WIRE_PUT, /* to vpsh-store, once; answered with RESULT */
	WIRE_PHASE = 820,
	WIRE_RESULT,
	WIRE_ACCOUNT,
	WIRE_ACCOUNTS_END,

	/* operator -> broker, and back: /run/vpsh/operator.sock */
	WIRE_SESSIONS = 900,
	WIRE_ADOPT,
	WIRE_HOLD,
	WIRE_RELEASE,
	WIRE_FORGET_SAVED,
	WIRE_HEALTH,
	WIRE_WATCH,	 /* see a guest's console */
	WIRE_LEND_GUEST, /* give its console up until then */
	WIRE_SESSION = 920,
	WIRE_SESSIONS_END,
	WIRE_DID, /* of one guest */
	WIRE_DID_END,
	WIRE_HEALTH_IS,
	WIRE_WATCHED /* carries the viewer's socket */
};

enum wire_role {
	WIRE_ROLE_CLIENT = 1,
	WIRE_ROLE_BROKER,
	WIRE_ROLE_SUPERVISOR,
	WIRE_ROLE_CONSOLE,
	WIRE_ROLE_WATCH,
	WIRE_ROLE_WORKER,
	WIRE_ROLE_OPERATOR
};

#endif
