/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "shell/command.h"
#include "shell/complete.h"
#include "shell/edit.h"
#include "shell/session.h"

#define PROMPT "vpsh> "
#define COLUMNS 80 /* what output_columns() says of a file */

/*
 * A screen of one line, on which only what every terminal has may be used:
 * a character beyond its last column is a failure, since a real one wraps.
 */
static struct {
	char line[COLUMNS + 1];
	size_t at;
	unsigned bells;
	bool listing; /* other text, broken elsewhere, until the next CR */
} screen;

static struct edit edit;
static struct session session;
static FILE *out;
static enum edit_end end;

static void
look(void)
{
	int c;

	rewind(out);
	while ((c = getc(out)) != EOF) {
		if (c == '\r') {
			screen.at = 0;
			screen.listing = false;
		} else if (screen.listing)
			continue;
		else if (c == '\b') {
			assert_true(screen.at > 0);
			screen.at--;
		} else if (c == '\a')
			screen.bells++;
		else if (c == '\n') {
			memset(screen.line, ' ', COLUMNS);
			screen.listing = true;
		} else {
			assert_true(c >= 0x20 && c <= 0x7e);
			assert_true(screen.at < COLUMNS - 1);
			screen.line[screen.at++] = (char)c;
		}
	}
	rewind(out);
	assert_int_equal(ftruncate(fileno(out), 0), 0);
}

static void
begin_line(void)
{
	memset(screen.line, ' ', COLUMNS);
	screen.at = 0;
	screen.listing = false;
	edit_begin(&edit, PROMPT);
	look();
}

static int
setup(void **state)
{
	(void)state;
	out = tmpfile();
	assert_non_null(out);
	memset(&session, 0, sizeof(session));
	edit_init(&edit, out, complete_line, &session);
	begin_line();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	edit_dispose(&edit);
	fclose(out);
	return 0;
}

/* Each byte as a key of its own. */
static void
keys(const char *bytes)
{
	for (; *bytes != '\0'; bytes++)
		end = edit_byte(&edit, *bytes, false);
	look();
}

/* The screen shows the prompt, text and the cursor after so much of it. */
static void
expect(const char *text, size_t at)
{
	char wanted[COLUMNS + 1];

	assert_string_equal(edit.text, text);
	assert_int_equal(edit.len, strlen(text));
	assert_int_equal(edit.at, at);
	memset(wanted, ' ', COLUMNS);
	wanted[COLUMNS] = '\0';
	memcpy(wanted, PROMPT, strlen(PROMPT));
	memcpy(wanted + strlen(PROMPT), text, strlen(text));
	screen.line[COLUMNS] = '\0';
	assert_string_equal(screen.line, wanted);
	assert_int_equal(screen.at, strlen(PROMPT) + at);
}

static void
typed_characters_appear_at_the_cursor(void **state)
{
	(void)state;
	keys("status web");
	expect("status web", 10);
	keys("\001x\006\006y");
	expect("xstyatus web", 4);
	keys("\005z");
	expect("xstyatus webz", 13);
	keys("\n");
	assert_int_equal(end, EDIT_LINE);
}

static void
keys_of_all_common_terminals_move_and_delete(void **state)
{
	(void)state;
	keys("abcdef");
	keys("\033[D\033OD\002");
	expect("abcdef", 3);
	keys("\033[C\033OC\006\033[C");
	expect("abcdef", 6);
	keys("\033[H");
	expect("abcdef", 0);
	keys("\033[F");
	expect("abcdef", 6);
	keys("\033OH\033[4~\033[1~\033[8~\033[7~\033OF");
	expect("abcdef", 6);
	keys("\033[1~\033[3~\004");
	expect("cdef", 0);
	keys("\033[1;5C");
	expect("cdef", 1);
	keys("\005\b\177");
	expect("cd", 2);
}

static void
what_cannot_be_done_rings_and_changes_nothing(void **state)
{
	static const char *const strokes[] = { "\b", "\177", "\013", "\025",
		"\027", "\033[3~", "\020", "\016", "\033[A", "\033[B", "\t\t" };
	unsigned before;
	size_t i;

	(void)state;
	keys("zz");
	for (i = 0; i < sizeof(strokes) / sizeof(strokes[0]); i++) {
		keys(i < 5 && i != 2 ? "\001" : "\005");
		before = screen.bells;
		keys(strokes[i]);
		assert_true(screen.bells > before);
		assert_string_equal(edit.text, "zz");
	}
}

static void
words_and_ends_are_cut_out(void **state)
{
	(void)state;
	keys("log web --lines 5\027\027");
	expect("log web ", 8);
	keys("--since 2h\001\006\006\006\006\013");
	expect("log ", 4);
	keys("web --view\002\002\002\002\002\002\025");
	expect("--view", 0);
	keys("\013");
	expect("", 0);
}

static void
control_d_ends_an_empty_line_only(void **state)
{
	(void)state;
	keys("x\004");
	assert_int_equal(end, EDIT_GOES_ON);
	keys("\b\004");
	assert_int_equal(end, EDIT_OVER);
}

static void
earlier_lines_come_back_and_the_new_one_is_kept(void **state)
{
	(void)state;
	keys("list\n");
	begin_line();
	keys("start web\n");
	begin_line();
	/* Once is enough. */
	keys("start web\n");
	begin_line();
	keys("\n");
	begin_line();
	keys("dra");
	keys("\033[A");
	expect("start web", 9);
	keys("\020");
	expect("list", 4);
	keys("\033[A");
	expect("list", 4);
	keys("s\033[B");
	expect("start web", 9);
	keys("\016");
	expect("dra", 3);
	keys("ft\n");
	assert_string_equal(edit.text, "draft");
	begin_line();
	keys("\020\020\020");
	expect("list", 4);
}

static void
history_is_bounded(void **state)
{
	char line[32];
	int i;

	(void)state;
	for (i = 0; i < EDIT_HISTORY * 2; i++) {
		text_format(line, sizeof(line), "line %d\n", i);
		keys(line);
		begin_line();
	}
	assert_int_equal(edit.nhistory, EDIT_HISTORY);
	for (i = 0; i < EDIT_HISTORY * 2; i++)
		keys("\020");
	expect("line 100", 8);
}

static void
A03_what_is_no_key_stays_in_the_line_to_be_refused(void **state)
{
	static const char *const odd[] = { "\033[5~", "\033[15~", "\033x",
		"\033\033", "\033[1;2;3;4;5;6", "\033[Z", "\033]0;x",
		"\007", "\024", "\303\244", "\377", "\033O1", "\033[200~" };
	struct words words;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		keys("list ");
		keys(odd[i]);
		keys("\n");
		assert_int_equal(end, EDIT_LINE);
		assert_int_equal(words_split(&words, edit.text, edit.len),
		    VPSH_ERR_BYTES);
		assert_int_equal(edit.nhistory, 0);
		begin_line();
	}
	/* A NUL, too: the length counts. */
	keys("list");
	edit_byte(&edit, '\0', false);
	keys("\n");
	assert_int_equal(edit.len, 5);
	assert_int_equal(words_split(&words, edit.text, edit.len),
	    VPSH_ERR_BYTES);
	assert_int_equal(edit.nhistory, 0);
}

static void
leaving_a_console_twice_does_nothing(void **state)
{
	(void)state;
	keys("\035\035list");
	assert_string_equal(edit.text, "list");
	keys("\035");
	assert_string_equal(edit.text, "list\035");
}

static void
C09_a_tab_in_a_paste_is_no_key(void **state)
{
	struct words words;

	(void)state;
	keys("des");
	edit_byte(&edit, '\t', true);
	keys("web\n");
	assert_string_equal(edit.text, "des\tweb");
	assert_int_equal(words_split(&words, edit.text, edit.len),
	    VPSH_ERR_BYTES);
}

static void
C09_too_much_for_a_line_is_refused_whole(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 5000; i++)
		edit_byte(&edit, 'a', true);
	look();
	keys("\n");
	assert_int_equal(end, EDIT_LONG);
	begin_line();
	for (i = 0; i < 5000; i++)
		edit_byte(&edit, 'a', true);
	/* Ctrl-U takes out nothing here: it is still too long. */
	keys("\001\025\n");
	assert_int_equal(end, EDIT_LONG);
	begin_line();
	for (i = 0; i < 5000; i++)
		edit_byte(&edit, 'a', true);
	keys("\025list\n");
	assert_int_equal(end, EDIT_LINE);
	assert_string_equal(edit.text, "list");
}

/* The window on a long line follows the cursor and never wraps. */
static void
a_line_longer_than_the_screen_scrolls(void **state)
{
	char part[COLUMNS];
	size_t i;

	(void)state;
	for (i = 0; i < 300; i++) {
		part[0] = (char)('a' + i % 26);
		part[1] = '\0';
		keys(part);
		assert_memory_equal(screen.line, PROMPT, strlen(PROMPT));
		assert_int_equal(screen.line[screen.at - 1], part[0]);
	}
	for (i = 300; i > 0; i--) {
		keys("\002");
		assert_int_equal(screen.line[screen.at],
		    'a' + (int)((i - 1) % 26));
	}
	keys("\005\025");
	expect("", 0);
}

static void
see(const char *guest)
{
	struct wire_guest seen;

	memset(&seen, 0, sizeof(seen));
	text_copy(seen.name, sizeof(seen.name), guest);
	session_remember(&session, &seen);
}

static void
tab_completes_commands_options_and_guests(void **state)
{
	static const char *const cases[][2] = {
		{ "rebo\t", "reboot " }, { "co\t", "console " },
		{ "s\tu", "su" }, { "re\t", "re" },
		{ "unp\tw\t", "unpause web" },
		{ "start d\t", "start db " }, { "start \t", "start " },
		{ "start db -\t", "start db --" },
		{ "start db --no\t", "start db --no-wait " },
		{ "log --li\t5 web-\t", "log --lines 5 web-old " },
		{ "log --since d\t", "log --since d" },
		{ "help who\t", "help whoami " },
		{ "why start d\t", "why start db " },
		{ "sysrq db s\t", "sysrq db s" }, { "boot d\t", "boot db " },
		{ "list d\t", "list d" }, { "nonsense d\t", "nonsense d" },
		{ "why nothing d\t", "why nothing db " }, { "\"st\t", "\"st" },
		{ "start db d\t", "start db d" },
	};
	size_t i;

	(void)state;
	see("web");
	see("web-old");
	see("db");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		keys(cases[i][0]);
		if (strcmp(edit.text, cases[i][1]) != 0)
			fail_msg("\"%s\" became \"%s\"", cases[i][0],
			    edit.text);
		keys("\n");
		begin_line();
	}
}

static void
tab_in_the_middle_keeps_what_stands_behind(void **state)
{
	(void)state;
	see("web");
	keys("start w --console");
	keys("\002\002\002\002\002\002\002\002\002\002\t");
	expect("start web --console", 9);
}

static void
several_choices_are_listed_and_the_line_drawn_again(void **state)
{
	(void)state;
	see("web");
	see("web-old");
	keys("start w\t");
	expect("start web", 9);
	keys("\t");
	expect("start web", 9);
}

/* Whatever is typed: the screen stays one line and the text within bounds. */
static void
random_keys_never_break_it(void **state)
{
	static const char common[] = "ab \t\b\177\033[OABCDHF~1345;\001\002\004"
				     "\005\006\013\016\020\025\027\n";
	unsigned round;
	char byte;

	(void)state;
	see("web");
	see("db");
	srandom(99);
	for (round = 0; round < 200000; round++) {
		byte = random() % 10 == 0 ?
		    (char)random() :
		    common[(size_t)random() % (sizeof(common) - 1)];
		end = edit_byte(&edit, byte, random() % 2 == 0);
		assert_true(edit.len <= WORDS_LINE_MAX);
		assert_true(edit.at <= edit.len);
		assert_int_equal(edit.text[edit.len], '\0');
		assert_true(edit.nhistory <= EDIT_HISTORY);
		if (round % 16 == 0)
			look();
		if (end != EDIT_GOES_ON) {
			look();
			begin_line();
		}
	}
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(typed_characters_appear_at_the_cursor),
		EACH(keys_of_all_common_terminals_move_and_delete),
		EACH(what_cannot_be_done_rings_and_changes_nothing),
		EACH(words_and_ends_are_cut_out),
		EACH(control_d_ends_an_empty_line_only),
		EACH(earlier_lines_come_back_and_the_new_one_is_kept),
		EACH(history_is_bounded),
		EACH(A03_what_is_no_key_stays_in_the_line_to_be_refused),
		EACH(leaving_a_console_twice_does_nothing),
		EACH(C09_a_tab_in_a_paste_is_no_key),
		EACH(C09_too_much_for_a_line_is_refused_whole),
		EACH(a_line_longer_than_the_screen_scrolls),
		EACH(tab_completes_commands_options_and_guests),
		EACH(tab_in_the_middle_keeps_what_stands_behind),
		EACH(several_choices_are_listed_and_the_line_drawn_again),
		EACH(random_keys_never_break_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
