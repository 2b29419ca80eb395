/* SPDX-License-Identifier: ISC */
#ifndef SHELL_CLIENT_H
#define SHELL_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "wire/err.h"
#include "wire/wire.h"

/*
 * The connection to the broker: one request at a time, each wait bounded.
 * It is made when first needed and again when the broker went away between
 * two commands.  Functions return 0, a negative enum vpsh_err, or
 * CLIENT_INTERRUPTED; after an error said is what the broker said about it,
 * with an empty text when the broker said nothing.
 */

#define CLIENT_INTERRUPTED	1	/* Ctrl-C while waiting */

#define CLIENT_ANSWER_MS	15000	/* an answer that needs no job */
#define CLIENT_CONNECT_MS	10000	/* the service may be restarting */
#define CLIENT_PATIENCE_MS	1000	/* before a person is told */
#define CLIENT_RETRY_MS		200
#define CLIENT_LATE_MAX		8

struct client {
	int			 fd;		/* -1: not connected */
	uint32_t		 id;		/* of the last request */
	bool			 over;		/* BYE: do not come back */
	struct sockaddr_un	 address;
	char			 claim[WIRE_CLAIM];
	char			 build[WIRE_BUILD];	/* of the service */
	struct wire_outcome	 said;
	/* Outcomes of jobs that nobody waits for any more. */
	struct wire_outcome	 late[CLIENT_LATE_MAX];
	size_t			 nlate;
};

/* Returns -1 when path is too long for a socket. */
int	 client_init(struct client *client, const char *path,
	    const char *claim);
void	 client_close(struct client *client);

/*
 * Connect unless connected, waiting up to wait_ms for a service that is not
 * there; a line on stderr says so unless wait_ms is shorter than
 * CLIENT_CONNECT_MS.
 */
int	 client_connect(struct client *client, int wait_ms);

/* Send a request; body is the struct that the type has. */
int	 client_send(struct client *client, uint32_t type, const void *body);

/*
 * Wait until deadline (clock_ms()) for the next frame of the last request.
 * REFUSED and BYE come back as their error, everything else in msg.  *fd is
 * the caller's to close, or -1.
 */
int	 client_recv(struct client *client, struct wire_msg *msg, int *fd,
	    int64_t deadline);

/* client_send() and the one frame that answers it, which must be of want. */
int	 client_ask(struct client *client, uint32_t type, const void *body,
	    uint32_t want, struct wire_msg *msg, int *fd);

/*
 * Read what came in without a question: outcomes of jobs, BYE.  The end of
 * the connection is no error; the next request makes a new one.
 */
int	 client_drain(struct client *client);

#endif
