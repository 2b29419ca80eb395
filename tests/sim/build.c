/* SPDX-License-Identifier: ISC */
/* libxc and libxenguest: making a paravirtual domain. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl_utils.h>
#include <xenctrl.h>

#include <xenguest.h>

#include "tests/sim/host.h"

#define PAGES	3	/* that libxl wants to know of: start, console, store */

struct image {
	struct xc_dom_image dom;	/* first: all that libxl knows */
	xen_pfn_t	 pages[PAGES];
	char		*words;
	uint64_t	 kib;
};

/* Whether this process is making a domain that has no name yet. */
static int is_naming;

static int
fail(xc_interface *xch, int err, const char *what)
{
	struct host *host = (struct host *)xch;

	if (host->logger != NULL)
		xtl_log(host->logger, XTL_ERROR, err, "xc", "%s", what);
	errno = err;
	return -1;
}

int
xc_domain_create(xc_interface *xch, uint32_t *domid,
    struct xen_domctl_createdomain *config)
{
	struct sim_request request = { .op = SIM_CREATE, .domid = *domid,
		.value = config->flags };
	struct sim_reply reply;

	memcpy(request.uuid, config->handle, sizeof(request.uuid));
	if (ring_ask(((struct host *)xch)->ring, &request, &reply, NULL,
	    NULL) == -1)
		return -1;
	*domid = reply.value;
	is_naming = 1;
	return 0;
}

/*
 * The name of a domain is looked up and written in two steps.  On Xen two
 * that look at once both go on; SIM_TWINS says that it is so now.
 */
int
libxl_name_to_domid(libxl_ctx *ctx, const char *name, uint32_t *domid)
{
	struct sim_reply reply;
	xc_interface *xch;
	char *now;
	int i, n, rc = ERROR_INVAL;
	libxl_dominfo *all;

	if (is_naming) {
		xch = xc_interface_open(NULL, NULL, 0);
		n = xch == NULL ? -1 : host_ask(xch, SIM_TWINS, 0, 2, 0,
		    &reply);
		if (xch != NULL)
			xc_interface_close(xch);
		if (n == 0 && reply.value == 1)
			return ERROR_INVAL;
	}
	all = libxl_list_domain(ctx, &n);
	if (all == NULL)
		return ERROR_NOMEM;
	for (i = 0; i < n && rc != 0; i++) {
		now = libxl_domid_to_name(ctx, all[i].domid);
		if (now != NULL && strcmp(now, name) == 0) {
			*domid = all[i].domid;
			rc = 0;
		}
		free(now);
	}
	libxl_dominfo_list_free(all, n);
	return rc;
}

int
xc_domain_max_vcpus(xc_interface *xch, uint32_t domid, unsigned int max)
{
	return host_ask(xch, SIM_VCPUS, domid, max, 0, NULL);
}

int
xc_domain_setmaxmem(xc_interface *xch, uint32_t domid, uint64_t kib)
{
	return host_ask(xch, SIM_MEMORY, domid, 0, kib, NULL);
}

xc_evtchn_port_or_error_t
xc_evtchn_alloc_unbound(xc_interface *xch, uint32_t domid, uint32_t remote)
{
	static int port;

	(void)xch;
	(void)domid;
	(void)remote;
	return ++port;
}

int
xc_dom_loginit(xc_interface *xch)
{
	(void)xch;
	return 0;
}

struct xc_dom_image *
xc_dom_allocate(xc_interface *xch, const char *cmdline, const char *features)
{
	struct image *image;

	(void)features;
	image = calloc(1, sizeof(*image));
	if (image == NULL)
		return NULL;
	image->words = strdup(cmdline == NULL ? "" : cmdline);
	if (image->words == NULL) {
		free(image);
		return NULL;
	}
	image->dom.xch = xch;
	image->dom.console_pfn = 1;
	image->dom.xenstore_pfn = 2;
	image->dom.pv_p2m = image->pages;
	image->dom.total_pages = PAGES;
	return &image->dom;
}

void
xc_dom_release(struct xc_dom_image *dom)
{
	struct image *image = (struct image *)dom;

	free(image->words);
	free(image);
}

bool
xc_dom_translated(const struct xc_dom_image *dom)
{
	(void)dom;
	return false;
}

int
xc_dom_kernel_file(struct xc_dom_image *dom, const char *path)
{
	if (access(path, R_OK) == -1)
		return fail(dom->xch, errno, "panic: xc_dom_kernel_file: "
		    "couldn't open the kernel");
	return 0;
}

int
xc_dom_kernel_mem(struct xc_dom_image *dom, const void *kernel, size_t size)
{
	(void)dom;
	(void)kernel;
	(void)size;
	return 0;
}

int
xc_dom_module_file(struct xc_dom_image *dom, const char *path,
    const char *cmdline)
{
	(void)cmdline;
	if (access(path, R_OK) == -1)
		return fail(dom->xch, errno, "panic: xc_dom_module_file: "
		    "couldn't open the ramdisk");
	return 0;
}

int
xc_dom_module_mem(struct xc_dom_image *dom, const void *module, size_t size,
    const char *cmdline)
{
	(void)dom;
	(void)module;
	(void)size;
	(void)cmdline;
	return 0;
}

int
xc_dom_boot_xen_init(struct xc_dom_image *dom, xc_interface *xch,
    uint32_t domid)
{
	struct image *image = (struct image *)dom;
	int i;

	dom->xch = xch;
	dom->guest_domid = domid;
	for (i = 0; i < PAGES; i++)
		image->pages[i] = 0x100000 + domid * PAGES + (unsigned)i;
	is_naming = 0;
	return 0;
}

int
xc_dom_parse_image(struct xc_dom_image *dom)
{
	(void)dom;
	return 0;
}

int
xc_dom_mem_init(struct xc_dom_image *dom, unsigned int mib)
{
	((struct image *)dom)->kib = (uint64_t)mib * 1024;
	return 0;
}

int
xc_dom_boot_mem_init(struct xc_dom_image *dom)
{
	if (host_ask(dom->xch, SIM_POPULATE, dom->guest_domid, 0,
	    ((struct image *)dom)->kib, NULL) == -1)
		return fail(dom->xch, errno, "panic: xc_dom_boot_mem_init: "
		    "can't allocate low memory for domain");
	return 0;
}

/* "slow-build=MS": like a large image from a slow disk. */
int
xc_dom_build_image(struct xc_dom_image *dom)
{
	static const char word[] = "slow-build=";
	struct image *image = (struct image *)dom;
	struct sim_request request = { .op = SIM_WORDS,
		.domid = dom->guest_domid };
	struct sim_reply reply;
	const char *slow = strstr(image->words, word);

	if (slow != NULL)
		(void)poll(NULL, 0, atoi(slow + sizeof(word) - 1));
	if (strlen(image->words) >= sizeof(request.text)) {
		errno = E2BIG;
		return -1;
	}
	memcpy(request.text, image->words, strlen(image->words));
	return ring_ask(((struct host *)dom->xch)->ring, &request, &reply,
	    NULL, NULL);
}

int
xc_dom_boot_image(struct xc_dom_image *dom)
{
	(void)dom;
	return 0;
}

int
xc_dom_gnttab_init(struct xc_dom_image *dom)
{
	(void)dom;
	return 0;
}
