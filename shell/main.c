/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/text.h"
#include "shell/command.h"
#include "shell/complete.h"
#include "shell/environ.h"
#include "shell/face.h"
#include "shell/mode.h"
#include "shell/output.h"
#include "shell/session.h"
#include "shell/signals.h"

/*
 * This process has no privilege to give up: it runs as the customer.  What
 * it locks away is everything that a bug in it could be used for under that
 * uid, on a host that is not the customer's.
 */
static const struct sandbox_limit limits[] = {
#ifndef VPSH_NO_SECCOMP
	/* The leak checker of a sanitizer build makes a thread. */
	{ RLIMIT_NPROC, 0 },
#endif
	{ RLIMIT_CORE, 0 },
	{ RLIMIT_NOFILE, 32 },
};

/* sshd gives a customer pipes and terminals, never a file to fill. */
static const struct sandbox_limit no_files[] = {
	{ RLIMIT_FSIZE, 0 },
};

/* On top of what every program of ours needs: base/sandbox_syscalls.c. */
static const struct sandbox_rule rules[] = {
	{ "socket", 0, 1, { AF_UNIX }, "the broker, again after a restart" },
	{ "connect", 0, 0, { 0 }, "the same; no other sockets exist" },
	{ "ioctl", 1, 6,
	    { TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ, TCFLSH },
	    "the customer's terminal: modes, size, what was typed ahead" },
};

/* A missing 0, 1 or 2 would become the broker's socket. */
static void
fill_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd == -1)
		exit(1);
	fd_close_from(STDERR_FILENO + 1);
}

/* Somebody on the host itself may want a list in a file. */
static bool
is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Our own path as the kernel knows it, to recognise it in a command. */
static const char *
own_path(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	return path;
}

static void
usage(void)
{
	fprintf(stderr,
	    "usage: vpsh [--line] [-p DIR] [-S SOCKET] [COMMAND "
	    "[ARGUMENT ...]]\n       vpsh -c COMMAND\n");
	exit(err_exit_code(VPSH_ERR_USAGE));
}

static void
open_session(struct session *session, const struct mode *mode,
    const char *origin)
{
	char path[PATH_MAX];

	memset(session, 0, sizeof(*session));
	session->term = getenv("TERM");
	line_init(&session->line, STDIN_FILENO,
	    mode->line && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
	line_edit(&session->line, session->term, complete_line, session);
	if (mode->socket != NULL)
		text_copy(path, sizeof(path), mode->socket);
	else
		text_format(path, sizeof(path), "%s%s/broker.sock",
		    mode->root != NULL ? mode->root : "", VPSH_RUN);
	if (client_init(&session->client, path, origin) == -1)
		fatal("The path of the socket is too long.");
}

int
main(int argc, char *argv[])
{
	struct environ_claims claims;
	struct session session;
	char path[PATH_MAX];
	struct mode mode;
	struct face face;
	int err;

	/* What came from outside: nothing of it is used before this. */
	if (environ_scrub(&claims) == -1)
		exit(1);
	fill_standard_fds();
	signals_init();
	log_open("vpsh", 1);
	if (mode_decide(&mode, argc, argv, own_path(path), claims.original) ==
	    -1)
		usage();
	output_init();
	open_session(&session, &mode, claims.origin);
	/* terminfo is read here, from the system's own folders. */
	face_open(&face, &session, &claims, mode.wish);

	/* Nothing is opened and nothing else is run from here on. */
	sandbox_no_new_privs();
	sandbox_limits(limits, sizeof(limits) / sizeof(limits[0]));
	if (!is_file(STDOUT_FILENO) && !is_file(STDERR_FILENO))
		sandbox_limits(no_files, 1);
	sandbox_syscalls(rules, sizeof(rules) / sizeof(rules[0]));
	sandbox_hijack_hook();

	/* The menu that was asked for is refused where none can be. */
	if (mode.line &&
	    (session.line.person || mode.wish != WIRE_MODE_MENU))
		err = face_run(&face);
	else
		err = command_run(&session, mode.command,
		    strlen(mode.command));

	face_close(&face);
	client_close(&session.client);
	line_dispose(&session.line);
	free(claims.original);
	if ((fflush(stdout) == EOF || ferror(stdout)) && err == 0)
		err = VPSH_ERR_FAILED;
	return err_exit_code(err);
}
