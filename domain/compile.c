/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "domain/compile.h"

#define JSON_MAX	(1024 * 1024)
#define COMPILE_MS	30000

/* A growing buffer behind a pipe. */
struct intake {
	int	 fd;
	char	*data;
	size_t	 len;
	size_t	 max;
	bool	 spill;		/* throw away what is more, do not fail */
};

/* The bytes as a file that xl can open again, at its beginning. */
static int
make_input(const char *before, const char *text, size_t len)
{
	int fd;

	fd = memfd_create("xl.cfg", MFD_CLOEXEC);
	if (fd != -1 && (fd_write_all(fd, before, strlen(before)) == -1 ||
	    fd_write_all(fd, text, len) == -1 ||
	    lseek(fd, 0, SEEK_SET) == -1))
		fd_close(&fd);
	return fd;
}

static void
child(const char *xl, int in, int out, int err)
{
	/* "-f": a file name with a "=" would count as configuration. */
	char *const argv[] = { (char *)(uintptr_t)xl, (char *)"-N",
		(char *)"create", (char *)"-q", (char *)"-f",
		(char *)"/dev/stdin", NULL };
	char *const envp[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		(char *)"LC_ALL=C", NULL };

	if (dup2(in, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1 ||
	    dup2(err, STDERR_FILENO) == -1)
		_exit(127);
	execve(xl, argv, envp);
	_exit(127);
}

/* Take what is there.  Returns 1: more may come, 0: end, -1: too much. */
static int
take(struct intake *in)
{
	char rest[4096];
	ssize_t n;

	if (in->len < in->max)
		n = read(in->fd, in->data + in->len, in->max - in->len);
	else
		n = read(in->fd, rest, sizeof(rest));
	if (n == -1)
		return errno == EINTR || errno == EAGAIN ? 1 : -1;
	if (n == 0)
		return 0;
	if (in->len < in->max)
		in->len += (size_t)n;
	else if (!in->spill)
		return -1;
	return 1;
}

/* Read both until their ends.  Returns 0, or -1 on overflow or timeout. */
static int
take_all(struct intake in[2])
{
	int64_t until = clock_ms() + COMPILE_MS;
	struct pollfd p[2];
	int64_t left;
	int i, r;

	for (;;) {
		for (i = 0; i < 2; i++)
			p[i] = (struct pollfd){ .fd = in[i].fd,
				.events = POLLIN };
		left = until - clock_ms();
		if (in[0].fd == -1 && in[1].fd == -1)
			return 0;
		if (left <= 0)
			return -1;
		if (poll(p, 2, (int)left) == -1 && errno != EINTR)
			return -1;
		for (i = 0; i < 2; i++) {
			if (in[i].fd == -1 || p[i].revents == 0)
				continue;
			if ((r = take(&in[i])) == -1)
				return -1;
			if (r == 0)
				fd_close(&in[i].fd);
		}
	}
}

static int
run(const char *xl, int input, struct intake in[2], int *status)
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 };
	pid_t pid = -1;
	int r = -1;

	if (pipe2(out, O_CLOEXEC) == -1 || pipe2(err, O_CLOEXEC) == -1)
		goto done;
	pid = fork();
	if (pid == -1)
		goto done;
	if (pid == 0)
		child(xl, input, out[1], err[1]);
	fd_close(&out[1]);
	fd_close(&err[1]);
	in[0].fd = out[0];
	in[1].fd = err[0];
	out[0] = err[0] = -1;
	r = take_all(in);
	if (r == -1)
		kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) == -1)
		if (errno != EINTR) {
			r = -1;
			break;
		}
done:
	fd_close(&in[0].fd);
	fd_close(&in[1].fd);
	fd_close(&out[0]);
	fd_close(&out[1]);
	fd_close(&err[0]);
	fd_close(&err[1]);
	return r;
}

/* xl read /dev/stdin; the operator knows the file by its own name. */
static void
rename_input(const char *path, const char *text, char *dst, size_t size)
{
	static const char input[] = "/dev/stdin";
	static const char chatter[] = "Parsing config from /dev/stdin\n";
	size_t len = 0;
	const char *at;

	if (strncmp(text, chatter, sizeof(chatter) - 1) == 0)
		text += sizeof(chatter) - 1;
	dst[0] = '\0';
	while ((at = strstr(text, input)) != NULL && len < size) {
		(void)text_format(dst + len, size - len, "%.*s%s",
		    (int)(at - text), text, path);
		len += strlen(dst + len);
		text = at + sizeof(input) - 1;
	}
	if (len < size)
		(void)text_copy(dst + len, size - len, text);
	for (len = strlen(dst); len > 0 && dst[len - 1] == '\n'; len--)
		dst[len - 1] = '\0';
	while (len-- > 0)
		if (dst[len] == '\n')
			dst[len] = ' ';
}

static enum compile_fault
compile_input(const char *xl, const char *path, int input,
    struct compile *out)
{
	struct intake in[2] = { { .fd = -1, .max = JSON_MAX },
		{ .fd = -1, .max = sizeof(out->said) - 1, .spill = true } };
	enum compile_fault fault = COMPILE_RUN;
	char said[sizeof(out->said)];
	int status = -1;

	in[0].data = malloc(JSON_MAX + 1);
	in[1].data = said;
	if (input == -1 || in[0].data == NULL) {
		(void)text_copy(out->said, sizeof(out->said),
		    strerror(errno));
		goto out;
	}
	if (run(xl, input, in, &status) == -1)
		(void)text_format(out->said, sizeof(out->said),
		    "%s printed too much or took over %d s", xl,
		    COMPILE_MS / 1000);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		fault = COMPILE_OK;
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		(void)text_format(out->said, sizeof(out->said),
		    "%s cannot be run", xl);
	else {
		fault = COMPILE_XL;
		said[in[1].len] = '\0';
		rename_input(path, said, out->said, sizeof(out->said));
	}
out:
	out->json = in[0].data;
	out->len = in[0].len;
	if (out->json != NULL)
		out->json[out->len] = '\0';
	return fault;
}

enum compile_fault
compile_file(const char *xl, const char *path, const char *before,
    struct compile *out)
{
	enum compile_fault fault;
	enum file_fault file;
	char *text;
	size_t len;
	int input;

	memset(out, 0, sizeof(*out));
	file = file_read_trusted(AT_FDCWD, path, &text, &len);
	if (file != FILE_OK) {
		(void)text_format(out->said, sizeof(out->said), "%s %s",
		    path, file_fault_text(file));
		return file == FILE_MISSING ? COMPILE_MISSING : COMPILE_FILE;
	}
	input = make_input(before, text, len);
	free(text);
	fault = compile_input(xl, path, input, out);
	fd_close(&input);
	return fault;
}
