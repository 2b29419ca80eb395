/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "tests/sim/guest.h"

#define OUT_BYTES	(64 * 1024)
#define IN_BYTES	1024
#define LOG_BYTES	(16 * 1024)
/* More than this waits for the console: the terminal is held up. */
#define OUT_FULL	(16 * 1024)
/* So long a last word waits for somebody to take it off the ring. */
#define LAST_WORD_MS	5000
#define SLOW_BOOT_MS	4000
#define SHUTDOWN_MS	100

/* Nobody holds the other end of its console any more. */
#define LOST		1

enum about { NOTHING, UUID, NAME };

/* When, in milliseconds of its clock; what; and what comes after it. */
static const struct boot_line {
	unsigned	 at;
	const char	*text;
	enum about	 about;
} boot_lines[] = {
	{ 0, "Linux version 6.1.0-sim (sim@vpsh) #1 SMP PREEMPT", NOTHING },
	{ 0, "Command line: root=/dev/xvda1 ro console=hvc0 uuid=", UUID },
	{ 0, "BIOS-provided physical RAM map:", NOTHING },
	{ 0, "Xen: [mem 0x0000000000000000-0x000000000009ffff] usable",
	    NOTHING },
	{ 0, "Xen: [mem 0x00000000000a0000-0x00000000000fffff] reserved",
	    NOTHING },
	{ 0, "Xen: [mem 0x0000000000100000-0x0000000007ffffff] usable",
	    NOTHING },
	{ 0, "NX (Execute Disable) protection: active", NOTHING },
	{ 0, "Hypervisor detected: Xen PV", NOTHING },
	{ 0, "Xen PV domain of name ", NAME },
	{ 0, "tsc: Fast TSC calibration failed", NOTHING },
	{ 4, "Zone ranges:", NOTHING },
	{ 4, "  DMA      [mem 0x0000000000001000-0x0000000000ffffff]",
	    NOTHING },
	{ 5, "  DMA32    [mem 0x0000000001000000-0x0000000007ffffff]",
	    NOTHING },
	{ 9, "Built 1 zonelists, mobility grouping on", NOTHING },
	{ 12, "Booting paravirtualized kernel on Xen", NOTHING },
	{ 12, "Xen version: 4.17 (preserve-AD)", NOTHING },
	{ 21, "Memory: 118260K/130680K available", NOTHING },
	{ 23, "SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=1, Nodes=1",
	    NOTHING },
	{ 25, "rcu: Preemptible hierarchical RCU implementation.", NOTHING },
	{ 26, "NR_IRQS: 4352, nr_irqs: 48, preallocated irqs: 0", NOTHING },
	{ 28, "Console: colour dummy device 80x25", NOTHING },
	{ 29, "printk: console [hvc0] enabled", NOTHING },
	{ 34, "Calibrating delay loop (skipped), lpj=8000000", NOTHING },
	{ 35, "pid_max: default: 32768 minimum: 301", NOTHING },
	{ 41, "Performance Events: unsupported p6 CPU model", NOTHING },
	{ 44, "smp: Brought up 1 node, 1 CPU", NOTHING },
	{ 52, "devtmpfs: initialized", NOTHING },
	{ 58, "xen:grant_table: Grant tables using version 1 layout",
	    NOTHING },
	{ 66, "NET: Registered PF_NETLINK/PF_ROUTE protocol family",
	    NOTHING },
	{ 70, "xen:balloon: Initialising balloon driver", NOTHING },
	{ 88, "clocksource: Switched to clocksource xen", NOTHING },
	{ 102, "NET: Registered PF_INET protocol family", NOTHING },
	{ 114, "Trying to unpack rootfs image as initramfs...", NOTHING },
	{ 180, "Freeing initrd memory: 4096K", NOTHING },
	{ 193, "io scheduler mq-deadline registered", NOTHING },
	{ 211, "xen_netfront: Initialising Xen virtual ethernet driver",
	    NOTHING },
	{ 233, "blkfront: xvda: flush diskcache: enabled", NOTHING },
	{ 236, " xvda: xvda1", NOTHING },
	{ 252, "EXT4-fs (xvda1): mounted filesystem with ordered data mode",
	    NOTHING },
	{ 263, "Run /sbin/init as init process", NOTHING },
};

#define BOOT_LINES (sizeof(boot_lines) / sizeof(boot_lines[0]))

static void
die(const char *why)
{
	fprintf(stderr, "simguest: %s\n", why);
	exit(1);
}

size_t
pipeline_add(struct pipeline *line, const char *data, size_t len)
{
	if (len > line->size - line->len)
		len = line->size - line->len;
	memcpy(line->data + line->len, data, len);
	line->len += len;
	return len;
}

int
pipeline_write(struct pipeline *line, int fd)
{
	ssize_t n;

	while (line->len > 0) {
		n = write(fd, line->data, line->len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return errno == EAGAIN ? 0 : -1;
		line->len -= (size_t)n;
		memmove(line->data, line->data + n, line->len);
	}
	return 0;
}

static void
pipeline_init(struct pipeline *line, size_t size)
{
	line->data = malloc(size);
	if (line->data == NULL)
		die("no memory");
	line->size = size;
	line->len = 0;
}

/* What the terminal puts out, as long as the console takes it. */
static void
relay_out(struct guest *guest)
{
	char data[2048];
	ssize_t n;

	while (guest->out.len < OUT_FULL) {
		n = read(guest->master, data, sizeof(data));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		(void)pipeline_add(&guest->out, data, (size_t)n);
	}
	if (pipeline_write(&guest->out, STDOUT_FILENO) == -1)
		_exit(LOST);
}

/* What was typed.  The terminal's echo and line editing are the kernel's. */
static void
relay_in(struct guest *guest)
{
	char data[IN_BYTES];
	ssize_t n;

	if (guest->in.len == 0) {
		n = read(STDIN_FILENO, data, sizeof(data));
		if (n == 0 || (n == -1 && errno != EINTR && errno != EAGAIN))
			_exit(LOST);
		if (n > 0)
			(void)pipeline_add(&guest->in, data, (size_t)n);
	}
	(void)pipeline_write(&guest->in, guest->master);
}

void
guest_say(struct guest *guest, const char *fmt, ...)
{
	char text[256], line[320];
	int64_t ms = clock_ms() - guest->born;
	va_list ap;

	/* Whatever was printed before comes before. */
	relay_out(guest);
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Booting takes its time, by its own clock. */
	if (guest->boot_line < BOOT_LINES)
		ms = boot_lines[guest->boot_line].at;
	else if (!guest->words.slow_boot)
		ms += boot_lines[BOOT_LINES - 1].at;
	/* The last digits count the lines, so that none can be missing. */
	(void)text_format(line, sizeof(line), "[%5" PRId64 ".%03u%03u] %s\r\n",
	    ms / 1000, (unsigned)(ms % 1000), guest->said++ % 1000, text);
	(void)pipeline_add(&guest->out, line, strlen(line));
	if (guest->log.size - guest->log.len < strlen(line)) {
		guest->log.len -= LOG_BYTES / 4;
		memmove(guest->log.data, guest->log.data + LOG_BYTES / 4,
		    guest->log.len);
	}
	(void)pipeline_add(&guest->log, line, strlen(line));
	if (pipeline_write(&guest->out, STDOUT_FILENO) == -1)
		_exit(LOST);
}

int
guest_moved(struct guest *guest, enum sim_counter counter, uint64_t bytes)
{
	struct sim_request request = { .op = SIM_MOVED };
	struct sim_reply reply;
	int ring, r;

	request.domid = guest->domid;
	request.value = counter;
	request.number = bytes;
	if ((ring = ring_open(guest->prefix)) == -1)
		return -1;
	r = ring_ask(ring, &request, &reply, NULL, NULL);
	close(ring);
	return r;
}

void
guest_exit(struct guest *guest, enum sim_exit end)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	int64_t until = clock_ms() + LAST_WORD_MS, left;

	relay_out(guest);
	while (pipeline_write(&guest->out, STDOUT_FILENO) == 0 &&
	    guest->out.len > 0 && (left = until - clock_ms()) > 0)
		(void)poll(&p, 1, (int)left);
	_exit((int)end);
}

void
guest_panic(struct guest *guest, const char *why)
{
	guest_say(guest, "Kernel panic - not syncing: %s", why);
	guest_say(guest, "CPU: 0 PID: 1 Comm: init Not tainted 6.1.0-sim");
	guest_say(guest, "Call Trace:");
	guest_say(guest, " dump_stack_lvl+0x45/0x5e");
	guest_say(guest, " panic+0x10c/0x2b0");
	guest_say(guest, "---[ end Kernel panic - not syncing: %s ]---", why);
	guest_exit(guest, SIM_CRASH);
}

void
guest_hang(struct guest *guest)
{
	relay_out(guest);
	(void)pipeline_write(&guest->out, STDOUT_FILENO);
	for (;;)
		(void)poll(NULL, 0, -1);
}

void
guest_shutdown(struct guest *guest, enum sim_exit end)
{
	if (guest->ends_at != -1)
		return;
	guest->end = end;
	guest->ends_at = clock_ms() + SHUTDOWN_MS;
	shell_down(guest->shell, end == SIM_REBOOT ?
	    "\nThe system is going down for reboot NOW!\n" :
	    "\nThe system is going down for system halt NOW!\n");
	shell_down(guest->shell, "Stopping all services ... done.\n"
	    "Unmounting local filesystems ... done.\n");
}

static void
end(struct guest *guest)
{
	switch (guest->end) {
	case SIM_REBOOT:
		guest_say(guest, "reboot: Restarting system");
		break;
	case SIM_SUSPEND:
		guest_say(guest, "Freezing user space processes ... done");
		break;
	case SIM_POWEROFF:
	case SIM_CRASH:
	case SIM_WATCHDOG:
	case SIM_SOFT_RESET:
		guest_say(guest, "reboot: System halted");
		break;
	}
	guest_exit(guest, guest->end);
}

static void
boot_done(struct guest *guest)
{
	char path[512];
	int64_t done = 0;
	FILE *count;

	guest->boot_at = -1;
	store_connect(guest);
	/* How often it has rebooted itself is on its disk, so to say. */
	(void)text_format(path, sizeof(path), "%s/sim/reboots-%s",
	    guest->prefix, guest->uuid);
	if (guest->words.reboots > 0 && (count = fopen(path, "a+e")) != NULL) {
		(void)fseek(count, 0, SEEK_END);
		done = ftell(count);
		if (done < guest->words.reboots)
			(void)fputc('r', count);
		fclose(count);
	}
	if (done < guest->words.reboots)
		guest_shutdown(guest, SIM_REBOOT);
	else
		shell_login(guest->shell);
}

static void
boot(struct guest *guest)
{
	const struct boot_line *line;
	int64_t now = clock_ms();

	while (guest->boot_at != -1 && guest->boot_at <= now) {
		if (guest->boot_line == BOOT_LINES) {
			boot_done(guest);
			return;
		}
		line = &boot_lines[guest->boot_line];
		guest_say(guest, "%s%s", line->text,
		    line->about == UUID ? guest->uuid :
		    line->about == NAME ? guest->name : "");
		guest->boot_line++;
		if (guest->words.slow_boot)
			guest->boot_at += SLOW_BOOT_MS / (int)BOOT_LINES;
	}
}

static void
read_words(struct words *words, char **argv)
{
	long long value;

	*words = (struct words){ .dies_ms = -1, .counts_ms = -1 };
	for (; *argv != NULL; argv++) {
		if (strncmp(*argv, "password=", 9) == 0)
			words->password = *argv + 9;
		else if (strncmp(*argv, "dies=", 5) == 0 &&
		    text_number(*argv + 5, 0, INT32_MAX, &value) == 0)
			words->dies_ms = value;
		else if (strncmp(*argv, "reboots=", 8) == 0 &&
		    text_number(*argv + 8, 0, INT32_MAX, &value) == 0)
			words->reboots = value;
		else if (strncmp(*argv, "counts=", 7) == 0 &&
		    text_number(*argv + 7, 1, INT32_MAX, &value) == 0)
			words->counts_ms = value;
		else if (strcmp(*argv, "no-pv") == 0)
			words->no_pv = true;
		else if (strcmp(*argv, "ignore-shutdown") == 0)
			words->ignore_shutdown = true;
		else if (strcmp(*argv, "slow-boot") == 0)
			words->slow_boot = true;
		else if (strcmp(*argv, "deaf") == 0)
			words->deaf = true;
	}
}

/* The guest's terminal is its controlling one, so that ^C is a signal. */
static void
open_terminal(struct guest *guest)
{
	const struct winsize size = { .ws_row = 24, .ws_col = 80 };
	sigset_t set;

	(void)setsid();
	if (openpty(&guest->master, &guest->slave, NULL, NULL, &size) == -1 ||
	    fcntl(guest->master, F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(guest->slave, F_SETFD, FD_CLOEXEC) == -1 ||
	    fd_set_nonblock(guest->master) == -1 ||
	    fd_set_nonblock(guest->slave) == -1)
		die("no terminal");
	(void)ioctl(guest->slave, TIOCSCTTY, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	guest->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	(void)signal(SIGTSTP, SIG_IGN);
	(void)signal(SIGTTOU, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a == -1 || (b != -1 && b < a) ? b : a;
}

static int
patience(const struct guest *guest)
{
	int64_t due, now = clock_ms();

	due = sooner(guest->boot_at, guest->ends_at);
	due = sooner(due, guest->counts_at);
	due = sooner(due, shell_due(guest->shell));
	if (guest->words.dies_ms != -1)
		due = sooner(due, guest->born + guest->words.dies_ms);
	if (due == -1)
		return -1;
	return due <= now ? 0 : due - now > 60000 ? 60000 : (int)(due - now);
}

/* For who looks whether all that the console was given was shown. */
static void
note_counted(const struct guest *guest)
{
	char text[16];

	if (guest->counted == 0 || guest->out.len > 0 ||
	    guest->count_fd == -1)
		return;
	(void)text_format(text, sizeof(text), "%08u\n", guest->counted);
	(void)!pwrite(guest->count_fd, text, strlen(text), 0);
}

/* Whatever is lost or doubled behind the console, its lines show it. */
static void
count_line(struct guest *guest, int64_t now)
{
	guest->counts_at = now + guest->words.counts_ms;
	note_counted(guest);
	if (guest->out.len > 0)
		return;		/* a real one would be held up, too */
	guest_say(guest, "counts %s %u %08u", guest->name, guest->domid,
	    guest->counted++);
	note_counted(guest);
}

static void
count_start(struct guest *guest)
{
	char path[512];

	guest->counts_at = guest->count_fd = -1;
	if (guest->words.counts_ms == -1)
		return;
	(void)text_format(path, sizeof(path), "%s/sim/counted-%u",
	    guest->prefix, guest->domid);
	guest->count_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	guest->counts_at = guest->born;
}

static void
timers(struct guest *guest)
{
	int64_t now = clock_ms();

	if (guest->boot_at != -1)
		boot(guest);
	if (guest->counts_at != -1 && guest->counts_at <= now)
		count_line(guest, now);
	if (guest->words.dies_ms != -1 &&
	    guest->born + guest->words.dies_ms <= now)
		guest_panic(guest, "Attempted to kill init! "
		    "exitcode=0x00000100");
	if (guest->ends_at != -1 && guest->ends_at <= now)
		end(guest);
}

static void
turn(struct guest *guest)
{
	struct signalfd_siginfo signal;
	struct pollfd p[] = {
		{ .fd = STDIN_FILENO, .events = guest->in.len == 0 &&
		    !guest->words.deaf ? POLLIN : 0 },
		{ .fd = STDOUT_FILENO,
		    .events = guest->out.len > 0 ? POLLOUT : 0 },
		{ .fd = guest->master,
		    .events = (guest->out.len < OUT_FULL ? POLLIN : 0) |
		    (guest->in.len > 0 ? POLLOUT : 0) },
		{ .fd = guest->slave, .events = shell_wants(guest->shell) },
		{ .fd = guest->signals, .events = POLLIN },
		{ .fd = store_fd(guest), .events = POLLIN },
	};

	if (poll(p, sizeof(p) / sizeof(p[0]), patience(guest)) == -1)
		return;
	timers(guest);
	if (((p[0].revents | p[1].revents) & (POLLHUP | POLLERR)) != 0 ||
	    pipeline_write(&guest->out, STDOUT_FILENO) == -1)
		_exit(LOST);
	if ((p[0].revents & POLLIN) != 0 || guest->in.len > 0)
		relay_in(guest);
	relay_out(guest);
	while (read(guest->signals, &signal, sizeof(signal)) ==
	    (ssize_t)sizeof(signal))
		shell_interrupt(guest->shell);
	shell_run(guest->shell, p[3].revents, clock_ms());
	if (p[5].revents != 0)
		store_heard(guest);
}

static void
usage(void)
{
	fprintf(stderr, "usage: simguest -p WORLD -d DOMID -u UUID WORD...\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	struct guest guest = { .boot_at = 0, .ends_at = -1 };
	long long domid = 0;
	int c;

	while ((c = getopt(argc, argv, "+p:d:u:")) != -1) {
		if (c == 'p')
			guest.prefix = optarg;
		else if (c == 'u')
			guest.uuid = optarg;
		else if (c != 'd' ||
		    text_number(optarg, 1, UINT32_MAX, &domid) == -1)
			usage();
	}
	if (guest.prefix == NULL || guest.uuid == NULL || domid == 0)
		usage();
	guest.domid = (unsigned)domid;
	read_words(&guest.words, argv + optind);
	open_terminal(&guest);
	pipeline_init(&guest.out, OUT_BYTES);
	pipeline_init(&guest.in, IN_BYTES);
	pipeline_init(&guest.log, LOG_BYTES);
	if (fd_set_nonblock(STDIN_FILENO) == -1 ||
	    fd_set_nonblock(STDOUT_FILENO) == -1)
		die("no console");
	guest.born = guest.boot_at = clock_ms();
	guest.shell = shell_new(&guest);
	store_open_name(&guest);
	count_start(&guest);
	timers(&guest);
	for (;;)
		turn(&guest);
}
