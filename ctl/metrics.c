/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "ctl/health.h"

/*
 * `metrics`: the text format of Prometheus, version 0.0.4.  A broker that is
 * down is a number as well, and no failure of ours.
 */

#define SUFFIX	  ".prom"
#define FILE_MODE 0644 /* the collector is another user */

static void
family(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP vpsh_%s %s\n# TYPE vpsh_%s %s\n", name, help, name,
	    type);
}

static void
one(FILE *to, const char *name, const char *type, const char *help,
    uint64_t value)
{
	family(to, name, type, help);
	fprintf(to, "vpsh_%s %" PRIu64 "\n", name, value);
}

/* A time that may not be known: then there is no sample of it. */
static void
seconds(FILE *to, const char *name, const char *help, int64_t ms)
{
	if (ms < 0)
		return;
	family(to, name, "gauge", help);
	fprintf(to, "vpsh_%s %" PRId64 ".%03d\n", name, ms / 1000,
	    (int)(ms % 1000));
}

/* Within a label: \ and " are escaped, a line feed cannot be in it. */
static void
label(FILE *to, const char *text)
{
	char safe[PATH_MAX * 2], *c;

	text_escape(safe, sizeof(safe), text, strlen(text));
	for (c = safe; *c != '\0'; c++) {
		if (*c == '\\' || *c == '"')
			fputc('\\', to);
		fputc(*c, to);
	}
}

static void
put_parts(FILE *to, const struct health *h)
{
	static const char *const states[] = { "fine", "reserve", "lost" };
	const struct wire_health *is = &h->is;
	uint32_t i;

	family(to, "build_info", "gauge", "Version of the broker.");
	fputs("vpsh_build_info{version=\"", to);
	label(to, h->build);
	fputs("\"} 1\n", to);
	seconds(to, "broker_uptime_seconds", "Since the broker was started.",
	    is->broker_ms);
	one(to, "watcher_up", "gauge", "Is there a watcher?",
	    is->watcher_ms >= 0);
	seconds(to, "watcher_uptime_seconds", "Since the watcher is there.",
	    is->watcher_ms);
	one(to, "console_up", "gauge", "Is there a console server?",
	    is->console_ms >= 0);
	seconds(to, "console_uptime_seconds",
	    "Since the console server is there.", is->console_ms);
	one(to, "xen_up", "gauge", "Does Xen answer?", health_xen_answers(is));
	seconds(to, "xen_answer_age_seconds", "Since Xen last answered.",
	    is->xen_ms);
	family(to, "audit_state", "gauge",
	    "1 for how the audit is: fine, on its reserve, or lost.");
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		fprintf(to, "vpsh_audit_state{state=\"%s\"} %d\n", states[i],
		    is->audit == i);
}

static void
put_numbers(FILE *to, const struct wire_health *is)
{
	const struct {
		const char *name;
		const char *help;
		uint64_t value;
	} rows[] = {
		{ "requests_total", "Requests of customers.", is->requests },
		{ "requests_denied_total", "Requests that were denied.",
		    is->denied },
		{ "jobs_done_total", "Jobs that ended well.", is->jobs_done },
		{ "jobs_failed_total", "Jobs that failed.", is->jobs_failed },
		{ "audit_lost_records_total",
		    "Records that could be kept nowhere.", is->audit_lost },
		{ "sessions", "Connections of customers.", is->sessions },
		{ "viewers", "Consoles that are being looked at.",
		    is->viewers },
		{ "jobs", "Jobs under way or waiting.", is->jobs },
		{ "customers", "Customers in the policy.", is->customers },
		{ "customers_closed",
		    "Customers closed for a mistake in their policy.",
		    is->customers_closed },
		{ "guests", "Guests in the policy.", is->guests },
		{ "guests_closed", "Guests closed for a mistake.",
		    is->guests_closed },
		{ "guests_running", "Guests that run.", is->running },
		{ "guests_elsewhere",
		    "Guests that run and are managed by another tool.",
		    is->elsewhere },
		{ "guests_held", "Guests that the operator holds.", is->held },
		{ "guests_looping",
		    "Guests left off because they died too often.",
		    is->looping },
	};
	size_t i, len;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		len = strlen(rows[i].name);
		one(to, rows[i].name,
		    len > 6 && strcmp(rows[i].name + len - 6, "_total") == 0 ?
			"counter" :
			"gauge",
		    rows[i].help, rows[i].value);
	}
}

static void
put_disks(FILE *to, const struct health *h, const char *name,
    const char *help, bool size)
{
	size_t i;

	family(to, name, "gauge", help);
	for (i = 0; i < HEALTH_DISKS; i++) {
		if (h->disks[i].error != 0)
			continue;
		fprintf(to, "vpsh_%s{path=\"", name);
		label(to, h->disks[i].path);
		fprintf(to, "\"} %" PRIu64 "\n",
		    size ? h->disks[i].size : h->disks[i].free);
	}
}

/* The caller's to free; NULL: no memory. */
static char *
metrics_text(const struct health *h, size_t *len)
{
	char *text = NULL;
	FILE *to = open_memstream(&text, len);

	if (to == NULL)
		return NULL;
	one(to, "up", "gauge", "Does the broker answer?", h->up);
	if (h->up) {
		put_parts(to, h);
		put_numbers(to, &h->is);
	}
	put_disks(to, h, "disk_free_bytes",
	    "Room where vpsh writes, for users other than root.", false);
	put_disks(to, h, "disk_size_bytes", "Size of that file system.", true);
	if (fclose(to) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* Never half of it: the collector may look at any time. */
static int
write_file(struct ctl *ctl, const char *path, const char *text, size_t len)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	char dir[PATH_MAX] = ".", safe[PATH_MAX];

	if (slash != NULL)
		text_format(dir, sizeof(dir), "%.*s",
		    slash == path ? 1 : (int)(slash - path), path);
	if (file_replace(dir, name, text, len, FILE_MODE) == 0)
		return CTL_OK;
	text_escape(safe, sizeof(safe), path, strlen(path));
	return report_fail(&ctl->report, "%s cannot be written: %s", safe,
	    strerror(errno));
}

int
metrics_run(struct ctl *ctl, const struct ctl_call *call)
{
	const char *path = ctl_value(call, "--file");
	size_t len = path != NULL ? strlen(path) : 0;
	static struct health h;
	int code = CTL_OK;
	char *text;

	if (ctl->report.json)
		return report_usage(&ctl->report,
		    "metrics has a format of its own; health --json has the "
		    "same numbers");
	if (path != NULL && (len <= strlen(SUFFIX) ||
	    strcmp(path + len - strlen(SUFFIX), SUFFIX) != 0))
		return report_usage(&ctl->report,
		    "--file wants a name that ends in " SUFFIX
		    ": the collector reads no other");
	health_look(ctl, &h);
	if ((text = metrics_text(&h, &len)) == NULL)
		return report_fail(&ctl->report, "out of memory");
	if (path != NULL)
		code = write_file(ctl, path, text, len);
	else
		fputs(text, stdout);
	free(text);
	return code;
}
