/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "shell/jobs.h"
#include "wire/err.h"

void
jobs_init(struct jobs *jobs, struct session *session)
{
	memset(jobs, 0, sizeof(*jobs));
	jobs->session = session;
}

static bool
is_running(const struct jobs *jobs, size_t i)
{
	return jobs->job[i].used && !jobs->job[i].shown.over;
}

static void
tell(const struct jobs *jobs, size_t i)
{
	menu_job(jobs->session->menu, &jobs->job[i].shown);
}

/* It is over; what went wrong is said wherever they are by now. */
static void
end(struct jobs *jobs, size_t i, int err, const char *text)
{
	struct menu_job *shown = &jobs->job[i].shown;

	shown->over = true;
	shown->err = err;
	shown->deadline_ms = -1;
	text_copy(shown->text, sizeof(shown->text), text);
	jobs->job[i].track.id = 0;
	session_forget(jobs->session, shown->guest);
	tell(jobs, i);
	if (err != 0)
		menu_say(jobs->session->menu, text);
}

/* The same in the words that line mode has for it. */
static void
fail(struct jobs *jobs, size_t i, int err)
{
	const struct menu_job *shown = &jobs->job[i].shown;
	const struct err_args args = { shown->verb, shown->guest, shown->ref,
		jobs->session->support, NULL,
		(clock_ms() - shown->began_ms) / 1000 };
	char text[WIRE_TEXT];

	err_sentence(err, &args, text, sizeof(text));
	end(jobs, i, err, text);
}

/* The one of that guest and verb, or one that nobody needs. */
static size_t
place(const struct jobs *jobs, const char *verb, const char *guest)
{
	size_t i, best = JOBS_MAX;

	for (i = 0; i < JOBS_MAX; i++)
		if (jobs->job[i].used &&
		    strcmp(jobs->job[i].shown.verb, verb) == 0 &&
		    strcmp(jobs->job[i].shown.guest, guest) == 0)
			return i;
	for (i = 0; i < JOBS_MAX; i++)
		if (!jobs->job[i].used)
			return i;
	for (i = 0; i < JOBS_MAX; i++)
		if (jobs->job[i].shown.over &&
		    (best == JOBS_MAX ||
			jobs->job[i].shown.began_ms <
			    jobs->job[best].shown.began_ms))
			best = i;
	return best;
}

/* It was asked for already, or there is no place: then it never was. */
static void
refuse(const struct jobs *jobs, bool never, const char *verb,
    const char *guest)
{
	const struct err_args args = { verb, guest, NULL,
		jobs->session->support, NULL, 0 };
	struct menu_job shown = { .began_ms = clock_ms(),
		.deadline_ms = -1,
		.over = true,
		.err = VPSH_ERR_BUSY };

	err_sentence(shown.err, &args, shown.text, sizeof(shown.text));
	menu_say(jobs->session->menu, shown.text);
	text_copy(shown.guest, sizeof(shown.guest), guest);
	text_copy(shown.verb, sizeof(shown.verb), verb);
	if (never)
		menu_job(jobs->session->menu, &shown);
}

void
jobs_begin(struct jobs *jobs, uint32_t type, const char *verb,
    const char *guest, uint64_t boot, uint32_t flags)
{
	struct client *client = &jobs->session->client;
	size_t i = place(jobs, verb, guest);
	struct track *track;

	if (i == JOBS_MAX || is_running(jobs, i)) {
		refuse(jobs, i == JOBS_MAX, verb, guest);
		return;
	}
	memset(&jobs->job[i], 0, sizeof(jobs->job[i]));
	jobs->job[i].used = true;
	jobs->job[i].body.boot = boot;
	jobs->job[i].body.flags = flags;
	text_copy(jobs->job[i].body.guest, WIRE_NAME, guest);
	text_copy(jobs->job[i].shown.guest, WIRE_NAME, guest);
	text_copy(jobs->job[i].shown.verb, WIRE_WORD, verb);
	jobs->job[i].shown.began_ms = clock_ms();
	jobs->job[i].shown.deadline_ms = -1;
	track = &jobs->job[i].track;
	track->type = type;
	track->body = &jobs->job[i].body;
	track->again = track_token(&jobs->job[i].body.token);
	/* A connection that is lost by this is come back to. */
	(void)client_post(client, type, track->body);
	track_begin(track, client);
	tell(jobs, i);
}

/* --- what becomes of them ------------------------------------------------ */

static void
refused(struct jobs *jobs, size_t i, const struct wire_outcome *outcome)
{
	const struct menu_job *shown = &jobs->job[i].shown;
	char text[WIRE_TEXT];

	if (outcome->err == VPSH_ERR_NO_JOB && shown->ref[0] != '\0') {
		track_forgotten(&jobs->job[i].track, shown->verb, shown->guest,
		    text, sizeof(text));
		end(jobs, i, VPSH_ERR_WORKER, text);
	} else
		end(jobs, i, outcome->err, outcome->text);
}

/*
 * How long a guest that was asked has is in the broker's note; JOB has the
 * time for all of it.
 */
static void
count_down(struct menu_job *shown)
{
	static const char before[] = "waiting up to ";
	const char *at = strstr(shown->text, before);
	char number[16];
	long long seconds;
	size_t len;

	if (at == NULL)
		return;
	at += sizeof(before) - 1;
	len = strspn(at, "0123456789");
	if (len == 0 || len >= sizeof(number))
		return;
	memcpy(number, at, len);
	number[len] = '\0';
	if (text_number(number, 0, UINT32_MAX, &seconds) == 0)
		shown->deadline_ms = clock_ms() + seconds * 1000;
}

static void
take(struct jobs *jobs, size_t i, const struct wire_msg *msg)
{
	struct track *track = &jobs->job[i].track;
	struct menu_job *shown = &jobs->job[i].shown;

	switch (track_take(track, msg)) {
	case TRACK_JOB:
		text_copy(shown->ref, sizeof(shown->ref), track->ref);
		session_job(jobs->session, track->ref);
		tell(jobs, i);
		break;
	case TRACK_NOTE:
		text_copy(shown->text, sizeof(shown->text),
		    track->notes[track->nnotes - 1]);
		count_down(shown);
		tell(jobs, i);
		break;
	case TRACK_NOTHING:
		break;
	case TRACK_DONE:
		end(jobs, i, msg->u.outcome.err, msg->u.outcome.text);
		break;
	case TRACK_WRONG:
		fail(jobs, i, VPSH_ERR_VERSION);
		client_close(&jobs->session->client);
		break;
	}
}

bool
jobs_take(struct jobs *jobs, const struct wire_msg *msg)
{
	size_t i;

	for (i = 0; i < JOBS_MAX; i++) {
		if (!is_running(jobs, i) || jobs->job[i].track.id == 0 ||
		    jobs->job[i].track.id != msg->head.id)
			continue;
		if (msg->head.type == WIRE_REFUSED)
			refused(jobs, i, &msg->u.outcome);
		else
			take(jobs, i, msg);
		return true;
	}
	return false;
}

void
jobs_return(struct jobs *jobs)
{
	struct track *track;
	size_t i;

	for (i = 0; i < JOBS_MAX; i++) {
		if (!is_running(jobs, i))
			continue;
		track = &jobs->job[i].track;
		if (track_may_return(track))
			track_return(track, &jobs->session->client);
		else
			fail(jobs, i, VPSH_ERR_WORKER);
	}
}

int64_t
jobs_due(const struct jobs *jobs)
{
	int64_t due = -1;
	size_t i;

	for (i = 0; i < JOBS_MAX; i++)
		if (is_running(jobs, i) &&
		    (due == -1 || jobs->job[i].track.deadline < due))
			due = jobs->job[i].track.deadline;
	return due;
}

void
jobs_late(struct jobs *jobs, int64_t now)
{
	size_t i;

	for (i = 0; i < JOBS_MAX; i++)
		if (is_running(jobs, i) && jobs->job[i].track.deadline <= now)
			fail(jobs, i, VPSH_ERR_TIMEOUT);
}

void
jobs_leave(struct jobs *jobs)
{
	size_t i;

	for (i = 0; i < JOBS_MAX; i++)
		if (is_running(jobs, i))
			client_leave(&jobs->session->client,
			    jobs->job[i].track.ref);
}
