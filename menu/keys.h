/* SPDX-License-Identifier: ISC */
#ifndef MENU_KEYS_H
#define MENU_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a terminal sends, as keys: a character is its code point (Ctrl-C is
 * 3), the others are below.  Pure: bytes and times in, keys and pastes out.
 * Escape sequences that are no key of ours, and what a terminal answers when
 * it is asked (DA, DSR, OSC, DCS), are nothing at all.
 */
enum keys_name {
	KEYS_ENTER = 0x110000,
	KEYS_ESC,
	KEYS_TAB,
	KEYS_ERASE,		/* Backspace */
	KEYS_DELETE,
	KEYS_UP,
	KEYS_DOWN,
	KEYS_LEFT,
	KEYS_RIGHT,
	KEYS_HOME,
	KEYS_END,
	KEYS_PAGE_UP,
	KEYS_PAGE_DOWN,
	KEYS_WHEEL_UP,
	KEYS_WHEEL_DOWN,
	KEYS_PASTE		/* in keys->paste */
};

#define KEYS_CTRL(letter) ((uint32_t)(letter)&0x1f)

#define KEYS_PASTE_MAX	 256
#define KEYS_QUEUE	 64
#define KEYS_ESC_MS	 50	 /* Esc alone */
#define KEYS_SILENCE_MS	 1000	 /* ends whatever has not ended */
#define KEYS_BURST	 8	 /* characters at once are no typing */
#define KEYS_BURST_MS	 200
#define KEYS_WARY_MS	 2000

enum keys_state {
	KEYS_GROUND,
	KEYS_ESCAPED,		/* ESC */
	KEYS_SS3,		/* ESC O */
	KEYS_CSI,		/* ESC [ */
	KEYS_MOUSE,		/* ESC [ M and three bytes */
	KEYS_LINUX,		/* ESC [ [ and one */
	KEYS_STRING,		/* OSC, DCS, APC, PM, SOS: until BEL or ST */
	KEYS_STRING_ESCAPED,
	KEYS_LATE		/* Esc was told already: does a [ follow? */
};

struct keys {
	bool		 utf8;
	enum keys_state	 state;
	int64_t		 last_ms;	/* of the last byte */
	char		 csi[32];	/* parameters and intermediates */
	size_t		 ncsi;
	unsigned	 mouse;		/* bytes of it that came */
	unsigned	 button;
	unsigned char	 part[4];	/* of a character */
	size_t		 npart;
	size_t		 want;
	bool		 pasting;	/* between ESC[200~ and ESC[201~ */
	bool		 overlong;	/* more lines, or longer than paste */
	bool		 burst;		/* of typed characters: a paste too */
	bool		 hushed;	/* it is not told of */
	int64_t		 wary_until;
	char		 paste[KEYS_PASTE_MAX + 1];
	size_t		 npaste;
	uint32_t	 queue[KEYS_QUEUE];
	size_t		 first;
	size_t		 count;
};

void		 keys_init(struct keys *keys, bool utf8);

/* All that could be read at once, at that time. */
void		 keys_feed(struct keys *keys, const char *bytes, size_t len,
		    int64_t now);

/* The time passes: ends a lone Esc, and what stays without an end. */
void		 keys_tick(struct keys *keys, int64_t now);

/* When keys_tick() has something to do; -1: nothing is under way. */
int64_t		 keys_due(const struct keys *keys);

/*
 * The next key; false: there is none.  After KEYS_PASTE, keys->paste has its
 * first line, valid until the next call of keys_feed() or keys_tick().
 */
bool		 keys_next(struct keys *keys, uint32_t *key);

/*
 * Somebody else has read from this terminal until now, and may have taken the
 * beginning of an answer or of a paste: for a while what comes in one go is
 * no typing, however short, and nothing is told of it.
 */
void		 keys_wary(struct keys *keys, int64_t now);

/* What was typed ahead; a sequence under way is not cut in two. */
void		 keys_drop(struct keys *keys);

#endif
