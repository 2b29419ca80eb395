/* SPDX-License-Identifier: ISC */
#include <sys/statvfs.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/text.h"
#include "ctl/health.h"
#include "ctl/service.h"

/*
 * `health`: one line as Nagios and its like read it.  Reasons first, numbers
 * behind the bar.
 */

#define ANSWER_S    5 /* NRPE gives up after 10 */
#define YOUNG_MS    60000
#define XEN_LATE_MS 2500 /* the broker has just asked, and waited */
#define FULL_BYTES  (8ULL << 20)
#define FULL_SHARE  1 /* per cent that are left */
#define LOW_SHARE   5
#define REASON_SIZE 600

static const char *const levels[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

/* --- what there is ------------------------------------------------------- */

static void
look_at_disk(struct health_disk *disk, const char *path)
{
	struct statvfs fs;

	text_copy(disk->path, sizeof(disk->path), path);
	if (statvfs(path, &fs) == -1) {
		disk->error = errno;
		return;
	}
	disk->size = (uint64_t)fs.f_blocks * fs.f_frsize;
	disk->free = (uint64_t)fs.f_bavail * fs.f_frsize;
	disk->inodes = fs.f_files;
	disk->inodes_free = fs.f_favail;
}

void
health_look(const struct ctl *ctl, struct health *h)
{
	const struct wire_empty empty = { 0 };
	static struct wire_msg msg;
	int fd;

	memset(h, 0, sizeof(*h));
	look_at_disk(&h->disks[0], ctl->log);
	look_at_disk(&h->disks[1], ctl->var);
	look_at_disk(&h->disks[2], ctl->run);
	fd = service_open(ctl, ANSWER_S, h->why, sizeof(h->why), h->build);
	if (fd == -1) {
		h->forbidden = errno == EACCES || errno == EPERM;
		return;
	}
	if (wire_send(fd, WIRE_HEALTH, 1, &empty, NULL, 0) == 0 &&
	    service_recv(fd, &msg) && msg.head.type == WIRE_HEALTH_IS) {
		h->up = true;
		h->is = msg.u.health;
	} else
		text_copy(h->why, sizeof(h->why),
		    "the broker does not say how it is");
	fd_close(&fd);
}

/* --- what is wrong ------------------------------------------------------- */

bool
health_xen_answers(const struct wire_health *is)
{
	return is->xen_ms >= 0 && is->xen_ms <= XEN_LATE_MS;
}

static void
wrong(struct health_verdict *v, enum health_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
wrong(struct health_verdict *v, enum health_level level, const char *fmt, ...)
{
	char raw[REASON_SIZE], safe[2 * REASON_SIZE], *c;
	size_t len, used = strlen(v->text), at;
	va_list ap;

	if (level > v->level)
		v->level = level;
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	len = text_escape(safe, sizeof(safe) - 3, raw, strlen(raw));
	/* Behind a bar come the numbers. */
	for (c = safe; (c = strchr(c, '|')) != NULL;)
		*c = '/';
	memcpy(safe + len, "; ", 3);
	len += 2;
	if (used + len >= sizeof(v->text))
		return;
	at = level >= HEALTH_CRITICAL ? v->critical : used;
	memmove(v->text + at + len, v->text + at, used - at + 1);
	memcpy(v->text + at, safe, len);
	if (level >= HEALTH_CRITICAL)
		v->critical += len;
}

static void
judge_disk(struct health_verdict *v, const struct health_disk *d)
{
	uint64_t free = d->free, size = d->size;
	const char *what = "";

	if (d->error != 0) {
		wrong(v, HEALTH_WARNING, "%s cannot be looked at: %s", d->path,
		    strerror(d->error));
		return;
	}
	if (d->inodes > 0 &&
	    d->inodes_free * 100 < FULL_SHARE * d->inodes) {
		wrong(v, HEALTH_CRITICAL, "%s has no room for more files",
		    d->path);
		return;
	}
	if (free < FULL_BYTES || free * 100 < FULL_SHARE * size)
		what = "full";
	else if (free * 100 < LOW_SHARE * size)
		what = "nearly full";
	else
		return;
	wrong(v, *what == 'f' ? HEALTH_CRITICAL : HEALTH_WARNING,
	    "%s is %s: %llu MiB are left", d->path, what,
	    (unsigned long long)free >> 20);
}

static void
judge_parts(struct health_verdict *v, const struct wire_health *is)
{
	if (is->watcher_ms < 0)
		wrong(v, HEALTH_CRITICAL, "no watcher: nobody looks at Xen");
	else if (!health_xen_answers(is))
		wrong(v, HEALTH_CRITICAL, "Xen does not answer");
	if (is->console_ms < 0)
		wrong(v, HEALTH_CRITICAL, "no console server");
	if (is->audit == WIRE_AUDIT_LOST)
		wrong(v, HEALTH_CRITICAL,
		    "nothing can be recorded: power verbs are refused");
	else if (is->audit == WIRE_AUDIT_RESERVE)
		wrong(v, HEALTH_WARNING,
		    "the audit log cannot be written, its reserve is in use");
}

static void
judge_guests(struct health_verdict *v, const struct wire_health *is)
{
	if (is->customers_closed > 0 || *is->note != '\0')
		wrong(v, HEALTH_WARNING,
		    "mistakes in the policy, %u customers closed%s%s",
		    is->customers_closed, *is->note != '\0' ? ": " : "",
		    is->note);
	if (is->guests_closed > 0)
		wrong(v, HEALTH_WARNING, "%u guests closed",
		    is->guests_closed);
	if (is->looping > 0)
		wrong(v, HEALTH_WARNING,
		    "%u guests died too often and were left off", is->looping);
}

void
health_judge(const struct health *h, struct health_verdict *v)
{
	size_t i, len;

	memset(v, 0, sizeof(*v));
	if (!h->up)
		wrong(v, h->forbidden ? HEALTH_UNKNOWN : HEALTH_CRITICAL, "%s",
		    h->why);
	else {
		judge_parts(v, &h->is);
		judge_guests(v, &h->is);
	}
	for (i = 0; i < HEALTH_DISKS; i++)
		judge_disk(v, &h->disks[i]);
	/* Not a reason, and yet good to know. */
	if (h->up && h->is.broker_ms < YOUNG_MS)
		wrong(v, HEALTH_OK, "the broker was started %lld s ago",
		    (long long)h->is.broker_ms / 1000);
	if (h->up && v->level == HEALTH_OK)
		wrong(v, HEALTH_OK,
		    "%u of %u guests run, %u held, %u sessions", h->is.running,
		    h->is.guests, h->is.held, h->is.sessions);
	if ((len = strlen(v->text)) >= 2)
		v->text[len - 2] = '\0';
}

/* --- numbers ------------------------------------------------------------- */

/* 'label'=value[unit];[warn];[crit];[min];[max] */
static void
print_numbers(const struct health *h)
{
	const struct wire_health *is = &h->is;
	const struct {
		const char *label;
		unsigned long long value;
		const char *unit;
		const char *warn;
	} rows[] = {
		{ "sessions", is->sessions, "", "" },
		{ "viewers", is->viewers, "", "" },
		{ "jobs", is->jobs, "", "" },
		{ "guests", is->guests, "", "" },
		{ "running", is->running, "", "" },
		{ "elsewhere", is->elsewhere, "", "" },
		{ "held", is->held, "", "" },
		{ "looping", is->looping, "", "0" },
		{ "closed", is->guests_closed, "", "0" },
		{ "requests", is->requests, "c", "" },
		{ "denied", is->denied, "c", "" },
		{ "jobs_done", is->jobs_done, "c", "" },
		{ "jobs_failed", is->jobs_failed, "c", "" },
		{ "audit_lost", is->audit_lost, "c", "" },
	};
	size_t i;

	if (h->up)
		printf(" 'broker'=%llds;;;0", (long long)is->broker_ms / 1000);
	for (i = 0; h->up && i < sizeof(rows) / sizeof(rows[0]); i++)
		printf(" '%s'=%llu%s;%s;;0", rows[i].label, rows[i].value,
		    rows[i].unit, rows[i].warn);
	for (i = 0; i < HEALTH_DISKS; i++) {
		const struct health_disk *d = &h->disks[i];
		unsigned long long full = d->size * FULL_SHARE / 100;

		if (d->error == 0)
			printf(" '%s'=%lluB;%llu:;%llu:;0;%llu", d->path,
			    (unsigned long long)d->free,
			    (unsigned long long)d->size * LOW_SHARE / 100,
			    full > FULL_BYTES ? full : FULL_BYTES,
			    (unsigned long long)d->size);
	}
	putchar('\n');
}

static void
report_numbers(struct report *r, const struct health *h)
{
	const struct wire_health *is = &h->is;

	if (!h->up)
		return;
	report_string(r, "build", h->build);
	report_number(r, "broker_ms", is->broker_ms);
	report_number(r, "watcher_ms", is->watcher_ms);
	report_number(r, "console_ms", is->console_ms);
	report_number(r, "xen_ms", is->xen_ms);
	report_string(r, "audit",
	    is->audit == WIRE_AUDIT_FINE	? "fine" :
		is->audit == WIRE_AUDIT_RESERVE ? "reserve" :
						  "lost");
	report_number(r, "sessions", is->sessions);
	report_number(r, "viewers", is->viewers);
	report_number(r, "jobs", is->jobs);
	report_number(r, "customers", is->customers);
	report_number(r, "customers_closed", is->customers_closed);
	report_number(r, "guests", is->guests);
	report_number(r, "guests_closed", is->guests_closed);
	report_number(r, "running", is->running);
	report_number(r, "elsewhere", is->elsewhere);
	report_number(r, "held", is->held);
	report_number(r, "looping", is->looping);
}

int
health_run(struct ctl *ctl, const struct ctl_call *call)
{
	struct report *r = &ctl->report;
	static struct health_verdict v;
	static struct health h;

	(void)call;
	health_look(ctl, &h);
	health_judge(&h, &v);
	if (!r->json) {
		printf("%s - %s |", levels[v.level], v.text);
		print_numbers(&h);
	}
	report_string(r, "health", levels[v.level]);
	report_string(r, "text", v.text);
	report_numbers(r, &h);
	return (int)v.level;
}
