/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_RUN_H
#define DOMAIN_RUN_H

/*
 * A worker: one request from the broker on fd, one result.  Returns the
 * exit status.
 */
int	 run_main(int fd, const char *prefix);

#endif
