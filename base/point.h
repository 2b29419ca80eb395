/* SPDX-License-Identifier: ISC */
#ifndef BASE_POINT_H
#define BASE_POINT_H

/*
 * Named places where tests stop a process to pull a plug.  In a build with
 * VPSH_TEST_POINTS a process that comes to point NAME while there is a file
 * RUN/points/NAME renames it to NAME.PID, so that it stops once and the test
 * knows who, and stops itself with SIGSTOP.  In every other build nothing of
 * this is there.
 */
#ifdef VPSH_TEST_POINTS
/* prefix is that of -p, or NULL. */
void	 point_open(const char *prefix);
void	 point(const char *name);
#else
#define point_open(prefix)	((void)(prefix))
#define point(name)		((void)0)
#endif

#endif
