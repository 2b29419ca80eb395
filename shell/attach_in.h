/* SPDX-License-Identifier: ISC */
#ifndef SHELL_ATTACH_IN_H
#define SHELL_ATTACH_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "shell/attach.h"

/* Of attach.c alone: the way from the customer's keys to the guest. */

/* A descriptor's turn: go on, or what the run ends with. */
#define ATTACH_GO_ON (-1)

/* Read what was typed, and do what the keys of ours say. */
int	 attach_in_turn(struct attach *a);

/* A key that waits for another: when it is given up (-1), and then. */
int64_t	 attach_in_due(const struct attach *a);
void	 attach_in_late(struct attach *a);

/* What waits for the guest. */
bool	 attach_in_has_room(const struct attach *a);
void	 attach_in_flush(struct attach *a);
void	 attach_in_forget(struct attach *a);

/* The line that names the keys. */
void	 attach_in_greet(struct attach *a);

/* Who writes, if it is not us, and what can be done about it. */
void	 attach_in_watching(struct attach *a, const char *verb);

#endif
