/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "ctl/program.h"

#define DEADLINE_MS 30000

static char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
	"LC_ALL=C", NULL };

int
program_is_there(const char *path)
{
	return access(path, X_OK) == 0;
}

/* In the child: stops at nothing and returns never. */
static void
become(char *const argv[], int out)
{
	int null = open("/dev/null", O_RDONLY);

	signal(SIGPIPE, SIG_DFL);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(out, STDOUT_FILENO) == -1 || dup2(out, STDERR_FILENO) == -1)
		_exit(126);
	fd_close_from(STDERR_FILENO + 1);
	execve(argv[0], argv, environment);
	_exit(127);
}

/* Until its end; what does not fit is read and forgotten. */
static int
read_all(int in, char *said, size_t size)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	int64_t end = clock_ms() + DEADLINE_MS, left;
	char rest[4096];
	size_t len = 0;
	ssize_t n;

	said[0] = '\0';
	while ((left = end - clock_ms()) > 0) {
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		if (len + 1 < size)
			n = read(in, said + len, size - len - 1);
		else
			n = read(in, rest, sizeof(rest));
		if (n == 0)
			return 0;
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0 && len + 1 < size) {
			len += (size_t)n;
			said[len] = '\0';
		}
	}
	errno = ETIMEDOUT;
	return -1;
}

int
program_run(char *const argv[], char *said, size_t size)
{
	int pipefd[2], status, r, saved;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC) == -1)
		return -1;
	pid = fork();
	if (pid == 0)
		become(argv, pipefd[1]);
	fd_close(&pipefd[1]);
	r = pid == -1 ? -1 : read_all(pipefd[0], said, size);
	saved = errno;
	fd_close(&pipefd[0]);
	if (pid > 0 && r == -1)
		kill(pid, SIGKILL);
	while (pid > 0 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	errno = saved;
	if (r == -1)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
