/* SPDX-License-Identifier: ISC */
#ifndef SHELL_ENVIRON_H
#define SHELL_ENVIRON_H

/*
 * The environment is the customer's as far as sshd's AcceptEnv lets it in.
 * What is kept was looked at first; the rest is gone before anything else
 * runs.
 */
struct environ_claims {
	char	 origin[64];	/* address in SSH_CONNECTION; may be empty */
	char	*original;	/* SSH_ORIGINAL_COMMAND or NULL; to be freed */
};

/*
 * Replace the environment by TERM, LC_CTYPE and TZ as far as they are
 * harmless, read what is claimed, and set the locale.  Returns 0, or -1 when
 * there is no memory.  Call it first.
 */
int	 environ_scrub(struct environ_claims *claims);

#endif
