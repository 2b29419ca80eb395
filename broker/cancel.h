/* SPDX-License-Identifier: ISC */
#ifndef BROKER_CANCEL_H
#define BROKER_CANCEL_H

struct request;

/*
 * Handler of CANCEL: a job that waits for its turn, or holds nothing and only
 * waits for its guest, ends here.  What has a worker is let be: nobody knows
 * what that has done already.
 */
int	 cancel_request(struct request *r);

#endif
