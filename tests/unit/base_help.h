/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_BASE_HELP_H
#define TESTS_UNIT_BASE_HELP_H

#include <sys/types.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long an event may take before a test gives up on it. */
#define HELP_DEADLINE_MS 10000

static inline int
help_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* A new empty directory, the current one from then on. */
static inline void
help_temp_enter(char path[64])
{
	strncpy(path, "/tmp/vpsh-base-XXXXXX", 63);
	path[63] = '\0';
	assert_non_null(mkdtemp(path));
	assert_int_equal(chdir(path), 0);
}

static inline int
help_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* It goes with everything in it. */
static inline void
help_temp_leave(const char *path)
{
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(nftw(path, help_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline int
help_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd != -1) {
		n = write(fd, text, strlen(text));
		close(fd);
	}
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/*
 * Namespaces of our own, also without root: there our uid is shown as inner,
 * and every uid but ours as the overflow uid.  Returns -1 where the kernel
 * does not allow that.
 */
static inline int
help_unshare(int flags, unsigned inner)
{
	char map[64];
	unsigned uid = (unsigned)geteuid(), gid = (unsigned)getegid();

	if (unshare(CLONE_NEWUSER | flags) == -1)
		return -1;
	if (help_put("/proc/self/setgroups", "deny") == -1)
		return -1;
	snprintf(map, sizeof(map), "%u %u 1", inner, gid);
	if (help_put("/proc/self/gid_map", map) == -1)
		return -1;
	snprintf(map, sizeof(map), "%u %u 1", inner, uid);
	return help_put("/proc/self/uid_map", map);
}

/*
 * Run body in a child; what it says on standard error goes to said.  Returns
 * the status as waitpid() gives it.
 */
static inline int
help_in_child(void (*body)(void), char *said, size_t size)
{
	struct pollfd pfd = { .events = POLLIN };
	int ends[2], status = -1;
	size_t have = 0;
	ssize_t n = 1;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		body();
		_exit(0);
	}
	close(ends[1]);
	pfd.fd = ends[0];
	while (
	    n > 0 && have + 1 < size && poll(&pfd, 1, HELP_DEADLINE_MS) == 1) {
		n = read(ends[0], said + have, size - 1 - have);
		have += n > 0 ? (size_t)n : 0;
	}
	said[have] = '\0';
	close(ends[0]);
	if (n > 0)
		kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* A file of that content, whatever it was before. */
static inline void
help_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* What a child found wrong, with its place. */
#define CHILD_ASSERT(c)                                               \
	do {                                                          \
		if (!(c)) {                                           \
			dprintf(STDERR_FILENO, "%d: %s (errno %d)\n", \
			    __LINE__, #c, errno);                     \
			_exit(99);                                    \
		}                                                     \
	} while (0)

static inline void
assert_child_well(void (*body)(void))
{
	char said[1024];
	int status = help_in_child(body, said, sizeof(said));

	assert_string_equal(said, "");
	assert_int_equal(status, 0);
}

static inline void
assert_child_fatal(void (*body)(void), const char *words)
{
	char said[1024];
	int status = help_in_child(body, said, sizeof(said));

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_non_null(strstr(said, words));
}

#endif
