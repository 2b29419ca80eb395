/* SPDX-License-Identifier: ISC */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "ctl/ctl.h"

static void
every_command_has_a_name_of_its_own_help_and_a_handler(void **state)
{
	const struct ctl_command *c, *d;
	const struct ctl_option *o;
	size_t i, k;

	(void)state;
	for (i = 0; (c = ctl_command_at(i)) != NULL; i++) {
		assert_non_null(c->run);
		assert_true(strlen(c->help) > 0);
		assert_true(c->max <= CTL_ARGS_MAX && c->min <= c->max);
		assert_int_equal(c->max > 0, *c->args != '\0');
		/* The last row of each table of options ends it. */
		assert_null(c->options[CTL_OPTIONS_MAX - 1].name);
		for (o = c->options; o->name != NULL; o++) {
			assert_int_equal(strncmp(o->name, "--", 2), 0);
			assert_non_null(o->help);
		}
		for (k = 0; k < i; k++) {
			d = ctl_command_at(k);
			assert_string_not_equal(c->name, d->name);
		}
	}
	assert_true(i > 5);
}

/* The exit code of that line; what it says goes to the test's own output. */
static int
run(char *line)
{
	static struct ctl ctl = { .prefix = "/nonexistent",
		.etc = "/nonexistent/etc/vpsh",
		.run = "/nonexistent/run/vpsh" };
	char *argv[160], *word;
	int argc = 0;

	while ((word = strsep(&line, " ")) != NULL && argc < 159)
		argv[argc++] = word;
	argv[argc] = NULL;
	report_open(&ctl.report, false);
	return ctl_run(&ctl, argc, argv);
}

/* One option more often than there is room for. */
static void
too_many(char *line, size_t size)
{
	size_t i;

	text_copy(line, size, "customer add alice");
	for (i = 0; i <= CTL_VALUES_MAX; i++)
		text_copy(line + strlen(line), size - strlen(line),
		    " --ip 10.0.0.1");
}

static void
nothing_happens_before_all_of_it_is_understood(void **state)
{
	static const char *const lines[] = { "customer", "custom add alice",
		"customer add", "customer add alice bob", "customer add Alice",
		"customer add ../alice", "customer add alice --plan",
		"customer add alice --plan=", "customer add alice --nonsense",
		"customer add alice --unix-account=yes",
		"customer add alice --plan a --plan b", "customer list x",
		"customer remove alice -y", "suspend", "suspend alice bob",
		"what-if alice", "what-if alice start web more",
		"what-if alice sysrq web b more", "what-if alice sysrq web bb",
		"what-if alice sysrq web y", "what-if alice shutdown",
		"what-if alice start web --force-after",
		"check --file x", "check --as alice", "sessions x", "-",
		"welcome", "--", "adopt", "adopt alice/web --all", "hold",
		"hold alice/web", "hold alice/web --reason",
		"hold alice/web --reason x --for 10", "release",
		"release a/b/c", "release alice/web bob/web",
		"forget-saved al*ce", "health x", "metrics --file x" };
	char line[2048];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		text_copy(line, sizeof(line), lines[i]);
		if (run(line) != CTL_USAGE)
			fail_msg("\"%s\" is understood", lines[i]);
	}
	too_many(line, sizeof(line));
	assert_int_equal(run(line), CTL_USAGE);
	text_copy(line, sizeof(line), "customer show alice");
	assert_int_equal(run(line), CTL_FAILED);
	text_copy(line, sizeof(line), "hold alice/web --reason x --for 10m");
	assert_int_equal(run(line), CTL_SERVICE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_command_has_a_name_of_its_own_help_and_a_handler),
		cmocka_unit_test(
		    nothing_happens_before_all_of_it_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
