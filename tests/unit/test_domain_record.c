/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/text.h"
#include "domain/record.h"
#include "tests/unit/base_help.h"

static char temp[64];

static const uint8_t uuid[WIRE_UUID] = { 0x5e, 0x0f, 0, 0, 0x1a, 0xb0, 0x40,
	0, 0x80, 0, 0, 0, 0, 0, 0, 1 };

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
a_boot_record_is_read_as_it_was_written(void **state)
{
	struct boot boot = { .number = 41, .domid = 7, .since_ms = -1,
		.away = true };
	struct boot back;
	struct stat st;

	(void)state;
	memcpy(boot.uuid, uuid, WIRE_UUID);
	record_host(boot.host);
	assert_int_equal(strlen(boot.host), 36);
	assert_int_equal(boot_save(".", "alice-web", &boot), 0);
	assert_int_equal(boot_load(".", "alice-web", &back), 0);
	assert_memory_equal(&back, &boot, sizeof(boot));
	assert_int_equal(stat("alice-web", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(boot_load(".", "alice-db", &back), -1);
}

static void
a_broken_boot_record_counts_as_none(void **state)
{
	static const char *const texts[] = { "", "boot 1\n",
		"boot 0\ndomid 1\nuuid 5e0f0000-1ab0-4000-8000-000000000001\n"
		"host x\nsince 1\naway 0\n",
		"boot 1\ndomid 1\nuuid 5E0f0000-1ab0-4000-8000-000000000001\n"
		"host x\nsince 1\naway 0\n",
		"boot 1\ndomid 4294967296\n"
		"uuid 5e0f0000-1ab0-4000-8000-000000000001\n"
		"host x\nsince 1\naway 0\n",
		"boot 1\ndomid 1\nuuid 5e0f0000\nhost x\nsince 1\naway 0\n",
		"boot 1\ndomid 1\nuuid 5e0f0000-1ab0-4000-8000-000000000001\n"
		"host 0123456789012345678901234567890123456789\n"
		"since 1\naway 0\n" };
	struct boot boot;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put("alice-web", texts[i]);
		assert_int_equal(boot_load(".", "alice-web", &boot), -1);
	}
	put("alice-web", "boot 1\ndomid 1\n"
	    "uuid 5e0f0000-1ab0-4000-8000-000000000001\n"
	    "host x\nsince 1\naway 0\n");
	assert_int_equal(boot_load(".", "alice-web", &boot), 0);
	assert_int_equal(chmod("alice-web", 0622), 0);
	assert_int_equal(boot_load(".", "alice-web", &boot), -1);
}

static void
H05_a_record_is_never_outside_its_folder(void **state)
{
	struct boot boot = { .number = 1 };
	struct intent intent = { .mode = INTENT_NORMAL };

	(void)state;
	assert_int_equal(boot_save(".", "../x", &boot), -1);
	assert_int_equal(boot_load(".", "../x", &boot), -1);
	assert_int_equal(intent_save(".", ".x", &intent), -1);
	assert_int_equal(intent_load(".", "", &intent), -1);
	assert_int_equal(intent_remove(".", "../x"), -1);
}

static void
an_intent_agrees_with_its_own_domain_only(void **state)
{
	struct intent intent = { .mode = INTENT_NORMAL, .domid = 7 }, back;
	uint8_t other[WIRE_UUID];

	(void)state;
	(void)text_copy(intent.mark, sizeof(intent.mark), "77.K7F3");
	record_host(intent.host);
	memcpy(intent.uuid, uuid, WIRE_UUID);
	assert_int_equal(intent_save(".", "alice-web", &intent), 0);
	assert_int_equal(intent_load(".", "alice-web", &back), 0);
	assert_memory_equal(&back, &intent, sizeof(intent));

	memcpy(other, uuid, WIRE_UUID);
	other[15]++;
	assert_true(intent_agrees(&back, "77.K7F3", uuid, 7));
	assert_false(intent_agrees(&back, "77.K7F4", uuid, 7));
	assert_false(intent_agrees(&back, "", uuid, 7));
	assert_false(intent_agrees(&back, "77.K7F3", other, 7));
	/* It was saved, and xl restored it. */
	assert_false(intent_agrees(&back, "77.K7F3", uuid, 8));
	back.mode = INTENT_CREATING;
	assert_true(intent_agrees(&back, "77.K7F3", uuid, 8));
	back.mode = INTENT_NORMAL;
	/* The host has been rebooted since. */
	back.host[0] = back.host[0] == 'a' ? 'b' : 'a';
	assert_false(intent_agrees(&back, "77.K7F3", uuid, 7));
}

static void
every_mode_of_an_intent_is_kept_and_no_other_is_taken(void **state)
{
	static const enum intent_mode modes[] = { INTENT_CREATING,
		INTENT_NORMAL, INTENT_RESTARTING };
	struct intent intent = { .domid = 7 }, back;
	size_t i;

	(void)state;
	(void)text_copy(intent.mark, sizeof(intent.mark), "1.AAAA");
	record_host(intent.host);
	memcpy(intent.uuid, uuid, WIRE_UUID);
	for (i = 0; i < 3; i++) {
		intent.mode = modes[i];
		assert_int_equal(intent_save(".", "alice-web", &intent), 0);
		assert_int_equal(intent_load(".", "alice-web", &back), 0);
		assert_memory_equal(&back, &intent, sizeof(intent));
	}
	/* It is still the old domain that it speaks of. */
	assert_true(intent_agrees(&back, "1.AAAA", uuid, 7));
	assert_false(intent_agrees(&back, "1.AAAA", uuid, 8));
	put("alice-web", "job 1.AAAA\n"
	    "uuid 5e0f0000-1ab0-4000-8000-000000000001\ndomid 0\nhost x\n"
	    "mode destroying\n");
	assert_int_equal(intent_load(".", "alice-web", &back), -1);
}

static void
a_line_that_does_not_fit_is_no_value(void **state)
{
	char small[4];

	(void)state;
	assert_int_equal(record_text("a 123\n", "a", small, 4), 0);
	assert_string_equal(small, "123");
	assert_int_equal(record_text("a 1234\n", "a", small, 4), -1);
	assert_string_equal(small, "");
	assert_int_equal(record_text("a \nab 1\na", "a", small, 4), -1);
	assert_int_equal(record_text("a 1", "a", small, 4), 0);
	assert_int_equal(record_text("", "a", small, 4), -1);
}

static void
only_what_a_dead_writer_left_is_swept(void **state)
{
	static const char *const stay[] = { "web", ".web.", ".web.1.2",
		".web.1x", ".webx.1", ".db.1" };
	size_t i;

	(void)state;
	put(".web.1", "");
	put(".web.4711", "");
	for (i = 0; i < 6; i++)
		put(stay[i], "");
	record_sweep(".", "web");
	record_sweep("./there/is/none", "web");
	assert_int_equal(access(".web.1", F_OK), -1);
	assert_int_equal(access(".web.4711", F_OK), -1);
	for (i = 0; i < 6; i++)
		assert_int_equal(access(stay[i], F_OK), 0);
}

static void
what_the_living_are_writing_is_not_swept(void **state)
{
	char mine[32], dead[32];
	siginfo_t info;
	pid_t pid;

	(void)state;
	(void)text_format(mine, sizeof(mine), ".db.%d", (int)getpid());
	put(mine, "");
	if ((pid = fork()) == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT),
	    0);
	/* Above what the kernel gives anybody. */
	put(".web.2147483647", "");
	put(".a.b", "");
	(void)text_format(dead, sizeof(dead), ".host.%d", (int)pid);
	put(dead, "");
	record_sweep(".", NULL);
	assert_int_equal(access(mine, F_OK), 0);
	assert_int_equal(access(".a.b", F_OK), 0);
	assert_int_equal(access(".web.2147483647", F_OK), -1);
	assert_int_equal(access(dead, F_OK), -1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
an_intent_can_be_forgotten_twice(void **state)
{
	struct intent intent = { .mode = INTENT_NORMAL };

	(void)state;
	(void)text_copy(intent.mark, sizeof(intent.mark), "1.AAAA");
	record_host(intent.host);
	assert_int_equal(intent_save(".", "alice-web", &intent), 0);
	assert_int_equal(intent_remove(".", "alice-web"), 0);
	assert_int_equal(intent_remove(".", "alice-web"), 0);
	assert_int_equal(intent_load(".", "alice-web", &intent), -1);
}

static void
a_guest_without_a_uuid_gets_one_and_keeps_it(void **state)
{
	uint8_t first[WIRE_UUID], again[WIRE_UUID], other[WIRE_UUID];

	(void)state;
	assert_int_equal(record_own_uuid(".", "alice-web", first), 0);
	assert_int_equal(record_own_uuid(".", "alice-web", again), 0);
	assert_memory_equal(first, again, WIRE_UUID);
	assert_int_equal(record_own_uuid(".", "alice-db", other), 0);
	assert_memory_not_equal(first, other, WIRE_UUID);
	put("alice-db", "nonsense");
	assert_int_equal(record_own_uuid(".", "alice-db", again), 0);
	assert_memory_not_equal(again, other, WIRE_UUID);
	assert_int_equal(record_own_uuid(".", "../x", again), -1);
}

static void
only_the_one_spelling_of_a_uuid_is_taken(void **state)
{
	static const char good[] = "5e0f0000-1ab0-4000-8000-000000000001";
	static const char *const bad[] = { "", "5e0f0000",
		"5e0f00001ab040008000000000000001",
		"5E0F0000-1ab0-4000-8000-000000000001",
		"5e0f0000-1ab0-4000-8000-0000000000011",
		"5e0f0000-1ab0-4000-8000-00000000000g",
		"-5e0f0000-1ab0-4000-8000-00000000001" };
	uint8_t bytes[WIRE_UUID];
	char text[UUID_TEXT];
	size_t i;

	(void)state;
	assert_int_equal(record_uuid_parse(good, bytes), 0);
	assert_memory_equal(bytes, uuid, WIRE_UUID);
	record_uuid_text(bytes, text);
	assert_string_equal(text, good);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(record_uuid_parse(bad[i], bytes), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_boot_record_is_read_as_it_was_written, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_broken_boot_record_counts_as_none, enter, leave),
		cmocka_unit_test_setup_teardown(
		    H05_a_record_is_never_outside_its_folder, enter, leave),
		cmocka_unit_test_setup_teardown(
		    an_intent_agrees_with_its_own_domain_only, enter, leave),
		cmocka_unit_test_setup_teardown(
		    every_mode_of_an_intent_is_kept_and_no_other_is_taken,
		    enter, leave),
		cmocka_unit_test(a_line_that_does_not_fit_is_no_value),
		cmocka_unit_test_setup_teardown(
		    only_what_a_dead_writer_left_is_swept, enter, leave),
		cmocka_unit_test_setup_teardown(
		    what_the_living_are_writing_is_not_swept, enter, leave),
		cmocka_unit_test_setup_teardown(
		    an_intent_can_be_forgotten_twice, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_guest_without_a_uuid_gets_one_and_keeps_it, enter,
		    leave),
		cmocka_unit_test(only_the_one_spelling_of_a_uuid_is_taken),
	};

	return cmocka_run_group_tests_name("domain_record", tests, NULL,
	    NULL);
}
