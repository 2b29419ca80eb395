/* SPDX-License-Identifier: ISC */
#ifndef BROKER_OPERATOR_H
#define BROKER_OPERATOR_H

#include <sys/queue.h>

#include <stddef.h>

struct broker;
struct event;
struct operator_client;

/*
 * The operators' door, /run/vpsh/operator.sock.  Who may open it is said by
 * the socket's mode (root, group vpsh-operator) and by nothing else; a
 * customer is not let in even then.  It shows and changes nothing.
 */
struct operators {
	TAILQ_HEAD(, operator_client)  list;
	size_t			 count;
	int			 listener;	/* with accept only */
	struct event		*accept;
};

void	 operator_init(struct broker *b);

/* Take over the operators' listening socket. */
void	 operator_listen(struct broker *b, int fd);

#endif
