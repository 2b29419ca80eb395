/* SPDX-License-Identifier: ISC */
#include "tests/unit/ring_help.h"

/* --- helpers ------------------------------------------------------------- */

static void
feed(struct ring *ring, const uint8_t *data, size_t len)
{
	ring_feed(ring, data, len, RING_NOON);
}

static void
assert_holds(struct ring *ring, uint64_t offset, const uint8_t *data,
    size_t len)
{
	const uint8_t *got;
	size_t n;

	while (len > 0) {
		n = ring_peek(ring, offset, &got);
		assert_true(n > 0);
		if (n > len)
			n = len;
		assert_memory_equal(got, data, n);
		offset += n;
		data += n;
		len -= n;
	}
}

static enum ring_found
found_after(int fd, const void *bytes, size_t len, off_t at)
{
	struct ring ring;
	enum ring_found found;

	assert_int_equal(pwrite(fd, bytes, len, at), len);
	ring_init(&ring);
	found = ring_bind_to(&ring, fd, "alice", "web");
	if (found == RING_REFUSED)
		assert_int_equal(ring_end(&ring), 0);
	ring_free(&ring);
	return found;
}

/* --- tests --------------------------------------------------------------- */

static void
keeps_the_newest_bytes_over_many_wraps(void **state)
{
	const size_t len = 5 * MIB + 777;
	uint8_t *noise = rig_noise(len, 1);
	struct ring ring;
	uint64_t start;

	(void)state;
	ring_init(&ring);
	assert_int_equal(ring_ready(&ring, "alice", "web"), 0);
	feed(&ring, noise, len);
	assert_int_equal(ring_end(&ring), len);
	start = ring_start(&ring);
	assert_int_equal(len - start, RING_DATA - RING_READ_MAX);
	assert_holds(&ring, start, noise + start, len - start);
	ring_free(&ring);
	free(noise);
}

static void
shows_nothing_outside_of_what_it_has(void **state)
{
	uint8_t *noise = rig_noise(2 * MIB, 2);
	const uint8_t *data;
	struct ring ring;

	(void)state;
	ring_init(&ring);
	assert_int_equal(ring_peek(&ring, 0, &data), 0);
	assert_int_equal(ring_ready(&ring, "alice", "web"), 0);
	assert_int_equal(ring_peek(&ring, 0, &data), 0);
	feed(&ring, noise, 2 * MIB);
	assert_int_equal(ring_peek(&ring, ring_start(&ring) - 1, &data), 0);
	assert_int_equal(ring_peek(&ring, ring_end(&ring), &data), 0);
	assert_int_equal(ring_peek(&ring, UINT64_MAX, &data), 0);
	ring_free(&ring);
	free(noise);
}

static void
is_found_again_by_whoever_maps_the_file_next(void **state)
{
	uint8_t *noise = rig_noise(3 * MIB, 3);
	int fd = rig_memory(WIRE_RING_BYTES);
	struct ring ring;
	uint64_t start;

	(void)state;
	ring_init(&ring);
	assert_int_equal(ring_bind_to(&ring, fd, "alice", "web"), RING_NEW);
	feed(&ring, noise, 2 * MIB);
	ring_set_boot(&ring, 7);
	ring_free(&ring);

	assert_int_equal(ring_bind_to(&ring, fd, "alice", "web"), RING_RESUMED);
	assert_int_equal(ring_bind_to(&ring, fd, "alice", "web"), RING_SAME);
	assert_int_equal(ring_end(&ring), 2 * MIB);
	assert_int_equal(ring.head->boot, 7);
	feed(&ring, noise + 2 * MIB, MIB);
	start = ring_start(&ring);
	assert_holds(&ring, start, noise + start, 3 * MIB - start);
	ring_free(&ring);
	fd_close(&fd);
	free(noise);
}

static void
says_so_when_it_was_left_in_the_middle_of_a_read(void **state)
{
	const uint32_t one = 1;
	int fd = rig_memory(WIRE_RING_BYTES);
	struct ring ring;

	(void)state;
	ring_init(&ring);
	assert_int_equal(ring_bind_to(&ring, fd, "alice", "web"), RING_NEW);
	feed(&ring, (const uint8_t *)"boot", 4);
	ring_free(&ring);
	assert_int_equal(found_after(fd, &one, sizeof(one),
			     offsetof(struct ring_head, reading)),
	    RING_TORN);
	assert_int_equal(ring_bind_to(&ring, fd, "alice", "web"), RING_RESUMED);
	assert_holds(&ring, 0, (const uint8_t *)"boot", 4);
	ring_free(&ring);
	fd_close(&fd);
}

static void
of_another_guest_is_wiped_and_never_shown(void **state)
{
	int fd = rig_memory(WIRE_RING_BYTES);
	uint8_t *noise = rig_noise(MIB, 4);
	uint8_t *file = malloc(WIRE_RING_BYTES);
	struct ring ring;

	(void)state;
	assert_non_null(file);
	ring_init(&ring);
	assert_int_equal(ring_bind_to(&ring, fd, "alice", "web"), RING_NEW);
	feed(&ring, noise, MIB);
	ring_free(&ring);
	assert_int_equal(ring_bind_to(&ring, fd, "bob", "web"), RING_REFUSED);
	assert_int_equal(ring_end(&ring), 0);
	assert_int_equal(pread(fd, file, WIRE_RING_BYTES, 0), WIRE_RING_BYTES);
	assert_null(memmem(file, WIRE_RING_BYTES, noise + MIB / 2, 16));
	ring_free(&ring);
	free(file);
	free(noise);
	fd_close(&fd);
}

static void
with_a_head_that_cannot_be_is_started_afresh(void **state)
{
	const struct {
		size_t at;
		uint64_t value;
		size_t len;
	} bad[] = { { offsetof(struct ring_head, magic), 1, 8 },
		{ offsetof(struct ring_head, version), 99, 4 },
		{ offsetof(struct ring_head, size), RING_DATA * 2, 4 },
		{ offsetof(struct ring_head, size), 0, 4 },
		{ offsetof(struct ring_head, end), UINT64_MAX, 8 },
		{ offsetof(struct ring_head, reading), 2, 4 },
		{ offsetof(struct ring_head, guest), UINT64_MAX, 8 } };
	int fd = rig_memory(WIRE_RING_BYTES);
	struct ring ring;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ring_init(&ring);
		(void)ring_bind_to(&ring, fd, "alice", "web");
		feed(&ring, (const uint8_t *)"x", 1);
		ring_free(&ring);
		assert_int_equal(found_after(fd, &bad[i].value, bad[i].len,
				     (off_t)bad[i].at),
		    RING_REFUSED);
	}
	fd_close(&fd);
}

static void
H12_of_the_wrong_size_or_kind_is_not_mapped(void **state)
{
	int shorter = rig_memory(WIRE_RING_BYTES - 1), pair[2];
	enum ring_found found;
	struct ring ring;

	(void)state;
	ring_init(&ring);
	assert_int_equal(ring_bind(&ring, shorter, "alice", "web", &found), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(fd_pair(pair), 0);
	assert_int_equal(ring_bind(&ring, pair[0], "alice", "web", &found), -1);
	assert_null(ring.head);
	fd_close(&shorter);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

/* A guest's first byte after its ring's file was made that long. */
static void
cut_and_go_on(off_t size)
{
	int fd = rig_memory(WIRE_RING_BYTES);
	uint8_t *noise = rig_noise(MIB / 2, 5);
	const uint8_t *data;
	struct ring ring;

	ring_guard();
	ring_init(&ring);
	assert_int_equal(ring_bind_to(&ring, fd, "alice", "web"), RING_NEW);
	feed(&ring, noise, MIB / 2);
	assert_int_equal(ftruncate(fd, size), 0);
	/* Looked at first, then written to; or the other way round. */
	if (size % 2 == 0)
		assert_int_equal(ring_peek(&ring, MIB / 2 - 1, &data), 0);
	feed(&ring, noise, 1000);
	assert_int_equal(ring_end(&ring), MIB / 2 + 1000);
	assert_int_equal(ring_start(&ring), MIB / 2);
	assert_holds(&ring, MIB / 2, noise, 1000);
	assert_false(ring.file);
	ring_free(&ring);
	fd_close(&fd);
	free(noise);
}

static void
H12_that_is_cut_short_loses_its_bytes_and_goes_on(void **state)
{
	(void)state;
	cut_and_go_on(0);
	cut_and_go_on(1);
	cut_and_go_on(RING_PAGE);
	cut_and_go_on(RING_PAGE + 1);
}

static void
in_memory_is_taken_along_into_a_new_file(void **state)
{
	int fd = rig_memory(WIRE_RING_BYTES);
	struct ring ring;

	(void)state;
	ring_init(&ring);
	assert_int_equal(ring_ready(&ring, "alice", "web"), 0);
	feed(&ring, (const uint8_t *)"early", 5);
	assert_int_equal(ring_bind_to(&ring, fd, "alice", "web"), RING_NEW);
	feed(&ring, (const uint8_t *)"late", 4);
	assert_holds(&ring, 0, (const uint8_t *)"earlylate", 9);
	ring_free(&ring);
	assert_int_equal(ring_bind_to(&ring, fd, "alice", "web"), RING_RESUMED);
	assert_int_equal(ring_end(&ring), 9);
	ring_free(&ring);
	fd_close(&fd);
}

static void
a_tail_begins_with_a_line(void **state)
{
	const char text[] = "one\ntwo\nthree\n> ";
	struct ring ring;

	(void)state;
	ring_init(&ring);
	assert_int_equal(ring_resolve(&ring, WIRE_FROM_TAIL, 100), 0);
	assert_int_equal(ring_ready(&ring, "alice", "web"), 0);
	feed(&ring, (const uint8_t *)text, sizeof(text) - 1);
	assert_int_equal(ring_resolve(&ring, WIRE_FROM_TAIL, 100), 0);
	assert_int_equal(ring_resolve(&ring, WIRE_FROM_TAIL, 10), 8);
	assert_int_equal(ring_resolve(&ring, WIRE_FROM_TAIL, 0),
	    sizeof(text) - 1);
	/* No line begins in the last byte: then it is the byte. */
	assert_int_equal(ring_resolve(&ring, WIRE_FROM_TAIL, 1),
	    sizeof(text) - 2);
	assert_int_equal(ring_resolve(&ring, 5, 0), 5);
	ring_free(&ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_newest_bytes_over_many_wraps),
		cmocka_unit_test(shows_nothing_outside_of_what_it_has),
		cmocka_unit_test(is_found_again_by_whoever_maps_the_file_next),
		cmocka_unit_test(
		    says_so_when_it_was_left_in_the_middle_of_a_read),
		cmocka_unit_test(of_another_guest_is_wiped_and_never_shown),
		cmocka_unit_test(with_a_head_that_cannot_be_is_started_afresh),
		cmocka_unit_test(H12_of_the_wrong_size_or_kind_is_not_mapped),
		cmocka_unit_test(
		    H12_that_is_cut_short_loses_its_bytes_and_goes_on),
		cmocka_unit_test(in_memory_is_taken_along_into_a_new_file),
		cmocka_unit_test(a_tail_begins_with_a_line)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
