/* SPDX-License-Identifier: ISC */
#ifndef BROKER_AUDIT_DISK_H
#define BROKER_AUDIT_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

/*
 * The audit log and its reserve, as files.  What the log cannot take goes to
 * the reserve, whose blocks were all allocated at start-up, and from there
 * into the log, in its order, before anything else is written to it.  The
 * reserve is text and ends at its first NUL.
 *
 * All but opening may block as long as the disk likes: see audit_writer.h.
 * Nothing here says anything to the operator's log.
 */
#define AUDIT_RESERVE_BYTES	(256 * 1024)

struct audit_disk {
	int	log;		/* -1: there was no room to make one */
	int	no_log;		/* errno of that */
	int	reserve;	/* -1: there is none */
	size_t	size;		/* bytes that the reserve can hold */
	size_t	used;
	size_t	copied;		/* of those used: in the log already */
	size_t	dirty;		/* so many may be other than NUL */
	bool	log_torn;	/* its last line was cut off */
	bool	torn;		/* the reserve's was */
};

/*
 * Open both in that folder, making them if need be; what a predecessor left
 * in the reserve is found.  Returns 0, or -1 with errno when what is there is
 * no log.  A disk that is full or read-only is no reason to leave customers
 * without a list.  Without a reserve (size is 0) errno says why.
 */
int	 audit_disk_open(struct audit_disk *disk, const char *dir);

/*
 * Write whole lines, or nothing but what is in the reserve (len 0).  Says
 * where it is now; errno says why it is not in the log.  What is nowhere has
 * to be given again before anything else is.
 */
enum wire_audit audit_disk_put(struct audit_disk *disk, const char *text,
		    size_t len);

/* Grows by what is kept, wherever that is. -1 with errno. */
int64_t	 audit_disk_mark(const struct audit_disk *disk);

#endif
