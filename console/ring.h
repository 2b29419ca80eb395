/* SPDX-License-Identifier: ISC */
#ifndef CONSOLE_RING_H
#define CONSOLE_RING_H

#include <sys/queue.h>
#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

/*
 * The newest bytes of one guest's console.  Every byte has an offset that
 * counts from the first byte the stream ever had, over all boots and over
 * restarts of this process.
 *
 * A ring lives in a file that the watcher made and that is mapped here, so
 * that whoever maps it next goes on where we stopped.  Without a file it is
 * ordinary memory, and before the first console of a guest it is nothing.
 */

/* One read at most; as much of the oldest data is never shown. */
#define RING_READ_MAX	16384

#define RING_PAGE	4096
#define RING_DATA	(WIRE_RING_BYTES - RING_PAGE)

/* The file's first page.  Raise RING_VERSION when anything here changes. */
#define RING_MAGIC	UINT64_C(0x474e495248535056)	/* "VPSHRING" */
#define RING_VERSION	1

struct ring_head {
	uint64_t	magic;
	uint32_t	version;
	uint32_t	size;		/* of the data behind this page */
	uint64_t	end;		/* offset of the next byte */
	uint64_t	floor;		/* nothing before it is there */
	uint64_t	boot;		/* newest boot number that was seen */
	/* Set while a read is under way: its bytes may be lost. */
	uint32_t	reading;
	uint32_t	zero;
	char		customer[WIRE_NAME];
	char		guest[WIRE_NAME];
};

struct ring {
	LIST_ENTRY(ring)	 link;		/* of those with a head */
	struct ring_head	*head;		/* NULL: no bytes yet */
	uint8_t			*data;
	uint64_t		 end;		/* ours; the head has copies */
	uint64_t		 floor;
	volatile sig_atomic_t	 cut;		/* the file got too short */
	char			 customer[WIRE_NAME];
	char			 guest[WIRE_NAME];
	bool			 file;		/* dev and ino are valid */
	dev_t			 dev;
	ino_t			 ino;
};

enum ring_found {
	RING_NEW,		/* zero-filled, taken into use */
	RING_RESUMED,		/* its bytes are ours and whole */
	RING_TORN,		/* the same, but one read may be missing */
	RING_REFUSED,		/* inconsistent: wiped, taken into use */
	RING_SAME		/* this file is mapped already */
};

/*
 * From now on a ring whose file is cut short, which its owner may do at any
 * time, loses its bytes and goes on in memory.  Otherwise that would end the
 * process (SIGBUS), and with it everybody's console.
 */
void	 ring_guard(void);

/* A ring stays where it is until ring_free(). */
void	 ring_init(struct ring *ring);
void	 ring_free(struct ring *ring);

/*
 * Map the file (which stays the caller's) as the ring of that stream.  What
 * is in memory already is taken along into a new file.  Returns 0, or -1
 * with errno when it cannot be a ring (EINVAL) or not be mapped; the ring is
 * then as before.
 */
int	 ring_bind(struct ring *ring, int fd, const char *customer,
	    const char *guest, enum ring_found *found);

/* Have memory for bytes, if there is none.  0, or -1 with errno. */
int	 ring_ready(struct ring *ring, const char *customer,
	    const char *guest);

/* read(2) into the ring, RING_READ_MAX bytes at most. */
ssize_t	 ring_read(struct ring *ring, int fd);

/* The oldest byte that is still there, and the next to come. */
uint64_t ring_start(const struct ring *ring);
uint64_t ring_end(const struct ring *ring);

/*
 * The bytes from offset on that lie in one piece, RING_READ_MAX at most; 0
 * at the end, and where there are none any more.
 */
size_t	 ring_peek(struct ring *ring, uint64_t offset,
	    const uint8_t **data);

/*
 * Where a viewer that asks for from (WIRE_FROM_TAIL: the last tail bytes,
 * from a line's start if there is one) begins.  May be before ring_start().
 */
uint64_t ring_resolve(struct ring *ring, uint64_t from, size_t tail);

void	 ring_set_boot(struct ring *ring, uint64_t boot);

#endif
