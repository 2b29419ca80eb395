/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ansi.h"
#include "base/ansi.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/viewers.h"
#include "wire/err.h"
#include "wire/right.h"

/* A guest that talks without end is looked at so often. */
#define LINES_MS 100

/* The console server, or the broker behind it, may be restarting. */
#define AGAIN_MS 1000

/* They stay open for so long where they are not shown. */
#define LINGER_MS 3000

/* Frames of one turn; keys and the broker come in between. */
#define FRAMES_MAX 32

/* Bytes of a console that become text at a time. */
#define PIECE 1024

void
viewers_init(struct viewers *viewers, struct feed *feed)
{
	memset(viewers, 0, sizeof(*viewers));
	viewers->feed = feed;
	viewers->lines = viewers->log = -1;
	viewers->next_ms = viewers->close_ms = -1;
}

/* --- the last lines ------------------------------------------------------ */

static void
lines_close(struct viewers *viewers, int64_t next_ms)
{
	fd_close(&viewers->lines);
	feed_forget(viewers->feed, FEED_LINES);
	viewers->next_ms = next_ms;
}

void
viewers_close(struct viewers *viewers)
{
	lines_close(viewers, viewers->guest[0] != '\0' ? clock_ms() : -1);
	if (viewers->log != -1)
		menu_loaded(viewers->feed->menu, MENU_DO_LOG, false);
	fd_close(&viewers->log);
}

static void
lines_ask(struct viewers *viewers)
{
	struct wire_attach body = { .from = WIRE_FROM_TAIL,
		.tail = VIEWERS_TAIL,
		.flags = WIRE_ATTACH_LOG | WIRE_ATTACH_FOLLOW,
		.since_ms = -1 };
	uint32_t rights = feed_rights(viewers->feed, viewers->guest);

	if ((rights & RIGHT_BIT(RIGHT_LOG)) == 0) {
		viewers->next_ms = -1;
		return;
	}
	text_copy(body.guest, sizeof(body.guest), viewers->guest);
	viewers->next_ms = feed_ask(viewers->feed, FEED_LINES, WIRE_LOG, &body,
	    sizeof(body)) ? -1 : clock_ms() + AGAIN_MS;
}

void
viewers_want(struct viewers *viewers, const char *guest)
{
	int64_t now = clock_ms();

	if (*guest == '\0' && viewers->lines != -1) {
		/* Between two screens that show them nothing is asked anew. */
		if (viewers->close_ms == -1)
			viewers->close_ms = now + LINGER_MS;
		if (now < viewers->close_ms)
			return;
	}
	viewers->close_ms = -1;
	if (strcmp(viewers->guest, guest) != 0) {
		lines_close(viewers, *guest != '\0' ? now : -1);
		text_copy(viewers->guest, sizeof(viewers->guest), guest);
		viewers->denied = false;
	}
	if (*guest == '\0' || viewers->denied || viewers->lines != -1 ||
	    viewers->feed->state != FEED_UP ||
	    viewers->feed->asks[FEED_LINES].open)
		return;
	if (viewers->next_ms == -1 || viewers->next_ms <= now)
		lines_ask(viewers);
}

void
viewers_lines_answer(struct viewers *viewers, const struct wire_msg *msg,
    int *fd)
{
	if (msg->head.type != WIRE_ATTACHED) {
		/* They were not asked for by hand: nothing is said. */
		viewers->denied = msg->head.type == WIRE_REFUSED &&
		    msg->u.outcome.err != VPSH_ERR_CONSOLE &&
		    msg->u.outcome.err != VPSH_ERR_RATE;
		viewers->next_ms = viewers->denied ? -1 : clock_ms() + AGAIN_MS;
		return;
	}
	fd_close(&viewers->lines);
	if (fd_set_nonblock(*fd) == -1)
		return;
	viewers->lines = *fd;
	*fd = -1;
	viewers->fresh = true;
	ansi_init(&viewers->ansi);
	viewers->next_ms = -1;
}

/* In pieces, so that little memory is enough. */
static void
lines_show(struct viewers *viewers, const uint8_t *data, size_t len)
{
	char plain[ANSI_PLAIN_MAX(PIECE)];
	size_t at, n, shown;

	for (at = 0; at < len; at += n) {
		n = len - at < PIECE ? len - at : PIECE;
		shown = ansi_plain(&viewers->ansi, data + at, n, plain);
		menu_console(viewers->feed->menu, viewers->guest, plain, shown,
		    viewers->fresh);
		viewers->fresh = false;
	}
}

/* One frame: 1 when there is another, 0 when there is none, -1 at the end. */
static int
next_frame(int viewer, struct wire_msg *msg, ssize_t *len)
{
	*len = wire_recv(viewer, msg, WIRE_CONSOLE_VIEWER, NULL, NULL);
	if (*len == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return *len <= 0 || msg->head.type == WIRE_VIEW_END ? -1 : 1;
}

static void
lines_run(struct viewers *viewers)
{
	struct wire_msg msg;
	int r = 0, frames;
	ssize_t len;

	for (frames = 0; frames < FRAMES_MAX; frames++) {
		if ((r = next_frame(viewers->lines, &msg, &len)) != 1)
			break;
		if (msg.head.type == WIRE_OUTPUT)
			lines_show(viewers, msg.u.output.data,
			    (size_t)len - offsetof(struct wire_output, data));
	}
	viewers->next_ms = clock_ms() + LINES_MS;
	if (r == -1)
		lines_close(viewers, clock_ms() + AGAIN_MS);
}

/* --- the log ------------------------------------------------------------- */

void
viewers_log(struct viewers *viewers, const char *guest)
{
	struct wire_attach body = { .from = WIRE_FROM_TAIL,
		.tail = WIRE_RING_BYTES,
		.flags = WIRE_ATTACH_LOG,
		.since_ms = -1 };

	fd_close(&viewers->log);
	text_copy(body.guest, sizeof(body.guest), guest);
	(void)feed_ask(viewers->feed, FEED_LOG, WIRE_LOG, &body, sizeof(body));
}

void
viewers_log_answer(struct viewers *viewers, const struct wire_msg *msg,
    int *fd)
{
	struct menu *menu = viewers->feed->menu;

	if (msg->head.type == WIRE_REFUSED)
		menu_say(menu, msg->u.outcome.text);
	fd_close(&viewers->log);
	if (msg->head.type != WIRE_ATTACHED || fd_set_nonblock(*fd) == -1) {
		menu_loaded(menu, MENU_DO_LOG, false);
		return;
	}
	viewers->log = *fd;
	*fd = -1;
	viewers->log_ms = -1;
	viewers->nline = 0;
}

/* Carriage returns may have made more than one of it. */
static void
line_end(struct viewers *viewers)
{
	char *plain, *at, *next;
	size_t len;

	plain = ansi_text(viewers->line, viewers->nline, &len);
	viewers->nline = 0;
	for (at = plain; at != NULL; at = next) {
		next = strchr(at, '\n');
		if (next != NULL)
			*next++ = '\0';
		menu_log(viewers->feed->menu, viewers->log_ms, at);
	}
	free(plain);
}

static void
log_bytes(struct viewers *viewers, const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (data[i] == '\n' || viewers->nline == VIEWERS_LINE)
			line_end(viewers);
		if (data[i] != '\n')
			viewers->line[viewers->nline++] = data[i];
	}
}

/* What is ours stands between two lines of the guest's. */
static void
log_mark(struct viewers *viewers, const char *mark)
{
	char line[WIRE_TEXT + 8];

	if (viewers->nline > 0)
		line_end(viewers);
	text_format(line, sizeof(line), "%c%s", MENU_MARK, mark);
	menu_log(viewers->feed->menu, viewers->log_ms, line);
}

static void
log_over(struct viewers *viewers, const struct wire_msg *msg, ssize_t len)
{
	if (viewers->nline > 0)
		line_end(viewers);
	fd_close(&viewers->log);
	menu_loaded(viewers->feed->menu, MENU_DO_LOG,
	    len > 0 && msg->u.outcome.err == 0);
	if (len <= 0)
		menu_say(viewers->feed->menu,
		    "This log is not whole: vpsh was restarted. Leave it "
		    "and open it again.");
	else if (msg->u.outcome.err != 0)
		menu_say(viewers->feed->menu, msg->u.outcome.text);
}

static void
log_run(struct viewers *viewers)
{
	struct wire_msg msg;
	int r = 0, frames;
	ssize_t len = 0;

	for (frames = 0; frames < FRAMES_MAX; frames++) {
		if ((r = next_frame(viewers->log, &msg, &len)) != 1)
			break;
		if (msg.head.type == WIRE_OUTPUT)
			log_bytes(viewers, msg.u.output.data,
			    (size_t)len - offsetof(struct wire_output, data));
		else if (msg.head.type == WIRE_STAMP)
			viewers->log_ms = msg.u.stamp.wall_ms;
		else if (msg.head.type == WIRE_EVENT)
			log_mark(viewers, msg.u.text.text);
	}
	if (r == -1)
		log_over(viewers, &msg, len);
}

/* --- both ---------------------------------------------------------------- */

int
viewers_lines_fd(const struct viewers *viewers, int64_t now)
{
	return now >= viewers->next_ms ? viewers->lines : -1;
}

int64_t
viewers_due(const struct viewers *viewers, int64_t now)
{
	int64_t due = viewers->next_ms > now ? viewers->next_ms : -1;

	if (viewers->guest[0] == '\0')
		return -1;
	return due == -1 || (viewers->close_ms != -1 &&
				viewers->close_ms < due) ?
	    viewers->close_ms :
	    due;
}

void
viewers_run(struct viewers *viewers, bool lines, bool log)
{
	if (lines && viewers->lines != -1)
		lines_run(viewers);
	if (log && viewers->log != -1)
		log_run(viewers);
}
