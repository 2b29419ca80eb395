/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <string.h>

#include "menu/endings.h"

#define PATTERNS 10

struct row {
	struct ending	 ending;
	size_t		 reach;	/* of the last lines that are not empty */
	const char	*patterns[PATTERNS];	/* of a whole line */
};

#define NEXT_START   { MENU_DO_START }
#define NEXT_LOG     { MENU_DO_LOG }
#define NEXT_CONSOLE { MENU_DO_CONSOLE, MENU_DO_START, MENU_DO_LOG }
#define NEXT_DEAD    { MENU_DO_RESET, MENU_DO_START, MENU_DO_LOG }

/*
 * The first that fits is it.  First what stands at the very end and explains
 * it all, then what names a cause, then where a system stands that names
 * none, last what may be harmless.  A * is any run of characters.
 */
static const struct row rows[] = {
	{ { "login", ENDINGS_FINE, "Your system is up and waits for a login.",
	      NEXT_CONSOLE },
	    1, { "*login:", "*assword:" } },
	{ { "shell", ENDINGS_FINE,
	      "Your system is up; somebody is logged in at its console.",
	      NEXT_CONSOLE },
	    1, { "*@*:*$", "*@*:*#", "[*@* *]#", "[*@* *]$" } },
	{ { "off", ENDINGS_FINE, "Your system has shut down in good order.",
	      NEXT_START },
	    4,
	    { "*reboot: Power down*", "*reboot: System halted*",
		"*The operating system has halted*", "*Powering system off*",
		"*Reached target*Power*Off*", "*Power down.*",
		"*Requesting system poweroff*", "* System halted*",
		"*acpi0: entering sleep state S5*" } },
	{ { "restarting", ENDINGS_FINE, "Your system is rebooting.",
	      NEXT_CONSOLE },
	    2,
	    { "*reboot: Restarting system*", "*Requesting system reboot*",
		"*Reached target*Reboot*", "rebooting..." } },

	{ { "no-init", ENDINGS_TROUBLE,
	      "Your system found its disk, but nothing on it to start with "
	      "(no init).",
	      { MENU_DO_LOG, MENU_DO_RESET, MENU_DO_START } },
	    50,
	    { "*Kernel panic*No working init found*",
		"*Kernel panic*Requested init * failed*",
		"*Kernel panic*No init found*", "*switch_root: can't execute*",
		"*Failed to execute /init *" } },
	{ { "panic-memory", ENDINGS_TROUBLE,
	      "Your system ran out of memory and stopped (kernel panic).",
	      NEXT_DEAD },
	    60,
	    { "*Kernel panic*ut of memory*",
		"*Kernel panic*System is deadlocked on memory*" } },
	{ { "no-root", ENDINGS_TROUBLE,
	      "Your system found no root disk and could not start.",
	      NEXT_CONSOLE },
	    50,
	    { "*nable to mount root fs*", "*VFS: Cannot open root device*",
		"*No filesystem could mount root*" } },
	{ { "no-root", ENDINGS_TROUBLE,
	      "Your system found no root disk and could not start.",
	      NEXT_CONSOLE },
	    24,
	    { "*Gave up waiting for root*", "*ALERT!*does not exist*",
		"*Warning: /dev/* does not exist*",
		"*ERROR: device '*' not found*",
		"*ERROR: Failed to mount '*' on real root*",
		"*Mounting root*failed*", "*Mounting from *failed with error*",
		"mountroot>*", "*mounting * on /sysroot failed*",
		"*FATAL: No or empty root= argument*" } },
	{ { "panic", ENDINGS_TROUBLE, "Your system crashed (kernel panic).",
	      NEXT_DEAD },
	    60,
	    { "*Kernel panic*", "panic: *", "*]: panic: *", "ddb>*", "ddb{*}>*",
		"db>*", "db{*}>*" } },

	{ { "fsck", ENDINGS_TROUBLE,
	      "A file system of your system is damaged and has to be "
	      "repaired by hand (fsck).",
	      NEXT_CONSOLE },
	    30,
	    { "*UNEXPECTED *INCONSISTENCY*", "*RUN fsck MANUALLY*",
		"*requires a manual fsck*", "*manual fsck must be performed*",
		"*Failed to start*File System Check*",
		"*utomatic file system check failed*",
		"*nmount and run xfs_repair*", "*RUN fsck_ffs MANUALLY*",
		"*Failed to start*fsck*" } },
	{ { "locked", ENDINGS_WAITS,
	      "Your system stopped in emergency mode, and its root account "
	      "has no password to get in with.",
	      { MENU_DO_LOG, MENU_DO_RESET, MENU_DO_START } },
	    8, { "*Cannot open access to console, the root account*" } },
	{ { "emergency", ENDINGS_WAITS,
	      "Your system stopped in emergency mode and asks for its root "
	      "password.",
	      NEXT_CONSOLE },
	    10,
	    { "*root password for maintenance*", "*ress Enter for maintenance*",
		"*ress Enter for system maintenance*",
		"*ou are in emergency mode*", "*Welcome to emergency mode*",
		"*ou are in rescue mode*", "*Welcome to rescue mode*" } },
	{ { "single-user", ENDINGS_WAITS,
	      "Your system stopped before it was up and asks for a shell "
	      "(single user mode).",
	      NEXT_CONSOLE },
	    4,
	    { "*pathname of shell or RETURN for*",
		"*ABORTING BOOT*sending SIGTERM*" } },
	{ { "initramfs", ENDINGS_WAITS,
	      "Your system stopped before it reached its disk and waits at a "
	      "prompt (initramfs).",
	      NEXT_CONSOLE },
	    14,
	    { "*(initramfs)*", "dracut:*#*", "switch_root:*#*", "[rootfs *]#*",
		"*initramfs emergency recovery shell*",
		"*dropped into an emergency shell*",
		"*Entering emergency mode.*", "*Dropping to debug shell*" } },
	{ { "passphrase", ENDINGS_WAITS,
	      "Your system waits for the passphrase of its encrypted disk.",
	      NEXT_CONSOLE },
	    2,
	    { "*Please unlock disk*", "*Enter passphrase for *",
		"*Please enter passphrase for *", "*GELI Passphrase*",
		"*Enter LUKS*assphrase*", "*Passphrase:" } },

	{ { "grub-rescue", ENDINGS_WAITS,
	      "The boot loader cannot read your disk and waits at a prompt "
	      "(grub rescue).",
	      NEXT_CONSOLE },
	    6, { "grub rescue>*", "*ntering rescue mode...*" } },
	{ { "grub-error", ENDINGS_WAITS,
	      "The boot loader could not start your system and waits for a "
	      "key.",
	      NEXT_CONSOLE },
	    2,
	    { "*Press any key to continue...*",
		"*Failed to boot both default and fallback entries*" } },
	{ { "grub-prompt", ENDINGS_WAITS,
	      "The boot loader found nothing to start and waits at a prompt "
	      "(grub).",
	      NEXT_CONSOLE },
	    3, { "grub>*", "grubdom>*", "boot:" } },
	{ { "no-boot", ENDINGS_WAITS,
	      "No disk of this guest has anything to boot from.",
	      { MENU_DO_LOG } },
	    16,
	    { "*No bootable device*", "*Boot failed: not a bootable disk*",
		"*No bootable option or device was found*",
		"*BdsDxe: failed to load Boot*", "*No more network devices*",
		"*perating system not found*", "*Missing operating system*" } },
	{ { "grub-counts", ENDINGS_FINE,
	      "The boot menu is shown; your system starts in a moment.",
	      NEXT_CONSOLE },
	    12,
	    { "*will be executed automatically in*",
		"*Automatic boot in * second*", "*utoboot in * second*" } },
	{ { "grub-menu", ENDINGS_WAITS,
	      "The boot menu waits: choose with the arrow keys and Enter.",
	      NEXT_CONSOLE },
	    12,
	    { "*to select which entry is highlighted*",
		"*Press enter to boot the selected OS*", "*GNU GRUB *" } },

	{ { "stuck", ENDINGS_TROUBLE,
	      "Your system's kernel hangs (soft lockup).", NEXT_DEAD },
	    30,
	    { "*BUG: soft lockup*", "*rcu*detected stall*",
		"*rcu*self-detected stall*", "*hard LOCKUP*" } },
	{ { "kernel-bug", ENDINGS_TROUBLE,
	      "Your system's kernel hit a bug; a reboot is advised.",
	      { MENU_DO_REBOOT, MENU_DO_RESET, MENU_DO_START } },
	    50,
	    { "*BUG: unable to handle *", "*kernel BUG at *", "*Oops: * #*",
		"*] general protection fault*",
		"*BUG: kernel NULL pointer*" } },
	{ { "memory", ENDINGS_TROUBLE,
	      "Your system ran out of memory and ended a program to go on.",
	      NEXT_CONSOLE },
	    50,
	    { "*ut of memory: Kill*", "* invoked oom-killer*",
		"*oom_reaper: reaped*", "*oom-kill:*",
		"*was killed: out of swap space*",
		"*was killed: failed to reclaim memory*",
		"*killed: out of swap" } },
	{ { "disk-full", ENDINGS_TROUBLE, "A disk of your system is full.",
	      NEXT_CONSOLE },
	    40,
	    { "*No space left on device*", "*filesystem is full*",
		"*file system full*", "*filesystem full*" } },
	{ { "disk-errors", ENDINGS_TROUBLE,
	      "Your system cannot read or write its disk; tell the operator "
	      "before you reboot.",
	      { MENU_DO_LOG } },
	    40,
	    { "*I/O error, dev *", "*Buffer I/O error*",
		"*Remounting filesystem read-only*", "*EXT4-fs error*",
		"*BTRFS* error*", "*XFS*log I/O error*" } },
	{ { "hung", ENDINGS_TROUBLE,
	      "A program of your system hangs and waits for its disk.",
	      { MENU_DO_CONSOLE, MENU_DO_REBOOT, MENU_DO_LOG } },
	    40, { "*blocked for more than * seconds*" } },

	{ { "start-hangs", ENDINGS_WAITS,
	      "Your system has waited a minute or more for a part of it "
	      "that does not start.",
	      { MENU_DO_LOG, MENU_DO_CONSOLE } },
	    2, { "*A start job is running for*(*min * / *" } },
	{ { "starting", ENDINGS_FINE,
	      "Your system is starting and waits for one of its parts.",
	      NEXT_CONSOLE },
	    2, { "*A start job is running for*" } },
	{ { "stopping", ENDINGS_FINE,
	      "Your system is going down and waits for one of its programs.",
	      NEXT_CONSOLE },
	    2, { "*A stop job is running for*" } },
	{ { "cloud-init", ENDINGS_WAITS,
	      "Your system waits for a cloud's settings (cloud-init); it "
	      "goes on by itself after some minutes.",
	      { MENU_DO_CONSOLE, MENU_DO_LOG } },
	    4,
	    { "*Calling 'http*' failed [*", "*Calling 'None' failed [*",
		"*cloud-init*waiting for *" } },
	{ { "failed", ENDINGS_TROUBLE,
	      "A part of your system did not start; its log names it.",
	      NEXT_LOG },
	    10,
	    { "[FAILED] *", "*] [FAILED] *", "[DEPEND] *",
		"*ERROR: * failed to start*" } },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* What comes before the last of these was another boot's. */
static const char *const begins[] = {
	"*Linux version *",
	"*SeaBIOS (version*",
	"*Booting `*'*",
	"*Welcome to GRUB!*",
	"*---<<BOOT>>---*",
	"*>> OpenBSD/* BOOT *",
	"*>> NetBSD/*",
	"*Xen Minimal OS!*",
};

static size_t
trimmed(const char *line)
{
	size_t len = strlen(line);

	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	return len;
}

/*
 * Going back to the last star only is enough, and keeps the time that a
 * guest's line can cost below pattern times line.
 */
static bool
matches(const char *pattern, const char *line, size_t len)
{
	const char *star = NULL;
	size_t at = 0, from = 0;

	while (at < len) {
		if (*pattern == '*') {
			star = pattern++;
			from = at;
		} else if (*pattern == line[at]) {
			pattern++;
			at++;
		} else if (star != NULL) {
			pattern = star + 1;
			at = ++from;
		} else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool
is_one_of(const char *line, const char *const *patterns, size_t n)
{
	size_t i, len = trimmed(line);

	for (i = 0; i < n && patterns[i] != NULL; i++)
		if (matches(patterns[i], line, len))
			return true;
	return false;
}

/* Of the last lines, newest first, those of this boot that say something. */
static size_t
collect(const char *const *lines, size_t n, const char *last[ENDINGS_LINES])
{
	size_t found = 0;

	while (n > 0 && found < ENDINGS_LINES) {
		n--;
		if (trimmed(lines[n]) == 0)
			continue;
		last[found++] = lines[n];
		if (is_one_of(lines[n], begins,
			sizeof(begins) / sizeof(begins[0])))
			break;
	}
	return found;
}

const struct ending *
endings_find(const char *const *lines, size_t n)
{
	const char *last[ENDINGS_LINES];
	size_t i, j;

	n = collect(lines, n, last);
	for (i = 0; i < ROWS; i++)
		for (j = 0; j < n && j < rows[i].reach; j++)
			if (is_one_of(last[j], rows[i].patterns, PATTERNS))
				return &rows[i].ending;
	return NULL;
}

const struct ending *
endings_row(size_t i)
{
	return i < ROWS ? &rows[i].ending : NULL;
}
