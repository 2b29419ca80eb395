/* SPDX-License-Identifier: ISC */

/* ips.txt: the addresses that are delegated to a customer. */

#include <sys/socket.h>

#include "policy/ips.h"
#include "policy/policy.h"
#include "tests/fuzz/fuzz.h"

static void
check_ip(const struct policy_ip *ip)
{
	char text[IPS_TEXT];

	fuzz_check(ip->family == AF_INET || ip->family == AF_INET6);
	fuzz_check(ip->prefix <= (ip->family == AF_INET ? 32u : 128u));
	fuzz_check(ip->line >= 1 && !ip->closed);
	/* What is shown and what would go into a DNS update. */
	fuzz_check(ip->name == NULL ||
	    (strlen(ip->name) <= 253 && *ip->name != '-' &&
		strspn(ip->name, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") ==
		    strlen(ip->name)));
	ips_format(ip, text);
	fuzz_check(*text != '\0' && fuzz_is_safe(text));
}

static void
read_ips(struct policy_customer *customer, const uint8_t *data, size_t size,
    struct faults *faults)
{
	char *text = fuzz_string(data, size), *copy = fuzz_string(data, size);
	size_t i;

	memset(customer, 0, sizeof(*customer));
	memset(faults, 0, sizeof(*faults));
	text_copy(customer->name, sizeof(customer->name), "alice");
	ips_read(customer, FILE_OK, text, faults);
	fuzz_check_faults(faults, copy, 1);
	fuzz_check(customer->nips <= IPS_MAX);
	fuzz_check((faults->count > 0) == (*customer->ips_closed != '\0'));
	fuzz_check(*customer->ips_closed == '\0' || customer->nips == 0);
	for (i = 0; i < customer->nips; i++)
		check_ip(&customer->ips[i]);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_customer customer, again;
	struct faults faults, others;
	char text[IPS_TEXT], other[IPS_TEXT];
	size_t i;

	read_ips(&customer, data, size, &faults);
	read_ips(&again, data, size, &others);
	fuzz_check(fuzz_same_faults(&faults, &others));
	fuzz_check(customer.nips == again.nips);
	for (i = 0; i < customer.nips; i++) {
		ips_format(&customer.ips[i], text);
		ips_format(&again.ips[i], other);
		fuzz_check(strcmp(text, other) == 0);
		/* One address, one line. */
		if (i > 0) {
			ips_format(&customer.ips[i - 1], other);
			fuzz_check(strcmp(text, other) != 0);
		}
	}
	free(customer.ips);
	free(customer.ips_text);
	free(again.ips);
	free(again.ips_text);
	free(faults.list);
	free(others.list);
	return 0;
}
