/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "wire/layout.h"
#include "wire/wire.h"

static uint8_t frame[WIRE_FRAME_MAX + 64];

/* A frame of that type, its body all ones or all zero. */
static size_t
make_frame(const struct wire_layout *layout, int fill, size_t body)
{
	struct wire_head head = { layout->type, 7 };

	memcpy(frame, &head, sizeof(head));
	memset(frame + sizeof(head), fill, body);
	return sizeof(head) + body;
}

/* The way that a socket has on which this type travels. */
static enum wire_way
way_of(const struct wire_layout *layout)
{
	return layout->way == WIRE_ANY ? WIRE_CLIENT_BROKER : layout->way;
}

static void
every_type_is_unique_and_bounded(void **state)
{
	const struct wire_layout *a, *b;
	size_t i, j, s;

	(void)state;
	for (i = 0; (a = wire_layout_at(i)) != NULL; i++) {
		assert_ptr_equal(wire_layout(a->type), a);
		assert_true(a->min > 0 && a->min <= a->max);
		assert_true(a->max <= sizeof(struct wire_output));
		assert_true(a->fds <= FD_PASS_MAX);
		for (s = 0; s < WIRE_STRINGS && a->strings[s].size != 0; s++)
			assert_true(
			    (size_t)a->strings[s].offset + a->strings[s].size <=
			    a->max);
		for (j = i + 1; (b = wire_layout_at(j)) != NULL; j++) {
			assert_int_not_equal(a->type, b->type);
			assert_string_not_equal(a->name, b->name);
		}
	}
	assert_true(i > 60);
}

static void
no_body_has_padding_that_could_leak(void **state)
{
	(void)state;
	/* Every member is accounted for: sizes by hand, from wire.h. */
	assert_int_equal(sizeof(struct wire_hello), 12 + 48 + 128);
	assert_int_equal(sizeof(struct wire_power), 40 + 8 + 8 + 8);
	assert_int_equal(sizeof(struct wire_attach), 40 + 8 + 8 + 8);
	assert_int_equal(sizeof(struct wire_why), 24 + 40);
	assert_int_equal(sizeof(struct wire_outcome), 4 + 8 + 4 + 512);
	assert_int_equal(sizeof(struct wire_look), 40 + 8);
	assert_int_equal(sizeof(struct wire_sysrq), 40 + 8 + 8 + 8);
	assert_int_equal(sizeof(struct wire_counters), 8 * 8);
	assert_int_equal(sizeof(struct wire_guest),
	    40 + 8 + 3 * 8 + 64 + 16 + 24 + 8 + 512);
	assert_int_equal(sizeof(struct wire_stamp), 16);
	assert_int_equal(sizeof(struct wire_session),
	    8 + 40 + 128 + 40 + 24 + 40 + 16 + 16);
	assert_int_equal(sizeof(struct wire_job), 8 + 8);
	assert_int_equal(sizeof(struct wire_attached), 40 + 8 + 8);
	assert_int_equal(sizeof(struct wire_because), 8 + 512);
	assert_int_equal(sizeof(struct wire_who), 40 + 72 + 128 + 8);
	assert_int_equal(sizeof(struct wire_spawn), 8 + 8);
	assert_int_equal(sizeof(struct wire_gone), 8 + 8);
	assert_int_equal(sizeof(struct wire_domain),
	    72 + 16 + 16 + 24 + 64 + 8 + 8 + 128);
	assert_int_equal(sizeof(struct wire_pty), 80 + 16 + 8 + 8);
	assert_int_equal(sizeof(struct wire_grant), 8 + 120 + 8 + 16 + 8);
	assert_int_equal(sizeof(struct wire_stream), 80 + 512);
	assert_int_equal(sizeof(struct wire_output), 8 + WIRE_DATA);
	assert_int_equal(sizeof(struct wire_run),
	    8 + 8 + 8 + 80 + 16 + 8 + 16 + 8 + 128);
	assert_int_equal(sizeof(struct wire_operate), 72 + 128 + 8 + 8);
	assert_int_equal(sizeof(struct wire_did), 72 + 4 + 8 + 4 + 512);
	assert_int_equal(sizeof(struct wire_health), 9 * 8 + 12 * 4 + 512);
	assert_int_equal(sizeof(struct wire_prefs),
	    8 + 48 + 48 + 40 + 8 + 8);
	assert_int_equal(sizeof(struct wire_ask_activity), 40 + 8);
	assert_int_equal(sizeof(struct wire_act),
	    16 + 24 + 40 + 40 + 128 + 8 + 8);
	assert_int_equal(sizeof(struct wire_lend), 72 + 16 + 8 + 8);
	assert_int_equal(sizeof(struct wire_put), 8 + 40 + 160);
	assert_int_equal(sizeof(struct wire_phase), 8 + 8 + 16);
	assert_int_equal(sizeof(struct wire_result), 8 + 8 + 512);
	assert_int_equal(sizeof(struct wire_account), 40 + 8);
}

static void
E08_exact_size_is_taken_and_every_other_size_refused(void **state)
{
	const struct wire_layout *l;
	struct wire_msg msg;
	size_t i, len;

	(void)state;
	for (i = 0; (l = wire_layout_at(i)) != NULL; i++) {
		len = make_frame(l, 0, l->max);
		assert_int_equal(wire_decode(&msg, way_of(l), frame, len,
				     l->fds),
		    l->max);
		assert_int_equal(msg.head.type, l->type);
		assert_int_equal(msg.head.id, 7);
		assert_int_equal(wire_decode(&msg, way_of(l), frame, len + 1,
				     l->fds),
		    -1);
		assert_int_equal(errno, EPROTO);
		len = make_frame(l, 0, l->min - 1);
		assert_int_equal(wire_decode(&msg, way_of(l), frame, len,
				     l->fds),
		    -1);
	}
	for (len = 0; len < sizeof(struct wire_head); len++)
		assert_int_equal(wire_decode(&msg, WIRE_CLIENT_BROKER, frame,
				     len, 0),
		    -1);
}

static void
a_client_of_the_version_before_is_understood(void **state)
{
	const struct wire_layout *l;
	struct wire_msg msg;
	size_t i, body, grown = 0;

	(void)state;
	for (i = 0; (l = wire_layout_at(i)) != NULL; i++) {
		if (l->bytes || l->min == l->max)
			continue;
		grown++;
		assert_int_equal(l->way, WIRE_CLIENT_BROKER);
		for (body = l->min; body <= l->max; body++)
			assert_int_equal(wire_decode(&msg, l->way, frame,
					     make_frame(l, 0, body), 0),
			    body == l->min || body == l->max ? (int)body : -1);
	}
	assert_true(grown > 0);
	(void)make_frame(wire_layout(WIRE_START), 0xff, 0);
	memset(frame + sizeof(struct wire_head), 'a', 39);
	frame[sizeof(struct wire_head) + 39] = '\0';
	assert_true(wire_decode(&msg, WIRE_CLIENT_BROKER, frame,
			sizeof(struct wire_head) +
			    offsetof(struct wire_power, token),
			0) > 0);
	assert_int_equal(msg.u.power.token, 0);
}

static void
E08_unterminated_string_is_refused(void **state)
{
	const struct wire_layout *l;
	struct wire_msg msg;
	size_t i, s, len, checked = 0;
	uint8_t *field;

	(void)state;
	for (i = 0; (l = wire_layout_at(i)) != NULL; i++) {
		for (s = 0; s < WIRE_STRINGS && l->strings[s].size != 0; s++) {
			len = make_frame(l, 0, l->max);
			field = frame + sizeof(struct wire_head) +
			    l->strings[s].offset;
			memset(field, 'A', l->strings[s].size);
			assert_int_equal(wire_decode(&msg, way_of(l), frame,
					     len, l->fds),
			    -1);
			field[l->strings[s].size - 1] = '\0';
			assert_int_equal(wire_decode(&msg, way_of(l), frame,
					     len, l->fds),
			    l->max);
			checked++;
		}
	}
	assert_true(checked > 30);
}

static void
frame_of_another_socket_is_refused(void **state)
{
	const struct wire_layout *l;
	struct wire_msg msg;
	size_t i, len;
	int way;

	(void)state;
	for (i = 0; (l = wire_layout_at(i)) != NULL; i++) {
		len = make_frame(l, 0, l->max);
		for (way = WIRE_CLIENT_BROKER; way <= WIRE_WORKER_BROKER;
		     way++) {
			if (l->way == WIRE_ANY || l->way == (enum wire_way)way)
				continue;
			assert_int_equal(wire_decode(&msg, (enum wire_way)way,
					     frame, len, l->fds),
			    -1);
		}
	}
}

static void
unknown_type_is_refused(void **state)
{
	struct wire_msg msg;
	struct wire_head head = { 0, 0 };
	uint32_t type;

	(void)state;
	memset(frame, 0, sizeof(frame));
	for (type = 0; type < 2000; type++) {
		if (wire_layout(type) != NULL)
			continue;
		head.type = type;
		memcpy(frame, &head, sizeof(head));
		assert_int_equal(wire_decode(&msg, WIRE_CLIENT_BROKER, frame,
				     sizeof(head) + 4, 0),
		    -1);
	}
}

static void
frame_without_its_descriptors_is_refused(void **state)
{
	const struct wire_layout *l;
	struct wire_msg msg;
	size_t i, len;

	(void)state;
	for (i = 0; (l = wire_layout_at(i)) != NULL; i++) {
		len = make_frame(l, 0, l->max);
		assert_int_equal(wire_decode(&msg, way_of(l), frame, len,
				     l->fds + 1),
		    -1);
		if (l->fds > 0)
			assert_int_equal(wire_decode(&msg, way_of(l), frame,
					     len, 0),
			    -1);
	}
}

static int
open_fds(void)
{
	int n = 0, fd;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static void
descriptors_nobody_asked_for_are_closed(void **state)
{
	struct wire_look name = { .guest = "web" };
	struct wire_head head = { WIRE_STATUS, 1 };
	struct wire_msg msg;
	int pair[2], before, extra[2];

	(void)state;
	assert_int_equal(fd_pair(pair), 0);
	assert_int_equal(pipe(extra), 0);
	memcpy(frame, &head, sizeof(head));
	memcpy(frame + sizeof(head), &name, sizeof(name));
	assert_int_equal(fd_send(pair[0], frame, sizeof(head) + sizeof(name),
			     extra, 2),
	    0);
	before = open_fds();
	assert_int_equal(wire_recv(pair[1], &msg, WIRE_CLIENT_BROKER, NULL,
			     NULL),
	    -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(open_fds(), before);
	close(pair[0]);
	close(pair[1]);
	close(extra[0]);
	close(extra[1]);
}

static void
every_fixed_frame_can_be_sent_and_comes_back_equal(void **state)
{
	const struct wire_layout *l;
	struct wire_msg out, in;
	int pair[2], fds[FD_PASS_MAX], got[FD_PASS_MAX], f;
	size_t i, ngot;

	(void)state;
	assert_int_equal(fd_pair(pair), 0);
	for (f = 0; f < FD_PASS_MAX; f++)
		fds[f] = pair[0];
	for (i = 0; (l = wire_layout_at(i)) != NULL; i++) {
		if (l->min != l->max)
			continue;
		memset(&out, 0, sizeof(out));
		memset(&out.u, 'x', l->max);
		for (f = 0; f < WIRE_STRINGS && l->strings[f].size != 0; f++)
			((char *)&out.u)[l->strings[f].offset +
			    l->strings[f].size - 1] = '\0';
		assert_int_equal(wire_send(pair[0], l->type, 9, &out.u, fds,
				     l->fds),
		    0);
		assert_int_equal(wire_recv(pair[1], &in, way_of(l), got, &ngot),
		    l->max);
		assert_int_equal(ngot, l->fds);
		while (ngot > 0)
			close(got[--ngot]);
		assert_memory_equal(&in.u, &out.u, l->max);
	}
	close(pair[0]);
	close(pair[1]);
}

static void
console_bytes_arrive_whole_and_none_is_refused(void **state)
{
	static uint8_t bytes[WIRE_DATA];
	struct wire_msg msg;
	int pair[2];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	assert_int_equal(fd_pair(pair), 0);
	assert_int_equal(wire_send_data(pair[0], WIRE_OUTPUT, 42, bytes,
			     WIRE_DATA),
	    0);
	assert_int_equal(wire_recv(pair[1], &msg, WIRE_CONSOLE_VIEWER, NULL,
			     NULL),
	    8 + WIRE_DATA);
	assert_int_equal(msg.u.output.offset, 42);
	assert_memory_equal(msg.u.output.data, bytes, WIRE_DATA);
	assert_int_equal(wire_send_data(pair[0], WIRE_OUTPUT, 0, bytes, 0), -1);
	assert_int_equal(wire_send_data(pair[0], WIRE_OUTPUT, 0, bytes,
			     WIRE_DATA + 1),
	    -1);
	assert_int_equal(wire_send_data(pair[0], WIRE_LIST, 0, bytes, 1), -1);
	close(pair[0]);
	close(pair[1]);
}

static void
random_bytes_never_decode_into_an_unterminated_string(void **state)
{
	const struct wire_layout *l;
	struct wire_msg msg;
	unsigned seed = 20260101;
	size_t i, s, len, decoded = 0;
	int round;

	(void)state;
	for (round = 0; round < 200000; round++) {
		l = wire_layout_at((size_t)rand_r(&seed) % 50);
		assert_non_null(l);
		if (l->max > 1024)
			continue;
		len = make_frame(l, 0, l->max);
		for (i = 0; i < 4; i++)
			frame[8 + (size_t)rand_r(&seed) % l->max] = (uint8_t)
			    rand_r(&seed);
		if (rand_r(&seed) % 4 == 0)
			len = (size_t)rand_r(&seed) % (len + 8);
		if (wire_decode(&msg, way_of(l), frame, len, l->fds) == -1)
			continue;
		decoded++;
		for (s = 0; s < WIRE_STRINGS && l->strings[s].size != 0; s++)
			assert_non_null(
			    memchr((char *)&msg.u + l->strings[s].offset, '\0',
				l->strings[s].size));
	}
	assert_true(decoded > 1000);
}

static void
versions_meet_in_the_middle_or_not_at_all(void **state)
{
	struct wire_hello h;

	(void)state;
	wire_hello(&h, WIRE_ROLE_CLIENT, "192.0.2.1");
	assert_int_equal(wire_hello_version(&h), WIRE_VERSION);
	assert_true(wire_hello_same(&h));
	h.version = WIRE_VERSION + 1;
	assert_int_equal(wire_hello_version(&h), WIRE_VERSION);
	assert_false(wire_hello_same(&h));
	h.oldest = WIRE_VERSION + 1;
	assert_int_equal(wire_hello_version(&h), 0);
	wire_hello(&h, WIRE_ROLE_CLIENT, NULL);
	h.magic ^= 1;
	assert_int_equal(wire_hello_version(&h), 0);
	wire_hello(&h, WIRE_ROLE_CLIENT, NULL);
	h.version = 0;
	h.oldest = 0;
	assert_int_equal(wire_hello_version(&h), 0);
	wire_hello(&h, WIRE_ROLE_CLIENT, NULL);
	h.build[0] ^= 1;
	assert_false(wire_hello_same(&h));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_unique_and_bounded),
		cmocka_unit_test(no_body_has_padding_that_could_leak),
		cmocka_unit_test(
		    E08_exact_size_is_taken_and_every_other_size_refused),
		cmocka_unit_test(a_client_of_the_version_before_is_understood),
		cmocka_unit_test(E08_unterminated_string_is_refused),
		cmocka_unit_test(frame_of_another_socket_is_refused),
		cmocka_unit_test(unknown_type_is_refused),
		cmocka_unit_test(frame_without_its_descriptors_is_refused),
		cmocka_unit_test(descriptors_nobody_asked_for_are_closed),
		cmocka_unit_test(
		    every_fixed_frame_can_be_sent_and_comes_back_equal),
		cmocka_unit_test(
		    console_bytes_arrive_whole_and_none_is_refused),
		cmocka_unit_test(
		    random_bytes_never_decode_into_an_unterminated_string),
		cmocka_unit_test(versions_meet_in_the_middle_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
