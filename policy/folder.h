/* SPDX-License-Identifier: ISC */
#ifndef POLICY_FOLDER_H
#define POLICY_FOLDER_H

#include "policy/faults.h"

/* Directories are judged as files are: see base/file.h. */

/*
 * Open dir/name, which must belong to root or to our effective user and not
 * be writable by anybody else; no link in its last component.  Returns NULL
 * with the descriptor in *fd, or what is wrong: "is missing".
 */
const char *folder_open(int dirfd, const char *name, int *fd);

struct folder_list {
	char **names; /* sorted */
	size_t count;
};

/*
 * The entries that are names of customers.  A directory that is none, such
 * as an editor's or dpkg's leftover, is a fault and grants nothing; hidden
 * entries and files are passed over.  Returns -1 without memory or when it
 * cannot be read, which is a fault, too.  folder_free() in both cases.
 */
int folder_read(int fd, struct folder_list *list, struct faults *faults);
/* The same list with that name in it.  Returns -1 without memory. */
int folder_with(struct folder_list *list, const char *name);
void folder_free(struct folder_list *list);

#endif
