/* SPDX-License-Identifier: ISC */

/* policy.conf of a customer, and the same text as vpsh.conf. */

#include "policy/conf.h"
#include "policy/customer.h"
#include "policy/host.h"
#include "policy/rules.h"
#include "tests/fuzz/fuzz.h"

#define HOST                                                                \
	"support = \"help@example.net\";\n"                                 \
	"plans = ( { name = \"basic\"; allow = [ \"console\", \"start\" ]; }," \
	" { name = \"torn\"; allow = [ \"strat\" ]; } );\n"
#define NAME "alice"

static bool parsing;

/*
 * libconfig's way to other files, should the scanner ever let an "@include"
 * through; this stands before the C library's.
 */
FILE *
fopen(const char *path, const char *mode)
{
	fuzz_check(!parsing);
	return fopen64(path, mode);
}

static void
check_guest(const struct policy_guest *guest, size_t i)
{
	if (i > 0 && *guest->closed == '\0')
		fuzz_check(strcmp(guest[-1].name, guest->name) <= 0);
	fuzz_check((guest->rights & RULES_ACCOUNT) == 0);
	fuzz_check(guest->rights < RIGHT_BIT(RIGHT_COUNT));
	fuzz_check((guest->rights & (RIGHT_BIT(RIGHT_NONE) |
				       RIGHT_BIT(RIGHT_ANY))) == 0);
	fuzz_check(fuzz_is_safe(guest->closed));
	if (*guest->closed != '\0')
		return;
	fuzz_check(text_is_name(guest->name));
	fuzz_check(text_is_domain(guest->domain));
	fuzz_check(rules_is_path(guest->config));
}

static void
check_customer(const struct policy_customer *customer)
{
	size_t i;

	fuzz_check(strcmp(customer->name, NAME) == 0);
	fuzz_check((customer->rights & ~RULES_ACCOUNT) == 0);
	fuzz_check(!customer->has_uid || *customer->denied != '\0' ||
	    (customer->uid >= 1000 && customer->uid != 65534));
	fuzz_check(customer->limits.sessions >= 1);
	fuzz_check(customer->limits.power >= 1);
	fuzz_check(customer->limits.consoles >= 1);
	fuzz_check(fuzz_is_safe(customer->denied));
	for (i = 0; i < customer->nguests; i++)
		check_guest(&customer->guests[i], i);
}

static bool
read_customer(struct policy_customer *customer, const struct host *host,
    const char *text, struct faults *faults)
{
	bool usable;

	memset(customer, 0, sizeof(*customer));
	memset(faults, 0, sizeof(*faults));
	text_copy(customer->name, sizeof(customer->name), NAME);
	parsing = true;
	usable = customer_read(customer, host, text, faults);
	parsing = false;
	fuzz_check_faults(faults, text, 1);
	if (usable)
		check_customer(customer);
	else
		fuzz_check(faults->count > 0);
	return usable;
}

static void
fuzz_customer(const struct host *host, const char *text)
{
	struct policy_customer customer, again;
	struct faults faults, others;
	bool usable;
	size_t i;

	usable = read_customer(&customer, host, text, &faults);
	fuzz_check(read_customer(&again, host, text, &others) == usable);
	fuzz_check(fuzz_same_faults(&faults, &others));
	fuzz_check(customer.suspended == again.suspended);
	if (usable) {
		fuzz_check(customer.rights == again.rights);
		fuzz_check(customer.nguests == again.nguests);
		for (i = 0; i < customer.nguests; i++)
			fuzz_check(memcmp(&customer.guests[i],
				       &again.guests[i],
				       sizeof(customer.guests[i])) == 0);
	}
	customer_clear(&customer);
	customer_clear(&again);
	free(faults.list);
	free(others.list);
}

static void
fuzz_host(const char *text)
{
	struct faults faults = { 0 };
	struct host *host;
	bool usable;
	size_t i;

	parsing = true;
	host = host_read(text, &faults, &usable);
	parsing = false;
	fuzz_check(host != NULL);
	fuzz_check_faults(&faults, text, 1);
	fuzz_check(usable || faults.count > 0);
	fuzz_check(fuzz_is_safe(host->support));
	fuzz_check(host->grace_ms >= 0);
	for (i = 0; i < host->nplans; i++)
		fuzz_check((host->plans[i].rights & RULES_ACCOUNT) == 0 ||
		    host->plans[i].rights < RIGHT_BIT(RIGHT_COUNT));
	free(faults.list);
	host_free(host);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct host *host;
	struct faults faults = { 0 };
	char *text = fuzz_string(data, size);
	bool usable;

	if (host == NULL) {
		host = host_read(HOST, &faults, &usable);
		fuzz_check(host != NULL && host->nplans == 2);
		free(faults.list);
	}
	fuzz_customer(host, text);
	fuzz_host(text);
	free(text);
	return 0;
}
