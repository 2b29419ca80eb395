/* SPDX-License-Identifier: ISC */

/* Frames: what any peer can send on any socket, with 0 to 3 descriptors. */

#include "tests/fuzz/fuzz.h"
#include "wire/layout.h"
#include "wire/wire.h"

#define FDS_MAX 4

static void
check_taken(const struct wire_msg *msg, size_t len, size_t nfds)
{
	const struct wire_layout *layout = wire_layout(msg->head.type);
	const uint8_t *body = (const uint8_t *)&msg->u;
	size_t i;

	fuzz_check(layout != NULL && layout->fds == nfds);
	fuzz_check(len >= layout->min && len <= layout->max);
	for (i = 0; i < WIRE_STRINGS && layout->strings[i].size != 0; i++)
		fuzz_check(memchr(body + layout->strings[i].offset, '\0',
			       layout->strings[i].size) != NULL);
	for (i = len; i < sizeof(msg->u); i++)
		fuzz_check(body[i] == 0);
	if (msg->head.type == WIRE_HELLO)
		fuzz_check(wire_hello_version(&msg->u.hello) <= WIRE_VERSION);
}

/* Whether it is taken on that socket; the same answer twice. */
static bool
decode(enum wire_way way, const uint8_t *data, size_t size, size_t nfds)
{
	static struct wire_msg msg, again;
	ssize_t len;

	memset(&msg, 0xa5, sizeof(msg));
	memset(&again, 0x5a, sizeof(again));
	len = wire_decode(&msg, way, data, size, nfds);
	fuzz_check(wire_decode(&again, way, data, size, nfds) == len);
	if (len < 0)
		return false;
	fuzz_check((size_t)len + sizeof(struct wire_head) == size);
	fuzz_check(memcmp(&msg, &again, sizeof(msg)) == 0);
	check_taken(&msg, (size_t)len, nfds);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_head head = { 0, 0 };
	uint8_t *frame = malloc(size + 1);
	size_t nfds, taken = 0, i;
	int way;

	fuzz_check(frame != NULL);
	/* Nothing behind the frame, so that one byte too far is seen. */
	frame = realloc(frame, size == 0 ? 1 : size);
	fuzz_check(frame != NULL);
	for (i = 0; i < size; i++)
		frame[i] = data[i];
	if (size >= sizeof(head))
		memcpy(&head, frame, sizeof(head));
	for (way = WIRE_ANY; way <= WIRE_BROKER_OPERATOR; way++)
		for (nfds = 0; nfds < FDS_MAX; nfds++)
			taken += decode((enum wire_way)way, frame, size, nfds);
	/* A type belongs to one socket and one direction. */
	fuzz_check(head.type == WIRE_HELLO || taken <= 1);
	free(frame);
	return 0;
}
