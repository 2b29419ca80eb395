/* SPDX-License-Identifier: ISC */
#include <stddef.h>

#include "wire/layout.h"

/*
 * The one table of frames.  What is not described here cannot be received:
 * the codec has no other source.
 */

/* clang-format off */
#define BODY(s)		sizeof(struct s), sizeof(struct s), false
#define STR(s, m)	{ offsetof(struct s, m), sizeof(((struct s *)0)->m) }
#define ROW(t, way, body, fds, ...) \
	{ WIRE_##t, #t, way, BODY(body), fds, { __VA_ARGS__ } }
/* Its last member is new in version 3; who speaks 2 leaves it out. */
#define GROWN(t, way, body, last, ...) \
	{ WIRE_##t, #t, way, offsetof(struct body, last), \
	    sizeof(struct body), false, 0, { __VA_ARGS__ } }
#define BYTES(t, way) \
	{ WIRE_##t, #t, way, offsetof(struct wire_output, data) + 1, \
	    sizeof(struct wire_output), true, 0, { NONE } }

#define NONE		{ 0, 0 }
#define LOOK_NAME	STR(wire_look, guest)
#define POWER_NAME	STR(wire_power, guest)
#define OUTCOME		STR(wire_outcome, ref), STR(wire_outcome, text)
#define PTY_NAMES	STR(wire_pty, customer), STR(wire_pty, guest)
#define STREAM		STR(wire_stream, customer), STR(wire_stream, guest), \
			STR(wire_stream, text)
#define PREFS		STR(wire_prefs, zone), STR(wire_prefs, tz), \
			STR(wire_prefs, back)
#define OPERATE		STR(wire_operate, guest), STR(wire_operate, text)
/* clang-format on */

static const struct wire_layout layouts[] = {
	ROW(HELLO, WIRE_ANY, wire_hello, 0, STR(wire_hello, build),
	    STR(wire_hello, claim)),

	ROW(LIST, WIRE_CLIENT_BROKER, wire_look, 0, LOOK_NAME),
	ROW(STATUS, WIRE_CLIENT_BROKER, wire_look, 0, LOOK_NAME),
	GROWN(START, WIRE_CLIENT_BROKER, wire_power, token, POWER_NAME),
	GROWN(SHUTDOWN, WIRE_CLIENT_BROKER, wire_power, token, POWER_NAME),
	GROWN(REBOOT, WIRE_CLIENT_BROKER, wire_power, token, POWER_NAME),
	GROWN(RESET, WIRE_CLIENT_BROKER, wire_power, token, POWER_NAME),
	GROWN(DESTROY, WIRE_CLIENT_BROKER, wire_power, token, POWER_NAME),
	ROW(CONSOLE, WIRE_CLIENT_BROKER, wire_attach, 0,
	    STR(wire_attach, guest)),
	ROW(LOG, WIRE_CLIENT_BROKER, wire_attach, 0, STR(wire_attach, guest)),
	ROW(WHY, WIRE_CLIENT_BROKER, wire_why, 0, STR(wire_why, verb),
	    STR(wire_why, guest)),
	ROW(WHOAMI, WIRE_CLIENT_BROKER, wire_empty, 0, NONE),
	GROWN(PAUSE, WIRE_CLIENT_BROKER, wire_power, token, POWER_NAME),
	GROWN(UNPAUSE, WIRE_CLIENT_BROKER, wire_power, token, POWER_NAME),
	GROWN(SYSRQ, WIRE_CLIENT_BROKER, wire_sysrq, token,
	    STR(wire_sysrq, guest)),
	ROW(FOLLOW, WIRE_CLIENT_BROKER, wire_look, 0, LOOK_NAME),
	ROW(UNFOLLOW, WIRE_CLIENT_BROKER, wire_empty, 0, NONE),
	ROW(FIND, WIRE_CLIENT_BROKER, wire_ref, 0, STR(wire_ref, ref)),
	ROW(CANCEL, WIRE_CLIENT_BROKER, wire_ref, 0, STR(wire_ref, ref)),
	ROW(PREFS, WIRE_CLIENT_BROKER, wire_empty, 0, NONE),
	ROW(PREFER, WIRE_CLIENT_BROKER, wire_prefs, 0, PREFS),
	ROW(ACTIVITY, WIRE_CLIENT_BROKER, wire_ask_activity, 0,
	    STR(wire_ask_activity, guest)),
	ROW(LEAVE, WIRE_CLIENT_BROKER, wire_empty, 0, NONE),

	ROW(REFUSED, WIRE_BROKER_CLIENT, wire_outcome, 0, OUTCOME),
	ROW(GUEST, WIRE_BROKER_CLIENT, wire_guest, 0, STR(wire_guest, name),
	    STR(wire_guest, job_verb), STR(wire_guest, job_ref),
	    STR(wire_guest, note)),
	ROW(END, WIRE_BROKER_CLIENT, wire_count, 0, NONE),
	ROW(JOB, WIRE_BROKER_CLIENT, wire_job, 0, STR(wire_job, ref)),
	ROW(NOTE, WIRE_BROKER_CLIENT, wire_text, 0, STR(wire_text, text)),
	ROW(DONE, WIRE_BROKER_CLIENT, wire_outcome, 0, OUTCOME),
	ROW(ATTACHED, WIRE_BROKER_CLIENT, wire_attached, 1,
	    STR(wire_attached, guest)),
	ROW(BECAUSE, WIRE_BROKER_CLIENT, wire_because, 0,
	    STR(wire_because, text)),
	ROW(WHO, WIRE_BROKER_CLIENT, wire_who, 0, STR(wire_who, customer),
	    STR(wire_who, host), STR(wire_who, support)),
	ROW(BYE, WIRE_BROKER_CLIENT, wire_outcome, 0, OUTCOME),
	ROW(LEFT, WIRE_BROKER_CLIENT, wire_name, 0, STR(wire_name, guest)),
	ROW(PREFS_ARE, WIRE_BROKER_CLIENT, wire_prefs, 0, PREFS),
	ROW(ACT, WIRE_BROKER_CLIENT, wire_act, 0, STR(wire_act, verb),
	    STR(wire_act, guest), STR(wire_act, who), STR(wire_act, claim),
	    STR(wire_act, ref)),

	ROW(PEER, WIRE_SUPER_CHILD, wire_peer, 1, NONE),
	ROW(LISTENER, WIRE_SUPER_CHILD, wire_listener, 1, NONE),
	ROW(WORKER_GONE, WIRE_SUPER_CHILD, wire_gone, 0, NONE),
	ROW(PING, WIRE_SUPER_CHILD, wire_serial, 0, NONE),

	ROW(SPAWN, WIRE_CHILD_SUPER, wire_spawn, 1, NONE),
	ROW(KILL, WIRE_CHILD_SUPER, wire_jobid, 0, NONE),
	ROW(PONG, WIRE_CHILD_SUPER, wire_serial, 0, NONE),

	ROW(SCAN, WIRE_BROKER_WATCH, wire_serial, 0, NONE),
	ROW(AUTOSTARTED, WIRE_BROKER_WATCH, wire_empty, 0, NONE),
	ROW(LEND, WIRE_BROKER_WATCH, wire_lend, 0, STR(wire_lend, domain)),
	ROW(DOMAIN_STATE, WIRE_WATCH_BROKER, wire_domain, 0,
	    STR(wire_domain, domain), STR(wire_domain, held)),
	ROW(DOMAIN_GONE, WIRE_WATCH_BROKER, wire_domain, 0,
	    STR(wire_domain, domain), STR(wire_domain, held)),
	ROW(SCANNED, WIRE_WATCH_BROKER, wire_serial, 0, NONE),
	ROW(LENT, WIRE_WATCH_BROKER, wire_lend, 0, STR(wire_lend, domain)),

	ROW(PTY, WIRE_WATCH_CONSOLE, wire_pty, 3, PTY_NAMES),
	ROW(PTY_DROP, WIRE_WATCH_CONSOLE, wire_pty, 0, PTY_NAMES),
	ROW(RING, WIRE_WATCH_CONSOLE, wire_pty, 1, PTY_NAMES),
	ROW(PTY_LOST, WIRE_CONSOLE_WATCH, wire_pty, 0, PTY_NAMES),

	ROW(GRANT, WIRE_BROKER_CONSOLE, wire_grant, 1,
	    STR(wire_grant, customer), STR(wire_grant, guest),
	    STR(wire_grant, who)),
	ROW(REVOKE, WIRE_BROKER_CONSOLE, wire_viewer, 0, NONE),
	ROW(DRAIN, WIRE_BROKER_CONSOLE, wire_stream, 0, STREAM),
	ROW(MARK, WIRE_BROKER_CONSOLE, wire_stream, 0, STREAM),
	ROW(VIEWER_GONE, WIRE_CONSOLE_BROKER, wire_viewer, 0, NONE),
	ROW(READY, WIRE_CONSOLE_BROKER, wire_pty, 0, PTY_NAMES),
	ROW(DRAINED, WIRE_CONSOLE_BROKER, wire_stream, 0, STREAM),

	BYTES(INPUT, WIRE_VIEWER_CONSOLE),
	ROW(TAKE, WIRE_VIEWER_CONSOLE, wire_empty, 0, NONE),
	ROW(HERE, WIRE_VIEWER_CONSOLE, wire_empty, 0, NONE),
	BYTES(OUTPUT, WIRE_CONSOLE_VIEWER),
	ROW(MISSED, WIRE_CONSOLE_VIEWER, wire_missed, 0, NONE),
	ROW(EVENT, WIRE_CONSOLE_VIEWER, wire_text, 0, STR(wire_text, text)),
	ROW(WRITER, WIRE_CONSOLE_VIEWER, wire_writer, 0, STR(wire_writer, who)),
	ROW(VIEW_END, WIRE_CONSOLE_VIEWER, wire_outcome, 0, OUTCOME),
	ROW(STAMP, WIRE_CONSOLE_VIEWER, wire_stamp, 0, NONE),

	ROW(RUN, WIRE_BROKER_WORKER, wire_run, 0, STR(wire_run, ref),
	    STR(wire_run, customer), STR(wire_run, guest),
	    STR(wire_run, text)),
	ROW(GO, WIRE_BROKER_WORKER, wire_jobid, 0, NONE),
	ROW(PUT, WIRE_BROKER_WORKER, wire_put, 0, STR(wire_put, customer),
	    STR(wire_put, prefs.zone), STR(wire_put, prefs.tz),
	    STR(wire_put, prefs.back)),
	ROW(PHASE, WIRE_WORKER_BROKER, wire_phase, 0, NONE),
	ROW(RESULT, WIRE_WORKER_BROKER, wire_result, 0, STR(wire_result, text)),
	ROW(ACCOUNT, WIRE_WORKER_BROKER, wire_account, 0,
	    STR(wire_account, customer)),
	ROW(ACCOUNTS_END, WIRE_WORKER_BROKER, wire_empty, 0, NONE),

	ROW(SESSIONS, WIRE_OPERATOR_BROKER, wire_empty, 0, NONE),
	ROW(ADOPT, WIRE_OPERATOR_BROKER, wire_operate, 0, OPERATE),
	ROW(HOLD, WIRE_OPERATOR_BROKER, wire_operate, 0, OPERATE),
	ROW(RELEASE, WIRE_OPERATOR_BROKER, wire_operate, 0, OPERATE),
	ROW(FORGET_SAVED, WIRE_OPERATOR_BROKER, wire_operate, 0, OPERATE),
	ROW(HEALTH, WIRE_OPERATOR_BROKER, wire_empty, 0, NONE),
	ROW(WATCH, WIRE_OPERATOR_BROKER, wire_operate, 0, OPERATE),
	ROW(LEND_GUEST, WIRE_OPERATOR_BROKER, wire_operate, 0, OPERATE),
	ROW(SESSION, WIRE_BROKER_OPERATOR, wire_session, 0,
	    STR(wire_session, customer), STR(wire_session, claim),
	    STR(wire_session, guest), STR(wire_session, job_verb),
	    STR(wire_session, job_guest)),
	ROW(SESSIONS_END, WIRE_BROKER_OPERATOR, wire_count, 0, NONE),
	ROW(DID, WIRE_BROKER_OPERATOR, wire_did, 0, STR(wire_did, guest),
	    STR(wire_did, ref), STR(wire_did, text)),
	ROW(DID_END, WIRE_BROKER_OPERATOR, wire_count, 0, NONE),
	ROW(HEALTH_IS, WIRE_BROKER_OPERATOR, wire_health, 0,
	    STR(wire_health, note)),
	ROW(WATCHED, WIRE_BROKER_OPERATOR, wire_attached, 1,
	    STR(wire_attached, guest)),
};

const struct wire_layout *
wire_layout_at(size_t i)
{
	return i < sizeof(layouts) / sizeof(layouts[0]) ? &layouts[i] : NULL;
}

const struct wire_layout *
wire_layout(uint32_t type)
{
	const struct wire_layout *layout;
	size_t i;

	for (i = 0; (layout = wire_layout_at(i)) != NULL; i++)
		if (layout->type == type)
			return layout;
	return NULL;
}
