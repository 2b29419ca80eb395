/* SPDX-License-Identifier: ISC */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "shell/output.h"
#include "wire/right.h"

/* What is written ends up here; a file, since streams ask for their fd. */
static FILE *out;
static char text[65536];

static void
begin(void)
{
	if (out != NULL)
		fclose(out);
	out = tmpfile();
	assert_non_null(out);
}

static const char *
written(void)
{
	size_t n;

	rewind(out);
	n = fread(text, 1, sizeof(text) - 1, out);
	text[n] = '\0';
	return text;
}

static void
fill(struct wire_guest *guest, const char *name, uint32_t state,
    int64_t uptime_ms)
{
	memset(guest, 0, sizeof(*guest));
	text_copy(guest->name, sizeof(guest->name), name);
	guest->state = state;
	guest->uptime_ms = uptime_ms;
	if (uptime_ms >= 0) {
		guest->vcpus = 2;
		guest->memory_kib = 512 * 1024;
		guest->counters.cpu_ns = UINT64_C(61000000000);
	}
	guest->counters.at_ms = -1;
	guest->cpu_permille = -1;
	guest->boot = 7;
	guest->rights = RIGHT_BIT(RIGHT_VIEW) | RIGHT_BIT(RIGHT_START);
}

static void
a_wide_screen_gets_a_table_that_lines_up(void **state)
{
	struct wire_guest guests[2];

	(void)state;
	fill(&guests[0], "web", WIRE_STATE_RUNNING, 93784000);
	fill(&guests[1], "a-long-name", WIRE_STATE_OFF, -1);
	begin();
	output_list(out, 80, guests, 2);
	assert_string_equal(written(),
	    "NAME         STATE    UPTIME  VCPUS   MEMORY\n"
	    "web          running    1d2h      2  512 MiB\n"
	    "a-long-name  off           -      -        -\n");
}

static void
a_narrow_screen_gets_name_and_value_lines(void **state)
{
	struct wire_guest guests[2];

	(void)state;
	fill(&guests[0], "web", WIRE_STATE_RUNNING, 5000);
	fill(&guests[1], "db", WIRE_STATE_PAUSED, 0);
	begin();
	output_list(out, OUTPUT_NARROW - 1, guests, 2);
	assert_string_equal(written(),
	    "name: web\nstate: running\nuptime: 5s\nvcpus: 2\n"
	    "memory: 512 MiB\n\n"
	    "name: db\nstate: paused\nuptime: 0s\nvcpus: 2\n"
	    "memory: 512 MiB\n");
}

/* As a guest that has run for a while. */
static void
use(struct wire_guest *guest)
{
	guest->cpu_permille = 1234;
	guest->counters.at_ms = 1000;
	guest->counters.disk_read = UINT64_C(1234567890);
	guest->counters.disk_written = 340000000;
	guest->counters.net_in = 999;
	guest->counters.net_out = 1000;
	guest->counters.month_in = UINT64_C(56789000000);
	guest->counters.month_out = UINT64_MAX;
}

static void
counters_are_shown_where_there_is_room(void **state)
{
	struct wire_guest guests[2];

	(void)state;
	fill(&guests[0], "web", WIRE_STATE_RUNNING, 93784000);
	fill(&guests[1], "db", WIRE_STATE_OFF, -1);
	use(&guests[0]);
	begin();
	output_list(out, OUTPUT_WIDE, guests, 2);
	assert_string_equal(written(),
	    "NAME  STATE    UPTIME  VCPUS   MEMORY      CPU   READ/WRITTEN"
	    "    NET IN/OUT  MONTH IN/OUT\n"
	    "web   running    1d2h      2  512 MiB  123.4 %  1.2 GB/340 MB"
	    "  999 B/1.0 kB   56 GB/18 EB\n"
	    "db    off           -      -        -        -              -"
	    "             -             -\n");
	begin();
	output_list(out, 80, guests, 2);
	assert_string_equal(written(),
	    "NAME  STATE    UPTIME  VCPUS   MEMORY      CPU    NET IN/OUT  "
	    "MONTH IN/OUT\n"
	    "web   running    1d2h      2  512 MiB  123.4 %  999 B/1.0 kB   "
	    "56 GB/18 EB\n"
	    "db    off           -      -        -        -             -  "
	    "           -\n");
}

/* Every width at which there is a table: no line reaches the last column. */
static void
a_table_stays_within_the_screen(void **state)
{
	struct wire_guest guests[2];
	const char *line, *end;
	int columns;

	(void)state;
	fill(&guests[0], "a-name-of-thirty-two-characters-",
	    WIRE_STATE_STOPPING, INT64_C(99999) * 86400000);
	fill(&guests[1], "db", WIRE_STATE_OFF, -1);
	use(&guests[0]);
	for (columns = OUTPUT_NARROW; columns < 200; columns++) {
		begin();
		output_list(out, columns, guests, 2);
		for (line = written(); *line != '\0'; line = end + 1) {
			end = strchr(line, '\n');
			assert_non_null(end);
			assert_true(end - line < columns);
		}
		assert_non_null(strstr(text, "STATE"));
		assert_non_null(strstr(text, "99999d"));
	}
}

static void
bytes_have_three_digits_and_a_unit(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = { { 0, "0 B" }, { 999, "999 B" }, { 1000, "1.0 kB" },
		{ 1999, "1.9 kB" }, { 9999, "9.9 kB" }, { 10000, "10 kB" },
		{ 999999, "999 kB" }, { 1000000, "1.0 MB" },
		{ UINT64_C(123456789012), "123 GB" },
		{ UINT64_MAX, "18 EB" } };
	char got[TEXT_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text_bytes(cases[i].bytes, got);
		assert_string_equal(got, cases[i].text);
	}
}

static void
a_change_is_one_line_with_a_time(void **state)
{
	struct wire_guest guest;

	(void)state;
	fill(&guest, "web", WIRE_STATE_STARTING, 1000);
	text_copy(guest.job_verb, sizeof(guest.job_verb), "start");
	text_copy(guest.job_ref, sizeof(guest.job_ref), "K7F3");
	begin();
	output_change(out, &guest, false);
	assert_string_equal(written() + strlen("12:34:56"),
	    " web: starting, up 1s; start is under way, ref K7F3\n");
	assert_true(text[2] == ':' && text[5] == ':');
	use(&guest);
	text_copy(guest.note, sizeof(guest.note), "booting");
	begin();
	output_change(out, &guest, true);
	assert_string_equal(written() + strlen("12:34:56"),
	    " web: starting, up 1s, cpu 123.4 %, disk 1.2 GB/340 MB, "
	    "net 999 B/1.0 kB, month 56 GB/18 EB; booting\n");
}

static void
status_says_all_there_is(void **state)
{
	struct wire_guest guest;

	(void)state;
	fill(&guest, "web", WIRE_STATE_CRASHED, 93784000);
	guest.elsewhere = 1;
	text_copy(guest.note, sizeof(guest.note), "claimed twice");
	begin();
	output_guest(out, &guest);
	text_copy(guest.job_verb, sizeof(guest.job_verb), "start");
	text_copy(guest.job_ref, sizeof(guest.job_ref), "K7F3");
	use(&guest);
	begin();
	output_guest(out, &guest);
	assert_string_equal(written(),
	    "name: web\nstate: crashed\nuptime: 1 day 2 hours\nvcpus: 2\n"
	    "memory: 512 MiB\ncpu: 123.4 %\ncpu time: 1 minute 1 second\n"
	    "disk: 1.2 GB read, 340 MB written\n"
	    "network: 999 B in, 1.0 kB out\n"
	    "network this month: 56 GB in, 18 EB out\nboot: 7\n"
	    "managed: elsewhere\njob: start, ref K7F3\n"
	    "you may: view start\nnote: claimed twice\n");
	guest.cpu_permille = -1;
	guest.counters.at_ms = -1;
	guest.job_verb[0] = '\0';
	begin();
	output_guest(out, &guest);
	assert_string_equal(written(),
	    "name: web\nstate: crashed\nuptime: 1 day 2 hours\nvcpus: 2\n"
	    "memory: 512 MiB\ncpu time: 1 minute 1 second\n"
	    "network this month: 56 GB in, 18 EB out\nboot: 7\n"
	    "managed: elsewhere\nyou may: view start\nnote: claimed twice\n");
}

static void
times_have_two_parts_at_most(void **state)
{
	static const struct {
		int64_t seconds;
		const char *age;
		const char *span;
	} cases[] = {
		{ -1, "-", "-" },
		{ 0, "0s", "0 seconds" },
		{ 1, "1s", "1 second" },
		{ 61, "1m1s", "1 minute 1 second" },
		{ 3600, "1h", "1 hour" },
		{ 3601, "1h", "1 hour" },
		{ 7320, "2h2m", "2 hours 2 minutes" },
		{ 86400 * 400 + 59, "400d", "400 days" },
	};
	char got[OUTPUT_SPAN];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		output_age(cases[i].seconds * 1000, got);
		assert_string_equal(got, cases[i].age);
		output_span(cases[i].seconds * 1000, got);
		assert_string_equal(got, cases[i].span);
	}
	output_span(INT64_MAX, got);
	assert_non_null(strstr(got, "days"));
}

static void
states_that_nobody_knows_are_unknown(void **state)
{
	(void)state;
	assert_string_equal(output_state(WIRE_STATE_RUNNING), "running");
	assert_string_equal(output_state(WIRE_STATE_SAVED), "saved");
	assert_string_equal(output_state(WIRE_STATE_UNKNOWN), "unknown");
	assert_string_equal(output_state(4711), "unknown");
}

/* Nothing that could move a cursor, and one line for one text. */
static void
assert_tame(const char *shown, int lines)
{
	const unsigned char *c = (const unsigned char *)shown;

	for (; *c != '\0'; c++) {
		assert_true(*c == '\n' || (*c >= 0x20 && *c != 0x7f));
		/* C1 controls and U+202x come as these in UTF-8. */
		assert_false(c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0);
		assert_false(c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xaa);
		lines -= *c == '\n';
	}
	assert_int_equal(lines, 0);
}

static const char *const hostile[] = { "\033[2J\033]0;x\007", "a\nb", "a\rb",
	"\x9b"
	"31m",
	"\xc2\x9b"
	"31m",
	"\xe2\x80\xae"
	"txt.exe",
	"\xff\xfe", "\b\b\b", "\x7f" };

static void
C11_texts_from_outside_are_shown_escaped(void **state)
{
	struct wire_guest guest;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		begin();
		output_say(out, hostile[i]);
		assert_tame(written(), 1);
		begin();
		output_field(out, "help", hostile[i]);
		assert_tame(written(), 1);
		fill(&guest, hostile[i], WIRE_STATE_RUNNING, 1000);
		text_copy(guest.note, sizeof(guest.note), hostile[i]);
		begin();
		output_list(out, 80, &guest, 1);
		assert_tame(written(), 3);
		begin();
		output_guest(out, &guest);
		assert_tame(written(), 9);
	}
}

static void
C11_the_longest_text_is_escaped_to_its_end(void **state)
{
	char long_text[WIRE_TEXT];

	(void)state;
	memset(long_text, '\033', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	begin();
	output_say(out, long_text);
	assert_tame(written(), 1);
	assert_true(strlen(text) > (sizeof(long_text) - 1) * 3);
}

static void
columns_are_counted_in_cells(void **state)
{
	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	assert_int_equal(output_cells(""), 0);
	assert_int_equal(output_cells("web"), 3);
	assert_int_equal(output_cells("\xc3\xa4"), 1);
	assert_int_equal(output_cells("\xe6\x97\xa5"), 2);
	assert_int_equal(output_cells("e\xcc\x81"), 1);
	assert_int_equal(output_cells("\xff\xfe"), 2);
}

static int
finish(void **state)
{
	(void)state;
	if (out != NULL)
		fclose(out);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wide_screen_gets_a_table_that_lines_up),
		cmocka_unit_test(a_narrow_screen_gets_name_and_value_lines),
		cmocka_unit_test(counters_are_shown_where_there_is_room),
		cmocka_unit_test(a_table_stays_within_the_screen),
		cmocka_unit_test(bytes_have_three_digits_and_a_unit),
		cmocka_unit_test(a_change_is_one_line_with_a_time),
		cmocka_unit_test(status_says_all_there_is),
		cmocka_unit_test(times_have_two_parts_at_most),
		cmocka_unit_test(states_that_nobody_knows_are_unknown),
		cmocka_unit_test(C11_texts_from_outside_are_shown_escaped),
		cmocka_unit_test(C11_the_longest_text_is_escaped_to_its_end),
		cmocka_unit_test(columns_are_counted_in_cells),
	};

	return cmocka_run_group_tests(tests, NULL, finish);
}
