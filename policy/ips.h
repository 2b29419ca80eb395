/* SPDX-License-Identifier: ISC */
#ifndef POLICY_IPS_H
#define POLICY_IPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"
#include "policy/faults.h"

/*
 * The addresses that are delegated to a customer: ips.txt, one a line.
 *
 *	192.0.2.10 web.example.net	as xen-shell wrote it
 *	2001:db8:10::/64		a prefix, no name
 *	192.0.2.11 - shared		other customers have it, too
 */
#define IPS_LINE_MAX 512
#define IPS_MAX	     512 /* per file */
#define IPS_TEXT     64	 /* of ips_format() */

struct policy_ip {
	int family;	/* AF_INET, AF_INET6 */
	unsigned prefix; /* 32 or 128: a single address */
	uint8_t address[16];
	const char *name; /* reverse name, or NULL */
	int line;
	bool shared;
	bool closed; /* another customer claims it as well */
};

/*
 * Judge the customer's file, of which text is taken over.  One mistake
 * closes reverse DNS and nothing else; a file that is not there is none.
 */
void ips_read(struct policy_customer *customer, enum file_fault fault,
    char *text, struct faults *faults);

/*
 * Close what several customers claim unless all of them say "shared".
 * Returns -1 without memory.
 */
int ips_judge(struct policy *policy, struct faults *faults);

/* "192.0.2.10", "2001:db8:10::/64". */
void ips_format(const struct policy_ip *ip, char dst[IPS_TEXT]);

#endif
