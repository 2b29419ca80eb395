/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_HOLDER_H
#define DOMAIN_HOLDER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/*
 * The process that holds the master sides of consoles: xenconsoled, or a
 * guest's QEMU.  It is pinned by a pidfd, so that a number that is given out
 * again is never taken for it.  Looking into its descriptors needs the same
 * user and capabilities, or CAP_SYS_PTRACE.
 */
struct holder {
	pid_t	pid;
	int	pidfd;		/* -1: there is none */
};

#define HOLDER_NONE	{ 0, -1 }

/*
 * Take hold of process pid if it is alive, belongs to us or to root, and
 * runs a program whose file name starts with exe.  Returns 0, or -1 with
 * errno and *holder empty.
 */
int	 holder_take(struct holder *holder, pid_t pid, const char *exe);

/* The same, with the number from a pid file that root or we wrote. */
int	 holder_take_file(struct holder *holder, const char *pidfile,
	    const char *exe);

/* Is it still alive?  When not, nothing it said counts any more. */
bool	 holder_alive(const struct holder *holder);

void	 holder_release(struct holder *holder);

/*
 * The numbers N of all /dev/pts/N whose master it holds, in *indexes (the
 * caller's to free) and ascending.  Returns 0 or -1 with errno.
 */
int	 holder_masters(const struct holder *holder, unsigned **indexes,
	    size_t *n);

bool	 holder_has_master(const struct holder *holder, unsigned index);

/* Does it have that very file open? */
struct stat;
bool	 holder_has_file(const struct holder *holder, const struct stat *st);

/* Does its command line contain these two arguments, one after the other? */
bool	 holder_has_arguments(const struct holder *holder, const char *first,
	    const char *second);

#endif
