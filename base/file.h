/* SPDX-License-Identifier: ISC */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/types.h>

#include <stddef.h>

/*
 * Files whose content decides something.  They are opened once and judged by
 * the open descriptor, so that nobody can swap them in between.
 */

/* Largest file that file_read_trusted() accepts, in bytes. */
#define FILE_MAX 65536

enum file_fault {
	FILE_OK,
	FILE_MISSING,
	FILE_UNREADABLE,	/* open or read failed: see errno */
	FILE_IRREGULAR,		/* link, FIFO, directory, device */
	FILE_FOREIGN,		/* not owned by root (or by our own euid) */
	FILE_WRITABLE,		/* others may write to it */
	FILE_TOO_BIG,
	FILE_HAS_NUL
};

/*
 * Read dir/name whole.  The file must be a regular file that belongs to root
 * or to our effective user, is not writable by group or others, has no NUL
 * byte and at most FILE_MAX bytes.  Never follows a link in the last
 * component and never blocks on a FIFO.  On FILE_OK *text is NUL-terminated
 * and the caller's to free; otherwise it is NULL.  dirfd may be AT_FDCWD.
 */
enum file_fault file_read_trusted(int dirfd, const char *name, char **text,
	    size_t *len);

/* A sentence fragment for a person: "is a symbolic link or a device". */
const char *file_fault_text(enum file_fault fault);

/*
 * Replace dir/name durably: temporary file in the same directory, fsync,
 * rename, fsync of the directory.  Returns 0 or -1 with errno.  Blocks: not
 * for event loops.
 */
int	 file_replace(const char *dir, const char *name, const void *data,
	    size_t len, mode_t mode);

/* The same without waiting for a disk: for what does not outlive a boot. */
int	 file_replace_quickly(const char *dir, const char *name,
	    const void *data, size_t len, mode_t mode);

#endif
