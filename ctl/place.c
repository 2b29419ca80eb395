/* SPDX-License-Identifier: ISC */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "ctl/place.h"
#include "policy/folder.h"

#define READERS	    "vpsh-policy" /* the broker's group */
#define FOLDER_MODE 0750
#define FILE_MODE   0640
#define TEMP_LEN    (TEXT_NAME_MAX + 16)

int
place_open(struct ctl *ctl, struct place *place)
{
	char path[PATH_MAX];
	const struct group *group = NULL;
	const char *wrong;

	place->customers = -1;
	place->group = getegid();
	if (geteuid() == 0)
		group = getgrnam(READERS);
	if (group != NULL)
		place->group = group->gr_gid;
	else if (geteuid() == 0 && *ctl->prefix == '\0')
		return report_fail(&ctl->report,
		    "there is no group %s, which the broker reads policies "
		    "with: run systemd-sysusers first. Nothing was changed.",
		    READERS);
	text_format(path, sizeof(path), "%s/customers", ctl->etc);
	wrong = folder_open(AT_FDCWD, path, &place->customers);
	if (wrong != NULL)
		return report_fail(&ctl->report,
		    "%s %s%s. Nothing was "
		    "changed.",
		    path, wrong,
		    errno == ENOENT ? "; systemd-tmpfiles --create makes it" :
			errno == EACCES ? "; are you root?" :
					  "");
	if (flock(place->customers, LOCK_EX | LOCK_NB) == -1)
		return report_fail(&ctl->report,
		    "another vpshctl is changing customers now. Nothing was "
		    "changed; try again.");
	return CTL_OK;
}

void
place_close(struct place *place)
{
	fd_close(&place->customers);
}

/* Owner before mode before name: it is never open to others meanwhile. */
static int
write_file(const struct place *place, int folder, const char *name,
    const char *text)
{
	char temp[64];
	int fd, r = -1, saved;

	if (text_format(temp, sizeof(temp), ".%s.new", name) != 0) {
		errno = ENAMETOOLONG;
		return -1;
	}
	/* We hold the lock: one of this name is a dead one's. */
	if (unlinkat(folder, temp, 0) == -1 && errno != ENOENT)
		return -1;
	fd = openat(folder, temp,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	if (fd_write_all(fd, text, strlen(text)) == 0 &&
	    fchown(fd, (uid_t)-1, place->group) == 0 &&
	    fchmod(fd, FILE_MODE) == 0 && fsync(fd) == 0 &&
	    renameat(folder, temp, folder, name) == 0)
		r = fsync(folder);
	saved = errno;
	fd_close(&fd);
	if (r == -1)
		unlinkat(folder, temp, 0);
	errno = saved;
	return r;
}

static void
discard(const struct place *place, const char *temp,
    const struct place_file *files, size_t n)
{
	int folder = openat(place->customers, temp,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char name[64];
	size_t i;

	if (folder == -1)
		return;
	for (i = 0; i < n; i++) {
		unlinkat(folder, files[i].name, 0);
		text_format(name, sizeof(name), ".%s.new", files[i].name);
		unlinkat(folder, name, 0);
	}
	fd_close(&folder);
	unlinkat(place->customers, temp, AT_REMOVEDIR);
}

int
place_make(const struct place *place, const char *customer,
    const struct place_file *files, size_t n)
{
	char temp[TEMP_LEN];
	int folder = -1, r = -1, saved;
	size_t i;

	/* A hidden name is nobody's: see policy/folder.h. */
	text_format(temp, sizeof(temp), ".%s.new", customer);
	discard(place, temp, files, n);
	if (mkdirat(place->customers, temp, 0700) == -1)
		return -1;
	folder = openat(place->customers, temp,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder == -1)
		goto out;
	for (i = 0; i < n; i++)
		if (files[i].text != NULL &&
		    write_file(place, folder, files[i].name, files[i].text) ==
			-1)
			goto out;
	if (fchown(folder, (uid_t)-1, place->group) == -1 ||
	    fchmod(folder, FOLDER_MODE) == -1 || fsync(folder) == -1 ||
	    renameat2(place->customers, temp, place->customers, customer,
		RENAME_NOREPLACE) == -1)
		goto out;
	r = fsync(place->customers);
out:
	saved = errno;
	if (r == -1)
		discard(place, temp, files, n);
	fd_close(&folder);
	errno = saved;
	return r;
}

int
place_replace(const struct place *place, const char *customer,
    const struct place_file *file)
{
	int folder, r;

	if (folder_open(place->customers, customer, &folder) != NULL)
		return -1;
	r = write_file(place, folder, file->name, file->text);
	fd_close(&folder);
	return r;
}

int
place_unlink(const struct place *place, const char *customer, const char *name)
{
	int folder, r;

	if (folder_open(place->customers, customer, &folder) != NULL)
		return -1;
	r = unlinkat(folder, name, 0);
	if (r == -1 && errno == ENOENT)
		r = 0;
	if (r == 0)
		r = fsync(folder);
	fd_close(&folder);
	return r;
}

int
place_remove(struct ctl *ctl, const struct place *place, const char *customer,
    char *where, size_t size)
{
	char now[CLOCK_RFC3339_LEN], path[PATH_MAX], *colon;

	clock_rfc3339(clock_wall_ms(), now);
	while ((colon = strchr(now, ':')) != NULL)
		*colon = '.';
	text_format(path, sizeof(path), "%s/removed", ctl->etc);
	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		return -1;
	if (text_format(where, size, "%s/%s-%s", path, customer, now) != 0) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (renameat2(place->customers, customer, AT_FDCWD, where,
		RENAME_NOREPLACE) == -1)
		return -1;
	return fsync(place->customers);
}
