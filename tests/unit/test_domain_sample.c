/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/watch.h"
#include "tests/unit/base_help.h"

/* A watcher that knows some guests, and a kernel that counts for them. */
#define GUESTS	3

static char temp[64];
static struct watch watch;
static struct dom doms[GUESTS];

static void
make_folders(const char *path)
{
	char part[256];
	const char *at;

	for (at = path; (at = strchr(at, '/')) != NULL; at++) {
		assert_int_equal(text_format(part, sizeof(part), "%.*s",
		    (int)(at - path), path), 0);
		assert_true(mkdir(part, 0755) == 0 || errno == EEXIST);
	}
}

static void
count(unsigned domid, const char *file, unsigned long long value)
{
	char path[256], text[32];
	int fd;

	assert_int_equal(text_format(path, sizeof(path),
	    "sys/bus/xen-backend/devices/vif-%u-0/net/vif%u.0/", domid,
	    domid), 0);
	make_folders(path);
	assert_int_equal(text_format(path, sizeof(path),
	    "sys/class/net/vif%u.0/statistics/%s", domid, file), 0);
	make_folders(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_not_equal(fd, -1);
	assert_int_equal(text_format(text, sizeof(text), "%llu\n", value), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
add(struct dom *dom, uint32_t domid)
{
	memset(dom, 0, sizeof(*dom));
	assert_int_equal(text_format(dom->name, sizeof(dom->name),
	    "alice-%u", (unsigned)domid), 0);
	dom->now.domid = dom->boot.domid = domid;
	dom->boot.since_ms = clock_boot_ms();
	(void)text_copy(dom->boot.host, sizeof(dom->boot.host), "host");
	counters_init(&dom->counters, domid);
	dom->claimed = true;
	TAILQ_INSERT_TAIL(&watch.doms, dom, entry);
	sample_begin(&watch, dom);
	count(domid, "rx_bytes", domid * 1000);
	count(domid, "tx_bytes", domid * 10);
}

static int
enter(void **state)
{
	int i;

	(void)state;
	log_open("test", 0);
	help_temp_enter(temp);
	memset(&watch, 0, sizeof(watch));
	TAILQ_INIT(&watch.doms);
	(void)text_copy(watch.paths.sys, PATHS_LEN, "sys");
	(void)text_copy(watch.paths.traffic, PATHS_LEN, "traffic");
	watch.base = event_base_new();
	assert_non_null(watch.base);
	sample_open(&watch);
	/* Not in the order of their domids: those begin afresh some day. */
	for (i = 0; i < GUESTS; i++)
		add(&doms[i], (uint32_t)(9 - i));
	return 0;
}

static int
leave(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < GUESTS; i++)
		counters_free(&doms[i].counters);
	event_free(watch.sample);
	event_free(watch.save);
	event_base_free(watch.base);
	help_temp_leave(temp);
	return 0;
}

static uint64_t
on_disk(const struct dom *dom)
{
	struct traffic traffic;

	return traffic_load("traffic", dom->name, &traffic) == 0 ?
	    traffic.now.out : UINT64_MAX;
}

static void
each_guest_gets_its_own_counters_and_month(void **state)
{
	int i;

	(void)state;
	sample_read(&watch, 1234);
	for (i = 0; i < GUESTS; i++) {
		assert_false(doms[i].sample);
		assert_int_equal(doms[i].now.counters.at_ms, 1234);
		assert_int_equal(doms[i].now.counters.net_out,
		    doms[i].now.domid * 1000);
		assert_int_equal(doms[i].now.counters.net_in,
		    doms[i].now.domid * 10);
		assert_int_equal(doms[i].now.counters.month_out,
		    doms[i].now.domid * 1000);
	}
}

static void
only_what_was_asked_for_is_read(void **state)
{
	(void)state;
	sample_read(&watch, 1000);
	count(9, "rx_bytes", 500000);
	count(8, "rx_bytes", 500000);
	doms[1].sample = true;
	sample_read(&watch, 2000);
	assert_int_equal(doms[0].now.counters.at_ms, 1000);
	assert_int_equal(doms[0].now.counters.net_out, 9000);
	assert_int_equal(doms[1].now.counters.at_ms, 2000);
	assert_int_equal(doms[1].now.counters.net_out, 500000);
}

static void
saving_gives_way_to_other_events_between_two_files(void **state)
{
	int i, saved = 0;

	(void)state;
	sample_read(&watch, 1000);
	event_active(watch.save, 0, 0);
	while (event_pending(watch.save, EV_TIMEOUT, NULL) || saved == 0) {
		assert_int_equal(event_base_loop(watch.base, EVLOOP_ONCE), 0);
		saved++;
		for (i = 0; i < GUESTS; i++)
			assert_int_equal(on_disk(&doms[i]), i < saved ?
			    doms[i].now.domid * 1000 : UINT64_MAX);
	}
	assert_int_equal(saved, GUESTS);
}

static void
a_disk_that_takes_nothing_is_not_tried_without_end(void **state)
{
	(void)state;
	close(open("traffic", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	sample_read(&watch, 1000);
	event_active(watch.save, 0, 0);
	assert_int_equal(event_base_loop(watch.base, EVLOOP_ONCE), 0);
	assert_false(event_pending(watch.save, EV_TIMEOUT, NULL));
	/* Later on it is. */
	assert_int_equal(unlink("traffic"), 0);
	event_active(watch.save, 0, 0);
	assert_int_equal(event_base_loop(watch.base, EVLOOP_ONCE), 0);
	assert_int_equal(on_disk(&doms[0]), 9000);
}

static void
the_end_of_a_guest_and_of_the_watcher_save(void **state)
{
	(void)state;
	sample_read(&watch, 1000);
	sample_end(&watch, &doms[2]);
	assert_int_equal(on_disk(&doms[2]), 7000);
	assert_int_equal(on_disk(&doms[0]), UINT64_MAX);
	count(9, "rx_bytes", 9999);
	sample_close(&watch);
	assert_int_equal(on_disk(&doms[0]), 9999);
	assert_int_equal(on_disk(&doms[1]), 8000);
}

static void
what_could_not_be_read_once_is_not_counted_twice(void **state)
{
	struct dom *dom = &doms[0];

	(void)state;
	sample_read(&watch, 1000);
	sample_end(&watch, dom);
	/* The next watcher, whose first look at the kernel fails. */
	counters_free(&dom->counters);
	sample_begin(&watch, dom);
	assert_int_equal(rename("sys", "none"), 0);
	sample_read(&watch, 2000);
	assert_int_equal(rename("none", "sys"), 0);
	count(9, "rx_bytes", 9500);
	dom->sample = true;
	sample_read(&watch, 3000);
	assert_int_equal(dom->now.counters.month_out, 9500);
}

static void
a_guest_without_a_domain_has_its_months_and_nothing_else(void **state)
{
	struct wire_domain absent = { .domain = "alice-9" };

	(void)state;
	sample_absent(&watch, &absent);
	assert_int_equal(absent.counters.at_ms, -1);
	sample_close(&watch);
	sample_absent(&watch, &absent);
	assert_true(absent.counters.at_ms > 0);
	assert_int_equal(absent.counters.month_out, 9000);
	assert_int_equal(absent.counters.month_in, 90);
	assert_int_equal(absent.counters.net_out, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    each_guest_gets_its_own_counters_and_month, enter, leave),
		cmocka_unit_test_setup_teardown(
		    only_what_was_asked_for_is_read, enter, leave),
		cmocka_unit_test_setup_teardown(
		    saving_gives_way_to_other_events_between_two_files, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    a_disk_that_takes_nothing_is_not_tried_without_end, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    the_end_of_a_guest_and_of_the_watcher_save, enter, leave),
		cmocka_unit_test_setup_teardown(
		    what_could_not_be_read_once_is_not_counted_twice, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    a_guest_without_a_domain_has_its_months_and_nothing_else,
		    enter, leave),
	};

	return cmocka_run_group_tests_name("domain_sample", tests, NULL,
	    NULL);
}
