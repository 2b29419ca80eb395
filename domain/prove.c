/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/text.h"
#include "domain/prove.h"

/* UNIX98 pseudo terminal slaves: Documentation/admin-guide/devices.txt. */
#define PTS_MAJOR_FIRST	136
#define PTS_MAJOR_LAST	143
#define PTS_PER_MAJOR	256

int
prove_index(const char *path, unsigned *index)
{
	static const char dir[] = "/dev/pts/";
	const char *digits = path + sizeof(dir) - 1;
	long long value;

	if (strncmp(path, dir, sizeof(dir) - 1) != 0 ||
	    strspn(digits, "0123456789") != strlen(digits) ||
	    (digits[0] == '0' && digits[1] != '\0') ||
	    text_number(digits, 0, INT32_MAX, &value) == -1)
		return -1;
	*index = (unsigned)value;
	return 0;
}

static enum proof
check_kind(int fd, unsigned index, uid_t owner)
{
	struct statfs fs;
	struct stat st;
	unsigned number;

	if (fstat(fd, &st) == -1 || fstatfs(fd, &fs) == -1 ||
	    !S_ISCHR(st.st_mode) || fs.f_type != DEVPTS_SUPER_MAGIC ||
	    major(st.st_rdev) < PTS_MAJOR_FIRST ||
	    major(st.st_rdev) > PTS_MAJOR_LAST)
		return PROOF_KIND;
	number = (major(st.st_rdev) - PTS_MAJOR_FIRST) * PTS_PER_MAJOR +
	    minor(st.st_rdev);
	if (number != index)
		return PROOF_KIND;
	return st.st_uid == owner ? PROOF_OK : PROOF_OWNER;
}

enum proof
prove_open(const char *path, uid_t owner, const struct holder *holder,
    int *fd)
{
	enum proof proof;
	unsigned index;

	*fd = -1;
	if (prove_index(path, &index) == -1)
		return PROOF_PATH;
	/* Non-blocking, in case that the path is a FIFO or a modem. */
	*fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC |
	    O_NOFOLLOW);
	if (*fd == -1)
		return PROOF_OPEN;
	/*
	 * While we have it open the number is not given out again, so from
	 * here on the master that the holder has is the one of our slave.
	 */
	proof = check_kind(*fd, index, owner);
	if (proof == PROOF_OK && !holder_has_master(holder, index))
		proof = PROOF_HOLDER;
	if (proof != PROOF_OK)
		fd_close(fd);
	return proof;
}

const char *
prove_text(enum proof proof)
{
	switch (proof) {
	case PROOF_OK:
		return "is proven";
	case PROOF_PATH:
		return "is no path of a pseudo terminal";
	case PROOF_OPEN:
		return "cannot be opened";
	case PROOF_KIND:
		return "is no pseudo terminal";
	case PROOF_OWNER:
		return "belongs to another user";
	case PROOF_HOLDER:
		return "is not held by the process that serves the guest";
	}
	return "?";
}
