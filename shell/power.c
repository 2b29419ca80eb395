/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "shell/output.h"
#include "shell/verbs.h"

/* The broker ends its jobs itself; this is for one that does not. */
#define GRACE_MS 15000

/* One job that is waited for. */
struct power {
	const char *verb;
	const char *guest;
	char ref[WIRE_REF]; /* empty until there is a job */
	int64_t begin;
	int64_t deadline;
};

/* The connection broke: what was asked for may have happened, or not. */
static int
lost(struct session *session, const struct power *power, int err)
{
	if (err == VPSH_ERR_SERVICE && session->client.said.err == 0)
		err = VPSH_ERR_WORKER;
	return session_fail(session, err, power->verb, power->guest, NULL);
}

static int
left_alone(const struct power *power)
{
	char text[WIRE_TEXT];

	if (power->ref[0] != '\0')
		text_format(text, sizeof(text),
		    "The job goes on, ref %s; "
		    "status %s shows how %s is.",
		    power->ref, power->guest, power->guest);
	else
		text_format(text, sizeof(text),
		    "It was asked for and may "
		    "still happen; status %s shows how %s is.",
		    power->guest, power->guest);
	output_say(stderr, text);
	return VPSH_ERR_TIMEOUT;
}

static int
late(struct session *session, const struct power *power)
{
	char text[WIRE_TEXT];
	struct err_args args = { power->verb, power->guest, power->ref,
		session->support, NULL, 0 };

	args.number = (clock_ms() - power->begin) / 1000;
	err_sentence(VPSH_ERR_TIMEOUT, &args, text, sizeof(text));
	output_say(stderr, text);
	return VPSH_ERR_TIMEOUT;
}

static int
done(struct session *session, const struct power *power,
    const struct wire_outcome *outcome)
{
	if (outcome->err != 0) {
		session->client.said = *outcome;
		return session_fail(session, outcome->err, power->verb,
		    power->guest, NULL);
	}
	if (outcome->text[0] != '\0')
		output_say(stdout, outcome->text);
	return 0;
}

/* Show how the job goes until it is over. */
static int
wait_job(struct session *session, struct power *power)
{
	struct wire_msg msg;
	int err, fd;

	power->begin = clock_ms();
	power->deadline = power->begin + CLIENT_ANSWER_MS;
	for (;;) {
		err = client_recv(&session->client, &msg, &fd, power->deadline);
		fd_close(&fd);
		if (err == CLIENT_INTERRUPTED)
			return left_alone(power);
		if (err == VPSH_ERR_TIMEOUT && session->client.fd != -1 &&
		    session->client.said.err == 0)
			return late(session, power);
		if (err != 0)
			return lost(session, power, err);
		switch (msg.head.type) {
		case WIRE_JOB:
			text_copy(power->ref, sizeof(power->ref),
			    msg.u.job.ref);
			power->deadline = clock_ms() + msg.u.job.deadline_ms +
			    GRACE_MS;
			break;
		case WIRE_NOTE:
			output_say(stdout, msg.u.text.text);
			break;
		case WIRE_DONE:
			return done(session, power, &msg.u.outcome);
		default:
			client_close(&session->client);
			return lost(session, power, VPSH_ERR_VERSION);
		}
	}
}

static int
run_job(struct session *session, const struct command_call *call, uint64_t boot,
    uint32_t flags)
{
	struct power power = { call->command->name, call->guest, "", 0, 0 };
	struct wire_power body;
	int err;

	memset(&body, 0, sizeof(body));
	text_copy(body.guest, sizeof(body.guest), call->guest);
	body.boot = boot;
	body.flags = flags;
	err = client_send(&session->client, call->command->type, &body);
	if (err != 0)
		return session_fail(session, err, power.verb, power.guest,
		    NULL);
	err = wait_job(session, &power);
	/* Another refusal leaves the guest as it was seen. */
	if (power.ref[0] != '\0')
		session_forget(session, call->guest);
	return err;
}

/* "web is running, up 3 days 4 hours." */
static void
describe(const struct wire_guest *guest, char *text, size_t size)
{
	char up[OUTPUT_SPAN];

	output_span(guest->uptime_ms, up);
	if (guest->uptime_ms >= 0)
		text_format(text, size, "%s is %s, up %s.", guest->name,
		    output_state(guest->state), up);
	else if (guest->state == WIRE_STATE_UNKNOWN)
		text_format(text, size, "How %s is cannot be seen now.",
		    guest->name);
	else
		text_format(text, size, "%s is %s.", guest->name,
		    output_state(guest->state));
}

static int
left_as_is(struct session *session, const char *guest)
{
	char text[WIRE_TEXT];

	if (session->client.over)
		return session_fail(session, session->client.said.err, NULL,
		    guest, NULL);
	text_format(text, sizeof(text), "Nothing was done; %s is as it was.",
	    guest);
	output_say(stderr, text);
	return VPSH_ERR_CONFIRM;
}

static bool
is_yes(const char *answer)
{
	return answer != NULL &&
	    (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0);
}

int
power_stop(struct session *session, const struct command_call *call)
{
	char text[WIRE_TEXT], prompt[WIRE_TEXT];
	struct wire_guest guest;
	int err;

	if (!session->line.person)
		return run_job(session, call,
		    session_seen(session, call->guest), 0);
	err = session_status(session, call->guest, &guest);
	if (err != 0)
		return session_fail(session, err, call->command->name,
		    call->guest, NULL);
	if (guest.state != WIRE_STATE_OFF) {
		describe(&guest, text, sizeof(text));
		output_say(stdout, text);
		text_format(prompt, sizeof(prompt), "Ask it to %s? [y/N] ",
		    call->command->type == WIRE_SHUTDOWN ? "shut down" :
							   "reboot");
		if (!is_yes(line_ask(&session->line, &session->client, prompt)))
			return left_as_is(session, call->guest);
	}
	return run_job(session, call, guest.boot, 0);
}

/* A person types the guest's name: no key and no paste says it by chance. */
static bool
confirm_pull(struct session *session, const struct command_call *call,
    const struct wire_guest *guest)
{
	char text[WIRE_TEXT], prompt[WIRE_TEXT];
	const char *answer;
	size_t len;

	describe(guest, text, sizeof(text));
	len = strlen(text);
	text_format(text + len, sizeof(text) - len,
	    " %s pulls the plug: what "
	    "it has not yet written is lost. Its disk is kept.",
	    call->command->name);
	output_say(stdout, text);
	text_format(prompt, sizeof(prompt), "Type %s to %s it: ", guest->name,
	    call->command->name);
	answer = line_ask(&session->line, &session->client, prompt);
	return answer != NULL && strcasecmp(answer, guest->name) == 0;
}

/* There is no plug to pull. */
static int
is_off(struct session *session, const struct command_call *call)
{
	char text[WIRE_TEXT];

	if (call->command->type == WIRE_RESET)
		return session_fail(session, VPSH_ERR_NOT_RUNNING,
		    call->command->name, call->guest, NULL);
	text_format(text, sizeof(text), "%s is off already.", call->guest);
	output_say(stdout, text);
	return 0;
}

int
power_pull(struct session *session, const struct command_call *call)
{
	struct wire_guest guest;
	int err;

	if (command_option(call, "--yes") != NULL)
		return run_job(session, call,
		    session_seen(session, call->guest), WIRE_POWER_CONFIRMED);
	if (!session->line.person)
		return session_fail(session, VPSH_ERR_CONFIRM,
		    call->command->name, call->guest, NULL);
	err = session_status(session, call->guest, &guest);
	if (err != 0)
		return session_fail(session, err, call->command->name,
		    call->guest, NULL);
	if (guest.state == WIRE_STATE_OFF)
		return is_off(session, call);
	if (!confirm_pull(session, call, &guest))
		return left_as_is(session, call->guest);
	return run_job(session, call, guest.boot, WIRE_POWER_CONFIRMED);
}

int
power_start(struct session *session, const struct command_call *call)
{
	struct wire_attached attached;
	int err, viewer = -1;

	/*
	 * No boot: a guest that somebody else has started meanwhile is what
	 * was wanted.
	 */
	if (command_option(call, "--console") == NULL)
		return run_job(session, call, 0, 0);
	err = view_request(session, call->guest, 0, WIRE_FROM_TAIL, &attached,
	    &viewer);
	if (err != 0)
		return err;
	if ((err = run_job(session, call, 0, 0)) == 0) {
		err = view_run(session, call->guest, 0, &attached, viewer);
		viewer = -1;
	}
	fd_close(&viewer);
	return err;
}
