/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/feed.h"
#include "wire/err.h"

/* Between two tries, growing. */
#define DELAY_MIN_MS 50
#define DELAY_MAX_MS 1000

/* A queue that nobody takes from may be that of a socket that is no more. */
#define GREET_MS 3000

/* After a refusal to say how the guests are. */
#define FOLLOW_MS 1000

/* More than any customer has; a broker that sends more is broken. */
#define GUESTS_MAX 4096

#define AWAY_TEXT                                                           \
	"vpsh is restarting; this comes back by itself. Your guests run on, " \
	"and so does what was begun."

void
feed_init(struct feed *feed, struct session *session,
    const struct feed_ops *ops, void *arg)
{
	memset(feed, 0, sizeof(*feed));
	feed->session = session;
	feed->menu = session->menu;
	feed->ops = ops;
	feed->arg = arg;
	feed->next_ms = -1;
}

void
feed_dispose(struct feed *feed)
{
	free(feed->guests);
	feed->guests = NULL;
	feed->nguests = 0;
}

/* --- the connection ------------------------------------------------------ */

static void
set_away(struct feed *feed, bool away)
{
	if (feed->away != away)
		menu_away(feed->menu, away ? AWAY_TEXT : NULL);
	feed->away = away;
}

static void
connect_at(struct feed *feed, int64_t when)
{
	client_close(&feed->session->client);
	feed->state = FEED_CONNECT;
	feed->next_ms = when;
}

static void
connect_later(struct feed *feed)
{
	set_away(feed, true);
	connect_at(feed, clock_ms() + feed->delay_ms);
	feed->delay_ms *= 2;
	if (feed->delay_ms > DELAY_MAX_MS)
		feed->delay_ms = DELAY_MAX_MS;
}

static void
lost(struct feed *feed)
{
	size_t i;

	for (i = 0; i < FEED_KINDS; i++)
		feed->asks[i].id = 0;
	feed->ops->lost(feed->arg);
	set_away(feed, true);
	feed->delay_ms = DELAY_MIN_MS;
	connect_at(feed, clock_ms());
}

static void
connect_now(struct feed *feed)
{
	struct client *client = &feed->session->client;
	int err;

	memset(&client->said, 0, sizeof(client->said));
	err = client_begin(client);
	if (err == VPSH_ERR_SERVICE) {
		connect_later(feed);
	} else if (err != 0) {
		feed->err = err;
	} else {
		feed->state = FEED_GREET;
		feed->next_ms = clock_ms() + GREET_MS;
	}
}

/* --- questions ----------------------------------------------------------- */

static void
post(struct feed *feed, struct feed_ask *ask)
{
	struct client *client = &feed->session->client;

	if (client_post(client, ask->type, &ask->body) == 0)
		ask->id = client->id;
}

bool
feed_ask(struct feed *feed, enum feed_kind kind, uint32_t type,
    const void *body, size_t size)
{
	struct feed_ask *ask = &feed->asks[kind];

	if (feed->state != FEED_UP)
		return false;
	memset(ask, 0, sizeof(*ask));
	memcpy(&ask->body, body, size);
	ask->open = true;
	ask->type = type;
	ask->asked_ms = clock_ms();
	post(feed, ask);
	return true;
}

void
feed_forget(struct feed *feed, enum feed_kind kind)
{
	feed->asks[kind].open = false;
	feed->asks[kind].id = 0;
}

static void
follow(struct feed *feed)
{
	struct wire_look look;
	size_t i;

	memset(&look, 0, sizeof(look));
	look.flags = feed->counters ? WIRE_LOOK_COUNTERS : 0;
	for (i = 0; i < feed->nguests; i++)
		feed->guests[i].listed = false;
	(void)feed_ask(feed, FEED_FOLLOW, WIRE_FOLLOW, &look, sizeof(look));
}

void
feed_counters(struct feed *feed, bool wanted)
{
	if (feed->counters == wanted)
		return;
	feed->counters = wanted;
	if (feed->state == FEED_UP)
		follow(feed);
}

/* What was under way for long is of no interest any more. */
static void
ask_again(struct feed *feed)
{
	int64_t now = clock_ms();
	struct feed_ask *ask;

	for (ask = feed->asks; ask < feed->asks + FEED_KINDS; ask++)
		if (ask->open && ask->id == 0 &&
		    now - ask->asked_ms < FEED_AGAIN_MS)
			post(feed, ask);
		else if (ask->id == 0)
			ask->open = false;
}

/* All in one go; then what else there is. */
static void
up(struct feed *feed)
{
	const struct wire_empty empty = { 0 };

	feed->state = FEED_UP;
	feed->next_ms = -1;
	feed->delay_ms = DELAY_MIN_MS;
	set_away(feed, false);
	(void)feed_ask(feed, FEED_WHO, WIRE_WHOAMI, &empty, sizeof(empty));
	if (feed->session->client.version >= CLIENT_PREFS && !feed->met)
		(void)feed_ask(feed, FEED_PREFS, WIRE_PREFS, &empty,
		    sizeof(empty));
	follow(feed);
	ask_again(feed);
	feed->ops->back(feed->arg);
}

void
feed_resume(struct feed *feed)
{
	size_t i;

	for (i = 0; i < FEED_KINDS; i++)
		feed_forget(feed, (enum feed_kind)i);
	feed->delay_ms = DELAY_MIN_MS;
	if (feed->session->client.fd == -1)
		connect_at(feed, clock_ms());
	else
		up(feed);
}

void
feed_pause(struct feed *feed)
{
	const struct wire_empty empty = { 0 };

	if (feed->state == FEED_UP)
		(void)client_post(&feed->session->client, WIRE_UNFOLLOW,
		    &empty);
	else
		client_close(&feed->session->client);
}

bool
feed_ready(const struct feed *feed)
{
	return feed->listed && feed->session->customer[0] != '\0' &&
	    !feed->asks[FEED_PREFS].open;
}

/* --- guests -------------------------------------------------------------- */

static struct feed_guest *
find(const struct feed *feed, const char *name)
{
	size_t i;

	for (i = 0; i < feed->nguests; i++)
		if (strcmp(feed->guests[i].name, name) == 0)
			return &feed->guests[i];
	return NULL;
}

uint32_t
feed_rights(const struct feed *feed, const char *guest)
{
	const struct feed_guest *known = find(feed, guest);

	return known != NULL ? known->rights : 0;
}

static void
take_guest(struct feed *feed, const struct wire_guest *guest)
{
	struct feed_guest *known = find(feed, guest->name), *more;

	if (known == NULL) {
		if (feed->nguests == GUESTS_MAX)
			return;
		more = reallocarray(feed->guests, feed->nguests + 1,
		    sizeof(*more));
		if (more == NULL)
			return;
		feed->guests = more;
		known = &more[feed->nguests++];
		text_copy(known->name, sizeof(known->name), guest->name);
	}
	known->rights = guest->rights;
	known->listed = true;
	session_remember(feed->session, guest);
	menu_guest(feed->menu, guest, clock_ms());
}

static void
drop_guest(struct feed *feed, struct feed_guest *guest)
{
	menu_left(feed->menu, guest->name);
	feed->nguests--;
	memmove(guest, guest + 1,
	    (feed->nguests - (size_t)(guest - feed->guests)) * sizeof(*guest));
}

/* The list is whole: what was not in it is theirs no more. */
static void
take_list(struct feed *feed)
{
	size_t i;

	for (i = feed->nguests; i-- > 0;)
		if (!feed->guests[i].listed)
			drop_guest(feed, &feed->guests[i]);
	feed->listed = true;
	menu_listed(feed->menu);
}

static void
take_follow(struct feed *feed, const struct wire_msg *msg)
{
	struct feed_guest *guest;

	switch (msg->head.type) {
	case WIRE_GUEST:
		take_guest(feed, &msg->u.guest);
		break;
	case WIRE_END:
		take_list(feed);
		break;
	case WIRE_LEFT:
		guest = find(feed, msg->u.name.guest);
		if (guest != NULL)
			drop_guest(feed, guest);
		break;
	case WIRE_REFUSED:
		menu_say(feed->menu, msg->u.outcome.text);
		feed_forget(feed, FEED_FOLLOW);
		feed->next_ms = clock_ms() + FOLLOW_MS;
		break;
	default:
		break;
	}
}

/* --- frames -------------------------------------------------------------- */

/* The last frame of an answer; FOLLOW has none. */
static bool
is_last(enum feed_kind kind, uint32_t type)
{
	if (kind == FEED_FOLLOW)
		return false;
	return kind != FEED_ACTIVITY || type != WIRE_ACT;
}

static void
answer(struct feed *feed, enum feed_kind kind, const struct wire_msg *msg,
    int *fd)
{
	if (is_last(kind, msg->head.type))
		feed_forget(feed, kind);
	feed->met = feed->met || kind == FEED_PREFS;
	if (kind == FEED_FOLLOW) {
		take_follow(feed, msg);
	} else if (kind == FEED_WHO) {
		if (msg->head.type != WIRE_WHO)
			return;
		session_whose(feed->session, &msg->u.who);
		menu_who(feed->menu, &msg->u.who);
	} else
		feed->ops->answer(feed->arg, kind, msg, fd);
}

/* Jobs of line mode, and the end of the connection. */
static void
take_other(struct feed *feed, const struct wire_msg *msg)
{
	struct client *client = &feed->session->client;
	char text[WIRE_TEXT + WIRE_REF + 2];
	int err;

	err = client_other(client, msg);
	if (err != 0 && client->over)
		feed->err = err;
	else if (err != 0)
		lost(feed);
	if (client->nlate == 0)
		return;
	text_format(text, sizeof(text), "%s: %s", client->late[0].ref,
	    client->late[0].text);
	menu_say(feed->menu, text);
	client->nlate = 0;
}

static void
take(struct feed *feed, const struct wire_msg *msg, int *fd)
{
	size_t i;

	if (msg->head.type != WIRE_BYE && msg->head.id != 0)
		for (i = 0; i < FEED_KINDS; i++)
			if (feed->asks[i].id == msg->head.id) {
				answer(feed, (enum feed_kind)i, msg, fd);
				return;
			}
	if (msg->head.type == WIRE_BYE || !feed->ops->other(feed->arg, msg))
		take_other(feed, msg);
}

/* HELLO, or what came instead of it. */
static void
greeted(struct feed *feed, const struct wire_msg *msg)
{
	struct client *client = &feed->session->client;
	int err = client_greeted(client, msg);

	if (err == 0)
		up(feed);
	else if (client->over)
		feed->err = err;
	else
		connect_later(feed);
}

/* All frames that are there; the connection may be another one then. */
static void
take_frames(struct feed *feed)
{
	struct client *client = &feed->session->client;
	struct wire_msg msg;
	int err, fd;

	while (feed->err == 0 && client->fd != -1) {
		err = client_take(client, &msg, &fd);
		if (err == 1)
			return;
		if (err != 0)
			break;
		if (feed->state == FEED_GREET)
			greeted(feed, &msg);
		else
			take(feed, &msg, &fd);
		fd_close(&fd);
		if (feed->state == FEED_CONNECT)
			return;
	}
	if (feed->err != 0)
		return;
	if (feed->state == FEED_GREET)
		connect_later(feed);
	else if (feed->state == FEED_UP)
		lost(feed);
}

void
feed_run(struct feed *feed)
{
	if (feed->state != FEED_CONNECT)
		take_frames(feed);
	if (feed->err != 0 || feed->next_ms == -1 ||
	    clock_ms() < feed->next_ms)
		return;
	feed->next_ms = -1;
	if (feed->state == FEED_CONNECT)
		connect_now(feed);
	else if (feed->state == FEED_GREET)
		connect_later(feed);
	else
		follow(feed);
}
