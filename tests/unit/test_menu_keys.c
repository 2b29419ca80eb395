/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "menu/keys.h"

#define NOW 100000

static struct keys keys;

static int
begin(void **state)
{
	(void)state;
	keys_init(&keys, true);
	return 0;
}

static void
feed(const char *text, int64_t now)
{
	keys_feed(&keys, text, strlen(text), now);
}

/* These keys come, and no other. */
static void
expect(const uint32_t *wanted, size_t n)
{
	uint32_t key;
	size_t i;

	for (i = 0; i < n; i++) {
		assert_true(keys_next(&keys, &key));
		assert_int_equal(key, wanted[i]);
	}
	assert_false(keys_next(&keys, &key));
}

#define EXPECT(...)                                                  \
	do {                                                         \
		const uint32_t wanted_[] = { __VA_ARGS__ };          \
		expect(wanted_, sizeof(wanted_) / sizeof(uint32_t)); \
	} while (0)

static void
expect_none(void)
{
	uint32_t key;

	assert_false(keys_next(&keys, &key));
}

static void
expect_paste(const char *text)
{
	EXPECT(KEYS_PASTE);
	assert_string_equal(keys.paste, text);
}

static void
test_letters_are_themselves(void **state)
{
	(void)state;
	feed("cq?", NOW);
	feed("1\r\t", NOW + 1);
	feed("\b\177\003", NOW + 2);
	EXPECT('c', 'q', '?', '1', KEYS_ENTER, KEYS_TAB, KEYS_ERASE,
	    KEYS_ERASE, 3);
}

static void
test_characters_of_utf8_are_one_key(void **state)
{
	(void)state;
	feed("\xc3\xa9\xe4\xb8\xad", NOW);
	EXPECT(0xe9, 0x4e2d);
	feed("\xe4\xb8", NOW);
	expect_none();
	feed("\xad", NOW + 1);
	EXPECT(0x4e2d);
}

static void
test_bytes_that_are_no_character_are_no_key(void **state)
{
	(void)state;
	feed("\xff\xc0\x80\x9b", NOW);
	feed("\xe4q", NOW + 1);
	EXPECT('q');
	/* An overlong s, and an Enter by its number. */
	feed("\xe0\x81\xb3", NOW + 2);
	feed("\xf4\x90\x80\x80", NOW + 3);
	expect_none();
}

static void
test_arrows_of_every_kind_of_terminal(void **state)
{
	(void)state;
	feed("\033[A\033OA\033[1;5B\033OD\033[C", NOW);
	EXPECT(KEYS_UP, KEYS_UP, KEYS_DOWN, KEYS_LEFT, KEYS_RIGHT);
	feed("\033[H\033OH\033[1~\033[7~\033[F\033[4~\033[8~", NOW);
	EXPECT(KEYS_HOME, KEYS_HOME, KEYS_HOME, KEYS_HOME, KEYS_END, KEYS_END,
	    KEYS_END);
	feed("\033[5~\033[6~\033[3~\033OM", NOW);
	EXPECT(KEYS_PAGE_UP, KEYS_PAGE_DOWN, KEYS_DELETE, KEYS_ENTER);
	feed("\033OP\033[11~\033[[A", NOW);
	EXPECT('?', '?', '?');
}

static void
test_a_sequence_may_come_in_pieces(void **state)
{
	(void)state;
	feed("\033", NOW);
	expect_none();
	assert_int_equal(keys_due(&keys), NOW + KEYS_ESC_MS);
	feed("[", NOW + 10);
	feed("1;", NOW + 500);
	feed("2A", NOW + 900);
	EXPECT(KEYS_UP);
	assert_int_equal(keys_due(&keys), -1);
}

static void
test_esc_alone_is_a_key_soon(void **state)
{
	(void)state;
	feed("\033", NOW);
	keys_tick(&keys, NOW + KEYS_ESC_MS - 1);
	expect_none();
	keys_tick(&keys, NOW + KEYS_ESC_MS);
	EXPECT(KEYS_ESC);
	feed("q", NOW + KEYS_ESC_MS + 1);
	EXPECT('q');
}

static void
test_the_rest_of_a_sequence_whose_esc_was_taken_fires_no_key(void **state)
{
	(void)state;
	feed("\033", NOW);
	keys_tick(&keys, NOW + KEYS_ESC_MS);
	EXPECT(KEYS_ESC);
	feed("[?64;1;2c", NOW + 200);
	expect_none();
	feed("c", NOW + 300);
	EXPECT('c');
}

static void
test_esc_and_a_letter_is_not_that_letter(void **state)
{
	(void)state;
	feed("\033s\033d", NOW);
	expect_none();
	feed("\033\033[A", NOW);
	EXPECT(KEYS_ESC, KEYS_UP);
}

static void
test_late_replies_of_a_terminal_fire_no_key(void **state)
{
	static const char *const replies[] = { "\033[24;80R", "\033[1;1R",
		"\033[?1;2c", "\033[>41;330;0c", "\033[0n", "\033[?2004;1$y",
		"\033]10;rgb:dddd/dddd/dddd\007",
		"\033]11;rgb:0000/0000/0000\033\\", "\033P1$r0m\033\\",
		"\033P>|xterm(330)\033\\", "\033_Gi=1;OK\033\\", "\033[I",
		"\033[O", "\033[8;24;80t", "\033]lxterm\033\\",
		"\033[?62;1;2;6;9;15;22c", "\033[<0;10;10M", "\033[<0;10;10m",
		"\033[M !!" };
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		feed(replies[i], NOW);
		expect_none();
		assert_int_equal(keys.state, KEYS_GROUND);
		/* The same a byte at a time. */
		for (k = 0; replies[i][k] != '\0'; k++)
			keys_feed(&keys, replies[i] + k, 1, NOW + (int64_t)k);
		expect_none();
		assert_int_equal(keys.state, KEYS_GROUND);
	}
}

static void
test_a_reply_without_an_end_swallows_no_more_than_a_second(void **state)
{
	(void)state;
	feed("\033]10;rgb", NOW);
	assert_int_equal(keys_due(&keys), NOW + KEYS_SILENCE_MS);
	keys_tick(&keys, NOW + KEYS_SILENCE_MS);
	feed("q", NOW + KEYS_SILENCE_MS + 1);
	EXPECT('q');
	feed("\033]never\r", NOW + 5000);
	feed("q", NOW + 5001);
	EXPECT('q');
}

static void
test_the_rest_of_a_reply_that_another_has_begun_fires_no_key(void **state)
{
	static const char *const rests[] = { "[?62;c", "?62;c", ";1;2c", "2c",
		"]10;rgb:ff/ff/ff\a", "0c\033[24;80R", "P1$r0m\033\\" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
		keys_wary(&keys, NOW + (int64_t)i * 10000);
		feed(rests[i], NOW + (int64_t)i * 10000 + 100);
		keys_tick(&keys, NOW + (int64_t)i * 10000 + 5000);
		expect_none();
	}
	/* Who types, types keys, and goes on as ever afterwards. */
	keys_wary(&keys, NOW + 200000);
	feed("c", NOW + 200100);
	EXPECT('c');
	feed("3\r", NOW + 200400);
	EXPECT('3', KEYS_ENTER);
	feed("\033[B", NOW + 200600);
	EXPECT(KEYS_DOWN);
	feed("2c", NOW + 200000 + KEYS_WARY_MS);
	EXPECT('2', 'c');
}

static void
test_the_wheel_turns(void **state)
{
	(void)state;
	feed("\033[<64;10;5M\033[<65;10;5M", NOW);
	EXPECT(KEYS_WHEEL_UP, KEYS_WHEEL_DOWN);
	feed("\033[M`!!\033[Ma!!", NOW);
	EXPECT(KEYS_WHEEL_UP, KEYS_WHEEL_DOWN);
}

static void
test_C09_a_bracketed_paste_is_text_and_one_line(void **state)
{
	(void)state;
	feed("\033[200~\r\nweb\rs\ry\r\033[201~", NOW);
	expect_paste("web");
	feed("q", NOW);
	EXPECT('q');
}

static void
test_C09_a_paste_of_a_megabyte_fills_one_field(void **state)
{
	static const char part[] = "sdDrcy12345\r\033[A\033OB\003\004 ";
	size_t i;

	(void)state;
	feed("\033[200~", NOW);
	for (i = 0; i < 1 << 20; i += sizeof(part) - 1)
		feed(part, NOW + (int64_t)(i / 4096));
	expect_none();
	feed("\033[2", NOW + 400);
	feed("01~", NOW + 401);
	expect_paste("sdDrcy12345");
	expect_none();
}

static void
test_C09_an_end_of_paste_in_pieces_is_found(void **state)
{
	static const char all[] = "\033[200~a\033[20b\033\033[201~";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) - 1; i++)
		keys_feed(&keys, all + i, 1, NOW + (int64_t)i * 10);
	expect_paste("a\033[20b\033");
}

static void
test_C09_a_paste_without_an_end_is_nothing(void **state)
{
	(void)state;
	feed("\033[200~sdr", NOW);
	keys_tick(&keys, NOW + KEYS_SILENCE_MS);
	expect_none();
	feed("q", NOW + 2000);
	EXPECT('q');
}

static void
test_C09_a_paste_that_is_not_marked_is_told_from_typing(void **state)
{
	(void)state;
	feed("s\rd\ry\rD\rweb\r", NOW);
	expect_none();
	assert_int_equal(keys_due(&keys), NOW + KEYS_BURST_MS);
	/* What follows at once is a part of it. */
	feed("s\r", NOW + KEYS_BURST_MS - 1);
	expect_none();
	keys_tick(&keys, NOW + 2 * KEYS_BURST_MS);
	expect_paste("s");
	feed("s\r", NOW + 1000);
	EXPECT('s', KEYS_ENTER);
}

static void
test_C09_text_behind_a_sequence_is_looked_at_too(void **state)
{
	(void)state;
	feed("\033[A\033[200~x\033[201~s\rd\ry\rD\rweb\r", NOW);
	EXPECT(KEYS_UP, KEYS_PASTE);
	keys_tick(&keys, NOW + KEYS_BURST_MS);
	expect_paste("s");
}

static void
test_a_key_that_is_held_down_is_no_paste(void **state)
{
	(void)state;
	feed("jjjjjjjjjjjj", NOW);
	EXPECT('j', 'j', 'j', 'j', 'j', 'j', 'j', 'j', 'j', 'j', 'j', 'j');
	feed("\033[B\033[B\033[B\033[B", NOW);
	EXPECT(KEYS_DOWN, KEYS_DOWN, KEYS_DOWN, KEYS_DOWN);
}

static void
test_what_was_typed_ahead_can_be_dropped(void **state)
{
	(void)state;
	feed("dy\r", NOW);
	keys_drop(&keys);
	expect_none();
	/* A sequence and a paste stay what they are. */
	feed("\033[", NOW);
	keys_drop(&keys);
	feed("A", NOW + 1);
	EXPECT(KEYS_UP);
	feed("\033[200~web", NOW);
	keys_drop(&keys);
	feed("y\r\033[201~", NOW + 1);
	expect_none();
}

static void
test_C1_begins_a_sequence_only_where_it_is_no_character(void **state)
{
	(void)state;
	keys_init(&keys, false);
	feed("\x9b"
	     "A\x8f"
	     "B\xe9",
	    NOW);
	EXPECT(KEYS_UP, KEYS_DOWN, 0xe9);
}

/* Whatever comes: no more keys than bytes, and the end of it is ground. */
static void
test_C18_any_bytes_at_all(void **state)
{
	static const char pieces[] =
	    "\033\033[]OPM~200201;<\\\rqsd\x9b\xe4\xb8";
	char bytes[64];
	uint32_t key, seed = 1;
	size_t i, round, len;
	int64_t now = NOW;

	(void)state;
	for (round = 0; round < 20000; round++) {
		len = 0;
		for (i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = pieces[(seed >> 16) % strlen(pieces)];
			len++;
		}
		keys_feed(&keys, bytes, len, now);
		now += (int64_t)(seed >> 24) * 10;
		for (i = 0; keys_next(&keys, &key); i++)
			assert_true(key < 0x110000 || key <= KEYS_PASTE);
		assert_true(i <= sizeof(bytes) + 1);
	}
	keys_tick(&keys, now + KEYS_SILENCE_MS);
	keys_tick(&keys, now + 3 * KEYS_SILENCE_MS);
	assert_int_equal(keys_due(&keys), -1);
}

#define TEST(name) cmocka_unit_test_setup(test_##name, begin)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(letters_are_themselves),
		TEST(characters_of_utf8_are_one_key),
		TEST(bytes_that_are_no_character_are_no_key),
		TEST(arrows_of_every_kind_of_terminal),
		TEST(a_sequence_may_come_in_pieces),
		TEST(esc_alone_is_a_key_soon),
		TEST(the_rest_of_a_sequence_whose_esc_was_taken_fires_no_key),
		TEST(esc_and_a_letter_is_not_that_letter),
		TEST(late_replies_of_a_terminal_fire_no_key),
		TEST(a_reply_without_an_end_swallows_no_more_than_a_second),
		TEST(the_rest_of_a_reply_that_another_has_begun_fires_no_key),
		TEST(the_wheel_turns),
		TEST(C09_a_bracketed_paste_is_text_and_one_line),
		TEST(C09_a_paste_of_a_megabyte_fills_one_field),
		TEST(C09_an_end_of_paste_in_pieces_is_found),
		TEST(C09_a_paste_without_an_end_is_nothing),
		TEST(C09_a_paste_that_is_not_marked_is_told_from_typing),
		TEST(C09_text_behind_a_sequence_is_looked_at_too),
		TEST(a_key_that_is_held_down_is_no_paste),
		TEST(what_was_typed_ahead_can_be_dropped),
		TEST(C1_begins_a_sequence_only_where_it_is_no_character),
		TEST(C18_any_bytes_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
