/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_RECORD_H
#define DOMAIN_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

/*
 * What has to be remembered about a domain beyond its life: small root-owned
 * files of "key value" lines, one per domain name, replaced durably.
 */

#define RECORD_HOST	40	/* a boot id of the host */
#define RECORD_MARK	48	/* "JOB.REF" */

/* BOOTS/DOMAIN: written by the watcher alone. */
struct boot {
	uint64_t	number;		/* counts up for ever */
	uint32_t	domid;
	uint8_t		uuid[WIRE_UUID];
	char		host[RECORD_HOST];
	int64_t		since_ms;	/* CLOCK_BOOTTIME of its start, -1 */
	/* It left by suspending, to a file or another host. */
	bool		away;
	/* Nobody switched it off: for the next boot of the host. */
	bool		on;
};

enum intent_mode {
	INTENT_CREATING,	/* not yet unpaused: half made */
	INTENT_NORMAL,
	/* It shut down, is taken away and is to be booted again. */
	INTENT_RESTARTING
};

/* INTENTS/DOMAIN: written by workers, under the guest's lock. */
struct intent {
	char		 mark[RECORD_MARK];	/* also in xenstore */
	char		 host[RECORD_HOST];
	uint8_t		 uuid[WIRE_UUID];
	uint32_t	 domid;		/* 0 while it is being created */
	enum intent_mode mode;
};

/* This boot of the host, as the kernel calls it; "" when it cannot say. */
void	 record_host(char dst[RECORD_HOST]);

/* Returns 0; -1 when there is none or it is unusable (which is logged). */
int	 boot_load(const char *dir, const char *domain, struct boot *boot);
int	 intent_load(const char *dir, const char *domain,
	    struct intent *intent);

/* Return 0 or -1 with errno.  They wait for the disk. */
int	 boot_save(const char *dir, const char *domain,
	    const struct boot *boot);
int	 intent_save(const char *dir, const char *domain,
	    const struct intent *intent);
int	 intent_remove(const char *dir, const char *domain);

/*
 * Does that intent speak of this domain, in this boot of the host?  A mark
 * survives `xl save` and `xl restore`; the domain that comes back is xl's,
 * and has another domid.
 */
bool	 intent_agrees(const struct intent *intent, const char *mark,
	    const uint8_t uuid[WIRE_UUID], uint32_t domid);

/*
 * The uuid for a domain whose xl.cfg names none: made once and remembered
 * in DIR/DOMAIN.  Returns 0 or -1 with errno.
 */
int	 record_own_uuid(const char *dir, const char *domain,
	    uint8_t uuid[WIRE_UUID]);

/*
 * The file of a domain, NULL when there is none or it is not to be trusted
 * (which is logged); the caller frees it.  Saving waits for the disk; -1 with
 * errno.
 */
char	*record_load(const char *dir, const char *domain);
int	 record_save(const char *dir, const char *domain, const char *text);
int	 record_remove(const char *dir, const char *domain);

/*
 * Remove what a process that died has left of a file it was writing: of that
 * domain, which nobody else may be writing about now; or of NULL, any, where
 * that process is seen to be gone.
 */
void	 record_sweep(const char *dir, const char *domain);

/* The value of "key value\n"; -1 when it is missing or not of that kind. */
#define RECORD_VALUE	64
int	 record_field(const char *text, const char *key,
	    char value[RECORD_VALUE]);
int	 record_text(const char *text, const char *key, char *value,
	    size_t size);
int	 record_number(const char *text, const char *key, long long min,
	    long long max, long long *number);
int	 record_uuid(const char *text, uint8_t uuid[WIRE_UUID]);

#define UUID_TEXT	37
void	 record_uuid_text(const uint8_t uuid[WIRE_UUID], char dst[UUID_TEXT]);
int	 record_uuid_parse(const char *s, uint8_t uuid[WIRE_UUID]);
bool	 record_uuid_is_zero(const uint8_t uuid[WIRE_UUID]);

#endif
