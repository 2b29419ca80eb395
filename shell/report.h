/* SPDX-License-Identifier: ISC */
#ifndef SHELL_REPORT_H
#define SHELL_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "shell/json.h"
#include "wire/wire.h"

/*
 * What --json says.  Programs depend on it: fields are only ever added, and
 * one that is not known is null.
 */

void	 report_guest(struct json *json, const char *name,
	    const struct wire_guest *guest);
void	 report_guests(struct json *json, const struct wire_guest *guests,
	    size_t n);
void	 report_rights(struct json *json, const char *name, uint32_t rights);

/* How a request ended badly; ref may be empty. */
void	 report_error(struct json *json, int err, const char *text,
	    const char *ref);

/* A job, or what needed none: outcome is "done" or "accepted". */
void	 report_job(const char *guest, const char *verb, const char *ref,
	    const char *outcome, const char *text);

#endif
