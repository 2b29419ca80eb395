/* SPDX-License-Identifier: ISC */
#include "tests/unit/ring_help.h"

/* When the bytes of a ring came, and the marks between them. */

/* Seconds after noon at which the byte at offset came; -1: not known. */
static int64_t
came(const struct ring *ring, uint64_t offset)
{
	uint64_t next;
	int64_t ms = ring_stamp_at(ring, offset, &next);

	assert_true(next > offset);
	return ms == -1 ? -1 : (ms - RING_NOON) / 1000;
}

static uint64_t
since(const struct ring *ring, int s)
{
	return ring_since(ring, RING_NOON + s * 1000);
}

static void
open_ring(struct ring *ring, int fd)
{
	ring_init(ring);
	(void)ring_bind_to(ring, fd, "alice", "web");
}

/* --- stamps -------------------------------------------------------------- */

static void
every_byte_has_the_second_in_which_it_came(void **state)
{
	struct ring ring;
	uint64_t next;

	(void)state;
	ring_init(&ring);
	assert_int_equal(ring_ready(&ring, "alice", "web"), 0);
	ring_line(&ring, "one\n", 1);
	ring_feed(&ring, "1.9\n", 4, RING_NOON + 1900);
	ring_line(&ring, "two\n", 2);
	ring_line(&ring, "nine\n", 9);
	assert_int_equal(came(&ring, 0), 1);
	assert_int_equal(came(&ring, 7), 1);
	assert_int_equal(came(&ring, 8), 2);
	assert_int_equal(came(&ring, 12), 9);
	/* Of what has not come yet nobody knows. */
	assert_int_equal(ring_stamp_at(&ring, 5, &next), RING_NOON + 1000);
	assert_int_equal(next, 8);
	assert_int_equal(ring.stamps.next, 3);
	ring_free(&ring);
}

static void
since_begins_with_the_first_byte_of_that_time(void **state)
{
	struct ring ring;

	(void)state;
	ring_init(&ring);
	assert_int_equal(since(&ring, 0), 0);
	assert_int_equal(ring_ready(&ring, "alice", "web"), 0);
	assert_int_equal(since(&ring, 0), 0);
	ring_line(&ring, "one\n", 1);
	ring_line(&ring, "five\n", 5);
	assert_int_equal(since(&ring, 0), 0);
	assert_int_equal(since(&ring, 1), 0);
	assert_int_equal(since(&ring, 2), 4);
	assert_int_equal(since(&ring, 5), 4);
	assert_int_equal(ring_since(&ring, RING_NOON + 5999), 4);
	assert_int_equal(since(&ring, 6), 9);
	ring_free(&ring);
}

/* NTP has found out that the host was an hour ahead. */
static void
a_clock_that_is_set_back_hides_nothing_new(void **state)
{
	struct ring ring;

	(void)state;
	ring_init(&ring);
	assert_int_equal(ring_ready(&ring, "alice", "web"), 0);
	ring_line(&ring, "old\n", 0);
	ring_line(&ring, "ahead\n", 3600);
	ring_line(&ring, "right\n", 10);
	ring_line(&ring, "later\n", 20);
	assert_int_equal(came(&ring, 4), 3600);
	assert_int_equal(came(&ring, 10), 10);
	assert_int_equal(since(&ring, 1), 4);
	assert_int_equal(since(&ring, 20), 4);
	assert_true(since(&ring, 3601) == ring_end(&ring));
	ring_free(&ring);
}

static void
a_mebibyte_of_lines_a_second_apart_has_its_times(void **state)
{
	char line[160];
	struct ring ring;
	uint64_t start;
	int s;

	(void)state;
	ring_init(&ring);
	assert_int_equal(ring_ready(&ring, "alice", "web"), 0);
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (s = 0; s < 20000; s++)
		ring_feed(&ring, line, sizeof(line), RING_NOON + s * 1000);
	start = ring_start(&ring);
	assert_int_equal(came(&ring, start), start / sizeof(line));
	assert_int_equal(came(&ring, ring_end(&ring) - 1), s - 1);
	assert_int_equal(since(&ring, s - 10),
	    ring_end(&ring) - 10 * sizeof(line));
	ring_free(&ring);
}

static void
with_a_full_index_the_oldest_bytes_have_no_time(void **state)
{
	const uint8_t *data;
	struct ring ring;
	int s, last = 3 * (int)RING_STAMPS;

	(void)state;
	ring_init(&ring);
	assert_int_equal(ring_ready(&ring, "alice", "web"), 0);
	for (s = 0; s <= last; s++)
		ring_line(&ring, "ab", s);
	assert_int_equal(came(&ring, 0), -1);
	assert_int_equal(ring_peek(&ring, 0, &data), RING_READ_MAX);
	assert_int_equal(came(&ring, ring_end(&ring) - 1), last);
	assert_int_equal(came(&ring, 2 * (2 * RING_STAMPS + 5)),
	    2 * RING_STAMPS + 5);
	assert_int_equal(since(&ring, last - 5), 2 * (last - 5));
	/* They may be of that time: better shown than hidden. */
	assert_int_equal(since(&ring, 5), 0);
	ring_free(&ring);
}

static void
times_are_found_again_by_whoever_maps_the_file_next(void **state)
{
	int fd = rig_memory(WIRE_RING_BYTES), s;
	struct ring ring;

	(void)state;
	open_ring(&ring, fd);
	for (s = 0; s < 3 * (int)RING_STAMPS; s++)
		ring_line(&ring, "ab", s);
	ring_free(&ring);
	open_ring(&ring, fd);
	ring_line(&ring, "cd", s);
	assert_int_equal(came(&ring, 2 * (2 * RING_STAMPS + 5)),
	    2 * RING_STAMPS + 5);
	assert_int_equal(came(&ring, 2 * s - 1), s - 1);
	assert_int_equal(came(&ring, 2 * s), s);
	ring_free(&ring);
	fd_close(&fd);
}

/* Killed behind the stamp and before the byte counted. */
static void
a_stamp_without_its_byte_is_forgotten(void **state)
{
	int fd = rig_memory(WIRE_RING_BYTES);
	struct ring ring;

	(void)state;
	open_ring(&ring, fd);
	ring_line(&ring, "one\n", 1);
	ring_stamp(&ring, RING_NOON + 2000);
	ring_free(&ring);
	open_ring(&ring, fd);
	assert_int_equal(ring.stamps.next, 1);
	ring_line(&ring, "nine\n", 9);
	assert_int_equal(came(&ring, 3), 1);
	assert_int_equal(came(&ring, 4), 9);
	ring_free(&ring);
	fd_close(&fd);
}

/* --- marks --------------------------------------------------------------- */

static void
marks_stay_in_their_place_over_a_restart(void **state)
{
	int fd = rig_memory(WIRE_RING_BYTES);
	struct ring_mark mark;
	struct ring ring;
	uint64_t n = 0;

	(void)state;
	open_ring(&ring, fd);
	ring_mark(&ring, RING_NOON + 999, RING_BOOT, "boot 1");
	ring_line(&ring, "one\n", 1);
	ring_mark(&ring, RING_NOON, RING_PLAIN, "gone");
	ring_free(&ring);
	open_ring(&ring, fd);
	assert_true(ring_mark_at(&ring, &n, &mark));
	assert_string_equal(mark.text, "boot 1");
	assert_int_equal(mark.offset, 0);
	assert_int_equal(mark.wall_ms, RING_NOON);
	n++;
	assert_true(ring_mark_at(&ring, &n, &mark));
	assert_string_equal(mark.text, "gone");
	assert_int_equal(mark.offset, 4);
	n++;
	assert_false(ring_mark_at(&ring, &n, &mark));
	assert_int_equal(ring_boot_start(&ring), 0);
	ring_mark(&ring, RING_NOON, RING_BOOT, "boot 2");
	assert_int_equal(ring_boot_start(&ring), 4);
	ring_free(&ring);
	fd_close(&fd);
}

static void
of_very_many_marks_the_newest_are_kept(void **state)
{
	int fd = rig_memory(WIRE_RING_BYTES), i;
	struct ring_mark mark;
	struct ring ring;
	char text[32];
	uint64_t n = 0;

	(void)state;
	open_ring(&ring, fd);
	for (i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "mark %d", i);
		ring_mark(&ring, RING_NOON, RING_PLAIN, text);
		ring_line(&ring, "x", i);
	}
	ring_free(&ring);
	open_ring(&ring, fd);
	assert_true(ring_mark_at(&ring, &n, &mark));
	assert_int_equal(n, 1000 - (RING_MARKS - 1));
	assert_int_equal(mark.offset, n);
	(void)snprintf(text, sizeof(text), "mark %d", (int)n);
	assert_string_equal(mark.text, text);
	ring_free(&ring);
	fd_close(&fd);
}

static void
people_never_push_out_a_boot(void **state)
{
	int fd = rig_memory(WIRE_RING_BYTES), i, seen = 0;
	struct ring_mark mark;
	struct ring ring;
	char text[32];
	uint64_t n = 0;

	(void)state;
	open_ring(&ring, fd);
	ring_mark(&ring, RING_NOON, RING_BOOT, "boot");
	for (i = 0; i < 1000; i++) {
		if (i == 995)
			ring_mark(&ring, RING_NOON, RING_PLAIN, "closed");
		(void)snprintf(text, sizeof(text), "alice %d", i);
		ring_mark(&ring, RING_NOON, i % 3 == 0 ? RING_TAKING :
		    RING_COMING, text);
		ring_line(&ring, "x", i);
	}
	ring_free(&ring);
	open_ring(&ring, fd);
	assert_true(ring_mark_at(&ring, &n, &mark));
	assert_string_equal(mark.text, "boot");
	assert_int_equal(ring_boot_start(&ring), 0);
	for (i = 1000 - RING_PEOPLE, n++; ring_mark_at(&ring, &n, &mark); n++) {
		if (i == 995 && seen++ == 0) {
			assert_string_equal(mark.text, "closed");
			continue;
		}
		(void)snprintf(text, sizeof(text), "alice %d", i);
		assert_string_equal(mark.text, text);
		assert_int_equal(mark.offset, i++);
	}
	assert_int_equal(i, 1000);
	ring_free(&ring);
	fd_close(&fd);
}

/* --- files that lie ------------------------------------------------------ */

/* Whatever is in there: every question ends, inside the ring. */
static void
ask_everything(struct ring *ring)
{
	struct ring_mark mark;
	uint64_t at, next, n, seen;

	for (at = ring_start(ring); at < ring_end(ring); at = next) {
		(void)ring_stamp_at(ring, at, &next);
		assert_true(next > at);
	}
	for (n = 0, seen = 0; ring_mark_at(ring, &n, &mark); n++, seen++)
		assert_true(strlen(mark.text) < sizeof(mark.text) &&
		    mark.offset <= ring_end(ring));
	assert_true(seen < RING_MARKS);
	at = ring_since(ring, RING_NOON);
	assert_true(at >= ring_start(ring) && at <= ring_end(ring));
	assert_true(ring_boot_start(ring) <= ring_end(ring));
}

static void
H12_noise_in_the_index_leads_nowhere(void **state)
{
	const size_t marks = offsetof(struct ring_head, marks);
	const size_t len = RING_FRONT - marks;
	int fd = rig_memory(WIRE_RING_BYTES);
	struct ring ring;
	uint8_t *noise;
	unsigned seed;

	(void)state;
	for (seed = 1; seed < 40; seed++) {
		noise = rig_noise(MIB + seed, seed);
		open_ring(&ring, fd);
		ring_feed(&ring, noise, MIB + seed, RING_NOON);
		ring_free(&ring);
		assert_int_equal(pwrite(fd, noise, len, (off_t)marks), len);
		open_ring(&ring, fd);
		ask_everything(&ring);
		ring_line(&ring, "and on\n", 5);
		ring_mark(&ring, RING_NOON, RING_BOOT, "still marked");
		ask_everything(&ring);
		assert_int_equal(came(&ring, ring_end(&ring) - 1), 5);
		ring_free(&ring);
		free(noise);
	}
	fd_close(&fd);
}

static void
H12_a_count_that_cannot_be_leads_nowhere(void **state)
{
	const uint64_t bad[] = { UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63,
		(UINT64_C(1) << 62) + 1, UINT64_C(1) << 62, 12345, 1 };
	const off_t stamps = offsetof(struct ring_head, next_stamp);
	const off_t marks = offsetof(struct ring_head, next_mark);
	int fd = rig_memory(WIRE_RING_BYTES);
	struct ring ring;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		open_ring(&ring, fd);
		ring_line(&ring, "one\n", 1);
		ring_line(&ring, "two\n", 2);
		ring_mark(&ring, RING_NOON, RING_BOOT, "boot");
		ring_free(&ring);
		assert_int_equal(pwrite(fd, &bad[i], 8, stamps), 8);
		assert_int_equal(pwrite(fd, &bad[i], 8, marks), 8);
		open_ring(&ring, fd);
		ask_everything(&ring);
		ring_line(&ring, "three\n", 3);
		ring_mark(&ring, RING_NOON, RING_PLAIN, "mark");
		ask_everything(&ring);
		assert_int_equal(came(&ring, ring_end(&ring) - 1), 3);
		ring_free(&ring);
	}
	fd_close(&fd);
}

static void
H12_a_file_that_is_cut_short_loses_its_times_and_goes_on(void **state)
{
	int fd = rig_memory(WIRE_RING_BYTES);
	struct ring ring;
	uint64_t next;

	(void)state;
	ring_guard();
	open_ring(&ring, fd);
	ring_line(&ring, "one\n", 1);
	ring_mark(&ring, RING_NOON, RING_BOOT, "boot");
	assert_int_equal(ftruncate(fd, 0), 0);
	(void)ring_stamp_at(&ring, 0, &next);
	ring_line(&ring, "two\n", 2);
	assert_int_equal(came(&ring, 4), 2);
	assert_int_equal(ring.marks.first, ring.marks.next);
	ask_everything(&ring);
	ring_free(&ring);
	fd_close(&fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_has_the_second_in_which_it_came),
		cmocka_unit_test(since_begins_with_the_first_byte_of_that_time),
		cmocka_unit_test(a_clock_that_is_set_back_hides_nothing_new),
		cmocka_unit_test(
		    a_mebibyte_of_lines_a_second_apart_has_its_times),
		cmocka_unit_test(
		    with_a_full_index_the_oldest_bytes_have_no_time),
		cmocka_unit_test(
		    times_are_found_again_by_whoever_maps_the_file_next),
		cmocka_unit_test(a_stamp_without_its_byte_is_forgotten),
		cmocka_unit_test(marks_stay_in_their_place_over_a_restart),
		cmocka_unit_test(of_very_many_marks_the_newest_are_kept),
		cmocka_unit_test(people_never_push_out_a_boot),
		cmocka_unit_test(H12_noise_in_the_index_leads_nowhere),
		cmocka_unit_test(H12_a_count_that_cannot_be_leads_nowhere),
		cmocka_unit_test(
		    H12_a_file_that_is_cut_short_loses_its_times_and_goes_on)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
