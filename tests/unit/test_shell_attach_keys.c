/* SPDX-License-Identifier: ISC */
#include "tests/unit/console_rig.h"

#include "shell/attach.h"

/* One read of a fresh customer. */
static enum attach_key
keys_of(bool writer, const char *data, size_t len, size_t *forward)
{
	struct attach_scan scan = { 0 };

	return attach_keys(&scan, writer, (const uint8_t *)data, len, 10000,
	    forward);
}

/* Type one byte at a time, at these times; the key of the last. */
static enum attach_key
timed(struct attach_scan *scan, bool writer, const char *data,
    const int64_t *times)
{
	enum attach_key key = ATTACH_KEY_NONE;
	size_t forward, i;

	for (i = 0; data[i] != '\0'; i++)
		key = attach_keys(scan, writer, (const uint8_t *)&data[i], 1,
		    times[i], &forward);
	return key;
}

static void
ctrl_bracket_leaves_at_every_place_of_a_read(void **state)
{
	uint8_t buf[64];
	struct attach_scan scan;
	size_t at, forward;

	(void)state;
	for (at = 0; at < sizeof(buf); at++) {
		memset(buf, 'a', sizeof(buf));
		memset(&scan, 0, sizeof(scan));
		buf[at] = 0x1d;
		assert_int_equal(attach_keys(&scan, true, buf, sizeof(buf), 1,
				     &forward),
		    ATTACH_KEY_LEAVE);
		assert_int_equal(forward, at);
	}
}

static void
every_other_byte_is_the_guests(void **state)
{
	struct attach_scan scan = { 0 };
	size_t forward;
	uint8_t c = 0;

	(void)state;
	do {
		if (c == 0x1d)
			continue;
		assert_int_equal(attach_keys(&scan, true, &c, 1, 1, &forward),
		    ATTACH_KEY_NONE);
		assert_int_equal(forward, 1);
	} while (++c != 0);
}

static void
D11_ctrl_q_counts_within_a_second_and_in_a_row(void **state)
{
	const int64_t quick[] = { 1, 500, 1001 }, slow[] = { 1, 500, 1002 };
	const int64_t sliding[] = { 1, 900, 1500, 1800 };
	const int64_t between[] = { 1, 2, 3, 4 };
	struct attach_scan scan;

	(void)state;
	memset(&scan, 0, sizeof(scan));
	assert_int_equal(timed(&scan, true, "\021\021\021", quick),
	    ATTACH_KEY_LEAVE);
	memset(&scan, 0, sizeof(scan));
	assert_int_equal(timed(&scan, true, "\021\021\021", slow),
	    ATTACH_KEY_NONE);
	memset(&scan, 0, sizeof(scan));
	assert_int_equal(timed(&scan, true, "\021\021\021\021", sliding),
	    ATTACH_KEY_LEAVE);
	memset(&scan, 0, sizeof(scan));
	assert_int_equal(timed(&scan, true, "\021\021x\021", between),
	    ATTACH_KEY_NONE);
}

static void
D11_three_ctrl_q_in_one_read_leave(void **state)
{
	size_t forward;

	(void)state;
	assert_int_equal(keys_of(true, "ab\021\021\021cd", 7, &forward),
	    ATTACH_KEY_LEAVE);
	/* Two of them have to go to the guest: they might be all. */
	assert_int_equal(forward, 4);
}

static void
a_watchers_keys_go_nowhere(void **state)
{
	size_t forward = 99;

	(void)state;
	assert_int_equal(keys_of(false, "rm\n", 3, &forward), ATTACH_KEY_HELP);
	assert_int_equal(forward, 0);
	assert_int_equal(keys_of(false, "w", 1, &forward), ATTACH_KEY_TAKE);
	assert_int_equal(forward, 0);
	assert_int_equal(keys_of(false, "q", 1, &forward), ATTACH_KEY_LEAVE);
	assert_int_equal(keys_of(false, "x\035y", 3, &forward),
	    ATTACH_KEY_LEAVE);
	assert_int_equal(forward, 0);
}

static void
C09_a_paste_takes_nothing_over(void **state)
{
	size_t forward;

	(void)state;
	assert_int_equal(keys_of(false, "ww", 2, &forward), ATTACH_KEY_HELP);
	assert_int_equal(keys_of(false, "w\n", 2, &forward), ATTACH_KEY_HELP);
	assert_int_equal(keys_of(false, "qwq", 3, &forward), ATTACH_KEY_HELP);
}

static void
C13_what_a_terminal_answers_is_no_key_of_a_watcher(void **state)
{
	/* CPR, DA, mouse (new, old), focus, OSC 11, DECRQSS, F1, Alt-w. */
	static const char *const answers[] = { "\033[24;80R", "\033[?1;2c",
		"\033[<0;33;12M", "\033[M qw", "\033[I",
		"\033]11;rgb:ffff/qqqq/0000\033\\", "\033]11;q\a",
		"\033P1$rw\033\\", "\033OP", "\033w" };
	struct attach_scan scan;
	size_t i, j, forward;

	(void)state;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_int_equal(keys_of(false, answers[i], strlen(answers[i]),
				     &forward),
		    ATTACH_KEY_NONE);
		/* The same when it comes in pieces. */
		memset(&scan, 0, sizeof(scan));
		for (j = 0; answers[i][j] != '\0'; j++)
			assert_int_equal(attach_keys(&scan, false,
					     (const uint8_t *)&answers[i][j], 1,
					     10000, &forward),
			    ATTACH_KEY_NONE);
		assert_int_equal(attach_keys(&scan, false, (const uint8_t *)"w",
				     1, 10000, &forward),
		    ATTACH_KEY_TAKE);
	}
}

static void
an_answer_that_never_ends_does_not_swallow_keys_for_ever(void **state)
{
	const int64_t times[] = { 5000, 5001, 7000 };
	struct attach_scan scan = { 0 };

	(void)state;
	assert_int_equal(timed(&scan, false, "\033]w", times), ATTACH_KEY_TAKE);
}

/* --- logs ---------------------------------------------------------------- */

static void
assert_neutral(const char *raw, size_t len, const char *want)
{
	size_t outlen;
	char *out = attach_neutralise((const uint8_t *)raw, len, &outlen);

	assert_non_null(out);
	assert_string_equal(out, want);
	assert_int_equal(outlen, strlen(want));
	free(out);
}

#define NEUTRAL(raw, want) assert_neutral(raw, sizeof(raw) - 1, want)

static void
C12_a_log_is_safe_for_every_terminal(void **state)
{
	(void)state;
	NEUTRAL("", "");
	NEUTRAL("plain\n\ttabs\n", "plain\n\ttabs\n");
	NEUTRAL("a\r\nb\r\r\nc", "a\nb\nc");
	NEUTRAL("\r10%\r20%\r\n", "10%\n20%\n");
	NEUTRAL("\033[1;31mred\033[0m \033[?25l\033[2Jx", "red x");
	NEUTRAL("\033]0;owned\alogin: \033]52;c;ZWNobw==\033\\ok", "login: ok");
	NEUTRAL("\033P$qm\033\\x\033(0y\033#8z\033=", "xyz");
	NEUTRAL("a\bb\007c\177\005", "a\\x08b\\x07c\\x7f\\x05");
	NEUTRAL("\x9b"
		"31m\xff\xfe",
	    "\\x9b31m\\xff\\xfe");
	NEUTRAL("nul\0nul", "nul\\x00nul");
	NEUTRAL("gr\xc3\xbc\xc3\x9f\xe2\x80\xae",
	    "gr\xc3\xbc\xc3\x9f\\u{202e}");
}

static void
C12_a_cut_off_sequence_hides_no_more_than_its_line(void **state)
{
	(void)state;
	NEUTRAL("\033]0;never closed\nnext\n", "\nnext\n");
	NEUTRAL("\033", "");
	NEUTRAL("x\033[", "x");
	NEUTRAL("x\033[12", "x");
	NEUTRAL("\033[12\nnext", "\nnext");
	NEUTRAL("\033\033[31mx", "x");
	NEUTRAL("\033]a\033[31mred", "red");
}

static void
C18_a_log_of_noise_has_no_control_byte(void **state)
{
	const size_t len = 4 * MIB / 10;
	uint8_t *noise = rig_noise(len, 21);
	size_t outlen, i;
	char *out;

	(void)state;
	out = attach_neutralise(noise, len, &outlen);
	assert_non_null(out);
	for (i = 0; i < outlen; i++)
		if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f)
			assert_true(out[i] == '\n' || out[i] == '\t');
	free(out);
	free(noise);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ctrl_bracket_leaves_at_every_place_of_a_read),
		cmocka_unit_test(every_other_byte_is_the_guests),
		cmocka_unit_test(
		    D11_ctrl_q_counts_within_a_second_and_in_a_row),
		cmocka_unit_test(D11_three_ctrl_q_in_one_read_leave),
		cmocka_unit_test(a_watchers_keys_go_nowhere),
		cmocka_unit_test(C09_a_paste_takes_nothing_over),
		cmocka_unit_test(
		    C13_what_a_terminal_answers_is_no_key_of_a_watcher),
		cmocka_unit_test(
		    an_answer_that_never_ends_does_not_swallow_keys_for_ever),
		cmocka_unit_test(C12_a_log_is_safe_for_every_terminal),
		cmocka_unit_test(
		    C12_a_cut_off_sequence_hides_no_more_than_its_line),
		cmocka_unit_test(C18_a_log_of_noise_has_no_control_byte)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
