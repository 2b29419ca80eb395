/* SPDX-License-Identifier: ISC */
/*
 * libxenevtchn and libxengnttab, as far as xenstored uses them: an event
 * when a domain ends, and a page of each domain that nobody writes to.
 */
#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <xenctrl.h>

#include <xenevtchn.h>
#include <xengnttab.h>

#include "tests/sim/host.h"

#define VIRQ_PORT	1

static int events = -1, ports = VIRQ_PORT, page;

xenevtchn_handle *
xenevtchn_open(xentoollog_logger *logger, unsigned int flags)
{
	struct sim_request request = { .op = SIM_SUBSCRIBE };

	(void)logger;
	(void)flags;
	events = ring_open(host_world());
	if (events == -1)
		return NULL;
	if (send(events, &request, sizeof(request), MSG_NOSIGNAL) == -1) {
		close(events);
		return NULL;
	}
	return (xenevtchn_handle *)&events;
}

int
xenevtchn_close(xenevtchn_handle *handle)
{
	(void)handle;
	if (events != -1)
		close(events);
	events = -1;
	return 0;
}

int
xenevtchn_fd(xenevtchn_handle *handle)
{
	(void)handle;
	return events;
}

xenevtchn_port_or_error_t
xenevtchn_bind_virq(xenevtchn_handle *handle, unsigned int virq)
{
	(void)handle;
	(void)virq;
	return VIRQ_PORT;
}

xenevtchn_port_or_error_t
xenevtchn_bind_interdomain(xenevtchn_handle *handle, uint32_t domid,
    evtchn_port_t port)
{
	(void)handle;
	(void)domid;
	(void)port;
	return ++ports;
}

xenevtchn_port_or_error_t
xenevtchn_pending(xenevtchn_handle *handle)
{
	char byte;

	(void)handle;
	return recv(events, &byte, 1, 0) == 1 ? VIRQ_PORT : -1;
}

int
xenevtchn_unmask(xenevtchn_handle *handle, evtchn_port_t port)
{
	(void)handle;
	(void)port;
	return 0;
}

int
xenevtchn_unbind(xenevtchn_handle *handle, evtchn_port_t port)
{
	(void)handle;
	(void)port;
	return 0;
}

int
xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t port)
{
	(void)handle;
	(void)port;
	return 0;
}

xengnttab_handle *
xengnttab_open(xentoollog_logger *logger, unsigned flags)
{
	(void)logger;
	(void)flags;
	return (xengnttab_handle *)&page;
}

int
xengnttab_close(xengnttab_handle *handle)
{
	(void)handle;
	return 0;
}

int
xengnttab_set_max_grants(xengnttab_handle *handle, uint32_t n)
{
	(void)handle;
	(void)n;
	return 0;
}

void *
xengnttab_map_grant_ref(xengnttab_handle *handle, uint32_t domid,
    uint32_t ref, int prot)
{
	void *at;

	(void)handle;
	(void)domid;
	(void)ref;
	at = mmap(NULL, XC_PAGE_SIZE, prot, MAP_SHARED | MAP_ANONYMOUS, -1,
	    0);
	return at == MAP_FAILED ? NULL : at;
}

int
xengnttab_unmap(xengnttab_handle *handle, void *at, uint32_t n)
{
	(void)handle;
	return munmap(at, (size_t)n * XC_PAGE_SIZE);
}
