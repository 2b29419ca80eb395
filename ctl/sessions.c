/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "ctl/ctl.h"
#include "wire/wire.h"

#define ANSWER_S 10

/* Returns the socket, greeted, or -1 with errno. */
static int
greet(const char *path)
{
	const struct timeval tv = { ANSWER_S, 0 };
	static struct wire_msg msg;
	struct wire_hello hello;
	int fd = fd_connect(path), fds[FD_PASS_MAX], saved;
	size_t nfds = 0;

	if (fd == -1)
		return -1;
	wire_hello(&hello, WIRE_ROLE_OPERATOR, NULL);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0 &&
	    wire_send(fd, WIRE_HELLO, 0, &hello, NULL, 0) == 0 &&
	    wire_recv(fd, &msg, WIRE_BROKER_OPERATOR, fds, &nfds) > 0 &&
	    msg.head.type == WIRE_HELLO &&
	    wire_hello_version(&msg.u.hello) != 0)
		return fd;
	saved = errno != 0 ? errno : EPROTO;
	fd_close(&fd);
	errno = saved;
	return -1;
}

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
	char path[PATH_MAX];
	int fd, fds[FD_PASS_MAX];
	size_t nfds, n = 0;
	ssize_t len;

	(void)call;
	text_format(path, sizeof(path), "%s/operator.sock", ctl->run);
	errno = 0;
	if ((fd = greet(path)) == -1)
		return report_fail(r, "%s does not answer: %s%s", path,
		    strerror(errno),
		    errno == EACCES ?
			"; it is for root and the group vpsh-operator" :
			"; is vpshd running?");
	report_begin(r, "sessions", '[');
	len = wire_send(fd, WIRE_SESSIONS, 1, &empty, NULL, 0);
	if (len == 0)
		len = 1;
	while (len > 0 &&
	    (len = wire_recv(fd, &msg, WIRE_BROKER_OPERATOR, fds, &nfds)) > 0 &&
	    msg.head.type == WIRE_SESSION) {
		show(r, &msg.u.session);
		n++;
	}
	fd_close(&fd);
	report_end(r, ']');
	if (len <= 0 || msg.head.type != WIRE_SESSIONS_END)
		return report_fail(r,
		    "the broker broke off after %zu "
		    "sessions; try again",
		    n);
	if (n == 0)
		report_say(r, "Nobody is logged in.");
	return CTL_OK;
}
