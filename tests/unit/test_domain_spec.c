/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libxl.h>

#include "domain/spec.h"

/* A configuration as libxl has it, with so many cards and no MAC address. */
static void
make(libxl_domain_config *config, uint8_t last, int cards)
{
	int i;

	libxl_domain_config_init(config);
	memset(config->c_info.uuid.uuid, 0x5e, 16);
	config->c_info.uuid.uuid[15] = last;
	config->nics = calloc((size_t)cards, sizeof(config->nics[0]));
	assert_non_null(config->nics);
	config->num_nics = cards;
	for (i = 0; i < cards; i++)
		libxl_device_nic_init(&config->nics[i]);
}

static void
a_card_has_the_same_mac_at_every_boot(void **state)
{
	libxl_domain_config a, b;

	(void)state;
	make(&a, 1, 2);
	make(&b, 1, 2);
	spec_macs(&a);
	spec_macs(&b);
	assert_memory_equal(a.nics[0].mac, b.nics[0].mac, 6);
	assert_memory_equal(a.nics[1].mac, b.nics[1].mac, 6);
	/* Xen's own range. */
	assert_memory_equal(a.nics[0].mac, "\x00\x16\x3e", 3);
	assert_true(a.nics[0].mac[3] < 0x80);
	libxl_domain_config_dispose(&a);
	libxl_domain_config_dispose(&b);
}

static void
two_cards_and_two_guests_never_share_a_mac(void **state)
{
	libxl_domain_config a, b;
	int i, j;

	(void)state;
	make(&a, 1, 16);
	make(&b, 2, 16);
	spec_macs(&a);
	spec_macs(&b);
	for (i = 0; i < 16; i++)
		for (j = 0; j < 16; j++) {
			if (i != j)
				assert_memory_not_equal(a.nics[i].mac,
				    a.nics[j].mac, 6);
			assert_memory_not_equal(a.nics[i].mac, b.nics[j].mac,
			    6);
		}
	libxl_domain_config_dispose(&a);
	libxl_domain_config_dispose(&b);
}

static void
a_mac_of_the_operator_stays_and_changes_no_other(void **state)
{
	static const libxl_mac given = { 0x00, 0x16, 0x3e, 0xaa, 0xbb, 0xcc };
	libxl_domain_config a, b;

	(void)state;
	make(&a, 1, 2);
	make(&b, 1, 2);
	memcpy(a.nics[0].mac, given, sizeof(given));
	spec_macs(&a);
	spec_macs(&b);
	assert_memory_equal(a.nics[0].mac, given, 6);
	assert_memory_equal(a.nics[1].mac, b.nics[1].mac, 6);
	libxl_domain_config_dispose(&a);
	libxl_domain_config_dispose(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_card_has_the_same_mac_at_every_boot),
		cmocka_unit_test(two_cards_and_two_guests_never_share_a_mac),
		cmocka_unit_test(
		    a_mac_of_the_operator_stays_and_changes_no_other),
	};

	return cmocka_run_group_tests_name("domain_spec", tests, NULL, NULL);
}
