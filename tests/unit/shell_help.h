/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_SHELL_HELP_H
#define TESTS_UNIT_SHELL_HELP_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "wire/err.h"
#include "wire/wire.h"

/* So much of each request is reported: all but console bytes. */
#define HELP_REPORT 128

/*
 * The other end of a client's socket: a process that speaks the protocol
 * with the real codec and lets a test look at every request.  The broker
 * itself, with all that it needs, runs in the flow tests.
 */
struct help_broker {
	char			 dir[64];
	char			 path[96];
	pid_t			 pid;
	int			 seen;	/* requests, as they came in */
	/* What it answers; fixed when it is started. */
	struct wire_guest	 guests[2];
	size_t			 nguests;
	struct wire_outcome	 bye;	/* instead of an answer, when set */
	bool			 hang_up;	/* after its first request */
	int			 deaths;	/* so often, then it answers */
	bool			 half;		/* dies behind JOB and NOTE */
	bool			 forgets;	/* every job */
	bool			 mute;		/* no HELLO, nothing */
	bool			 endless;	/* jobs do not end */
	bool			 plain;		/* knows of no preferences */
	uint16_t		 version;
};

static inline void
help_guest(struct wire_guest *guest, const char *name, uint32_t state,
    uint64_t boot)
{
	memset(guest, 0, sizeof(*guest));
	text_copy(guest->name, sizeof(guest->name), name);
	guest->state = state;
	guest->boot = boot;
	guest->uptime_ms = state == WIRE_STATE_OFF ? -1 : 61000;
}

static inline void
help_outcome(int fd, uint32_t type, uint32_t id, int err, const char *ref,
    const char *text)
{
	struct wire_outcome outcome;

	memset(&outcome, 0, sizeof(outcome));
	outcome.err = err;
	text_copy(outcome.ref, sizeof(outcome.ref), ref);
	text_copy(outcome.text, sizeof(outcome.text), text);
	wire_send(fd, type, id, &outcome, NULL, 0);
}

static inline void
help_answer_guests(const struct help_broker *b, int fd, uint32_t id,
    const char *name)
{
	struct wire_count count = { 0 };
	size_t i;

	for (i = 0; i < b->nguests; i++) {
		if (name != NULL && strcmp(name, b->guests[i].name) != 0)
			continue;
		wire_send(fd, WIRE_GUEST, id, &b->guests[i], NULL, 0);
		count.count++;
	}
	if (name != NULL && count.count == 0)
		help_outcome(fd, WIRE_REFUSED, id, VPSH_ERR_NO_GUEST, "",
		    "No such guest, says the broker.");
	else
		wire_send(fd, WIRE_END, id, &count, NULL, 0);
}

static inline void
help_answer_power(const struct help_broker *b, int fd, uint32_t id)
{
	struct wire_job job = { "K7F3", 60000, 0 };
	struct wire_text note = { "half-way" };

	wire_send(fd, WIRE_JOB, id, &job, NULL, 0);
	wire_send(fd, WIRE_NOTE, id, &note, NULL, 0);
	if (!b->endless)
		help_outcome(fd, WIRE_DONE, id, 0, "K7F3", "It is done.");
}

static inline void
help_answer_find(const struct help_broker *b, int fd, uint32_t id)
{
	if (b->forgets)
		help_outcome(fd, WIRE_REFUSED, id, VPSH_ERR_NO_JOB, "",
		    "No such job, says the broker.");
	else
		help_answer_power(b, fd, id);
}

static inline void
help_answer(const struct help_broker *b, int fd, const struct wire_msg *msg)
{
	struct wire_hello hello;
	struct wire_who who = { "alice", "xen07", "help@example.net", 0, 0 };
	struct wire_prefs prefs = { .back_ms = -1 };

	switch (msg->head.type) {
	case WIRE_HELLO:
		if (b->mute)
			return;
		wire_hello(&hello, WIRE_ROLE_BROKER, NULL);
		if (b->version != 0)
			hello.version = hello.oldest = b->version;
		wire_send(fd, WIRE_HELLO, 0, &hello, NULL, 0);
		return;
	case WIRE_LIST:
	case WIRE_FOLLOW:
		help_answer_guests(b, fd, msg->head.id, NULL);
		return;
	case WIRE_FIND:
		help_answer_find(b, fd, msg->head.id);
		return;
	case WIRE_STATUS:
		help_answer_guests(b, fd, msg->head.id, msg->u.look.guest);
		return;
	case WIRE_WHOAMI:
		wire_send(fd, WIRE_WHO, msg->head.id, &who, NULL, 0);
		return;
	case WIRE_PREFS:
		if (!b->plain)
			wire_send(fd, WIRE_PREFS_ARE, msg->head.id, &prefs,
			    NULL, 0);
		else
			help_answer_power(b, fd, msg->head.id);
		return;
	default: help_answer_power(b, fd, msg->head.id); return;
	}
}

/* One client until it goes away; every request is reported first. */
static inline void
help_serve(const struct help_broker *b, int fd, int report)
{
	struct help_broker half = *b;
	int fds[FD_PASS_MAX];
	static int deaths;
	struct wire_msg msg;
	size_t nfds;

	half.endless = true;
	while (wire_recv(fd, &msg, WIRE_CLIENT_BROKER, fds, &nfds) > 0) {
		if (msg.head.type != WIRE_HELLO) {
			if (write(report, &msg, HELP_REPORT) != HELP_REPORT)
				_exit(1);
			if (b->hang_up || deaths < b->deaths) {
				deaths++;
				if (b->half)
					help_answer(&half, fd, &msg);
				return;
			}
			if (b->bye.err != 0) {
				wire_send(fd, WIRE_BYE, 0, &b->bye, NULL, 0);
				return;
			}
		}
		help_answer(b, fd, &msg);
	}
}

/* Sanitizers' leak check is the parent's: the child leaves by _exit(). */
static inline void
help_broker_start(struct help_broker *b)
{
	int pipefd[2], listener, fd;

	strncpy(b->dir, "/tmp/vpsh-shell-XXXXXX", sizeof(b->dir) - 1);
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->path, sizeof(b->path), "%s/broker", b->dir);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_not_equal(listener, -1);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	assert_int_equal(text_copy(address.sun_path, sizeof(address.sun_path),
	    b->path), 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address,
	    sizeof(address)), 0);
	assert_int_equal(listen(listener, 5), 0);
	assert_int_equal(pipe(pipefd), 0);
	b->pid = fork();
	assert_int_not_equal(b->pid, -1);
	if (b->pid == 0) {
		/* Never outlives its test, whatever happens to that. */
		alarm(25);
		signal(SIGPIPE, SIG_IGN);
		while ((fd = accept(listener, NULL, NULL)) != -1) {
			help_serve(b, fd, pipefd[1]);
			close(fd);
		}
		_exit(0);
	}
	close(listener);
	close(pipefd[1]);
	b->seen = pipefd[0];
}

/* The next request that it got; waits for it. */
static inline struct wire_msg
help_seen(struct help_broker *b)
{
	struct wire_msg msg;

	memset(&msg, 0, sizeof(msg));
	assert_int_equal(read(b->seen, &msg, HELP_REPORT), HELP_REPORT);
	return msg;
}

/* End it; true when it got a request that was not looked at. */
static inline bool
help_broker_stop(struct help_broker *b)
{
	struct wire_msg msg;
	bool more;

	kill(b->pid, SIGKILL);
	waitpid(b->pid, NULL, 0);
	more = read(b->seen, &msg, HELP_REPORT) > 0;
	close(b->seen);
	unlink(b->path);
	rmdir(b->dir);
	return more;
}

#endif
