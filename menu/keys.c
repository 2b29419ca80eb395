/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "menu/keys.h"

#define ESC 0x1b
#define BEL 0x07
#define CAN 0x18
#define SUB 0x1a

/* ESC O and ESC [ in one byte; not in UTF-8. */
#define C1_SS3 0x8f
#define C1_CSI 0x9b

/* Keys that are a number and a tilde, as the VT220 has them. */
static const struct {
	int number;
	uint32_t key;
} tilde_keys[] = {
	{ 1, KEYS_HOME },
	{ 3, KEYS_DELETE },
	{ 4, KEYS_END },
	{ 5, KEYS_PAGE_UP },
	{ 6, KEYS_PAGE_DOWN },
	{ 7, KEYS_HOME }, /* rxvt */
	{ 8, KEYS_END },
	{ 11, '?' }, /* F1 */
};

/* Keys that are a letter, behind ESC [ or ESC O. */
static const struct {
	char letter;
	uint32_t key;
} letter_keys[] = {
	{ 'A', KEYS_UP },
	{ 'B', KEYS_DOWN },
	{ 'C', KEYS_RIGHT },
	{ 'D', KEYS_LEFT },
	{ 'F', KEYS_END },
	{ 'H', KEYS_HOME },
	{ 'M', KEYS_ENTER }, /* of the keypad, ESC O only */
	{ 'P', '?' },	     /* F1 */
};

#define N(table) (sizeof(table) / sizeof((table)[0]))

void
keys_init(struct keys *keys, bool utf8)
{
	memset(keys, 0, sizeof(*keys));
	keys->utf8 = utf8;
	keys->last_ms = -KEYS_SILENCE_MS;
}

/* A key that finds no room is lost: nobody types that fast. */
static void
queue_key(struct keys *keys, uint32_t key)
{
	if (keys->count == KEYS_QUEUE)
		return;
	keys->queue[(keys->first + keys->count) % KEYS_QUEUE] = key;
	keys->count++;
}

static void
paste_begin(struct keys *keys)
{
	keys->npaste = 0;
	keys->ncsi = 0;
	keys->overlong = false;
}

/* One line of it is all that a field can take. */
static void
paste_byte(struct keys *keys, unsigned char byte)
{
	if (byte == '\r' || byte == '\n')
		keys->overlong = keys->overlong || keys->npaste > 0;
	else if (keys->npaste == KEYS_PASTE_MAX)
		keys->overlong = true;
	else if (!keys->overlong)
		keys->paste[keys->npaste++] = (char)byte;
}

static void
paste_end(struct keys *keys)
{
	keys->paste[keys->npaste] = '\0';
	if (keys->npaste > 0 && !keys->hushed)
		queue_key(keys, KEYS_PASTE);
	keys->hushed = false;
}

static uint32_t
plain_key(uint32_t point)
{
	switch (point) {
	case '\r':
	case '\n':
		return KEYS_ENTER;
	case '\t':
		return KEYS_TAB;
	case '\b':
	case 0x7f:
		return KEYS_ERASE;
	default:
		return point;
	}
}

/* A whole character that was typed. */
static void
take_point(struct keys *keys, uint32_t point)
{
	/* C1, which a decoder of UTF-8 has no use for. */
	if (point >= 0x80 && point < 0xa0)
		return;
	queue_key(keys, plain_key(point));
}

/*
 * One byte of a character.  Bytes that make none are nothing; the byte that
 * shows it may begin the next one.
 */
static void
take_byte(struct keys *keys, unsigned char byte)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t point;
	size_t i;

	if (keys->npart > 0 && (byte & 0xc0) == 0x80) {
		keys->part[keys->npart++] = byte;
		if (keys->npart < keys->want)
			return;
		point = keys->part[0] & (0xffu >> (keys->want + 1));
		for (i = 1; i < keys->npart; i++)
			point = point << 6 | (keys->part[i] & 0x3fu);
		keys->npart = 0;
		/* Overlong, or what would be a key by its number. */
		if (point >= least[keys->want] && point < KEYS_ENTER)
			take_point(keys, point);
		return;
	}
	keys->npart = 0;
	if (byte < 0x80 || !keys->utf8) {
		take_point(keys, byte);
		return;
	}
	if (byte < 0xc2 || byte > 0xf4)
		return;
	keys->want = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
	keys->part[keys->npart++] = byte;
}

static void
end_letter(struct keys *keys, unsigned char letter)
{
	size_t i;

	for (i = 0; i < N(letter_keys); i++)
		if (letter_keys[i].letter == (char)letter)
			queue_key(keys, letter_keys[i].key);
}

static void
end_tilde(struct keys *keys)
{
	int number = atoi(keys->csi);
	size_t i;

	if (number == 200) {
		keys->pasting = true;
		paste_begin(keys);
		return;
	}
	for (i = 0; i < N(tilde_keys); i++)
		if (tilde_keys[i].number == number)
			queue_key(keys, tilde_keys[i].key);
}

/* Only the wheel; bits 2 to 4 are the modifiers. */
static void
wheel(struct keys *keys, unsigned button)
{
	button &= ~0x1cu;
	if (button == 64)
		queue_key(keys, KEYS_WHEEL_UP);
	else if (button == 65)
		queue_key(keys, KEYS_WHEEL_DOWN);
}

/*
 * ESC [ ... final.  Parameters of a key are digits and semicolons; a private
 * mark in front or an intermediate says that it is an answer.
 */
static void
end_csi(struct keys *keys, unsigned char final)
{
	keys->csi[keys->ncsi] = '\0';
	if (keys->csi[0] == '<' && final == 'M') {
		wheel(keys, (unsigned)atoi(keys->csi + 1));
		return;
	}
	if (strspn(keys->csi, "0123456789;") != keys->ncsi)
		return;
	if (final == '~')
		end_tilde(keys);
	/*
	 * With a modifier the first parameter of a letter is 1; ESC [ 24;80 R
	 * and the like are answers.
	 */
	else if (keys->ncsi == 0 || strncmp(keys->csi, "1;", 2) == 0)
		end_letter(keys, final);
}

static void
csi_byte(struct keys *keys, unsigned char byte)
{
	if (byte >= 0x20 && byte < 0x40) {
		/* Too long for a key; it is followed to its end. */
		if (keys->ncsi < sizeof(keys->csi) - 1)
			keys->csi[keys->ncsi++] = (char)byte;
		return;
	}
	keys->state = KEYS_GROUND;
	if (byte < 0x40 || byte > 0x7e)
		return;
	if (byte == '[' && keys->ncsi == 0)
		keys->state = KEYS_LINUX;
	else if (byte == 'M' && keys->ncsi == 0) {
		keys->state = KEYS_MOUSE;
		keys->mouse = 0;
	} else
		end_csi(keys, byte);
}

static void
mouse_byte(struct keys *keys, unsigned char byte)
{
	if (keys->mouse == 0)
		keys->button = byte - 32u;
	if (++keys->mouse < 3)
		return;
	keys->state = KEYS_GROUND;
	wheel(keys, keys->button);
}

static void
escaped_byte(struct keys *keys, unsigned char byte)
{
	keys->state = KEYS_GROUND;
	switch (byte) {
	case '[':
		keys->state = KEYS_CSI;
		keys->ncsi = 0;
		break;
	case 'O':
		keys->state = KEYS_SS3;
		break;
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		keys->state = KEYS_STRING;
		break;
	case ESC:
		queue_key(keys, KEYS_ESC);
		keys->state = KEYS_ESCAPED;
		break;
	default:
		/* Alt and a key: no key of ours, and no key without Alt. */
		break;
	}
}

/*
 * What ends a string that is none, such as Alt-] and a line: no answer of a
 * terminal has a control character in it.
 */
static void
string_byte(struct keys *keys, unsigned char byte)
{
	if (byte == ESC)
		keys->state = KEYS_STRING_ESCAPED;
	else if (byte == BEL || byte < 0x20)
		keys->state = KEYS_GROUND;
}

static void
ground_byte(struct keys *keys, unsigned char byte)
{
	if (byte == ESC) {
		keys->npart = 0;
		keys->state = KEYS_ESCAPED;
	} else if (!keys->utf8 && byte == C1_CSI) {
		keys->state = KEYS_CSI;
		keys->ncsi = 0;
	} else if (!keys->utf8 && byte == C1_SS3)
		keys->state = KEYS_SS3;
	else
		take_byte(keys, byte);
}

/* The rest of a sequence whose ESC was taken for the key. */
static void
late_byte(struct keys *keys, unsigned char byte)
{
	keys->state = KEYS_GROUND;
	if (byte == '[' || byte == 'O')
		escaped_byte(keys, byte);
	else
		ground_byte(keys, byte);
}

/* Of a few bytes: another ESC begins anew. */
static bool
is_short(enum keys_state state)
{
	return state == KEYS_CSI || state == KEYS_SS3 || state == KEYS_LINUX;
}

static void
key_byte(struct keys *keys, unsigned char byte)
{
	if ((byte == CAN || byte == SUB) && keys->state != KEYS_GROUND) {
		keys->state = KEYS_GROUND;
		return;
	}
	if (byte == ESC && is_short(keys->state)) {
		keys->state = KEYS_ESCAPED;
		return;
	}
	switch (keys->state) {
	case KEYS_GROUND:
		ground_byte(keys, byte);
		break;
	case KEYS_ESCAPED:
		escaped_byte(keys, byte);
		break;
	case KEYS_SS3:
		keys->state = KEYS_GROUND;
		end_letter(keys, byte);
		break;
	case KEYS_CSI:
		csi_byte(keys, byte);
		break;
	case KEYS_MOUSE:
		mouse_byte(keys, byte);
		break;
	case KEYS_LINUX:
		keys->state = KEYS_GROUND;
		if (byte == 'A')
			queue_key(keys, '?');
		break;
	case KEYS_STRING:
		string_byte(keys, byte);
		break;
	case KEYS_STRING_ESCAPED:
		keys->state = KEYS_GROUND;
		if (byte != '\\')
			escaped_byte(keys, byte);
		break;
	case KEYS_LATE:
		late_byte(keys, byte);
		break;
	}
}

/*
 * Inside ESC[200~ ... ESC[201~ nothing is a key.  The end is looked for byte
 * by byte: csi has as much of it as has come.
 */
static void
pasted_byte(struct keys *keys, unsigned char byte)
{
	static const char end[] = "\033[201~";
	size_t i;

	if (byte == (unsigned char)end[keys->ncsi]) {
		keys->ncsi++;
		if (end[keys->ncsi] != '\0')
			return;
		keys->ncsi = 0;
		keys->pasting = false;
		paste_end(keys);
		return;
	}
	for (i = 0; i < keys->ncsi; i++)
		paste_byte(keys, (unsigned char)end[i]);
	keys->ncsi = 0;
	if (byte == ESC)
		keys->ncsi = 1;
	else
		paste_byte(keys, byte);
}

/*
 * Many different characters at once: a paste through a terminal that does
 * not say so.  One key that was held down is no paste, and sequences are
 * looked at when they are over.
 */
static bool
is_burst(const char *bytes, size_t len)
{
	bool differ = false;
	size_t i;

	for (i = 0; i < len && bytes[i] != ESC; i++) {
		differ = differ || bytes[i] != bytes[0];
		if (differ && i + 1 >= KEYS_BURST)
			return true;
	}
	return false;
}

/* Whether what comes now begins a burst; asked once for each run of text. */
static void
look_for_burst(struct keys *keys, const char *bytes, size_t len)
{
	if (keys->state == KEYS_LATE && bytes[0] != '[' && bytes[0] != 'O')
		keys->state = KEYS_GROUND;
	if (keys->state != KEYS_GROUND || !is_burst(bytes, len))
		return;
	keys->burst = true;
	paste_begin(keys);
}

/* Two characters without any key that ends or controls: of an answer. */
static bool
is_rest(const char *bytes, size_t len)
{
	bool differ = false;
	size_t i;

	for (i = 0; i < len && bytes[i] != ESC; i++) {
		if ((unsigned char)bytes[i] < ' ' && bytes[i] != BEL)
			return false;
		differ = differ || bytes[i] != bytes[0];
	}
	return differ;
}

/* What had its beginning taken by somebody else. */
static bool
look_for_rest(struct keys *keys, const char *bytes, size_t len, int64_t now)
{
	if (now >= keys->wary_until || keys->state != KEYS_GROUND ||
	    !is_rest(bytes, len))
		return false;
	keys->burst = keys->hushed = true;
	keys->wary_until = now + KEYS_WARY_MS;
	paste_begin(keys);
	return true;
}

void
keys_wary(struct keys *keys, int64_t now)
{
	keys->wary_until = now + KEYS_WARY_MS;
}

void
keys_feed(struct keys *keys, const char *bytes, size_t len, int64_t now)
{
	bool asked = false;
	size_t i;

	keys_tick(keys, now);
	if (len == 0)
		return;
	for (i = 0; i < len; i++) {
		if (keys->state != KEYS_GROUND && keys->state != KEYS_LATE)
			asked = false;
		else if (!asked && !keys->burst && !keys->pasting) {
			if (!look_for_rest(keys, bytes + i, len - i, now))
				look_for_burst(keys, bytes + i, len - i);
			asked = true;
		}
		if (keys->burst)
			paste_byte(keys, (unsigned char)bytes[i]);
		else if (keys->pasting)
			pasted_byte(keys, (unsigned char)bytes[i]);
		else
			key_byte(keys, (unsigned char)bytes[i]);
	}
	keys->last_ms = now;
}

int64_t
keys_due(const struct keys *keys)
{
	if (keys->burst)
		return keys->last_ms + KEYS_BURST_MS;
	if (keys->pasting)
		return keys->last_ms + KEYS_SILENCE_MS;
	switch (keys->state) {
	case KEYS_GROUND:
		return -1;
	case KEYS_ESCAPED:
		return keys->last_ms + KEYS_ESC_MS;
	case KEYS_SS3:
	case KEYS_CSI:
	case KEYS_MOUSE:
	case KEYS_LINUX:
	case KEYS_STRING:
	case KEYS_STRING_ESCAPED:
	case KEYS_LATE:
		break;
	}
	return keys->last_ms + KEYS_SILENCE_MS;
}

void
keys_tick(struct keys *keys, int64_t now)
{
	const int64_t due = keys_due(keys);

	if (due == -1 || now < due)
		return;
	if (keys->burst) {
		keys->burst = false;
		paste_end(keys);
	} else if (keys->pasting) {
		/* Its end was lost, and so is what it was. */
		keys->pasting = false;
		keys->ncsi = 0;
	} else if (keys->state == KEYS_ESCAPED) {
		queue_key(keys, KEYS_ESC);
		keys->state = KEYS_LATE;
		keys->last_ms = now;
	} else
		keys->state = KEYS_GROUND;
}

bool
keys_next(struct keys *keys, uint32_t *key)
{
	if (keys->count == 0)
		return false;
	*key = keys->queue[keys->first];
	keys->first = (keys->first + 1) % KEYS_QUEUE;
	keys->count--;
	return true;
}

void
keys_drop(struct keys *keys)
{
	keys->count = 0;
	if (keys->burst || keys->pasting) {
		keys->npaste = 0;
		keys->overlong = true;
	}
}
