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

#include "tests/unit/broker_world.h"

static char log_text[65536];

static void
read_log(const struct world *w)
{
	char path[256];
	ssize_t n;
	int fd;

	assert_int_equal(text_format(path, sizeof(path), "%s/audit.jsonl",
			     w->dir),
	    0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	n = read(fd, log_text, sizeof(log_text) - 1);
	assert_true(n >= 0);
	log_text[n] = '\0';
	close(fd);
}

static size_t
lines(void)
{
	size_t n = 0;
	const char *p;

	for (p = log_text; (p = strchr(p, '\n')) != NULL; p++)
		n++;
	return n;
}

static void
limit_file_size(rlim_t size)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
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
	assert_null(strstr(log_text, "{\"event\":\"forged\""));
	assert_null(strchr(log_text, '\x1b'));
	assert_non_null(strstr(log_text, "\"event\":\"decided\""));
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
	assert_string_equal(log_text + strlen(log_text) - 2, "}\n");
}

static void
G04_a_full_log_is_said_and_the_gap_is_recorded(void **state)
{
	static struct world w;
	const struct audit_record before = { .event = "login" };
	const struct audit_record lost = { .event = "decided" };
	const struct audit_record after = { .event = "logout" };
	size_t size;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	world_folder(&w);
	assert_int_equal(audit_open(&w.b.audit, w.dir), 0);
	assert_int_equal(audit_write(&w.b.audit, &before), 0);
	read_log(&w);
	size = strlen(log_text);
	/* So full that a line is cut off, as on a full file system. */
	limit_file_size(size + 10);
	assert_int_equal(audit_write(&w.b.audit, &lost), -1);
	assert_int_equal(audit_write(&w.b.audit, &lost), -1);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(audit_write(&w.b.audit, &after), 0);
	read_log(&w);
	assert_int_equal(lines(), 4);
	assert_non_null(strstr(log_text, "\"event\":\"gap\",\"lost\":2"));
	assert_null(strstr(log_text, "decided"));
	assert_non_null(strstr(log_text, "\n{\"time\":"));
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
		    G04_a_full_log_is_said_and_the_gap_is_recorded),
		cmocka_unit_test(a_log_that_is_a_link_or_a_fifo_is_not_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
