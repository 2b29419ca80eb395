/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ansi.h"

#define NOISE ((size_t)1 << 20)

/* --- text alone ---------------------------------------------------------- */

static void
assert_text(const char *raw, size_t len, const char *want)
{
	size_t outlen;
	char *out = ansi_text((const uint8_t *)raw, len, &outlen);

	assert_non_null(out);
	assert_string_equal(out, want);
	assert_int_equal(outlen, strlen(want));
	free(out);
}

#define TEXT(raw, want) assert_text(raw, sizeof(raw) - 1, want)

static void
C12_text_is_safe_for_every_terminal(void **state)
{
	(void)state;
	TEXT("", "");
	TEXT("plain\n\ttabs\n", "plain\n\ttabs\n");
	TEXT("a\r\nb\r\r\nc", "a\nb\nc");
	TEXT("\r10%\r20%\r\n", "10%\n20%\n");
	TEXT("\033[1;31mred\033[0m \033[?25l\033[2Jx", "red x");
	TEXT("\033]0;owned\alogin: \033]52;c;ZWNobw==\033\\ok", "login: ok");
	TEXT("\033P$qm\033\\x\033(0y\033#8z\033=", "xyz");
	TEXT("a\bb\007c\177\005", "a\\x08b\\x07c\\x7f\\x05");
	TEXT("\x9b"
	     "31m\xff\xfe",
	    "\\x9b31m\\xff\\xfe");
	TEXT("nul\0nul", "nul\\x00nul");
	TEXT("gr\xc3\xbc\xc3\x9f\xe2\x80\xae",
	    "gr\xc3\xbc\xc3\x9f\\u{202e}");
	TEXT("\xe2\x82\xe2\x82\xac\xf0\x9f",
	    "\\xe2\\x82\xe2\x82\xac\\xf0\\x9f");
}

static void
C12_a_cut_off_sequence_hides_no_more_than_its_line(void **state)
{
	(void)state;
	TEXT("\033]0;never closed\nnext\n", "\nnext\n");
	TEXT("\033", "");
	TEXT("x\033[", "x");
	TEXT("x\033[12", "x");
	TEXT("\033[12\nnext", "\nnext");
	TEXT("\033\033[31mx", "x");
	TEXT("\033]a\033[31mred", "red");
}

static uint8_t *
noise_of(size_t len, unsigned seed)
{
	uint8_t *noise = malloc(len);
	uint64_t at = seed;
	size_t i;

	assert_non_null(noise);
	for (i = 0; i < len; i++) {
		at = at * 6364136223846793005u + 1442695040888963407u;
		noise[i] = (uint8_t)(at >> 56);
		/* Enough of them to mean something. */
		if (i > 0 && noise[i] % 16 == 0)
			noise[i] = 0x1b;
		else if (i > 0 && noise[i - 1] == 0x1b && noise[i] % 2 == 0)
			noise[i] = '[';
	}
	return noise;
}

static void
C18_text_out_of_noise_has_no_control_byte(void **state)
{
	uint8_t *noise = noise_of(NOISE, 21);
	size_t outlen, i;
	char *out = ansi_text(noise, NOISE, &outlen);

	(void)state;
	assert_non_null(out);
	for (i = 0; i < outlen; i++)
		if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f)
			assert_true(out[i] == '\n' || out[i] == '\t');
	free(out);
	free(noise);
}

static void
text_in_pieces_is_the_same_text(void **state)
{
	static const char raw[] = "a\rb\r\n\033[1;31mgr\xc3\xbc\xc3\x9f\033]0;"
				  "x\033\\\tend\r";
	char out[ANSI_PLAIN_MAX(sizeof(raw)) * 2];
	struct ansi ansi;
	size_t i, n = 0;

	(void)state;
	ansi_init(&ansi);
	for (i = 0; i < sizeof(raw) - 1; i++)
		n += ansi_plain(&ansi, (const uint8_t *)raw + i, 1, out + n);
	(void)ansi_plain_end(&ansi, out + n);
	assert_string_equal(out, "a\nb\ngr\xc3\xbc\xc3\x9f\tend");
}

/* --- a picture ----------------------------------------------------------- */

/* Whole, and a byte at a time. */
static void
assert_view(const char *raw, size_t len, const char *want)
{
	uint8_t out[4096];
	struct ansi ansi;
	size_t i, n;

	assert_true(ANSI_VIEW_MAX(len) <= sizeof(out));
	ansi_init(&ansi);
	n = ansi_view(&ansi, (const uint8_t *)raw, len, out);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, n);
	ansi_init(&ansi);
	for (i = n = 0; i < len; i++)
		n += ansi_view(&ansi, (const uint8_t *)raw + i, 1, out + n);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, n);
}

#define VIEW(raw, want) assert_view(raw, sizeof(raw) - 1, want)
#define KEPT(raw)	VIEW(raw, raw)
#define GONE(raw)	VIEW("a" raw "b", "ab")

static void
what_draws_is_kept(void **state)
{
	(void)state;
	KEPT("login: alice\r\n\b \b\t\v\f");
	KEPT("\033[H\033[2J\033[1;1H\033[K\033[3A\033[10;20r\033[5S\033[2T");
	KEPT("\033[0m\033[1;31m\033[38;5;196m\033[48:2::1:2:3m");
	KEPT("\033[?25l\033[?1049h\033[?7l\033[?1049l\033[?25h");
	KEPT("\0337\0338\033M\033D\033E\033[s\033[u\033[4h\033[4l");
	KEPT("\033(0lqk\033(B\016x\017");
	KEPT("gr\xc3\xbc\xc3\x9f \xe2\x94\x80 \xf0\x9f\x98\x80");
}

static void
C13_what_makes_a_terminal_answer_is_gone(void **state)
{
	(void)state;
	GONE("\005");			     /* ENQ */
	GONE("\033[c\033[0c\033[>c\033[=c"); /* DA */
	GONE("\033Z");			     /* DECID */
	GONE("\033[5n\033[6n\033[?6n\033[?996n");
	GONE("\033[?25$p\033[4$p\033[x\033[>q\033[?1;2;3S");
	GONE("\033[18t\033[21t\033[14t");
	GONE("\033P$qm\033\\\033P+q544e\033\\");
	GONE("\033]11;?\a\033]52;c;?\033\\\033]4;1;?\a");
	GONE("\033[?u\033[>4m\033[?4m\033[1$w\033[2*y");
}

static void
C13_what_keeps_something_is_gone(void **state)
{
	(void)state;
	GONE("\033]0;owned\a\033]52;c;ZWNobw==\a\033]8;;http://x\033\\");
	GONE("\033_Gi=1\033\\\033^pm\033\\\033Xsos\033\\");
	GONE("\033[5i\033[?5i\033[4;100;100t\033[1q\033[22;0t");
	GONE("\033[>1u\033[=1;1u\033[>4;2m\033c\033[!p\033%@");
	GONE("\033[?1000h\033[?1003h\033[?1006h\033[?2004h\033[?1004h");
	GONE("\033[?1h\033=\033[?2026h\033[20h\033[1;2;3;4;5T\033[?69h");
	GONE("\033[1;2s\033[99999A\033[1;99999H\033[;\"A");
	GONE("\007\021\023\030");
}

static void
C13_a_c1_control_is_gone_in_both_its_forms(void **state)
{
	(void)state;
	VIEW("a\xc2\x9b"
	     "6nb",
	    "a6nb");
	VIEW("a\x9b"
	     "6nb",
	    "a?6nb");
	VIEW("a\xc2\x90$qm\xc2\x9c"
	     "b",
	    "a$qmb");
}

static void
of_several_modes_those_of_the_screen_are_kept(void **state)
{
	(void)state;
	VIEW("\033[?25;1003;1049h", "\033[?25;1049h");
	VIEW("\033[?1000;1006l", "");
	VIEW("\033[?1;25;2004l", "\033[?25l");
}

static void
C18_what_is_no_utf8_is_a_question_mark(void **state)
{
	(void)state;
	VIEW("\xff"
	     "a\xe2\x82"
	     "b\xc0\xaf\xed\xa0\x80",
	    "?a?b?????");
}

static void
a_sequence_that_never_ends_is_not_kept_for_ever(void **state)
{
	char raw[300];

	(void)state;
	memset(raw, '1', sizeof(raw));
	memcpy(raw, "\033[", 2);
	memcpy(raw + sizeof(raw) - 3, "mok", 3);
	assert_view(raw, sizeof(raw), "ok");
	VIEW("\033]0;never closed\nnext", "\nnext");
	VIEW("\033[12\nnext", "\nnext");
}

/* Seen by who is not here to trust the code above. */
static void
C13_a_view_of_noise_is_the_same_when_it_is_viewed_again(void **state)
{
	uint8_t *noise = noise_of(NOISE, 7);
	uint8_t *once = malloc(ANSI_VIEW_MAX(NOISE));
	uint8_t *twice = malloc(ANSI_VIEW_MAX(ANSI_VIEW_MAX(NOISE)));
	struct ansi ansi;
	size_t n, m;

	(void)state;
	assert_non_null(once);
	assert_non_null(twice);
	ansi_init(&ansi);
	n = ansi_view(&ansi, noise, NOISE, once);
	assert_true(n > NOISE / 4);
	ansi_init(&ansi);
	m = ansi_view(&ansi, once, n, twice);
	assert_int_equal(m, n);
	assert_memory_equal(twice, once, n);
	assert_int_equal(ansi.keys, 0);
	free(noise);
	free(once);
	free(twice);
}

/* --- the keyboard -------------------------------------------------------- */

static void
assert_keys(const char *raw, const char *on, const char *off)
{
	char text[ANSI_KEYS_MAX];
	uint8_t out[256];
	struct ansi seen, followed;

	ansi_init(&seen);
	ansi_init(&followed);
	(void)ansi_view(&seen, (const uint8_t *)raw, strlen(raw), out);
	ansi_follow(&followed, (const uint8_t *)raw, strlen(raw));
	assert_int_equal(seen.keys, followed.keys);
	assert_int_equal(seen.state, followed.state);
	(void)ansi_keys(&seen, true, text);
	assert_string_equal(text, on);
	(void)ansi_keys(&seen, false, text);
	assert_string_equal(text, off);
}

static void
the_modes_of_the_keyboard_are_known(void **state)
{
	(void)state;
	assert_keys("\033[?1049h text \033[31m", "", "");
	assert_keys("\033[?1h\033=", "\033[?1h\033=", "\033[?1l\033>");
	assert_keys("\033[?1003;1006h x \033[?2004h y \033[?1003l",
	    "\033[?1006h\033[?2004h", "\033[?1006l\033[?2004l");
	assert_keys("\033[?2004h\033=\033c", "", "");
	assert_keys("\033[?2004h and \033[?20", "\033[?2004h", "\033[?2004l");
}

static void
all_modes_of_the_keyboard_fit(void **state)
{
	char text[ANSI_KEYS_MAX];
	struct ansi ansi;

	(void)state;
	ansi_init(&ansi);
	ansi.keys = UINT32_MAX;
	assert_true(ansi_keys(&ansi, true, text) < ANSI_KEYS_MAX - 12);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(C12_text_is_safe_for_every_terminal),
		cmocka_unit_test(
		    C12_a_cut_off_sequence_hides_no_more_than_its_line),
		cmocka_unit_test(C18_text_out_of_noise_has_no_control_byte),
		cmocka_unit_test(text_in_pieces_is_the_same_text),
		cmocka_unit_test(what_draws_is_kept),
		cmocka_unit_test(C13_what_makes_a_terminal_answer_is_gone),
		cmocka_unit_test(C13_what_keeps_something_is_gone),
		cmocka_unit_test(C13_a_c1_control_is_gone_in_both_its_forms),
		cmocka_unit_test(of_several_modes_those_of_the_screen_are_kept),
		cmocka_unit_test(C18_what_is_no_utf8_is_a_question_mark),
		cmocka_unit_test(
		    a_sequence_that_never_ends_is_not_kept_for_ever),
		cmocka_unit_test(
		    C13_a_view_of_noise_is_the_same_when_it_is_viewed_again),
		cmocka_unit_test(the_modes_of_the_keyboard_are_known),
		cmocka_unit_test(all_modes_of_the_keyboard_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
