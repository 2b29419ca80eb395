/* SPDX-License-Identifier: ISC */
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "domain/lock.h"
#include "domain/ring.h"
#include "wire/wire.h"
#include "tests/unit/base_help.h"

static char temp[64];

static int
enter(void **state)
{
	(void)state;
	help_temp_enter(temp);
	return 0;
}

static int
leave(void **state)
{
	(void)state;
	help_temp_leave(temp);
	return 0;
}

/* As somebody else holds it who wrote text into it. */
static int
hold(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static void
D07_a_console_that_xl_console_reads_is_not_taken(void **state)
{
	int other, fd = 99;

	(void)state;
	other = hold("xenconsole.7", "4711\n");
	assert_int_equal(lock_console(".", 7, &fd), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	assert_int_equal(fd, -1);
	/* xl console removes the name, then lets go. */
	assert_int_equal(unlink("xenconsole.7"), 0);
	close(other);
	assert_int_equal(lock_console(".", 7, &fd), 0);
	lock_console_release(".", 7, &fd);
	assert_int_equal(fd, -1);
	assert_int_equal(access("xenconsole.7", F_OK), -1);
}

static void
the_lock_of_a_gone_domain_goes_unless_another_has_it(void **state)
{
	int ours, other;

	(void)state;
	ours = hold("xenconsole.7", "vpsh\n");
	other = hold("xenconsole.8", "4711\n");
	lock_console_sweep(".", 7);
	lock_console_sweep(".", 8);
	lock_console_sweep(".", 9);
	lock_console_sweep("./there/is/none", 7);
	assert_int_equal(access("xenconsole.7", F_OK), -1);
	assert_int_equal(access("xenconsole.8", F_OK), 0);
	close(ours);
	close(other);
	lock_console_sweep(".", 8);
	assert_int_equal(access("xenconsole.8", F_OK), 0);
	other = hold("xenconsole.9", "");
	lock_console_sweep(".", 9);
	assert_int_equal(access("xenconsole.9", F_OK), 0);
	close(other);
	lock_console_sweep(".", 9);
	assert_int_equal(access("xenconsole.9", F_OK), -1);
}

static void
D07_xl_console_cannot_take_what_we_hold(void **state)
{
	int fd = -1, other;

	(void)state;
	assert_int_equal(lock_console(".", 7, &fd), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	other = open("xenconsole.7", O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	close(other);
	lock_console_release(".", 7, &fd);
}

/* The console server keeps its copy while the watcher is replaced. */
static void
who_is_at_a_console_is_seen_without_disturbing_it(void **state)
{
	int fd;

	(void)state;
	assert_false(lock_console_is_held(".", 6));
	assert_int_equal(access("xenconsole.6", F_OK), -1);
	assert_int_equal(lock_console(".", 6, &fd), 0);
	assert_true(lock_console_is_held(".", 6));
	/* Killed: its name is there, and nobody behind it. */
	close(fd);
	assert_false(lock_console_is_held(".", 6));
	assert_int_equal(lock_console(".", 6, &fd), 0);
	lock_console_release(".", 6, &fd);
	assert_false(lock_console_is_held(".", 6));
}

static bool
is_alice(void *arg, const char *customer)
{
	(void)arg;
	return strcmp(customer, "alice") == 0;
}

static void
count_gone(void *arg, const char *customer, const char *guest)
{
	size_t *count = arg;

	assert_string_equal(customer, "bob");
	assert_string_equal(guest, "web");
	(*count)++;
}

static void
a_ring_goes_with_its_customer_and_nothing_else_does(void **state)
{
	size_t count = 0;

	(void)state;
	close(ring_open("ring", "alice", "web"));
	close(ring_open("ring", "bob", "web"));
	close(open("ring/README", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	ring_forget("ring", is_alice, count_gone, &count);
	assert_int_equal(count, 1);
	assert_int_equal(access("ring/alice.web", F_OK), 0);
	assert_int_equal(access("ring/bob.web", F_OK), -1);
	assert_int_equal(access("ring/README", F_OK), 0);
	ring_forget("ring", is_alice, count_gone, &count);
	assert_int_equal(count, 1);
	ring_forget("no/such/folder", is_alice, count_gone, &count);
	unlink("ring/alice.web");
	unlink("ring/README");
}

static void
a_lock_of_an_earlier_watcher_is_taken_over(void **state)
{
	int fd = -1, copy, next = -1, other;

	(void)state;
	assert_int_equal(lock_console(".", 7, &fd), 0);
	copy = dup(fd);
	close(fd);
	assert_int_equal(lock_console(".", 7, &next), 0);
	other = open("xenconsole.7", O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	close(other);
	/* What is let go of late does not take the new one's name away. */
	lock_console_release(".", 7, &copy);
	assert_int_equal(access("xenconsole.7", F_OK), 0);
	lock_console_release(".", 7, &next);
	assert_int_equal(access("xenconsole.7", F_OK), -1);
}

static void
D07_a_file_of_another_user_is_nobody_at_the_console(void **state)
{
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	fd = open("xenconsole.7", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	assert_int_not_equal(fd, -1);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_true(lock_console_is_held(".", 7));
	assert_int_equal(fchown(fd, 65534, 65534), 0);
	assert_false(lock_console_is_held(".", 7));
	close(fd);
	assert_int_equal(unlink("xenconsole.7"), 0);
}

static void
a_lock_that_others_put_there_is_no_obstacle(void **state)
{
	struct stat st;
	int fd = -1;

	(void)state;
	assert_int_equal(symlink("/etc/shadow", "xenconsole.7"), 0);
	assert_int_equal(lock_console(".", 7, &fd), 0);
	assert_int_equal(lstat("xenconsole.7", &st), 0);
	assert_true(S_ISREG(st.st_mode));
	lock_console_release(".", 7, &fd);
	assert_int_equal(mkfifo("xenconsole.7", 0666), 0);
	assert_int_equal(lock_console(".", 7, &fd), 0);
	lock_console_release(".", 7, &fd);
}

static void
a_guest_has_one_worker_at_a_time(void **state)
{
	int fd, before;

	(void)state;
	fd = lock_guest(".", "alice-web", 1, false);
	assert_int_not_equal(fd, -1);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	before = help_count_fds();
	assert_int_equal(lock_guest(".", "alice-web", 1, false), -1);
	assert_int_equal(errno, EINTR);
	assert_int_equal(help_count_fds(), before);
	lock_guest_release(&fd);
	assert_int_equal(fd, -1);
	fd = lock_guest(".", "alice-web", 1, false);
	assert_int_not_equal(fd, -1);
	lock_guest_release(&fd);
}

static void
who_has_a_guests_lock_stands_in_it(void **state)
{
	char text[32], want[32];
	struct stat st;
	int fd;

	(void)state;
	fd = open("alice-web", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "99999999999\n", 12), 12);
	close(fd);
	fd = lock_guest(".", "alice-web", 1, false);
	memset(text, 0, sizeof(text));
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	assert_int_equal(text_format(want, sizeof(want), "%d\n",
	    (int)getpid()), 0);
	assert_string_equal(text, want);
	lock_guest_release(&fd);
	assert_int_equal(stat("alice-web", &st), 0);
	assert_int_equal(st.st_size, 0);
}

/* No worker, whatever the file says: nobody is killed. */
static void
a_guests_lock_is_broken_only_by_killing_a_worker(void **state)
{
	char own[32];
	const char *const said[] = { own, "", "x\n", "1\n", "0\n", "-1\n",
		"2147483648\n" };
	int fd, i;

	(void)state;
	assert_int_equal(text_format(own, sizeof(own), "%d\n",
	    (int)getpid()), 0);
	fd = lock_guest(".", "alice-web", 1, false);
	for (i = 0; i < 7; i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, said[i], strlen(said[i]), 0),
		    strlen(said[i]));
		assert_int_equal(lock_guest(".", "alice-web", 1, true), -1);
		assert_int_equal(errno, EINTR);
	}
	lock_guest_release(&fd);
}

static void
H05_a_lock_is_never_outside_its_folder(void **state)
{
	(void)state;
	assert_int_equal(lock_guest(".", "../alice", 1, false), -1);
	assert_int_equal(lock_guest(".", ".alice", 1, false), -1);
	assert_int_equal(lock_guest(".", "", 1, false), -1);
	assert_int_equal(ring_open(".", "..", "web"), -1);
	assert_int_equal(ring_open(".", "alice", "../web"), -1);
	assert_int_equal(ring_open(".", "alice", "w/b"), -1);
}

static void
a_ring_is_whole_private_and_kept(void **state)
{
	struct stat st;
	char byte = 0;
	int fd;

	(void)state;
	umask(0);
	fd = ring_open("ring", "alice", "web");
	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, WIRE_RING_BYTES);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(st.st_blocks * 512 >= WIRE_RING_BYTES);
	assert_int_equal(pwrite(fd, "x", 1, 4096), 1);
	close(fd);
	fd = ring_open("ring", "alice", "web");
	assert_int_equal(pread(fd, &byte, 1, 4096), 1);
	assert_int_equal(byte, 'x');
	close(fd);
	assert_int_equal(stat("ring", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	unlink("ring/alice.web");
}

static void
a_ring_of_a_guest_that_is_off_is_found_and_never_made(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(ring_open_old("ring", "alice", "off"), -1);
	fd = ring_open("ring", "alice", "off");
	assert_int_not_equal(fd, -1);
	close(fd);
	fd = ring_open_old("ring", "alice", "off");
	assert_int_not_equal(fd, -1);
	close(fd);
	assert_int_equal(truncate("ring/alice.off", 100), 0);
	assert_int_equal(ring_open_old("ring", "alice", "off"), -1);
	unlink("ring/alice.off");
	assert_int_equal(ring_open_old("ring", "alice", "../off"), -1);
	assert_int_equal(access("ring/alice.off", F_OK), -1);
}

static void
assert_new_ring(void)
{
	struct stat st;
	int fd = ring_open(".", "alice", "web");

	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, WIRE_RING_BYTES);
	assert_int_equal(st.st_nlink, 1);
	close(fd);
	assert_int_equal(lstat("alice.web", &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void
H12_a_ring_that_somebody_shortened_is_replaced(void **state)
{
	(void)state;
	assert_new_ring();
	assert_int_equal(truncate("alice.web", 100), 0);
	assert_new_ring();
	/* The size is right, the blocks are not there. */
	assert_int_equal(truncate("alice.web", 0), 0);
	assert_int_equal(truncate("alice.web", WIRE_RING_BYTES), 0);
	assert_new_ring();
}

static void
a_ring_is_never_a_link(void **state)
{
	int fd;

	(void)state;
	fd = open("victim", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "text", 4), 4);
	close(fd);
	assert_int_equal(symlink("victim", "alice.web"), 0);
	assert_new_ring();
	assert_int_equal(unlink("alice.web"), 0);
	assert_int_equal(link("victim", "alice.web"), 0);
	assert_new_ring();
	assert_int_equal(access("victim", F_OK), 0);
}

static void
full_disk(void)
{
	struct stat st;
	int fd;

	if (help_unshare(CLONE_NEWNS, 0) == -1 ||
	    mount("small", "/mnt", "tmpfs", 0, "size=256k") == -1)
		_exit(77);
	fd = ring_open("/mnt", "alice", "web");
	CHILD_ASSERT(fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
	CHILD_ASSERT(st.st_size == WIRE_RING_BYTES && st.st_nlink == 0);
	CHILD_ASSERT(pwrite(fd, "x", 1, WIRE_RING_BYTES - 1) == 1);
	CHILD_ASSERT(stat("/mnt/alice.web", &st) == -1);
}

static void
H12_on_a_full_file_system_a_ring_is_in_memory(void **state)
{
	char said[1024];
	int status;

	(void)state;
	status = help_in_child(full_disk, said, sizeof(said));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_non_null(strstr(said, "/mnt/alice.web cannot be made: No "));
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    the_lock_of_a_gone_domain_goes_unless_another_has_it,
		    enter, leave),
		cmocka_unit_test_setup_teardown(
		    D07_a_console_that_xl_console_reads_is_not_taken, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    D07_xl_console_cannot_take_what_we_hold, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_lock_of_an_earlier_watcher_is_taken_over, enter, leave),
		cmocka_unit_test_setup_teardown(
		    who_is_at_a_console_is_seen_without_disturbing_it, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    a_ring_goes_with_its_customer_and_nothing_else_does, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    D07_a_file_of_another_user_is_nobody_at_the_console,
		    enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_lock_that_others_put_there_is_no_obstacle, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_guest_has_one_worker_at_a_time, enter, leave),
		cmocka_unit_test_setup_teardown(
		    who_has_a_guests_lock_stands_in_it, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_guests_lock_is_broken_only_by_killing_a_worker, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    H05_a_lock_is_never_outside_its_folder, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_ring_is_whole_private_and_kept, enter, leave),
		cmocka_unit_test_setup_teardown(
		    a_ring_of_a_guest_that_is_off_is_found_and_never_made,
		    enter, leave),
		cmocka_unit_test_setup_teardown(
		    H12_a_ring_that_somebody_shortened_is_replaced, enter,
		    leave),
		cmocka_unit_test_setup_teardown(a_ring_is_never_a_link, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    H12_on_a_full_file_system_a_ring_is_in_memory, enter,
		    leave),
	};

	return cmocka_run_group_tests_name("domain_lock", tests, NULL, NULL);
}
