/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_PATHS_H
#define DOMAIN_PATHS_H

/*
 * Where this process looks, with the prefix of -p in front of everything
 * under /etc, /var and /run, and of what else a host may bring along.
 */

#define PATHS_LEN	256

struct paths {
	char	prefix[PATHS_LEN];	/* empty on a real host */
	char	etc[PATHS_LEN];		/* /etc/vpsh */
	char	var[PATHS_LEN];		/* /var/lib/vpsh */
	char	boots[PATHS_LEN];	/* boot numbers, one file per domain */
	char	intents[PATHS_LEN];
	char	traffic[PATHS_LEN];	/* months, one file per domain */
	char	uuids[PATHS_LEN];	/* of domains whose xl.cfg has none */
	char	holds[PATHS_LEN];	/* guests that may not be booted */
	char	forgotten[PATHS_LEN];	/* saved images that do not count */
	char	kept[PATHS_LEN];	/* last good policy: policy_keep() */
	char	ring[PATHS_LEN];
	char	locks[PATHS_LEN];	/* one per guest, held by workers */
	char	results[PATHS_LEN];	/* how a guest's last job went */
	char	torn[PATHS_LEN];	/* domains that are being taken down */
	char	asked[PATHS_LEN];	/* what operators ask for */
	char	lent[PATHS_LEN];	/* consoles that they have */
	char	console_locks[PATHS_LEN];	/* xenconsole's and xl's */
	char	xl[PATHS_LEN];		/* Debian's wrapper */
	char	xl_conf[PATHS_LEN];
	char	sys[PATHS_LEN];		/* /sys */
	char	saves[PATHS_LEN];	/* where xendomains saves guests */
	char	dumps[PATHS_LEN];	/* where xl leaves cores of guests */
	char	xl_logs[PATHS_LEN];	/* what xl's monitoring processes say */
	char	console_pid[PATHS_LEN];	/* xenconsoled's pid file ... */
	char	console_pid2[PATHS_LEN]; /* ... or where else it may be */
};

/* Returns 0, or -1 when the prefix is too long. */
int	 paths_init(struct paths *paths, const char *prefix);

#endif
