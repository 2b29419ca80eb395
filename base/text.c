/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Combining marks that may follow each other; more draw over other lines. */
#define MARKS_MAX 4

/* Longest way to spell one character: a surrogate pair of JSON. */
#define PIECE_MAX 16

/* Longest word that text_nearest() compares. */
#define WORD_MAX 48

enum kind {
	KIND_PLAIN,
	KIND_HIDDEN, /* a character that acts or cannot be seen */
	KIND_INVALID /* a byte that is no character at all */
};

struct range {
	uint32_t first;
	uint32_t last;
};

/*
 * Controls, and what Unicode calls Default_Ignorable_Code_Point or Cf and
 * Zl/Zp: it is invisible, reorders its surroundings or breaks lines.  Each
 * plane's last two code points, which are noncharacters, are in is_hidden().
 */
static const struct range hidden[] = {
	{ 0x0000, 0x001f }, { 0x007f, 0x009f },
	{ 0x00ad, 0x00ad },			/* soft hyphen */
	{ 0x034f, 0x034f },			/* grapheme joiner */
	{ 0x0600, 0x0605 }, { 0x061c, 0x061c }, /* Arabic letter mark */
	{ 0x06dd, 0x06dd }, { 0x070f, 0x070f }, { 0x0890, 0x0891 },
	{ 0x08e2, 0x08e2 }, { 0x115f, 0x1160 }, /* Hangul fillers */
	{ 0x17b4, 0x17b5 }, { 0x180b, 0x180f },
	{ 0x200b, 0x200f }, /* zero width, direction marks */
	{ 0x2028, 0x202e }, /* separators, direction overrides */
	{ 0x2060, 0x206f }, /* joiners, direction isolates */
	{ 0x3164, 0x3164 }, /* Hangul filler */
	{ 0xfdd0, 0xfdef }, /* noncharacters */
	{ 0xfeff, 0xfeff }, /* byte order mark */
	{ 0xffa0, 0xffa0 }, /* Hangul filler */
	{ 0xfff0, 0xfffb }, /* annotations */
	{ 0x110bd, 0x110bd }, { 0x110cd, 0x110cd }, { 0x13430, 0x1343f },
	{ 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
	{ 0xe0000, 0xe0fff } /* tags, more variation selectors */
};

/* Blocks of marks that people stack to draw over their surroundings. */
static const struct range marks[] = { { 0x0300, 0x036f },
	{ 0x0483, 0x0489 }, /* Cyrillic */
	{ 0x0591, 0x05c7 }, /* Hebrew */
	{ 0x0610, 0x061a }, /* Arabic */
	{ 0x064b, 0x065f }, { 0x0670, 0x0670 }, { 0x06d6, 0x06ed },
	{ 0x0e31, 0x0e3a },			/* Thai */
	{ 0x0e47, 0x0e4e }, { 0x0eb1, 0x0ebc }, /* Lao */
	{ 0x0ec8, 0x0ece }, { 0x0f71, 0x0f84 }, /* Tibetan */
	{ 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff },
	{ 0x302a, 0x302f }, { 0xfe00, 0xfe0f }, /* variation selectors */
	{ 0xfe20, 0xfe2f } };

int
text_copy(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);
	int r = 0;

	if (size == 0)
		return -1;
	if (len >= size) {
		len = size - 1;
		r = -1;
	}
	memmove(dst, src, len);
	dst[len] = '\0';
	return r;
}

int
text_format(char *dst, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(dst, size, fmt, ap);
	va_end(ap);
	if (n < 0 && size > 0)
		dst[0] = '\0';
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

/* By hand: isalnum() depends on the locale. */
static bool
is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool
text_is_name(const char *s)
{
	size_t i;

	if (!is_lower_or_digit(s[0]))
		return false;
	for (i = 1; s[i] != '\0'; i++)
		if (i >= TEXT_NAME_MAX ||
		    (!is_lower_or_digit(s[i]) && s[i] != '-'))
			return false;
	return true;
}

bool
text_is_domain(const char *s)
{
	size_t i;

	if (s[0] == '\0' || s[0] == '.' || s[0] == '-')
		return false;
	for (i = 0; s[i] != '\0'; i++)
		if (i >= 64 ||
		    (!is_lower_or_digit(s[i]) &&
			!(s[i] >= 'A' && s[i] <= 'Z') && s[i] != '.' &&
			s[i] != '_' && s[i] != '-'))
			return false;
	return true;
}

static bool
in_ranges(uint32_t point, const struct range *ranges, size_t n)
{
	size_t i;

	for (i = 0; i < n && ranges[i].first <= point; i++)
		if (point <= ranges[i].last)
			return true;
	return false;
}

static bool
is_hidden(uint32_t point)
{
	return (point & 0xfffe) == 0xfffe ||
	    in_ranges(point, hidden, sizeof(hidden) / sizeof(hidden[0]));
}

static bool
is_mark(uint32_t point)
{
	return in_ranges(point, marks, sizeof(marks) / sizeof(marks[0]));
}

/*
 * One character by RFC 3629: no overlong form, no surrogate, nothing above
 * U+10FFFF.  Returns its length, or 0 when s[0] starts none.
 */
static size_t
decode(const unsigned char *s, size_t len, uint32_t *point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = s[0];
	size_t i, n;

	if (c < 0x80)
		n = 1;
	else if ((c & 0xe0) == 0xc0)
		n = 2;
	else if ((c & 0xf0) == 0xe0)
		n = 3;
	else if ((c & 0xf8) == 0xf0)
		n = 4;
	else
		return 0;
	if (n > len)
		return 0;
	if (n > 1)
		c &= 0x7fu >> n;
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*point = c;
	return n;
}

/* Spells what must not be copied as it is; 0: copy it. */
typedef size_t spell_fn(char piece[PIECE_MAX], enum kind kind, uint32_t point);

static size_t
spell_visible(char piece[PIECE_MAX], enum kind kind, uint32_t point)
{
	if (kind == KIND_PLAIN)
		return 0;
	if (kind == KIND_INVALID || point < 0x80)
		return (size_t)snprintf(piece, PIECE_MAX, "\\x%02x",
		    (unsigned)point & 0xff);
	return (size_t)snprintf(piece, PIECE_MAX, "\\u{%04x}", (unsigned)point);
}

static size_t
spell_json(char piece[PIECE_MAX], enum kind kind, uint32_t point)
{
	static const char special[] = "\"\\\n\r\t\b\f", letter[] = "\"\\nrtbf";
	const char *at;

	if (kind == KIND_INVALID)
		point = 0xfffd;
	else if (point != 0 && point < 0x80 &&
	    (at = strchr(special, (int)point)) != NULL)
		return (size_t)snprintf(piece, PIECE_MAX, "\\%c",
		    letter[at - special]);
	else if (kind == KIND_PLAIN)
		return 0;
	if (point < 0x10000)
		return (size_t)snprintf(piece, PIECE_MAX, "\\u%04x",
		    (unsigned)point);
	point -= 0x10000;
	return (size_t)snprintf(piece, PIECE_MAX, "\\u%04x\\u%04x",
	    (unsigned)(0xd800 | point >> 10),
	    (unsigned)(0xdc00 | (point & 0x3ff)));
}

static size_t
convert(char *dst, size_t size, const char *src, size_t len, spell_fn *spell)
{
	const unsigned char *s = (const unsigned char *)src;
	char piece[PIECE_MAX];
	size_t n, take, run = 0, out = 0;
	enum kind kind;
	uint32_t point;

	if (size == 0)
		return 0;
	for (; len > 0; s += take, len -= take) {
		kind = KIND_PLAIN;
		take = decode(s, len, &point);
		if (take == 0) {
			kind = KIND_INVALID;
			point = s[0];
			take = 1;
		}
		run = kind == KIND_PLAIN && is_mark(point) ? run + 1 : 0;
		if (kind == KIND_PLAIN && (is_hidden(point) || run > MARKS_MAX))
			kind = KIND_HIDDEN;
		n = spell(piece, kind, point);
		if (n == 0) {
			memcpy(piece, s, take);
			n = take;
		}
		if (n >= size - out)
			break;
		memcpy(dst + out, piece, n);
		out += n;
	}
	dst[out] = '\0';
	return out;
}

size_t
text_escape(char *dst, size_t size, const char *src, size_t len)
{
	return convert(dst, size, src, len, spell_visible);
}

size_t
text_json(char *dst, size_t size, const char *src, size_t len)
{
	return convert(dst, size, src, len, spell_json);
}

static size_t
least_of(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Edits between a and b, two swapped neighbours counting as one. */
static size_t
distance(const char *a, size_t la, const char *b, size_t lb)
{
	size_t rows[3][WORD_MAX + 1], i, j;
	size_t *before = rows[0], *last = rows[1], *now = rows[2], *spare;

	memset(rows, 0, sizeof(rows));
	for (j = 0; j <= lb; j++)
		last[j] = j;
	for (i = 1; i <= la; i++) {
		now[0] = i;
		for (j = 1; j <= lb; j++) {
			now[j] = least_of(last[j] + 1, now[j - 1] + 1,
			    last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[lb];
}

const char *
text_nearest(const char *s, const char *const *words, size_t n)
{
	const char *best = NULL;
	size_t i, d, len, least = 3, slen = strnlen(s, WORD_MAX + 1);

	if (slen > WORD_MAX)
		return NULL;
	for (i = 0; i < n; i++) {
		len = strnlen(words[i], WORD_MAX + 1);
		if (len > WORD_MAX)
			continue;
		d = distance(s, slen, words[i], len);
		if (d < least && d * 2 <= len) {
			least = d;
			best = words[i];
		}
	}
	return best;
}

int
text_number(const char *s, long long min, long long max, long long *value)
{
	const char *digits = s[0] == '-' ? s + 1 : s;
	long long v;

	/* strtoll() would also take blanks, a plus sign and a tail. */
	if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
		return -1;
	errno = 0;
	v = strtoll(s, NULL, 10);
	if (errno != 0 || v < min || v > max)
		return -1;
	*value = v;
	return 0;
}

void
text_bytes(uint64_t bytes, char out[TEXT_BYTES])
{
	static const char *const names[] = { "B", "kB", "MB", "GB", "TB", "PB",
		"EB" };
	uint64_t unit = 1;
	size_t i = 0;

	while (bytes / unit >= 1000) {
		unit *= 1000;
		i++;
	}
	if (i > 0 && bytes / unit < 10)
		text_format(out, TEXT_BYTES, "%" PRIu64 ".%" PRIu64 " %s",
		    bytes / unit, bytes % unit / (unit / 10), names[i]);
	else
		text_format(out, TEXT_BYTES, "%" PRIu64 " %s", bytes / unit,
		    names[i]);
}
