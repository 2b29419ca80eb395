/* SPDX-License-Identifier: ISC */
#ifndef BROKER_VIEWER_H
#define BROKER_VIEWER_H

#include <sys/queue.h>

#include <stdint.h>

#include "wire/wire.h"

struct broker;
struct connection;
struct operator_client;
struct policy_guest;
struct request;

/*
 * Who looks at which console.  The bytes go from the console server to the
 * client over a socket of their own; the broker only says who may, and takes
 * it back.
 */
struct viewers {
	TAILQ_HEAD(, viewer)	list;
	uint64_t		last;	/* numbers never come twice */
};

void	 viewer_init(struct broker *b);

/* Handler of CONSOLE and LOG. */
int	 viewer_attach(struct request *r);

/*
 * An operator watches: answered with WATCHED, or an error.  From that offset;
 * 0: the last screenful.
 */
int	 viewer_watch(struct operator_client *o, const struct policy_guest *g,
	    int64_t from);

/* A line for all who look at that domain's console, and for its log. */
void	 viewer_mark(struct broker *b, const char *domain, const char *text);

/* The console server says that this one has ended. */
void	 viewer_gone(struct broker *b, uint64_t number);
/* The console server is gone, and all of them with it. */
void	 viewer_gone_all(struct broker *b);

void	 viewer_forget_connection(struct broker *b,
	    const struct connection *c);

/* Which console that connection shows, if any. */
void	 viewer_describe(const struct broker *b, const struct connection *c,
	    struct wire_session *out);

/* So many are looking. */
uint32_t viewer_count(const struct broker *b);

/* The policy changed: end what is not allowed any more. */
void	 viewer_recheck_all(struct broker *b);

#endif
