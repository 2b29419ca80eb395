/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/slots.h"

#define MAGIC		"vpshslot"
#define HEAD_BYTES	4096
#define BOOT_ID		"/proc/sys/kernel/random/boot_id"

/*
 * The word of a slot: the sum of the copy that counts, with bit 0 for which
 * of the two that is and bit 1 always set.  0: neither.
 */
#define WORD_SECOND	1u
#define WORD_USED	2u

/* The clocks in the records are those of one boot of the host. */
struct head {
	char		magic[8];
	uint32_t	version;
	uint32_t	tables;
	uint32_t	count[SLOTS_TABLES];
	uint32_t	size[SLOTS_TABLES];
	char		boot[40];
	uint64_t	sum;		/* of the above */
};

/* FNV-1a: against accidents; who means harm knows sums, too. */
static uint64_t
sum_of(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t sum = 0xcbf29ce484222325u;

	while (len-- > 0)
		sum = (sum ^ *p++) * 0x100000001b3u;
	return sum;
}

static uint64_t
word_of(const void *record, size_t size, bool second)
{
	return (sum_of(record, size) & ~(uint64_t)3) | WORD_USED |
	    (second ? WORD_SECOND : 0);
}

static size_t
copy_bytes(const struct slots_table *t)
{
	return ((size_t)t->size + 7) & ~(size_t)7;
}

static size_t
slot_bytes(const struct slots_table *t)
{
	return sizeof(uint64_t) + 2 * copy_bytes(t);
}

/* Of the whole, or up to that table. */
static size_t
bytes_before(const struct slots *s, unsigned table)
{
	size_t bytes = HEAD_BYTES;
	unsigned i;

	for (i = 0; i < table; i++)
		bytes += s->tables[i].count * slot_bytes(&s->tables[i]);
	return bytes;
}

static unsigned char *
slot_at(const struct slots *s, unsigned table, int slot)
{
	return s->map + bytes_before(s, table) +
	    (size_t)slot * slot_bytes(&s->tables[table]);
}

static unsigned char *
copy_at(unsigned char *at, const struct slots_table *t, bool second)
{
	return at + sizeof(uint64_t) + (second ? copy_bytes(t) : 0);
}

static _Atomic uint64_t *
word_at(unsigned char *at)
{
	return (_Atomic uint64_t *)(void *)at;
}

/* --- records ------------------------------------------------------------- */

static bool
is_free(const struct slots *s, unsigned table, int slot)
{
	return atomic_load_explicit(word_at(slot_at(s, table, slot)),
	    memory_order_acquire) == 0;
}

static int
find_free(struct slots *s, unsigned table)
{
	uint32_t i, slot, count = s->tables[table].count;

	for (i = 0; i < count; i++) {
		slot = (s->next[table] + i) % count;
		if (!is_free(s, table, (int)slot))
			continue;
		s->next[table] = slot + 1;
		return (int)slot;
	}
	return -1;
}

int
slots_put(struct slots *s, unsigned table, int *slot, const void *record)
{
	const struct slots_table *t = &s->tables[table];
	unsigned char *at;
	uint64_t word;
	bool second;

	if (*slot == -1 && (*slot = find_free(s, table)) == -1)
		return -1;
	at = slot_at(s, table, *slot);
	word = atomic_load_explicit(word_at(at), memory_order_relaxed);
	second = word != 0 && (word & WORD_SECOND) == 0;
	memcpy(copy_at(at, t, second), record, t->size);
	/* From this instruction on the new one counts. */
	atomic_store_explicit(word_at(at), word_of(record, t->size, second),
	    memory_order_release);
	return 0;
}

void
slots_drop(struct slots *s, unsigned table, int *slot)
{
	if (*slot != -1)
		atomic_store_explicit(word_at(slot_at(s, table, *slot)), 0,
		    memory_order_release);
	*slot = -1;
}

/* 1: there is one, 0: none, -1: none that may be believed. */
static int
slot_read(const struct slots *s, unsigned table, int slot, void *record)
{
	const struct slots_table *t = &s->tables[table];
	unsigned char *at = slot_at(s, table, slot);
	uint64_t word = atomic_load_explicit(word_at(at),
	    memory_order_acquire);

	if (word == 0)
		return 0;
	memcpy(record, copy_at(at, t, (word & WORD_SECOND) != 0), t->size);
	return word == word_of(record, t->size,
	    (word & WORD_SECOND) != 0) && t->sane(record) ? 1 : -1;
}

bool
slots_get(const struct slots *s, unsigned table, int slot, void *record)
{
	return slot_read(s, table, slot, record) == 1;
}

/* --- the file ------------------------------------------------------------ */

static void
make_head(const struct slots *s, struct head *head)
{
	FILE *f = fopen(BOOT_ID, "re");
	unsigned i;

	memset(head, 0, sizeof(*head));
	memcpy(head->magic, MAGIC, sizeof(head->magic));
	head->version = s->version;
	head->tables = SLOTS_TABLES;
	for (i = 0; i < SLOTS_TABLES; i++) {
		head->count[i] = s->tables[i].count;
		head->size[i] = s->tables[i].size;
	}
	if (f != NULL) {
		if (fgets(head->boot, sizeof(head->boot), f) == NULL)
			head->boot[0] = '\0';
		fclose(f);
	}
	head->sum = sum_of(head, offsetof(struct head, sum));
}

/* NULL: all of it may be so.  Else what is wrong with it. */
static const char *
judge(const struct slots *s)
{
	struct head head;
	const char *why = NULL;
	unsigned char *record = NULL;
	unsigned i;
	uint32_t j;

	make_head(s, &head);
	if (memcmp(s->map, &head, sizeof(head)) != 0)
		return "is of another version or of another boot of the host";
	for (i = 0; i < SLOTS_TABLES && why == NULL; i++) {
		free(record);
		record = malloc(s->tables[i].size);
		if (record == NULL)
			return "cannot be read: no memory";
		for (j = 0; j < s->tables[i].count && why == NULL; j++)
			if (slot_read(s, i, (int)j, record) == -1)
				why = "is damaged";
	}
	free(record);
	return why;
}

static int
map_file(struct slots *s, int fd)
{
	void *map = mmap(NULL, bytes_before(s, SLOTS_TABLES),
	    PROT_READ | PROT_WRITE,
	    fd == -1 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	s->map = map == MAP_FAILED ? NULL : map;
	return s->map == NULL ? -1 : 0;
}

void
slots_close(struct slots *s)
{
	if (s->map != NULL)
		munmap(s->map, bytes_before(s, SLOTS_TABLES));
	s->map = NULL;
}

/* NULL when s has it, else why there is none of use. */
static const char *
open_old(struct slots *s, const char *path)
{
	const char *why = NULL;
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
	    O_NOCTTY);

	if (fd == -1)
		return errno == ENOENT ? "" : strerror(errno);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		why = "is not ours alone";
	else if (st.st_size != (off_t)bytes_before(s, SLOTS_TABLES))
		why = "is of another size";
	else if (map_file(s, fd) == -1)
		why = strerror(errno);
	else if ((why = judge(s)) != NULL)
		slots_close(s);
	fd_close(&fd);
	return why;
}

/* Under another name until it is whole: we may be killed meanwhile. */
static int
open_new(struct slots *s, const char *path)
{
	size_t bytes = bytes_before(s, SLOTS_TABLES);
	char temporary[PATH_MAX + 8];
	struct head head;
	int fd = -1, r;

	(void)text_format(temporary, sizeof(temporary), "%s.new", path);
	(void)unlink(temporary);
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	if (fd == -1)
		return -1;
	/* Room that is there cannot run out later. */
	r = posix_fallocate(fd, 0, (off_t)bytes);
	if (r != 0)
		errno = r;
	if (r == 0 && map_file(s, fd) == 0) {
		make_head(s, &head);
		memcpy(s->map, &head, sizeof(head));
		if (rename(temporary, path) == -1)
			slots_close(s);
	}
	r = errno;
	if (s->map == NULL)
		(void)unlink(temporary);
	fd_close(&fd);
	errno = r;
	return s->map == NULL ? -1 : 0;
}

void
slots_put_aside(const char *dir, const char *name, const char *why)
{
	char path[PATH_MAX], bad[PATH_MAX];

	if (text_format(path, sizeof(path), "%s/%s", dir, name) == -1 ||
	    text_format(bad, sizeof(bad), "%s.bad", path) == -1)
		return;
	log_error("%s %s: it is put aside as %s, and what was under way is "
	    "not taken up", path, why, bad);
	(void)rename(path, bad);
}

int
slots_open(struct slots *s, const struct slots_table *tables,
    uint32_t version, const char *dir, const char *name)
{
	char path[PATH_MAX];
	const char *why;

	memset(s, 0, sizeof(*s));
	s->tables = tables;
	s->version = version;
	if (dir == NULL)
		return map_file(s, -1);
	if (text_format(path, sizeof(path), "%s/%s", dir, name) == -1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if ((why = open_old(s, path)) == NULL)
		return 0;
	if (*why != '\0')
		slots_put_aside(dir, name, why);
	if (open_new(s, path) == 0)
		return 0;
	log_error("%s cannot be made: %s; if we end, jobs under way are "
	    "forgotten", path, strerror(errno));
	return map_file(s, -1);
}
