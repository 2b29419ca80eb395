/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "domain/counters.h"
#include "tests/unit/base_help.h"

/* A /sys as Linux has it: devices, and folders of symbolic links to them. */
#define DEVICES "sys/bus/xen-backend/devices"

static char temp[64];

static int
enter(void **state)
{
	(void)state;
	help_temp_enter(temp);
	assert_int_equal(mkdir("sys", 0755), 0);
	assert_int_equal(mkdir("sys/devices", 0755), 0);
	assert_int_equal(mkdir("sys/bus", 0755), 0);
	assert_int_equal(mkdir("sys/bus/xen-backend", 0755), 0);
	assert_int_equal(mkdir(DEVICES, 0755), 0);
	assert_int_equal(mkdir("sys/class", 0755), 0);
	assert_int_equal(mkdir("sys/class/net", 0755), 0);
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
put(const char *path, const char *text)
{
	help_file(path, text, 0644);
}

static void
add(const char *name)
{
	char path[128], target[128];

	assert_int_equal(text_format(path, sizeof(path), "sys/devices/%s",
	    name), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(text_format(path, sizeof(path), DEVICES "/%s",
	    name), 0);
	assert_int_equal(text_format(target, sizeof(target),
	    "../../../devices/%s", name), 0);
	assert_int_equal(symlink(target, path), 0);
}

static void
count(const char *device, const char *file, unsigned long long value)
{
	char path[128], text[32];

	assert_int_equal(text_format(path, sizeof(path), "sys/devices/%s",
	    device), 0);
	mkdir(path, 0755);
	assert_int_equal(text_format(path, sizeof(path),
	    "sys/devices/%s/statistics", device), 0);
	mkdir(path, 0755);
	assert_int_equal(text_format(path, sizeof(path),
	    "sys/devices/%s/statistics/%s", device, file), 0);
	assert_int_equal(text_format(text, sizeof(text), "%llu\n", value), 0);
	put(path, text);
}

static void
disk(const char *name, unsigned long long rd, unsigned long long wr)
{
	count(name, "rd_sect", rd);
	count(name, "wr_sect", wr);
}

static void
name_card(const char *name)
{
	char path[128], target[128];

	assert_int_equal(text_format(path, sizeof(path), "sys/class/net%s",
	    strrchr(name, '/')), 0);
	assert_int_equal(text_format(target, sizeof(target),
	    "../../devices/%s", name), 0);
	assert_true(symlink(target, path) == 0 || errno == EEXIST);
}

static void
card(const char *name, unsigned long long rx, unsigned long long tx)
{
	char path[128];

	assert_int_equal(text_format(path, sizeof(path), "sys/devices/%.*s",
	    (int)(strrchr(name, '/') - name), name), 0);
	mkdir(path, 0755);
	count(name, "rx_bytes", rx);
	count(name, "tx_bytes", tx);
	name_card(name);
}

static void
only_backends_of_disks_and_cards_count(void **state)
{
	static const char *const bad[] = { "vbd-5", "vbd-5-", "vbd--1",
		"vbd-5-51712-1", "vbd-5-x", "vbd-x-0", "vif-5-0 ", "vkbd-5-0",
		"vbd-4294967296-0", "vbd-5-99999999999999999999", "vbd", "",
		"vif-+5-0", "vif-5-0x1" };
	struct counters_device device;
	uint32_t domid;
	size_t i;

	(void)state;
	assert_true(counters_parse("vbd-5-51712", &domid, &device));
	assert_int_equal(domid, 5);
	assert_int_equal(device.number, 51712);
	assert_false(device.is_net);
	assert_true(counters_parse("vif-32751-0", &domid, &device));
	assert_int_equal(domid, 32751);
	assert_int_equal(device.number, 0);
	assert_true(device.is_net);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(counters_parse(bad[i], &domid, &device));
}

static void
a_guest_has_the_sum_of_its_devices_and_nothing_of_others(void **state)
{
	struct counters five, seven, none;
	struct counters *all[3] = { &five, &seven, &none };

	(void)state;
	counters_init(&five, 5);
	counters_init(&seven, 7);
	counters_init(&none, 9);
	add("vbd-5-51712");
	disk("vbd-5-51712", 10, 100);
	add("vbd-5-51728");
	disk("vbd-5-51728", 1, 2);
	add("vbd-57-51712");
	disk("vbd-57-51712", 1000000, 1000000);
	add("vif-5-0");
	card("vif-5-0/net/vif5.0", 3000, 40000);
	add("vif-7-1");
	card("vif-7-1/net/alice-front", 7, 8);
	add("vkbd-5-0");
	assert_int_equal(counters_read("sys", all, 3), 0);
	assert_int_equal(five.disk_read, 11 * 512);
	assert_int_equal(five.disk_written, 102 * 512);
	/* What dom0 received is what the guest sent. */
	assert_int_equal(five.net_out, 3000);
	assert_int_equal(five.net_in, 40000);
	assert_int_equal(seven.net_out, 7);
	assert_int_equal(seven.net_in, 8);
	assert_int_equal(seven.disk_read, 0);
	assert_int_equal(none.net_in + none.disk_read, 0);
	counters_free(&five);
	counters_free(&seven);
	counters_free(&none);
}

static void
a_card_that_is_attached_afresh_counts_on(void **state)
{
	struct counters five;
	struct counters *all[1] = { &five };

	(void)state;
	counters_init(&five, 5);
	add("vif-5-0");
	card("vif-5-0/net/vif5.0", 1000, 100);
	add("vif-5-1");
	card("vif-5-1/net/vif5.1", 5, 6);
	assert_int_equal(counters_read("sys", all, 1), 0);
	card("vif-5-0/net/vif5.0", 40, 120);
	assert_int_equal(counters_read("sys", all, 1), 0);
	assert_int_equal(five.net_out, 1000 + 40 + 5);
	assert_int_equal(five.net_in, 120 + 6);
	counters_free(&five);
}

static void
a_card_that_changes_its_name_is_found_again(void **state)
{
	struct counters five;
	struct counters *all[1] = { &five };

	(void)state;
	counters_init(&five, 5);
	add("vif-5-0");
	card("vif-5-0/net/vif5.0", 1000, 100);
	assert_int_equal(counters_read("sys", all, 1), 0);
	assert_int_equal(rename("sys/devices/vif-5-0/net/vif5.0",
	    "sys/devices/vif-5-0/net/web0"), 0);
	name_card("vif-5-0/net/web0");
	count("vif-5-0/net/web0", "rx_bytes", 1500);
	/* And its old name is another guest's. */
	assert_int_equal(unlink("sys/class/net/vif5.0"), 0);
	add("vif-7-0");
	card("vif-7-0/net/vif5.0", 900000, 900000);
	assert_int_equal(counters_read("sys", all, 1), 0);
	assert_int_equal(five.net_out, 1500);
	assert_int_equal(five.net_in, 100);
	counters_free(&five);
}

static void
what_is_missing_or_no_number_adds_nothing(void **state)
{
	struct counters five;
	struct counters *all[1] = { &five };

	(void)state;
	counters_init(&five, 5);
	add("vif-5-0");		/* not yet a card */
	add("vbd-5-51712");
	add("vbd-5-51728");
	disk("vbd-5-51728", 4, 4);
	put("sys/devices/vbd-5-51728/statistics/wr_sect", "many\n");
	assert_int_equal(counters_read("sys", all, 1), 0);
	assert_int_equal(five.disk_read, 0);
	disk("vbd-5-51712", 1, 2);
	assert_int_equal(counters_read("sys", all, 1), 0);
	assert_int_equal(five.disk_read, 512);
	/* It keeps what a device had that is gone. */
	assert_int_equal(unlink(DEVICES "/vbd-5-51712"), 0);
	assert_int_equal(counters_read("sys", all, 1), 0);
	assert_int_equal(five.disk_read, 512);
	assert_int_equal(counters_read("nowhere", all, 1), -1);
	assert_int_equal(errno, ENOENT);
	counters_free(&five);
}

static void
a_guest_with_very_many_devices_takes_no_more_memory(void **state)
{
	struct counters five;
	struct counters *all[1] = { &five };
	char name[32];
	int i;

	(void)state;
	counters_init(&five, 5);
	for (i = 0; i < COUNTERS_DEVICES + 8; i++) {
		assert_int_equal(text_format(name, sizeof(name), "vbd-5-%d",
		    i), 0);
		add(name);
		disk(name, 1, 1);
	}
	assert_int_equal(counters_read("sys", all, 1), 0);
	assert_int_equal(five.ndevices, COUNTERS_DEVICES);
	assert_int_equal(five.disk_read, COUNTERS_DEVICES * 512);
	counters_free(&five);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_backends_of_disks_and_cards_count),
		cmocka_unit_test_setup_teardown(
		    a_guest_has_the_sum_of_its_devices_and_nothing_of_others,
		    enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_card_that_is_attached_afresh_counts_on, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_card_that_changes_its_name_is_found_again, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    what_is_missing_or_no_number_adds_nothing, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_guest_with_very_many_devices_takes_no_more_memory,
		    enter, leave),
	};

	return cmocka_run_group_tests_name("domain_counters", tests, NULL,
	    NULL);
}
