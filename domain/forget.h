/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_FORGET_H
#define DOMAIN_FORGET_H

#include <stdbool.h>

#include "domain/paths.h"

/*
 * Saved images.  One that lies where xendomains and careful operators put
 * them says that its guest lives on in there; unless the operator said that
 * this very file does not count any more (FORGOTTEN/DOMAIN).
 */

#define FORGET_PATH	(PATHS_LEN + 72)

/* Is there one that counts?  path is where it would be. */
bool	 forget_is_saved(const struct paths *paths, const char *domain,
	    char path[FORGET_PATH]);

/* The one that is there counts no more.  Returns 0 or -1 with errno. */
int	 forget_image(const struct paths *paths, const char *domain);

/* The operation: from now on the guest is simply off. */
struct job;
int	 forget_run(struct job *job);

#endif
