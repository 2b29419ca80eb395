/* SPDX-License-Identifier: ISC */
#ifndef SIM_RING_H
#define SIM_RING_H

/*
 * What the processes of a simulated host say to simxen, the stand-in for the
 * hypervisor.  A host lives in one folder, its world W; everything connects
 * to W/sim/xen.sock (SOCK_SEQPACKET), sends one struct sim_request and gets
 * one struct sim_reply, in turn.
 *
 * xenconsoled -p W
 *	Watches @introduceDomain and @releaseDomain, SIM_LISTs, and connects
 *	(SIM_CONNECT) to each domain whose console/ring-ref and console/port
 *	are there and whose console/type is absent or "xenconsoled".  Writes
 *	its pid to W/run/xenconsoled.pid and /local/domain/N/console/tty.
 *	A ring at its end (read gives 0) belongs to a guest that has ended and
 *	not been destroyed: its tty stays.  A domain that is dying or not
 *	listed any more loses its tty, with whatever is unread in it.
 *
 * simguest -p W -d DOMID -u UUID WORD...
 *	Standard input and output are the front end of its ring, standard
 *	error is simxen's log.  The words are those of the guest's kernel
 *	command line.  Speaks to xenstored as Linux does: control/shutdown,
 *	control/sysrq, control/feature-*.  Its exit status says why it ended:
 *	enum sim_exit; a signal counts as SIM_CRASH.  It is started when its
 *	domain is first unpaused, stopped (SIGSTOP) while it is paused, and
 *	killed when it is destroyed.
 *
 * All of them have XENSTORED_PATH in their environment, for xs_open().
 */

#include <stdint.h>

#define SIM_SOCKET	"/sim/xen.sock"		/* below W */
#define SIM_DOMAINS_MAX	2048
#define SIM_TEXT	4096

enum sim_exit {
	SIM_POWEROFF	= 0,
	SIM_REBOOT	= 10,
	SIM_CRASH	= 11,
	SIM_WATCHDOG	= 12,
	SIM_SOFT_RESET	= 13,
	SIM_SUSPEND	= 14,
};

enum sim_op {
	SIM_LIST = 1,		/* reply.count struct sim_domain follow:
				 * domid and later ones, 0 included; value:
				 * so many at most, if not 0 */
	SIM_CONNECT,		/* domid; its ring's back end comes along */
	SIM_MOVED,		/* domid, value = enum sim_counter, number */
	SIM_SUBSCRIBE,		/* no more requests: a byte for each change */
	SIM_CREATE,		/* uuid, value = flags; reply.value: domid */
	SIM_MEMORY,		/* domid, number = KiB it may have */
	SIM_POPULATE,		/* domid, number = KiB that it gets now */
	SIM_WORDS,		/* domid, text = its command line */
	SIM_VCPUS,		/* domid, value */
	SIM_PAUSE,		/* domid; a counter */
	SIM_UNPAUSE,
	SIM_DESTROY,
	SIM_HOST,		/* reply.number: free KiB, .total: KiB */
	SIM_TWINS,		/* value = 1: names are checked too early,
				 * 0: not; 2: reply.value says which */
	SIM_ZOMBIES,		/* value = 1: one that is destroyed is dying
				 * while anybody has its ring; 0: not */
};

/* What a guest did through its devices, in bytes, since it last said so. */
enum sim_counter {
	SIM_NET_OUT,		/* of vifDOMID.0, as the guest sees it */
	SIM_NET_IN,
	SIM_DISK_READ,		/* of its first disk */
	SIM_DISK_WRITTEN,
};

struct sim_request {
	uint32_t	op;
	uint32_t	domid;
	uint64_t	number;
	uint32_t	value;
	uint8_t		uuid[16];
	char		text[SIM_TEXT];
};

struct sim_reply {
	int32_t		error;		/* errno, 0 when done */
	uint32_t	count;
	uint32_t	value;
	uint64_t	number;
	uint64_t	total;
};

struct sim_domain {
	uint32_t	domid;
	uint8_t		uuid[16];
	uint8_t		paused;		/* how often */
	uint8_t		shutdown;
	uint8_t		dying;
	uint8_t		reason;		/* enum sim_exit, once shut down */
	uint32_t	vcpus;
	uint32_t	flags;		/* as it was created with */
	uint64_t	memory_kib;	/* what it has */
	uint64_t	max_kib;
	uint64_t	cpu_ns;
};

/* Of each program and of libsimxen.so alone: others have a ring, too. */
#pragma GCC visibility push(hidden)

/* A connection to simxen, or -1 with errno. */
int	 ring_open(const char *world);

/*
 * One request and its answer; 0, or -1 with errno, also for what simxen
 * refuses.  With all, SIM_DOMAINS_MAX of them, the list; with fd, what came
 * along, or -1.
 */
int	 ring_ask(int ring, const struct sim_request *request,
	    struct sim_reply *reply, struct sim_domain *all, int *fd);

#pragma GCC visibility pop

#endif
