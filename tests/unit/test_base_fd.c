/* SPDX-License-Identifier: ISC */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fd.h"
#include "tests/unit/base_help.h"

/* Nobody: no account of any Debian has these. */
#define OTHER_UID 47114
#define OTHER_GID 47115

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

/* Accepts as careless programs do: len is 2 afterwards. */
static int
accept_with_length(int listener, socklen_t *len)
{
	struct pollfd pfd = { .fd = listener, .events = POLLIN };
	struct sockaddr_un from;

	*len = sizeof(from);
	assert_int_equal(poll(&pfd, 1, HELP_DEADLINE_MS), 1);
	return accept4(listener, (struct sockaddr *)&from, len, SOCK_CLOEXEC);
}

static void
E07_peer_of_an_unbound_client_is_whole(void **state)
{
	struct peer peer;
	socklen_t len;
	int listener, client, served;

	(void)state;
	listener = fd_listen("sock", 0600, (gid_t)-1);
	assert_int_not_equal(listener, -1);
	client = fd_connect("sock");
	assert_int_not_equal(client, -1);
	served = accept_with_length(listener, &len);
	assert_int_not_equal(served, -1);
	/* The length that must not be used again. */
	assert_int_equal(len, sizeof(sa_family_t));
	assert_int_equal(fd_peer(served, &peer), 0);
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.gid, getegid());
	assert_int_equal(peer.pid, getpid());
	fd_close(&served);
	fd_close(&client);
	fd_close(&listener);
}

static void
E07_peer_of_another_uid_is_that_uid(void **state)
{
	struct peer peer;
	socklen_t len;
	int listener, client, served, status;
	pid_t pid;

	(void)state;
	listener = fd_listen("sock", 0666, (gid_t)-1);
	assert_int_not_equal(listener, -1);
	assert_int_equal(chmod(temp, 0755), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (setresgid(OTHER_GID, OTHER_GID, OTHER_GID) == -1 ||
		    setresuid(OTHER_UID, OTHER_UID, OTHER_UID) == -1)
			_exit(2);
		client = fd_connect("sock");
		/* Stay until the peer was asked for. */
		_exit(client == -1 || read(client, &peer, 1) != 0);
	}
	served = accept_with_length(listener, &len);
	assert_int_not_equal(served, -1);
	assert_int_equal(fd_peer(served, &peer), 0);
	assert_int_equal(peer.uid, OTHER_UID);
	assert_int_equal(peer.gid, OTHER_GID);
	assert_int_equal(peer.pid, pid);
	fd_close(&served);
	fd_close(&listener);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
E07_unknown_peers_are_refused(void **state)
{
	struct peer peer;
	int fd, ends[2];

	(void)state;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(fd_peer(fd, &peer), -1);
	assert_int_equal(errno, EBADMSG);
	assert_int_not_equal(peer.uid, 0);
	fd_close(&fd);

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fd_peer(ends[0], &peer), -1);
	assert_int_equal(errno, ENOTSOCK);
	assert_int_not_equal(peer.uid, 0);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	assert_int_equal(fd_peer(-1, &peer), -1);
	assert_int_equal(errno, EBADF);
}

static void
packets_carry_descriptors_that_are_close_on_exec(void **state)
{
	int pair[2], fds[FD_PASS_MAX], sent[FD_PASS_MAX], before, i;
	char data[16];
	size_t nfds;

	(void)state;
	before = help_count_fds();
	assert_int_equal(fd_pair(pair), 0);
	for (i = 0; i < FD_PASS_MAX; i++) {
		sent[i] = open("/dev/null", O_RDONLY);
		assert_int_not_equal(sent[i], -1);
	}
	assert_int_equal(fd_send(pair[0], "hello", 5, sent, FD_PASS_MAX), 0);
	assert_int_equal(fd_send(pair[0], "again", 5, NULL, 0), 0);
	assert_int_equal(fd_recv(pair[1], data, sizeof(data), fds, &nfds), 5);
	assert_memory_equal(data, "hello", 5);
	assert_int_equal(nfds, FD_PASS_MAX);
	for (i = 0; i < FD_PASS_MAX; i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		assert_int_equal(fcntl(sent[i], F_GETFD), 0);
		fd_close(&fds[i]);
		fd_close(&sent[i]);
	}
	assert_int_equal(fd_recv(pair[1], data, sizeof(data), fds, &nfds), 5);
	assert_memory_equal(data, "again", 5);
	assert_int_equal(nfds, 0);
	assert_int_equal(fds[0], -1);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	assert_int_equal(help_count_fds(), before);
}

/* As fd_send() would not: any number of descriptors, also with no data. */
static void
send_raw(int fd, size_t len, size_t nfds)
{
	static char data[64], room[CMSG_SPACE(sizeof(int) * 253)];
	struct iovec iov = { data, len };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = CMSG_SPACE(sizeof(int) * nfds) };
	struct cmsghdr *cmsg = (struct cmsghdr *)room;
	size_t i;

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
	for (i = 0; i < nfds; i++)
		memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &fd, sizeof(fd));
	assert_int_equal(sendmsg(fd, &msg, 0), len);
}

static void
E08_too_many_descriptors_are_refused_and_closed(void **state)
{
	static const size_t counts[] = { FD_PASS_MAX + 1, FD_PASS_MAX + 2, 8, 9,
		50, 253 };
	int pair[2], fds[FD_PASS_MAX], before;
	size_t nfds, i;
	char data[64];

	(void)state;
	assert_int_equal(fd_pair(pair), 0);
	before = help_count_fds();
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		send_raw(pair[0], 10, counts[i]);
		assert_int_equal(fd_recv(pair[1], data, sizeof(data), fds,
				     &nfds),
		    -1);
		assert_int_equal(errno, EMSGSIZE);
		assert_int_equal(nfds, 0);
		assert_int_equal(fds[0], -1);
		assert_int_equal(help_count_fds(), before);
	}
	/* The connection itself has not suffered. */
	assert_int_equal(fd_send(pair[0], "x", 1, NULL, 0), 0);
	assert_int_equal(fd_recv(pair[1], data, sizeof(data), fds, &nfds), 1);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void
E08_oversized_packet_is_refused_and_its_descriptors_closed(void **state)
{
	int pair[2], fds[FD_PASS_MAX], before;
	char data[9];
	size_t nfds;

	(void)state;
	assert_int_equal(fd_pair(pair), 0);
	before = help_count_fds();
	send_raw(pair[0], 10, 2);
	assert_int_equal(fd_recv(pair[1], data, 9, fds, &nfds), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(nfds, 0);
	assert_int_equal(help_count_fds(), before);
	send_raw(pair[0], 9, 0);
	assert_int_equal(fd_recv(pair[1], data, 9, fds, &nfds), 9);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void
E08_empty_packet_is_the_end_and_its_descriptors_closed(void **state)
{
	int pair[2], fds[FD_PASS_MAX], before;
	char data[8];
	size_t nfds;

	(void)state;
	assert_int_equal(fd_pair(pair), 0);
	before = help_count_fds();
	send_raw(pair[0], 0, 3);
	assert_int_equal(fd_recv(pair[1], data, 8, fds, &nfds), 0);
	assert_int_equal(nfds, 0);
	assert_int_equal(help_count_fds(), before);
	assert_int_equal(fd_recv(pair[1], data, 8, fds, &nfds), -1);
	assert_int_equal(errno, EAGAIN);
	fd_close(&pair[0]);
	assert_int_equal(fd_recv(pair[1], data, 8, fds, &nfds), 0);
	fd_close(&pair[1]);
}

static void
E08_descriptors_beyond_our_limit_are_refused(void **state)
{
	struct rlimit old, low;
	int pair[2], fds[FD_PASS_MAX], before, next;
	char data[16];
	size_t nfds;

	(void)state;
	assert_int_equal(fd_pair(pair), 0);
	before = help_count_fds();
	send_raw(pair[0], 10, 3);
	next = dup(0);
	assert_int_not_equal(next, -1);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)next + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(fd_recv(pair[1], data, sizeof(data), fds, &nfds), -1);
	assert_int_equal(errno, EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(nfds, 0);
	assert_int_equal(help_count_fds(), before);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void
other_control_messages_do_not_count(void **state)
{
	int pair[2], fds[FD_PASS_MAX], on = 1;
	char data[16];
	size_t nfds, i;

	(void)state;
	assert_int_equal(fd_pair(pair), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on,
			     sizeof(on)),
	    0);
	send_raw(pair[0], 10, FD_PASS_MAX);
	assert_int_equal(fd_recv(pair[1], data, sizeof(data), fds, &nfds), 10);
	assert_int_equal(nfds, FD_PASS_MAX);
	for (i = 0; i < nfds; i++)
		fd_close(&fds[i]);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void
send_refuses_what_the_other_end_would_refuse(void **state)
{
	int pair[2], many[FD_PASS_MAX + 1] = { 0 };

	(void)state;
	assert_int_equal(fd_pair(pair), 0);
	assert_int_equal(fd_send(pair[0], "", 0, NULL, 0), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(fd_send(pair[0], "x", 1, many, FD_PASS_MAX + 1), -1);
	assert_int_equal(errno, EINVAL);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void
send_to_the_slow_and_the_gone_returns(void **state)
{
	static char data[1024];
	int pair[2], i, r = 0;

	(void)state;
	assert_int_equal(fd_pair(pair), 0);
	for (i = 0; i < 100000 && r == 0; i++)
		r = fd_send(pair[0], data, sizeof(data), NULL, 0);
	assert_int_equal(r, -1);
	assert_int_equal(errno, EAGAIN);
	fd_close(&pair[1]);
	assert_int_equal(fd_send(pair[0], data, 1, NULL, 0), -1);
	assert_int_equal(errno, EPIPE);
	fd_close(&pair[0]);
}

static void
last_words_of_a_peer_that_did_not_listen_are_read(void **state)
{
	int pair[2], fds[FD_PASS_MAX];
	char data[16];
	size_t nfds;

	(void)state;
	assert_int_equal(fd_pair(pair), 0);
	assert_int_equal(fd_send(pair[0], "unread", 6, NULL, 0), 0);
	assert_int_equal(fd_send(pair[1], "result", 6, NULL, 0), 0);
	fd_close(&pair[1]);
	assert_int_equal(fd_recv(pair[0], data, sizeof(data), fds, &nfds), 6);
	assert_memory_equal(data, "result", 6);
	assert_int_equal(fd_recv(pair[0], data, sizeof(data), fds, &nfds), 0);
	fd_close(&pair[0]);
}

static void
listen_replaces_a_stale_socket_and_nothing_else(void **state)
{
	struct stat st;
	int fd, client;

	(void)state;
	fd = fd_listen("sock", 0660, getegid());
	assert_int_not_equal(fd, -1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_not_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	fd_close(&fd);
	assert_int_equal(fd_connect("sock"), -1);
	assert_int_equal(errno, ECONNREFUSED);

	fd = fd_listen("sock", 0620, getegid());
	assert_int_not_equal(fd, -1);
	assert_int_equal(lstat("sock", &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0620);
	assert_int_equal(st.st_gid, getegid());
	client = fd_connect("sock");
	assert_int_not_equal(client, -1);
	assert_int_equal(fcntl(client, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(client, F_GETFL) & O_NONBLOCK, 0);
	fd_close(&client);
	fd_close(&fd);

	assert_int_equal(symlink("sock", "link"), 0);
	assert_int_equal(fd_listen("link", 0600, (gid_t)-1), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(mkdir("dir", 0700), 0);
	assert_int_equal(fd_listen("dir", 0600, (gid_t)-1), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(access("link", F_OK), 0);
	assert_int_equal(access("dir", F_OK), 0);
}

/* Who cannot connect takes it for a refusal, not for a restart. */
static void
a_socket_that_is_replaced_can_be_connected_to_all_the_time(void **state)
{
	int fds[300], status;
	size_t i;
	pid_t pid;
	int fd;

	(void)state;
	fds[0] = fd_listen("sock", 0666, getegid());
	assert_int_not_equal(fds[0], -1);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		while ((fd = fd_connect("sock")) != -1)
			fd_close(&fd);
		_exit(1);
	}
	for (i = 1; i < 300; i++) {
		fds[i] = fd_listen("sock", 0666, getegid());
		assert_int_not_equal(fds[i], -1);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	for (i = 0; i < 300; i++)
		fd_close(&fds[i]);
}

static void
paths_that_do_not_fit_an_address_are_refused(void **state)
{
	char path[200];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(fd_listen(path, 0600, (gid_t)-1), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(fd_connect(path), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(fd_connect(""), -1);
	assert_int_equal(errno, EINVAL);
}

static void
close_keeps_errno_and_forgets_the_number(void **state)
{
	int fd = dup(0);

	(void)state;
	assert_int_not_equal(fd, -1);
	errno = ENOTTY;
	fd_close(&fd);
	assert_int_equal(fd, -1);
	fd_close(&fd);
	assert_int_equal(errno, ENOTTY);
}

static void
leave_two_open(void)
{
	int low = fcntl(0, F_DUPFD, 50), high = fcntl(0, F_DUPFD, 900);

	if (low != 50 || high != 900)
		_exit(2);
	if (fd_cloexec_from(60) != 0 || fcntl(low, F_GETFD) != 0 ||
	    fcntl(high, F_GETFD) != FD_CLOEXEC)
		_exit(3);
	fd_close_from(51);
	if (fcntl(low, F_GETFD) != 0 || fcntl(high, F_GETFD) != -1)
		_exit(4);
}

static void
H13_inherited_descriptors_are_swept(void **state)
{
	char said[512];

	(void)state;
	assert_int_equal(help_in_child(leave_two_open, said, sizeof(said)), 0);
	assert_string_equal(said, "");
}

static volatile sig_atomic_t alarms;

static void
on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void
write_all_goes_on_after_signals(void **state)
{
	static char data[1 << 20], got[4096];
	struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { 0 };
	struct sigaction sa = { .sa_handler = on_alarm }, old;
	size_t sum = 0;
	ssize_t n;
	int ends[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		close(ends[1]);
		while ((n = read(ends[0], got, sizeof(got))) > 0)
			sum += (size_t)n;
		_exit(sum != sizeof(data));
	}
	fd_close(&ends[0]);
	assert_int_equal(sigaction(SIGALRM, &sa, &old), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	assert_int_equal(fd_write_all(ends[1], data, sizeof(data)), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
	fd_close(&ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    E07_peer_of_an_unbound_client_is_whole, enter, leave),
		cmocka_unit_test(E07_unknown_peers_are_refused),
		cmocka_unit_test(
		    packets_carry_descriptors_that_are_close_on_exec),
		cmocka_unit_test(
		    E08_too_many_descriptors_are_refused_and_closed),
		cmocka_unit_test(
		    E08_oversized_packet_is_refused_and_its_descriptors_closed),
		cmocka_unit_test(
		    E08_empty_packet_is_the_end_and_its_descriptors_closed),
		cmocka_unit_test(E08_descriptors_beyond_our_limit_are_refused),
		cmocka_unit_test(other_control_messages_do_not_count),
		cmocka_unit_test(send_refuses_what_the_other_end_would_refuse),
		cmocka_unit_test(send_to_the_slow_and_the_gone_returns),
		cmocka_unit_test(
		    last_words_of_a_peer_that_did_not_listen_are_read),
		cmocka_unit_test_setup_teardown(
		    listen_replaces_a_stale_socket_and_nothing_else, enter,
		    leave),
		cmocka_unit_test_setup_teardown(
		    a_socket_that_is_replaced_can_be_connected_to_all_the_time,
		    enter, leave),
		cmocka_unit_test(paths_that_do_not_fit_an_address_are_refused),
		cmocka_unit_test(close_keeps_errno_and_forgets_the_number),
		cmocka_unit_test(H13_inherited_descriptors_are_swept),
		cmocka_unit_test(write_all_goes_on_after_signals),
	};
	const struct CMUnitTest root_tests[] = {
		cmocka_unit_test_setup_teardown(
		    E07_peer_of_another_uid_is_that_uid, enter, leave),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	if (geteuid() == 0)
		failed += cmocka_run_group_tests(root_tests, NULL, NULL);
	return failed;
}
