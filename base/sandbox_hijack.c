/* SPDX-License-Identifier: ISC */
#include "base/sandbox.h"

#ifdef VPSH_TEST_HOOKS

#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Each attempt is what somebody who runs code in this process would do, made
 * so that it harms nothing when it works.  It returns -1 when it failed.
 */
struct attempt {
	const char *name;
	int (*go)(void);
	/* This error, too, says that the kernel went ahead; 0: none does. */
	int through;
};

static int
try_open(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int
try_exec(void)
{
	char *const argv[] = { (char *)"vpsh-hijack", NULL };

	return execve("/nonexistent/vpsh-hijack", argv, argv + 1);
}

static int
try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return pid == -1 ? -1 : 0;
}

static int
try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int
try_ptrace(void)
{
	return (int)ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
}

static int
try_kill(void)
{
	return kill(getppid(), 0);
}

static int
try_tiocsti(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "x");
}

static int
try_setuid(void)
{
	return setuid(0);
}

static int
try_mount(void)
{
	/* Two ways to propagate at once is an error, for root only. */
	return mount(NULL, "/", NULL, MS_SHARED | MS_PRIVATE, NULL);
}

static const struct attempt attempts[] = { { "open", try_open, 0 },
	{ "exec", try_exec, ENOENT }, { "fork", try_fork, 0 },
	{ "socket-inet", try_socket, 0 }, { "ptrace", try_ptrace, 0 },
	{ "kill", try_kill, 0 }, { "tiocsti", try_tiocsti, 0 },
	{ "setuid", try_setuid, 0 }, { "mount", try_mount, EINVAL } };

void
sandbox_hijack_hook(void)
{
	const char *name = getenv("VPSH_HIJACK");
	size_t i;
	int error;

	if (name == NULL)
		return;
	for (i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (strcmp(attempts[i].name, name) != 0)
			continue;
		errno = 0;
		error = attempts[i].go() == -1 ? errno : 0;
		if (error == 0 || error == attempts[i].through)
			dprintf(STDERR_FILENO, "hijack %s: SUCCEEDED\n", name);
		else
			dprintf(STDERR_FILENO, "hijack %s: blocked (%s)\n",
			    name, strerror(error));
		return;
	}
	dprintf(STDERR_FILENO, "hijack %s: there is no such attempt\n", name);
}

#else

void
sandbox_hijack_hook(void)
{
}

#endif
