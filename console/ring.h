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
#define RING_INDEX	65536
#define RING_FRONT	(RING_PAGE + RING_INDEX)
#define RING_DATA	(WIRE_RING_BYTES - RING_FRONT)

/*
 * The index behind the first page says when the bytes came: a stamp for each
 * second in which any did, one atomic word of {second since 1970, low half of
 * the offset of its first byte}.  With 128 bytes and more a second, which a
 * line or two are, it reaches as far back as the data; bytes that are older
 * than its oldest stamp have no time.
 */
#define RING_STAMPS	(RING_INDEX / sizeof(uint64_t))

/*
 * Lines of ours in their place in the stream.  One slot is always the one
 * that is being written.
 */
#define RING_MARKS	40
#define RING_MARK_TEXT	72

/*
 * Those of people who come and go are kept only so many: the newest, and
 * never at the cost of a boot's.
 */
#define RING_PEOPLE	8

enum ring_kind {
	RING_PLAIN,
	RING_BOOT,		/* a boot begins here */
	RING_GAP,		/* bytes are missing here */
	RING_COMING,		/* somebody came or went */
	RING_TAKING		/* or took over, which viewers are told of */
};

struct ring_mark {
	uint64_t	offset;		/* of the byte behind it */
	int64_t		wall_ms;
	uint32_t	kind;		/* enum ring_kind */
	uint32_t	zero;
	char		text[RING_MARK_TEXT];
};

/* The pty whose bytes these are; all zero when that is not known. */
struct ring_tty {
	uint64_t	rdev;		/* a free number is given out again */
	int64_t		made_ns;
	uint32_t	domid;
	uint32_t	ended;		/* 1: it was read until it hung up */
};

/* The file's first page.  Raise RING_VERSION when anything here changes. */
#define RING_MAGIC	UINT64_C(0x474e495248535056)	/* "VPSHRING" */
#define RING_VERSION	2

struct ring_head {
	uint64_t	magic;
	uint32_t	version;
	uint32_t	size;		/* of the data */
	uint64_t	end;		/* offset of the next byte */
	uint64_t	floor;		/* nothing before it is there */
	uint64_t	boot;		/* newest boot number that was seen */
	/* Set while a read is under way: its bytes may be lost. */
	uint32_t	reading;
	uint32_t	zero;
	uint64_t	next_stamp;	/* numbers, counted for ever */
	uint64_t	next_mark;
	char		customer[WIRE_NAME];
	char		guest[WIRE_NAME];
	struct ring_mark marks[RING_MARKS];
	struct ring_tty	tty;
};

/* Which numbers of stamps or marks are there and good. */
struct ring_span {
	uint64_t	first;
	uint64_t	next;
};

struct ring {
	LIST_ENTRY(ring)	 link;		/* of those with a head */
	struct ring_head	*head;		/* NULL: no bytes yet */
	uint64_t		*index;
	uint8_t			*data;
	uint64_t		 end;		/* ours; the head has copies */
	uint64_t		 floor;
	struct ring_span	 stamps;
	struct ring_span	 marks;
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

/* read(2) into the ring, RING_READ_MAX bytes at most, at that time. */
ssize_t	 ring_read(struct ring *ring, int fd, int64_t wall_ms);

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

/* Is it one that the ring has not seen?  It has from now on. */
bool	 ring_set_boot(struct ring *ring, uint64_t boot);

/* --- ring_index.c -------------------------------------------------------- */

/* Take over what the file has of stamps and marks, as far as it is sane. */
void	 ring_index_load(struct ring *ring);
/* There are none any more. */
void	 ring_index_forget(struct ring *ring);

/* The next byte comes at that time. */
void	 ring_stamp(struct ring *ring, int64_t wall_ms);

/*
 * When the byte at offset came, as the start of that second; -1: not known.
 * *next: where that may change.
 */
int64_t	 ring_stamp_at(const struct ring *ring, uint64_t offset,
	    uint64_t *next);

/*
 * The first byte that did not come before that time.  After the clock was
 * set back that is the first one all the same: too much is shown then, never
 * too little.
 */
uint64_t ring_since(const struct ring *ring, int64_t wall_ms);

/*
 * Mark where the stream stands now; text is cut at its size.  Returns the
 * number of the mark that had to go for it, if those before that one were
 * moved up by one to fill its place; else RING_NONE.
 */
#define RING_NONE UINT64_MAX
uint64_t ring_mark(struct ring *ring, int64_t wall_ms, enum ring_kind kind,
	    const char *text);

/*
 * The mark of that number, or the oldest one that is kept behind it.  False:
 * there is none yet.
 */
bool	 ring_mark_at(const struct ring *ring, uint64_t *number,
	    struct ring_mark *mark);

/* Where the newest boot begins; the ring's start when that is not known. */
uint64_t ring_boot_start(const struct ring *ring);

#endif
