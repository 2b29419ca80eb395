/* SPDX-License-Identifier: ISC */
/* libxc: the host, and domains that are there. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/host.h"

#define CPUS		2
#define KIB_PER_PAGE	4

xc_interface *
xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild,
    unsigned flags)
{
	struct host *host;

	(void)dombuild;
	(void)flags;
	host = calloc(1, sizeof(*host));
	if (host == NULL)
		return NULL;
	host->logger = logger;
	host->ring = ring_open(host_world());
	if (host->ring == -1) {
		free(host);
		return NULL;
	}
	return (xc_interface *)host;
}

int
xc_interface_close(xc_interface *xch)
{
	struct host *host = (struct host *)xch;

	if (host != NULL)
		close(host->ring);
	free(host);
	return 0;
}

int
host_ask(xc_interface *xch, enum sim_op op, uint32_t domid, uint32_t value,
    uint64_t number, struct sim_reply *reply)
{
	struct sim_request request = { .op = op, .domid = domid,
		.value = value, .number = number };
	struct sim_reply unused;

	return ring_ask(((struct host *)xch)->ring, &request,
	    reply == NULL ? &unused : reply, NULL, NULL);
}

/* How many from domid first on are in all, at most max; -1. */
static int
list(xc_interface *xch, uint32_t first, unsigned int max,
    struct sim_domain *all)
{
	struct sim_request request = { .op = SIM_LIST, .domid = first,
		.value = max };
	struct sim_reply reply;

	if (ring_ask(((struct host *)xch)->ring, &request, &reply, all,
	    NULL) == -1)
		return -1;
	return (int)reply.count;
}

/* As Xen numbers them: xen/include/public/sched.h. */
static unsigned
reason(const struct sim_domain *domain)
{
	switch ((enum sim_exit)domain->reason) {
	case SIM_POWEROFF:
		return SHUTDOWN_poweroff;
	case SIM_REBOOT:
		return SHUTDOWN_reboot;
	case SIM_WATCHDOG:
		return SHUTDOWN_watchdog;
	case SIM_SOFT_RESET:
		return SHUTDOWN_soft_reset;
	case SIM_SUSPEND:
		return SHUTDOWN_suspend;
	case SIM_CRASH:
		break;
	}
	return SHUTDOWN_crash;
}

int
xc_domain_getinfo(xc_interface *xch, uint32_t first, unsigned int max,
    xc_dominfo_t *info)
{
	static struct sim_domain all[SIM_DOMAINS_MAX];
	int i, n;

	n = max == 0 ? 0 : list(xch, first, max, all);
	if (n <= 0) {
		if (n == 0)
			errno = ESRCH;
		return -1;
	}
	for (i = 0; i < n; i++, info++) {
		memset(info, 0, sizeof(*info));
		info->domid = all[i].domid;
		memcpy(info->handle, all[i].uuid, sizeof(info->handle));
		info->paused = all[i].paused != 0;
		info->dying = all[i].dying != 0;
		info->shutdown = all[i].shutdown != 0;
		info->shutdown_reason = reason(&all[i]);
		info->crashed = info->shutdown &&
		    info->shutdown_reason == SHUTDOWN_crash;
		info->blocked = !info->paused && !info->shutdown;
		info->hvm = (all[i].flags & XEN_DOMCTL_CDF_hvm) != 0;
		info->nr_pages = all[i].memory_kib / KIB_PER_PAGE;
		info->max_memkb = all[i].max_kib;
		info->cpu_time = all[i].cpu_ns;
		info->nr_online_vcpus = all[i].vcpus;
		info->max_vcpu_id = all[i].vcpus - 1;
	}
	return n;
}

int
xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned int max,
    xc_domaininfo_t *info)
{
	static struct sim_domain all[SIM_DOMAINS_MAX];
	int i, n;

	n = max == 0 ? 0 : list(xch, first, max, all);
	for (i = 0; i < n; i++, info++) {
		memset(info, 0, sizeof(*info));
		info->domain = (domid_t)all[i].domid;
		memcpy(info->handle, all[i].uuid, sizeof(info->handle));
		if (all[i].dying)
			info->flags |= XEN_DOMINF_dying;
		if (all[i].paused)
			info->flags |= XEN_DOMINF_paused;
		if (all[i].shutdown)
			info->flags |= XEN_DOMINF_shutdown | reason(&all[i]) <<
			    XEN_DOMINF_shutdownshift;
		else if (!all[i].paused)
			info->flags |= XEN_DOMINF_blocked;
		if ((all[i].flags & XEN_DOMCTL_CDF_hvm) != 0)
			info->flags |= XEN_DOMINF_hvm_guest;
		info->tot_pages = all[i].memory_kib / KIB_PER_PAGE;
		info->max_pages = all[i].max_kib / KIB_PER_PAGE;
		info->cpu_time = all[i].cpu_ns;
		info->nr_online_vcpus = all[i].vcpus;
		info->max_vcpu_id = all[i].vcpus - 1;
	}
	return n;
}

int
xc_version(xc_interface *xch, int cmd, void *arg)
{
	static const xen_capabilities_info_t caps = "xen-3.0-x86_64";
	static const xen_commandline_t line = "dom0_mem=1024M,max:1024M";
	static const xen_extraversion_t extra = ".7-sim";

	(void)xch;
	switch (cmd) {
	case XENVER_version:
		return 4 << 16 | 17;
	case XENVER_pagesize:
		return XC_PAGE_SIZE;
	case XENVER_extraversion:
		memcpy(arg, extra, sizeof(extra));
		return 0;
	case XENVER_capabilities:
		memcpy(arg, caps, sizeof(caps));
		return 0;
	case XENVER_commandline:
		memcpy(arg, line, sizeof(line));
		return 0;
	case XENVER_compile_info:
		memset(arg, 0, sizeof(xen_compile_info_t));
		return 0;
	case XENVER_changeset:
		memset(arg, 0, sizeof(xen_changeset_info_t));
		return 0;
	case XENVER_platform_parameters:
		memset(arg, 0, sizeof(xen_platform_parameters_t));
		return 0;
	case XENVER_build_id:
		return -ENODATA;
	default:
		errno = ENOSYS;
		return -1;
	}
}

int
xc_physinfo(xc_interface *xch, xc_physinfo_t *info)
{
	struct sim_reply reply;

	if (host_ask(xch, SIM_HOST, 0, 0, 0, &reply) == -1)
		return -1;
	memset(info, 0, sizeof(*info));
	info->threads_per_core = info->nr_nodes = 1;
	info->cores_per_socket = info->nr_cpus = CPUS;
	info->max_cpu_id = CPUS - 1;
	info->cpu_khz = 2000000;
	info->capabilities = XEN_SYSCTL_PHYSCAP_pv;
	info->total_pages = reply.total / KIB_PER_PAGE;
	info->free_pages = reply.number / KIB_PER_PAGE;
	info->max_mfn = info->total_pages;
	return 0;
}

int
xc_get_max_cpus(xc_interface *xch)
{
	(void)xch;
	return CPUS;
}

int
xc_get_online_cpus(xc_interface *xch)
{
	(void)xch;
	return CPUS;
}

int
xc_get_max_nodes(xc_interface *xch)
{
	(void)xch;
	return 1;
}

int
xc_cputopoinfo(xc_interface *xch, unsigned *max, xc_cputopo_t *topology)
{
	unsigned i;

	(void)xch;
	if (topology != NULL)
		for (i = 0; i < *max && i < CPUS; i++)
			topology[i] = (xc_cputopo_t){ .core = i };
	*max = CPUS;
	return 0;
}

int
xc_numainfo(xc_interface *xch, unsigned *max, xc_meminfo_t *memory,
    uint32_t *distance)
{
	struct sim_reply reply;

	if (memory != NULL) {
		if (host_ask(xch, SIM_HOST, 0, 0, 0, &reply) == -1)
			return -1;
		memory->memsize = reply.total * 1024;
		memory->memfree = reply.number * 1024;
	}
	if (distance != NULL)
		*distance = 10;
	*max = 1;
	return 0;
}

long
xc_sharing_freed_pages(xc_interface *xch)
{
	(void)xch;
	return 0;
}

long
xc_sharing_used_frames(xc_interface *xch)
{
	(void)xch;
	return 0;
}

xc_cpupoolinfo_t *
xc_cpupool_getinfo(xc_interface *xch, uint32_t id)
{
	struct {
		xc_cpupoolinfo_t info;
		uint8_t		 map;
	} *pool;

	(void)xch;
	if (id != 0) {
		errno = ENOENT;
		return NULL;
	}
	pool = calloc(1, sizeof(*pool));
	if (pool == NULL)
		return NULL;
	pool->map = (1 << CPUS) - 1;
	pool->info.sched_id = XEN_SCHEDULER_CREDIT2;
	pool->info.cpumap = &pool->map;
	return &pool->info;
}

void
xc_cpupool_infofree(xc_interface *xch, xc_cpupoolinfo_t *info)
{
	(void)xch;
	free(info);
}

int
xc_sched_id(xc_interface *xch, int *id)
{
	(void)xch;
	*id = XEN_SCHEDULER_CREDIT2;
	return 0;
}

int
xc_sched_credit2_domain_get(xc_interface *xch, uint32_t domid,
    struct xen_domctl_sched_credit2 *sched)
{
	(void)xch;
	(void)domid;
	sched->weight = 256;
	sched->cap = 0;
	return 0;
}

int
xc_sched_credit2_domain_set(xc_interface *xch, uint32_t domid,
    struct xen_domctl_sched_credit2 *sched)
{
	(void)xch;
	(void)domid;
	(void)sched;
	return 0;
}

int
xc_vcpu_getinfo(xc_interface *xch, uint32_t domid, uint32_t vcpu,
    xc_vcpuinfo_t *info)
{
	(void)xch;
	(void)domid;
	memset(info, 0, sizeof(*info));
	info->vcpu = vcpu;
	info->online = info->blocked = 1;
	return 0;
}

int
xc_vcpu_getaffinity(xc_interface *xch, uint32_t domid, int vcpu,
    xc_cpumap_t hard, xc_cpumap_t soft, uint32_t flags)
{
	(void)xch;
	(void)domid;
	(void)vcpu;
	(void)flags;
	if (hard != NULL)
		*hard = (1 << CPUS) - 1;
	if (soft != NULL)
		*soft = (1 << CPUS) - 1;
	return 0;
}

int
xc_domain_pause(xc_interface *xch, uint32_t domid)
{
	return host_ask(xch, SIM_PAUSE, domid, 0, 0, NULL);
}

int
xc_domain_unpause(xc_interface *xch, uint32_t domid)
{
	return host_ask(xch, SIM_UNPAUSE, domid, 0, 0, NULL);
}

int
xc_domain_destroy(xc_interface *xch, uint32_t domid)
{
	return host_ask(xch, SIM_DESTROY, domid, 0, 0, NULL);
}

int
xc_domain_dumpcore(xc_interface *xch, uint32_t domid, const char *path)
{
	static const char text[] = "the memory of a simulated guest\n";
	int fd, r;

	(void)xch;
	(void)domid;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	r = write(fd, text, sizeof(text) - 1) == sizeof(text) - 1 ? 0 : -1;
	close(fd);
	return r;
}
