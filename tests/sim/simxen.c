/* SPDX-License-Identifier: ISC */
/*
 * simxen: a stand-in for the hypervisor.  Domains are entries in a table and
 * guests are processes; a domain stays, with its memory and whatever its
 * console holds, when its guest has ended, until it is destroyed.
 */
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "tests/sim/history.h"
#include "tests/sim/ring.h"

#define DOM0_KIB	(1024 * 1024)
#define RING_BYTES	2048
#define WORDS_MAX	64
#define PAUSED_MAX	255

struct domain {
	TAILQ_ENTRY(domain) entry;
	struct sim_domain now;
	char		*words;
	pid_t		 pid;		/* of its guest; 0 */
	int		 back;		/* of its console ring */
	int		 front;
	struct event	*let_go;	/* dying: who still has the ring? */
};

struct caller {
	struct xen	*xen;
	struct event	*event;
	LIST_ENTRY(caller) entry;
	int		 fd;
	bool		 subscribed;
};

struct xen {
	struct event_base *base;
	char		 world[256];
	char		 guest[512];	/* program */
	TAILQ_HEAD(, domain) domains;	/* by domid */
	LIST_HEAD(, caller) callers;
	uint64_t	 total_kib;
	uint32_t	 last;		/* domid: never given out twice */
	uint32_t	 twins;
	uint32_t	 zombies;
};

static struct domain *
find(struct xen *xen, uint32_t domid)
{
	struct domain *domain;

	TAILQ_FOREACH(domain, &xen->domains, entry)
		if (domain->now.domid == domid)
			return domain;
	return NULL;
}

static uint64_t
free_kib(struct xen *xen)
{
	struct domain *domain;
	uint64_t used = 0;

	TAILQ_FOREACH(domain, &xen->domains, entry)
		used += domain->now.memory_kib;
	return used < xen->total_kib ? xen->total_kib - used : 0;
}

/* VIRQ_DOM_EXC: a domain shut down, or is gone. */
static void
tell(struct xen *xen)
{
	struct caller *caller;

	LIST_FOREACH(caller, &xen->callers, entry)
		if (caller->subscribed)
			(void)!send(caller->fd, "", 1, MSG_DONTWAIT |
			    MSG_NOSIGNAL);
}

static struct domain *
add(struct xen *xen, uint32_t domid, const uint8_t uuid[16])
{
	struct domain *domain, *after;

	domain = calloc(1, sizeof(*domain));
	if (domain == NULL)
		return NULL;
	domain->back = domain->front = -1;
	domain->now.domid = domid;
	domain->now.vcpus = 1;
	memcpy(domain->now.uuid, uuid, sizeof(domain->now.uuid));
	TAILQ_FOREACH(after, &xen->domains, entry)
		if (after->now.domid > domid)
			break;
	if (after != NULL)
		TAILQ_INSERT_BEFORE(after, domain, entry);
	else
		TAILQ_INSERT_TAIL(&xen->domains, domain, entry);
	return domain;
}

static void
drop(struct xen *xen, struct domain *domain)
{
	TAILQ_REMOVE(&xen->domains, domain, entry);
	if (domain->let_go != NULL)
		event_free(domain->let_go);
	fd_close(&domain->back);
	fd_close(&domain->front);
	free(domain->words);
	free(domain);
	tell(xen);
}

static int
make_ring(struct domain *domain)
{
	const int size = RING_BYTES;
	int pair[2], i;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return errno;
	for (i = 0; i < 2; i++)
		(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size,
		    sizeof(size));
	domain->back = pair[0];
	domain->front = pair[1];
	return 0;
}

static int
create(struct xen *xen, const struct sim_request *request,
    struct sim_reply *reply)
{
	uint32_t domid = request->domid;
	struct domain *domain;
	int err;

	/* What is no domain id asks for any; a domid is never used again. */
	if (domid == 0 || domid >= 0x7ff0)
		domid = ++xen->last;
	else if (find(xen, domid) != NULL)
		return EEXIST;
	if (domid > xen->last)
		xen->last = domid;
	if ((domain = add(xen, domid, request->uuid)) == NULL)
		return ENOMEM;
	domain->now.paused = 1;
	domain->now.flags = request->value;
	reply->value = domid;
	if ((err = make_ring(domain)) != 0)
		drop(xen, domain);
	return err;
}

static void
run_guest(struct xen *xen, struct domain *domain)
{
	const uint8_t *u = domain->now.uuid;
	char domid[16], uuid[40], *argv[WORDS_MAX + 8], *word, *rest = NULL;
	int n = 0, fd;

	(void)text_format(domid, sizeof(domid), "%u", domain->now.domid);
	(void)text_format(uuid, sizeof(uuid), "%02x%02x%02x%02x-%02x%02x-"
	    "%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2],
	    u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
	    u[13], u[14], u[15]);
	argv[n++] = xen->guest;
	argv[n++] = (char *)"-p";
	argv[n++] = xen->world;
	argv[n++] = (char *)"-d";
	argv[n++] = domid;
	argv[n++] = (char *)"-u";
	argv[n++] = uuid;
	for (word = strtok_r(domain->words, " ", &rest);
	    word != NULL && n < WORDS_MAX + 7;
	    word = strtok_r(NULL, " ", &rest))
		argv[n++] = word;
	argv[n] = NULL;
	fd = domain->front;
	if (setpgid(0, 0) == -1 || dup2(fd, STDIN_FILENO) == -1 ||
	    dup2(fd, STDOUT_FILENO) == -1)
		_exit(SIM_CRASH);
	fd_close_from(STDERR_FILENO + 1);
	execv(xen->guest, argv);
	log_error("%s: %s", xen->guest, strerror(errno));
	_exit(SIM_CRASH);
}

static int
start_guest(struct xen *xen, struct domain *domain)
{
	if (domain->words == NULL || domain->now.shutdown)
		return 0;
	domain->pid = fork();
	if (domain->pid == -1) {
		domain->pid = 0;
		return errno;
	}
	if (domain->pid > 0)
		history_note(xen->world, domain->now.domid, "runs", "");
	if (domain->pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		run_guest(xen, domain);
	}
	(void)setpgid(domain->pid, domain->pid);
	return 0;
}

static int
unpause(struct xen *xen, struct domain *domain)
{
	if (domain->now.paused == 0)
		return EINVAL;
	if (--domain->now.paused > 0 || domain->now.dying)
		return 0;
	if (domain->pid == 0)
		return start_guest(xen, domain);
	return kill(-domain->pid, SIGCONT) == -1 ? errno : 0;
}

static int
pause_domain(struct domain *domain)
{
	if (domain->now.paused == PAUSED_MAX)
		return EOPNOTSUPP;
	if (domain->now.paused++ == 0 && domain->pid != 0)
		(void)kill(-domain->pid, SIGSTOP);
	return 0;
}

/*
 * Is nothing of it left?  On Xen a domain is dying until the console daemon
 * has unmapped its ring.
 */
static bool
is_released(struct xen *xen, struct domain *domain)
{
	char unread[RING_BYTES];
	ssize_t n;

	if (domain->pid != 0)
		return false;
	if (!xen->zombies)
		return true;
	do {
		n = recv(domain->front, unread, sizeof(unread), MSG_DONTWAIT);
	} while (n > 0);
	return n == 0 || (errno != EAGAIN && errno != EINTR);
}

static void
on_let_go(evutil_socket_t fd, short what, void *arg)
{
	struct xen *xen = arg;
	struct domain *domain, *next;

	(void)what;
	for (domain = TAILQ_FIRST(&xen->domains); domain != NULL;
	    domain = next) {
		next = TAILQ_NEXT(domain, entry);
		if (domain->front == fd && is_released(xen, domain))
			drop(xen, domain);
	}
}

static int
destroy(struct xen *xen, struct domain *domain)
{
	if (domain->now.dying)
		return 0;
	domain->now.dying = 1;
	history_note(xen->world, domain->now.domid, "gone", "");
	fd_close(&domain->back);
	if (domain->pid != 0)
		(void)kill(-domain->pid, SIGKILL);
	if (is_released(xen, domain)) {
		drop(xen, domain);
		return 0;
	}
	tell(xen);
	domain->let_go = event_new(xen->base, domain->front,
	    EV_READ | EV_PERSIST, on_let_go, xen);
	if (domain->let_go == NULL || event_add(domain->let_go, NULL) == -1)
		return ENOMEM;
	return 0;
}

static void
update_time(struct domain *domain)
{
	struct timespec ts;
	clockid_t clock;

	if (domain->pid != 0 && clock_getcpuclockid(domain->pid,
	    &clock) == 0 && clock_gettime(clock, &ts) == 0)
		domain->now.cpu_ns = (uint64_t)ts.tv_sec * 1000000000 +
		    (uint64_t)ts.tv_nsec;
}

/*
 * Statistics of a device, where Linux has them; a file that is not there
 * belongs to a device that is not there.
 */
static int
count(struct xen *xen, const struct sim_request *request)
{
	static const struct {
		const char	*before;	/* of the domid */
		const char	*after;
		unsigned	 unit;
	} counters[] = {
		[SIM_NET_OUT] = { "class/net/vif", ".0/statistics/rx_bytes",
		    1 },
		[SIM_NET_IN] = { "class/net/vif", ".0/statistics/tx_bytes",
		    1 },
		[SIM_DISK_READ] = { "bus/xen-backend/devices/vbd-",
		    "-*/statistics/rd_sect", 512 },
		[SIM_DISK_WRITTEN] = { "bus/xen-backend/devices/vbd-",
		    "-*/statistics/wr_sect", 512 },
	};
	char pattern[512], text[32];
	unsigned long long sum;
	glob_t found;
	ssize_t n;
	int fd = -1;

	if (request->value >= sizeof(counters) / sizeof(counters[0]))
		return EINVAL;
	(void)text_format(pattern, sizeof(pattern), "%s/sys/%s%u%s",
	    xen->world, counters[request->value].before, request->domid,
	    counters[request->value].after);
	if (glob(pattern, 0, NULL, &found) != 0)
		return ENODEV;
	fd = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
	globfree(&found);
	if (fd == -1)
		return errno;
	n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	sum = strtoull(text, NULL, 10) +
	    request->number / counters[request->value].unit;
	(void)text_format(text, sizeof(text), "%llu\n", sum);
	n = pwrite(fd, text, strlen(text), 0);
	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : EIO;
}

static int
set_words(const struct xen *xen, struct domain *domain,
    const struct sim_request *request)
{
	history_note(xen->world, domain->now.domid, "made", request->text);
	free(domain->words);
	domain->words = strndup(request->text, sizeof(request->text) - 1);
	return domain->words == NULL ? ENOMEM : 0;
}

/* What asks about one domain.  Returns an errno. */
static int
ask_domain(struct xen *xen, const struct sim_request *request, int *fd)
{
	struct domain *domain = find(xen, request->domid);

	if (domain == NULL)
		return ESRCH;
	if (domain->now.domid == 0)
		return EPERM;
	switch ((enum sim_op)request->op) {
	case SIM_CONNECT:
		*fd = domain->back;
		return domain->back == -1 ? EINVAL : 0;
	case SIM_MOVED:
		return count(xen, request);
	case SIM_MEMORY:
		domain->now.max_kib = request->number;
		return 0;
	case SIM_POPULATE:
		if (request->number > free_kib(xen))
			return ENOMEM;
		domain->now.memory_kib += request->number;
		return 0;
	case SIM_WORDS:
		return set_words(xen, domain, request);
	case SIM_VCPUS:
		domain->now.vcpus = request->value;
		return 0;
	case SIM_PAUSE:
		return pause_domain(domain);
	case SIM_UNPAUSE:
		return unpause(xen, domain);
	case SIM_DESTROY:
		return destroy(xen, domain);
	case SIM_LIST:
	case SIM_SUBSCRIBE:
	case SIM_CREATE:
	case SIM_HOST:
	case SIM_TWINS:
	case SIM_ZOMBIES:
		break;
	}
	return ENOSYS;
}

static uint32_t
list(struct xen *xen, const struct sim_request *request,
    struct sim_domain *all)
{
	uint32_t n = 0, max = SIM_DOMAINS_MAX;
	struct domain *domain;

	if (request->value > 0 && request->value < max)
		max = request->value;
	TAILQ_FOREACH(domain, &xen->domains, entry)
		if (domain->now.domid >= request->domid && n < max) {
			update_time(domain);
			all[n++] = domain->now;
		}
	return n;
}

/* What does not ask about one domain; -1 for what does. */
static int
ask_host(struct xen *xen, const struct sim_request *request,
    struct sim_reply *reply, struct sim_domain *all)
{
	switch ((enum sim_op)request->op) {
	case SIM_LIST:
		reply->count = list(xen, request, all);
		return 0;
	case SIM_CREATE:
		return create(xen, request, reply);
	case SIM_HOST:
		reply->number = free_kib(xen);
		reply->total = xen->total_kib;
		return 0;
	case SIM_TWINS:
		if (request->value <= 1)
			xen->twins = request->value;
		reply->value = xen->twins;
		return 0;
	case SIM_ZOMBIES:
		xen->zombies = request->value;
		return 0;
	case SIM_CONNECT:
	case SIM_MOVED:
	case SIM_SUBSCRIBE:
	case SIM_MEMORY:
	case SIM_POPULATE:
	case SIM_WORDS:
	case SIM_VCPUS:
	case SIM_PAUSE:
	case SIM_UNPAUSE:
	case SIM_DESTROY:
		break;
	}
	return -1;
}

static void
answer(struct caller *caller, const struct sim_request *request)
{
	static struct sim_domain all[SIM_DOMAINS_MAX];
	struct sim_reply reply = { 0 };
	union {
		struct cmsghdr	head;
		char		space[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec iov[2] = { { &reply, sizeof(reply) }, { all, 0 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	int fd = -1;

	reply.error = ask_host(caller->xen, request, &reply, all);
	if (reply.error == -1)
		reply.error = ask_domain(caller->xen, request, &fd);
	iov[1].iov_len = reply.count * sizeof(all[0]);
	if (fd != -1) {
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	if (sendmsg(caller->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == -1)
		log_warn("an answer is lost: %s", strerror(errno));
}

static void
on_caller(evutil_socket_t fd, short what, void *arg)
{
	static struct sim_request request;
	struct caller *caller = arg;
	ssize_t n;

	(void)what;
	n = recv(fd, &request, sizeof(request), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == sizeof(request)) {
		if (request.op == SIM_SUBSCRIBE)
			caller->subscribed = true;
		else
			answer(caller, &request);
		return;
	}
	LIST_REMOVE(caller, entry);
	event_free(caller->event);
	fd_close(&caller->fd);
	free(caller);
}

static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct caller *caller;
	struct xen *xen = arg;
	const int size = 4 * 1024 * 1024;
	int fd;

	(void)what;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd == -1)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	caller = calloc(1, sizeof(*caller));
	if (caller == NULL)
		fatal("no memory");
	caller->xen = xen;
	caller->fd = fd;
	caller->event = event_new(xen->base, fd, EV_READ | EV_PERSIST,
	    on_caller, caller);
	if (caller->event == NULL || event_add(caller->event, NULL) == -1)
		fatal("no memory");
	LIST_INSERT_HEAD(&xen->callers, caller, entry);
}

static void
end_guest(struct xen *xen, struct domain *domain, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : SIM_CRASH;

	/* Whatever it had started goes with it. */
	(void)kill(-domain->pid, SIGKILL);
	domain->pid = 0;
	if (domain->now.dying) {
		if (is_released(xen, domain))
			drop(xen, domain);
		return;
	}
	domain->now.shutdown = 1;
	domain->now.reason = code == SIM_POWEROFF || (code >= SIM_REBOOT &&
	    code <= SIM_SUSPEND) ? (uint8_t)code : SIM_CRASH;
	history_note(xen->world, domain->now.domid, "ended", "");
	tell(xen);
}

static void
on_child(evutil_socket_t number, short what, void *arg)
{
	struct xen *xen = arg;
	struct domain *domain;
	int status;
	pid_t pid;

	(void)number;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		TAILQ_FOREACH(domain, &xen->domains, entry)
			if (domain->pid == pid) {
				end_guest(xen, domain, status);
				break;
			}
}

static void
on_end(evutil_socket_t number, short what, void *arg)
{
	struct xen *xen = arg;
	struct domain *domain;

	(void)number;
	(void)what;
	TAILQ_FOREACH(domain, &xen->domains, entry)
		if (domain->pid != 0)
			(void)kill(-domain->pid, SIGKILL);
	event_base_loopbreak(xen->base);
}

static void
watch(struct xen *xen, int fd, short what, event_callback_fn callback)
{
	struct event *event;

	event = event_new(xen->base, fd, what | EV_PERSIST, callback, xen);
	if (event == NULL || event_add(event, NULL) == -1)
		fatal("no memory");
}

/* A descriptor for each guest's ring. */
static void
raise_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

static void
make_dom0(struct xen *xen)
{
	static const uint8_t none[16];
	struct domain *dom0 = add(xen, 0, none);

	if (dom0 == NULL)
		fatal("no memory");
	dom0->now.memory_kib = dom0->now.max_kib = DOM0_KIB;
	dom0->now.vcpus = 2;
}

int
main(int argc, char *argv[])
{
	static struct xen xen;
	char path[512];
	const char *slash;
	int c, listener;

	xen.total_kib = 8 * 1024 * 1024;
	while ((c = getopt(argc, argv, "p:m:")) != -1) {
		if (c == 'p')
			(void)text_copy(xen.world, sizeof(xen.world), optarg);
		else if (c == 'm')
			xen.total_kib = strtoull(optarg, NULL, 10) * 1024;
	}
	log_open("simxen", 1);
	if (xen.world[0] != '/' || optind != argc)
		fatal("usage: simxen -p FOLDER [-m MIB]");
	/* Its guests' program is beside it. */
	slash = strrchr(argv[0], '/');
	(void)text_format(xen.guest, sizeof(xen.guest), "%.*ssimguest",
	    slash == NULL ? 0 : (int)(slash + 1 - argv[0]), argv[0]);
	(void)text_format(path, sizeof(path), "%s/run/xenstored/socket",
	    xen.world);
	if (setenv("XENSTORED_PATH", path, 1) == -1)
		fatal("no memory");
	raise_limit();
	TAILQ_INIT(&xen.domains);
	LIST_INIT(&xen.callers);
	make_dom0(&xen);
	xen.base = event_base_new();
	if (xen.base == NULL)
		fatal("no event loop");
	(void)text_format(path, sizeof(path), "%s" SIM_SOCKET, xen.world);
	listener = fd_listen(path, 0600, getegid());
	if (listener == -1)
		fatal("%s: %s", path, strerror(errno));
	signal(SIGPIPE, SIG_IGN);
	watch(&xen, listener, EV_READ, on_accept);
	watch(&xen, SIGCHLD, EV_SIGNAL, on_child);
	watch(&xen, SIGTERM, EV_SIGNAL, on_end);
	watch(&xen, SIGINT, EV_SIGNAL, on_end);
	event_base_dispatch(xen.base);
	unlink(path);
	return 0;
}
