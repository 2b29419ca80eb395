/* SPDX-License-Identifier: ISC */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

#include "base/text.h"

#define ROUNDS 20000

/* A fixed seed: what fails once fails always. */
static uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);

static uint32_t
next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32);
}

static void
check_escape(const char *src, size_t len, const char *expected)
{
	char out[512];
	size_t n = text_escape(out, sizeof(out), src, len);

	assert_string_equal(out, expected);
	assert_int_equal(n, strlen(expected));
}

#define ESCAPES(src, expected) check_escape(src, sizeof(src) - 1, expected)

static void
C11_controls_are_spelled_out(void **state)
{
	(void)state;
	ESCAPES("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m");
	ESCAPES("a\0b\r\n\tc\x07\x7f", "a\\x00b\\x0d\\x0a\\x09c\\x07\\x7f");
	ESCAPES("\xc2\x9b", "\\u{009b}");
	ESCAPES("\xc2\x85\xc2\x80\xc2\x9f", "\\u{0085}\\u{0080}\\u{009f}");
	ESCAPES("\x9b"
		"5n",
	    "\\x9b5n");
	ESCAPES("back\\slash \"quote\"", "back\\slash \"quote\"");
}

static void
C11_hidden_characters_are_spelled_out(void **state)
{
	(void)state;
	ESCAPES("\xe2\x80\xae"
		"abc",
	    "\\u{202e}abc");
	ESCAPES("\xe2\x80\xaa\xe2\x81\xa6\xe2\x81\xa9",
	    "\\u{202a}\\u{2066}\\u{2069}");
	ESCAPES("\xe2\x80\x8b\xe2\x80\x8f", "\\u{200b}\\u{200f}");
	ESCAPES("\xe2\x80\xa8\xe2\x80\xa9", "\\u{2028}\\u{2029}");
	ESCAPES("\xef\xbb\xbf", "\\u{feff}");
	ESCAPES("\xd8\x9c\xc2\xad", "\\u{061c}\\u{00ad}");
	ESCAPES("\xf3\xa0\x81\x81", "\\u{e0041}");
	ESCAPES("\xef\xbf\xbe\xef\xb7\x90\xf4\x8f\xbf\xbf",
	    "\\u{fffe}\\u{fdd0}\\u{10ffff}");
}

static void
C18_malformed_utf8_is_spelled_byte_by_byte(void **state)
{
	(void)state;
	ESCAPES("\xc0\xaf", "\\xc0\\xaf");
	ESCAPES("\xc1\xbf", "\\xc1\\xbf");
	ESCAPES("\xe0\x9f\xbf", "\\xe0\\x9f\\xbf");
	ESCAPES("\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf");
	ESCAPES("\xed\xa0\x80", "\\xed\\xa0\\x80");
	ESCAPES("\xed\xbf\xbf", "\\xed\\xbf\\xbf");
	ESCAPES("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	ESCAPES("\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80");
	ESCAPES("\xff\xfe", "\\xff\\xfe");
	ESCAPES("\x80"
		"a\xbf",
	    "\\x80a\\xbf");
	ESCAPES("\xe2\x82", "\\xe2\\x82");
	ESCAPES("\xe2\x82"
		"A",
	    "\\xe2\\x82A");
	ESCAPES("\xe2\xe2\x82\xac", "\\xe2\xe2\x82\xac");
}

static void
well_formed_text_stays_as_it_is(void **state)
{
	(void)state;
	ESCAPES("", "");
	ESCAPES(" ~plain", " ~plain");
	ESCAPES("Gr\xc3\xbc\xc3\x9f"
		"e \xe2\x82\xac \xf0\x9f\x90\xa7",
	    "Gr\xc3\xbc\xc3\x9f"
	    "e \xe2\x82\xac \xf0\x9f\x90\xa7");
	ESCAPES("\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80");
}

#define ACUTE	"\xcc\x81"
#define ENCLOSE "\xe2\x83\x9d"

static void
C11_combining_bombs_are_cut_to_four_marks(void **state)
{
	(void)state;
	ESCAPES("a" ACUTE ACUTE ACUTE ACUTE "b",
	    "a" ACUTE ACUTE ACUTE ACUTE "b");
	ESCAPES("a" ACUTE ACUTE ENCLOSE ACUTE ACUTE "\xef\xb8\xa0"
		"b",
	    "a" ACUTE ACUTE ENCLOSE ACUTE "\\u{0301}\\u{fe20}b");
	ESCAPES("a" ACUTE ACUTE ACUTE ACUTE "b" ACUTE,
	    "a" ACUTE ACUTE ACUTE ACUTE "b" ACUTE);
}

static void
escape_cuts_before_what_does_not_fit(void **state)
{
	static const char src[] = "ab\x1b\xe2\x82\xac";
	static const char *const expected[] = { "", "", "a", "ab", "ab", "ab",
		"ab", "ab\\x1b", "ab\\x1b", "ab\\x1b", "ab\\x1b\xe2\x82\xac" };
	char out[16];
	size_t size;

	(void)state;
	memset(out, '!', sizeof(out));
	assert_int_equal(text_escape(out, 0, src, sizeof(src) - 1), 0);
	assert_int_equal(out[0], '!');
	for (size = 1; size < 11; size++) {
		memset(out, '!', sizeof(out));
		assert_int_equal(text_escape(out, size, src, sizeof(src) - 1),
		    strlen(expected[size]));
		assert_string_equal(out, expected[size]);
		assert_int_equal(out[size], '!');
	}
}

/* What a terminal can be trusted with; judged by glibc's decoder. */
static void
assert_harmless(const char *s, size_t len)
{
	mbstate_t mb;
	wchar_t c;
	size_t n;
	int run = 0;

	memset(&mb, 0, sizeof(mb));
	while (len > 0) {
		n = mbrtowc(&c, s, len, &mb);
		assert_in_range(n, 1, 4);
		s += n;
		len -= n;
		assert_true(c >= 0x20 && c != 0x7f);
		assert_false(c >= 0x80 && c <= 0x9f);
		assert_false(c >= 0x200b && c <= 0x200f);
		assert_false(c >= 0x2028 && c <= 0x202e);
		assert_false(c >= 0x2066 && c <= 0x2069);
		assert_false(c == 0xfeff || c == 0xad || c == 0x61c);
		assert_false(c >= 0xe0000 && c <= 0xe0fff);
		assert_false((c & 0xfffe) == 0xfffe);
		assert_false(c >= 0xfdd0 && c <= 0xfdef);
		run = (c >= 0x300 && c <= 0x36f) ||
			(c >= 0x20d0 && c <= 0x20ff) ||
			(c >= 0xfe20 && c <= 0xfe2f) ?
		    run + 1 :
		    0;
		assert_true(run <= 4);
	}
}

/* Now any bytes, now such as come close to being characters. */
static size_t
random_text(char *src, size_t max)
{
	static const char *const near[] = { "\xe2\x80", "\xcc\x81", "\xf3\xa0",
		"\xef\xbb\xbf", "\xed\xa0", "\xf4\x8f", "\xc2", "\x1b[", "a" };
	size_t len = next_random() % max, i = 0, n;
	const char *piece;

	while (i < len) {
		if (next_random() % 2 == 0) {
			src[i++] = (char)next_random();
			continue;
		}
		piece = near[next_random() % (sizeof(near) / sizeof(near[0]))];
		n = strlen(piece);
		memcpy(src + i, piece, n);
		i += n;
	}
	return i;
}

static void
C18_random_bytes_come_out_harmless_and_bounded(void **state)
{
	char src[80], out[128];
	size_t len, size, n;
	int i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		len = random_text(src, sizeof(src) - 8);
		size = 1 + next_random() % (sizeof(out) - 1);
		memset(out, 0x01, sizeof(out));
		n = text_escape(out, size, src, len);
		assert_true(n < size);
		assert_int_equal(out[n], '\0');
		assert_int_equal(strlen(out), n);
		assert_int_equal(out[size], 0x01);
		assert_harmless(out, n);
	}
}

static void
check_json(const char *src, size_t len, const char *expected)
{
	char out[512];
	size_t n = text_json(out, sizeof(out), src, len);

	assert_string_equal(out, expected);
	assert_int_equal(n, strlen(expected));
}

#define JSON(src, expected) check_json(src, sizeof(src) - 1, expected)

static void
C12_json_strings_are_valid_and_safe_to_print(void **state)
{
	(void)state;
	JSON("say \"hi\" \\ / \n\r\t\b\f",
	    "say \\\"hi\\\" \\\\ / \\n\\r\\t\\b\\f");
	JSON("\0\x1b\x7f\xc2\x9b", "\\u0000\\u001b\\u007f\\u009b");
	JSON("\xe2\x80\xae\xf3\xa0\x81\x81", "\\u202e\\udb40\\udc41");
	JSON("\xff"
	     "a\xed\xa0\x80",
	    "\\ufffda\\ufffd\\ufffd\\ufffd");
	JSON("\xe2\x82\xac \xf0\x9f\x90\xa7", "\xe2\x82\xac \xf0\x9f\x90\xa7");
}

static size_t
put_utf8(char *dst, uint32_t c)
{
	if (c < 0x80) {
		dst[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		dst[0] = (char)(0xc0 | c >> 6);
		dst[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		dst[0] = (char)(0xe0 | c >> 12);
		dst[1] = (char)(0x80 | (c >> 6 & 0x3f));
		dst[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	dst[0] = (char)(0xf0 | c >> 18);
	dst[1] = (char)(0x80 | (c >> 12 & 0x3f));
	dst[2] = (char)(0x80 | (c >> 6 & 0x3f));
	dst[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static uint32_t
four_digits(const char *s)
{
	char digits[5];
	char *end;
	unsigned long value;

	memcpy(digits, s, 4);
	digits[4] = '\0';
	value = strtoul(digits, &end, 16);
	assert_ptr_equal(end, digits + 4);
	return (uint32_t)value;
}

/* RFC 8259, section 7, read backwards. */
static size_t
read_json(char *dst, const char *s)
{
	static const char letter[] = "nrtbf", meaning[] = "\n\r\t\b\f";
	size_t out = 0;
	uint32_t c;

	while (*s != '\0') {
		assert_true((unsigned char)*s >= 0x20 && *s != '"');
		if (*s != '\\') {
			dst[out++] = *s++;
			continue;
		}
		s++;
		if (*s == '"' || *s == '\\') {
			dst[out++] = *s++;
			continue;
		}
		if (*s != 'u') {
			assert_non_null(strchr(letter, *s));
			dst[out++] = meaning[strchr(letter, *s++) - letter];
			continue;
		}
		c = four_digits(s + 1);
		s += 5;
		if (c >= 0xd800 && c <= 0xdbff) {
			assert_memory_equal(s, "\\u", 2);
			c = 0x10000 + ((c & 0x3ff) << 10) +
			    (four_digits(s + 2) & 0x3ff);
			s += 6;
		}
		out += put_utf8(dst + out, c);
	}
	return out;
}

static uint32_t
random_point(void)
{
	static const uint32_t most[] = { 0x7f, 0x7ff, 0xffff, 0x10ffff };
	uint32_t c;

	do {
		c = next_random() % (most[next_random() % 4] + 1);
	} while (c >= 0xd800 && c <= 0xdfff);
	return c;
}

static void
json_round_trip_of_every_character(void **state)
{
	char src[8], out[32], back[32];
	uint32_t c;
	size_t len;

	(void)state;
	for (c = 0; c <= 0x10ffff; c++) {
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		len = put_utf8(src, c);
		text_json(out, sizeof(out), src, len);
		assert_int_equal(read_json(back, out), len);
		assert_memory_equal(back, src, len);
		assert_harmless(out, strlen(out));
	}
}

static void
json_round_trip_of_random_text(void **state)
{
	char src[128], out[1024], back[1024];
	size_t len, count;
	int i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		len = 0;
		for (count = next_random() % 30; count > 0; count--)
			len += put_utf8(src + len, random_point());
		text_json(out, sizeof(out), src, len);
		assert_int_equal(read_json(back, out), len);
		assert_memory_equal(back, src, len);
	}
}

static void
C18_json_of_random_bytes_is_bounded_and_harmless(void **state)
{
	char src[80], out[128], back[512];
	size_t len, size, n;
	int i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		len = random_text(src, sizeof(src) - 8);
		size = 1 + next_random() % (sizeof(out) - 1);
		memset(out, 0x01, sizeof(out));
		n = text_json(out, size, src, len);
		assert_true(n < size);
		assert_int_equal(strlen(out), n);
		assert_int_equal(out[size], 0x01);
		assert_harmless(out, n);
		read_json(back, out);
	}
}

static void
copy_says_when_it_did_not_fit(void **state)
{
	char out[4];

	(void)state;
	assert_int_equal(text_copy(out, sizeof(out), "abc"), 0);
	assert_string_equal(out, "abc");
	assert_int_equal(text_copy(out, sizeof(out), "abcd"), -1);
	assert_string_equal(out, "abc");
	assert_int_equal(text_copy(out, 1, ""), 0);
	assert_string_equal(out, "");
	assert_int_equal(text_copy(out, 0, "x"), -1);
	assert_string_equal(out, "");
}

static void
format_says_when_it_did_not_fit(void **state)
{
	char out[4];

	(void)state;
	assert_int_equal(text_format(out, sizeof(out), "%d", 123), 0);
	assert_string_equal(out, "123");
	assert_int_equal(text_format(out, sizeof(out), "%d", 1234), -1);
	assert_string_equal(out, "123");
}

static void
E12_names_are_lower_case_words_only(void **state)
{
	static const char *const good[] = { "a", "0", "web", "web-1", "1-",
		"abcdefghijklmnopqrstuvwxyz012345" };
	static const char *const bad[] = { "", "-", "-c", "Web", "a b", "a.b",
		"../x", "a=b", "a/b", "a\n", "\xc3\xa4", "a\x80", "a_b",
		"abcdefghijklmnopqrstuvwxyz0123456" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(text_is_name(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_is_name(bad[i]));
}

static void
E12_domains_are_no_path_and_no_option(void **state)
{
	char longest[66];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[64] = '\0';
	assert_true(text_is_domain(longest));
	longest[64] = 'a';
	longest[65] = '\0';
	assert_false(text_is_domain(longest));
	assert_true(text_is_domain("alice-web"));
	assert_true(text_is_domain("Domain-0"));
	assert_true(text_is_domain("a.b_c-D9"));
	assert_false(text_is_domain(""));
	assert_false(text_is_domain("."));
	assert_false(text_is_domain("..a"));
	assert_false(text_is_domain("-c"));
	assert_false(text_is_domain("a/b"));
	assert_false(text_is_domain("a b"));
	assert_false(text_is_domain("a=b"));
	assert_false(text_is_domain("a\nb"));
	assert_false(text_is_domain("a\xe4"));
}

static void
nearest_is_at_most_two_edits_away(void **state)
{
	static const char *const words[] = { "list", "status", "start",
		"shutdown", "reboot", "reset", "destroy", "console", "log" };
	const size_t n = sizeof(words) / sizeof(words[0]);
	char huge[4096];

	(void)state;
	assert_string_equal(text_nearest("strat", words, n), "start");
	assert_string_equal(text_nearest("start", words, n), "start");
	assert_string_equal(text_nearest("lsit", words, n), "list");
	assert_string_equal(text_nearest("shutdow", words, n), "shutdown");
	assert_string_equal(text_nearest("consoel", words, n), "console");
	assert_string_equal(text_nearest("rebot", words, n), "reboot");
	assert_string_equal(text_nearest("lo", words, n), "log");
	assert_null(text_nearest("", words, n));
	assert_null(text_nearest("x", words, n));
	assert_null(text_nearest("ab", words, n));
	assert_null(text_nearest("frobnicate", words, n));
	assert_null(text_nearest("start", words, 0));
	memset(huge, 's', sizeof(huge));
	huge[sizeof(huge) - 1] = '\0';
	assert_null(text_nearest(huge, words, n));
}

static void
numbers_are_whole_and_within_bounds(void **state)
{
	static const char *const bad[] = { "", "-", "+1", " 1", "1 ", "1x",
		"0x10", "1e3", "--1", "9223372036854775808", "101", "-11",
		"99999999999999999999999", "\xd9\xa1" };
	long long value = 77;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_number(bad[i], -10, 100, &value), -1);
	assert_true(value == 77);
	assert_int_equal(text_number("100", -10, 100, &value), 0);
	assert_true(value == 100);
	assert_int_equal(text_number("-10", -10, 100, &value), 0);
	assert_true(value == -10);
	assert_int_equal(text_number("007", -10, 100, &value), 0);
	assert_true(value == 7);
	assert_int_equal(text_number("-9223372036854775808", INT64_MIN,
			     INT64_MAX, &value),
	    0);
	assert_true(value == INT64_MIN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(C11_controls_are_spelled_out),
		cmocka_unit_test(C11_hidden_characters_are_spelled_out),
		cmocka_unit_test(C18_malformed_utf8_is_spelled_byte_by_byte),
		cmocka_unit_test(well_formed_text_stays_as_it_is),
		cmocka_unit_test(C11_combining_bombs_are_cut_to_four_marks),
		cmocka_unit_test(escape_cuts_before_what_does_not_fit),
		cmocka_unit_test(
		    C18_random_bytes_come_out_harmless_and_bounded),
		cmocka_unit_test(C12_json_strings_are_valid_and_safe_to_print),
		cmocka_unit_test(json_round_trip_of_every_character),
		cmocka_unit_test(json_round_trip_of_random_text),
		cmocka_unit_test(
		    C18_json_of_random_bytes_is_bounded_and_harmless),
		cmocka_unit_test(copy_says_when_it_did_not_fit),
		cmocka_unit_test(format_says_when_it_did_not_fit),
		cmocka_unit_test(E12_names_are_lower_case_words_only),
		cmocka_unit_test(E12_domains_are_no_path_and_no_option),
		cmocka_unit_test(nearest_is_at_most_two_edits_away),
		cmocka_unit_test(numbers_are_whole_and_within_bounds),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
		fprintf(stderr, "the locale C.UTF-8 is missing\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
