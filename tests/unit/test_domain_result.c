/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/forget.h"
#include "domain/hold.h"
#include "domain/paths.h"
#include "domain/result.h"
#include "domain/torn.h"
#include "tests/unit/base_help.h"
#include "wire/err.h"

/* What workers leave for others: results, notes, holds, forgotten images. */
static char temp[64];

static int
enter(void **state)
{
	(void)state;
	log_open("test", 0);
	help_temp_enter(temp);
	return 0;
}

static int
leave(void **state)
{
	(void)state;
	help_temp_leave(temp);
	return 0;
}

static void
put(const char *name, const char *text)
{
	help_file(name, text, 0600);
}

static void
a_result_is_read_as_it_was_written(void **state)
{
	struct result result = { .op = WIRE_OP_START,
		.err = VPSH_ERR_MEMORY, .number = 512, .youngest = 313 }, back;
	struct stat st;

	(void)state;
	(void)text_copy(result.mark, sizeof(result.mark), "77.K7F3");
	(void)text_copy(result.text, sizeof(result.text), "640 MiB needed");
	assert_int_equal(result_save("new", "alice-web", &result), 0);
	assert_int_equal(result_load("new", "alice-web", &back), 0);
	assert_memory_equal(&back, &result, sizeof(result));
	assert_int_equal(stat("new/alice-web", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(result_save("new", "../x", &result), -1);
	assert_int_equal(result_load("new", "../x", &back), -1);
}

static void
a_result_stays_one_line_and_fits(void **state)
{
	struct result result = { .number = -1 }, back;

	(void)state;
	(void)text_copy(result.mark, sizeof(result.mark), "1.AAAA");
	(void)text_copy(result.text, sizeof(result.text),
	    "no\njob 9.ZZZZ\nerr 0\x1b[2J");
	assert_int_equal(result_save(".", "web", &result), 0);
	assert_int_equal(result_load(".", "web", &back), 0);
	assert_string_equal(back.mark, "1.AAAA");
	assert_string_equal(back.text,
	    "no\\x0ajob 9.ZZZZ\\x0aerr 0\\x1b[2J");
	/* Escaped it would be four times as long. */
	memset(result.text, '\n', sizeof(result.text) - 1);
	assert_int_equal(result_save(".", "web", &result), 0);
	assert_int_equal(result_load(".", "web", &back), 0);
	assert_true(strlen(back.text) >= sizeof(back.text) - 8);
	(void)text_copy(result.text, sizeof(result.text), "");
	assert_int_equal(result_save(".", "web", &result), 0);
	assert_int_equal(result_load(".", "web", &back), 0);
	assert_string_equal(back.text, "");
}

static void
what_is_no_result_is_none(void **state)
{
	static const char *const bad[] = { "", "\n\n", "job\n", "job 1.A\n",
		"job 1.A\nop 1\nerr 1\nnumber 0\n",
		"job 1.A\nop 1\nerr -1000\nnumber 0\n",
		"job 1.A\nop -1\nerr 0\nnumber 0\n",
		"job 1.A\nop 1\nerr 0\nnumber 2147483648\n",
		"job 1.A\nop 1\nerr 0\nnumber 0x1\n",
		"job 12345678901234567890123456789012345678901234567890\n"
		"op 1\nerr 0\nnumber 0\n" };
	struct result back;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("web", bad[i]);
		assert_int_equal(result_load(".", "web", &back), -1);
	}
	put("web", "job 1.A\nop 1\nerr -46\nnumber 0\n");
	assert_int_equal(result_load(".", "web", &back), 0);
	assert_int_equal(chmod("web", 0622), 0);
	assert_int_equal(result_load(".", "web", &back), -1);
	assert_int_equal(unlink("web"), 0);
	assert_int_equal(symlink("/etc/passwd", "web"), 0);
	assert_int_equal(result_load(".", "web", &back), -1);
}

static void
a_mark_is_that_of_its_job_and_of_who_recovers_it(void **state)
{
	(void)state;
	assert_true(result_is_of("7.K7F3", 7, "K7F3"));
	/* The broker gave the number of one who recovered in between. */
	assert_true(result_is_of("7.K7F3", 8, "K7F3"));
	assert_false(result_is_of("7.K7F3", 6, "K7F3"));
	assert_false(result_is_of("7.K7F3", 7, "K7F4"));
	assert_false(result_is_of("7.K7F3", 7, "K7F"));
	assert_false(result_is_of("7.K7F3", 7, ""));
	assert_false(result_is_of("7.", 7, ""));
	assert_false(result_is_of("", 7, "K7F3"));
	assert_false(result_is_of("K7F3", 7, "K7F3"));
	assert_false(result_is_of(".K7F3", 7, "K7F3"));
	assert_false(result_is_of("-7.K7F3", 7, "K7F3"));
	assert_false(result_is_of("7x.K7F3", 7, "K7F3"));
	assert_false(result_is_of("77777777777777777777777777.K7F3", 7,
	    "K7F3"));
}

static void
what_is_no_note_is_none(void **state)
{
	static const char id[] = "uuid 5e0f0000-1ab0-4000-8000-000000000001\n";
	static const char *const bad[] = { "", "job 1.A\nstage destroying\n",
		"job 1.A\nstage destroying\ndomid 0\n",
		"job 1.A\nstage destroyed\ndomid 3\n",
		"job 1.A\nstage \ndomid 3\n", "stage silenced\ndomid 3\n",
		"job 1.A\nstage silenced\ndomid 4294967296\n" };
	char text[256];
	struct torn torn;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(text_format(text, sizeof(text), "%s%s", i == 1
		    ? "" : id, bad[i]), 0);
		put("web", text);
		assert_int_equal(torn_load(".", "web", &torn), -1);
	}
	assert_int_equal(text_format(text, sizeof(text), "job 1.A\nstage "
	    "silenced\ndomid 3\n%s", id), 0);
	put("web", text);
	assert_int_equal(torn_load(".", "web", &torn), 0);
	assert_int_equal(torn.stage, TORN_SILENCED);
	assert_int_equal(torn.domid, 3);
}

static void
a_hold_lasts_until_its_time(void **state)
{
	struct hold hold = { .until_ms = 0 }, back;

	(void)state;
	assert_false(hold_load("hold", "web", &back));
	(void)text_copy(hold.reason, sizeof(hold.reason), "disk check");
	assert_int_equal(hold_save("hold", "web", &hold), 0);
	assert_true(hold_load("hold", "web", &back));
	assert_memory_equal(&back, &hold, sizeof(hold));
	hold.until_ms = clock_wall_ms() + 60000;
	assert_int_equal(hold_save("hold", "web", &hold), 0);
	assert_true(hold_load("hold", "web", &back));
	assert_int_equal(back.until_ms, hold.until_ms);
	hold.until_ms = clock_wall_ms() - 1;
	assert_int_equal(hold_save("hold", "web", &hold), 0);
	assert_false(hold_load("hold", "web", &back));
	assert_int_equal(hold_remove("hold", "web"), 0);
	assert_int_equal(hold_remove("hold", "web"), 0);
	assert_false(hold_load("hold", "web", &back));
	assert_int_equal(hold_save("hold", "../web", &hold), -1);
	assert_false(hold_load("hold", "../web", &back));
}

static void
a_damaged_hold_holds_and_says_one_safe_line(void **state)
{
	static const char *const bad[] = { "", "until\n", "until -1\n",
		"until x\nreason y\n", "until 99999999999999999999\n" };
	struct hold hold = { 0 }, back;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("web", bad[i]);
		assert_true(hold_load(".", "web", &back));
		assert_int_equal(back.until_ms, 0);
		assert_string_not_equal(back.reason, "");
	}
	put("web", "until 0\nreason \x1b]0;x\x07 \xe2\x80\xae\xff\n");
	assert_true(hold_load(".", "web", &back));
	assert_string_equal(back.reason,
	    "\\x1b]0;x\\x07 \\u{202e}\\xff");
	(void)text_copy(hold.reason, sizeof(hold.reason),
	    "a\nuntil 1\nreason b");
	assert_int_equal(hold_save(".", "web", &hold), 0);
	assert_true(hold_load(".", "web", &back));
	assert_string_equal(back.reason, "a\\x0auntil 1\\x0areason b");
	assert_int_equal(unlink("web"), 0);
	assert_int_equal(mkdir("web", 0700), 0);
	assert_true(hold_load(".", "web", &back));
}

static void
an_image_is_forgotten_until_there_is_another(void **state)
{
	char path[FORGET_PATH];
	struct paths paths;

	(void)state;
	assert_int_equal(paths_init(&paths, "."), 0);
	(void)text_copy(paths.saves, sizeof(paths.saves), "save");
	(void)text_copy(paths.forgotten, sizeof(paths.forgotten), "gone");
	assert_int_equal(mkdir("save", 0700), 0);
	assert_false(forget_is_saved(&paths, "web", path));
	assert_int_equal(forget_image(&paths, "web"), 0);
	put("save/web", "its memory");
	assert_true(forget_is_saved(&paths, "web", path));
	assert_string_equal(path, "save/web");
	assert_int_equal(forget_image(&paths, "web"), 0);
	assert_false(forget_is_saved(&paths, "web", path));
	assert_true(access("save/web", F_OK) == 0);
	/* The same name, inode and all, with something else in it. */
	put("save/web", "its memory of later");
	assert_true(forget_is_saved(&paths, "web", path));
	assert_int_equal(forget_image(&paths, "web"), 0);
	assert_false(forget_is_saved(&paths, "web", path));
	put("gone/web", "all of them");
	assert_true(forget_is_saved(&paths, "web", path));
	assert_int_equal(unlink("save/web"), 0);
	assert_false(forget_is_saved(&paths, "web", path));
	/* There is none: nothing has to be remembered any more. */
	assert_int_equal(forget_image(&paths, "web"), 0);
	assert_int_equal(access("gone/web", F_OK), -1);
	assert_false(forget_is_saved(&paths, "../save", path));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_result_is_read_as_it_was_written, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_result_stays_one_line_and_fits, enter, leave),
		cmocka_unit_test_setup_teardown(what_is_no_result_is_none,
		    enter, leave),
		cmocka_unit_test(
		    a_mark_is_that_of_its_job_and_of_who_recovers_it),
		cmocka_unit_test_setup_teardown(what_is_no_note_is_none, enter,
		    leave),
		cmocka_unit_test_setup_teardown(a_hold_lasts_until_its_time,
		    enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_damaged_hold_holds_and_says_one_safe_line, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    an_image_is_forgotten_until_there_is_another, enter,
		    leave),
	};

	return cmocka_run_group_tests_name("domain_result", tests, NULL,
	    NULL);
}
