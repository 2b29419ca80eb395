/* SPDX-License-Identifier: ISC */

/* What a terminal sends to the menu: keys_feed(), in pieces and pauses. */

#include "menu/keys.h"
#include "tests/fuzz/fuzz.h"

/* Longer than anything waits. */
#define LONG_MS (4 * KEYS_SILENCE_MS)

static void
take_all(struct keys *keys, size_t most)
{
	uint32_t key;
	size_t n;

	for (n = 0; keys_next(keys, &key); n++) {
		fuzz_check(key < 0x110000 ||
		    (key >= KEYS_ENTER && key <= KEYS_PASTE));
		if (key != KEYS_PASTE)
			continue;
		fuzz_check(strnlen(keys->paste, sizeof(keys->paste)) <=
		    KEYS_PASTE_MAX);
		fuzz_check(strpbrk(keys->paste, "\r\n") == NULL);
	}
	fuzz_check(n <= most);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct keys keys;
	char piece[16];
	int64_t now = 1000;
	size_t i, len;
	int utf8;

	for (utf8 = 0; utf8 < 2; utf8++) {
		keys_init(&keys, utf8 != 0);
		/* How long each piece is, and the pause behind it. */
		for (i = 0; i < size; i += 1 + len) {
			len = data[i] & 15u;
			if (len > size - i - 1)
				len = size - i - 1;
			if (len > 0)
				memcpy(piece, data + i + 1, len);
			keys_feed(&keys, piece, len, now);
			now += (data[i] >> 4) * 20;
			if ((data[i] & 16) != 0)
				keys_drop(&keys);
			else if ((data[i] & 32) != 0)
				take_all(&keys, KEYS_QUEUE);
		}
		/* Time alone ends whatever is under way. */
		keys_tick(&keys, now + LONG_MS);
		keys_tick(&keys, now + 2 * LONG_MS);
		fuzz_check(keys_due(&keys) == -1);
		take_all(&keys, KEYS_QUEUE);
		keys_feed(&keys, "q", 1, now + 3 * LONG_MS);
		take_all(&keys, 1);
	}
	return 0;
}
