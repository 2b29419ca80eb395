/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/text.h"
#include "broker/slots.h"

#define SMALL	4
#define WORDS	50

struct small {
	uint64_t number;
};

/* All words of it are equal, or it is two halves of two records. */
struct large {
	uint64_t words[WORDS];
};

static char dir[128];
static char path[160];

static bool
small_is_sane(const void *record)
{
	const struct small *s = record;

	return s->number < 1000;
}

static bool
large_is_sane(const void *record)
{
	const struct large *l = record;
	int i;

	for (i = 1; i < WORDS; i++)
		if (l->words[i] != l->words[0])
			return false;
	return true;
}

static const struct slots_table tables[SLOTS_TABLES] = {
	{ SMALL, sizeof(struct small), small_is_sane },
	{ 3, sizeof(struct large), large_is_sane },
	{ 1, sizeof(struct small), small_is_sane },
};

static int
set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	log_open("test", 1);
	if (text_format(dir, sizeof(dir), "%s/vpsh-unit-XXXXXX",
		tmp != NULL ? tmp : "/tmp") == -1 ||
	    mkdtemp(dir) == NULL)
		return -1;
	return text_format(path, sizeof(path), "%s/slots", dir);
}

static int
tear_down(void **state)
{
	char bad[200];

	(void)state;
	assert_int_equal(text_format(bad, sizeof(bad), "%s.bad", path), 0);
	(void)unlink(bad);
	(void)unlink(path);
	return rmdir(dir);
}

static void
reopen(struct slots *s)
{
	slots_close(s);
	assert_int_equal(slots_open(s, tables, 7, dir, "slots"), 0);
}

static bool
is_put_aside(void)
{
	char bad[200];

	assert_int_equal(text_format(bad, sizeof(bad), "%s.bad", path), 0);
	return unlink(bad) == 0;
}

static void
what_was_put_is_there_for_the_next_one(void **state)
{
	struct small in = { 0 }, out;
	struct slots s = { 0 };
	int slots[SMALL + 1], i;

	(void)state;
	reopen(&s);
	for (i = 0; i < SMALL; i++) {
		slots[i] = -1;
		in.number = (uint64_t)i;
		assert_int_equal(slots_put(&s, 0, &slots[i], &in), 0);
	}
	slots[SMALL] = -1;
	assert_int_equal(slots_put(&s, 0, &slots[SMALL], &in), -1);
	assert_int_equal(slots[SMALL], -1);
	for (i = 0; i < 9; i++) {
		in.number = (uint64_t)(100 + i);
		assert_int_equal(slots_put(&s, 0, &slots[2], &in), 0);
		reopen(&s);
		assert_true(slots_get(&s, 0, slots[2], &out));
		assert_int_equal(out.number, in.number);
	}
	i = slots[1];
	slots_drop(&s, 0, &slots[1]);
	assert_int_equal(slots[1], -1);
	reopen(&s);
	assert_false(slots_get(&s, 0, i, &out));
	assert_true(slots_get(&s, 0, slots[3], &out));
	assert_int_equal(out.number, 3);
	assert_int_equal(slots_put(&s, 0, &slots[SMALL], &in), 0);
	assert_int_equal(slots[SMALL], i);
	assert_false(is_put_aside());
	slots_close(&s);
}

/* In a child, until it is killed. */
static void
write_for_ever(const volatile uint64_t *from, volatile uint64_t *written)
{
	struct slots s = { 0 };
	struct large l;
	uint64_t n = *from;
	int slot = 1, i;

	if (slots_open(&s, tables, 7, dir, "slots") == -1)
		_exit(1);
	for (;;) {
		n++;
		for (i = 0; i < WORDS; i++)
			l.words[i] = n;
		(void)slots_put(&s, 1, &slot, &l);
		*written = n;
		if (n % 5 != 0)
			continue;
		slots_drop(&s, 1, &slot);
		slot = 1;
	}
}

static void
a_writer_may_be_killed_at_any_moment(void **state)
{
	volatile uint64_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct slots s = { 0 };
	struct large l;
	uint64_t until;
	pid_t pid;
	int i;

	(void)state;
	assert_ptr_not_equal(shared, MAP_FAILED);
	reopen(&s);
	slots_close(&s);
	for (i = 0; i < 300; i++) {
		shared[0] = shared[1];
		until = shared[1] + 1 + (uint64_t)(rand() % 50);
		pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0)
			write_for_ever(&shared[0], &shared[1]);
		while (shared[1] < until)
			(void)sched_yield();
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		reopen(&s);
		assert_false(is_put_aside());
		/* The newest, or the one that was being put; or neither. */
		if (slots_get(&s, 1, 1, &l))
			assert_in_range(l.words[0], shared[1],
			    shared[1] + 1);
		else
			assert_int_equal(shared[1] % 5, 0);
		slots_close(&s);
	}
}

static char *
contents(size_t *len)
{
	struct stat st;
	char *text;
	int fd = open(path, O_RDONLY);

	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	text = malloc(*len);
	assert_non_null(text);
	assert_int_equal(read(fd, text, *len), *len);
	close(fd);
	return text;
}

static void
replace(const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	/* No fsync as in file_replace(): thousands of them take a minute. */
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

/* The three that are in it; or nothing at all, and it was put aside. */
static bool
is_whole_or_refused(struct slots *s)
{
	struct small a, b;
	struct large l;
	bool first, second, third;

	reopen(s);
	first = slots_get(s, 0, 0, &a);
	second = slots_get(s, 0, 1, &b);
	third = slots_get(s, 1, 0, &l);
	if (is_put_aside())
		return !first && !second && !third;
	return first && second && third && a.number == 11 &&
	    b.number == 12 && l.words[0] == 13;
}

static void
a_file_that_any_byte_was_changed_of_is_refused_whole(void **state)
{
	const struct small a = { 11 }, b = { 12 };
	struct slots s = { 0 };
	struct large l;
	int slots[3] = { -1, -1, -1 };
	size_t len, at;
	char *text;
	int i;

	(void)state;
	for (i = 0; i < WORDS; i++)
		l.words[i] = 13;
	reopen(&s);
	assert_int_equal(slots_put(&s, 0, &slots[0], &b), 0);
	assert_int_equal(slots_put(&s, 0, &slots[0], &a), 0);
	assert_int_equal(slots_put(&s, 0, &slots[1], &b), 0);
	assert_int_equal(slots_put(&s, 1, &slots[2], &l), 0);
	slots_close(&s);
	text = contents(&len);
	for (at = 0; at < len; at++) {
		char was = text[at];

		/* Nothing of ours stands between the head and the slots. */
		if (at >= 200 && at < 4096)
			continue;
		text[at] = (char)(was ^ (1 << (rand() % 8)));
		replace(text, len);
		assert_true(is_whole_or_refused(&s));
		text[at] = was;
	}
	replace(text, len);
	reopen(&s);
	assert_false(is_put_aside());
	slots_close(&s);
	free(text);
}

static void
a_file_of_another_kind_is_refused(void **state)
{
	const struct small in = { 11 };
	struct slots s = { 0 };
	struct small out;
	size_t len, cut;
	int slot = -1;
	char *text;

	(void)state;
	reopen(&s);
	assert_int_equal(slots_put(&s, 0, &slot, &in), 0);
	slots_close(&s);
	text = contents(&len);
	for (cut = 0; cut < len; cut += 97) {
		replace(text, cut);
		reopen(&s);
		assert_false(slots_get(&s, 0, slot, &out));
		assert_true(is_put_aside());
	}
	/* Of another version, and who else might write to it. */
	replace(text, len);
	slots_close(&s);
	assert_int_equal(slots_open(&s, tables, 8, dir, "slots"), 0);
	assert_false(slots_get(&s, 0, slot, &out));
	assert_true(is_put_aside());
	replace(text, len);
	assert_int_equal(chmod(path, 0660), 0);
	reopen(&s);
	assert_false(slots_get(&s, 0, slot, &out));
	assert_true(is_put_aside());
	/* A link is not followed. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	reopen(&s);
	assert_true(is_put_aside());
	slots_close(&s);
	free(text);
}

static void
without_a_folder_it_is_memory(void **state)
{
	const struct small in = { 11 };
	struct slots s = { 0 };
	struct small out;
	int slot = -1;

	(void)state;
	assert_int_equal(slots_open(&s, tables, 7, NULL, NULL), 0);
	assert_int_equal(slots_put(&s, 0, &slot, &in), 0);
	assert_true(slots_get(&s, 0, slot, &out));
	slots_close(&s);
	assert_int_equal(slots_open(&s, tables, 7, "/no/such/folder", "x"),
	    0);
	slot = -1;
	assert_int_equal(slots_put(&s, 0, &slot, &in), 0);
	assert_true(slots_get(&s, 0, slot, &out));
	slots_close(&s);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_put_is_there_for_the_next_one),
		TEST(a_writer_may_be_killed_at_any_moment),
		TEST(a_file_that_any_byte_was_changed_of_is_refused_whole),
		TEST(a_file_of_another_kind_is_refused),
		TEST(without_a_folder_it_is_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
