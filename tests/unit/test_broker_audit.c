/* SPDX-License-Identifier: ISC */
#include <sys/resource.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/broker_world.h"

static char text[2 << 20];

static void
read_file(const struct world *w, const char *name)
{
	char path[256];
	size_t len = 0;
	ssize_t n;
	int fd;

	assert_int_equal(text_format(path, sizeof(path), "%s/%s", w->dir,
			     name),
	    0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	assert_int_equal(n, 0);
	text[len] = '\0';
	close(fd);
}

static void
read_log(const struct world *w)
{
	read_file(w, "audit.jsonl");
}

static size_t
lines(void)
{
	size_t n = 0;
	const char *p;

	for (p = text; (p = strchr(p, '\n')) != NULL; p++)
		n++;
	return n;
}

static void
limit_file_size(rlim_t size)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
set_up(struct world *w)
{
	world_folder(w);
	assert_int_equal(audit_open(&w->b.audit, w->dir), 0);
}

/* A record that one can tell from all others. */
static int
put(struct world *w, int number)
{
	char guest[16];
	const struct audit_record r = { .event = "decided",
		.customer = "alice",
		.claim = "192.0.2.17 port 50122, a key called laptop",
		.verb = "destroy",
		.guest = guest,
		.domain = "alice-a-guest-with-a-long-name",
		.ref = "ABCDEFG",
		.verdict = "allow",
		.because = "alice/policy.conf:17: allow; plan basic",
		.ms = 123456 };

	assert_int_equal(text_format(guest, sizeof(guest), "n%d.", number), 0);
	return audit_write(&w->b.audit, &r);
}

/* Whole lines, these numbers in their order, and gaps where they are not. */
static int
check_order(int first, int64_t *lost)
{
	char *line, *next, *number;
	int expected = first;

	*lost = 0;
	for (line = text; *line != '\0'; line = next) {
		next = strchr(line, '\n');
		assert_non_null(next);
		*next++ = '\0';
		assert_memory_equal(line, "{\"time\":", 8);
		assert_int_equal(line[strlen(line) - 1], '}');
		assert_null(strstr(line + 1, "{\"time\":"));
		number = strstr(line, "\"lost\":");
		if (number != NULL) {
			assert_non_null(strstr(line, "\"event\":\"gap\""));
			*lost += atoi(number + strlen("\"lost\":"));
			expected += atoi(number + strlen("\"lost\":"));
			continue;
		}
		number = strstr(line, "\"guest\":\"n");
		assert_non_null(number);
		assert_int_equal(atoi(number + strlen("\"guest\":\"n")),
		    expected);
		expected++;
	}
	return expected;
}

static off_t
log_size(const struct world *w)
{
	struct stat st;

	assert_int_equal(fstat(w->b.audit.disk.log, &st), 0);
	return st.st_size;
}

/* A log that is longer than its reserve ever is. */
static int
fill_log(struct world *w)
{
	int n = 0;

	while (log_size(w) <= AUDIT_RESERVE_BYTES)
		assert_int_equal(put(w, n++), 0);
	return n;
}

static void
G01_whatever_was_written_stays_in_its_string(void **state)
{
	static struct world w;
	const struct audit_record r = { .event = "decided",
		.claim = "\"}\n{\"event\":\"forged\"",
		.verb = "start",
		.guest = "\x1b[2J\x9b\\\xff" };

	(void)state;
	world_folder(&w);
	assert_int_equal(audit_open(&w.b.audit, w.dir), 0);
	assert_int_equal(audit_write(&w.b.audit, &r), 0);
	read_log(&w);
	assert_int_equal(lines(), 1);
	assert_null(strstr(text, "{\"event\":\"forged\""));
	assert_null(strchr(text, '\x1b'));
	assert_non_null(strstr(text, "\"event\":\"decided\""));
}

static void
the_longest_record_is_one_whole_line(void **state)
{
	static struct world w;
	static char huge[5000];
	const struct audit_record r = { .event = "decided",
		.customer = huge,
		.claim = huge,
		.verb = huge,
		.how = huge,
		.guest = huge,
		.domain = huge,
		.ref = huge,
		.verdict = huge,
		.because = huge,
		.err = huge,
		.ms = INT64_MAX };

	(void)state;
	memset(huge, '\x01', sizeof(huge) - 1);
	world_folder(&w);
	assert_int_equal(audit_open(&w.b.audit, w.dir), 0);
	assert_int_equal(audit_write(&w.b.audit, &r), 0);
	read_log(&w);
	assert_int_equal(lines(), 1);
	assert_string_equal(text + strlen(text) - 2, "}\n");
}

static void
G04_what_a_full_log_cannot_take_waits_in_its_reserve(void **state)
{
	static struct world w;
	int64_t lost, mark;
	int n, i;

	(void)state;
	set_up(&w);
	n = fill_log(&w);
	assert_int_equal(audit_state(&w.b.audit), WIRE_AUDIT_FINE);
	mark = audit_mark(&w.b.audit);
	/* So full that a line is cut off, as on a full file system. */
	limit_file_size((rlim_t)log_size(&w) + 10);
	for (i = 0; i < 3; i++) {
		assert_int_equal(put(&w, n++), 0);
		assert_true(audit_mark(&w.b.audit) > mark);
		mark = audit_mark(&w.b.audit);
	}
	assert_int_equal(audit_state(&w.b.audit), WIRE_AUDIT_RESERVE);
	read_file(&w, "audit.reserve");
	assert_int_equal(lines(), 3);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(put(&w, n++), 0);
	assert_int_equal(audit_state(&w.b.audit), WIRE_AUDIT_FINE);
	assert_int_equal(audit_lost(&w.b.audit), 0);
	read_log(&w);
	assert_int_equal(check_order(0, &lost), n);
	assert_int_equal(lost, 0);
	read_file(&w, "audit.reserve");
	assert_int_equal(text[0], '\0');
}

static void
G04_the_reserve_holds_what_a_minute_of_destroy_needs(void **state)
{
	static struct world w;
	int n, kept = 0;

	(void)state;
	set_up(&w);
	n = fill_log(&w);
	limit_file_size((rlim_t)log_size(&w));
	while (put(&w, n++) == 0)
		kept++;
	assert_int_equal(audit_state(&w.b.audit), WIRE_AUDIT_LOST);
	/* Each is two records; and 5 a second is more than a host can. */
	assert_in_range(kept, 2 * 5 * 60, 5000);
	limit_file_size(RLIM_INFINITY);
}

static void
G04_what_found_no_room_anywhere_is_counted_in_its_place(void **state)
{
	static struct world w;
	int64_t lost;
	int n, i;

	(void)state;
	set_up(&w);
	n = fill_log(&w);
	limit_file_size((rlim_t)log_size(&w) + 100);
	while (put(&w, n++) == 0)
		continue;
	/* That one was the first to wait. */
	for (i = 1; i < AUDIT_WAITING_MAX + 7; i++)
		assert_int_equal(put(&w, n++), -1);
	assert_int_equal(audit_lost(&w.b.audit), 7);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(put(&w, n++), 0);
	assert_int_equal(audit_state(&w.b.audit), WIRE_AUDIT_FINE);
	read_log(&w);
	assert_int_equal(check_order(0, &lost), n);
	assert_int_equal(lost, 7);
	assert_int_equal(audit_lost(&w.b.audit), 7);
}

static void
G04_it_is_made_good_without_another_record(void **state)
{
	static struct world w;
	struct timeval when, now;
	int64_t lost;

	(void)state;
	set_up(&w);
	w.b.base = event_base_new();
	assert_non_null(w.b.base);
	assert_int_equal(audit_start(&w.b.audit, w.b.base), 0);
	limit_file_size(0);
	assert_int_equal(put(&w, 0), -1);
	assert_int_equal(put(&w, 1), -1);
	limit_file_size(RLIM_INFINITY);
	assert_true(evtimer_pending(w.b.audit.retry, &when));
	event_base_gettimeofday_cached(w.b.base, &now);
	assert_in_range(when.tv_sec - now.tv_sec, 0, 6);
	event_active(w.b.audit.retry, EV_TIMEOUT, 0);
	world_loop(&w);
	assert_int_equal(audit_state(&w.b.audit), WIRE_AUDIT_FINE);
	assert_false(evtimer_pending(w.b.audit.retry, NULL));
	read_log(&w);
	assert_int_equal(check_order(0, &lost), 2);
	assert_int_equal(lost, 0);
}

/* What the log is when its predecessor has left that, and one more record. */
static void
succeed(struct world *w, const char *log, const char *reserve)
{
	world_folder(w);
	world_write(w, "audit.jsonl", log);
	world_write(w, "audit.reserve", reserve);
	assert_int_equal(audit_open(&w->b.audit, w->dir), 0);
	assert_int_equal(put(w, 9), 0);
	read_log(w);
}

#define A "{\"time\":\"x\",\"guest\":\"n7.\"}\n"
#define B "{\"time\":\"x\",\"guest\":\"n8.\"}\n"

static void
a_successor_takes_the_reserve_over_first_and_once(void **state)
{
	static const char *const logs[] = { "", A, A "{\"time\":\"x\",\"gu",
		A B };
	static struct world w;
	int64_t lost;
	size_t i;

	(void)state;
	/* Wherever the predecessor was when it was killed. */
	for (i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		succeed(&w, logs[i], A B);
		assert_int_equal(check_order(7, &lost), 10);
		assert_int_equal(lost, 0);
		read_file(&w, "audit.reserve");
		assert_int_equal(text[0], '\0');
	}
}

static void
half_a_record_never_becomes_part_of_another(void **state)
{
	static struct world w;

	(void)state;
	succeed(&w, A "{\"time\":\"half", B "{\"time\":\"qu");
	assert_int_equal(lines(), 5);
	assert_non_null(strstr(text, A "{\"time\":\"half\n" B
		"{\"time\":\"qu\n{"));
	succeed(&w, "{\"time\":\"half", "");
	assert_int_equal(lines(), 2);
	assert_non_null(strstr(text, "half\n{"));
}

static void
a_reserve_that_was_being_emptied_is_empty(void **state)
{
	static struct world w;
	char path[256];
	int64_t lost;
	int fd, n;

	(void)state;
	set_up(&w);
	assert_int_equal(text_format(path, sizeof(path), "%s/audit.reserve",
			     w.dir),
	    0);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, B, strlen(B), 4096), strlen(B));
	close(fd);
	assert_int_equal(audit_open(&w.b.audit, w.dir), 0);
	n = fill_log(&w);
	limit_file_size((rlim_t)log_size(&w));
	while (put(&w, n) == 0 && w.b.audit.disk.used < 8192)
		n++;
	limit_file_size(RLIM_INFINITY);
	n++;
	assert_int_equal(put(&w, n++), 0);
	read_log(&w);
	assert_int_equal(check_order(0, &lost), n);
}

/* A log whose disk hangs: a pipe that is full, for the same write(2). */
static int
hang_disk(struct world *w)
{
	static const char full[65536];
	int pair[2];

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(write(pair[1], full, sizeof(full)), sizeof(full));
	assert_int_equal(dup2(pair[1], w->b.audit.disk.log),
	    w->b.audit.disk.log);
	close(pair[1]);
	return pair[0];
}

static void
H16_a_disk_that_hangs_does_not_hold_up_the_loop(void **state)
{
	static struct world w;
	int64_t begin, lost;
	size_t n = 0;
	int fd, i;

	(void)state;
	set_up(&w);
	w.b.base = event_base_new();
	assert_non_null(w.b.base);
	assert_int_equal(audit_start(&w.b.audit, w.b.base), 0);
	fd = hang_disk(&w);
	begin = clock_ms();
	assert_int_equal(put(&w, 0), -1);
	assert_in_range(clock_ms() - begin, 0, 2000);
	assert_int_equal(audit_state(&w.b.audit), WIRE_AUDIT_LOST);
	/* From then on it is known to. */
	begin = clock_ms();
	for (i = 1; i < 100; i++)
		assert_int_equal(put(&w, i), -1);
	world_loop(&w);
	assert_in_range(clock_ms() - begin, 0, 400);
	/* It answers again: all of them, in their order. */
	for (i = 0; i < 65536; i += 4096)
		assert_int_equal(read(fd, text, 4096), 4096);
	for (i = 0; i < 500 && audit_state(&w.b.audit) != WIRE_AUDIT_FINE; i++)
		event_base_loop(w.b.base, EVLOOP_ONCE);
	assert_int_equal(audit_state(&w.b.audit), WIRE_AUDIT_FINE);
	assert_int_equal(put(&w, 100), 0);
	n = (size_t)read(fd, text, sizeof(text) - 1);
	assert_in_range(n, 1, sizeof(text) - 1);
	text[n] = '\0';
	assert_int_equal(check_order(0, &lost), 101);
	assert_int_equal(lost, 0);
}

static void
without_a_reserve_there_is_a_log_all_the_same(void **state)
{
	static struct world w;
	char path[256];

	(void)state;
	world_folder(&w);
	assert_int_equal(text_format(path, sizeof(path), "%s/audit.reserve",
			     w.dir),
	    0);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(audit_open(&w.b.audit, w.dir), 0);
	assert_int_equal(put(&w, 0), 0);
	limit_file_size(0);
	assert_int_equal(put(&w, 1), -1);
	assert_int_equal(audit_state(&w.b.audit), WIRE_AUDIT_LOST);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(put(&w, 2), 0);
	read_log(&w);
	assert_int_equal(lines(), 3);
}

static void
a_log_that_is_a_link_or_a_fifo_is_not_opened(void **state)
{
	static struct world w;
	char path[256];

	(void)state;
	world_folder(&w);
	assert_int_equal(text_format(path, sizeof(path), "%s/audit.jsonl",
			     w.dir),
	    0);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(audit_open(&w.b.audit, w.dir), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(audit_open(&w.b.audit, w.dir), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(G01_whatever_was_written_stays_in_its_string),
		cmocka_unit_test(the_longest_record_is_one_whole_line),
		cmocka_unit_test(
		    G04_what_a_full_log_cannot_take_waits_in_its_reserve),
		cmocka_unit_test(
		    G04_the_reserve_holds_what_a_minute_of_destroy_needs),
		cmocka_unit_test(
		    G04_what_found_no_room_anywhere_is_counted_in_its_place),
		cmocka_unit_test(G04_it_is_made_good_without_another_record),
		cmocka_unit_test(
		    a_successor_takes_the_reserve_over_first_and_once),
		cmocka_unit_test(half_a_record_never_becomes_part_of_another),
		cmocka_unit_test(a_reserve_that_was_being_emptied_is_empty),
		cmocka_unit_test(
		    H16_a_disk_that_hangs_does_not_hold_up_the_loop),
		cmocka_unit_test(
		    without_a_reserve_there_is_a_log_all_the_same),
		cmocka_unit_test(a_log_that_is_a_link_or_a_fifo_is_not_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
