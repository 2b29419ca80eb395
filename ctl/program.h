/* SPDX-License-Identifier: ISC */
#ifndef CTL_PROGRAM_H
#define CTL_PROGRAM_H

#include <stddef.h>

/*
 * Run argv, whose first word is an absolute path, without a shell: nothing
 * from our environment, no input, 30 s.  What it says on both of its outputs
 * is kept, NUL-terminated and cut at size.  Returns its exit status, 128 and
 * more for a signal, or -1 with errno when it could not be started or was
 * too slow (ETIMEDOUT).
 */
int program_run(char *const argv[], char *said, size_t size);

/* Can it be run at all? */
int program_is_there(const char *path);

#endif
