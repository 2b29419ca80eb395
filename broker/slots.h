/* SPDX-License-Identifier: ISC */
#ifndef BROKER_SLOTS_H
#define BROKER_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A file of fixed size that outlives its writer: tables of slots for one
 * record each.  A slot has two copies of it and one word that says which of
 * them counts, so that a writer may be killed at any instruction and leaves
 * either the old record or the new one.
 *
 * Whoever could write to the file while it was somebody's is not trusted:
 * all of it is judged when it is opened, and again when it is read.
 */
#define SLOTS_TABLES	3

struct slots_table {
	uint32_t	 count;		/* of slots */
	uint32_t	 size;		/* of a record */
	/* May it be so?  Of a copy that nobody else can change. */
	bool		(*sane)(const void *record);
};

struct slots {
	const struct slots_table *tables;	/* SLOTS_TABLES of them */
	uint32_t		 version;
	unsigned char		*map;		/* NULL: not open */
	uint32_t		 next[SLOTS_TABLES];	/* where to look */
};

/*
 * Open dir/name, or make it.  One of another version, or one that is not
 * sane in all its parts, is renamed to name.bad and a new one made.  Where
 * there can be none, or dir is NULL, it is memory and nothing outlives us.
 * Returns 0, or -1 with errno when there is no memory either.
 */
int	 slots_open(struct slots *s, const struct slots_table *tables,
	    uint32_t version, const char *dir, const char *name);
void	 slots_close(struct slots *s);

/* Rename dir/name to name.bad, and tell the operator why. */
void	 slots_put_aside(const char *dir, const char *name, const char *why);

/*
 * Have that record in *slot; in a free one, if it is -1.  Returns -1 when
 * there is none.
 */
int	 slots_put(struct slots *s, unsigned table, int *slot,
	    const void *record);
/* Nothing is in *slot any more, which becomes -1. */
void	 slots_drop(struct slots *s, unsigned table, int *slot);
/* A copy of what is in the slot; false: nothing, or it is not sane. */
bool	 slots_get(const struct slots *s, unsigned table, int slot,
	    void *record);

#endif
