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
 * It is made when first needed and again whenever the broker went away:
 * questions are then asked again, and what changes a guest is asked for
 * again by whoever knows how (power.c).  Functions return 0, a negative enum
 * vpsh_err, or CLIENT_INTERRUPTED; after an error said is what the broker
 * said about it, with an empty text when the broker said nothing.
 */

#define CLIENT_INTERRUPTED	1	/* Ctrl-C while waiting */

#define CLIENT_ANSWER_MS	15000	/* an answer that needs no job */
#define CLIENT_CONNECT_MS	10000	/* the service may be restarting */
#define CLIENT_STAY_MS		60000	/* for who has come to stay */
#define CLIENT_PATIENCE_MS	1000	/* before a person is told */
#define CLIENT_RETRY_MS		200
#define CLIENT_LATE_MAX		8

/* A question that ends the service each time is not asked for ever. */
#define CLIENT_TRIES		5

/* Its version knows of tokens and of FIND. */
#define CLIENT_TOKENS		3

/* And of preferences, activity and CANCEL. */
#define CLIENT_PREFS		4

struct client {
	int			 fd;		/* -1: not connected */
	uint32_t		 id;		/* of the last request */
	bool			 over;		/* BYE: do not come back */
	bool			 told;		/* that it has to be waited */
	bool			 away;		/* it was waited for in vain */
	int			 connect_ms;	/* how long requests wait */
	unsigned		 version;	/* of the last HELLO */
	unsigned		 generation;	/* counts connections */
	struct sockaddr_un	 address;
	char			 claim[WIRE_CLAIM];
	char			 build[WIRE_BUILD];	/* of the service */
	struct wire_outcome	 said;
	/* Jobs that nobody waits for any more, and what they came to. */
	struct {
		char		ref[WIRE_REF];
		uint32_t	id;	/* of the FIND that asked for it */
	} left[CLIENT_LATE_MAX];
	size_t			 nleft;
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

/*
 * The two halves of it for a loop of one's own, which waits in between until
 * fd can be read, and hands over the first frame.
 */
int	 client_begin(struct client *client);
int	 client_greeted(struct client *client, const struct wire_msg *msg);

/* Send on that connection, or lose it; the request's number is id. */
int	 client_post(struct client *client, uint32_t type, const void *body);

/*
 * One frame of it: 0, 1 when there is none yet, or VPSH_ERR_SERVICE at its
 * end.  What is not asked for here goes to client_other(), which returns the
 * error that ends the connection, or 0.
 */
int	 client_take(struct client *client, struct wire_msg *msg, int *fd);
int	 client_other(struct client *client, const struct wire_msg *msg);

/* After err: is the connection gone, and worth coming back to? */
bool	 client_is_lost(const struct client *client, int err);

/*
 * A line on stderr says what is being waited for, once until the service has
 * answered something; and come back after a loss.
 */
void	 client_tell(struct client *client);
int	 client_return(struct client *client, int wait_ms);

/* What becomes of that job shall be in late, over restarts of the service. */
void	 client_leave(struct client *client, const char *ref);

/* Send a request; body is the struct that the type has. */
int	 client_send(struct client *client, uint32_t type, const void *body);

/*
 * Wait until deadline (clock_ms()) for the next frame of the last request.
 * REFUSED and BYE come back as their error, everything else in msg.  *fd is
 * the caller's to close, or -1.
 */
int	 client_recv(struct client *client, struct wire_msg *msg, int *fd,
	    int64_t deadline);

/*
 * client_send() and the one frame that answers it, which must be of want;
 * again when the service died over it.  For what only asks.
 */
int	 client_ask(struct client *client, uint32_t type, const void *body,
	    uint32_t want, struct wire_msg *msg, int *fd);

/*
 * For questions with answers of their own: is it to be asked again?  Counts
 * tries, waits a moment, and says in *err what ended that.
 */
bool	 client_ask_again(struct client *client, int *err, int *tries);

/*
 * Read what came in without a question: outcomes of jobs, BYE.  The end of
 * the connection is no error; the next request makes a new one.
 */
int	 client_drain(struct client *client);

#endif
