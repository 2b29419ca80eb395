/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "menu/menu.h"
#include "shell/face.h"
#include "shell/line.h"
#include "shell/menu_loop.h"
#include "shell/output.h"
#include "shell/signals.h"
#include "wire/err.h"

void
face_open(struct face *face, struct session *session,
    const struct environ_claims *claims, enum wire_mode wish)
{
	const struct menu_options options = { .term = session->term,
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.utf8 = claims->utf8,
		.colour = !claims->no_color };

	memset(face, 0, sizeof(*face));
	face->session = session;
	face->wish = wish != WIRE_MODE_DEFAULT ? wish : claims->wish;
	face->can = session->line.person && claims->term &&
	    tcgetattr(STDIN_FILENO, &face->before) == 0;
	if (!face->can)
		return;
	/* It may be asked for later, when nothing can be opened any more. */
	session->menu = menu_open(&options);
	/* Whatever curses has done about them. */
	signals_init();
}

void
face_close(struct face *face)
{
	menu_close(face->session->menu);
	face->session->menu = NULL;
}

/* Why there is no menu, for who might expect one. */
static void
say_why(const struct face *face)
{
	char text[WIRE_TEXT];

	if (!face->can || face->wish == WIRE_MODE_LINE)
		return;
	if (face->session->menu == NULL)
		text_format(text, sizeof(text),
		    "The menu needs a terminal that can be drawn on, and %s "
		    "is not known here; so this is line mode.",
		    face->session->term);
	else
		text_format(text, sizeof(text),
		    "The menu needs a window of %d columns and %d lines; so "
		    "this is line mode. Type menu when it is larger.",
		    MENU_COLUMNS, MENU_LINES);
	output_say(stdout, text);
}

/* One clear line on the terminal as it was before. */
static int
say_end(struct face *face, const struct menu_loop_result *result)
{
	struct session *session = face->session;

	if (session->aside[0] != '\0') {
		output_say(stderr, session->aside);
		return result->err;
	}
	return session_fail(session, result->err, NULL, NULL, NULL);
}

static void
die(struct face *face, int number)
{
	face_close(face);
	output_say(stderr,
	    "vpsh was told to end. Your guests run on, and so does what was "
	    "begun.");
	exit(128 + number);
}

static void
say_jobs(const struct client *client)
{
	char text[WIRE_TEXT];
	size_t i;

	for (i = 0; i < client->nleft; i++) {
		text_format(text, sizeof(text),
		    "Job %s goes on; job %s shows what it comes to.",
		    client->left[i].ref, client->left[i].ref);
		output_say(stdout, text);
	}
}

/* True: line mode is next. */
static bool
run_menu(struct face *face, int *err)
{
	const struct menu_loop_options options = { face->session,
		&face->before, face->wish };
	struct menu_loop_result result;

	menu_loop(&options, &result);
	/* From here on they have chosen. */
	face->wish = WIRE_MODE_MENU;
	*err = 0;
	switch (result.end) {
	case MENU_LOOP_QUIT:
		say_jobs(&face->session->client);
		break;
	case MENU_LOOP_HUNG_UP:
		break;
	case MENU_LOOP_LINE:
		return true;
	case MENU_LOOP_SIGNAL:
		die(face, result.signal);
		break;
	case MENU_LOOP_OVER:
		*err = say_end(face, &result);
		break;
	}
	return false;
}

int
face_run(struct face *face)
{
	struct session *session = face->session;
	bool menu = session->menu != NULL && menu_fits(session->menu) &&
	    face->wish != WIRE_MODE_LINE;
	int err = 0;

	if (!menu && session->line.person)
		say_why(face);
	for (;;) {
		if (menu && !run_menu(face, &err))
			return err;
		session->to_menu = session->leave = false;
		err = line_loop(session);
		if (!session->to_menu)
			return err;
		/* They are awake, and what they typed was for line mode. */
		menu_resume(session->menu);
		menu = true;
	}
}
