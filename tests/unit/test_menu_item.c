/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "menu/item.h"

#define NOW 1000000

static struct item *item;
static struct wire_guest guest;

static int
begin(void **state)
{
	(void)state;
	memset(&guest, 0, sizeof(guest));
	text_copy(guest.name, sizeof(guest.name), "web");
	guest.state = WIRE_STATE_RUNNING;
	guest.boot = 1;
	guest.vcpus = 2;
	guest.uptime_ms = 5000;
	guest.cpu_permille = -1;
	guest.counters.at_ms = -1;
	item = item_new(&guest, NOW);
	return item != NULL ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	item_free(item);
	return 0;
}

static void
sample(int64_t at, uint64_t net_in, int32_t cpu)
{
	guest.counters.at_ms = at;
	guest.counters.net_in = net_in;
	guest.cpu_permille = cpu;
	item_update(item, &guest, NOW + at);
}

static void
say(const char *text)
{
	item_console(item, text, strlen(text), false);
}

static void
test_uptime_goes_on(void **state)
{
	(void)state;
	assert_int_equal(item_uptime(item, NOW + 2000), 7000);
	assert_int_equal(item_uptime(item, NOW - 1), 5000);
	guest.state = WIRE_STATE_OFF;
	item_update(item, &guest, NOW);
	assert_int_equal(item_uptime(item, NOW), -1);
	assert_false(item_is_up(item));
}

static void
test_rates_are_of_two_samples_of_one_boot(void **state)
{
	(void)state;
	sample(1000, 500, 0);
	assert_int_equal(item->rates.net_in, -1);
	sample(3000, 2500, 0);
	assert_int_equal(item->rates.net_in, 1000);
	assert_int_equal(item->rates.net_out, 0);
	/* The same sample again, as with a change of state, says nothing. */
	sample(3000, 2500, 0);
	assert_int_equal(item->rates.net_in, 1000);
	guest.boot = 2;
	sample(5000, 9000, 0);
	assert_int_equal(item->rates.net_in, -1);
	sample(7000, 100, 0);
	assert_int_equal(item->rates.net_in, -1);
	sample(500000, 200, 0);
	assert_int_equal(item->rates.net_in, -1);
	sample(502000, UINT64_MAX, 0);
	assert_true(item->rates.net_in > 0);
}

static void
test_the_cpu_is_the_mean_of_its_time(void **state)
{
	(void)state;
	sample(1000, 0, 400);
	sample(3000, 0, 800);
	assert_int_equal(item->ncpu, 1);
	assert_int_equal(item->cpu[0], 300);
	/* Nobody looked for a while. */
	sample(1000 + 3 * ITEM_SAMPLE_MS, 0, 2000);
	assert_int_equal(item->ncpu, 4);
	assert_int_equal(item->cpu[1], -1);
	assert_int_equal(item->cpu[2], -1);
	assert_int_equal(item->cpu[3], 1000);
	sample(1000 + 500 * ITEM_SAMPLE_MS, 0, 9000);
	assert_int_equal(item->ncpu, ITEM_SAMPLES);
	assert_int_equal(item->cpu[ITEM_SAMPLES - 1], 1000);
	assert_int_equal(item->cpu[0], -1);
}

static void
test_the_last_lines_of_a_console(void **state)
{
	(void)state;
	assert_null(item_line(item, 0));
	say("first\r\nsec");
	say("ond\n\n   \n");
	assert_string_equal(item_line(item, 0), "second");
	assert_string_equal(item_line(item, 1), "first");
	assert_null(item_line(item, 2));
	say("10%\r");
	say("20%\r");
	say("\nweb login: ");
	assert_string_equal(item_line(item, 0), "web login: ");
	assert_string_equal(item_line(item, 1), "20%");
	item_console(item, "new", 3, true);
	assert_string_equal(item_line(item, 0), "new");
	assert_null(item_line(item, 1));
}

static void
test_D08_no_more_is_kept_than_there_is_room_for(void **state)
{
	char text[16];
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		text_format(text, sizeof(text), "line %d\n", i);
		say(text);
	}
	assert_string_equal(item_line(item, 0), "line 999");
	assert_string_equal(item_line(item, ITEM_LINES - 1), "line 900");
	assert_null(item_line(item, ITEM_LINES));
	for (i = 0; i < 1000; i++)
		say("0123456789");
	assert_int_equal(strlen(item_line(item, 0)), ITEM_LINE - 1);
}

static void
job(const char *verb, bool over)
{
	struct menu_job job = { .guest = "web", .over = over };

	text_copy(job.verb, sizeof(job.verb), verb);
	item_job(item, &job);
}

static void
test_jobs_are_one_of_each_verb_and_the_newest_first(void **state)
{
	(void)state;
	job("start", false);
	job("shutdown", false);
	job("start", true);
	assert_int_equal(item->njobs, 2);
	assert_string_equal(item->jobs[0].verb, "start");
	assert_true(item->jobs[0].over);
	assert_string_equal(item->jobs[1].verb, "shutdown");
	job("reboot", false);
	job("destroy", false);
	job("pause", false);
	assert_int_equal(item->njobs, ITEM_JOBS);
	assert_string_equal(item->jobs[0].verb, "pause");
	assert_string_equal(item->jobs[ITEM_JOBS - 1].verb, "start");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(uptime_goes_on),
		TEST(rates_are_of_two_samples_of_one_boot),
		TEST(the_cpu_is_the_mean_of_its_time),
		TEST(the_last_lines_of_a_console),
		TEST(D08_no_more_is_kept_than_there_is_room_for),
		TEST(jobs_are_one_of_each_verb_and_the_newest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
