/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "policy/folder.h"

const char *
folder_open(int dirfd, const char *name, int *fd)
{
	struct stat st;

	*fd = openat(dirfd, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (*fd == -1)
		return errno == ENOENT ? "is missing" :
		    errno == ENOTDIR || errno == ELOOP ?
					 "is not a directory of its own" :
		    errno == EACCES ? "is closed to vpsh (group vpsh-policy?)" :
				      "cannot be opened";
	if (fstat(*fd, &st) != 0) {
		fd_close(fd);
		return "cannot be examined";
	}
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		fd_close(fd);
		errno = EPERM;
		return "does not belong to root";
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		fd_close(fd);
		errno = EPERM;
		return "can be written by others than its owner";
	}
	return NULL;
}

static bool
is_folder(int fd, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode);
}

static int
folder_add(struct folder_list *list, const char *name)
{
	char **names;

	/* Room for twice as many whenever the count is a power of two. */
	if ((list->count & (list->count - 1)) == 0) {
		names = reallocarray(list->names,
		    list->count == 0 ? 1 : list->count * 2, sizeof(*names));
		if (names == NULL)
			return -1;
		list->names = names;
	}
	if ((list->names[list->count] = strdup(name)) == NULL)
		return -1;
	list->count++;
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
folder_read(int fd, struct folder_list *list, struct faults *faults)
{
	struct dirent *entry;
	DIR *dir = NULL;
	int copy, result = -1;

	memset(list, 0, sizeof(*list));
	if ((copy = fcntl(fd, F_DUPFD_CLOEXEC, 3)) == -1 ||
	    (dir = fdopendir(copy)) == NULL) {
		faults->nomem = true;
		fd_close(&copy);
		return -1;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (*entry->d_name == '.')
			continue;
		if (text_is_name(entry->d_name)) {
			if (folder_add(list, entry->d_name) != 0) {
				faults->nomem = true;
				goto out;
			}
		} else if (is_folder(fd, entry))
			faults_add(faults, "customers", 0,
			    "\"%s\" cannot be "
			    "the name of a customer and grants nothing: a-z, "
			    "0-9 and \"-\" only, at most %d",
			    entry->d_name, TEXT_NAME_MAX);
	}
	if (list->count > 0)
		qsort(list->names, list->count, sizeof(*list->names), by_name);
	result = 0;
out:
	closedir(dir);
	return result;
}

int
folder_with(struct folder_list *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (strcmp(list->names[i], name) == 0)
			return 0;
	if (folder_add(list, name) != 0)
		return -1;
	qsort(list->names, list->count, sizeof(*list->names), by_name);
	return 0;
}

void
folder_free(struct folder_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		free(list->names[i]);
	free(list->names);
	memset(list, 0, sizeof(*list));
}
