/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "ctl/operate.h"
#include "ctl/service.h"
#include "wire/err.h"

/*
 * What is done to guests: adopt, hold, release, forget-saved; and their
 * consoles are lent.  The broker finds the guest and has it done, one job a
 * guest; we wait and tell.
 */

#define ANSWER_S   900 /* for one guest: it may be busy, and Xen slow */
#define TRIES	   3
#define REASON_MAX 120
#define FOR_MAX_S  (366LL * 24 * 3600)
#define LEND_FOR   "10m" /* a console, unless told otherwise */

struct operate {
	struct report *report;
	size_t done;
	size_t failed;
	bool again; /* something came in between, and there are tries left */
	bool last;  /* there are none */
};

static void
tell(struct operate *op, const struct wire_did *did)
{
	struct report *r = op->report;
	char guest[WIRE_DOMAIN * 4], text[WIRE_TEXT * 4];

	if (did->err == VPSH_ERR_INTERRUPTED && !op->last) {
		op->again = true;
		return;
	}
	/* Of a worker, and perhaps with words of the guest's in it. */
	text_escape(guest, sizeof(guest), did->guest, strlen(did->guest));
	text_escape(text, sizeof(text), did->text, strlen(did->text));
	if (did->err == VPSH_OK) {
		op->done++;
		report_say(r, "%s: %s", guest, text);
	} else {
		op->failed++;
		if (!r->json)
			report_note("%s%s%s", guest, *guest != '\0' ? ": " : "",
			    text);
	}
	report_begin(r, NULL, '{');
	report_string(r, "guest", did->guest);
	report_bool(r, "done", did->err == VPSH_OK);
	report_string(r, "error",
	    did->err == VPSH_OK ? "" : err_name(did->err));
	report_string(r, "ref", did->ref);
	report_string(r, "text", did->text);
	report_end(r, '}');
}

/* Ask on that socket: true when it was answered to the end. */
static bool
ask(struct operate *op, int fd, uint32_t type, const struct wire_operate *what)
{
	static struct wire_msg msg;

	if (wire_send(fd, type, 1, what, NULL, 0) == -1)
		return false;
	while (service_recv(fd, &msg)) {
		if (msg.head.type == WIRE_DID_END)
			return true;
		if (msg.head.type != WIRE_DID)
			return false;
		tell(op, &msg.u.did);
	}
	return false;
}

/*
 * Leave word where the broker cannot: what it passes on is not believed
 * without.  Every try uses one up; see domain/asked.h.
 */
static int
leave_word(
    const struct ctl *ctl, const char *verb, const char *guest, char *path)
{
	char *slash;
	int fd;

	if (text_format(path, PATH_MAX, "%s%s/asked/%s:%s", ctl->prefix,
		VPSH_RUN, verb, guest) == -1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	slash = strchr(strrchr(path, ':'), '/');
	if (slash != NULL)
		*slash = ':';
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (fd == -1)
		return -1;
	fd_close(&fd);
	return 0;
}

/*
 * The broker or a worker may die meanwhile, and are soon back.  Each of these
 * may be asked for twice: the second finds what is done.
 */
static int
operate(struct ctl *ctl, uint32_t type, const struct wire_operate *what,
    const char *word)
{
	struct operate op = { .report = &ctl->report };
	char why[PATH_MAX + 200], path[PATH_MAX];
	bool answered = false, told = false;
	int fd, tries = 0;

	report_begin(op.report, "guests", '[');
	do {
		if (tries > 0 && (op.again || !told)) {
			report_note("%s; asking again",
			    op.again ? "it was interrupted" :
				       "vpsh is restarting");
			told = true;
		}
		fd = service_await(ctl, ANSWER_S, &told, why, sizeof(why));
		if (fd == -1) {
			/* Nobody is to act on it later. */
			if (word != NULL && tries > 0)
				(void)unlink(path);
			return report_service(op.report, "%s", why);
		}
		if (word != NULL &&
		    leave_word(ctl, word, what->guest, path) == -1) {
			fd_close(&fd);
			return report_service(op.report,
			    "%s cannot be made: %s. Nothing was done.", path,
			    strerror(errno));
		}
		op.again = false;
		op.last = ++tries == TRIES;
		answered = ask(&op, fd, type, what);
		fd_close(&fd);
		/* Of one guest, the end is no news. */
		answered |= *what->guest != '\0' && op.done + op.failed > 0;
	} while ((!answered || op.again) && !op.last);
	report_end(op.report, ']');
	if (word != NULL)
		(void)unlink(path);
	if (op.done + op.failed == 0 && !answered)
		return report_service(op.report,
		    "the broker broke off without an answer. What it began it "
		    "finishes; ask again.");
	if (op.done + op.failed == 0)
		report_say(op.report,
		    "There is nothing to adopt: every guest that runs is "
		    "vpsh's.");
	return op.failed == 0 ? CTL_OK : CTL_FAILED;
}

/* --- what was typed ------------------------------------------------------ */

int
operate_take_guest(
    struct ctl *ctl, const char *word, struct wire_operate *what)
{
	char safe[4 * WIRE_DOMAIN];
	const char *slash = strchr(word, '/'), *c;
	bool good = *word != '\0' &&
	    text_copy(what->guest, sizeof(what->guest), word) == 0 &&
	    (slash == NULL || strchr(slash + 1, '/') == NULL);

	for (c = word; good && *c != '\0'; c++)
		good = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		    (*c >= '0' && *c <= '9') || strchr("/-._", *c) != NULL;
	if (good)
		return CTL_OK;
	text_escape(safe, sizeof(safe), word, strlen(word));
	return report_usage(&ctl->report,
	    "\"%s\" cannot be a guest: it is CUSTOMER/GUEST, or the name of "
	    "its Xen domain",
	    safe);
}

/* The customer reads it, and so does a terminal. */
static int
take_reason(struct ctl *ctl, const char *reason, struct wire_operate *what)
{
	char safe[sizeof(what->text)];

	if (reason == NULL)
		return report_usage(&ctl->report,
		    "hold wants --reason TEXT: the customer reads it");
	if (strlen(reason) > REASON_MAX)
		return report_usage(&ctl->report,
		    "the reason is too long: %d bytes at most", REASON_MAX);
	text_escape(safe, sizeof(safe), reason, strlen(reason));
	if (strcmp(safe, reason) != 0)
		return report_usage(&ctl->report,
		    "the reason has characters in it that cannot be printed");
	text_copy(what->text, sizeof(what->text), reason);
	return CTL_OK;
}

/* "10m", "2h", "1d": until when. */
static int
take_for(struct ctl *ctl, const char *word, struct wire_operate *what)
{
	static const struct {
		char unit;
		long long seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char number[12];
	size_t i, len = word != NULL ? strlen(word) : 0;
	long long n;

	if (word == NULL)
		return CTL_OK;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (len < 2 || word[len - 1] != units[i].unit ||
		    text_format(number, sizeof(number), "%.*s", (int)len - 1,
			word) != 0 ||
		    text_number(number, 1, FOR_MAX_S / units[i].seconds, &n) !=
			0)
			continue;
		what->until_ms = clock_wall_ms() + n * units[i].seconds * 1000;
		return CTL_OK;
	}
	return report_usage(&ctl->report,
	    "--for wants a time such as 30s, 10m, 2h or 1d, a year at most");
}

/* --- the commands -------------------------------------------------------- */

int
operate_adopt_run(struct ctl *ctl, const struct ctl_call *call)
{
	struct wire_operate what = { .guest = "" };
	int code;

	if ((call->nargs == 1) == ctl_given(call, "--all"))
		return report_usage(&ctl->report, "adopt wants GUEST or --all");
	if (ctl_given(call, "--dry-run"))
		what.flags = WIRE_RUN_DRY;
	if (call->nargs == 1 &&
	    (code = operate_take_guest(ctl, call->args[0], &what)) != CTL_OK)
		return code;
	return operate(ctl, WIRE_ADOPT, &what, NULL);
}

int
operate_hold_run(struct ctl *ctl, const struct ctl_call *call)
{
	struct wire_operate what = { .guest = "" };
	int code;

	if ((code = operate_take_guest(ctl, call->args[0], &what)) != CTL_OK ||
	    (code = take_reason(ctl, ctl_value(call, "--reason"), &what)) !=
		CTL_OK ||
	    (code = take_for(ctl, ctl_value(call, "--for"), &what)) != CTL_OK)
		return code;
	return operate(ctl, WIRE_HOLD, &what, NULL);
}

static int
one_guest(struct ctl *ctl, const struct ctl_call *call, uint32_t type,
    const char *word)
{
	struct wire_operate what = { .guest = "" };
	int code = operate_take_guest(ctl, call->args[0], &what);

	return code == CTL_OK ? operate(ctl, type, &what, word) : code;
}

/* Its console, for another tool; back by itself. */
static int
lend(struct ctl *ctl, const struct ctl_call *call)
{
	const char *time = ctl_value(call, "--for");
	struct wire_operate what = { .guest = "" };
	int code;

	if ((code = operate_take_guest(ctl, call->args[0], &what)) != CTL_OK ||
	    (code = take_for(ctl, time != NULL ? time : LEND_FOR, &what)) !=
		CTL_OK)
		return code;
	return operate(ctl, WIRE_LEND_GUEST, &what, "lend");
}

int
operate_release_run(struct ctl *ctl, const struct ctl_call *call)
{
	if (ctl_given(call, "--console"))
		return lend(ctl, call);
	if (ctl_given(call, "--for"))
		return report_usage(&ctl->report,
		    "--for goes with --console: a hold is released for good");
	return one_guest(ctl, call, WIRE_RELEASE, "release");
}

int
operate_forget_run(struct ctl *ctl, const struct ctl_call *call)
{
	return one_guest(ctl, call, WIRE_FORGET_SAVED, "forget-saved");
}
