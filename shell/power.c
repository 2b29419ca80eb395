/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "shell/job.h"
#include "shell/output.h"
#include "shell/report.h"
#include "shell/verbs.h"

#define FORCE_MAX_S 600 /* as long as the broker waits for a guest */

/* One request, as its options say. */
struct power {
	struct job job;
	long long force_s; /* --force-after, or 0 */
};

/* What the options say; nothing was asked of anybody yet. */
static int
power_init(struct power *power, struct session *session,
    const struct command_call *call)
{
	int err;

	power->force_s = 0;
	err = job_init(&power->job, session, call);
	if (err == 0)
		err = command_number(session, call, "--force-after", 1,
		    FORCE_MAX_S, 0, &power->force_s);
	return err;
}

/* Send it, and see it through.  body is the struct of the row's type. */
static int
run_request(struct session *session, const struct command_call *call,
    struct power *power, const void *body)
{
	int err;

	err = job_run(&power->job, session, call->command->type, body);
	/* Another refusal leaves the guest as it was seen. */
	if (power->job.track.ref[0] != '\0')
		session_forget(session, call->guest);
	return err;
}

static int
run_job(struct session *session, const struct command_call *call,
    struct power *power, uint64_t boot, uint32_t flags)
{
	struct wire_power body;

	memset(&body, 0, sizeof(body));
	text_copy(body.guest, sizeof(body.guest), call->guest);
	body.boot = boot;
	body.flags = flags;
	body.wait_s = (uint32_t)power->force_s;
	power->job.track.again = track_token(&body.token);
	return run_request(session, call, power, &body);
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
	return session_fail_text(session, VPSH_ERR_CONFIRM, text, "");
}

static bool
is_yes(const char *answer)
{
	return answer != NULL &&
	    (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0);
}

/* What pulls the plug is named as it has to be typed again. */
static int
want_yes(struct session *session, const struct power *power)
{
	char verb[WIRE_TEXT];

	text_copy(verb, sizeof(verb), power->job.verb);
	if (power->force_s != 0)
		text_format(verb, sizeof(verb), "%s --force-after %lld",
		    power->job.verb, power->force_s);
	return session_fail(session, VPSH_ERR_CONFIRM, verb, power->job.guest,
	    NULL);
}

/* A person types the guest's name: no key and no paste says it by chance. */
static bool
confirm_pull(struct session *session, const char *what,
    const struct wire_guest *guest, const char *effect)
{
	char text[WIRE_TEXT], prompt[WIRE_TEXT];
	const char *answer;
	size_t len;

	describe(guest, text, sizeof(text));
	len = strlen(text);
	text_format(text + len, sizeof(text) - len, " %s", effect);
	output_say(stdout, text);
	text_format(prompt, sizeof(prompt), "Type %s to %s: ", guest->name,
	    what);
	answer = line_ask(&session->line, &session->client, prompt);
	return answer != NULL && strcasecmp(answer, guest->name) == 0;
}

/* There is no plug to pull. */
static int
is_off(struct session *session, const struct command_call *call)
{
	char text[WIRE_TEXT];

	if (call->command->type != WIRE_DESTROY)
		return session_fail(session, VPSH_ERR_NOT_RUNNING,
		    call->command->name, call->guest, NULL);
	text_format(text, sizeof(text), "%s is off already.", call->guest);
	if (session->json)
		report_job(call->guest, call->command->name, "", "done", text);
	else
		output_say(stdout, text);
	return 0;
}

/* How it is now, for a person who is about to be asked. */
static int
look(struct session *session, const struct command_call *call,
    struct wire_guest *guest)
{
	int err = session_status(session, call->guest, guest);

	return err == 0 ? 0 :
			  session_fail(session, err, call->command->name,
			      call->guest, NULL);
}

/* Is this person sure that the guest shall be asked, and then be forced? */
static bool
confirm_stop(struct session *session, const struct command_call *call,
    const struct power *power, const struct wire_guest *guest)
{
	char text[WIRE_TEXT], prompt[WIRE_TEXT];

	if (power->force_s != 0) {
		text_format(text, sizeof(text),
		    "If it has not obeyed after %lld second%s its plug is "
		    "pulled: what it has not yet written is lost. Its disk "
		    "is kept.",
		    power->force_s, power->force_s == 1 ? "" : "s");
		return confirm_pull(session,
		    call->command->type == WIRE_SHUTDOWN ? "shut it down" :
							   "reboot it",
		    guest, text);
	}
	describe(guest, text, sizeof(text));
	output_say(stdout, text);
	text_format(prompt, sizeof(prompt), "Ask it to %s? [y/N] ",
	    call->command->type == WIRE_SHUTDOWN ? "shut down" : "reboot");
	return is_yes(line_ask(&session->line, &session->client, prompt));
}

int
power_stop(struct session *session, const struct command_call *call)
{
	struct wire_guest guest;
	struct power power;
	uint32_t flags;
	int err;

	if ((err = power_init(&power, session, call)) != 0)
		return err;
	flags = power.force_s == 0 ? 0 :
				     WIRE_POWER_FORCE | WIRE_POWER_CONFIRMED;
	if (command_option(call, "--yes") != NULL ||
	    (!session->line.person && power.force_s == 0))
		return run_job(session, call, &power,
		    session_seen(session, call->guest), flags);
	if (!session->line.person)
		return want_yes(session, &power);
	if ((err = look(session, call, &guest)) != 0)
		return err;
	if (guest.state != WIRE_STATE_OFF &&
	    !confirm_stop(session, call, &power, &guest))
		return left_as_is(session, call->guest);
	return run_job(session, call, &power, guest.boot, flags);
}

int
power_pull(struct session *session, const struct command_call *call)
{
	struct wire_guest guest;
	char text[WIRE_TEXT], what[WIRE_TEXT];
	struct power power;
	int err;

	if ((err = power_init(&power, session, call)) != 0)
		return err;
	if (command_option(call, "--yes") != NULL)
		return run_job(session, call, &power,
		    session_seen(session, call->guest), WIRE_POWER_CONFIRMED);
	if (!session->line.person)
		return want_yes(session, &power);
	if ((err = look(session, call, &guest)) != 0)
		return err;
	if (guest.state == WIRE_STATE_OFF)
		return is_off(session, call);
	text_format(text, sizeof(text),
	    "%s pulls the plug: what it has not yet written is lost. Its "
	    "disk is kept.",
	    power.job.verb);
	text_format(what, sizeof(what), "%s it", power.job.verb);
	if (!confirm_pull(session, what, &guest, text))
		return left_as_is(session, call->guest);
	return run_job(session, call, &power, guest.boot, WIRE_POWER_CONFIRMED);
}

int
power_freeze(struct session *session, const struct command_call *call)
{
	struct power power;
	int err;

	if ((err = power_init(&power, session, call)) != 0)
		return err;
	return run_job(session, call, &power,
	    session_seen(session, call->guest), 0);
}

/*
 * The keys that leave nothing to the guest: b reboots and o powers off on
 * the spot, c crashes it, e, f, i and k end processes, g stands still, and u
 * ends all writing.  What a key needs is the broker's to decide; this is
 * only about asking first.
 */
bool
power_key_stops(char key)
{
	return strchr("bcefgikou", key) != NULL;
}

static int
press(struct session *session, const struct command_call *call,
    struct power *power, uint64_t boot, char key)
{
	struct wire_sysrq body;

	memset(&body, 0, sizeof(body));
	text_copy(body.guest, sizeof(body.guest), call->guest);
	body.boot = boot;
	body.key = (uint32_t)(unsigned char)key;
	power->job.track.again = track_token(&body.token);
	return run_request(session, call, power, &body);
}

/* For a person: look first, and do not believe a slip of the finger. */
static int
ask_and_press(struct session *session, const struct command_call *call,
    struct power *power, char key)
{
	struct wire_guest guest;
	char text[WIRE_TEXT], what[WIRE_TEXT];
	int err;

	if ((err = look(session, call, &guest)) != 0)
		return err;
	if (guest.state == WIRE_STATE_OFF)
		return is_off(session, call);
	text_format(what, sizeof(what), "press %c in it", key);
	text_format(text, sizeof(text),
	    "Key %c can end what runs in it at once: what it has not yet "
	    "written is lost. Its disk is kept.",
	    key);
	if (!confirm_pull(session, what, &guest, text))
		return left_as_is(session, call->guest);
	return press(session, call, power, guest.boot, key);
}

int
power_sysrq(struct session *session, const struct command_call *call)
{
	const char *key = call->args[0];
	struct power power;
	char text[WIRE_TEXT];
	int err;

	if (strlen(key) != 1 ||
	    (!islower((unsigned char)*key) && !isdigit((unsigned char)*key)))
		return session_fail(session, VPSH_ERR_KEY, "sysrq",
		    call->guest, key);
	if ((err = power_init(&power, session, call)) != 0)
		return err;
	if (!power_key_stops(*key) || command_option(call, "--yes") != NULL)
		return press(session, call, &power,
		    session_seen(session, call->guest), *key);
	if (session->line.person)
		return ask_and_press(session, call, &power, *key);
	text_format(text, sizeof(text),
	    "Key %s of sysrq can end what runs in %s at once; its disk is "
	    "kept. Nothing was done. Say sysrq %s %s --yes if you mean it.",
	    key, call->guest, call->guest, key);
	return session_fail_text(session, VPSH_ERR_CONFIRM, text, "");
}

/* The console first, so that not a byte of the boot is missed. */
static int
start_console(struct session *session, const struct command_call *call,
    struct power *power)
{
	struct wire_attached attached;
	int err, viewer = -1;
	unsigned generation;

	err = view_request(session, call->guest, WIRE_ATTACH_BOOT,
	    WIRE_FROM_TAIL, &attached, &viewer);
	if (err != 0)
		return err;
	generation = session->client.generation;
	if ((err = run_job(session, call, power, 0, 0)) == 0) {
		err = view_run(session, call->guest, WIRE_ATTACH_BOOT,
		    &attached, viewer, generation);
		viewer = -1;
	}
	fd_close(&viewer);
	return err;
}

int
power_start(struct session *session, const struct command_call *call)
{
	struct power power;
	int err;

	if ((err = power_init(&power, session, call)) != 0)
		return err;
	/*
	 * No boot: a guest that somebody else has started meanwhile is what
	 * was wanted.
	 */
	if (command_option(call, "--console") == NULL)
		return run_job(session, call, &power, 0, 0);
	if (session->json)
		return session_fail(session, VPSH_ERR_USAGE, "start", NULL,
		    "a console is no JSON");
	return start_console(session, call, &power);
}
