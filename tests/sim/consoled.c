/* SPDX-License-Identifier: ISC */
/*
 * The stand-in for xenconsoled.  It has the same habits, the bad ones too:
 * a tty per domain whose number is the lowest that is free, the node in
 * xenstore written once it is there and never taken away, what is unread
 * thrown away with the domain, nothing remembered over a restart.  With -s
 * it lets so many milliseconds pass between one tty and the next, as on a
 * host with many guests, and old nodes stay wrong for that long.
 */
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <xenstore.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "tests/sim/ring.h"

/* What one ring holds on the way in, and is emptied of in one go. */
#define IN_BYTES	1024
#define OUT_BYTES	2048
/* console/limit, when libxl wrote none. */
#define LIMIT		1048576
/*
 * The real daemon takes 300 KB a second from a guest, less than any reader
 * reads, so that only who does not read loses anything.  Here a guest is as
 * fast as its reader, as long as there is one.
 */
#define AHEAD		(64 * 1024)
#define READER_MS	200

struct console {
	unsigned	 domid;
	uint8_t		 uuid[16];
	bool		 seen;		/* in the list that is looked through */
	bool		 ended;		/* its guest; the tty stays */
	bool		 watched;
	int		 ring;		/* -1: not served */
	int		 master;
	int		 slave;		/* so that no reader's end is ours */
	char		*data;		/* from the guest, not yet taken */
	size_t		 size;
	size_t		 len;
	size_t		 from;
	size_t		 limit;
	int64_t		 taken_at;	/* when a reader last did */
	char		 typed[IN_BYTES];	/* for the guest */
	size_t		 typed_len;
};

struct daemon {
	const char	*prefix;
	struct xs_handle *store;
	int		 ring;		/* to simxen */
	int		 signals[2];
	int64_t		 pace_ms;	/* from one tty to the next; 0 */
	int64_t		 next_at;
	bool		 waits;		/* a console for its time */
	struct console	*all;
	size_t		 n;
	struct pollfd	*polled;
};

static volatile sig_atomic_t stopped;
static int wake = -1;

static void
die(const char *why)
{
	fprintf(stderr, "xenconsoled: %s: %s\n", why, strerror(errno));
	exit(1);
}

static void
on_signal(int signal)
{
	(void)signal;
	stopped = 1;
	(void)!write(wake, "", 1);
}

/* --- one console ------------------------------------------------------- */

static void
close_tty(struct console *console)
{
	fd_close(&console->master);
	fd_close(&console->slave);
}

static void
drop(struct console *console)
{
	close_tty(console);
	fd_close(&console->ring);
	free(console->data);
	console->data = NULL;
	console->size = console->len = console->from = 0;
	console->typed_len = 0;
}

/* A string to be freed, or NULL. */
static char *
node(struct daemon *daemon, const struct console *console, const char *name)
{
	unsigned int len;
	char path[96];

	(void)text_format(path, sizeof(path), "/local/domain/%u/console/%s",
	    console->domid, name);
	return xs_read(daemon->store, XBT_NULL, path, &len);
}

static bool
has_node(struct daemon *daemon, const struct console *console,
    const char *name)
{
	char *value = node(daemon, console, name);
	bool has = value != NULL && value[0] != '\0';

	free(value);
	return has;
}

/* Has libxl set its console up, and for us? */
static bool
is_ours(struct daemon *daemon, const struct console *console)
{
	char *type;
	bool ours;

	if (!has_node(daemon, console, "ring-ref") ||
	    !has_node(daemon, console, "port"))
		return false;
	type = node(daemon, console, "type");
	ours = type == NULL || strcmp(type, "xenconsoled") == 0;
	free(type);
	return ours;
}

static int
open_tty(struct daemon *daemon, struct console *console)
{
	char path[96], tty[64], *value;
	struct termios tio;
	long long limit;

	if (openpty(&console->master, &console->slave, NULL, NULL,
	    NULL) == -1)
		return -1;
	if (fcntl(console->master, F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(console->slave, F_SETFD, FD_CLOEXEC) == -1 ||
	    fd_set_nonblock(console->master) == -1 ||
	    tcgetattr(console->slave, &tio) == -1 ||
	    ttyname_r(console->slave, tty, sizeof(tty)) != 0)
		goto fail;
	cfmakeraw(&tio);
	if (tcsetattr(console->slave, TCSANOW, &tio) == -1)
		goto fail;
	value = node(daemon, console, "limit");
	if (value != NULL && text_number(value, 1, 1 << 30, &limit) == 0)
		console->limit = (size_t)limit;
	free(value);
	(void)text_format(path, sizeof(path), "/local/domain/%u/console/tty",
	    console->domid);
	if (!xs_write(daemon->store, XBT_NULL, path, tty,
	    (unsigned int)strlen(tty)))
		goto fail;
	return 0;
fail:
	close_tty(console);
	return -1;
}

static int
connect_ring(struct daemon *daemon, struct console *console)
{
	struct sim_request request = { .op = SIM_CONNECT };
	struct sim_reply reply;

	request.domid = console->domid;
	if (ring_ask(daemon->ring, &request, &reply, NULL,
	    &console->ring) == -1 || console->ring == -1)
		return -1;
	if (fd_set_nonblock(console->ring) == -1) {
		fd_close(&console->ring);
		return -1;
	}
	return 0;
}

static void
serve(struct daemon *daemon, struct console *console)
{
	if (console->ring == -1 && is_ours(daemon, console) &&
	    connect_ring(daemon, console) == -1)
		return;
	if (console->ring == -1 || console->master != -1)
		return;
	if (clock_ms() < daemon->next_at) {
		daemon->waits = true;
		return;
	}
	if (open_tty(daemon, console) == 0 && daemon->pace_ms > 0)
		daemon->next_at = clock_ms() + daemon->pace_ms;
}

/* Make room for more; nothing is kept for ever, and nothing at its price. */
static int
reserve(struct console *console, size_t more)
{
	size_t size = console->size, over;
	char *data;

	if (console->from > 0) {
		memmove(console->data, console->data + console->from,
		    console->len);
		console->from = 0;
	}
	/* The middle goes: the beginning and the newest are what is read. */
	if (console->len > console->limit + console->limit / 4) {
		over = console->len - console->limit;
		memmove(console->data + console->limit - over,
		    console->data + console->len - over, over);
		console->len = console->limit;
	}
	while (size < console->len + more)
		size = size == 0 ? OUT_BYTES : 2 * size;
	if (size == console->size)
		return 0;
	data = realloc(console->data, size);
	if (data == NULL)
		return -1;
	console->data = data;
	console->size = size;
	return 0;
}

static void
take_output(struct console *console)
{
	ssize_t n;

	if (console->from + console->len + OUT_BYTES > console->size &&
	    reserve(console, OUT_BYTES) == -1)
		return;
	n = read(console->ring, console->data + console->from + console->len,
	    OUT_BYTES);
	if (n > 0)
		console->len += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		console->ended = true;
}

/* 0, or -1 when the tty is broken. */
static int
give_output(struct console *console)
{
	ssize_t n;

	n = write(console->master, console->data + console->from,
	    console->len);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	console->taken_at = clock_ms();
	console->from += (size_t)n;
	console->len -= (size_t)n;
	if (console->len == 0) {
		free(console->data);
		console->data = NULL;
		console->size = console->from = 0;
	}
	return 0;
}

static int
take_input(struct console *console)
{
	ssize_t n;

	n = read(console->master, console->typed, sizeof(console->typed));
	if (n > 0)
		console->typed_len = (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		return -1;
	return 0;
}

static void
give_input(struct console *console)
{
	ssize_t n;

	n = write(console->ring, console->typed, console->typed_len);
	if (n > 0) {
		console->typed_len -= (size_t)n;
		memmove(console->typed, console->typed + n,
		    console->typed_len);
	} else if (n == -1 && errno != EAGAIN && errno != EINTR)
		console->typed_len = 0;
}

/* --- all of them ------------------------------------------------------- */

static struct console *
find(struct daemon *daemon, const struct sim_domain *domain)
{
	struct console *console, *more;
	size_t i;

	for (i = 0; i < daemon->n; i++)
		if (daemon->all[i].domid == domain->domid &&
		    memcmp(daemon->all[i].uuid, domain->uuid,
		    sizeof(domain->uuid)) == 0)
			return &daemon->all[i];
	more = reallocarray(daemon->all, daemon->n + 1, sizeof(*more));
	if (more == NULL)
		die("no memory");
	daemon->all = more;
	console = &more[daemon->n++];
	memset(console, 0, sizeof(*console));
	console->domid = domain->domid;
	memcpy(console->uuid, domain->uuid, sizeof(console->uuid));
	console->ring = console->master = console->slave = -1;
	console->limit = LIMIT;
	return console;
}

static void
watch_console(struct daemon *daemon, struct console *console, bool begin)
{
	char path[96], token[32];

	(void)text_format(path, sizeof(path), "/local/domain/%u/console",
	    console->domid);
	(void)text_format(token, sizeof(token), "%u", console->domid);
	if (begin)
		console->watched = xs_watch(daemon->store, path, token);
	else if (console->watched)
		(void)!xs_unwatch(daemon->store, path, token);
}

static int
by_domid(const void *a, const void *b)
{
	const struct sim_domain *x = a, *y = b;

	return (x->domid > y->domid) - (x->domid < y->domid);
}

/* Whatever is dying or gone loses its tty at once, read or not. */
static void
sweep(struct daemon *daemon)
{
	size_t i;

	for (i = daemon->n; i-- > 0;) {
		if (daemon->all[i].seen)
			continue;
		watch_console(daemon, &daemon->all[i], false);
		drop(&daemon->all[i]);
		daemon->n--;
		memmove(&daemon->all[i], &daemon->all[i + 1],
		    (daemon->n - i) * sizeof(daemon->all[0]));
	}
}

static void
look(struct daemon *daemon)
{
	static struct sim_domain all[SIM_DOMAINS_MAX];
	struct sim_request request = { .op = SIM_LIST };
	struct sim_reply reply;
	size_t i;

	if (ring_ask(daemon->ring, &request, &reply, all, NULL) == -1)
		die("no list of domains");
	for (i = 0; i < daemon->n; i++)
		daemon->all[i].seen = false;
	qsort(all, reply.count, sizeof(all[0]), by_domid);
	for (i = 0; i < reply.count; i++)
		if (!all[i].dying && all[i].domid != 0)
			find(daemon, &all[i])->seen = true;
	/* First what goes, then what comes: the lowest numbers are free. */
	sweep(daemon);
	daemon->waits = false;
	for (i = 0; i < daemon->n; i++) {
		if (!daemon->all[i].watched)
			watch_console(daemon, &daemon->all[i], true);
		serve(daemon, &daemon->all[i]);
	}
}

static void
hear(struct daemon *daemon)
{
	bool domains = false;
	long long domid = 0;
	char **event;
	size_t i;

	while ((event = xs_check_watch(daemon->store)) != NULL) {
		if (text_number(event[XS_WATCH_TOKEN], 1, UINT32_MAX,
		    &domid) == -1) {
			domid = 0;
			domains = true;
		}
		for (i = 0; i < daemon->n; i++)
			if (daemon->all[i].domid == (unsigned)domid)
				serve(daemon, &daemon->all[i]);
		free(event);
	}
	if (domains)
		look(daemon);
}

/* So long the guest waits for its reader; 0: there is none, or no need. */
static int
waits_ms(const struct console *console, int64_t now)
{
	return console->len < AHEAD ||
	    now - console->taken_at >= READER_MS ? 0 :
	    (int)(console->taken_at + READER_MS - now);
}

static void
run_console(struct daemon *daemon, struct console *console, short tty,
    short ring)
{
	if ((ring & POLLOUT) != 0 && console->typed_len > 0)
		give_input(console);
	if ((ring & (POLLIN | POLLHUP | POLLERR)) != 0 &&
	    waits_ms(console, clock_ms()) == 0)
		take_output(console);
	if (((tty & POLLOUT) != 0 && console->len > 0 &&
	    give_output(console) == -1) || ((tty & POLLIN) != 0 &&
	    console->typed_len == 0 && take_input(console) == -1) ||
	    (tty & (POLLHUP | POLLERR)) != 0) {
		/* As the real one does: another tty, and a new node. */
		close_tty(console);
		serve(daemon, console);
	}
}

/* When somebody's time comes, if nothing else does before; -1: never. */
static int
patience(const struct daemon *daemon, int64_t now)
{
	int64_t soonest = daemon->waits ? daemon->next_at - now : -1;
	size_t i;
	int ms;

	if (daemon->waits && soonest < 0)
		soonest = 0;
	for (i = 0; i < daemon->n; i++) {
		ms = waits_ms(&daemon->all[i], now);
		if (ms > 0 && (soonest == -1 || ms < soonest))
			soonest = ms;
	}
	return (int)soonest;
}

static void
turn(struct daemon *daemon)
{
	struct pollfd *p;
	struct console *console;
	size_t i, n = daemon->n;
	int64_t now = clock_ms();
	int ms;

	p = reallocarray(daemon->polled, 2 * n + 3, sizeof(*p));
	if (p == NULL)
		die("no memory");
	daemon->polled = p;
	p[0] = (struct pollfd){ .fd = xs_fileno(daemon->store),
		.events = POLLIN };
	p[1] = (struct pollfd){ .fd = daemon->signals[0], .events = POLLIN };
	/* simxen says nothing unasked: only its end is heard. */
	p[2] = (struct pollfd){ .fd = daemon->ring };
	for (i = 0; i < n; i++) {
		console = &daemon->all[i];
		ms = waits_ms(console, now);
		p[3 + 2 * i] = (struct pollfd){ .fd = console->master,
			.events = (short)((console->len > 0 ? POLLOUT : 0) |
			    (console->typed_len == 0 && !console->ended ?
			    POLLIN : 0)) };
		p[4 + 2 * i] = (struct pollfd){ .fd = console->ended ||
			(ms > 0 && console->typed_len == 0) ? -1 :
			console->ring, .events = (short)((ms > 0 ? 0 : POLLIN) |
			    (console->typed_len > 0 ? POLLOUT : 0)) };
	}
	if (poll(p, 2 * n + 3, patience(daemon, now)) == -1)
		return;
	for (i = 0; i < n; i++)
		run_console(daemon, &daemon->all[i], p[3 + 2 * i].revents,
		    p[4 + 2 * i].revents);
	if (p[2].revents != 0) {
		fprintf(stderr, "xenconsoled: the hypervisor is gone\n");
		exit(1);
	}
	if (p[0].revents != 0)
		hear(daemon);
	if (daemon->waits && clock_ms() >= daemon->next_at)
		look(daemon);
}

/* In one piece. */
static void
write_pid(const char *prefix, char path[512])
{
	char temp[520], text[32];
	int fd;

	(void)text_format(path, 512, "%s/run/xenconsoled.pid", prefix);
	(void)text_format(temp, sizeof(temp), "%s.new", path);
	(void)text_format(text, sizeof(text), "%d\n", (int)getpid());
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd == -1 || fd_write_all(fd, text, strlen(text)) == -1 ||
	    rename(temp, path) == -1)
		die(path);
	close(fd);
}

static void
close_all(struct daemon *daemon)
{
	size_t i;

	for (i = 0; i < daemon->n; i++)
		drop(&daemon->all[i]);
	free(daemon->all);
	free(daemon->polled);
	xs_close(daemon->store);
	fd_close(&daemon->ring);
}

static void
open_all(struct daemon *daemon)
{
	const struct sigaction stop = { .sa_handler = on_signal };

	struct rlimit files;

	(void)signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (pipe2(daemon->signals, O_CLOEXEC | O_NONBLOCK) == -1)
		die("no pipe");
	wake = daemon->signals[1];
	(void)sigaction(SIGTERM, &stop, NULL);
	(void)sigaction(SIGINT, &stop, NULL);
	if ((daemon->ring = ring_open(daemon->prefix)) == -1)
		die("no hypervisor");
	if ((daemon->store = xs_open(0)) == NULL)
		die("no xenstored");
}

int
main(int argc, char **argv)
{
	struct daemon daemon = { 0 };
	long long pace_ms;
	char path[512];
	int c;

	while ((c = getopt(argc, argv, "p:s:")) != -1)
		if (c == 'p')
			daemon.prefix = optarg;
		else if (c == 's' &&
		    text_number(optarg, 0, 60000, &pace_ms) == 0)
			daemon.pace_ms = pace_ms;
	if (daemon.prefix == NULL || optind != argc) {
		fprintf(stderr, "usage: xenconsoled -p WORLD [-s MS]\n");
		return 2;
	}
	open_all(&daemon);
	write_pid(daemon.prefix, path);
	if (!xs_watch(daemon.store, "@introduceDomain", "domains") ||
	    !xs_watch(daemon.store, "@releaseDomain", "domains"))
		die("no watch on domains");
	while (!stopped)
		turn(&daemon);
	(void)unlink(path);
	close_all(&daemon);
	return 0;
}
