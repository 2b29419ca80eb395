/* SPDX-License-Identifier: ISC */
#ifndef CTL_SERVICE_H
#define CTL_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/ctl.h"
#include "wire/wire.h"

/* The broker's door for operators, RUN/operator.sock. */

/*
 * Returns the socket, greeted, on which no answer takes longer than so many
 * seconds; or -1 with errno, and in why what a person should know.  build
 * may be NULL; else it gets the broker's, WIRE_BUILD bytes.
 */
int service_open(const struct ctl *ctl, int answer_s, char *why, size_t size,
    char *build);

/*
 * The same, and a service that is not there is waited for; one line on
 * stderr says so unless *told, which it sets.
 */
int service_await(const struct ctl *ctl, int answer_s, bool *told, char *why,
    size_t size);

/* The next frame; false when there is none: the broker is gone, or silent. */
bool service_recv(int fd, struct wire_msg *msg);

#endif
