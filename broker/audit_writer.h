/* SPDX-License-Identifier: ISC */
#ifndef BROKER_AUDIT_WRITER_H
#define BROKER_AUDIT_WRITER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/audit_disk.h"

/*
 * A disk that hangs, hangs whoever writes to it, and no flag of write(2)
 * prevents that on every file system: ext4 refuses RWF_NOWAIT.  So a thread
 * writes, which does nothing else and shares nothing but this struct.  The
 * loop gives it one thing at a time and waits a moment for it; what takes
 * longer is late, and the loop goes on without it.
 */
#define AUDIT_LINE	10240	/* bytes at most in one */

struct audit_writer {
	struct audit_disk	*disk;
	pthread_mutex_t		 lock;
	pthread_cond_t		 changed;
	int			 event;	/* eventfd(2): a late one is done */
	bool			 started;
	bool			 given;	/* and not done */
	bool			 late;	/* nobody waits for it any more */
	bool			 slow;	/* the last one took long */
	size_t			 len;
	char			 text[AUDIT_LINE];
	enum wire_audit		 where;
	int			 why;	/* errno */
};

/*
 * Start the thread: before the sandbox forbids it, and after privilege is
 * dropped, of which it inherits what is left.  Returns 0 or -1 with errno.
 */
int	 audit_writer_start(struct audit_writer *writer,
	    struct audit_disk *disk);

/*
 * audit_disk_put() by the thread, which must have nothing to do.  False: it
 * is not done yet; when it is, event can be read, then audit_writer_done()
 * says how it went.
 */
bool	 audit_writer_put(struct audit_writer *writer, const char *text,
	    size_t len, enum wire_audit *where);
bool	 audit_writer_done(struct audit_writer *writer,
	    enum wire_audit *where);

#endif
