/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/ansi.h"
#include "base/text.h"

/*
 * Control functions as of ECMA-48 and xterm's ctlseqs.  What is let through
 * is listed; what nobody thought of is not.
 */

#define BEL 0x07
#define CAN 0x18
#define SUB 0x1a
#define ESC 0x1b
#define DEL 0x7f

#define RUN_SIZE   256 /* of text that is escaped at once */
#define DIGITS_MAX 4   /* of a number: nobody's screen is larger */

enum state {
	GROUND,
	CHARACTER, /* of more than one byte */
	ESCAPE,
	ESCAPE_MORE, /* behind an intermediate byte */
	CSI,
	STRING, /* OSC, DCS, SOS, PM, APC: up to BEL or ST */
	STRING_ESCAPE
};

/* What a byte has completed; it is in held. */
enum token {
	TOKEN_NONE,
	TOKEN_TEXT,
	TOKEN_BAD, /* no UTF-8 */
	TOKEN_CONTROL,
	TOKEN_ESCAPE,
	TOKEN_CSI
};

/* Private modes that change what keys and mouse send. */
static const unsigned key_modes[] = { 1, 9, 66, 1000, 1001, 1002, 1003, 1004,
	1005, 1006, 1015, 1016, 2004 };
#define NKEY_MODES (sizeof(key_modes) / sizeof(key_modes[0]))
#define KEYPAD	   (1u << NKEY_MODES) /* ESC = */

/* And those of the screen: reverse, origin, wrap, cursor, the alternate. */
static const unsigned screen_modes[] = { 5, 6, 7, 25, 45, 47, 1047, 1048,
	1049 };
#define NSCREEN_MODES (sizeof(screen_modes) / sizeof(screen_modes[0]))

void
ansi_init(struct ansi *ansi)
{
	memset(ansi, 0, sizeof(*ansi));
}

bool
ansi_is_between(const struct ansi *ansi)
{
	return ansi->state == GROUND;
}

/* --- control sequences out of bytes -------------------------------------- */

/* One that is too long is known by its length, and not used. */
static void
hold(struct ansi *ansi, uint8_t c)
{
	if (ansi->len < ANSI_HELD)
		ansi->held[ansi->len] = c;
	ansi->len++;
}

static enum token
begin(struct ansi *ansi, int state, uint8_t c, enum token token)
{
	ansi->state = state;
	ansi->len = 0;
	hold(ansi, c);
	return token;
}

static enum token
end(struct ansi *ansi, enum token token)
{
	ansi->state = GROUND;
	return ansi->len > ANSI_HELD ? TOKEN_NONE : token;
}

/* It ends before this byte, which has yet to be read. */
static enum token
end_before(struct ansi *ansi, enum token token, bool *again)
{
	*again = true;
	return end(ansi, token);
}

static enum token
step_ground(struct ansi *ansi, uint8_t c)
{
	if (c == ESC)
		return begin(ansi, ESCAPE, c, TOKEN_NONE);
	if (c < 0x20 || c == DEL)
		return begin(ansi, GROUND, c, TOKEN_CONTROL);
	if (c < 0x80)
		return begin(ansi, GROUND, c, TOKEN_TEXT);
	if (c < 0xc2 || c > 0xf4)
		return begin(ansi, GROUND, c, TOKEN_BAD);
	ansi->want = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	return begin(ansi, CHARACTER, c, TOKEN_NONE);
}

/* RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
static bool
goes_on(const struct ansi *ansi, uint8_t c)
{
	uint8_t first = ansi->held[0];

	if ((c & 0xc0) != 0x80)
		return false;
	if (ansi->len > 1)
		return true;
	return !(first == 0xe0 && c < 0xa0) && !(first == 0xed && c >= 0xa0) &&
	    !(first == 0xf0 && c < 0x90) && !(first == 0xf4 && c >= 0x90);
}

static enum token
step_character(struct ansi *ansi, uint8_t c, bool *again)
{
	if (!goes_on(ansi, c))
		return end_before(ansi, TOKEN_BAD, again);
	hold(ansi, c);
	return --ansi->want == 0 ? end(ansi, TOKEN_TEXT) : TOKEN_NONE;
}

static enum token
step_escape(struct ansi *ansi, uint8_t c, bool *again)
{
	if (ansi->state == ESCAPE && c == '[') {
		ansi->state = CSI;
		hold(ansi, c);
		return TOKEN_NONE;
	}
	if (ansi->state == ESCAPE && c != '\0' && strchr("]PX^_", c) != NULL) {
		ansi->state = STRING;
		return TOKEN_NONE;
	}
	if (c < 0x20 || c >= DEL)
		return end_before(ansi, TOKEN_NONE, again);
	hold(ansi, c);
	if (c >= 0x30)
		return end(ansi, TOKEN_ESCAPE);
	ansi->state = ESCAPE_MORE;
	return TOKEN_NONE;
}

static enum token
step_csi(struct ansi *ansi, uint8_t c, bool *again)
{
	if (c < 0x20 || c >= DEL)
		return end_before(ansi, TOKEN_NONE, again);
	hold(ansi, c);
	return c >= 0x40 ? end(ansi, TOKEN_CSI) : TOKEN_NONE;
}

/*
 * A new line ends it, too: one that is never closed costs its own line and
 * not the rest of what is said.
 */
static enum token
step_string(struct ansi *ansi, uint8_t c, bool *again)
{
	if (ansi->state == STRING_ESCAPE && c != '\\') {
		*again = true;
		return begin(ansi, ESCAPE, ESC, TOKEN_NONE);
	}
	if (ansi->state == STRING_ESCAPE || c == BEL || c == CAN || c == SUB)
		return end(ansi, TOKEN_NONE);
	if (c == '\n')
		return end_before(ansi, TOKEN_NONE, again);
	if (c == ESC)
		ansi->state = STRING_ESCAPE;
	return TOKEN_NONE;
}

/* One byte.  *again: it belongs to what comes next, too. */
static enum token
step(struct ansi *ansi, uint8_t c, bool *again)
{
	*again = false;
	switch ((enum state)ansi->state) {
	case GROUND:
		return step_ground(ansi, c);
	case CHARACTER:
		return step_character(ansi, c, again);
	case ESCAPE:
	case ESCAPE_MORE:
		return step_escape(ansi, c, again);
	case CSI:
		return step_csi(ansi, c, again);
	case STRING:
	case STRING_ESCAPE:
		return step_string(ansi, c, again);
	}
	return TOKEN_NONE;
}

/* --- modes --------------------------------------------------------------- */

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
has(const unsigned *modes, size_t n, unsigned mode)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (modes[i] == mode)
			return true;
	return false;
}

static void
note_mode(struct ansi *ansi, unsigned mode, bool on)
{
	size_t i;

	for (i = 0; i < NKEY_MODES; i++) {
		if (key_modes[i] != mode)
			continue;
		ansi->keys &= ~(1u << i);
		if (on)
			ansi->keys |= 1u << i;
	}
}

/*
 * CSI ? ... h or l, as it is in held: those modes that are the screen's go
 * to dst, those of the keyboard are noted.
 */
static size_t
take_modes(struct ansi *ansi, uint8_t *dst)
{
	uint8_t final = ansi->held[ansi->len - 1];
	size_t i = 3, begin, n = 3;
	unsigned mode;

	memcpy(dst, "\033[?", 3);
	while (i < ansi->len - 1) {
		mode = 0;
		for (begin = i; is_digit(ansi->held[i]); i++)
			mode = mode * 10 + ansi->held[i] - '0';
		note_mode(ansi, mode, final == 'h');
		if (has(screen_modes, NSCREEN_MODES, mode)) {
			if (n > 3)
				dst[n++] = ';';
			memcpy(dst + n, ansi->held + begin, i - begin);
			n += i - begin;
		}
		if (i < ansi->len - 1)
			i++;
	}
	dst[n] = final;
	return n > 3 ? n + 1 : 0;
}

/* ESC with one byte: the keypad, and a full reset. */
static void
note_escape(struct ansi *ansi)
{
	if (ansi->len != 2)
		return;
	if (ansi->held[1] == '=')
		ansi->keys |= KEYPAD;
	else if (ansi->held[1] == '>')
		ansi->keys &= ~KEYPAD;
	else if (ansi->held[1] == 'c')
		ansi->keys = 0;
}

size_t
ansi_keys(const struct ansi *ansi, bool on, char *dst)
{
	size_t i, n = 0;

	dst[0] = '\0';
	for (i = 0; i < NKEY_MODES; i++) {
		if ((ansi->keys & 1u << i) == 0)
			continue;
		(void)text_format(dst + n, ANSI_KEYS_MAX - n, "\033[?%u%c",
		    key_modes[i], on ? 'h' : 'l');
		n += strlen(dst + n);
	}
	if ((ansi->keys & KEYPAD) != 0) {
		(void)text_format(dst + n, ANSI_KEYS_MAX - n, "\033%c",
		    on ? '=' : '>');
		n += strlen(dst + n);
	}
	return n;
}

/* --- a picture ----------------------------------------------------------- */

/*
 * Numbers only, none of them huge, with these between them.  Returns how
 * many there are, or -1.
 */
static int
count_numbers(const uint8_t *s, size_t len, const char *between)
{
	unsigned digits = 0;
	int n = len > 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (is_digit(s[i])) {
			if (++digits > DIGITS_MAX)
				return -1;
			continue;
		}
		if (s[i] == '\0' || strchr(between, s[i]) == NULL)
			return -1;
		digits = 0;
		n++;
	}
	return n;
}

/*
 * Not here: c, n, x, and those with > $ " and such, which the terminal
 * answers; t, which moves windows and tells their titles; i, which prints;
 * q, which are LEDs.  T with more than one number is a kind of mouse, s with
 * any are margins, and m with > is what keys send.
 */
static bool
is_picture(const uint8_t *numbers, size_t len, uint8_t final)
{
	int n = count_numbers(numbers, len, final == 'm' ? ";:" : ";");

	if (n == -1)
		return false;
	if (final == 'T')
		return n <= 1;
	if (final == 's' || final == 'u')
		return n == 0;
	if (final == 'h' || final == 'l')
		return len == 1 && numbers[0] == '4';
	return strchr("@ABCDEFGHIJKLMPSXZ`abdefgmr", final) != NULL;
}

static size_t
view_csi(struct ansi *ansi, uint8_t *dst)
{
	uint8_t final = ansi->held[ansi->len - 1];

	if (ansi->held[2] == '?') {
		if ((final != 'h' && final != 'l') ||
		    count_numbers(ansi->held + 3, ansi->len - 4, ";") < 1)
			return 0;
		return take_modes(ansi, dst);
	}
	if (!is_picture(ansi->held + 2, ansi->len - 3, final))
		return 0;
	memcpy(dst, ansi->held, ansi->len);
	return ansi->len;
}

/* Cursor and line feeds; line drawing. */
static bool
is_picture_escape(const struct ansi *ansi)
{
	const uint8_t *s = ansi->held;

	if (ansi->len == 2)
		return strchr("78DEHM", s[1]) != NULL;
	return ansi->len == 3 && (s[1] == '(' || s[1] == ')') &&
	    strchr("0AB", s[2]) != NULL;
}

static size_t
view_token(struct ansi *ansi, enum token token, uint8_t *dst)
{
	const uint8_t *s = ansi->held;
	bool shown = false;

	switch (token) {
	case TOKEN_NONE:
		break;
	case TOKEN_TEXT:
		/* C1 as UTF-8 has it is a control to some. */
		shown = s[0] != 0xc2 || s[1] >= 0xa0;
		break;
	case TOKEN_BAD:
		dst[0] = '?';
		return 1;
	case TOKEN_CONTROL:
		/* \016 and \017 change to line drawing and back. */
		shown = s[0] != '\0' &&
		    strchr("\b\t\n\v\f\r\016\017", s[0]) != NULL;
		break;
	case TOKEN_ESCAPE:
		note_escape(ansi);
		shown = is_picture_escape(ansi);
		break;
	case TOKEN_CSI:
		return view_csi(ansi, dst);
	}
	if (!shown)
		return 0;
	memcpy(dst, s, ansi->len);
	return ansi->len;
}

size_t
ansi_view(struct ansi *ansi, const uint8_t *src, size_t len, uint8_t *dst)
{
	size_t i, n = 0;
	bool again;

	for (i = 0; i < len; i++)
		do
			n += view_token(ansi, step(ansi, src[i], &again),
			    dst + n);
		while (again);
	return n;
}

void
ansi_follow(struct ansi *ansi, const uint8_t *src, size_t len)
{
	const uint8_t *at = src, *over = src + len, *esc;
	uint8_t unused[ANSI_HELD];
	bool again;

	while (at < over) {
		/* Nearly all of it is text, which need not be looked at. */
		if (ansi->state == GROUND) {
			esc = memchr(at, ESC, (size_t)(over - at));
			if (esc == NULL)
				return;
			at = esc;
		}
		do
			(void)view_token(ansi, step(ansi, *at, &again), unused);
		while (again);
		at++;
	}
}

/* --- text alone ---------------------------------------------------------- */

/* What is collected until it is escaped. */
struct run {
	char text[RUN_SIZE];
	size_t len;
	char *dst;
	size_t size;
	size_t n;
};

static void
run_flush(struct run *run)
{
	run->n += text_escape(run->dst + run->n, run->size - run->n, run->text,
	    run->len);
	run->len = 0;
}

static void
run_add(struct run *run, const uint8_t *s, size_t len)
{
	if (run->len + len > RUN_SIZE)
		run_flush(run);
	memcpy(run->text + run->len, s, len);
	run->len += len;
}

static void
run_break(struct run *run, char c)
{
	run_flush(run);
	run->dst[run->n++] = c;
}

static void
plain_token(struct ansi *ansi, enum token token, struct run *run)
{
	uint8_t c = ansi->held[0];

	if (token == TOKEN_NONE || token == TOKEN_ESCAPE || token == TOKEN_CSI)
		return;
	if (c == '\r') {
		ansi->cr = true;
		return;
	}
	if (ansi->cr && ansi->mid && c != '\n')
		run_break(run, '\n');
	ansi->cr = false;
	ansi->mid = c != '\n';
	if (c == '\n' || c == '\t')
		run_break(run, (char)c);
	else
		run_add(run, ansi->held, ansi->len);
}

size_t
ansi_plain(struct ansi *ansi, const uint8_t *src, size_t len, char *dst)
{
	struct run run = { .dst = dst, .size = ANSI_PLAIN_MAX(len) };
	bool again;
	size_t i;

	for (i = 0; i < len; i++)
		do
			plain_token(ansi, step(ansi, src[i], &again), &run);
		while (again);
	run_flush(&run);
	dst[run.n] = '\0';
	return run.n;
}

size_t
ansi_plain_end(struct ansi *ansi, char *dst)
{
	struct run run = { .dst = dst, .size = ANSI_PLAIN_MAX(0) };

	if (ansi->state == CHARACTER)
		plain_token(ansi, end(ansi, TOKEN_BAD), &run);
	run_flush(&run);
	dst[run.n] = '\0';
	return run.n;
}

char *
ansi_text(const uint8_t *src, size_t len, size_t *outlen)
{
	char *dst = malloc(ANSI_PLAIN_MAX(len) + ANSI_PLAIN_MAX(0));
	struct ansi ansi;

	if (dst == NULL)
		return NULL;
	ansi_init(&ansi);
	*outlen = ansi_plain(&ansi, src, len, dst);
	*outlen += ansi_plain_end(&ansi, dst + *outlen);
	return dst;
}
