/* SPDX-License-Identifier: ISC */
#ifndef BASE_ANSI_H
#define BASE_ANSI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What somebody else's program sends to a terminal, made fit for one that is
 * not its own: bytes come in pieces of any size, and what comes out never
 * ends in the middle of a control sequence.
 *
 * ansi_plain() leaves text: for files, for lines, for who is to see what was
 * said and nothing else.  ansi_view() leaves a picture as well: for who looks
 * on.  After neither can the terminal be made to answer, be renamed, print,
 * keep anything or change what its keys say.
 *
 * The terminal is taken to be one of UTF-8, as those of today are; C1
 * controls are left out in both of their forms.
 */

/* The longest control sequence that is let through; longer ones are not. */
#define ANSI_HELD 64

struct ansi {
	int	 state;
	uint8_t	 held[ANSI_HELD];	/* of what has not ended yet */
	size_t	 len;
	unsigned want;			/* bytes of a character to come */
	bool	 cr;			/* plain: carriage return to come */
	bool	 mid;			/* plain: in the middle of a line */
	uint32_t keys;			/* modes of the keyboard that are on */
};

void	 ansi_init(struct ansi *ansi);

/*
 * A picture of len bytes: characters, motion, colours, erasing, scrolling,
 * line drawing and the alternate screen.  dst has room for
 * ANSI_VIEW_MAX(len); returns how much of it was used.
 */
#define ANSI_VIEW_MAX(len) ((len) + ANSI_HELD)
size_t	 ansi_view(struct ansi *ansi, const uint8_t *src, size_t len,
	    uint8_t *dst);

/*
 * Text alone: new lines and tabs stay, everything else goes through
 * text_escape().  A carriage return before a new line is part of it; any
 * other begins a line of its own, so that a progress bar does not hide what
 * it overwrote.  dst has room for ANSI_PLAIN_MAX(len) and is a string.
 */
#define ANSI_PLAIN_MAX(len) (4 * (len) + 24)
size_t	 ansi_plain(struct ansi *ansi, const uint8_t *src, size_t len,
	    char *dst);

/* Nothing more comes: the rest of it, ANSI_PLAIN_MAX(0) at most. */
size_t	 ansi_plain_end(struct ansi *ansi, char *dst);

/* All of it in one: a string, to be freed; NULL when there is no memory. */
char	*ansi_text(const uint8_t *src, size_t len, size_t *outlen);

/* These bytes went to the terminal as they are: keep up with them. */
void	 ansi_follow(struct ansi *ansi, const uint8_t *src, size_t len);

/* Is it between two control sequences? */
bool	 ansi_is_between(const struct ansi *ansi);

/*
 * Which modes of keyboard and mouse the program has turned on: what turns
 * them on, or off, in a terminal that does not have, or has, them.  dst has
 * room for ANSI_KEYS_MAX; returns how much of it was used.
 */
#define ANSI_KEYS_MAX 256
size_t	 ansi_keys(const struct ansi *ansi, bool on, char *dst);

#endif
