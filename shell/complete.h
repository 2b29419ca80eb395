/* SPDX-License-Identifier: ISC */
#ifndef SHELL_COMPLETE_H
#define SHELL_COMPLETE_H

#include <stddef.h>

#include "shell/edit.h"

/*
 * What the word before the cursor could become: a command, an option of the
 * command on that line, or a guest that the session has seen.  arg is the
 * session; the words live as long as that.  Asks nobody.
 */
void	 complete_line(void *arg, const char *line, size_t at,
	    struct edit_matches *matches);

#endif
