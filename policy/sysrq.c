/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/text.h"
#include "policy/sysrq.h"

/* As Linux has them: Documentation/admin-guide/sysrq.rst. */
static const struct {
	const char	*keys;
	enum right	 right;
} table[] = {
	{ "b", RIGHT_REBOOT },
	{ "o", RIGHT_SHUTDOWN },
	/*
	 * Crash; end or kill processes; stand still in the debugger; write
	 * to no disk any more.
	 */
	{ "cefikgu", RIGHT_DESTROY },
	{ "0123456789", RIGHT_ANY },	/* what the console shows */
	{ "dhlmpqtvwz", RIGHT_ANY },	/* print something */
	{ "s", RIGHT_ANY },		/* sync */
	{ "jnr", RIGHT_ANY },		/* thaw disks, renice, keyboard */
};

enum right
sysrq_right(uint32_t key)
{
	const char *k;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (k = table[i].keys; *k != '\0'; k++)
			if ((uint32_t)*k == key)
				return table[i].right;
	return RIGHT_NONE;
}

void
sysrq_describe(char *text, size_t size)
{
	size_t i, len;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].right == RIGHT_ANY)
			continue;
		len = strlen(text);
		(void)text_format(text + len, size - len,
		    table[i].keys[1] == '\0' ? "; key %s amounts to %s" :
						"; keys %s amount to %s",
		    table[i].keys, right_name(table[i].right));
	}
}
