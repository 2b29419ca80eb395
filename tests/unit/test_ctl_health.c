/* SPDX-License-Identifier: ISC */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "ctl/health.h"

#define GIB (1ULL << 30)

static struct health_verdict verdict;

/* A host on which all is well. */
static struct health
well(void)
{
	struct health h = { .up = true };
	size_t i;

	h.is.broker_ms = 3600000;
	h.is.watcher_ms = h.is.console_ms = 3600000;
	h.is.xen_ms = 12;
	h.is.guests = 12;
	h.is.running = 7;
	h.is.customers = 4;
	for (i = 0; i < HEALTH_DISKS; i++) {
		text_format(h.disks[i].path, sizeof(h.disks[i].path),
		    "/disk%zu", i);
		h.disks[i].size = 100 * GIB;
		h.disks[i].free = 50 * GIB;
		h.disks[i].inodes = 1000;
		h.disks[i].inodes_free = 500;
	}
	return h;
}

static void
assert_judged(const struct health *h, enum health_level level,
    const char *words)
{
	health_judge(h, &verdict);
	if (verdict.level != level || strstr(verdict.text, words) == NULL)
		fail_msg("%d \"%s\", not %d with \"%s\"", verdict.level,
		    verdict.text, level, words);
}

static void
all_is_well(void **state)
{
	struct health h = well();

	(void)state;
	assert_judged(&h, HEALTH_OK, "7 of 12 guests run, 0 held");
	assert_null(strstr(verdict.text, "started"));
	h.is.broker_ms = 59999;
	assert_judged(&h, HEALTH_OK, "the broker was started 59 s ago");
}

static void
each_part_that_is_missing_is_critical(void **state)
{
	struct health h = well();

	(void)state;
	h.is.watcher_ms = -1;
	assert_judged(&h, HEALTH_CRITICAL, "no watcher");
	h = well();
	h.is.console_ms = -1;
	assert_judged(&h, HEALTH_CRITICAL, "no console server");
	h = well();
	h.is.xen_ms = -1;
	assert_judged(&h, HEALTH_CRITICAL, "Xen does not answer");
	h.is.xen_ms = 3000;
	assert_judged(&h, HEALTH_CRITICAL, "Xen does not answer");
	h = well();
	h.is.audit = WIRE_AUDIT_LOST;
	assert_judged(&h, HEALTH_CRITICAL, "nothing can be recorded");
	h = well();
	h.up = false;
	text_copy(h.why, sizeof(h.why), "no answer");
	assert_judged(&h, HEALTH_CRITICAL, "no answer");
	h.forbidden = true;
	assert_judged(&h, HEALTH_UNKNOWN, "no answer");
}

static void
what_closes_or_stops_guests_is_a_warning(void **state)
{
	struct health h = well();

	(void)state;
	h.is.audit = WIRE_AUDIT_RESERVE;
	assert_judged(&h, HEALTH_WARNING, "reserve");
	h = well();
	h.is.customers_closed = 2;
	text_copy(h.is.note, sizeof(h.is.note), "bob/policy.conf:1: a|b\n\x1b");
	assert_judged(&h, HEALTH_WARNING,
	    "2 customers closed: bob/policy.conf:1: a/b\\x0a\\x1b");
	h = well();
	h.is.guests_closed = 1;
	assert_judged(&h, HEALTH_WARNING, "1 guests closed");
	h = well();
	h.is.looping = 3;
	assert_judged(&h, HEALTH_WARNING, "3 guests died too often");
}

static void
room_on_a_disk_is_judged_by_share_and_bytes(void **state)
{
	struct health h = well();

	(void)state;
	h.disks[1].free = 5 * GIB;
	assert_judged(&h, HEALTH_OK, "7 of 12");
	h.disks[1].free = 5 * GIB - 1;
	assert_judged(&h, HEALTH_WARNING, "/disk1 is nearly full: 5119 MiB");
	h.disks[1].free = GIB - 1;
	assert_judged(&h, HEALTH_CRITICAL, "/disk1 is full: 1023 MiB");
	h = well();
	h.disks[2].size = 100 << 20;
	h.disks[2].free = (8 << 20) - 1;
	assert_judged(&h, HEALTH_CRITICAL, "/disk2 is full: 7 MiB");
	h = well();
	h.disks[0].inodes_free = 9;
	assert_judged(&h, HEALTH_CRITICAL, "/disk0 has no room for more files");
	h.disks[0].inodes = h.disks[0].inodes_free = 0;
	assert_judged(&h, HEALTH_OK, "");
	h.disks[0].error = ENOENT;
	assert_judged(&h, HEALTH_WARNING, "/disk0 cannot be looked at");
}

static void
what_is_critical_stands_first(void **state)
{
	struct health h = well();

	(void)state;
	h.is.looping = 1;
	h.is.guests_closed = 1;
	h.is.console_ms = -1;
	h.disks[2].free = 0;
	health_judge(&h, &verdict);
	assert_string_equal(verdict.text,
	    "no console server; /disk2 is full: 0 MiB are left; 1 guests "
	    "closed; 1 guests died too often and were left off");
}

static void
more_reasons_than_there_is_room_for_are_cut_at_a_whole_one(void **state)
{
	struct health h = well();
	size_t i, len;

	(void)state;
	h.is.customers_closed = 1;
	memset(h.is.note, '\x01', sizeof(h.is.note) - 1);
	for (i = 0; i < HEALTH_DISKS; i++) {
		memset(h.disks[i].path, '\x1b', sizeof(h.disks[i].path) - 1);
		h.disks[i].free = 0;
	}
	health_judge(&h, &verdict);
	assert_int_equal(verdict.level, HEALTH_CRITICAL);
	len = strlen(verdict.text);
	assert_true(len < sizeof(verdict.text));
	for (i = 0; i < len; i++)
		assert_true(verdict.text[i] >= ' ' && verdict.text[i] != '|');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_well),
		cmocka_unit_test(each_part_that_is_missing_is_critical),
		cmocka_unit_test(what_closes_or_stops_guests_is_a_warning),
		cmocka_unit_test(room_on_a_disk_is_judged_by_share_and_bytes),
		cmocka_unit_test(what_is_critical_stands_first),
		cmocka_unit_test(
		    more_reasons_than_there_is_room_for_are_cut_at_a_whole_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
