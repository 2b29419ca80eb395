/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "console/ring.h"

/* More bytes than any console ever carries: the head is not one of ours. */
#define END_MAX (UINT64_C(1) << 62)

/* RING_DATA is a power of two, so that an offset is a position. */
#define POSITION(offset) ((size_t)((offset) & (RING_DATA - 1)))

_Static_assert((RING_DATA & (RING_DATA - 1)) == 0, "power of two");
_Static_assert(sizeof(struct ring_head) <= RING_PAGE, "one page");

void
ring_init(struct ring *ring)
{
	memset(ring, 0, sizeof(*ring));
}

void
ring_free(struct ring *ring)
{
	if (ring->head != NULL)
		(void)munmap(ring->head, WIRE_RING_BYTES);
	ring_init(ring);
}

static void
head_fill(struct ring_head *head, const char *customer, const char *guest)
{
	memset(head, 0, sizeof(*head));
	head->version = RING_VERSION;
	head->size = RING_DATA;
	(void)text_copy(head->customer, sizeof(head->customer), customer);
	(void)text_copy(head->guest, sizeof(head->guest), guest);
	/* Last: without it the file counts as damaged and is wiped. */
	head->magic = RING_MAGIC;
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
	    head->reading <= 1 && head->zero == 0 &&
	    strncmp(head->customer, customer, WIRE_NAME) == 0 &&
	    strncmp(head->guest, guest, WIRE_NAME) == 0;
}

static enum ring_found
head_judge(struct ring_head *head, const char *customer, const char *guest)
{
	enum ring_found found;

	if (head_is_ours(head, customer, guest)) {
		found = head->reading ? RING_TORN : RING_RESUMED;
		head->reading = 0;
		return found;
	}
	found = head_is_new(head) ? RING_NEW : RING_REFUSED;
	if (found == RING_REFUSED)
		memset(head, 0, WIRE_RING_BYTES);
	head_fill(head, customer, guest);
	return found;
}

int
ring_bind(struct ring *ring, int fd, const char *customer, const char *guest,
    enum ring_found *found)
{
	struct ring_head *head;
	struct stat st;

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
	head = mmap(NULL, WIRE_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	if (head == MAP_FAILED)
		return -1;
	*found = head_judge(head, customer, guest);
	if (ring->head != NULL && *found != RING_RESUMED && *found != RING_TORN)
		memcpy(head, ring->head, WIRE_RING_BYTES);
	ring_free(ring);
	ring->head = head;
	ring->data = (uint8_t *)head + RING_PAGE;
	ring->file = true;
	ring->dev = st.st_dev;
	ring->ino = st.st_ino;
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
	ring->head = memory;
	ring->data = (uint8_t *)memory + RING_PAGE;
	head_fill(ring->head, customer, guest);
	return 0;
}

ssize_t
ring_read(struct ring *ring, int fd)
{
	size_t at = POSITION(ring->head->end);
	size_t room = RING_DATA - at;
	ssize_t n;

	if (room > RING_READ_MAX)
		room = RING_READ_MAX;
	/*
	 * If we are killed between the read and the new end, the bytes of
	 * this one read are gone; whoever maps the ring next can say so.
	 */
	__atomic_store_n(&ring->head->reading, 1, __ATOMIC_SEQ_CST);
	n = read(fd, ring->data + at, room);
	if (n > 0)
		__atomic_store_n(&ring->head->end,
		    ring->head->end + (uint64_t)n, __ATOMIC_SEQ_CST);
	__atomic_store_n(&ring->head->reading, 0, __ATOMIC_SEQ_CST);
	return n;
}

uint64_t
ring_end(const struct ring *ring)
{
	return ring->head == NULL ? 0 : ring->head->end;
}

uint64_t
ring_start(const struct ring *ring)
{
	/* A read that was never finished has written over the oldest. */
	const uint64_t kept = RING_DATA - RING_READ_MAX;
	uint64_t end = ring_end(ring);

	return end > kept ? end - kept : 0;
}

size_t
ring_peek(const struct ring *ring, uint64_t offset, const uint8_t **data)
{
	size_t at = POSITION(offset), n;

	*data = NULL;
	if (offset < ring_start(ring) || offset >= ring_end(ring))
		return 0;
	n = (size_t)(ring_end(ring) - offset);
	if (n > RING_DATA - at)
		n = RING_DATA - at;
	*data = ring->data + at;
	return n;
}

/* The start of the next line, or offset when no line begins behind it. */
static uint64_t
line_start(const struct ring *ring, uint64_t offset)
{
	uint64_t at = offset;
	const uint8_t *data, *nl;
	size_t n;

	while ((n = ring_peek(ring, at, &data)) > 0) {
		nl = memchr(data, '\n', n);
		if (nl != NULL) {
			at += (uint64_t)(nl - data) + 1;
			return at < ring_end(ring) ? at : offset;
		}
		at += n;
	}
	return offset;
}

uint64_t
ring_resolve(const struct ring *ring, uint64_t from, size_t tail)
{
	uint64_t start = ring_start(ring), end = ring_end(ring);

	if (from != WIRE_FROM_TAIL)
		return from;
	if (end - start <= tail)
		return start;
	return tail == 0 ? end : line_start(ring, end - tail);
}

void
ring_set_boot(struct ring *ring, uint64_t boot)
{
	if (boot > ring->head->boot)
		ring->head->boot = boot;
}
