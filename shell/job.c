/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/job.h"
#include "shell/output.h"
#include "shell/report.h"
#include "shell/verbs.h"

#define TIMEOUT_MAX_S 86400

/* Long enough for a supervisor that has to be started again itself. */
#define RETURN_MS 30000

int
job_init(struct job *job, struct session *session,
    const struct command_call *call)
{
	memset(job, 0, sizeof(*job));
	job->verb = call->command->name;
	job->guest = call->guest;
	job->no_wait = command_option(call, "--no-wait") != NULL;
	return command_number(session, call, "--timeout", 1, TIMEOUT_MAX_S, 0,
	    &job->timeout_s);
}

/* "The job goes on": nobody waits for it any more. */
static void
describe_rest(const struct job *job, char *text, size_t size)
{
	if (job->guest == NULL)
		text_format(text, size,
		    "Job %s goes on; ask job %s again for what it comes to.",
		    job->track.ref, job->track.ref);
	else if (job->track.ref[0] != '\0')
		text_format(text, size,
		    "The job goes on, ref %s; job %s shows what it comes to, "
		    "status %s how %s is.",
		    job->track.ref, job->track.ref, job->guest, job->guest);
	else
		text_format(text, size,
		    "It was asked for and may still happen; status %s shows "
		    "how %s is.",
		    job->guest, job->guest);
}

static int
left_alone(struct session *session, const struct job *job)
{
	char text[WIRE_TEXT];

	client_leave(&session->client, job->track.ref);
	describe_rest(job, text, sizeof(text));
	return session_fail_text(session, VPSH_ERR_TIMEOUT, text,
	    job->track.ref);
}

static int
interrupted(struct session *session, const struct job *job)
{
	output_after_key();
	return left_alone(session, job);
}

static bool
is_late(const struct job *job)
{
	return job->timeout_s != 0 &&
	    clock_ms() >= job->track.begin + job->timeout_s * 1000;
}

static int64_t
give_up_at(const struct job *job)
{
	int64_t until = job->track.begin + job->timeout_s * 1000;

	return job->timeout_s != 0 && until < job->track.deadline ?
	    until :
	    job->track.deadline;
}

/* --timeout is over, or the broker did not end its own job. */
static int
late(struct session *session, const struct job *job)
{
	char text[WIRE_TEXT], rest[WIRE_TEXT / 2];
	struct err_args args = { job->verb, job->guest, job->track.ref,
		session->support, NULL, 0 };

	args.number = (clock_ms() - job->track.begin) / 1000;
	client_leave(&session->client, job->track.ref);
	describe_rest(job, rest, sizeof(rest));
	if (job->guest == NULL)
		text_copy(text, sizeof(text), rest);
	else if (is_late(job))
		text_format(text, sizeof(text),
		    "%s of %s did not finish in %lld second%s. %s", job->verb,
		    job->guest, job->timeout_s, job->timeout_s == 1 ? "" : "s",
		    rest);
	else
		err_sentence(VPSH_ERR_TIMEOUT, &args, text, sizeof(text));
	return session_fail_text(session, VPSH_ERR_TIMEOUT, text,
	    job->track.ref);
}

/* What was asked for may have happened, or not, and nobody can say. */
static int
lost(struct session *session, const struct job *job, int err)
{
	if (err == VPSH_ERR_SERVICE && session->client.said.err == 0)
		err = VPSH_ERR_WORKER;
	return session_fail(session, err, job->verb, job->guest, NULL);
}

/* The service was waited for in vain. */
static int
never_back(struct session *session, const struct job *job)
{
	char text[WIRE_TEXT], how[WIRE_TEXT / 2] = "";

	client_leave(&session->client, job->track.ref);
	if (job->track.ref[0] != '\0')
		text_format(how, sizeof(how), "job %s%s", job->track.ref,
		    job->guest != NULL ? " or " : "");
	if (job->guest != NULL)
		text_format(how + strlen(how), sizeof(how) - strlen(how),
		    "status %s", job->guest);
	text_format(text, sizeof(text),
	    "vpsh went away and did not come back in %d seconds. What was "
	    "begun may still happen; look at %s when it is back.",
	    RETURN_MS / 1000, how);
	return session_fail_text(session, VPSH_ERR_SERVICE, text,
	    job->track.ref);
}

/* The job was known before the service died, and is not now. */
static int
forgotten(struct session *session, const struct job *job)
{
	char text[WIRE_TEXT];

	if (job->guest == NULL)
		return session_fail(session, VPSH_ERR_NO_JOB, job->verb, NULL,
		    job->track.ref);
	track_forgotten(&job->track, job->verb, job->guest, text, sizeof(text));
	return session_fail_text(session, VPSH_ERR_WORKER, text,
	    job->track.ref);
}

/* --- the job's frames ---------------------------------------------------- */

static int
done(struct session *session, const struct job *job,
    const struct wire_outcome *outcome)
{
	if (outcome->err != 0) {
		session->client.said = *outcome;
		return session_fail(session, outcome->err, job->verb,
		    job->guest, NULL);
	}
	if (session->json)
		report_job(job->guest, job->verb, job->track.ref, "done",
		    outcome->text);
	else if (outcome->text[0] != '\0')
		output_say(stdout, outcome->text);
	return 0;
}

static int
accepted(struct session *session, const struct job *job)
{
	char text[WIRE_TEXT];

	client_leave(&session->client, job->track.ref);
	describe_rest(job, text, sizeof(text));
	if (session->json)
		report_job(job->guest, job->verb, job->track.ref, "accepted",
		    text);
	else
		output_say(stdout, text);
	return 0;
}

/* One frame of the job's: true when it is over for us, with *err. */
static bool
take(struct session *session, struct job *job, const struct wire_msg *msg,
    int *err)
{
	struct track *track = &job->track;

	switch (track_take(track, msg)) {
	case TRACK_JOB:
		session_job(session, track->ref);
		if (!job->no_wait)
			return false;
		*err = accepted(session, job);
		return true;
	case TRACK_NOTE:
		if (!session->json)
			output_say(stdout, track->notes[track->nnotes - 1]);
		return false;
	case TRACK_NOTHING:
		return false;
	case TRACK_DONE:
		*err = done(session, job, &msg->u.outcome);
		return true;
	case TRACK_WRONG:
		break;
	}
	client_close(&session->client);
	*err = lost(session, job, VPSH_ERR_VERSION);
	return true;
}

/* --- losses -------------------------------------------------------------- */

/* Come back to it.  Returns 0, or how it ended, which was said. */
static int
come_back(struct session *session, struct job *job)
{
	struct client *client = &session->client;
	int64_t wait_ms = RETURN_MS, left;
	int err;

	if (!track_may_return(&job->track))
		return lost(session, job, VPSH_ERR_SERVICE);
	left = job->track.begin + job->timeout_s * 1000 - clock_ms();
	if (job->timeout_s != 0 && left < wait_ms)
		wait_ms = left > 0 ? left : 0;
	err = client_return(client, (int)wait_ms);
	if (err == 0 && client->version < CLIENT_TOKENS)
		return lost(session, job, VPSH_ERR_SERVICE);
	if (err == 0) {
		track_return(&job->track, client);
		return 0;
	}
	if (err == CLIENT_INTERRUPTED)
		return interrupted(session, job);
	if (err == VPSH_ERR_SERVICE && client->said.err == 0)
		return is_late(job) ? late(session, job) :
				      never_back(session, job);
	return lost(session, job, err);
}

/* Show how the job goes until it is over. */
static int
wait_job(struct session *session, struct job *job)
{
	struct client *client = &session->client;
	struct wire_msg msg;
	int err, fd;

	for (;;) {
		err = client_recv(client, &msg, &fd, give_up_at(job));
		fd_close(&fd);
		if (client_is_lost(client, err)) {
			if ((err = come_back(session, job)) != 0)
				return err;
			continue;
		}
		if (err == CLIENT_INTERRUPTED)
			return interrupted(session, job);
		if (err == VPSH_ERR_TIMEOUT && client->fd != -1 &&
		    client->said.err == 0)
			return late(session, job);
		if (err == VPSH_ERR_NO_JOB && job->track.ref[0] != '\0')
			return forgotten(session, job);
		if (err != 0)
			return lost(session, job, err);
		if (take(session, job, &msg, &err))
			return err;
	}
}

int
job_run(struct job *job, struct session *session, uint32_t type,
    const void *body)
{
	int err;

	job->track.type = type;
	job->track.body = body;
	err = client_send(&session->client, type, body);
	if (err != 0)
		return session_fail(session, err, job->verb, job->guest, NULL);
	track_begin(&job->track, &session->client);
	return wait_job(session, job);
}

/* --- job REF ------------------------------------------------------------- */

/* As it was said, in capitals; false for what is none. */
static bool
reference(const char *typed, char ref[WIRE_REF])
{
	size_t i, len = strlen(typed);

	if (len == 0 || len >= WIRE_REF)
		return false;
	for (i = 0; i < len; i++) {
		if (!isalnum((unsigned char)typed[i]))
			return false;
		ref[i] = (char)toupper((unsigned char)typed[i]);
	}
	ref[len] = '\0';
	return true;
}

int
job_find(struct session *session, const struct command_call *call)
{
	struct wire_ref body;
	struct job job;
	int err;

	if ((err = job_init(&job, session, call)) != 0)
		return err;
	memset(&body, 0, sizeof(body));
	if (!reference(call->args[0], body.ref))
		return session_fail(session, VPSH_ERR_NO_JOB, "job", NULL,
		    call->args[0]);
	text_copy(job.track.ref, sizeof(job.track.ref), body.ref);
	job.track.again = true;
	err = client_connect(&session->client, session->client.connect_ms);
	if (err == 0 && session->client.version < CLIENT_TOKENS)
		err = VPSH_ERR_VERSION;
	if (err != 0)
		return session_fail(session, err, "job", NULL, NULL);
	return job_run(&job, session, WIRE_FIND, &body);
}

int
job_cancel(struct session *session, const struct command_call *call)
{
	struct client *client = &session->client;
	struct wire_msg msg;
	struct wire_ref body;
	int err, fd;

	memset(&body, 0, sizeof(body));
	if (!reference(call->args[0], body.ref))
		return session_fail(session, VPSH_ERR_NO_JOB, "cancel", NULL,
		    call->args[0]);
	err = client_connect(client, client->connect_ms);
	if (err == 0 && client->version < CLIENT_PREFS)
		err = VPSH_ERR_VERSION;
	if (err == 0)
		err = client_ask(client, WIRE_CANCEL, &body, WIRE_DONE, &msg,
		    &fd);
	if (err != 0)
		return session_fail(session, err, "cancel", NULL,
		    call->args[0]);
	/* That it was cancelled is what was wanted. */
	if (session->json)
		report_job(NULL, "cancel", body.ref, "done",
		    msg.u.outcome.text);
	else
		output_say(stdout, msg.u.outcome.text);
	return 0;
}
