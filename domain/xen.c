/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxl.h>
#include <libxl_utils.h>

#include "base/log.h"
#include "base/text.h"
#include "domain/xen.h"

/* "libxl: libxl_create.c:1234:domcreate_devmodel_started: Domain 5:" */
static const char *
without_source(const char *line)
{
	const char *p;

	p = strstr(line, ".c:");
	if (p == NULL || (p = strchr(p + 3, ':')) == NULL ||
	    (p = strchr(p + 1, ':')) == NULL)
		return line;
	return p[1] == ' ' ? p + 2 : p + 1;
}

static void
keep(struct xen *xen, const char *line)
{
	int n;

	if (xen->len >= sizeof(xen->said) - 1)
		return;
	n = snprintf(xen->said + xen->len, sizeof(xen->said) - xen->len,
	    "%s%s", xen->len > 0 ? "; " : "", without_source(line));
	if (n > 0)
		xen->len += (size_t)n;
}

static void
xen_logger_vmessage(struct xentoollog_logger *logger,
    xentoollog_level level, int errnoval, const char *context,
    const char *format, va_list al)
{
	struct xen *xen = (struct xen *)logger;
	char line[512];
	size_t len;

	(void)context;
	if (level < XTL_WARN || xen->quiet)
		return;
	if (vsnprintf(line, sizeof(line), format, al) < 0)
		return;
	len = strcspn(line, "\n");
	line[len] = '\0';
	if (errnoval > 0)
		(void)text_format(line + len, sizeof(line) - len, ": %s",
		    strerror(errnoval));
	log_warn("libxl: %s", without_source(line));
	if (level < XTL_ERROR)
		return;
	keep(xen, line);
	if (strstr(line, "hotplug") != NULL ||
	    strstr(line, "/scripts/") != NULL)
		xen->hotplug = true;
	if (strstr(line, "emory") != NULL || errnoval == ENOMEM)
		xen->memory = true;
}

static void
xen_logger_progress(struct xentoollog_logger *logger, const char *context,
    const char *what, int percent, unsigned long done, unsigned long total)
{
	(void)logger;
	(void)context;
	(void)what;
	(void)percent;
	(void)done;
	(void)total;
}

static void
xen_logger_destroy(struct xentoollog_logger *logger)
{
	(void)logger;
}

int
xen_open(struct xen *xen)
{
	memset(xen, 0, sizeof(*xen));
	xen->vtable.vmessage = xen_logger_vmessage;
	xen->vtable.progress = xen_logger_progress;
	xen->vtable.destroy = xen_logger_destroy;
	return libxl_ctx_alloc(&xen->ctx, LIBXL_VERSION, 0, &xen->vtable) == 0 ?
	    0 : -1;
}

void
xen_close(struct xen *xen)
{
	libxl_ctx_free(xen->ctx);
	xen->ctx = NULL;
}

void
xen_forget(struct xen *xen)
{
	xen->said[0] = '\0';
	xen->len = 0;
	xen->hotplug = false;
	xen->memory = false;
}

static void
fill(struct xen_domain *domain, const libxl_dominfo *info)
{
	domain->domid = info->domid;
	memcpy(domain->uuid, info->uuid.uuid, WIRE_UUID);
	domain->paused = info->paused;
	domain->ran = info->cpu_time > 0;
	domain->dying = info->dying;
	domain->reason = xen_reason(info);
}

int
xen_info(struct xen *xen, uint32_t domid, struct xen_domain *domain)
{
	libxl_dominfo info;
	int rc;

	libxl_dominfo_init(&info);
	rc = libxl_domain_info(xen->ctx, &info, domid);
	if (rc == 0)
		fill(domain, &info);
	libxl_dominfo_dispose(&info);
	if (rc == ERROR_DOMAIN_NOTFOUND)
		return 1;
	return rc == 0 ? 0 : -1;
}

static bool
has_name(struct xen *xen, uint32_t domid, const char *name)
{
	char *now;
	bool same;

	now = libxl_domid_to_name(xen->ctx, domid);
	same = strcmp(now == NULL ? "" : now, name) == 0;
	free(now);
	return same;
}

static bool
is_it(struct xen *xen, const libxl_dominfo *info, const char *name,
    const uint8_t *uuid)
{
	if (info->domid == 0)
		return false;
	if (name != NULL && has_name(xen, info->domid, name))
		return true;
	return uuid != NULL && !info->dying &&
	    has_name(xen, info->domid, "") &&
	    memcmp(info->uuid.uuid, uuid, WIRE_UUID) == 0;
}

/* The livelier, the better. */
static int
life(const libxl_dominfo *info)
{
	return info->dying ? 1 : info->shutdown ? 2 : 3;
}

int
xen_find(struct xen *xen, const char *name, const uint8_t *uuid,
    struct xen_domain *domain)
{
	libxl_dominfo *all;
	int i, n, best = 0;

	all = libxl_list_domain(xen->ctx, &n);
	if (all == NULL)
		return -1;
	for (i = 0; i < n; i++) {
		if (life(&all[i]) <= best || !is_it(xen, &all[i], name, uuid))
			continue;
		fill(domain, &all[i]);
		best = life(&all[i]);
	}
	libxl_dominfo_list_free(all, n);
	return best == 0 ? 1 : 0;
}

int
xen_next(struct xen *xen, const uint8_t uuid[WIRE_UUID], uint32_t after,
    struct xen_domain *domain)
{
	libxl_dominfo *all;
	int i, n, r = 1;

	all = libxl_list_domain(xen->ctx, &n);
	if (all == NULL)
		return -1;
	for (i = 0; i < n; i++) {
		if (all[i].domid <= after || (r == 0 && all[i].domid >
		    domain->domid) || memcmp(all[i].uuid.uuid, uuid,
		    WIRE_UUID) != 0)
			continue;
		fill(domain, &all[i]);
		r = 0;
	}
	libxl_dominfo_list_free(all, n);
	return r;
}

int
xen_count(struct xen *xen, const char *name)
{
	libxl_dominfo *all;
	int i, n, count = 0;

	all = libxl_list_domain(xen->ctx, &n);
	if (all == NULL)
		return 0;
	for (i = 0; i < n; i++)
		count += all[i].domid != 0 &&
		    has_name(xen, all[i].domid, name);
	libxl_dominfo_list_free(all, n);
	return count;
}

enum wire_reason
xen_reason(const libxl_dominfo *info)
{
	if (!info->shutdown)
		return WIRE_REASON_NONE;
	switch (info->shutdown_reason) {
	case LIBXL_SHUTDOWN_REASON_POWEROFF:
		return WIRE_REASON_POWEROFF;
	case LIBXL_SHUTDOWN_REASON_REBOOT:
		return WIRE_REASON_REBOOT;
	case LIBXL_SHUTDOWN_REASON_SUSPEND:
		return WIRE_REASON_SUSPEND;
	case LIBXL_SHUTDOWN_REASON_CRASH:
		return WIRE_REASON_CRASH;
	case LIBXL_SHUTDOWN_REASON_WATCHDOG:
		return WIRE_REASON_WATCHDOG;
	case LIBXL_SHUTDOWN_REASON_SOFT_RESET:
		return WIRE_REASON_SOFT_RESET;
	case LIBXL_SHUTDOWN_REASON_UNKNOWN:
		break;
	}
	return WIRE_REASON_CRASH;
}
