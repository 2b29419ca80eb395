/* SPDX-License-Identifier: ISC */
#ifndef UNIT_CONSOLE_RIG_H
#define UNIT_CONSOLE_RIG_H

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "wire/err.h"
#include "wire/wire.h"

/*
 * The real vpsh-console, with a test in the places of the supervisor, the
 * broker, the watcher, the guests and the viewers.  Everything here waits
 * for events, and fails after RIG_MS.
 */

#define RIG_MS	10000
#define MIB	((size_t)1024 * 1024)

/* Any uid that is not root's: as root the program would want its own user. */
#define RIG_UID	47113

struct rig {
	pid_t	pid;
	int	super;
	int	broker;
	int	watch;
};

/* --- frames -------------------------------------------------------------- */

static inline void
rig_wait(int fd, short events)
{
	struct pollfd pfd = { fd, events, 0 };

	if (poll(&pfd, 1, RIG_MS) != 1)
		fail_msg("nothing came within %d ms", RIG_MS);
}

static inline ssize_t
rig_recv_any(int fd, struct wire_msg *msg, enum wire_way way)
{
	ssize_t len;

	do {
		rig_wait(fd, POLLIN);
		len = wire_recv(fd, msg, way, NULL, NULL);
	} while (len == -1 && errno == EAGAIN);
	return len;
}

/* The next frame has to be of that type. */
static inline void
rig_recv(int fd, struct wire_msg *msg, enum wire_way way, uint32_t type)
{
	ssize_t len = rig_recv_any(fd, msg, way);

	if (len <= 0)
		fail_msg("end of file or error in place of frame %u", type);
	assert_int_equal(msg->head.type, type);
}

static inline void
rig_send(int fd, uint32_t type, const void *body, const int *fds, size_t nfds)
{
	rig_wait(fd, POLLOUT);
	assert_int_equal(wire_send(fd, type, 0, body, fds, nfds), 0);
}

/* True at the end of file, within the deadline; frames before it are lost. */
static inline bool
rig_ends(int fd, enum wire_way way)
{
	struct wire_msg msg;
	ssize_t len;

	do
		len = rig_recv_any(fd, &msg, way);
	while (len > 0);
	return len == 0 || errno == ECONNRESET;
}

/* --- the server ---------------------------------------------------------- */

static inline int
rig_peer(struct rig *rig, enum wire_role role)
{
	const struct wire_peer peer = { (uint32_t)role };
	int pair[2];

	assert_int_equal(fd_pair(pair), 0);
	rig_send(rig->super, WIRE_PEER, &peer, &pair[1], 1);
	fd_close(&pair[1]);
	assert_int_equal(wire_hello_inner(pair[0], role, WIRE_ROLE_CONSOLE),
	    0);
	return pair[0];
}

static inline void
rig_exec(int control)
{
	const char *dir = getenv("VPSH_BIN_DIR");
	char path[512];
	int copy;

	(void)snprintf(path, sizeof(path), "%s/vpsh-console",
	    dir != NULL ? dir : "build/asan");
	if (geteuid() == 0 && (setgroups(0, NULL) == -1 ||
	    setresgid(RIG_UID, RIG_UID, RIG_UID) == -1 ||
	    setresuid(RIG_UID, RIG_UID, RIG_UID) == -1))
		_exit(126);
	/* Through a copy, so that close-on-exec is off even if it is 3. */
	copy = dup(control);
	if (copy == -1 || dup2(copy, 3) != 3)
		_exit(126);
	(void)close_range(4, ~0U, 0);
	execl(path, path, "-p", "/nonexistent", (char *)NULL);
	_exit(127);
}

static inline void
rig_start(struct rig *rig)
{
	int pair[2];

	assert_int_equal(fd_pair(pair), 0);
	rig->super = pair[0];
	rig->pid = fork();
	assert_int_not_equal(rig->pid, -1);
	if (rig->pid == 0)
		rig_exec(pair[1]);
	fd_close(&pair[1]);
	assert_int_equal(wire_hello_inner(rig->super, WIRE_ROLE_SUPERVISOR,
	    WIRE_ROLE_CONSOLE), 0);
	rig->broker = rig_peer(rig, WIRE_ROLE_BROKER);
	rig->watch = rig_peer(rig, WIRE_ROLE_WATCH);
}

/* Without its supervisor it ends, by itself and in order. */
static inline void
rig_stop(struct rig *rig)
{
	int status;

	fd_close(&rig->super);
	assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	fd_close(&rig->broker);
	fd_close(&rig->watch);
}

static inline void
rig_kill(struct rig *rig)
{
	assert_int_equal(kill(rig->pid, SIGKILL), 0);
	assert_int_equal(waitpid(rig->pid, NULL, 0), rig->pid);
	fd_close(&rig->super);
	fd_close(&rig->broker);
	fd_close(&rig->watch);
}

/* --- a guest ------------------------------------------------------------- */

struct rig_guest {
	const char	*customer;
	const char	*name;
	int		 master;	/* the host's daemon's side */
	int		 slave;
	int		 lock;
	int		 ring;
	struct wire_pty	 pty;
};

static inline int
rig_memory(size_t size)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static inline void
rig_openpty(struct rig_guest *guest)
{
	struct termios raw;

	assert_int_equal(openpty(&guest->master, &guest->slave, NULL, NULL,
	    NULL), 0);
	assert_int_equal(tcgetattr(guest->slave, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(guest->slave, TCSANOW, &raw), 0);
	assert_int_equal(fd_set_nonblock(guest->master), 0);
}

static inline void
rig_guest(struct rig_guest *guest, const char *customer, const char *name)
{
	memset(guest, 0, sizeof(*guest));
	guest->customer = customer;
	guest->name = name;
	guest->lock = rig_memory(1);
	guest->ring = rig_memory(WIRE_RING_BYTES);
	(void)text_copy(guest->pty.customer, WIRE_NAME, customer);
	(void)text_copy(guest->pty.guest, WIRE_NAME, name);
	guest->master = guest->slave = -1;
}

/* Its console, as the watcher has proven it. */
static inline void
rig_hand_over(struct rig *rig, struct rig_guest *guest)
{
	const int fds[3] = { guest->slave, guest->lock, guest->ring };

	rig_send(rig->watch, WIRE_PTY, &guest->pty, fds, 3);
}

/* A boot: its console is opened and handed over. */
static inline void
rig_boot(struct rig *rig, struct rig_guest *guest)
{
	struct wire_msg msg;

	rig_openpty(guest);
	guest->pty.boot++;
	guest->pty.domid++;
	guest->pty.uuid[0]++;
	rig_hand_over(rig, guest);
	do
		assert_true(rig_recv_any(rig->broker, &msg,
		    WIRE_CONSOLE_BROKER) > 0);
	while (msg.head.type == WIRE_VIEWER_GONE);
	assert_int_equal(msg.head.type, WIRE_READY);
	assert_memory_equal(&msg.u.pty, &guest->pty, sizeof(guest->pty));
}

/* The daemon closes its side: the pty hangs up. */
static inline void
rig_halt(struct rig_guest *guest)
{
	fd_close(&guest->master);
	fd_close(&guest->slave);
}

static inline void
rig_guest_free(struct rig_guest *guest)
{
	rig_halt(guest);
	fd_close(&guest->lock);
	fd_close(&guest->ring);
}

static inline void
rig_print(struct rig_guest *guest, const char *text)
{
	assert_int_equal(write(guest->master, text, strlen(text)),
	    strlen(text));
}

/* The guest's next bytes have to be these. */
static inline void
rig_hears(struct rig_guest *guest, const char *text)
{
	char got[256];
	size_t have = 0, want = strlen(text);
	ssize_t n;

	while (have < want) {
		rig_wait(guest->master, POLLIN);
		n = read(guest->master, got + have, want - have);
		assert_true(n > 0);
		have += (size_t)n;
	}
	assert_memory_equal(got, text, want);
}

static inline void
rig_hears_nothing(struct rig_guest *guest)
{
	char c;

	assert_int_equal(read(guest->master, &c, 1), -1);
	assert_int_equal(errno, EAGAIN);
}

/* --- a viewer ------------------------------------------------------------ */

struct rig_view {
	int		 fd;
	uint64_t	 id;
	bool		 placed;	/* next is valid */
	uint64_t	 next;		/* offset that has to come */
	uint64_t	 missed;
	bool		 writer;
	unsigned	 told;		/* WRITER frames */
	char		 who[WIRE_NAME];
	char		 event[WIRE_TEXT];	/* the last */
	unsigned	 events;
	unsigned	 opened;	/* of these, a console */
	struct wire_stamp stamp;	/* the last */
	unsigned	 stamps;
	bool		 ended;		/* VIEW_END */
	int		 err;
	uint8_t		*data;
	size_t		 len;
	size_t		 size;
};

static inline void
rig_grant(struct rig *rig, struct rig_view *view,
    const struct rig_guest *guest, const char *who, struct wire_grant how)
{
	static uint64_t last;
	int pair[2];

	memset(view, 0, sizeof(*view));
	view->id = how.viewer = ++last;
	(void)text_copy(how.customer, WIRE_NAME, guest->customer);
	(void)text_copy(how.guest, WIRE_NAME, guest->name);
	(void)text_copy(how.who, WIRE_NAME, who);
	assert_int_equal(fd_pair(pair), 0);
	rig_send(rig->broker, WIRE_GRANT, &how, &pair[1], 1);
	fd_close(&pair[1]);
	view->fd = pair[0];
}

static inline void
rig_view_free(struct rig_view *view)
{
	fd_close(&view->fd);
	free(view->data);
	view->data = NULL;
	view->len = view->size = 0;
}

static inline void
rig_view_add(struct rig_view *view, const struct wire_msg *msg, size_t len)
{
	const struct wire_output *output = &msg->u.output;

	/* No byte twice, none left out unless it was said. */
	if (view->placed)
		assert_int_equal(output->offset, view->next);
	view->placed = true;
	view->next = output->offset + len;
	if (view->len + len > view->size) {
		view->size = 2 * (view->len + len);
		view->data = realloc(view->data, view->size);
		assert_non_null(view->data);
	}
	memcpy(view->data + view->len, output->data, len);
	view->len += len;
}

/* Take one frame.  False at the end of file. */
static inline bool
rig_look(struct rig_view *view)
{
	struct wire_msg msg;
	ssize_t len = rig_recv_any(view->fd, &msg, WIRE_CONSOLE_VIEWER);

	if (len == 0)
		return false;
	assert_true(len > 0);
	switch (msg.head.type) {
	case WIRE_OUTPUT:
		rig_view_add(view, &msg, (size_t)len -
		    offsetof(struct wire_output, data));
		break;
	case WIRE_MISSED:
		view->missed += msg.u.missed.bytes;
		view->next += msg.u.missed.bytes;
		break;
	case WIRE_EVENT:
		view->events++;
		memcpy(view->event, msg.u.text.text, WIRE_TEXT);
		view->opened += strncmp(view->event, "console opened", 14) == 0;
		break;
	case WIRE_STAMP:
		if (view->placed)
			assert_int_equal(msg.u.stamp.offset, view->next);
		view->stamps++;
		view->stamp = msg.u.stamp;
		break;
	case WIRE_WRITER:
		view->told++;
		view->writer = msg.u.writer.you != 0;
		memcpy(view->who, msg.u.writer.who, WIRE_NAME);
		break;
	case WIRE_VIEW_END:
		view->ended = true;
		view->err = msg.u.outcome.err;
		break;
	default:
		fail_msg("frame %u", msg.head.type);
	}
	return true;
}

/* Look until that many bytes were seen, missed ones included. */
static inline void
rig_see(struct rig_view *view, size_t bytes)
{
	while (view->len + view->missed < bytes)
		assert_true(rig_look(view));
}

static inline void
rig_see_text(struct rig_view *view, const char *text)
{
	while (view->len == 0 ||
	    memmem(view->data, view->len, text, strlen(text)) == NULL)
		assert_true(rig_look(view));
}

static inline void
rig_see_event(struct rig_view *view, const char *text)
{
	while (strstr(view->event, text) == NULL)
		assert_true(rig_look(view));
}

/* Look until the next WRITER frame. */
static inline void
rig_see_writer(struct rig_view *view, bool you, const char *who)
{
	unsigned told = view->told;

	while (view->told == told)
		assert_true(rig_look(view));
	assert_int_equal(view->writer, you);
	assert_string_equal(view->who, who);
}

static inline void
rig_type(struct rig_view *view, const char *text)
{
	rig_wait(view->fd, POLLOUT);
	assert_int_equal(wire_send_data(view->fd, WIRE_INPUT, 0, text,
	    strlen(text)), 0);
}

/* Attach as one who may write, see who writes. */
static inline void
rig_attach(struct rig *rig, struct rig_view *view,
    const struct rig_guest *guest, const char *who)
{
	const struct wire_grant how = { .from = WIRE_FROM_TAIL, .tail = 4096,
		.may_write = 1 };

	rig_grant(rig, view, guest, who, how);
	while (view->told == 0)
		assert_true(rig_look(view));
}

/* Ask for a log, which may have an end. */
static inline void
rig_log(struct rig *rig, struct rig_view *view, const struct rig_guest *guest,
    uint32_t flags, int64_t since_ms)
{
	const struct wire_grant how = { .from = WIRE_FROM_TAIL,
		.tail = WIRE_RING_BYTES, .flags = WIRE_ATTACH_LOG | flags,
		.since_ms = since_ms };

	rig_grant(rig, view, guest, "alice", how);
}

static inline void
rig_see_end(struct rig_view *view)
{
	while (!view->ended)
		assert_true(rig_look(view));
}

/* --- what most tests begin and end with ---------------------------------- */

/* A guest of alice's that has booted. */
static inline void
rig_open(struct rig *rig, struct rig_guest *web)
{
	rig_start(rig);
	rig_guest(web, "alice", "web");
	rig_boot(rig, web);
}

/* And alice, who sees it. */
static inline void
rig_open_view(struct rig *rig, struct rig_guest *web, struct rig_view *view)
{
	rig_open(rig, web);
	rig_attach(rig, view, web, "alice");
}

static inline void
rig_close(struct rig *rig, struct rig_guest *web)
{
	rig_guest_free(web);
	rig_stop(rig);
}

/* Numbered bytes that no cut or doubling leaves unnoticed. */
static inline uint8_t *
rig_noise(size_t len, unsigned seed)
{
	uint8_t *noise = malloc(len);
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	size_t i;

	assert_non_null(noise);
	for (i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		noise[i] = (uint8_t)(x >> 32);
	}
	return noise;
}

#endif
