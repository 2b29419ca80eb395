/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "console/ring.h"

/* More bytes than any console ever carries: the head is not one of ours. */
#define END_MAX (UINT64_C(1) << 62)

/* RING_DATA is a power of two, so that an offset is a position. */
#define POSITION(offset) ((size_t)((offset) & (RING_DATA - 1)))

_Static_assert((RING_DATA & (RING_DATA - 1)) == 0, "power of two");
_Static_assert(sizeof(struct ring_head) <= RING_PAGE, "one page");

static LIST_HEAD(, ring) mapped = LIST_HEAD_INITIALIZER(mapped);

/* --- the head ------------------------------------------------------------ */

static void
head_fill(const struct ring *ring)
{
	struct ring_head *head = ring->head;

	head->version = RING_VERSION;
	head->size = RING_DATA;
	head->end = ring->end;
	head->floor = ring->floor;
	head->reading = head->zero = 0;
	head->next_stamp = ring->stamps.next;
	head->next_mark = ring->marks.next;
	memcpy(head->customer, ring->customer, sizeof(head->customer));
	memcpy(head->guest, ring->guest, sizeof(head->guest));
	/* Last: without it the file counts as damaged and is wiped. */
	__atomic_store_n(&head->magic, RING_MAGIC, __ATOMIC_SEQ_CST);
}

static bool
head_is_new(const struct ring_head *head)
{
	static const struct ring_head zero;

	return memcmp(head, &zero, sizeof(zero)) == 0;
}

/* Also false for another guest's ring: its bytes are not to be shown. */
static bool
head_is_ours(const struct ring_head *head, const char *customer,
    const char *guest)
{
	return head->magic == RING_MAGIC && head->version == RING_VERSION &&
	    head->size == RING_DATA && head->end <= END_MAX &&
	    head->floor <= head->end && head->reading <= 1 && head->zero == 0 &&
	    strncmp(head->customer, customer, WIRE_NAME) == 0 &&
	    strncmp(head->guest, guest, WIRE_NAME) == 0;
}

/* --- files that are cut short -------------------------------------------- */

/* Memory in place of the file, at the same address.  Safe in a handler. */
static bool
ring_detach(struct ring *ring)
{
	void *memory = mmap(ring->head, WIRE_RING_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	ring->cut = memory != MAP_FAILED;
	return ring->cut;
}

static void
on_bus_error(int sig, siginfo_t *info, void *context)
{
	const char *at = info->si_addr, *head;
	struct ring *ring;

	(void)context;
	for (ring = LIST_FIRST(&mapped); ring != NULL;
	     ring = LIST_NEXT(ring, link)) {
		head = (const char *)ring->head;
		if (at >= head && at < head + WIRE_RING_BYTES &&
		    ring_detach(ring))
			return;
	}
	/* Not ours: it happens again, and ends the process. */
	(void)signal(sig, SIG_DFL);
}

void
ring_guard(void)
{
	struct sigaction action = { .sa_sigaction = on_bus_error,
		.sa_flags = SA_SIGINFO };

	(void)sigaction(SIGBUS, &action, NULL);
}

/* What was cut off is gone; say so once and go on. */
static void
ring_settle(struct ring *ring)
{
	if (!ring->cut)
		return;
	ring->cut = 0;
	ring->file = false;
	ring->floor = ring->end;
	ring_index_forget(ring);
	head_fill(ring);
	log_error("ring of %s/%s was cut short: its bytes are lost, new ones "
		  "are kept in memory",
	    ring->customer, ring->guest);
}

/* Touch each page, so that one that is gone shows now and not later. */
static void
ring_touch(struct ring *ring, size_t at, size_t len)
{
	const volatile uint8_t *data = ring->data;
	size_t i;

	for (i = at; i < at + len; i += RING_PAGE)
		(void)data[i];
	(void)data[at + len - 1];
	ring_settle(ring);
}

/* --- mapping ------------------------------------------------------------- */

void
ring_init(struct ring *ring)
{
	memset(ring, 0, sizeof(*ring));
}

static void
ring_map(struct ring *ring, void *memory)
{
	ring->head = memory;
	ring->index = (void *)((uint8_t *)memory + RING_PAGE);
	ring->data = (uint8_t *)memory + RING_FRONT;
	LIST_INSERT_HEAD(&mapped, ring, link);
}

static void
ring_unmap(struct ring *ring)
{
	if (ring->head == NULL)
		return;
	LIST_REMOVE(ring, link);
	(void)munmap(ring->head, WIRE_RING_BYTES);
	ring->head = NULL;
	ring->index = NULL;
	ring->data = NULL;
	ring->file = false;
}

void
ring_free(struct ring *ring)
{
	ring_unmap(ring);
	ring_init(ring);
}

/* Go on with the file's bytes. */
static enum ring_found
ring_adopt(struct ring *ring)
{
	bool torn = ring->head->reading != 0;

	ring->head->reading = 0;
	ring->end = ring->head->end;
	ring->floor = ring->head->floor;
	ring_index_load(ring);
	return torn ? RING_TORN : RING_RESUMED;
}

/* Go on with ours in a file that has none; old may be NULL. */
static enum ring_found
ring_found_anew(struct ring *ring, const void *old)
{
	const size_t magic = sizeof(ring->head->magic);
	enum ring_found found = RING_NEW;

	if (!head_is_new(ring->head)) {
		memset(ring->head, 0, WIRE_RING_BYTES);
		found = RING_REFUSED;
	}
	if (old != NULL)
		memcpy((uint8_t *)ring->head + magic,
		    (const uint8_t *)old + magic, WIRE_RING_BYTES - magic);
	head_fill(ring);
	return found;
}

int
ring_bind(struct ring *ring, int fd, const char *customer, const char *guest,
    enum ring_found *found)
{
	struct ring was = *ring;
	struct stat st;
	void *memory;

	if (fstat(fd, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_size != WIRE_RING_BYTES) {
		errno = EINVAL;
		return -1;
	}
	if (ring->file && ring->dev == st.st_dev && ring->ino == st.st_ino) {
		*found = RING_SAME;
		return 0;
	}
	memory = mmap(NULL, WIRE_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	if (memory == MAP_FAILED)
		return -1;
	if (ring->head != NULL)
		LIST_REMOVE(ring, link);
	ring_map(ring, memory);
	(void)text_copy(ring->customer, sizeof(ring->customer), customer);
	(void)text_copy(ring->guest, sizeof(ring->guest), guest);
	if (head_is_ours(ring->head, customer, guest))
		*found = ring_adopt(ring);
	else
		*found = ring_found_anew(ring, was.head);
	if (was.head != NULL)
		(void)munmap(was.head, WIRE_RING_BYTES);
	ring->file = true;
	ring->dev = st.st_dev;
	ring->ino = st.st_ino;
	ring_settle(ring);
	return 0;
}

int
ring_ready(struct ring *ring, const char *customer, const char *guest)
{
	void *memory;

	if (ring->head != NULL)
		return 0;
	memory = mmap(NULL, WIRE_RING_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -1;
	(void)text_copy(ring->customer, sizeof(ring->customer), customer);
	(void)text_copy(ring->guest, sizeof(ring->guest), guest);
	ring_map(ring, memory);
	head_fill(ring);
	return 0;
}

/* --- bytes --------------------------------------------------------------- */

ssize_t
ring_read(struct ring *ring, int fd, int64_t wall_ms)
{
	size_t at = POSITION(ring->end), room = RING_DATA - at;
	ssize_t n;

	if (room > RING_READ_MAX)
		room = RING_READ_MAX;
	/*
	 * If we are killed between the read and the new end, the bytes of
	 * this one read are gone; whoever maps the ring next can say so.
	 */
	__atomic_store_n(&ring->head->reading, 1, __ATOMIC_SEQ_CST);
	/* A tty's bytes are gone when there is no room for them. */
	ring_touch(ring, at, room);
	n = read(fd, ring->data + at, room);
	if (n == -1 && errno == EFAULT && ring_detach(ring)) {
		ring_settle(ring);
		n = read(fd, ring->data + at, room);
	}
	if (n > 0) {
		ring_stamp(ring, wall_ms);
		ring->end += (uint64_t)n;
		__atomic_store_n(&ring->head->end, ring->end, __ATOMIC_SEQ_CST);
	}
	__atomic_store_n(&ring->head->reading, 0, __ATOMIC_SEQ_CST);
	return n;
}

uint64_t
ring_end(const struct ring *ring)
{
	return ring->end;
}

uint64_t
ring_start(const struct ring *ring)
{
	/* A read that was never finished has written over the oldest. */
	const uint64_t kept = RING_DATA - RING_READ_MAX;
	uint64_t start = ring->end > kept ? ring->end - kept : 0;

	return start > ring->floor ? start : ring->floor;
}

size_t
ring_peek(struct ring *ring, uint64_t offset, const uint8_t **data)
{
	size_t at = POSITION(offset), n;

	*data = NULL;
	if (offset < ring_start(ring) || offset >= ring->end)
		return 0;
	n = (size_t)(ring->end - offset);
	if (n > RING_DATA - at)
		n = RING_DATA - at;
	if (n > RING_READ_MAX)
		n = RING_READ_MAX;
	ring_touch(ring, at, n);
	if (offset < ring_start(ring))
		return 0;
	*data = ring->data + at;
	return n;
}

/* The start of the next line, or offset when no line begins behind it. */
static uint64_t
line_start(struct ring *ring, uint64_t offset)
{
	uint64_t at = offset;
	const uint8_t *data, *nl;
	size_t n;

	while ((n = ring_peek(ring, at, &data)) > 0) {
		nl = memchr(data, '\n', n);
		if (nl != NULL) {
			at += (uint64_t)(nl - data) + 1;
			return at < ring->end ? at : offset;
		}
		at += n;
	}
	return offset;
}

uint64_t
ring_resolve(struct ring *ring, uint64_t from, size_t tail)
{
	uint64_t start = ring_start(ring), end = ring->end;

	if (from != WIRE_FROM_TAIL)
		return from;
	if (end - start <= tail)
		return start;
	return tail == 0 ? end : line_start(ring, end - tail);
}

bool
ring_set_boot(struct ring *ring, uint64_t boot)
{
	if (boot <= ring->head->boot)
		return false;
	ring->head->boot = boot;
	return true;
}
