/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/ring.h"
#include "wire/wire.h"

static bool
is_usable(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() && (st.st_mode & 07177) == 0 &&
	    st.st_nlink == 1 && st.st_size == WIRE_RING_BYTES &&
	    st.st_blocks * 512 >= WIRE_RING_BYTES;
}

static int
make(int dir, const char *name)
{
	int fd, err;

	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	if (fd == -1)
		return -1;
	err = posix_fallocate(fd, 0, WIRE_RING_BYTES);
	if (err != 0) {
		(void)!unlinkat(dir, name, 0);
		fd_close(&fd);
		errno = err;
	}
	return fd;
}

/*
 * Where there is no room for a file: the console works all the same, and its
 * bytes outlive the console server, though not both of us.
 */
static int
make_in_memory(const char *dir, const char *name)
{
	int fd, err = errno;

	log_error("%s/%s cannot be made: %s; that console works and is kept "
		  "in memory until the guest's next boot. Make room there",
	    dir, name, strerror(err));
	fd = memfd_create(name, MFD_CLOEXEC);
	if (fd == -1)
		return -1;
	err = posix_fallocate(fd, 0, WIRE_RING_BYTES);
	if (err != 0)
		fd_close(&fd);
	errno = err;
	return fd;
}

#define NAME_SIZE (2 * TEXT_NAME_MAX + 2)

static int
file_name(char name[NAME_SIZE], const char *customer, const char *guest)
{
	if (text_is_name(customer) && text_is_name(guest) &&
	    text_format(name, NAME_SIZE, "%s.%s", customer, guest) == 0)
		return 0;
	errno = EINVAL;
	return -1;
}

static int
open_dir(const char *path)
{
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int
open_file(int dir, const char *name)
{
	return openat(dir, name,
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

int
ring_open_old(const char *path, const char *customer, const char *guest)
{
	char name[NAME_SIZE];
	int dir, fd;

	if (file_name(name, customer, guest) == -1)
		return -1;
	dir = open_dir(path);
	if (dir == -1)
		return -1;
	fd = open_file(dir, name);
	close(dir);
	if (fd != -1 && !is_usable(fd))
		fd_close(&fd);
	return fd;
}

int
ring_open(const char *path, const char *customer, const char *guest)
{
	char name[NAME_SIZE];
	int dir = -1, fd = -1, err;

	if (file_name(name, customer, guest) == -1)
		return -1;
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		dir = open_dir(path);
	if (dir == -1)
		return make_in_memory(path, name);
	fd = open_file(dir, name);
	if (fd != -1 && is_usable(fd))
		goto out;
	if (fd != -1 || errno != ENOENT) {
		log_warn("%s/%s is no usable ring: replaced", path, name);
		fd_close(&fd);
		(void)unlinkat(dir, name, 0);
	}
	fd = make(dir, name);
	if (fd == -1)
		fd = make_in_memory(path, name);
out:
	err = errno;
	close(dir);
	errno = err;
	return fd;
}

/* The names in a file's name; false: it is no ring's. */
static bool
split_name(const char *file, char customer[WIRE_NAME], char guest[WIRE_NAME])
{
	const char *dot = strchr(file, '.');

	return dot != NULL && text_format(customer, WIRE_NAME, "%.*s",
	    (int)(dot - file), file) == 0 &&
	    text_copy(guest, WIRE_NAME, dot + 1) == 0 &&
	    text_is_name(customer) && text_is_name(guest);
}

void
ring_forget(const char *path, bool (*is_one)(void *, const char *),
    void (*gone)(void *, const char *, const char *), void *arg)
{
	char customer[WIRE_NAME], guest[WIRE_NAME];
	struct dirent *entry;
	DIR *dir = opendir(path);

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (split_name(entry->d_name, customer, guest) &&
		    !is_one(arg, customer)) {
			if (unlinkat(dirfd(dir), entry->d_name, 0) == -1)
				log_error("%s/%s cannot be removed: %s", path,
				    entry->d_name, strerror(errno));
			gone(arg, customer, guest);
		}
	closedir(dir);
}
