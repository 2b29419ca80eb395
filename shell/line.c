/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/text.h"
#include "shell/command.h"
#include "shell/line.h"
#include "shell/output.h"
#include "shell/session.h"
#include "shell/signals.h"

#define PROMPT "vpsh> "

void
line_init(struct line *line, int fd, bool person)
{
	memset(line, 0, sizeof(*line));
	line->fd = fd;
	line->person = person;
}

/* Is there a whole line in the buffer?  Then take it out. */
static bool
take_line(struct line *line, enum line_end *end)
{
	char *newline = memchr(line->buffer, '\n', line->len);
	size_t len;

	if (newline == NULL) {
		if (line->len == sizeof(line->buffer)) {
			line->skipping = true;
			line->len = 0;
		}
		return false;
	}
	len = (size_t)(newline - line->buffer);
	*end = line->skipping || len > WORDS_LINE_MAX ? LINE_LONG : LINE_TEXT;
	line->skipping = false;
	line->text_len = *end == LINE_TEXT ? len : 0;
	memcpy(line->text, line->buffer, line->text_len);
	line->text[line->text_len] = '\0';
	line->len -= len + 1;
	memmove(line->buffer, newline + 1, line->len);
	return true;
}

/* A line that the connection cut off may lack its most important word. */
static enum line_end
at_end(struct line *line)
{
	bool rest = line->len > 0 || line->skipping;

	line->len = 0;
	line->skipping = false;
	return rest ? LINE_CUT : LINE_OVER;
}

static void
forget_typed(struct line *line)
{
	line->len = 0;
	line->skipping = false;
}

enum line_end
line_read(struct line *line, struct client *client)
{
	struct pollfd fds[2];
	enum line_end end;
	ssize_t n;

	for (;;) {
		if (take_line(line, &end))
			return end;
		fds[0] = (struct pollfd){ line->fd, POLLIN, 0 };
		fds[1] = (struct pollfd){ client->fd, POLLIN, 0 };
		if (signals_wait(fds, 2, -1) == -1) {
			if (errno != EINTR)
				return LINE_OVER;
			forget_typed(line);
			return LINE_INTERRUPTED;
		}
		if (fds[1].revents != 0 && client_drain(client) != 0)
			return LINE_BYE;
		if (fds[0].revents == 0)
			continue;
		n = read(line->fd, line->buffer + line->len,
		    sizeof(line->buffer) - line->len);
		if (n > 0)
			line->len += (size_t)n;
		else if (n == 0 || (errno != EINTR && errno != EAGAIN))
			return at_end(line);
	}
}

const char *
line_ask(struct line *line, struct client *client, const char *prompt)
{
	size_t len;

	tcflush(line->fd, TCIFLUSH);
	forget_typed(line);
	fputs(prompt, stdout);
	fflush(stdout);
	if (line_read(line, client) != LINE_TEXT) {
		fputc('\n', stdout);
		return NULL;
	}
	len = line->text_len;
	while (len > 0 && line->text[len - 1] == ' ')
		len--;
	/* An answer with a NUL in it is shorter than it claims: no answer. */
	line->text[len] = '\0';
	return strlen(line->text) == len ?
	    line->text + strspn(line->text, " ") :
	    NULL;
}

/* What ended while somebody was typing is told before the next prompt. */
static void
tell_late(struct client *client)
{
	char text[WIRE_TEXT + WIRE_REF + 2];
	size_t i;

	for (i = 0; i < client->nlate; i++) {
		text_format(text, sizeof(text), "%s: %s", client->late[i].ref,
		    client->late[i].text);
		output_say(client->late[i].err == 0 ? stdout : stderr, text);
	}
	client->nlate = 0;
}

static void
greet(struct session *session)
{
	struct wire_guest *guests = NULL;
	char text[WIRE_TEXT];
	size_t n = 0;
	int err;

	if ((err = session_who(session, NULL)) != 0 ||
	    (err = session_list(session, &guests, &n)) != 0) {
		session_fail(session, err, "list", NULL, NULL);
		return;
	}
	text_format(text, sizeof(text),
	    "This is vpsh on %s, for %s. %sType "
	    "help for the commands.",
	    session->host, session->customer,
	    n == 0 ? "You have no guests here. " : "");
	output_say(stdout, text);
	if (n > 0) {
		fputc('\n', stdout);
		output_list(stdout, output_columns(stdout), guests, n);
		fputc('\n', stdout);
	}
	free(guests);
}

static int
run_line(struct session *session)
{
	struct words words;
	int err;

	err = words_split(&words, session->line.text, session->line.text_len);
	if (err != 0)
		return session_fail(session, err, NULL, NULL,
		    err == VPSH_ERR_USAGE ? WORDS_LIMIT_TEXT : NULL);
	return command_run(session, &words);
}

/* What to do with one end of reading; true when the loop is over. */
static bool
handle(struct session *session, enum line_end end, int *err)
{
	switch (end) {
	case LINE_TEXT:
		*err = run_line(session);
		break;
	case LINE_LONG:
		*err = session_fail(session, VPSH_ERR_USAGE, NULL, NULL,
		    WORDS_LIMIT_TEXT);
		break;
	case LINE_CUT:
		*err = session_fail(session, VPSH_ERR_USAGE, NULL, NULL,
		    "the last line has no end, so it may not be whole");
		return true;
	case LINE_OVER:
		if (session->line.person)
			fputc('\n', stdout);
		return true;
	case LINE_INTERRUPTED:
		fputc('\n', stdout);
		return !session->line.person;
	case LINE_BYE:
		fputc('\n', stdout);
		*err = session_fail(session, session->client.said.err, NULL,
		    NULL, NULL);
		break;
	}
	/* A script cannot look after a service that is not there. */
	return session->leave || session->client.over ||
	    (*err == VPSH_ERR_SERVICE && !session->line.person);
}

int
line_loop(struct session *session)
{
	struct line *line = &session->line;
	int err = 0;

	if (line->person)
		greet(session);
	while (!session->client.over) {
		tell_late(&session->client);
		if (line->person)
			fputs(PROMPT, stdout);
		fflush(stdout);
		if (handle(session, line_read(line, &session->client), &err))
			break;
	}
	/* A person saw how it went; what counts is whether they could stay. */
	if (session->client.over)
		return session->client.said.err;
	return line->person ? 0 : err;
}
