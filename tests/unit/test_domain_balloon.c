/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/balloon.h"

static void
dom0_gives_memory_where_xl_would_take_it(void **state)
{
	static const struct {
		const char *conf;
		const char *commandline;
		bool on;
	} rows[] = {
		{ "", "console=com1", true },
		{ "", "dom0_mem=1024M console=com1", false },
		{ "", "console=com1 dom0_mem=max:1024M", false },
		{ "", "xdom0_mem=1024M", true },
		{ "#autoballoon=\"on\"\n", "dom0_mem=1G", false },
		{ "autoballoon=\"on\"\n", "dom0_mem=1G", true },
		{ "a=1\nautoballoon = 'on'", "dom0_mem=1G", true },
		{ "autoballoon=1\n", "dom0_mem=1G", true },
		{ "autoballoon=\"off\"\n", "", false },
		{ "autoballoon=0 # no\n", "", false },
		{ "autoballoon=\"auto\"\n", "", true },
		{ "autoballoon=\"auto\"\n", "dom0_mem=1G", false },
		{ "autoballoonist=0\n", "", true },
		/* As in libxlu, the last one counts. */
		{ "autoballoon=0\nautoballoon=1\n", "dom0_mem=1G", true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (balloon_is_on(rows[i].conf, rows[i].commandline) !=
		    rows[i].on)
			fail_msg("%s | %s", rows[i].conf,
			    rows[i].commandline);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dom0_gives_memory_where_xl_would_take_it),
	};

	return cmocka_run_group_tests_name("domain_balloon", tests, NULL,
	    NULL);
}
