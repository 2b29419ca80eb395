/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>

#include "base/clock.h"
#include "base/text.h"
#include "tests/sim/guest_shell.h"

#define WORDS_MAX	16
#define TICK_MS		100
#define BURN_MS		10

struct command {
	const char	*name;
	const char	*usage;
	const char	*what;
	void		(*run)(struct shell *shell, int argc, char **argv);
};

/* The number that is the first argument, or dflt; -1 when it is none. */
static int64_t
number(struct shell *shell, int argc, char **argv, int64_t dflt)
{
	long long value = dflt;

	if (argc > 1 &&
	    text_number(argv[1], 0, INT32_MAX, &value) == -1) {
		shell_print(shell, "%s: %s: not a number\n", argv[0], argv[1]);
		return -1;
	}
	return value;
}

static void
do_uname(struct shell *shell, int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "-a") == 0)
		shell_print(shell, "Linux %s 6.1.0-sim #1 SMP PREEMPT x86_64 "
		    "GNU/Linux\n", shell->guest->name);
	else if (argc > 1 && strcmp(argv[1], "-n") == 0)
		shell_print(shell, "%s\n", shell->guest->name);
	else
		shell_print(shell, "Linux\n");
}

static void
do_hostname(struct shell *shell, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	shell_print(shell, "%s\n", shell->guest->name);
}

static void
do_uptime(struct shell *shell, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	shell_print(shell, "up %" PRId64 " s, domain %u, uuid %s\n",
	    (clock_ms() - shell->guest->born) / 1000, shell->guest->domid,
	    shell->guest->uuid);
}

/* \e, \a, \n, \r, \t, \\ and \xNN become what they say. */
static void
unescape(char *s)
{
	static const char names[] = "eanrt\\", bytes[] = "\033\a\n\r\t\\";
	const char *known;
	char *to = s, hex[3];

	for (; *s != '\0'; s++) {
		if (s[0] != '\\' || s[1] == '\0') {
			*to++ = *s;
			continue;
		}
		s++;
		known = strchr(names, *s);
		if (known != NULL)
			*to++ = bytes[known - names];
		else if (*s == 'x' && s[1] != '\0' && s[2] != '\0') {
			(void)text_format(hex, sizeof(hex), "%.2s", s + 1);
			*to++ = (char)strtoul(hex, NULL, 16);
			s += 2;
		} else
			*to++ = *s;
	}
	*to = '\0';
}

static void
do_echo(struct shell *shell, int argc, char **argv)
{
	bool escapes = argc > 1 && strcmp(argv[1], "-e") == 0;
	int i;

	for (i = escapes ? 2 : 1; i < argc; i++) {
		if (escapes)
			unescape(argv[i]);
		shell_print(shell, "%s%s", argv[i], i < argc - 1 ? " " : "");
	}
	shell_print(shell, "\n");
}

static void
stty_show(struct shell *shell, bool size_only)
{
	struct winsize size = { 0 };
	struct termios tio;

	(void)ioctl(shell->guest->slave, TIOCGWINSZ, &size);
	if (size_only) {
		shell_print(shell, "%u %u\n", size.ws_row, size.ws_col);
		return;
	}
	(void)tcgetattr(shell->guest->slave, &tio);
	shell_print(shell, "speed 38400 baud; rows %u; columns %u; line = 0;\n"
	    "%secho %sicanon %sisig %sicrnl %sonlcr\n", size.ws_row,
	    size.ws_col, (tio.c_lflag & ECHO) != 0 ? "" : "-",
	    (tio.c_lflag & ICANON) != 0 ? "" : "-",
	    (tio.c_lflag & ISIG) != 0 ? "" : "-",
	    (tio.c_iflag & ICRNL) != 0 ? "" : "-",
	    (tio.c_oflag & ONLCR) != 0 ? "" : "-");
}

static void
stty_size(struct shell *shell, const char *word, const char *value)
{
	struct winsize size = { 0 };
	long long n;

	if (text_number(value, 1, UINT16_MAX, &n) == -1) {
		shell_print(shell, "stty: %s: not a number\n", value);
		return;
	}
	(void)ioctl(shell->guest->slave, TIOCGWINSZ, &size);
	if (word[0] == 'r')
		size.ws_row = (unsigned short)n;
	else
		size.ws_col = (unsigned short)n;
	(void)ioctl(shell->guest->slave, TIOCSWINSZ, &size);
}

static void
do_stty(struct shell *shell, int argc, char **argv)
{
	int i;

	if (argc == 1 || strcmp(argv[1], "-a") == 0)
		stty_show(shell, false);
	for (i = 1; i < argc; i++) {
		if ((strcmp(argv[i], "rows") == 0 ||
		    strcmp(argv[i], "cols") == 0 ||
		    strcmp(argv[i], "columns") == 0) && i + 1 < argc) {
			stty_size(shell, argv[i], argv[i + 1]);
			i++;
		} else if (strcmp(argv[i], "size") == 0)
			stty_show(shell, true);
		else if (strcmp(argv[i], "echo") == 0)
			shell_set_echo(shell, true);
		else if (strcmp(argv[i], "-echo") == 0)
			shell_set_echo(shell, false);
		else if (strcmp(argv[i], "sane") == 0)
			(void)tcsetattr(shell->guest->slave, TCSANOW,
			    &shell->sane);
		else if (strcmp(argv[i], "-a") != 0)
			shell_print(shell, "stty: invalid argument %s\n",
			    argv[i]);
	}
}

/* KiB of a line of 64 bytes, each with its number. */
static void
step_flood(struct shell *shell, int64_t now)
{
	int64_t to = shell->at + 32;

	(void)now;
	for (; shell->at < shell->until && shell->at < to; shell->at++)
		shell_print(shell, "flood %010" PRId64 " 0123456789abcdefghij"
		    "klmnopqrstuvwxyzABCDEFGHI\n", shell->at);
	if (shell->at == shell->until)
		shell_finish(shell);
}

static void
do_flood(struct shell *shell, int argc, char **argv)
{
	int64_t kib = number(shell, argc, argv, 64);

	if (kib >= 0)
		shell_start(shell, step_flood, kib * 1024 / 64);
}

static void
step_count(struct shell *shell, int64_t now)
{
	int64_t to = shell->at + 32;

	(void)now;
	for (; shell->at < shell->until && shell->at < to; shell->at++)
		shell_print(shell, "%" PRId64 "\n", shell->at + 1);
	if (shell->at == shell->until)
		shell_finish(shell);
}

static void
do_count(struct shell *shell, int argc, char **argv)
{
	int64_t lines = number(shell, argc, argv, 10);

	if (lines >= 0)
		shell_start(shell, step_count, lines);
}

static void
step_slow(struct shell *shell, int64_t now)
{
	if (shell->at == shell->until) {
		shell_finish(shell);
		return;
	}
	shell_print(shell, "%s %" PRId64 "\n", shell->guest->name,
	    ++shell->at);
	shell->due = now + TICK_MS;
}

static void
do_slow(struct shell *shell, int argc, char **argv)
{
	int64_t lines = number(shell, argc, argv, 10);

	if (lines >= 0)
		shell_start(shell, step_slow, lines);
}

/* Processor time, a little at a time so that the rest goes on. */
static void
step_burn(struct shell *shell, int64_t now)
{
	if (now >= shell->until) {
		shell_finish(shell);
		return;
	}
	while (clock_ms() < now + BURN_MS)
		continue;
}

static void
do_burn(struct shell *shell, int argc, char **argv)
{
	int64_t ms = number(shell, argc, argv, 1000);

	if (ms >= 0)
		shell_start(shell, step_burn, clock_ms() + ms);
}

/* Waits for lines, and for ^D or ^C. */
static void
step_cat(struct shell *shell, int64_t now)
{
	(void)now;
	shell->due = -1;
}

static void
do_cat(struct shell *shell, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	shell_start(shell, step_cat, 0);
	shell->reads = true;
}

/* Every byte as it comes in, in hexadecimal; q ends it. */
static void
do_keys(struct shell *shell, int argc, char **argv)
{
	struct termios tio = shell->sane;

	(void)argc;
	(void)argv;
	cfmakeraw(&tio);
	tio.c_oflag |= OPOST | ONLCR;
	(void)tcsetattr(shell->guest->slave, TCSANOW, &tio);
	shell_start(shell, step_cat, 1);
	shell->reads = true;
	shell_print(shell, "keys, q ends\n");
}

static void
step_dmesg(struct shell *shell, int64_t now)
{
	const struct pipeline *log = &shell->guest->log;
	const char *from = log->data + shell->at, *end;

	(void)now;
	end = shell->at < (int64_t)log->len ?
	    memchr(from, '\r', log->len - (size_t)shell->at) : NULL;
	if (end == NULL) {
		shell_finish(shell);
		return;
	}
	shell_print(shell, "%.*s\n", (int)(end - from), from);
	shell->at += end - from + 2;
}

static void
do_dmesg(struct shell *shell, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	shell_start(shell, step_dmesg, 0);
}

static void
move(struct shell *shell, int argc, char **argv, const char *const way[2],
    enum sim_counter first)
{
	int64_t kib = number(shell, argc, argv, 64);
	int i;

	if (kib < 0)
		return;
	for (i = 0; i < 2; i++)
		if ((argc < 3 || strcmp(argv[2], way[i]) == 0) &&
		    guest_moved(shell->guest, first + (unsigned)i,
		    (uint64_t)kib * 1024) == -1) {
			shell_print(shell, "%s: %s\n", argv[0],
			    strerror(errno));
			return;
		}
	shell_print(shell, "%" PRId64 " KiB moved\n", kib);
}

static void
do_net(struct shell *shell, int argc, char **argv)
{
	static const char *const way[2] = { "out", "in" };

	move(shell, argc, argv, way, SIM_NET_OUT);
}

static void
do_disk(struct shell *shell, int argc, char **argv)
{
	static const char *const way[2] = { "read", "write" };

	move(shell, argc, argv, way, SIM_DISK_READ);
}

/* The name is the end; what the kernel does at once needs no services. */
static void
do_end(struct shell *shell, int argc, char **argv)
{
	bool force = argc > 1 && strcmp(argv[1], "-f") == 0;
	enum sim_exit end = SIM_POWEROFF;

	if (strcmp(argv[0], "crash") == 0)
		guest_panic(shell->guest, "sysrq triggered crash");
	if (strcmp(argv[0], "hang") == 0)
		guest_hang(shell->guest);
	if (strcmp(argv[0], "watchdog") == 0 ||
	    strcmp(argv[0], "kexec") == 0) {
		guest_say(shell->guest, argv[0][0] == 'w' ?
		    "watchdog: BUG: soft lockup - CPU#0 stuck for 26s!" :
		    "kexec_core: Starting new kernel");
		guest_exit(shell->guest, argv[0][0] == 'w' ? SIM_WATCHDOG :
		    SIM_SOFT_RESET);
	}
	if (strcmp(argv[0], "reboot") == 0)
		end = SIM_REBOOT;
	if (force)
		guest_exit(shell->guest, end);
	guest_shutdown(shell->guest, end);
}

/* Goes on, but takes nothing from its console any more. */
static void
do_deaf(struct shell *shell, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	shell->guest->words.deaf = true;
}

static void
do_exit(struct shell *shell, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	shell_print(shell, "logout\n");
	shell_login(shell);
}

static void	do_help(struct shell *, int, char **);

static const struct command commands[] = {
	{ "help", "", "this list", do_help },
	{ "burn", "[MS]", "use the processor", do_burn },
	{ "cat", "", "repeat lines until ^D", do_cat },
	{ "count", "[N]", "lines with their numbers", do_count },
	{ "crash", "", "panic", do_end },
	{ "deaf", "", "go on, but read nothing more", do_deaf },
	{ "disk", "[KIB [read|write]]", "use the disk", do_disk },
	{ "dmesg", "", "what the kernel said", do_dmesg },
	{ "echo", "[-e] WORD...", "say it", do_echo },
	{ "exit", "", "log out", do_exit },
	{ "flood", "[KIB]", "print that much", do_flood },
	{ "hang", "", "answer nothing more", do_end },
	{ "hostname", "", "who this is", do_hostname },
	{ "kexec", "", "soft reset", do_end },
	{ "keys", "", "show what is typed, byte by byte", do_keys },
	{ "net", "[KIB [in|out]]", "use the network", do_net },
	{ "poweroff", "[-f]", "shut down", do_end },
	{ "reboot", "[-f]", "boot again", do_end },
	{ "slow", "[N]", "its name every 100 ms", do_slow },
	{ "stty", "[-a|size|rows N|cols N...]", "the terminal", do_stty },
	{ "uname", "[-a|-n]", "the kernel", do_uname },
	{ "uptime", "", "how long, and which domain", do_uptime },
	{ "watchdog", "", "let the watchdog bite", do_end },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
do_help(struct shell *shell, int argc, char **argv)
{
	char line[64];
	size_t i;

	(void)argc;
	(void)argv;
	for (i = 0; i < COMMANDS; i++) {
		(void)text_format(line, sizeof(line), "%s %s",
		    commands[i].name, commands[i].usage);
		shell_print(shell, "  %-26s %s\n", line, commands[i].what);
	}
}

void
command_run(struct shell *shell, char *line)
{
	char *argv[WORDS_MAX + 1] = { NULL }, *next = line;
	int argc = 0;
	size_t i;

	while (argc < WORDS_MAX &&
	    (argv[argc] = strtok_r(argc == 0 ? line : NULL, " \t",
	    &next)) != NULL)
		argc++;
	argv[argc] = NULL;
	for (i = 0; argc > 0 && i < COMMANDS; i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			break;
	if (argc > 0 && i == COMMANDS)
		shell_print(shell, "-sh: %s: not found\n", argv[0]);
	else if (argc > 0)
		commands[i].run(shell, argc, argv);
}
