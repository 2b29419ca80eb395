/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "domain/traffic.h"
#include "tests/unit/base_help.h"

#define DAY_MS	(86400 * INT64_C(1000))
/* 2026-11-21, and the last second of that month. */
#define NOV	(INT64_C(1795219200) * 1000)
#define NOV_END	(INT64_C(1796083199) * 1000)
#define DEC	(NOV_END + 1000)

static char temp[64];

static const struct boot first = { .number = 1, .domid = 5,
	.uuid = { 1, 2, 3 }, .host = "c0ffee00-host" };
static const struct boot second = { .number = 2, .domid = 6,
	.uuid = { 1, 2, 3 }, .host = "c0ffee00-host" };

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
	assert_int_equal(unlink("traffic/alice-web") == 0 || errno == ENOENT,
	    1);
	(void)rmdir("traffic");
	help_temp_leave(temp);
	return 0;
}

static void
load(struct traffic *traffic)
{
	assert_int_equal(traffic_load("traffic", "alice-web", traffic), 0);
}

static void
save(struct traffic *traffic)
{
	assert_int_equal(traffic_save("traffic", "alice-web", traffic), 0);
	assert_false(traffic->dirty);
}

/* A new guest that has sent and received something in November. */
static void
begin(struct traffic *traffic)
{
	assert_int_equal(traffic_load("traffic", "alice-web", traffic), -1);
	traffic_follow(traffic, &first, NOV - 5000, NOV);
	traffic_add(traffic, NOV, 1000, 200);
	assert_int_equal(traffic->now.in, 1000);
	assert_int_equal(traffic->now.out, 200);
}

static void
a_record_is_read_as_it_was_written(void **state)
{
	struct traffic traffic, back;
	struct stat st;

	(void)state;
	begin(&traffic);
	traffic_add(&traffic, DEC, 1010, 205);
	save(&traffic);
	load(&back);
	assert_memory_equal(&back, &traffic, sizeof(back));
	assert_int_equal(stat("traffic/alice-web", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
what_has_not_changed_is_not_written_again(void **state)
{
	struct traffic traffic;

	(void)state;
	begin(&traffic);
	save(&traffic);
	assert_int_equal(unlink("traffic/alice-web"), 0);
	traffic_add(&traffic, NOV, 1000, 200);
	save(&traffic);
	assert_int_equal(access("traffic/alice-web", F_OK), -1);
	traffic_add(&traffic, NOV, 1000, 201);
	save(&traffic);
	assert_int_equal(access("traffic/alice-web", F_OK), 0);
}

static void
a_new_watcher_adds_what_came_meanwhile_and_nothing_twice(void **state)
{
	struct traffic traffic, again;

	(void)state;
	begin(&traffic);
	save(&traffic);
	/* Not saved any more: the kernel still knows. */
	traffic_add(&traffic, NOV, 1500, 250);
	load(&again);
	traffic_follow(&again, &first, NOV - 5000, NOV);
	assert_false(again.dirty);
	traffic_add(&again, NOV, 1600, 300);
	assert_int_equal(again.now.in, 1600);
	assert_int_equal(again.now.out, 300);
}

static void
a_reboot_of_the_guest_adds_to_the_month(void **state)
{
	struct traffic traffic;

	(void)state;
	begin(&traffic);
	save(&traffic);
	load(&traffic);
	traffic_follow(&traffic, &second, NOV, NOV);
	traffic_add(&traffic, NOV, 30, 4);
	assert_int_equal(traffic.now.in, 1030);
	assert_int_equal(traffic.now.out, 204);
}

static void
a_reboot_of_the_host_does_not_confuse_two_domains(void **state)
{
	const struct boot other = { .number = 2, .domid = 5,
		.uuid = { 1, 2, 3 }, .host = "another-host-boot" };
	struct traffic traffic;

	(void)state;
	begin(&traffic);
	save(&traffic);
	load(&traffic);
	/* Same domid, same uuid, and counters that are further on. */
	traffic_follow(&traffic, &other, NOV, NOV);
	traffic_add(&traffic, NOV, 5000, 5000);
	assert_int_equal(traffic.now.in, 6000);
	assert_int_equal(traffic.now.out, 5200);
}

static void
a_new_month_begins_at_nothing_and_the_old_one_is_kept(void **state)
{
	struct traffic traffic;

	(void)state;
	begin(&traffic);
	traffic_add(&traffic, NOV_END, 1100, 210);
	assert_int_equal(traffic.now.in, 1100);
	assert_string_equal(traffic.now.name, "2026-11");
	save(&traffic);
	traffic_add(&traffic, DEC, 1101, 213);
	assert_true(traffic.dirty);
	assert_string_equal(traffic.now.name, "2026-12");
	assert_int_equal(traffic.now.in, 1);
	assert_int_equal(traffic.now.out, 3);
	assert_string_equal(traffic.before.name, "2026-11");
	assert_int_equal(traffic.before.in, 1100);
	assert_int_equal(traffic.before.out, 210);
}

static void
a_month_that_nobody_saw_is_not_taken_for_the_last_one(void **state)
{
	struct traffic traffic;

	(void)state;
	begin(&traffic);
	traffic_turn(&traffic, DEC + 60 * DAY_MS);
	assert_string_equal(traffic.now.name, "2027-01");
	assert_string_equal(traffic.before.name, "2026-11");
	assert_int_equal(traffic.before.in, 1000);
}

static void
a_clock_that_is_set_back_over_the_turn_loses_nothing(void **state)
{
	struct traffic traffic;

	(void)state;
	begin(&traffic);
	traffic_add(&traffic, DEC, 1005, 200);
	traffic_add(&traffic, NOV_END, 1007, 200);
	assert_string_equal(traffic.now.name, "2026-11");
	assert_int_equal(traffic.now.in, 1002);
	traffic_add(&traffic, DEC, 1008, 200);
	assert_string_equal(traffic.now.name, "2026-12");
	assert_int_equal(traffic.now.in, 6);
	assert_int_equal(traffic.before.in, 1002);
}

static void
a_counter_that_fell_adds_nothing(void **state)
{
	struct traffic traffic;

	(void)state;
	begin(&traffic);
	traffic_add(&traffic, NOV, 10, 190);
	assert_int_equal(traffic.now.in, 1000);
	assert_int_equal(traffic.now.out, 200);
	traffic_add(&traffic, NOV, 15, 191);
	assert_int_equal(traffic.now.in, 1005);
	assert_int_equal(traffic.now.out, 201);
}

static void
traffic_from_before_there_was_a_record_is_of_no_month(void **state)
{
	struct traffic traffic;

	(void)state;
	(void)traffic_load("traffic", "alice-web", &traffic);
	traffic_follow(&traffic, &first, NOV - 30 * DAY_MS, NOV);
	traffic_add(&traffic, NOV, 1000000, 2000000);
	assert_int_equal(traffic.now.in, 0);
	traffic_add(&traffic, NOV, 1000001, 2000003);
	assert_int_equal(traffic.now.in, 1);
	assert_int_equal(traffic.now.out, 3);
	memset(&traffic, 0, sizeof(traffic));
	traffic_follow(&traffic, &first, -1, NOV);
	traffic_add(&traffic, NOV, 7, 7);
	assert_int_equal(traffic.now.in, 0);
}

static void
a_broken_record_counts_as_none(void **state)
{
	static const char *const texts[] = { "", "month 2026-11\n",
		"month 2026-11\nin -1\nout 2\n",
		"month 2026-111\nin 1\nout 2\nhost h\ndomid 5\n"
		"uuid 5e0f0000-1ab0-4000-8000-000000000001\nseen-in 1\n"
		"seen-out 1\n",
		"month 2026-11\nin 1\nout 2\nhost h\ndomid 5\n"
		"uuid 5e0f0000\nseen-in 1\nseen-out 1\n",
		"month 2026-11\nin 1\nout 2\nhost h\ndomid 5\n"
		"uuid 5e0f0000-1ab0-4000-8000-000000000001\nseen-in 1\n" };
	struct traffic traffic;
	size_t i;
	int fd;

	(void)state;
	assert_int_equal(mkdir("traffic", 0700), 0);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		fd = open("traffic/alice-web", O_WRONLY | O_CREAT | O_TRUNC |
		    O_CLOEXEC, 0600);
		assert_int_not_equal(fd, -1);
		assert_int_equal(write(fd, texts[i], strlen(texts[i])),
		    strlen(texts[i]));
		close(fd);
		assert_int_equal(traffic_load("traffic", "alice-web",
		    &traffic), -1);
		assert_int_equal(traffic.now.in, 0);
		assert_int_equal(traffic.host[0], '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_record_is_read_as_it_was_written, enter, leave),
		cmocka_unit_test_setup_teardown(
		    what_has_not_changed_is_not_written_again, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_new_watcher_adds_what_came_meanwhile_and_nothing_twice,
		    enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_reboot_of_the_guest_adds_to_the_month, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_reboot_of_the_host_does_not_confuse_two_domains, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    a_new_month_begins_at_nothing_and_the_old_one_is_kept,
		    enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_month_that_nobody_saw_is_not_taken_for_the_last_one,
		    enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_clock_that_is_set_back_over_the_turn_loses_nothing,
		    enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_counter_that_fell_adds_nothing, enter, leave),
		cmocka_unit_test_setup_teardown(
		    traffic_from_before_there_was_a_record_is_of_no_month,
		    enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_broken_record_counts_as_none, enter, leave),
	};

	return cmocka_run_group_tests_name("domain_traffic", tests, NULL,
	    NULL);
}
