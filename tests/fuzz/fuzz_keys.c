/* SPDX-License-Identifier: ISC */

/* authorized_keys: what is printed goes to a root sshd. */

#include "policy/keys.h"
#include "tests/fuzz/fuzz.h"

#define FILE_NAME "alice/authorized_keys"

/* Two words of harmless bytes: no option can stand in front. */
static void
check_line(const char *line)
{
	const char *blank = strchr(line, ' ');

	fuzz_check(blank != NULL && strchr(blank + 1, ' ') == NULL);
	fuzz_check(strlen(line) <= KEYS_LINE_MAX);
	fuzz_check(strspn(line, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				"+/=-@. ") == strlen(line));
	fuzz_check(strncmp(line, "ssh-", 4) == 0 ||
	    strncmp(line, "ecdsa-", 6) == 0 || strncmp(line, "sk-", 3) == 0);
}

/* What was printed is itself a key, and the very same. */
static void
check_again(const char *line)
{
	char *text = fuzz_string((const uint8_t *)line, strlen(line));
	struct keys keys;

	fuzz_check(keys_read(FILE_NAME, text, &keys) == 0);
	fuzz_check(keys.nlines == 1 && keys.nfaults == 0);
	fuzz_check(strcmp(keys.lines[0], line) == 0);
	keys_free(&keys);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_string(data, size), *text = fuzz_string(data, size);
	struct faults faults = { 0 };
	struct keys keys;
	size_t i;

	fuzz_check(keys_read(FILE_NAME, text, &keys) == 0);
	faults.list = keys.faults;
	faults.count = keys.nfaults;
	fuzz_check_faults(&faults, copy, 1);
	fuzz_check(keys.nlines <= KEYS_MAX);
	for (i = 0; i < keys.nlines; i++) {
		check_line(keys.lines[i]);
		check_again(keys.lines[i]);
		fuzz_check(keys.notes[i] == NULL ||
		    fuzz_is_safe(keys.notes[i]));
	}
	keys_free(&keys);
	free(copy);
	free(text);
	return 0;
}
