/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_LOCK_H
#define DOMAIN_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * xenconsole's own lock, DIR/xenconsole.DOMID: whoever holds it reads that
 * console, so `xl console` refuses to split the bytes with us.  The protocol
 * is xenconsole's: flock(2), then check that the file is still the one of
 * that name; the holder removes the name before it lets go.
 *
 * The folder is world-writable and sticky: a file of another user is
 * removed.  A file that says it is ours may still be held by the console
 * server, which got copies from an earlier watcher: it is replaced.
 *
 * Returns 0 with *fd the caller's, or -1 with errno; EWOULDBLOCK when
 * somebody, an administrator with `xl console`, is at that console.
 */
int	 lock_console(const char *dir, uint32_t domid, int *fd);

/* Let go, and remove the name if it is still ours. */
void	 lock_console_release(const char *dir, uint32_t domid, int *fd);

/* Is somebody at that console?  One who begins this very moment may fail. */
bool	 lock_console_is_held(const char *dir, uint32_t domid);

/*
 * That domain is no more: remove what says that it is ours, even if copies
 * of it are held, and an empty one that nobody holds: we were killed.
 */
void	 lock_console_sweep(const char *dir, uint32_t domid);

/*
 * The lock of a guest: one worker at a time changes its domain.  Whoever
 * has it writes its process id into the file.  Waits up to wait_s seconds,
 * by alarm(2).  With insist, a worker that holds it longer is killed, with
 * its process group: one whose number is in the file, which runs
 * vpsh-domain and has that very file open.  Anybody else is left alone.
 *
 * Returns a descriptor or -1 with errno; EINTR when the time is over.
 */
int	 lock_guest(const char *dir, const char *domain, unsigned wait_s,
	    bool insist);

/* Let go; the file stays, for who waits has it open. */
void	 lock_guest_release(int *fd);

#endif
