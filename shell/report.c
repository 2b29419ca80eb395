/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "shell/output.h"
#include "shell/report.h"
#include "wire/err.h"
#include "wire/right.h"

static void
count_if(struct json *json, const char *name, bool known, uint64_t value)
{
	if (known)
		json_count(json, name, value);
	else
		json_null(json, name);
}

void
report_rights(struct json *json, const char *name, uint32_t rights)
{
	int right;

	json_array(json, name);
	for (right = RIGHT_ANY + 1; right < RIGHT_COUNT; right++)
		if ((rights & RIGHT_BIT(right)) != 0)
			json_string(json, NULL, right_name((enum right)right));
	json_close(json);
}

static void
report_counters(struct json *json, const struct wire_counters *counters)
{
	bool known = counters->at_ms > 0;

	json_object(json, "disk");
	count_if(json, "read", known, counters->disk_read);
	count_if(json, "written", known, counters->disk_written);
	json_close(json);
	json_object(json, "net");
	count_if(json, "in", known, counters->net_in);
	count_if(json, "out", known, counters->net_out);
	known = output_knows_month(counters);
	count_if(json, "month_in", known, counters->month_in);
	count_if(json, "month_out", known, counters->month_out);
	json_close(json);
}

void
report_guest(struct json *json, const char *name,
    const struct wire_guest *guest)
{
	json_object(json, name);
	json_string(json, "name", guest->name);
	json_string(json, "state", output_state(guest->state));
	json_string(json, "managed", guest->elsewhere ? "elsewhere" : "here");
	json_count(json, "boot", guest->boot);
	count_if(json, "uptime_s", guest->uptime_ms >= 0,
	    (uint64_t)guest->uptime_ms / 1000);
	count_if(json, "vcpus", guest->vcpus > 0, guest->vcpus);
	count_if(json, "memory_bytes", guest->memory_kib > 0,
	    guest->memory_kib * 1024);
	if (guest->cpu_permille >= 0)
		json_tenths(json, "cpu_percent", guest->cpu_permille);
	else
		json_null(json, "cpu_percent");
	report_counters(json, &guest->counters);
	report_rights(json, "rights", guest->rights);
	if (guest->job_verb[0] != '\0') {
		json_object(json, "job");
		json_string(json, "verb", guest->job_verb);
		json_text(json, "ref", guest->job_ref);
		json_close(json);
	} else
		json_null(json, "job");
	json_text(json, "note", guest->note);
	json_close(json);
}

void
report_guests(struct json *json, const struct wire_guest *guests, size_t n)
{
	size_t i;

	json_array(json, "guests");
	for (i = 0; i < n; i++)
		report_guest(json, NULL, &guests[i]);
	json_close(json);
}

void
report_error(struct json *json, int err, const char *text, const char *ref)
{
	json_object(json, "error");
	json_string(json, "name", err_name(err));
	json_number(json, "exit", err_exit_code(err));
	json_string(json, "text", text);
	json_text(json, "ref", ref);
	json_close(json);
}

void
report_job(const char *guest, const char *verb, const char *ref,
    const char *outcome, const char *text)
{
	struct json json;

	json_begin(&json, stdout);
	json_string(&json, "guest", guest);
	json_string(&json, "verb", verb);
	json_text(&json, "ref", ref);
	json_string(&json, "outcome", outcome);
	json_text(&json, "text", text);
	json_end(&json);
}
