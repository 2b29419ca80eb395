/* SPDX-License-Identifier: ISC */
/*
 * getty, login and a shell of a few commands.  Nothing here waits: a command
 * that takes its time is a task, which is stepped whenever the terminal has
 * room and its time has come, and which ^C ends.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "tests/sim/guest_shell.h"

#define LINE		4096 /* as much as a terminal hands out */
#define OUT_BYTES	(32 * 1024)

void
shell_print(struct shell *shell, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		(void)pipeline_add(&shell->out, text,
		    (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

static void
prompt(struct shell *shell)
{
	shell->stage = STAGE_PROMPT;
	shell_print(shell, "%s@%s:~%c ", shell->user, shell->guest->name,
	    strcmp(shell->user, "root") == 0 ? '#' : '$');
}

void
shell_set_echo(struct shell *shell, bool on)
{
	struct termios tio;

	if (tcgetattr(shell->guest->slave, &tio) == -1)
		return;
	tio.c_lflag = on ? tio.c_lflag | ECHO :
	    tio.c_lflag & ~(tcflag_t)ECHO;
	(void)tcsetattr(shell->guest->slave, TCSANOW, &tio);
}

void
shell_login(struct shell *shell)
{
	(void)tcsetattr(shell->guest->slave, TCSANOW, &shell->sane);
	shell->step = NULL;
	shell->due = -1;
	shell->reads = false;
	shell->stage = STAGE_NAME;
	shell_print(shell, "\nSimulated GNU/Linux 12 %s hvc0\n\n%s login: ",
	    shell->guest->name, shell->guest->name);
}

void
shell_down(struct shell *shell, const char *text)
{
	shell->stage = STAGE_BOOT;
	shell->step = NULL;
	shell->reads = false;
	shell_print(shell, "%s", text);
	(void)pipeline_write(&shell->out, shell->guest->slave);
}

void
shell_start(struct shell *shell, step *task, int64_t until)
{
	shell->stage = STAGE_TASK;
	shell->step = task;
	shell->at = 0;
	shell->until = until;
	shell->due = clock_ms();
}

void
shell_finish(struct shell *shell)
{
	shell->step = NULL;
	shell->due = -1;
	shell->reads = false;
	prompt(shell);
}

static void
welcome(struct shell *shell)
{
	shell_print(shell, "Welcome to %s. The commands are those of help.\n",
	    shell->guest->name);
	prompt(shell);
}

static void
name_typed(struct shell *shell, const char *line)
{
	if (line[0] == '\0') {
		shell_print(shell, "%s login: ", shell->guest->name);
		return;
	}
	text_escape(shell->user, sizeof(shell->user), line, strlen(line));
	if (shell->guest->words.password == NULL) {
		welcome(shell);
		return;
	}
	shell_set_echo(shell, false);
	shell->stage = STAGE_PASSWORD;
	shell_print(shell, "Password: ");
}

static void
password_typed(struct shell *shell, const char *line)
{
	shell_set_echo(shell, true);
	shell_print(shell, "\n");
	if (strcmp(line, shell->guest->words.password) == 0) {
		welcome(shell);
		return;
	}
	shell_print(shell, "\nLogin incorrect\n");
	shell->stage = STAGE_NAME;
	shell_print(shell, "%s login: ", shell->guest->name);
}

/* A task that reads: cat has lines, keys has bytes. */
static void
task_typed(struct shell *shell, const char *data, size_t len)
{
	size_t i;

	if (shell->until == 0) {
		(void)pipeline_add(&shell->out, data, len);
		return;
	}
	for (i = 0; i < len; i++) {
		if (data[i] == 'q') {
			shell_print(shell, "\n");
			(void)tcsetattr(shell->guest->slave, TCSANOW,
			    &shell->sane);
			shell_finish(shell);
			return;
		}
		shell_print(shell, "%02x ", (unsigned char)data[i]);
	}
}

static void
typed(struct shell *shell, char *data, size_t len)
{
	if (shell->reads) {
		task_typed(shell, data, len);
		return;
	}
	if (len > 0 && data[len - 1] == '\n')
		len--;
	data[len] = '\0';
	switch (shell->stage) {
	case STAGE_NAME:
		name_typed(shell, data);
		break;
	case STAGE_PASSWORD:
		password_typed(shell, data);
		break;
	case STAGE_PROMPT:
		command_run(shell, data);
		if (shell->stage == STAGE_PROMPT)
			prompt(shell);
		break;
	case STAGE_BOOT:
	case STAGE_TASK:
		break;
	}
}

/* ^D: the end of what a task reads, or of the session. */
static void
ended(struct shell *shell)
{
	if (shell->reads)
		shell_finish(shell);
	else if (shell->stage != STAGE_TASK && shell->stage != STAGE_BOOT)
		shell_login(shell);
}

static bool
is_reading(const struct shell *shell)
{
	return shell->out.len == 0 && (shell->reads ||
	    (shell->stage != STAGE_BOOT && shell->stage != STAGE_TASK));
}

void
shell_run(struct shell *shell, short events, int64_t now)
{
	char data[LINE + 1];
	ssize_t n;

	(void)pipeline_write(&shell->out, shell->guest->slave);
	if ((events & POLLIN) != 0 && is_reading(shell)) {
		n = read(shell->guest->slave, data, LINE);
		if (n == 0)
			ended(shell);
		else if (n > 0)
			typed(shell, data, (size_t)n);
	}
	if (shell->step != NULL && shell->out.len == 0 && shell->due != -1 &&
	    shell->due <= now)
		shell->step(shell, now);
	(void)pipeline_write(&shell->out, shell->guest->slave);
}

void
shell_interrupt(struct shell *shell)
{
	shell->out.len = 0;
	if (shell->stage == STAGE_TASK) {
		shell_print(shell, "\n");
		shell_finish(shell);
	} else if (shell->stage == STAGE_PROMPT) {
		shell_print(shell, "\n");
		prompt(shell);
	} else if (shell->stage == STAGE_PASSWORD) {
		shell_set_echo(shell, true);
		shell_login(shell);
	}
}

short
shell_wants(const struct shell *shell)
{
	return (short)((shell->out.len > 0 ? POLLOUT : 0) |
	    (is_reading(shell) ? POLLIN : 0));
}

int64_t
shell_due(const struct shell *shell)
{
	/* While the terminal is full, its room is what is waited for. */
	return shell->step != NULL && shell->out.len == 0 ? shell->due : -1;
}

struct shell *
shell_new(struct guest *guest)
{
	struct shell *shell;

	shell = calloc(1, sizeof(*shell));
	if (shell == NULL ||
	    (shell->out.data = malloc(OUT_BYTES)) == NULL) {
		free(shell);
		return NULL;
	}
	shell->guest = guest;
	shell->out.size = OUT_BYTES;
	shell->due = -1;
	(void)tcgetattr(guest->slave, &shell->sane);
	return shell;
}
