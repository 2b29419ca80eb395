/* SPDX-License-Identifier: ISC */
#ifndef BASE_ALIVE_H
#define BASE_ALIVE_H

#include <sys/types.h>

/*
 * Who is alive?  A process holds byte n of an open file as long as it lives;
 * whoever has the file open can ask who that is.  (fcntl(2), F_SETLK: gone
 * as soon as the process closes any descriptor of that file.)
 */

/* Returns 0, or -1 with errno. */
int	 alive_hold(int fd, off_t n);

/* The process that holds it, or 0. */
pid_t	 alive_who(int fd, off_t n);

/* Kill the process if it is still the one that holds it. */
void	 alive_end(int fd, off_t n, pid_t pid);

#endif
