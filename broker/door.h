/* SPDX-License-Identifier: ISC */
#ifndef BROKER_DOOR_H
#define BROKER_DOOR_H

struct broker;

/* Who may connect, and when: the customers' listening socket. */

/* Take over the customers' listening socket. */
void	 door_listen(struct broker *b, int fd);

/* Begin to accept, once accounts were looked up and there is a socket. */
void	 door_open(struct broker *b);

#endif
