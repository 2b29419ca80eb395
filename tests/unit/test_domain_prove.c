/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/holder.h"
#include "domain/prove.h"
#include "tests/unit/base_help.h"

/*
 * A child of ours plays xenconsoled: it holds masters, and the test proves
 * their slaves.  Its program is this test's own.
 */
#define DAEMON		"test_domain_"

struct daemon {
	pid_t	pid;
	int	control;	/* closing it ends the child */
	unsigned index[3];
};

static void
serve(int control)
{
	unsigned index;
	char order;
	int masters[64], n = 0, k;

	/* 'o' opens one and answers its number, 'c' closes the last. */
	while (read(control, &order, 1) == 1) {
		index = 0;
		if (order == 'o') {
			k = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
			if (k == -1 || unlockpt(k) == -1 ||
			    ioctl(k, TIOCGPTN, &index) == -1)
				_exit(1);
			masters[n++] = k;
		} else if (n > 0)
			close(masters[--n]);
		if (write(control, &index, sizeof(index)) == -1)
			_exit(1);
	}
	_exit(0);
}

static unsigned
order(struct daemon *daemon, char what)
{
	unsigned index = 0;

	assert_int_equal(write(daemon->control, &what, 1), 1);
	assert_int_equal(read(daemon->control, &index, sizeof(index)),
	    sizeof(index));
	return index;
}

static void
start(struct daemon *daemon, int ttys)
{
	int pair[2], i;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    pair), 0);
	daemon->pid = fork();
	assert_int_not_equal(daemon->pid, -1);
	if (daemon->pid == 0) {
		close(pair[0]);
		serve(pair[1]);
	}
	close(pair[1]);
	daemon->control = pair[0];
	for (i = 0; i < ttys; i++)
		daemon->index[i] = order(daemon, 'o');
}

static void
end(struct daemon *daemon)
{
	int status;

	close(daemon->control);
	assert_int_equal(waitpid(daemon->pid, &status, 0), daemon->pid);
}

static const char *
path_of(unsigned index)
{
	static char path[32];

	snprintf(path, sizeof(path), "/dev/pts/%u", index);
	return path;
}

static void
assert_refused(const char *path, const struct holder *holder,
    enum proof proof)
{
	int fd = 99, before = help_count_fds();

	assert_int_equal(prove_open(path, geteuid(), holder, &fd), proof);
	assert_int_equal(fd, -1);
	assert_int_equal(help_count_fds(), before);
}

static void
a_tty_of_the_daemon_is_proven(void **state)
{
	struct holder holder = HOLDER_NONE;
	struct daemon daemon;
	int fd = -1;

	(void)state;
	start(&daemon, 2);
	assert_int_equal(holder_take(&holder, daemon.pid, DAEMON), 0);
	assert_int_equal(prove_open(path_of(daemon.index[1]), geteuid(),
	    &holder, &fd), PROOF_OK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	close(fd);
	holder_release(&holder);
	end(&daemon);
}

static void
D01_what_is_no_path_of_a_pty_is_not_even_opened(void **state)
{
	static const char *const paths[] = { "", "/etc/shadow", "/dev/mem",
		"/dev/tty", "/dev/ptmx", "/dev/pts/ptmx", "/dev/pts/",
		"/dev/pts", "/dev/pts/../mem", "/dev/pts/1/", "/dev/pts/01",
		"/dev/pts/-1", "/dev/pts/+1", "/dev/pts/0x1", "/dev/pts/1 ",
		" /dev/pts/1", "/dev/pts/1\n", "/dev/pts//1", "dev/pts/1",
		"/dev/pts/99999999999999999999", "/proc/self/fd/0" };
	struct holder holder = HOLDER_NONE;
	struct daemon daemon;
	size_t i;

	(void)state;
	start(&daemon, 1);
	assert_int_equal(holder_take(&holder, daemon.pid, DAEMON), 0);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_refused(paths[i], &holder, PROOF_PATH);
	assert_refused("/dev/pts/1048575", &holder, PROOF_OPEN);
	holder_release(&holder);
	end(&daemon);
}

static void
D01_the_pty_of_another_process_is_refused(void **state)
{
	struct holder holder = HOLDER_NONE;
	struct daemon daemon, admin;

	(void)state;
	start(&daemon, 1);
	start(&admin, 1);
	assert_int_equal(holder_take(&holder, daemon.pid, DAEMON), 0);
	assert_refused(path_of(admin.index[0]), &holder, PROOF_HOLDER);
	holder_release(&holder);
	end(&admin);
	end(&daemon);
}

static void
D01_the_pty_of_another_user_is_refused(void **state)
{
	struct holder holder = HOLDER_NONE;
	struct daemon daemon;
	int fd = 99;

	(void)state;
	start(&daemon, 1);
	assert_int_equal(holder_take(&holder, daemon.pid, DAEMON), 0);
	assert_int_equal(prove_open(path_of(daemon.index[0]), geteuid() + 1,
	    &holder, &fd), PROOF_OWNER);
	assert_int_equal(fd, -1);
	holder_release(&holder);
	end(&daemon);
}

/* The daemon is gone, its number is an administrator's login by now. */
static void
H01_a_number_that_was_given_out_again_is_refused(void **state)
{
	struct holder holder = HOLDER_NONE, admin_holder = HOLDER_NONE;
	struct daemon daemon, admin;
	unsigned stale;

	(void)state;
	start(&daemon, 1);
	start(&admin, 0);
	assert_int_equal(holder_take(&holder, daemon.pid, DAEMON), 0);
	assert_int_equal(holder_take(&admin_holder, admin.pid, DAEMON), 0);
	stale = daemon.index[0];
	order(&daemon, 'c');
	/* Others on this machine open ptys, too: try until we get it. */
	for (int i = 0; i < 60 && order(&admin, 'o') != stale; i++)
		continue;
	if (holder_has_master(&admin_holder, stale)) {
		assert_refused(path_of(stale), &holder, PROOF_HOLDER);
		assert_true(holder_alive(&holder));
	} else
		skip();
	holder_release(&holder);
	holder_release(&admin_holder);
	end(&admin);
	end(&daemon);
}

static void
H01_a_dead_daemon_proves_nothing(void **state)
{
	struct holder holder = HOLDER_NONE;
	struct daemon daemon;
	unsigned *masters = (unsigned *)state;
	size_t n = 9;
	int slave, status;

	start(&daemon, 1);
	assert_int_equal(holder_take(&holder, daemon.pid, DAEMON), 0);
	/* Keeps the number from being given out again. */
	slave = open(path_of(daemon.index[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_int_not_equal(slave, -1);
	assert_true(holder_alive(&holder));
	kill(daemon.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)daemon.pid, NULL,
	    WEXITED | WNOWAIT), 0);
	assert_false(holder_alive(&holder));
	assert_int_equal(holder_masters(&holder, &masters, &n), -1);
	assert_null(masters);
	assert_int_equal(n, 0);
	assert_int_equal(prove_open(path_of(daemon.index[0]), geteuid(),
	    &holder, &status), PROOF_OPEN);
	close(slave);
	holder_release(&holder);
	end(&daemon);
}

static void
all_masters_are_found_in_order(void **state)
{
	struct holder holder = HOLDER_NONE;
	struct daemon daemon;
	unsigned *masters;
	size_t n, i;

	(void)state;
	start(&daemon, 3);
	assert_int_equal(holder_take(&holder, daemon.pid, DAEMON), 0);
	assert_int_equal(holder_masters(&holder, &masters, &n), 0);
	assert_int_equal(n, 3);
	for (i = 0; i < n; i++) {
		assert_true(i == 0 || masters[i - 1] < masters[i]);
		assert_true(masters[i] == daemon.index[0] ||
		    masters[i] == daemon.index[1] ||
		    masters[i] == daemon.index[2]);
	}
	free(masters);
	holder_release(&holder);
	end(&daemon);
}

static void
a_process_of_another_program_is_no_daemon(void **state)
{
	struct holder holder = HOLDER_NONE;
	struct daemon daemon;

	(void)state;
	start(&daemon, 1);
	assert_int_equal(holder_take(&holder, daemon.pid, "xenconsoled"), -1);
	assert_int_equal(holder.pidfd, -1);
	assert_false(holder_alive(&holder));
	end(&daemon);
	assert_int_equal(holder_take(&holder, daemon.pid, DAEMON), -1);
}

static void
put_pid(const char *text, mode_t mode)
{
	int fd = open("daemon.pid", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
a_pid_file_counts_only_if_nobody_else_can_write_it(void **state)
{
	struct holder holder = HOLDER_NONE;
	struct daemon daemon;
	char temp[64], text[32];

	(void)state;
	help_temp_enter(temp);
	start(&daemon, 0);
	snprintf(text, sizeof(text), "%d\n", (int)daemon.pid);
	assert_int_equal(holder_take_file(&holder, "daemon.pid", DAEMON), -1);
	put_pid(text, 0622);
	assert_int_equal(holder_take_file(&holder, "daemon.pid", DAEMON), -1);
	put_pid("-1\n", 0600);
	assert_int_equal(holder_take_file(&holder, "daemon.pid", DAEMON), -1);
	put_pid("", 0600);
	assert_int_equal(holder_take_file(&holder, "daemon.pid", DAEMON), -1);
	put_pid(text, 0600);
	assert_int_equal(holder_take_file(&holder, "daemon.pid", DAEMON), 0);
	assert_int_equal(holder.pid, daemon.pid);
	holder_release(&holder);
	end(&daemon);
	help_temp_leave(temp);
}

/* A QEMU is known by the domid in its arguments: wait until it has them. */
static void
arguments_are_found_in_their_order_only(void **state)
{
	struct holder holder = HOLDER_NONE;
	int in[2], out[2];
	char ready = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", "echo; read x", "-xen-domid",
		    "57", "-x", (char *)NULL);
		_exit(1);
	}
	assert_int_equal(read(out[0], &ready, 1), 1);
	assert_int_equal(holder_take(&holder, pid, ""), 0);
	assert_true(holder_has_arguments(&holder, "-xen-domid", "57"));
	assert_false(holder_has_arguments(&holder, "-xen-domid", "5"));
	assert_false(holder_has_arguments(&holder, "57", "-xen-domid"));
	assert_false(holder_has_arguments(&holder, "-x", "57"));
	close(in[1]);
	close(in[0]);
	close(out[0]);
	close(out[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(holder_has_arguments(&holder, "-xen-domid", "57"));
	holder_release(&holder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tty_of_the_daemon_is_proven),
		cmocka_unit_test(
		    D01_what_is_no_path_of_a_pty_is_not_even_opened),
		cmocka_unit_test(D01_the_pty_of_another_process_is_refused),
		cmocka_unit_test(D01_the_pty_of_another_user_is_refused),
		cmocka_unit_test(
		    H01_a_number_that_was_given_out_again_is_refused),
		cmocka_unit_test(H01_a_dead_daemon_proves_nothing),
		cmocka_unit_test(all_masters_are_found_in_order),
		cmocka_unit_test(a_process_of_another_program_is_no_daemon),
		cmocka_unit_test(
		    a_pid_file_counts_only_if_nobody_else_can_write_it),
		cmocka_unit_test(arguments_are_found_in_their_order_only),
	};

	return cmocka_run_group_tests_name("domain_prove", tests, NULL,
	    NULL);
}
