/* SPDX-License-Identifier: ISC */

/*
 * Runs one fuzz target without libFuzzer: every file of its corpus, then as
 * many inputs made of them as -runs says or as fit into -seconds.  The same
 * seed makes the same inputs.
 */

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 16384
#define FILES_MAX 1024

struct input {
	size_t size;
	uint8_t data[INPUT_MAX];
};

static struct input *files[FILES_MAX];
static size_t nfiles;
static struct input now; /* what the target has before it */
static unsigned long run;
static uint64_t seed = 20261121;

/* Not there without sanitizers. */
void __sanitizer_set_death_callback(void (*)(void)) __attribute__((weak));

static uint64_t
next_random(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return below == 0 ? 0 : (seed >> 11) % below;
}

/* The input that broke it, to be put into the corpus. */
static void
keep_input(void)
{
	char path[512], said[600];
	const char *dir = getenv("TMPDIR");
	int fd;

	text_format(path, sizeof(path), "%s/fuzz-%ld",
	    dir != NULL ? dir : "/tmp", (long)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0 && fd_write_all(fd, now.data, now.size) == 0)
		text_format(said, sizeof(said), "run %lu; input in %s: ", run,
		    path);
	else
		text_format(said, sizeof(said), "run %lu; input: ", run);
	fd_write_all(STDERR_FILENO, said, strlen(said));
	for (size_t i = 0; i < now.size && i < 256; i++) {
		text_format(said, sizeof(said), "%02x", now.data[i]);
		fd_write_all(STDERR_FILENO, said, 2);
	}
	fd_write_all(STDERR_FILENO, "\n", 1);
}

static void
on_abort(int number)
{
	keep_input();
	signal(number, SIG_DFL);
	raise(number);
}

static void
read_file(const char *path)
{
	struct input *input = malloc(sizeof(*input));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	fuzz_check(input != NULL && fd >= 0 && nfiles < FILES_MAX);
	n = read(fd, input->data, sizeof(input->data));
	fuzz_check(n >= 0);
	input->size = (size_t)n;
	files[nfiles++] = input;
	fd_close(&fd);
}

static void
read_corpus(const char *path)
{
	struct dirent **entries;
	struct stat st;
	char name[1024];
	int i, n;

	fuzz_check(stat(path, &st) == 0);
	if (!S_ISDIR(st.st_mode)) {
		read_file(path);
		return;
	}
	n = scandir(path, &entries, NULL, alphasort);
	fuzz_check(n >= 0);
	for (i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.') {
			text_format(name, sizeof(name), "%s/%s", path,
			    entries[i]->d_name);
			read_file(name);
		}
		free(entries[i]);
	}
	free(entries);
}

/* Replace len bytes at that place by those of with. */
static void
replace(size_t at, size_t len, const uint8_t *with, size_t size)
{
	size_t rest = now.size - at - len;

	if (at + size + rest > INPUT_MAX)
		return;
	memmove(now.data + at + size, now.data + at + len, rest);
	if (size > 0)
		memmove(now.data + at, with, size);
	now.size = at + size + rest;
}

static void
mutate_once(void)
{
	static const uint8_t odd[] = { 0, 1, 9, '\n', '\r', 0x1b, ' ', '"', '#',
		'%', '*', ',', '-', '/', '0', ':', ';', '=', '@', '\\', '{',
		'}', 0x7f, 0x80, 0x9b, 0xc2, 0xff };
	const struct input *other = files[next_random(nfiles)];
	uint8_t copy[64], byte;
	size_t at = next_random(now.size + 1), from, len;

	len = next_random(sizeof(copy));
	if (len > now.size - at)
		len = now.size - at;
	byte = odd[next_random(sizeof(odd))];
	switch (next_random(6)) {
	case 0:
		if (at < now.size)
			now.data[at] ^= (uint8_t)(1 << next_random(8));
		break;
	case 1:
		replace(at, next_random(2) && len > 0 ? 1 : 0, &byte, 1);
		break;
	case 2:
		replace(at, len, NULL, 0);
		break;
	case 3:
		memcpy(copy, now.data + at, len);
		replace(at, 0, copy, len);
		break;
	case 4:
		from = next_random(other->size + 1);
		len = next_random(other->size - from + 1);
		replace(at, 0, other->data + from, len);
		break;
	case 5:
		now.size = at;
		break;
	}
}

static void
feed(const struct input *input)
{
	if (input != &now) {
		now.size = input->size;
		memcpy(now.data, input->data, input->size);
	}
	run++;
	fuzz_check(LLVMFuzzerTestOneInput(now.data, now.size) == 0);
}

static void
feed_mutation(void)
{
	const struct input *base = files[next_random(nfiles)];
	uint64_t n = 1 + next_random(6);

	now.size = base->size;
	memcpy(now.data, base->data, base->size);
	while (n-- > 0)
		mutate_once();
	feed(&now);
}

int
main(int argc, char **argv)
{
	unsigned long runs = 0, seconds = 0, begun;
	int64_t end;
	int i;

	for (i = 1; i < argc; i++) {
		if (strncmp(argv[i], "-runs=", 6) == 0)
			runs = strtoul(argv[i] + 6, NULL, 10);
		else if (strncmp(argv[i], "-seconds=", 9) == 0)
			seconds = strtoul(argv[i] + 9, NULL, 10);
		else if (strncmp(argv[i], "-seed=", 6) == 0)
			seed = strtoul(argv[i] + 6, NULL, 10) | 1;
		else
			read_corpus(argv[i]);
	}
	printf("seed %llu, %zu files, ", (unsigned long long)seed, nfiles);
	fflush(stdout);
	fuzz_check(nfiles > 0);
	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(keep_input);
	signal(SIGABRT, on_abort);
	for (i = 0; (size_t)i < nfiles; i++)
		feed(files[i]);
	begun = run;
	end = clock_ms() + (int64_t)seconds * 1000;
	while (run - begun < runs || (seconds > 0 && clock_ms() < end))
		feed_mutation();
	printf("%lu inputs\n", run);
	for (i = 0; (size_t)i < nfiles; i++)
		free(files[i]);
	return 0;
}
