/* SPDX-License-Identifier: ISC */

/* Files that nobody wrote as they are: cut off, scrambled, or very many. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/policy_help.h"

/* Alice may at most what the good file says, on guests that it names. */
static void
assert_no_more_than_good(const struct policy *good)
{
	struct policy *policy = help_load(NULL);
	const struct policy_customer *alice = policy_customer(policy, "alice");
	const struct policy_customer *model = policy_customer(good, "alice");
	const struct policy_guest *guest;
	size_t i;

	assert_non_null(alice);
	assert_int_equal(alice->rights & ~model->rights, 0);
	for (i = 0; i < alice->nguests && *alice->denied == '\0'; i++) {
		guest = policy_guest(model, alice->guests[i].name);
		assert_non_null(guest);
		assert_int_equal(alice->guests[i].rights & ~guest->rights, 0);
		assert_string_equal(alice->guests[i].domain, guest->domain);
	}
	assert_int_equal(help_decide(policy, "bob", "db", RIGHT_START, NULL),
	    VPSH_OK);
	policy_free(policy);
}

static void
a_file_cut_off_anywhere_grants_no_more(void **state)
{
	struct policy *good = help_load(NULL);
	size_t len;

	(void)state;
	for (len = 0; len < strlen(GOOD); len++) {
		help_write_bytes(ALICE, GOOD, len);
		assert_no_more_than_good(good);
	}
	policy_free(good);
}

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void
random_bytes_grant_nothing(void **state)
{
	/* The alphabet of the format, so that some of it gets further. */
	static const char *const words[] = { "guests", "=", "(", ")", "{", "}",
		"[", "]", "\"start\"", "\"", "name", ";", ",", "\n", "#", "/*",
		"*/", "@include \"/dev/zero\"\n", "1", "0x", "-", "\\", "allow",
		"uid", "true", "plan", "'", "\xff", "\x1b", "//", ":", "L" };
	uint32_t seed = 20261121;
	char text[512];
	size_t used;
	int round, n;

	(void)state;
	for (round = 0; round < 1000; round++) {
		used = 0;
		*text = '\0';
		n = (int)(next_random(&seed) % 40);
		while (n-- > 0 && used < sizeof(text) - 40)
			used += (size_t)snprintf(text + used,
			    sizeof(text) - used, "%s%s",
			    words[next_random(&seed) % 32],
			    next_random(&seed) % 2 ? " " : "");
		help_write(ALICE, text);
		struct policy *policy = help_load(NULL);
		const struct policy_customer *alice = policy_customer(policy,
		    "alice");

		for (size_t i = 0; i < alice->nguests; i++)
			assert_true(text_is_name(alice->guests[i].name));
		assert_int_equal(alice->nguests, 0);
		assert_int_equal(help_decide(policy, "bob", "db", RIGHT_START,
				     NULL),
		    VPSH_OK);
		policy_free(policy);
	}
}

/* One wrong byte may change a name, but never reach outside of its kind. */
static void
one_wrong_byte_breaks_nothing(void **state)
{
	uint32_t seed = 4711;
	char text[sizeof(GOOD)];
	struct policy *policy;
	const struct policy_customer *alice;
	size_t at, i;
	int round;

	(void)state;
	for (round = 0; round < 1000; round++) {
		memcpy(text, GOOD, sizeof(text));
		at = next_random(&seed) % (sizeof(text) - 1);
		text[at] = (char)next_random(&seed);
		help_write_bytes(ALICE, text, sizeof(text) - 1);
		policy = help_load(NULL);
		alice = policy_customer(policy, "alice");
		for (i = 0; i < alice->nguests; i++) {
			assert_true(text_is_name(alice->guests[i].name));
			assert_true(*alice->guests[i].closed != '\0' ||
			    text_is_domain(alice->guests[i].domain));
			assert_int_equal(alice->guests[i].rights &
				~(RIGHT_BIT(RIGHT_CONSOLE) |
				    RIGHT_BIT(RIGHT_VIEW) |
				    RIGHT_BIT(RIGHT_LOG) |
				    RIGHT_BIT(RIGHT_START) |
				    RIGHT_BIT(RIGHT_DESTROY)),
			    0);
		}
		assert_int_equal(help_decide(policy, "bob", "db", RIGHT_START,
				     NULL),
		    VPSH_OK);
		policy_free(policy);
	}
}

static void
a_thousand_customers_load_in_a_moment(void **state)
{
	struct policy *policy;
	char path[64];
	int64_t started;
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		text_format(path, sizeof(path), "customers/c%d", i);
		help_mkdir(path);
		text_format(path, sizeof(path), "customers/c%d/policy.conf", i);
		help_write(path, GOOD);
	}
	started = clock_ms();
	policy = help_load(NULL);
	/* The broker does nothing else meanwhile; sanitizers cost tenfold. */
	assert_true(clock_ms() - started < 2000);
	assert_int_equal(policy->ncustomers, 1002);
	/* All of them claim what is theirs; nobody claims what is alice's. */
	assert_int_equal(policy->nfaults, 0);
	policy_free(policy);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, help_setup_two, help_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_cut_off_anywhere_grants_no_more),
		TEST(random_bytes_grant_nothing),
		TEST(one_wrong_byte_breaks_nothing),
		TEST(a_thousand_customers_load_in_a_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
