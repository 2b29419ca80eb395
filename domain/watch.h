/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_WATCH_H
#define DOMAIN_WATCH_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "domain/counters.h"
#include "domain/holder.h"
#include "domain/lend.h"
#include "domain/link.h"
#include "domain/paths.h"
#include "domain/record.h"
#include "domain/traffic.h"
#include "domain/xen.h"
#include "policy/policy.h"
#include "wire/wire.h"

/*
 * The watcher: what there is of domains, told to the broker; and the ttys of
 * their consoles, proven and handed to the console server.
 */

/* A tty of a domain that xenstore names; console.c. */
struct console {
	char	pv[64];		/* what console/tty says, "" for nothing */
	char	serial[64];	/* what serial/0/tty says */
	bool	is_serial;	/* which of them is open */
	char	path[64];	/* of the open one */
	int	pty;		/* -1: not open; all three or none */
	int	lock;
	int	ring;
	bool	lost;		/* hung up: wait for a word or a second */
	bool	heard;		/* the watch on console/tty said its first */
	bool	named;		/* console/tty was not empty once */
	char	why[96];	/* why it is not open, logged once */
	enum lend_state lend;
	bool	lend_taken;	/* the other tool has come */
	int64_t	lend_until;	/* clock_boot_ms(); 0: no end by itself */
};

struct dom {
	TAILQ_ENTRY(dom) entry;		/* watch::doms */
	bool		 seen;		/* in the scan that is going on */
	bool		 dying;		/* Xen takes it down */
	unsigned	 dying_scans;	/* that found it so */
	char		 name[WIRE_DOMAIN];	/* "": none yet */
	bool		 claimed;	/* a policy has it */
	bool		 closed;	/* but nobody may use it */
	char		 customer[WIRE_NAME];	/* name of its stream */
	char		 guest[WIRE_NAME];
	bool		 creating;	/* its intent says half made */
	bool		 returns;	/* it was saved and is not back yet */
	struct boot	 boot;
	struct wire_domain now;
	struct wire_domain sent;	/* what the broker knows */
	bool		 changed;	/* and what is news to it */
	bool		 sample;	/* its counters are wanted */
	uint64_t	 cpu_ns;
	struct counters	 counters;
	struct traffic	 traffic;
	/*
	 * The generation of xenconsoled under which the domain was born or
	 * settled; its console/tty counts while that daemon lives.
	 */
	unsigned	 generation;
	struct console	 console;
};

struct settled;

/* What keeps guests from being booted; held.c. */
struct held {
	int		 inotify;
	struct event	*changed;
	struct event	*expiry;	/* of the hold that ends first */
	int64_t		 expires_ms;	/* wall clock; 0: none does */
};

struct watch {
	struct paths	 paths;
	struct event_base *base;
	int		 super;		/* the supervisor */
	struct xen	 xen;
	struct xs_handle *store;
	struct policy	*policy;
	struct link	 broker;
	struct link	 console;
	TAILQ_HEAD(, dom) doms;
	TAILQ_HEAD(, unsaved) unsaved;	/* boots */
	bool		 first_scan;	/* nothing is known yet */
	bool		 failed;	/* xenstored is gone: end */
	struct event	*scan_soon;
	struct event	*tick;		/* once a second, while it is needed */
	struct event	*heartbeat;
	bool		 swept;		/* for the second time */
	struct event	*sample;	/* counters, for the months */
	struct event	*save;		/* traffic, one file at a time */
	char		 month[TRAFFIC_MONTH];
	struct event	*super_event;
	struct event	*store_event;
	struct event	*store_end;	/* it died */
	struct holder	 daemon;	/* xenconsoled */
	struct event	*daemon_event;	/* its end */
	bool		 no_daemon;	/* said so already */
	struct event	*daemon_file;	/* its pid files */
	bool		 no_sys;		/* said so already */
	unsigned	 generation;	/* 0: no daemon */
	unsigned	 generations;	/* counts them */
	struct settled	*settled;	/* what the last look at all said */
	unsigned	 unsettled;	/* how often it did not fit together */
	int		 inotify;
	struct event	*inotify_event;
	struct event	*reload_soon;
	struct held	 held;
	struct event	*lend_look;	/* while a console is lent */
	struct event	*lend_locks;	/* xenconsole's folder of them */
	char		 host[RECORD_HOST];	/* this boot of the host */
	bool		 due;		/* we have not served it yet */
};

/* Opens everything that needs privilege; fatal() when it cannot. */
void	 watch_open(struct watch *watch, int super, const char *prefix);

/* Until the supervisor is gone.  Returns the exit status. */
int	 watch_loop(struct watch *watch);

/* All that xenstore has to say by now. */
void	 watch_drain(struct watch *watch);

/* Look again in a second. */
void	 watch_tick(struct watch *watch);
/* The same soon: that it is gone at last may be no event of Xen's. */
void	 watch_dying(struct watch *watch, unsigned scans);

/* domains.c: what there is, told to the broker. */
int	 domains_scan(struct watch *watch, bool counters);
void	 domains_tell_all(struct watch *watch);
/* Something about this guest, which may have no domain, has changed. */
void	 domains_tell_one(struct watch *watch, const char *name);
/* Its domain, if a guest has it and it is there; or NULL. */
struct dom *domains_of(struct watch *watch, const char *name);
void	 domains_save_boot(struct watch *watch, const char *name,
	    const struct boot *boot);
/* Those for which there was no room then. */
void	 domains_save_again(struct watch *watch);
void	 domains_renamed(struct watch *watch, uint32_t domid);
/* After a policy was loaded: who claims what? */
void	 domains_claim_all(struct watch *watch);

/* host.c: which guests were on when the host went down. */
void	 host_open(struct watch *watch);
/* After the first scan: who went off while nobody looked? */
void	 host_look_back(struct watch *watch);
/* Is it on?  Sets that in dom->boot and returns whether it is news. */
bool	 host_note(struct watch *watch, struct dom *dom, bool paused);
/*
 * The same of a domain that is gone, or bears another name now.  True: to be
 * saved, domains_save_boot().
 */
bool	 host_gone(struct watch *watch, struct dom *dom);
/* What the broker has to hear; of a guest without a domain. */
enum wire_autostart host_autostart(struct watch *watch, const char *name,
	    const struct boot *boot);
/* What was to be started is on record. */
void	 host_started(struct watch *watch);

/* held.c: what keeps guests from being booted. */
void	 held_open(struct watch *watch);
/* Fills in the hold. */
void	 held_fill(struct watch *watch, const char *name,
	    struct wire_domain *said);
/* Is there an image of a saved one that counts? */
bool	 held_is_saved(struct watch *watch, const char *name);

/* sample.c: counters and months. */
void	 sample_open(struct watch *watch);
/* The domain is a guest from now on, or no more. */
void	 sample_begin(struct watch *watch, struct dom *dom);
void	 sample_end(struct watch *watch, struct dom *dom);
/*
 * Read the counters of every guest whose sample is wanted, and clear that;
 * at_ms is the clock when Xen was asked for the CPU's.
 */
void	 sample_read(struct watch *watch, int64_t at_ms);
/* The months of a guest without a domain. */
void	 sample_absent(struct watch *watch, struct wire_domain *absent);
/* A last sample, and what is not yet on the disk, within reason. */
void	 sample_close(struct watch *watch);

/* console.c: ttys. */
void	 console_init(struct console *console);
void	 console_watch(struct watch *watch, struct dom *dom);
void	 console_unwatch(struct watch *watch, struct dom *dom);
/* One of its nodes changed; read them. */
void	 console_written(struct watch *watch, struct dom *dom);
/* The same as xenstore has it: the node's path. */
void	 console_event(struct watch *watch, struct dom *dom,
	    const char *path);
/* Open, keep or drop what has to be; cheap when there is nothing to do. */
void	 console_check(struct watch *watch, struct dom *dom);
/* Once a second, while there is anything to wait for. */
void	 console_check_all(struct watch *watch);
void	 console_drop(struct watch *watch, struct dom *dom, const char *why);
/* The domain is gone; what is not open may have said something. */
void	 console_ended(struct watch *watch, struct dom *dom, const char *why);
/* The same, of xenconsoled's end, which may have had bytes of it. */
void	 console_died(struct watch *watch, struct dom *dom);
void	 console_lost(struct watch *watch, const struct wire_pty *pty);
void	 console_tell_all(struct watch *watch);
/* After a policy was loaded: the logs of who is no customer any more. */
void	 console_forget(struct watch *watch);
/* Close pty, lock and ring; the console server is told by others. */
void	 console_let_go(struct watch *watch, struct dom *dom);
/* It is to close the pty for another tool, and say PTY_LOST. */
void	 console_tell_lent(struct watch *watch, const struct dom *dom);
/* Locks of domains that went when nobody looked. */
void	 console_sweep(struct watch *watch);

/* settle.c: which nodes belong to the daemon that serves now. */
void	 settle_open(struct watch *watch);
void	 settle_check(struct watch *watch);

/* reload.c: the policy and its files. */
void	 reload_open(struct watch *watch);

#endif
