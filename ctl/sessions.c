/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "ctl/ctl.h"
#include "ctl/service.h"

#define ANSWER_S 10

/* What the session does, in a few words. */
static void
doing(const struct wire_session *s, char *dst, size_t size)
{
	if (*s->guest != '\0')
		text_format(dst, size, "console of %s%s", s->guest,
		    s->may_write ? "" : ", watching");
	else if (*s->job_verb != '\0')
		text_format(dst, size, "waits for %s of %s", s->job_verb,
		    s->job_guest);
	else
		text_copy(dst, size, "at the prompt");
}

static void
show(struct report *r, const struct wire_session *s)
{
	char since[CLOCK_RFC3339_LEN], what[120];
	char claim[2 * WIRE_CLAIM];

	clock_rfc3339(s->since_ms, since);
	doing(s, what, sizeof(what));
	/* The client wrote that. */
	text_escape(claim, sizeof(claim), s->claim, strlen(s->claim));
	report_say(r, "%-6llu %-16s %.16sZ  idle %5llds  %-28s %s",
	    (unsigned long long)s->number, s->customer, since,
	    (long long)s->idle_ms / 1000, what, claim);
	report_begin(r, NULL, '{');
	report_number(r, "number", (long long)s->number);
	report_string(r, "customer", s->customer);
	report_string(r, "since", since);
	report_number(r, "idle_ms", s->idle_ms);
	report_number(r, "uid", s->uid);
	report_number(r, "pid", s->pid);
	report_string(r, "claim", s->claim);
	report_string(r, "console", s->guest);
	report_bool(r, "writes", s->may_write != 0);
	report_string(r, "job", s->job_verb);
	report_string(r, "job_guest", s->job_guest);
	report_end(r, '}');
}

int
sessions_run(struct ctl *ctl, const struct ctl_call *call)
{
	const struct wire_empty empty = { 0 };
	static struct wire_msg msg;
	struct report *r = &ctl->report;
	char why[PATH_MAX + 200];
	bool told = false, good;
	size_t n = 0;
	int fd;

	(void)call;
	fd = service_await(ctl, ANSWER_S, &told, why, sizeof(why));
	if (fd == -1)
		return report_service(r, "%s", why);
	report_begin(r, "sessions", '[');
	good = wire_send(fd, WIRE_SESSIONS, 1, &empty, NULL, 0) == 0;
	while (good && (good = service_recv(fd, &msg)) &&
	    msg.head.type == WIRE_SESSION) {
		show(r, &msg.u.session);
		n++;
	}
	fd_close(&fd);
	report_end(r, ']');
	if (!good || msg.head.type != WIRE_SESSIONS_END)
		return report_service(r,
		    "the broker broke off after %zu "
		    "sessions; try again",
		    n);
	if (n == 0)
		report_say(r, "Nobody is logged in.");
	return CTL_OK;
}
