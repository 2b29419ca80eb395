/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "wire/err.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_DENIED = 3,
	EXIT_NO_GUEST = 4,
	EXIT_BUSY = 5,
	EXIT_TIMEOUT = 6,
	EXIT_SERVICE = 7
};

struct outcome {
	int err;
	enum exit_code exit_code;
	const char *name;
	const char *sentence;
};

#define UNTOUCHED " Your guest and disk are untouched."
#define REF	  "[ Ref {ref}.]"
#define HELP	  "[ Ref {ref}.][ Help: {support}]"

/*
 * Each says what happened, to what, what is untouched and what to do next.
 * In the order of enum vpsh_err; a test checks that none is missing.
 */
static const struct outcome outcomes[] = {
	{ VPSH_OK, EXIT_DONE, "ok", "Done." },
	{ VPSH_ERR_FAILED, EXIT_FAILED, "failed",
	    "{verb} of {guest} failed[: {detail}]. The operator's log has the "
	    "details." HELP },
	{ VPSH_ERR_USAGE, EXIT_USAGE, "usage",
	    "That is not how it is used[: {detail}]. Nothing was done. Type "
	    "help[ {verb}] to see how." },
	{ VPSH_ERR_UNKNOWN_COMMAND, EXIT_USAGE, "unknown-command",
	    "There is no command \"{verb}\"[ (did you mean \"{detail}\"?)]. "
	    "Nothing was done. Type help for the list." },
	{ VPSH_ERR_BYTES, EXIT_USAGE, "bytes",
	    "That command has characters other than plain printable ASCII in "
	    "it. Nothing was done. Type it again by hand." },
	{ VPSH_ERR_QUOTE, EXIT_USAGE, "quote",
	    "That command has an opening quote without its closing one. "
	    "Nothing was done." },
	{ VPSH_ERR_FOREIGN_TOOL, EXIT_USAGE, "foreign-tool",
	    "This account controls guests only: {verb} does not work here. "
	    "Nothing was done. Copy files to and from your guest itself; "
	    "type help for what works here." },
	{ VPSH_ERR_DENIED, EXIT_DENIED, "denied",
	    "You may not {verb}[ {guest}][ {detail}] here. Nothing was done. "
	    "\"why {verb}[ {guest}]\" shows the rule.[ Questions: "
	    "{support}]" },
	{ VPSH_ERR_NO_GUEST, EXIT_NO_GUEST, "no-guest",
	    "You have no guest of that name. Nothing was done. Type list to "
	    "see yours." },
	{ VPSH_ERR_BUSY, EXIT_BUSY, "busy",
	    "{guest} is busy with another job[ ({detail})]. Nothing was "
	    "done. Try again when it is over." },
	{ VPSH_ERR_RATE, EXIT_BUSY, "rate",
	    "{verb} of {guest} was asked for too often. Nothing was done. Try "
	    "again in {number} seconds." },
	{ VPSH_ERR_TIMEOUT, EXIT_TIMEOUT, "timeout",
	    "{verb} of {guest} did not finish in {number} seconds. It may "
	    "still: look at status {guest}." HELP },
	{ VPSH_ERR_SERVICE, EXIT_SERVICE, "service",
	    "vpsh is not answering on this host. Your guests are not "
	    "affected. Try again in a minute.[ Help: {support}]" },
	{ VPSH_ERR_HOST, EXIT_SERVICE, "host",
	    "vpsh cannot reach Xen on this host now. Nothing was done and "
	    "your guests are not affected. Try again in a minute." HELP },
	{ VPSH_ERR_AUDIT, EXIT_SERVICE, "audit",
	    "{verb} is switched off for the moment because the host cannot "
	    "record it. Nothing was done; list, status, log and console "
	    "work.[ Help: {support}]" },
	{ VPSH_ERR_BOOT, EXIT_BUSY, "rebooted-since",
	    "{guest} has rebooted since you looked at it. Nothing was done. "
	    "Look at status {guest} and ask again." },
	{ VPSH_ERR_NOT_RUNNING, EXIT_FAILED, "not-running",
	    "{guest} is off. Nothing was done. Type start {guest} to boot "
	    "it." },
	{ VPSH_ERR_NO_CUSTOMER, EXIT_DENIED, "no-customer",
	    "This account is not set up for vpsh. Nothing was done. Ask the "
	    "operator to add it." },
	{ VPSH_ERR_POLICY, EXIT_DENIED, "policy",
	    "This account cannot be used now[: {detail}]. Your guests run on "
	    "untouched.[ Help: {support}]" },
	{ VPSH_ERR_GUEST_CLOSED, EXIT_DENIED, "guest-closed",
	    "{guest} cannot be used now[: {detail}]. It is untouched.[ Help: "
	    "{support}]" },
	{ VPSH_ERR_SESSIONS, EXIT_BUSY, "sessions",
	    "This account has too many sessions open. Close one and try "
	    "again." },
	{ VPSH_ERR_CONFIG, EXIT_FAILED, "config",
	    "{guest} did not start: its configuration has a mistake that only "
	    "the operator can mend." UNTOUCHED HELP },
	{ VPSH_ERR_NO_CONFIG, EXIT_FAILED, "no-config",
	    "{guest} did not start: its configuration is missing on this "
	    "host. Only the operator can mend that." UNTOUCHED HELP },
	{ VPSH_ERR_NO_KERNEL, EXIT_FAILED, "no-kernel",
	    "{guest} did not start: the kernel its configuration names is not "
	    "on this host. Only the operator can mend that." UNTOUCHED HELP },
	{ VPSH_ERR_NO_DISK, EXIT_FAILED, "no-disk",
	    "{guest} did not start: the host cannot open one of its disks. "
	    "Only the operator can mend that." UNTOUCHED HELP },
	{ VPSH_ERR_MEMORY, EXIT_FAILED, "memory",
	    "{guest} did not start: the host is short of {number} MB." UNTOUCHED
	    " Try again later." HELP },
	{ VPSH_ERR_CREATE, EXIT_FAILED, "create",
	    "{guest} did not start: Xen refused to build it." UNTOUCHED HELP },
	{ VPSH_ERR_HOTPLUG, EXIT_FAILED, "hotplug",
	    "{guest} did not start: the host could not attach a disk or "
	    "network card." UNTOUCHED HELP },
	{ VPSH_ERR_STILL_UP, EXIT_TIMEOUT, "still-up",
	    "{guest} was asked and is still running after {number} seconds. "
	    "It may need longer, or ignore the request: look at its console, "
	    "or pull the plug with destroy {guest}." REF },
	{ VPSH_ERR_NO_ANSWER, EXIT_FAILED, "no-answer",
	    "{guest} has no way to be asked. It runs on. Stop it on its "
	    "console, or pull the plug with destroy {guest}." REF },
	{ VPSH_ERR_CONFIRM, EXIT_USAGE, "confirm",
	    "{verb} pulls the plug of {guest}; its disk is kept. Nothing was "
	    "done. Say {verb} {guest} --yes if you mean it." },
	{ VPSH_ERR_VERSION, EXIT_SERVICE, "version",
	    "This vpsh and the service on this host do not fit together; an "
	    "upgrade may be under way. Nothing was done. Log in again." },
	{ VPSH_ERR_WORKER, EXIT_FAILED, "worker",
	    "{verb} of {guest} broke off. Look at status {guest} before you "
	    "try again; your disk is kept." HELP },
	{ VPSH_ERR_CONSOLE, EXIT_SERVICE, "console",
	    "The console of {guest} cannot be reached now. The guest is not "
	    "affected. Try again in a minute.[ Help: {support}]" },
	{ VPSH_ERR_REVOKED, EXIT_DENIED, "revoked",
	    "The operator changed what you may do, and this was closed. Your "
	    "guests are not affected.[ Questions: {support}]" },
	{ VPSH_ERR_PYGRUB, EXIT_FAILED, "pygrub",
	    "{guest} did not start: this host does not run pygrub without its "
	    "cage. Only the operator can mend that." UNTOUCHED HELP },
	{ VPSH_ERR_ELSEWHERE, EXIT_FAILED, "elsewhere",
	    "{guest} was saved or moved to another host and must not be "
	    "booted a second time.[ {detail}]" UNTOUCHED HELP },
	{ VPSH_ERR_MEMORY_HOST, EXIT_SERVICE, "overloaded",
	    "vpsh has too much to do on this host now. Nothing was done. Try "
	    "again in a minute.[ Help: {support}]" },
	{ VPSH_ERR_CONNECTS, EXIT_BUSY, "connects",
	    "This account connects too often. Nothing was done. Wait[ "
	    "{number} s], then try again." },
	{ VPSH_ERR_SUSPENDED, EXIT_DENIED, "suspended",
	    "This account is suspended[: {detail}]. Your guests and disks are "
	    "untouched. Ask the operator.[ Contact: {support}]" },
	{ VPSH_ERR_KEY, EXIT_USAGE, "key",
	    "That is no sysrq key[: {detail}]. Nothing was done. Type help "
	    "sysrq for the keys." },
	{ VPSH_ERR_PAUSED, EXIT_FAILED, "paused",
	    "{guest} is paused, so it cannot answer. Nothing was done. "
	    "Unpause it first." },
	{ VPSH_ERR_NO_SYSRQ, EXIT_FAILED, "no-sysrq",
	    "{guest} does not take sysrq keys: its system has no driver for "
	    "them. Nothing was done." HELP },
	{ VPSH_ERR_LOOP, EXIT_FAILED, "loop",
	    "{guest} went down {number} times within 15 minutes and is not "
	    "booted again by itself. Its disk is untouched. Look at log "
	    "{guest}, then start it." HELP },
	{ VPSH_ERR_INTERRUPTED, EXIT_FAILED, "interrupted",
	    "{verb} of {guest} was interrupted[: {detail}]. Its disk is "
	    "untouched. Say {verb} {guest} again if you still want it." HELP },
	{ VPSH_ERR_HELD, EXIT_BUSY, "held",
	    "{guest} is held by the operator and cannot be booted now[: "
	    "{detail}]." UNTOUCHED " Try again later.[ Questions: "
	    "{support}]" },
	{ VPSH_ERR_NO_JOB, EXIT_NO_GUEST, "no-job",
	    "There is no job[ {detail}] of yours. What a job came to is kept "
	    "for 15 minutes; status shows how your guests are now." },
	{ VPSH_ERR_NO_ROOM, EXIT_FAILED, "no-room",
	    "{verb} of {guest} was not done: a disk of the host has no room "
	    "left. Your guest and its disk are untouched. Try again later."
	    HELP },
	{ VPSH_ERR_CANCELLED, EXIT_FAILED, "cancelled",
	    "{verb} of {guest} was cancelled before it did anything more; "
	    "status {guest} shows how it is.[ Ref {ref}.]" },
	{ VPSH_ERR_NO_CANCEL, EXIT_BUSY, "no-cancel",
	    "{verb} of {guest} has begun already and cannot be cancelled any "
	    "more; status {guest} shows how it is.[ Ref {ref}.]" },
	{ VPSH_ERR_ZONE, EXIT_USAGE, "zone",
	    "There is no time zone[ {detail}] on this host. Nothing was "
	    "done. They are called like Europe/Berlin or UTC." },
	{ VPSH_ERR_LENT, EXIT_BUSY, "lent",
	    "The operator has taken the console of {guest} for a while. Your "
	    "guest runs on. Try again later.[ Questions: {support}]" },
};

#define NOUTCOMES (sizeof(outcomes) / sizeof(outcomes[0]))

_Static_assert(NOUTCOMES == VPSH_ERR_COUNT, "every error has a sentence");

static const struct outcome *
outcome_of(int err)
{
	if (err > 0 || err <= -VPSH_ERR_COUNT)
		err = VPSH_ERR_FAILED;
	return &outcomes[-err];
}

int
err_exit_code(int err)
{
	return (int)outcome_of(err)->exit_code;
}

const char *
err_name(int err)
{
	return outcome_of(err)->name;
}

/* Where the sentence grows; words from outside are escaped on the way. */
struct pen {
	char *at;
	size_t left;
};

static void
pen_put(struct pen *pen, const char *s, size_t len)
{
	size_t n;

	n = text_escape(pen->at, pen->left, s, len);
	pen->at += n;
	pen->left -= n;
}

/* The value of {name}, or NULL when it is not given. */
static const char *
value_of(const char *name, size_t len, const struct err_args *args,
    char number[24])
{
	const struct {
		const char *name;
		const char *value;
	} values[] = {
		{ "verb", args->verb },
		{ "guest", args->guest },
		{ "ref", args->ref },
		{ "support", args->support },
		{ "detail", args->detail },
		{ "number", number },
	};
	size_t i;

	snprintf(number, 24, "%lld", args->number);
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (strlen(values[i].name) == len &&
		    memcmp(values[i].name, name, len) == 0)
			return values[i].value != NULL &&
				*values[i].value != '\0' ?
			    values[i].value :
			    NULL;
	return NULL;
}

/* Write from up to end; false when something mentioned is not given. */
static bool
pen_template(struct pen *pen, const char *from, const char *end,
    const struct err_args *args)
{
	const char *close, *value;
	char number[24];
	bool whole = true;

	while (from < end) {
		if (*from != '{') {
			pen_put(pen, from, 1);
			from++;
			continue;
		}
		close = memchr(from, '}', (size_t)(end - from));
		if (close == NULL)
			return false;
		value = value_of(from + 1, (size_t)(close - from - 1), args,
		    number);
		if (value != NULL)
			pen_put(pen, value, strlen(value));
		else
			whole = false;
		from = close + 1;
	}
	return whole;
}

void
err_sentence(int err, const struct err_args *args, char *dst, size_t size)
{
	const char *from = outcome_of(err)->sentence;
	const char *open, *close;
	struct pen pen = { dst, size }, before;

	if (size == 0)
		return;
	*dst = '\0';
	while ((open = strchr(from, '[')) != NULL &&
	    (close = strchr(open, ']')) != NULL) {
		pen_template(&pen, from, open, args);
		before = pen;
		if (!pen_template(&pen, open + 1, close, args)) {
			pen = before;
			*pen.at = '\0';
		}
		from = close + 1;
	}
	pen_template(&pen, from, from + strlen(from), args);
}
