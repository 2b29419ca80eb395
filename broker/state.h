/* SPDX-License-Identifier: ISC */
#ifndef BROKER_STATE_H
#define BROKER_STATE_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"
#include "wire/wire.h"

struct broker;
struct job;

/* Each class has its own allowance, so that none uses up another's. */
enum rate_class {
	RATE_START,
	RATE_SHUTDOWN,
	RATE_REBOOT,
	RATE_RESET,
	RATE_DESTROY,
	RATE_PAUSE,
	RATE_UNPAUSE,
	RATE_SYSRQ,
	RATE_CONSOLE,
	RATE_CLASSES
};

struct rate {
	int64_t	since_ms;
	int	count;
};

#define STATE_RESTARTS	5

/* How busy its vcpus were between the last two samples. */
struct cpu {
	uint64_t boot;
	uint32_t domid;
	int32_t	 permille;	/* of one vcpu; -1: not known */
	int64_t	 at_ms;		/* of the newer one, clock_boot_ms(); 0: none */
	uint64_t ns;
};

/* A Xen domain that some guest of the policy is: what we know of it. */
struct domain {
	TAILQ_ENTRY(domain)	 link;		/* domains.list */
	char			 name[WIRE_DOMAIN];
	struct wire_domain	 now;		/* the watcher's last word */
	unsigned		 watcher;	/* which watcher said it */
	bool			 present;
	enum wire_autostart	 autostart;	/* said, and not seen to yet */
	bool			 suspended;	/* it was saved last */
	struct job		*holder;	/* runs or queues, holds it */
	struct job		*next;		/* a destroy that waits */
	struct job		*watch;		/* waits for the guest */
	int			 slot;		/* of the journal; -1: none */
	char			 last[WIRE_TEXT]; /* how the last job failed */
	int64_t			 last_ms;
	/* The newest console: one may be ready before its job says so. */
	uint8_t			 ready_uuid[WIRE_UUID];
	uint32_t		 ready_domid;
	/* When a death of its own accord had it booted again. */
	bool			 died;
	bool			 poweroff;	/* of that kind */
	bool			 reboots;	/* after a poweroff, too */
	uint32_t		 buried;	/* domid: its end was seen to */
	int64_t			 unburied_ms;	/* when that failed; 0: never */
	int64_t			 restarts_ms[STATE_RESTARTS];
	bool			 looping;	/* was not booted again */
	bool			 changed;	/* followers have to hear */
	bool			 counted;	/* of them who count do */
	struct cpu		 cpu;
	struct rate		 rates[RATE_CLASSES];
};

struct domains {
	TAILQ_HEAD(, domain)	 list;
	unsigned		 watcher;	/* counts watchers */
	unsigned		 autostarted;	/* the last of them served */
	uint32_t		 asked;		/* serial of the newest scan */
	uint32_t		 answered;
	bool			 known;		/* Xen answered this watcher */
	bool			 missed;	/* none came within 2 s */
};

void	 state_init(struct broker *b);

/* The record of that domain, made when needed.  NULL: no memory. */
struct domain *state_of(struct broker *b, const char *domain);

/* Forget what no policy claims any more. */
void	 state_prune(struct broker *b);

/* What a customer sees: enum wire_state with our own jobs counted in. */
enum wire_state state_shown(const struct broker *b, const struct domain *d);

/* How busy it is; -1 when nobody has looked within the last 10 s. */
int32_t	 state_cpu(const struct domain *d);

/*
 * The operator wants it left alone: why, and until when if that is known,
 * in text; or false.
 */
bool	 state_held(const struct domain *d, char *text, size_t size);

/*
 * Have the watcher look.  Returns the serial to wait for: a scan under way
 * may have passed the domain in question already, so only one that begins
 * later says how it is now.
 */
uint32_t state_scan(struct broker *b);

/*
 * May one more be done now?  Counts it and returns 0, or the seconds until
 * it may.
 */
int	 state_rate(struct rate *rate, int per_minute);
/* The same of something that is done to a domain. */
int	 state_domain_rate(struct broker *b, struct domain *d,
	    enum rate_class class, int per_minute);

/* Will it be booted again after this death?  No: it dies too often. */
bool	 state_restart_allowed(const struct domain *d);
/* Somebody boots it who knows: from here on deaths count anew. */
void	 state_restart_reset(struct broker *b, struct domain *d);

void	 state_watcher_new(struct broker *b);
void	 state_watcher_lost(struct broker *b);
void	 state_domain(struct broker *b, const struct wire_domain *now);
void	 state_gone(struct broker *b, const struct wire_domain *last);
void	 state_scanned(struct broker *b, const struct wire_serial *scan);

#endif
