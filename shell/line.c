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
#include "shell/terminal.h"

#define PROMPT "vpsh> "

void
line_init(struct line *line, int fd, bool person)
{
	memset(line, 0, sizeof(*line));
	line->fd = fd;
	line->person = person;
}

void
line_edit(struct line *line, const char *term, edit_complete complete,
    void *arg)
{
	line->editing = line->person && term != NULL && *term != '\0' &&
	    strcmp(term, "dumb") != 0 && strcmp(term, "unknown") != 0;
	edit_init(&line->edit, stdout, complete, arg);
}

void
line_dispose(struct line *line)
{
	edit_dispose(&line->edit);
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

/*
 * More input, and what the broker says meanwhile.  Returns true when there
 * is more in the buffer, else false and why.
 */
static bool
read_more(struct line *line, struct client *client, enum line_end *end)
{
	struct pollfd fds[2];
	ssize_t n;

	for (;;) {
		fds[0] = (struct pollfd){ line->fd, POLLIN, 0 };
		fds[1] = (struct pollfd){ client->fd, POLLIN, 0 };
		if (signals_wait(fds, 2, -1) == -1) {
			*end = LINE_OVER;
			if (errno != EINTR)
				return false;
			forget_typed(line);
			*end = LINE_INTERRUPTED;
			return false;
		}
		*end = LINE_BYE;
		if (fds[1].revents != 0 && client_drain(client) != 0)
			return false;
		if (fds[0].revents == 0)
			continue;
		n = read(line->fd, line->buffer + line->len,
		    sizeof(line->buffer) - line->len);
		if (n > 0) {
			line->len += (size_t)n;
			return true;
		}
		*end = LINE_OVER;
		if (n == 0 || (errno != EINTR && errno != EAGAIN))
			return false;
	}
}

enum line_end
line_read(struct line *line, struct client *client)
{
	enum line_end end;

	while (!take_line(line, &end))
		if (!read_more(line, client, &end))
			return end == LINE_OVER ? at_end(line) : end;
	return end;
}

/* Does anything but Enter follow in the same read? */
static bool
text_follows(const struct line *line, size_t i)
{
	return i + 1 < line->len && (i + 2 < line->len ||
	    (line->buffer[i + 1] != '\r' && line->buffer[i + 1] != '\n'));
}

/* Give the editor what is there; false when it wants more. */
static bool
edit_some(struct line *line, enum line_end *end)
{
	enum edit_end result = EDIT_GOES_ON;
	size_t i = 0;

	while (i < line->len && result == EDIT_GOES_ON) {
		result = edit_byte(&line->edit, line->buffer[i],
		    text_follows(line, i));
		i++;
	}
	line->len -= i;
	memmove(line->buffer, line->buffer + i, line->len);
	if (result == EDIT_GOES_ON)
		return false;
	line->text_len = result == EDIT_LINE ? line->edit.len : 0;
	memcpy(line->text, line->edit.text, line->text_len);
	line->text[line->text_len] = '\0';
	*end = result == EDIT_LINE ? LINE_TEXT :
	    result == EDIT_LONG    ? LINE_LONG :
				     LINE_OVER;
	/* The terminal does not echo it. */
	if (result != EDIT_OVER)
		fputc('\n', stdout);
	return true;
}

/* A line that its terminal did not live to see the end of is nobody's. */
static enum line_end
read_edited(struct line *line, struct client *client, const char *prompt)
{
	enum line_end end;

	edit_begin(&line->edit, prompt);
	while (!edit_some(line, &end)) {
		fflush(stdout);
		if (!read_more(line, client, &end)) {
			forget_typed(line);
			break;
		}
	}
	return end;
}

enum line_end
line_prompt(struct line *line, struct client *client, const char *prompt)
{
	enum line_end end;

	/* The terminal first: who sees the prompt may type. */
	if (line->editing && terminal_edit(line->fd) == 0) {
		end = read_edited(line, client, prompt);
		terminal_leave();
		fflush(stdout);
		return end;
	}
	if (line->person)
		fputs(prompt, stdout);
	fflush(stdout);
	return line_read(line, client);
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
tell_late(struct client *client, bool person)
{
	char text[WIRE_TEXT + WIRE_REF + 2];
	size_t i;

	for (i = 0; i < client->nlate; i++) {
		text_format(text, sizeof(text), "%s: %s", client->late[i].ref,
		    client->late[i].text);
		/* A script's stdout is for what it asked for. */
		output_say(person && client->late[i].err == 0 ? stdout :
								stderr,
		    text);
	}
	client->nlate = 0;
}

/* The first line of who was cut off from a console. */
static void
offer_back(struct session *session)
{
	const char *back = session_back(session);
	char text[WIRE_TEXT];

	if (back == NULL || session->offered)
		return;
	session->offered = true;
	text_format(text, sizeof(text), "Enter: back to the console of %s.",
	    back);
	output_say(stdout, text);
	text_copy(session->back, sizeof(session->back), back);
}

/* The offer is for the very first line, and for nothing else but Enter. */
static int
run_line(struct session *session)
{
	const struct line *line = &session->line;
	char text[WIRE_NAME * 2];
	bool back = session->back[0] != '\0' && line->text_len == 0;

	text_format(text, sizeof(text), "console %s", session->back);
	session->back[0] = '\0';
	return back ? command_run(session, text, strlen(text)) :
		      command_run(session, line->text, line->text_len);
}

static void
greet(struct session *session)
{
	struct wire_guest *guests = NULL;
	char text[WIRE_TEXT];
	size_t n = 0;
	int err;

	session->prefers = false;
	err = session_zone(session);
	offer_back(session);
	if (err != 0 || (err = session_who(session, NULL)) != 0 ||
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

/* What to do with one end of reading; true when the loop is over. */
static bool
handle(struct session *session, enum line_end end, int *err)
{
	const struct line *line = &session->line;

	session->json = false;
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
		if (line->person)
			fputc('\n', stdout);
		return true;
	case LINE_INTERRUPTED:
		fputc('\n', stdout);
		return !line->person;
	case LINE_BYE:
		fputc('\n', stdout);
		*err = session_fail(session, session->client.said.err, NULL,
		    NULL, NULL);
		break;
	}
	/* A script cannot look after a service that is not there. */
	return session->leave || session->client.over ||
	    (*err == VPSH_ERR_SERVICE && !line->person);
}

int
line_loop(struct session *session)
{
	struct line *line = &session->line;
	int err = 0;

	if (line->person)
		greet(session);
	while (!session->client.over) {
		tell_late(&session->client, line->person);
		if (handle(session,
			line_prompt(line, &session->client, PROMPT), &err))
			break;
	}
	/* A person saw how it went; what counts is whether they could stay. */
	if (session->client.over)
		return session->client.said.err;
	return line->person ? 0 : err;
}
