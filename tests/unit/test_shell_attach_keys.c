/* SPDX-License-Identifier: ISC */
#include "tests/unit/console_rig.h"

#include "shell/attach_keys.h"

/* What one customer typed so far, and what of it has reached the guest. */
struct typist {
	struct attach_scan scan;
	bool watches;
	uint8_t guest[MIB / 4];
	size_t n;
};

/* One read; the last key in it that means something. */
static enum attach_key
typed(struct typist *typist, const void *data, size_t len, int64_t now)
{
	enum attach_key key = ATTACH_KEY_NONE, last = ATTACH_KEY_NONE;
	struct attach_read read = { .data = data,
		.len = len,
		.now_ms = now,
		.writer = !typist->watches };

	while (read.at < len && key != ATTACH_KEY_LEAVE) {
		read.out = typist->guest + typist->n;
		assert_true(typist->n + ATTACH_KEYS_OUT(len) <=
		    sizeof(typist->guest));
		key = attach_keys(&typist->scan, &read);
		typist->n += read.n;
		last = key != ATTACH_KEY_NONE ? key : last;
	}
	return last;
}

static struct typist *
typist_new(bool watches)
{
	static struct typist typist;

	memset(&typist, 0, sizeof(typist));
	typist.watches = watches;
	return &typist;
}

/* Seconds after the host's boot; nothing was ever typed before. */
#define THEN 10000

#define TYPED(typist, text, now) typed(typist, text, sizeof(text) - 1, now)

#define GUEST_HAS(typist, text)                                       \
	do {                                                          \
		assert_int_equal((typist)->n, sizeof(text) - 1);      \
		assert_memory_equal((typist)->guest, text, (typist)->n); \
	} while (0)

/* One read of a fresh customer. */
static enum attach_key
keys_of(bool writer, const char *data, size_t len, size_t *forward)
{
	struct typist *typist = typist_new(!writer);
	enum attach_key key = typed(typist, data, len, THEN);

	*forward = typist->n;
	return key;
}

/* Type one byte at a time, at these times; the key of the last. */
static enum attach_key
timed(bool writer, const char *data, const int64_t *times)
{
	struct typist *typist = typist_new(!writer);
	enum attach_key key = ATTACH_KEY_NONE;
	size_t i;

	for (i = 0; data[i] != '\0'; i++)
		key = typed(typist, &data[i], 1, times[i]);
	return key;
}

static void
ctrl_bracket_leaves_at_every_place_of_a_read(void **state)
{
	char buf[64];
	size_t at, forward;

	(void)state;
	for (at = 0; at < sizeof(buf); at++) {
		memset(buf, 'a', sizeof(buf));
		buf[at] = 0x1d;
		assert_int_equal(keys_of(true, buf, sizeof(buf), &forward),
		    ATTACH_KEY_LEAVE);
		assert_int_equal(forward, at);
	}
}

static void
every_other_byte_is_the_guests(void **state)
{
	size_t forward;
	uint8_t c = 0;

	(void)state;
	do {
		if (c == 0x1d || c == 0x1e)
			continue;
		assert_int_equal(keys_of(true, (char *)&c, 1, &forward),
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

	(void)state;
	assert_int_equal(timed(true, "\021\021\021", quick),
	    ATTACH_KEY_LEAVE);
	assert_int_equal(timed(true, "\021\021\021", slow), ATTACH_KEY_NONE);
	assert_int_equal(timed(true, "\021\021\021\021", sliding),
	    ATTACH_KEY_LEAVE);
	assert_int_equal(timed(true, "\021\021x\021", between),
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
	assert_int_equal(keys_of(false, "rm\n", 3, &forward),
	    ATTACH_KEY_WRITER);
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
	assert_int_equal(keys_of(false, "ww", 2, &forward), ATTACH_KEY_WRITER);
	assert_int_equal(keys_of(false, "w\n", 2, &forward), ATTACH_KEY_WRITER);
	assert_int_equal(keys_of(false, "qwq", 3, &forward), ATTACH_KEY_WRITER);
}

static void
C13_what_a_terminal_answers_is_no_key_of_a_watcher(void **state)
{
	/* CPR, DA, mouse (new, old), focus, OSC 11, DECRQSS, F1, Alt-w. */
	static const char *const answers[] = { "\033[24;80R", "\033[?1;2c",
		"\033[<0;33;12M", "\033[M qw", "\033[I",
		"\033]11;rgb:ffff/qqqq/0000\033\\", "\033]11;q\a",
		"\033P1$rw\033\\", "\033OP", "\033w" };
	struct typist *typist;
	size_t i, j, forward;

	(void)state;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_int_equal(keys_of(false, answers[i], strlen(answers[i]),
				     &forward),
		    ATTACH_KEY_NONE);
		/* The same when it comes in pieces. */
		typist = typist_new(true);
		for (j = 0; answers[i][j] != '\0'; j++)
			assert_int_equal(typed(typist, &answers[i][j], 1, THEN),
			    ATTACH_KEY_NONE);
		assert_int_equal(TYPED(typist, "w", THEN), ATTACH_KEY_TAKE);
		assert_int_equal(typist->n, 0);
	}
}

static void
an_answer_that_never_ends_does_not_swallow_keys_for_ever(void **state)
{
	const int64_t times[] = { 5000, 5001, 7000 };

	(void)state;
	assert_int_equal(timed(false, "\033]w", times), ATTACH_KEY_TAKE);
}

/* --- pastes -------------------------------------------------------------- */

#define PASTE "\033[200~"
#define OVER  "\033[201~"

static void
inside_a_bracketed_paste_our_keys_are_text(void **state)
{
	static const char paste[] = PASTE "a\035b\021\021\021c\036kb\035" OVER;
	struct typist *typist = typist_new(false);
	size_t i;

	(void)state;
	assert_int_equal(TYPED(typist, paste, THEN), ATTACH_KEY_NONE);
	GUEST_HAS(typist, paste);
	/* And when every byte of it comes by itself. */
	typist = typist_new(false);
	for (i = 0; i < sizeof(paste) - 1; i++)
		assert_int_equal(typed(typist, paste + i, 1, THEN),
		    ATTACH_KEY_NONE);
	GUEST_HAS(typist, paste);
	assert_int_equal(TYPED(typist, "\035", THEN), ATTACH_KEY_LEAVE);
	GUEST_HAS(typist, paste);
}

static void
ctrl_bracket_twice_leaves_a_paste(void **state)
{
	struct typist *typist = typist_new(false);

	(void)state;
	assert_int_equal(TYPED(typist, PASTE "abc\035", THEN),
	    ATTACH_KEY_NONE);
	assert_int_equal(TYPED(typist, "\035def", THEN + 1000),
	    ATTACH_KEY_LEAVE);
	GUEST_HAS(typist, PASTE "abc\035");
	/* Not when something stands between them. */
	typist = typist_new(false);
	assert_int_equal(TYPED(typist, PASTE "abc\035d\035e", THEN),
	    ATTACH_KEY_NONE);
}

static void
a_paste_that_has_gone_silent_is_over(void **state)
{
	struct typist *typist = typist_new(false);

	(void)state;
	assert_int_equal(TYPED(typist, PASTE "lost its end", THEN),
	    ATTACH_KEY_NONE);
	assert_int_equal(TYPED(typist, "\035", THEN + 1000), ATTACH_KEY_NONE);
	assert_int_equal(TYPED(typist, "\035", THEN + 2001),
	    ATTACH_KEY_LEAVE);
}

static void
what_only_looks_like_a_paste_is_none(void **state)
{
	static const char *const looks[] = { OVER, "\033[20~", "\033[2\0330~",
		"[200~", "\033[202~", "\033[200\033~" };
	struct typist *typist;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		typist = typist_new(false);
		assert_int_equal(typed(typist, looks[i], strlen(looks[i]),
				     THEN),
		    ATTACH_KEY_NONE);
		assert_int_equal(TYPED(typist, "\035", THEN),
		    ATTACH_KEY_LEAVE);
	}
	/* Two beginnings of one in a row. */
	typist = typist_new(false);
	assert_int_equal(TYPED(typist, "\033[20\033[200~\035", THEN),
	    ATTACH_KEY_NONE);
}

/* --- commands ------------------------------------------------------------ */

static void
a_command_is_ours_and_nothing_of_it_is_the_guests(void **state)
{
	static const struct {
		char key;
		enum attach_key is;
	} keys[] = { { 's', ATTACH_KEY_SIZE }, { 'h', ATTACH_KEY_HERE },
		{ 'w', ATTACH_KEY_TAKE }, { '?', ATTACH_KEY_HELP },
		{ 'k', ATTACH_KEY_SYSRQ } };
	struct typist *typist;
	char text[] = "\036?";
	size_t i;

	(void)state;
	for (i = 0; i < 2 * sizeof(keys) / sizeof(keys[0]); i++) {
		typist = typist_new(i % 2 == 1);
		text[1] = keys[i / 2].key;
		assert_int_equal(typed(typist, text, 2, THEN), keys[i / 2].is);
		GUEST_HAS(typist, "");
		/* In two reads. */
		typist = typist_new(i % 2 == 1);
		assert_int_equal(typed(typist, text, 1, THEN),
		    ATTACH_KEY_NONE);
		assert_int_equal(typed(typist, text + 1, 1, THEN + 900),
		    keys[i / 2].is);
		GUEST_HAS(typist, "");
	}
}

static void
what_stands_around_a_command_is_the_guests(void **state)
{
	struct typist *typist = typist_new(false);

	(void)state;
	assert_int_equal(TYPED(typist, "ls\036hpwd\036?\r", THEN),
	    ATTACH_KEY_HELP);
	GUEST_HAS(typist, "lspwd\r");
}

static void
ctrl_caret_with_another_key_is_the_guests_both_of_it(void **state)
{
	struct typist *typist = typist_new(false);

	(void)state;
	assert_int_equal(TYPED(typist, "\036x\036\036y", THEN),
	    ATTACH_KEY_NONE);
	GUEST_HAS(typist, "\036x\036y");
	assert_int_equal(TYPED(typist, "\036", THEN), ATTACH_KEY_NONE);
	assert_int_equal(TYPED(typist, "\033[A", THEN), ATTACH_KEY_NONE);
	GUEST_HAS(typist, "\036x\036y\036\033[A");
	assert_int_equal(TYPED(typist, "\036\035", THEN), ATTACH_KEY_LEAVE);
	/* A watcher's goes nowhere. */
	typist = typist_new(true);
	assert_int_equal(TYPED(typist, "\036x", THEN), ATTACH_KEY_WRITER);
	GUEST_HAS(typist, "");
}

static void
ctrl_caret_that_stays_alone_is_the_guests_after_a_second(void **state)
{
	uint8_t out[ATTACH_KEYS_OUT(0)];
	struct attach_read read = { .writer = true, .out = out };
	struct typist *typist = typist_new(false);

	(void)state;
	assert_int_equal(attach_keys_due(&typist->scan), -1);
	assert_int_equal(TYPED(typist, "\036", THEN), ATTACH_KEY_NONE);
	assert_int_equal(attach_keys_due(&typist->scan), THEN + 1000);
	read.now_ms = THEN + 1000;
	assert_int_equal(attach_keys_late(&typist->scan, &read),
	    ATTACH_KEY_NONE);
	assert_int_equal(read.n, 1);
	assert_int_equal(out[0], 0x1e);
	assert_int_equal(attach_keys_due(&typist->scan), -1);
	/* Also when the next key was there first. */
	assert_int_equal(TYPED(typist, "\036", THEN), ATTACH_KEY_NONE);
	assert_int_equal(TYPED(typist, "h", THEN + 1000), ATTACH_KEY_NONE);
	GUEST_HAS(typist, "\036h");
}

/* The command, and then these keys, each by itself. */
static enum attach_key
sysrq(const char *letters)
{
	struct typist *typist = typist_new(false);
	enum attach_key key = TYPED(typist, "\036k", THEN);

	assert_int_equal(key, ATTACH_KEY_SYSRQ);
	for (; *letters != '\0'; letters++)
		key = typed(typist, letters, 1, THEN + 9000);
	GUEST_HAS(typist, "");
	assert_true(key != ATTACH_KEY_PRESS ||
	    typist->scan.letter == letters[-1]);
	return key;
}

static void
D14_a_letter_of_sysrq_is_one_letter(void **state)
{
	(void)state;
	assert_int_equal(sysrq("h"), ATTACH_KEY_PRESS);
	assert_int_equal(sysrq("9"), ATTACH_KEY_PRESS);
	assert_int_equal(sysrq("H"), ATTACH_KEY_NOT);
	assert_int_equal(sysrq("?"), ATTACH_KEY_NOT);
	assert_int_equal(sysrq("\033"), ATTACH_KEY_NOT);
	assert_int_equal(sysrq("\r"), ATTACH_KEY_NOT);
	assert_int_equal(sysrq("\035"), ATTACH_KEY_LEAVE);
}

static void
a_letter_that_ends_everything_is_wanted_twice(void **state)
{
	(void)state;
	assert_int_equal(sysrq("b"), ATTACH_KEY_SURE);
	assert_int_equal(sysrq("bb"), ATTACH_KEY_PRESS);
	assert_int_equal(sysrq("bo"), ATTACH_KEY_NOT);
	assert_int_equal(sysrq("b\r"), ATTACH_KEY_NOT);
}

static void
C09_a_paste_presses_no_sysrq(void **state)
{
	struct typist *typist = typist_new(false);

	(void)state;
	assert_int_equal(TYPED(typist, "text\036kbb more", THEN),
	    ATTACH_KEY_NOT);
	GUEST_HAS(typist, "text");
	typist = typist_new(false);
	assert_int_equal(TYPED(typist, "\036k", THEN), ATTACH_KEY_SYSRQ);
	assert_int_equal(TYPED(typist, "s\n", THEN + 1), ATTACH_KEY_NOT);
	GUEST_HAS(typist, "");
}

static void
a_letter_that_does_not_come_is_given_up(void **state)
{
	uint8_t out[ATTACH_KEYS_OUT(0)];
	struct attach_read read = { .writer = true, .out = out };
	struct typist *typist = typist_new(false);

	(void)state;
	assert_int_equal(TYPED(typist, "\036k", THEN), ATTACH_KEY_SYSRQ);
	assert_int_equal(attach_keys_due(&typist->scan), THEN + 10000);
	assert_int_equal(attach_keys_late(&typist->scan, &read),
	    ATTACH_KEY_NOT);
	assert_int_equal(read.n, 0);
	assert_int_equal(TYPED(typist, "b", THEN), ATTACH_KEY_NONE);
	GUEST_HAS(typist, "b");
}

static void
who_wants_no_keys_of_ours_has_one(void **state)
{
	struct typist *typist = typist_new(false);

	(void)state;
	typist->scan.plain = true;
	assert_int_equal(TYPED(typist, "\021\021\021\036kb\036?", THEN),
	    ATTACH_KEY_NONE);
	GUEST_HAS(typist, "\021\021\021\036kb\036?");
	assert_int_equal(TYPED(typist, "x\035", THEN), ATTACH_KEY_LEAVE);
}

/* Nothing that is typed is lost, doubled or moved, however it is cut up. */
static void
typed_noise_in_pieces_is_what_the_guest_gets(void **state)
{
	const size_t len = MIB / 8;
	uint8_t *noise = rig_noise(len, 33);
	struct typist *typist = typist_new(false);
	size_t i, step;

	(void)state;
	for (i = 0; i < len; i++)
		if (noise[i] == 0x1d || noise[i] == 0x11)
			noise[i] = 0x1b;
		else if (noise[i] == 0x1e && i + 1 < len)
			noise[i + 1] = 'x';
	noise[len - 1] = 'x';
	for (i = 0; i < len; i += step) {
		step = 1 + noise[i] % 50;
		if (step > len - i)
			step = len - i;
		assert_int_equal(typed(typist, noise + i, step, THEN),
		    ATTACH_KEY_NONE);
	}
	assert_int_equal(typist->n, len);
	assert_memory_equal(typist->guest, noise, len);
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
		cmocka_unit_test(inside_a_bracketed_paste_our_keys_are_text),
		cmocka_unit_test(ctrl_bracket_twice_leaves_a_paste),
		cmocka_unit_test(a_paste_that_has_gone_silent_is_over),
		cmocka_unit_test(what_only_looks_like_a_paste_is_none),
		cmocka_unit_test(
		    a_command_is_ours_and_nothing_of_it_is_the_guests),
		cmocka_unit_test(what_stands_around_a_command_is_the_guests),
		cmocka_unit_test(
		    ctrl_caret_with_another_key_is_the_guests_both_of_it),
		cmocka_unit_test(
		    ctrl_caret_that_stays_alone_is_the_guests_after_a_second),
		cmocka_unit_test(D14_a_letter_of_sysrq_is_one_letter),
		cmocka_unit_test(a_letter_that_ends_everything_is_wanted_twice),
		cmocka_unit_test(C09_a_paste_presses_no_sysrq),
		cmocka_unit_test(a_letter_that_does_not_come_is_given_up),
		cmocka_unit_test(who_wants_no_keys_of_ours_has_one),
		cmocka_unit_test(typed_noise_in_pieces_is_what_the_guest_gets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
