/* SPDX-License-Identifier: ISC */
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/log.h"
#include "tests/unit/base_help.h"

/*
 * A /dev of our own, so that the tests can be its log service.  Returns -1
 * where the kernel does not allow that.
 */
static int
own_dev(void)
{
	static int done;

	if (done == 0)
		done = help_unshare(CLONE_NEWNS, 0) == 0 &&
			mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ==
			    0 &&
			mount("none", "/dev", "tmpfs", 0, NULL) == 0 ?
		    1 :
		    -1;
	return done == 1 ? 0 : -1;
}

static int
listen_dev_log(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = "/dev/log" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	unlink(sun.sun_path);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		fd_close(&fd);
	return fd;
}

static void
assert_received(int fd, const char *expected)
{
	char line[4096];
	ssize_t n = recv(fd, line, sizeof(line) - 1, 0);

	assert_true(n >= 0);
	line[n] = '\0';
	assert_string_equal(line, expected);
}

static void
lines_reach_the_log_service_as_rfc3164(void **state)
{
	char expected[128];
	int fd;

	(void)state;
	if (own_dev() == -1)
		skip();
	fd = listen_dev_log();
	assert_int_not_equal(fd, -1);
	log_open("vpsh-test", 0);
	assert_int_equal(log_to_stderr(), 0);
	assert_int_not_equal(log_fd(), -1);
	assert_int_equal(fcntl(log_fd(), F_GETFD), FD_CLOEXEC);
	log_error("%s is %d", "one", 1);
	/* daemon is 3 << 3; error 3, warning 4, info 6, debug 7 */
	snprintf(expected, sizeof(expected), "<27>vpsh-test[%ld]: one is 1",
	    (long)getpid());
	assert_received(fd, expected);
	log_warn("w");
	snprintf(expected, sizeof(expected), "<28>vpsh-test[%ld]: w",
	    (long)getpid());
	assert_received(fd, expected);
	log_info("i");
	log_debug("d");
	snprintf(expected, sizeof(expected), "<30>vpsh-test[%ld]: i",
	    (long)getpid());
	assert_received(fd, expected);
	snprintf(expected, sizeof(expected), "<31>vpsh-test[%ld]: d",
	    (long)getpid());
	assert_received(fd, expected);
	fd_close(&fd);
}

static void
G01_hostile_text_stays_one_escaped_line(void **state)
{
	char expected[128];
	int fd;

	(void)state;
	if (own_dev() == -1)
		skip();
	fd = listen_dev_log();
	log_open("vpsh-test", 0);
	log_info("name %s", "a\n<0>root: \x1b[2J\xff");
	snprintf(expected, sizeof(expected),
	    "<30>vpsh-test[%ld]: name a\\x0a<0>root: \\x1b[2J\\xff",
	    (long)getpid());
	assert_received(fd, expected);
	fd_close(&fd);
}

static void
errno_survives_and_percent_m_sees_it(void **state)
{
	char expected[128];
	int fd;

	(void)state;
	if (own_dev() == -1)
		skip();
	fd = listen_dev_log();
	log_open("vpsh-test", 0);
	errno = ENOTTY;
	log_info("%m");
	assert_int_equal(errno, ENOTTY);
	snprintf(expected, sizeof(expected), "<30>vpsh-test[%ld]: %s",
	    (long)getpid(), strerror(ENOTTY));
	assert_received(fd, expected);
	fd_close(&fd);
	unlink("/dev/log");
	errno = ENOTTY;
	log_info("nobody hears this");
	assert_int_equal(errno, ENOTTY);
}

static void
G04_returning_log_service_hears_how_many_were_lost(void **state)
{
	char expected[128];
	int fd, i;

	(void)state;
	if (own_dev() == -1)
		skip();
	fd = listen_dev_log();
	log_open("vpsh-test", 0);
	log_info("before");
	recv(fd, expected, sizeof(expected), 0);
	/* An earlier test may have lost lines of its own. */
	while (recv(fd, expected, sizeof(expected), 0) > 0)
		continue;
	fd_close(&fd);
	for (i = 0; i < 3; i++)
		log_info("lost %d", i);
	fd = listen_dev_log();
	log_info("after");
	snprintf(expected, sizeof(expected),
	    "<28>vpsh-test[%ld]: 3 log lines were lost here", (long)getpid());
	assert_received(fd, expected);
	snprintf(expected, sizeof(expected), "<30>vpsh-test[%ld]: after",
	    (long)getpid());
	assert_received(fd, expected);
	fd_close(&fd);
}

static void
G04_full_queue_never_blocks_and_is_counted(void **state)
{
	char line[256], expected[128];
	int fd, i, heard = 0;
	ssize_t n = 0;

	(void)state;
	if (own_dev() == -1)
		skip();
	fd = listen_dev_log();
	log_open("vpsh-test", 0);
	log_info("first");
	while (recv(fd, line, sizeof(line), 0) > 0)
		continue;
	for (i = 0; i < 5000; i++)
		log_info("line %d", i);
	while ((n = recv(fd, line, sizeof(line), 0)) > 0)
		heard++;
	assert_in_range(heard, 1, 4999);
	log_info("last");
	snprintf(expected, sizeof(expected),
	    "<28>vpsh-test[%ld]: %d log lines were lost here", (long)getpid(),
	    5000 - heard);
	assert_received(fd, expected);
	snprintf(expected, sizeof(expected), "<30>vpsh-test[%ld]: last",
	    (long)getpid());
	assert_received(fd, expected);
	fd_close(&fd);
}

static void
say_two_lines(void)
{
	log_open("vpsh-test", 1);
	log_info("one %d", 1);
	log_warn("two\n");
}

static void
lines_go_to_standard_error_when_told_so(void **state)
{
	char said[256];

	(void)state;
	assert_int_equal(help_in_child(say_two_lines, said, sizeof(said)), 0);
	assert_string_equal(said, "vpsh-test: one 1\nvpsh-test: two\\x0a\n");
}

static void
fill_standard_error(void)
{
	int ends[2], i;
	char byte;

	if (pipe2(ends, O_CLOEXEC) == -1)
		_exit(2);
	dup2(ends[1], STDERR_FILENO);
	log_open("vpsh-test", 1);
	/* Nobody reads: it must come to an end all the same. */
	for (i = 0; i < 5000; i++)
		log_info("a line of some length to fill a pipe with, %d", i);
	if (read(ends[0], &byte, 1) != 1)
		_exit(3);
}

static void
G04_reader_of_standard_error_who_stopped_does_not_stop_us(void **state)
{
	char said[64];

	(void)state;
	assert_int_equal(help_in_child(fill_standard_error, said, sizeof(said)),
	    0);
}

static void
say_long_lines(void)
{
	static char text[100000];

	memset(text, 'a', sizeof(text) - 1);
	log_open("vpsh-test", 1);
	log_info("%s", text);
	memset(text, 0x1b, sizeof(text) - 1);
	log_info("%s", text);
}

static void
G01_long_lines_are_cut(void **state)
{
	char said[8192], *end;

	(void)state;
	assert_int_equal(help_in_child(say_long_lines, said, sizeof(said)), 0);
	end = strchr(said, '\n');
	assert_non_null(end);
	assert_in_range(end - said, 500, PIPE_BUF);
	assert_non_null(strchr(end + 1, '\n'));
	assert_in_range(strlen(end + 1), 500, PIPE_BUF);
}

static void
die_by_the_log(void)
{
	log_open("vpsh-test", 0);
	errno = ENOENT;
	fatal("cannot go on: %m");
}

static void
fatal_is_also_heard_on_standard_error(void **state)
{
	char said[256];
	int status;

	(void)state;
	status = help_in_child(die_by_the_log, said, sizeof(said));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_string_equal(said,
	    "vpsh-test: cannot go on: No such file or directory\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_reach_the_log_service_as_rfc3164),
		cmocka_unit_test(G01_hostile_text_stays_one_escaped_line),
		cmocka_unit_test(errno_survives_and_percent_m_sees_it),
		cmocka_unit_test(
		    G04_returning_log_service_hears_how_many_were_lost),
		cmocka_unit_test(G04_full_queue_never_blocks_and_is_counted),
		cmocka_unit_test(lines_go_to_standard_error_when_told_so),
		cmocka_unit_test(
		    G04_reader_of_standard_error_who_stopped_does_not_stop_us),
		cmocka_unit_test(G01_long_lines_are_cut),
		cmocka_unit_test(fatal_is_also_heard_on_standard_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
