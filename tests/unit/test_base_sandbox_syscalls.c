/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <event2/event.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "tests/unit/base_help.h"

#ifdef VPSH_NO_SECCOMP

static void
list_nothing(void)
{
	sandbox_syscalls(NULL, 0);
	CHILD_ASSERT(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0);
}

static void
sanitizer_build_has_no_filter(void **state)
{
	(void)state;
	assert_child_well(list_nothing);
}

#else

static const struct sandbox_rule few[] = {
	{ "getppid", 0, 0, { 0 }, "the tests" },
	{ "dup", 0, 2, { 0, 1 }, "the tests" },
	{ "fchmodat", 0, 1, { (uint64_t)AT_FDCWD }, "the tests" },
};

static void
lock_up(void)
{
	sandbox_no_new_privs();
	sandbox_syscalls(few, sizeof(few) / sizeof(few[0]));
}

static void
use_listed_and_unlisted(void)
{
	lock_up();
	CHILD_ASSERT(getppid() > 0);
	CHILD_ASSERT(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == ENOSYS);
	CHILD_ASSERT(open("/etc/passwd", O_RDONLY) == -1 && errno == ENOSYS);
	CHILD_ASSERT(ioctl(0, TIOCSTI, "x") == -1 && errno == ENOSYS);
	CHILD_ASSERT(prctl(PR_GET_DUMPABLE) == -1 && errno == ENOSYS);
	CHILD_ASSERT(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
	CHILD_ASSERT(
	    syscall(SYS_io_uring_setup, 1, NULL) == -1 && errno == ENOSYS);
	CHILD_ASSERT(setuid(0) == -1 && errno == ENOSYS);
	CHILD_ASSERT(syscall(99999) == -1 && errno == ENOSYS);
}

static void
unlisted_calls_do_not_exist(void **state)
{
	(void)state;
	assert_child_well(use_listed_and_unlisted);
}

static void
use_listed_values(void)
{
	int fd;

	lock_up();
	fd = dup(0);
	CHILD_ASSERT(fd != -1 && close(fd) == 0);
	CHILD_ASSERT(dup(2) == -1 && errno == ENOSYS);
	/* Both widths of a negative number are the same argument. */
	CHILD_ASSERT(
	    syscall(SYS_fchmodat, -100L, "", 0) == -1 && errno == ENOENT);
	CHILD_ASSERT(syscall(SYS_fchmodat, 0xffffff9cUL, "", 0) == -1 &&
	    errno == ENOENT);
	CHILD_ASSERT(syscall(SYS_fchmodat, 7L, "", 0) == -1 && errno == ENOSYS);
	CHILD_ASSERT(fcntl(0, F_SETOWN, getpid()) == -1 && errno == ENOSYS);
	CHILD_ASSERT(fcntl(0, F_GETFL) != -1);
}

static void
calls_are_limited_to_listed_values(void **state)
{
	(void)state;
	assert_child_well(use_listed_values);
}

static void
list_common_calls_again(void)
{
	const struct sandbox_rule rules[] = {
		{ "close", 0, 0, { 0 }, "" },
		{ "fcntl", 1, 1, { F_GETFL }, "" },
		{ "fcntl", 1, 1, { F_DUPFD_CLOEXEC }, "" },
		{ "newfstatat", 0, 0, { 0 }, "" },
	};
	struct stat st;

	sandbox_syscalls(rules, sizeof(rules) / sizeof(rules[0]));
	CHILD_ASSERT(stat("/", &st) == 0);
	CHILD_ASSERT(fcntl(0, F_GETFD) != -1);
	CHILD_ASSERT(fcntl(0, F_GETFL) != -1);
	CHILD_ASSERT(close(fcntl(0, F_DUPFD_CLOEXEC, 0)) == 0);
	CHILD_ASSERT(fcntl(0, F_SETOWN, getpid()) == -1 && errno == ENOSYS);
}

static void
lists_add_to_what_is_common(void **state)
{
	(void)state;
	assert_child_well(list_common_calls_again);
}

static void
make_code(void)
{
	void *page;

	lock_up();
	CHILD_ASSERT(mmap(NULL, 4096, PROT_READ | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	CHILD_ASSERT(errno == ENOSYS);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHILD_ASSERT(page != MAP_FAILED);
	CHILD_ASSERT(mprotect(page, 4096, PROT_READ) == 0);
	CHILD_ASSERT(mprotect(page, 4096, PROT_READ | PROT_EXEC) == -1);
	CHILD_ASSERT(errno == ENOSYS);
}

static void
memory_never_becomes_code(void **state)
{
	(void)state;
	assert_child_well(make_code);
}

static void
hostile_execve(void)
{
	char *const argv[] = { (char *)"true", NULL };

	execve("/bin/true", argv, argv + 1);
}

static void
hostile_execveat(void)
{
	syscall(SYS_execveat, AT_FDCWD, "/bin/true", NULL, NULL, 0);
}

static void
hostile_fork(void)
{
	if (fork() == 0)
		_exit(0);
}

static void
hostile_raw_fork(void)
{
	if (syscall(SYS_fork) == 0)
		_exit(0);
}

static void
hostile_vfork(void)
{
	if (vfork() == 0)
		_exit(0);
}

static void
hostile_ptrace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void
hostile_process_vm(void)
{
	process_vm_readv(getppid(), NULL, 0, NULL, 0, 0);
}

static void
hostile_kill(void)
{
	kill(getpid(), 0);
}

static void
hostile_tkill(void)
{
	syscall(SYS_tkill, gettid(), 0);
}

static void
hostile_tgkill(void)
{
	syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static void
hostile_pidfd(void)
{
	syscall(SYS_pidfd_open, getppid(), 0);
}

static void
hostile_sigqueue(void)
{
	union sigval value = { 0 };

	sigqueue(getppid(), 0, value);
}

static void
hostile_x32(void)
{
	syscall(0x40000000 | SYS_getpid);
}

static void
hostile_i386(void)
{
	/* getpid of 32 bits; kernels without them fault instead. */
	__asm__ volatile("int $0x80" : : "a"(20) : "memory");
}

static void (*hostile_body)(void);

static void
lock_up_and_be_hostile(void)
{
	lock_up();
	hostile_body();
}

static void
assert_killed(void (*body)(void))
{
	char said[256];
	int status;

	hostile_body = body;
	status = help_in_child(lock_up_and_be_hostile, said, sizeof(said));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void
G08_exec_and_fork_are_the_end(void **state)
{
	(void)state;
	assert_killed(hostile_execve);
	assert_killed(hostile_execveat);
	assert_killed(hostile_fork);
	assert_killed(hostile_raw_fork);
	assert_killed(hostile_vfork);
}

static void
G06_reaching_for_other_processes_is_the_end(void **state)
{
	(void)state;
	assert_killed(hostile_ptrace);
	assert_killed(hostile_process_vm);
	assert_killed(hostile_kill);
	assert_killed(hostile_tkill);
	assert_killed(hostile_tgkill);
	assert_killed(hostile_pidfd);
	assert_killed(hostile_sigqueue);
}

static void
calls_of_other_architectures_are_the_end(void **state)
{
	char said[256];
	int status;

	(void)state;
	assert_killed(hostile_x32);
	hostile_body = hostile_i386;
	status = help_in_child(lock_up_and_be_hostile, said, sizeof(said));
	assert_true(WIFSIGNALED(status));
	assert_true(WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV);
}

static void
lock_up_and_abort(void)
{
	lock_up();
	abort();
}

static void
abort_still_aborts(void **state)
{
	char said[256];
	int status = help_in_child(lock_up_and_abort, said, sizeof(said));

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
list_clone_of_threads(void)
{
	const struct sandbox_rule rules[] = {
		{ "clone", 0, 1, { 0x3d0f00 }, "pthread_create()" },
		{ "kill", 1, 1, { 0 }, "" },
	};

	sandbox_syscalls(rules, sizeof(rules) / sizeof(rules[0]));
}

static void *
thread_body(void *arg)
{
	*(int *)arg = open("/etc/passwd", O_RDONLY) == -1 && errno == ENOSYS;
	return NULL;
}

static void
start_a_thread(void)
{
	pthread_t thread;
	int locked_up = 0;

	list_clone_of_threads();
	CHILD_ASSERT(
	    pthread_create(&thread, NULL, thread_body, &locked_up) == 0);
	CHILD_ASSERT(pthread_join(thread, NULL) == 0);
	CHILD_ASSERT(locked_up == 1);
	CHILD_ASSERT(kill(getpid(), 0) == 0);
}

static void
start_a_process(void)
{
	list_clone_of_threads();
	hostile_fork();
}

static void
send_a_signal(void)
{
	list_clone_of_threads();
	kill(getpid(), SIGCONT);
}

static void
listed_use_of_a_hostile_call_is_all_there_is(void **state)
{
	char said[256];
	int status;

	(void)state;
	assert_child_well(start_a_thread);
	status = help_in_child(start_a_process, said, sizeof(said));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
	status = help_in_child(send_a_signal, said, sizeof(said));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static int gate[2];

static void *
wait_at_gate(void *arg)
{
	char byte;

	if (read(gate[0], &byte, 1) == 1)
		thread_body(arg);
	return NULL;
}

static void
lock_up_with_a_thread(void)
{
	pthread_t thread;
	int locked_up = 0;

	CHILD_ASSERT(pipe(gate) == 0);
	CHILD_ASSERT(
	    pthread_create(&thread, NULL, wait_at_gate, &locked_up) == 0);
	lock_up();
	CHILD_ASSERT(write(gate[1], "x", 1) == 1);
	CHILD_ASSERT(pthread_join(thread, NULL) == 0);
	CHILD_ASSERT(locked_up == 1);
}

static void
threads_that_were_there_are_locked_up_too(void **state)
{
	(void)state;
	assert_child_well(lock_up_with_a_thread);
}

static void
list_a_misspelt_call(void)
{
	const struct sandbox_rule rules[] = {
		{ "raed", 0, 0, { 0 }, "" },
	};

	sandbox_syscalls(rules, 1);
}

static void
list_a_foreign_call(void)
{
	const struct sandbox_rule rules[] = {
		{ "socketcall", 0, 0, { 0 }, "" },
	};

	sandbox_syscalls(rules, 1);
}

static void
list_too_many_values(void)
{
	const struct sandbox_rule rules[] = {
		{ "dup", 0, 7, { 0 }, "" },
	};

	sandbox_syscalls(rules, 1);
}

static void
G03_filter_that_cannot_be_made_is_fatal(void **state)
{
	(void)state;
	assert_child_fatal(list_a_misspelt_call, "raed");
	assert_child_fatal(list_a_foreign_call, "socketcall");
	assert_child_fatal(list_too_many_values, "dup");
}

static int fired;

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	char byte;

	if ((what & EV_READ) != 0 && (what & EV_SIGNAL) == 0)
		fired += read(fd, &byte, 1) == 1;
	else
		fired++;
	if (fired == 3)
		event_base_loopbreak(arg);
}

static void
run_a_loop(void)
{
	const struct timeval soon = { 0, 1000 };
	struct event_base *base = event_base_new();
	struct event *timer, *reader, *signal_event;
	char *block, *larger;
	int pair[2];

	CHILD_ASSERT(fd_pair(pair) == 0);
	signal_event = evsignal_new(base, SIGABRT, on_event, base);
	CHILD_ASSERT(event_add(signal_event, NULL) == 0);
	log_open("vpsh-test", 1);
	lock_up();

	timer = evtimer_new(base, on_event, base);
	reader = event_new(base, pair[0], EV_READ, on_event, base);
	CHILD_ASSERT(event_add(timer, &soon) == 0);
	CHILD_ASSERT(event_add(reader, NULL) == 0);
	CHILD_ASSERT(fd_send(pair[1], "x", 1, NULL, 0) == 0);
	CHILD_ASSERT(raise(SIGABRT) == 0);
	CHILD_ASSERT(event_base_dispatch(base) == 0);
	CHILD_ASSERT(fired == 3);

	block = malloc(10 << 20);
	CHILD_ASSERT(block != NULL);
	larger = realloc(block, 40 << 20);
	CHILD_ASSERT(larger != NULL);
	free(larger);
	CHILD_ASSERT(clock_ms() > 0 && clock_wall_ms() > 0);
	event_free(timer);
	event_free(reader);
	event_free(signal_event);
	event_base_free(base);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void
event_loop_and_malloc_work_with_the_common_list(void **state)
{
	(void)state;
	assert_child_well(run_a_loop);
}

static void
connect_other(void)
{
	int fd, status;
	const struct sockaddr any = { .sa_family = AF_UNSPEC };

	log_open("vpsh-test", 0);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	lock_up();
	status = connect(fd, &any, sizeof(any));
	CHILD_ASSERT(status == -1 && errno == ENOSYS);
	/* AF_UNSPEC only disconnects. */
	CHILD_ASSERT(
	    connect(log_fd(), &any, sizeof(any)) == 0 || errno != ENOSYS);
}

static void
only_the_log_may_connect_again(void **state)
{
	(void)state;
	assert_child_well(connect_other);
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef VPSH_NO_SECCOMP
		cmocka_unit_test(sanitizer_build_has_no_filter),
#else
		cmocka_unit_test(unlisted_calls_do_not_exist),
		cmocka_unit_test(calls_are_limited_to_listed_values),
		cmocka_unit_test(lists_add_to_what_is_common),
		cmocka_unit_test(memory_never_becomes_code),
		cmocka_unit_test(G08_exec_and_fork_are_the_end),
		cmocka_unit_test(G06_reaching_for_other_processes_is_the_end),
		cmocka_unit_test(calls_of_other_architectures_are_the_end),
		cmocka_unit_test(abort_still_aborts),
		cmocka_unit_test(listed_use_of_a_hostile_call_is_all_there_is),
		cmocka_unit_test(threads_that_were_there_are_locked_up_too),
		cmocka_unit_test(G03_filter_that_cannot_be_made_is_fatal),
		cmocka_unit_test(
		    event_loop_and_malloc_work_with_the_common_list),
		cmocka_unit_test(only_the_log_may_connect_again),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
