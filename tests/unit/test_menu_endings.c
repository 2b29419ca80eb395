/* SPDX-License-Identifier: ISC */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "menu/endings.h"

#define LINES 200
#define BYTES 16384

/* The end of a console as a file; what ended it is its name up to the dot. */
static char text[BYTES];
static const char *lines[LINES];

static size_t
split(char *from)
{
	size_t n = 0;
	char *end;

	while (n < LINES && (end = strchr(from, '\n')) != NULL) {
		*end = '\0';
		lines[n++] = from;
		from = end + 1;
	}
	if (*from != '\0' && n < LINES)
		lines[n++] = from;
	return n;
}

static const char *
folder(void)
{
	static char path[512];
	const char *top = getenv("VPSH_TOP");

	(void)text_format(path, sizeof(path), "%s/tests/unit/endings",
	    top != NULL ? top : ".");
	return path;
}

static size_t
load(const char *name)
{
	char path[1024];
	size_t n;
	FILE *f;

	assert_int_equal(
	    text_format(path, sizeof(path), "%s/%s", folder(), name), 0);
	f = fopen(path, "re");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return split(text);
}

static const char *
name_of(const struct ending *ending)
{
	return ending != NULL ? ending->name : "none";
}

static void
real_logs_end_as_their_file_is_named(void **state)
{
	char wanted[256];
	struct dirent *entry;
	int files = 0, wrong = 0;
	DIR *dir;
	size_t n;

	(void)state;
	dir = opendir(folder());
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)text_copy(wanted, sizeof(wanted), entry->d_name);
		wanted[strcspn(wanted, ".")] = '\0';
		n = load(entry->d_name);
		files++;
		if (strcmp(name_of(endings_find(lines, n)), wanted) == 0)
			continue;
		wrong++;
		print_message("%s: ends as %s\n", entry->d_name,
		    name_of(endings_find(lines, n)));
	}
	closedir(dir);
	assert_int_equal(wrong, 0);
	assert_true(files >= 70);
}

static bool
has_log(const char *name)
{
	struct dirent *entry;
	bool found = false;
	size_t len = strlen(name);
	DIR *dir;

	dir = opendir(folder());
	assert_non_null(dir);
	while (!found && (entry = readdir(dir)) != NULL)
		found = strncmp(entry->d_name, name, len) == 0 &&
		    entry->d_name[len] == '.';
	closedir(dir);
	return found;
}

static void
every_ending_has_a_real_log(void **state)
{
	const struct ending *ending;
	size_t i;

	(void)state;
	for (i = 0; (ending = endings_row(i)) != NULL; i++)
		if (!has_log(ending->name))
			fail_msg("%s has no log", ending->name);
	assert_true(i > 30);
}

static void
every_sentence_is_one_and_says_what_comes_next(void **state)
{
	const struct ending *ending;
	size_t i, len;

	(void)state;
	for (i = 0; (ending = endings_row(i)) != NULL; i++) {
		len = strlen(ending->sentence);
		/* At 40 columns it has three rows, with the key behind it. */
		assert_in_range(len, 10, 100);
		assert_int_equal(ending->sentence[len - 1], '.');
		assert_true(ending->sentence[0] >= 'A' &&
		    ending->sentence[0] <= 'Z');
		assert_true(ending->next[0] != MENU_DO_NOTHING);
		assert_null(strstr(ending->sentence, "dom"));
		assert_null(strstr(ending->sentence, "Xen"));
	}
}

static void
a_cause_goes_before_the_prompt_that_follows_it(void **state)
{
	const char *const end[] = { "ALERT!  UUID=1 does not exist.",
		"(initramfs) ", "(initramfs) ls", "bin dev etc" };

	(void)state;
	assert_string_equal(name_of(endings_find(end, 2)), "no-root");
	assert_string_equal(name_of(endings_find(end + 1, 1)), "initramfs");
	assert_string_equal(name_of(endings_find(end + 1, 3)), "initramfs");
}

static void
a_login_at_the_very_end_forgives_all_before_it(void **state)
{
	const char *const end[] = { "[FAILED] Failed to start x.service.",
		"[    9.0] Out of memory: Killed process 1 (x)",
		"web login: " };

	(void)state;
	assert_string_equal(name_of(endings_find(end, 3)), "login");
	assert_string_equal(name_of(endings_find(end, 2)), "memory");
	assert_string_equal(name_of(endings_find(end, 1)), "failed");
}

static void
what_was_before_a_boot_is_not_looked_at(void **state)
{
	const char *const end[] = { "Kernel panic - not syncing: x",
		"[    0.000000] Linux version 6.1.0", "[    1.0] y" };

	(void)state;
	assert_string_equal(name_of(endings_find(end, 1)), "panic");
	assert_null(endings_find(end, 2));
	assert_null(endings_find(end, 3));
}

static void
what_is_long_gone_is_not_said(void **state)
{
	const char *end[80];
	size_t i;

	(void)state;
	end[0] = "Kernel panic - not syncing: x";
	for (i = 1; i < 80; i++)
		end[i] = "all is well";
	assert_string_equal(name_of(endings_find(end, 50)), "panic");
	assert_null(endings_find(end, 80));
}

static void
empty_lines_do_not_count(void **state)
{
	const char *const end[] = { "grub rescue> ", "", "   ", "\t", "" };

	(void)state;
	assert_string_equal(name_of(endings_find(end, 5)), "grub-rescue");
	assert_null(endings_find(end + 1, 4));
	assert_null(endings_find(end, 0));
}

/* Twice as long may not cost much more than twice the time. */
static void
D08_lines_made_to_be_slow_are_not(void **state)
{
	static char line[8192];
	const char *end[ENDINGS_LINES];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(line) - 1; i++)
		line[i] = "Kernel panic ut of memory"[i % 25];
	for (i = 0; i < ENDINGS_LINES; i++)
		end[i] = line;
	for (i = 0; i < 20; i++)
		assert_non_null(endings_find(end, ENDINGS_LINES));
}

static void
C18_bytes_that_are_no_text_are_no_ending(void **state)
{
	const char *const end[] = { "\xff\xfe\xc3\x28 \xe2\x80",
		"\x80\x81login\xc0", "\xf4\x90\x80\x80" };

	(void)state;
	assert_null(endings_find(end, 3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_logs_end_as_their_file_is_named),
		cmocka_unit_test(every_ending_has_a_real_log),
		cmocka_unit_test(
		    every_sentence_is_one_and_says_what_comes_next),
		cmocka_unit_test(
		    a_cause_goes_before_the_prompt_that_follows_it),
		cmocka_unit_test(
		    a_login_at_the_very_end_forgives_all_before_it),
		cmocka_unit_test(what_was_before_a_boot_is_not_looked_at),
		cmocka_unit_test(what_is_long_gone_is_not_said),
		cmocka_unit_test(empty_lines_do_not_count),
		cmocka_unit_test(D08_lines_made_to_be_slow_are_not),
		cmocka_unit_test(C18_bytes_that_are_no_text_are_no_ending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
