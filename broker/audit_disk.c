/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "broker/audit_disk.h"

#define BLOCK	4096

/* --- writing ------------------------------------------------------------- */

/* How much of it was written; less than all with errno. */
static size_t
write_much(int fd, const char *data, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = write(fd, data + done, len - done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENOSPC;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

/*
 * From the front on: a reserve that begins with a NUL is an empty one, even
 * if we are killed before its end.
 */
static int
wipe(struct audit_disk *disk)
{
	static const char zeros[BLOCK];
	size_t n, done;

	if (lseek(disk->reserve, 0, SEEK_SET) == -1)
		return -1;
	for (done = 0; done < disk->dirty; done += n) {
		n = disk->dirty - done;
		if (n > sizeof(zeros))
			n = sizeof(zeros);
		if (write_much(disk->reserve, zeros, n) < n)
			return -1;
	}
	disk->used = disk->copied = disk->dirty = 0;
	disk->torn = false;
	return 0;
}

/* From now on there is none. */
static void
give_up_reserve(struct audit_disk *disk)
{
	fd_close(&disk->reserve);
	disk->size = disk->used = disk->copied = disk->dirty = 0;
	disk->torn = false;
}

/* Two records never become one. */
static int
mend_log(struct audit_disk *disk)
{
	if (disk->log_torn && write_much(disk->log, "\n", 1) != 1)
		return -1;
	disk->log_torn = false;
	return 0;
}

/* The next of the reserve's bytes into the log. */
static int
copy_some(struct audit_disk *disk)
{
	size_t left = disk->used - disk->copied, n;
	char block[BLOCK];
	ssize_t got;

	if (lseek(disk->reserve, (off_t)disk->copied, SEEK_SET) == -1)
		return -1;
	got = read(disk->reserve, block, left < BLOCK ? left : BLOCK);
	if (got <= 0) {
		errno = got == 0 ? EIO : errno;
		return -1;
	}
	n = write_much(disk->log, block, (size_t)got);
	disk->copied += n;
	return n == (size_t)got ? 0 : -1;
}

/* What is in the reserve comes before anything that is to be written. */
static int
empty_reserve(struct audit_disk *disk)
{
	if (disk->used == 0)
		return 0;
	if (disk->copied == 0 && mend_log(disk) == -1)
		return -1;
	while (disk->copied < disk->used)
		if (copy_some(disk) == -1)
			return -1;
	disk->log_torn = disk->torn;
	if (wipe(disk) == -1)
		give_up_reserve(disk);
	return 0;
}

/* What could not be written whole there does not count. */
static int
keep(struct audit_disk *disk, const char *text, size_t len)
{
	size_t at = disk->used + (disk->torn ? 1 : 0), n;

	if (disk->dirty > disk->used || at + len > disk->size) {
		errno = ENOSPC;
		return -1;
	}
	if (lseek(disk->reserve, (off_t)disk->used, SEEK_SET) == -1 ||
	    (disk->torn && write_much(disk->reserve, "\n", 1) != 1))
		return -1;
	disk->torn = false;
	disk->used = at;
	n = write_much(disk->reserve, text, len);
	disk->dirty = at + n;
	if (n < len)
		return -1;
	disk->used += len;
	return 0;
}

enum wire_audit
audit_disk_put(struct audit_disk *disk, const char *text, size_t len)
{
	size_t n = 0;
	int why = disk->no_log;

	if (disk->log == -1)
		errno = why;
	else if (empty_reserve(disk) == 0 &&
	    (len == 0 || mend_log(disk) == 0)) {
		n = write_much(disk->log, text, len);
		if (n == len)
			return WIRE_AUDIT_FINE;
	}
	why = errno;
	if (len == 0)
		return disk->log == -1 && disk->size == 0 ?
		    WIRE_AUDIT_LOST : WIRE_AUDIT_RESERVE;
	if (keep(disk, text, len) == 0) {
		/* The log goes on where this line was cut off. */
		disk->copied += n;
		errno = why;
		return WIRE_AUDIT_RESERVE;
	}
	disk->log_torn |= n > 0;
	errno = why;
	return WIRE_AUDIT_LOST;
}

int64_t
audit_disk_mark(const struct audit_disk *disk)
{
	struct stat st = { 0 };

	if (disk->log != -1 && fstat(disk->log, &st) == -1)
		return -1;
	/* Newlines that will mend a line count as if they were there. */
	return (int64_t)st.st_size + (int64_t)(disk->used - disk->copied) +
	    disk->log_torn + disk->torn;
}

/* --- opening ------------------------------------------------------------- */

/*
 * Whoever made a name there, it must be a plain file.  One that is there is
 * not asked for with O_CREAT, which on a disk that hangs would hang too.
 */
static int
open_file(const char *dir, const char *name, int flags)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if (text_format(path, sizeof(path), "%s/%s", dir, name) == -1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	flags |= O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	fd = open(path, flags);
	if (fd == -1 && errno == ENOENT)
		fd = open(path, flags | O_CREAT, 0640);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		fd_close(&fd);
	else if (!S_ISREG(st.st_mode)) {
		fd_close(&fd);
		errno = EINVAL;
	}
	return fd;
}

/* Every block of it is there now, or none of it counts. */
static int
allocate(struct audit_disk *disk)
{
	struct stat st;
	int err;

	if (fstat(disk->reserve, &st) == -1)
		return -1;
	if (st.st_size < AUDIT_RESERVE_BYTES ||
	    st.st_blocks * 512 < AUDIT_RESERVE_BYTES) {
		err = posix_fallocate(disk->reserve, 0, AUDIT_RESERVE_BYTES);
		if (err != 0) {
			errno = err;
			return -1;
		}
	}
	disk->size = AUDIT_RESERVE_BYTES;
	return 0;
}

/* The last bytes of the log, len at most. */
static size_t
read_tail(const char *dir, char *tail, size_t len)
{
	int fd = open_file(dir, "audit.jsonl", O_RDONLY);
	off_t end = fd == -1 ? -1 : lseek(fd, 0, SEEK_END);
	ssize_t n = -1;

	if (end != -1 && (uintmax_t)end < len)
		len = (size_t)end;
	if (end != -1)
		n = pread(fd, tail, len, end - (off_t)len);
	fd_close(&fd);
	return n == -1 ? 0 : (size_t)n;
}

/*
 * A predecessor may have died while it copied the reserve into the log: what
 * the log ends with is not copied again, and half a line is completed.
 */
static void
compare(struct audit_disk *disk, const char *kept, const char *tail, size_t n)
{
	size_t same = n < disk->used ? n : disk->used;

	disk->log_torn = n > 0 && tail[n - 1] != '\n';
	while (same > 0 && memcmp(tail + n - same, kept, same) != 0)
		same--;
	disk->copied = same;
	disk->log_torn &= same == 0;
}

/* All of the reserve's bytes, NULs behind. */
static int
read_reserve(const struct audit_disk *disk, char *kept)
{
	size_t n = 0;
	ssize_t got = 1;

	while (got > 0 && n < AUDIT_RESERVE_BYTES) {
		got = pread(disk->reserve, kept + n, AUDIT_RESERVE_BYTES - n,
		    (off_t)n);
		n += got > 0 ? (size_t)got : 0;
	}
	return got == -1 ? -1 : 0;
}

/* What is in the reserve, and how much of that the log has. */
static int
look(struct audit_disk *disk, const char *dir)
{
	char *kept = calloc(2, AUDIT_RESERVE_BYTES), *tail;
	int r = -1;

	if (kept == NULL)
		return -1;
	tail = kept + AUDIT_RESERVE_BYTES;
	if (read_reserve(disk, kept) == -1)
		goto out;
	disk->used = strnlen(kept, AUDIT_RESERVE_BYTES);
	disk->torn = disk->used > 0 && kept[disk->used - 1] != '\n';
	disk->dirty = AUDIT_RESERVE_BYTES;
	while (disk->dirty > disk->used && kept[disk->dirty - 1] == '\0')
		disk->dirty--;
	compare(disk, kept, tail, read_tail(dir, tail,
	    disk->used > 0 ? disk->used : 1));
	/* It was being emptied. */
	r = disk->used == 0 && disk->dirty > 0 ? wipe(disk) : 0;
out:
	free(kept);
	return r;
}

int
audit_disk_open(struct audit_disk *disk, const char *dir)
{
	int why = 0;

	memset(disk, 0, sizeof(*disk));
	disk->reserve = -1;
	disk->log = open_file(dir, "audit.jsonl", O_WRONLY | O_APPEND);
	if (disk->log == -1) {
		disk->no_log = errno;
		if (errno != ENOSPC && errno != EDQUOT && errno != EROFS &&
		    errno != EIO)
			return -1;
	}
	disk->reserve = open_file(dir, "audit.reserve", O_RDWR);
	if (disk->reserve == -1 || allocate(disk) == -1)
		why = errno;
	if (disk->reserve != -1 && look(disk, dir) == -1) {
		why = errno;
		give_up_reserve(disk);
	}
	errno = why;
	return 0;
}
