/* SPDX-License-Identifier: ISC */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/ips.h"
#include "tests/unit/policy_help.h"

#define IPS  "customers/alice/ips.txt"
#define BOBS "customers/bob/ips.txt"
#define LABEL63 \
	"a23456789012345678901234567890123456789012345678901234567890123"

static int
setup(void **state)
{
	help_setup(state);
	help_mkdir("customers/alice");
	help_mkdir("customers/bob");
	help_write(ALICE, GOOD "allow = [ \"rdns\" ];\n");
	help_write("customers/bob/policy.conf",
	    "guests = ( { name = \"db\"; allow = [ \"start\" ]; } );\n"
	    "allow = [ \"rdns\" ];\n");
	return 0;
}

/* "192.0.2.10=web.example.net 2001:db8::/64" of that customer. */
static void
assert_ips(const struct policy *policy, const char *name, const char *wanted)
{
	const struct policy_customer *c = policy_customer(policy, name);
	char got[1024] = "", one[IPS_TEXT];
	size_t i, used = 0;

	for (i = 0; i < c->nips; i++) {
		ips_format(&c->ips[i], one);
		text_format(got + used, sizeof(got) - used, "%s%s%s%s%s%s",
		    i > 0 ? " " : "", one, c->ips[i].name != NULL ? "=" : "",
		    c->ips[i].name != NULL ? c->ips[i].name : "",
		    c->ips[i].shared ? "+" : "", c->ips[i].closed ? "!" : "");
		used += strlen(got + used);
	}
	assert_string_equal(got, wanted);
}

static const struct {
	const char *text;
	const char *wanted;
} good[] = {
	{ "", "" },
	{ "\n\r\n \t\n# nothing\n", "" },
	{ "192.0.2.10 web.example.net\n", "192.0.2.10=web.example.net" },
	{ "192.0.2.10 web.example.net", "192.0.2.10=web.example.net" },
	{ "192.0.2.10 \n192.0.2.9\n", "192.0.2.9 192.0.2.10" },
	{ "192.0.2.10 a.example\r\n192.0.2.11 b.example\r\n",
	    "192.0.2.10=a.example 192.0.2.11=b.example" },
	{ "\t192.0.2.10\t\tweb.example.net\t# his\n",
	    "192.0.2.10=web.example.net" },
	{ "192.0.2.10 web # alice, bob\n", "192.0.2.10=web" },
	{ "192.0.2.10 web.example.net.\n", "192.0.2.10=web.example.net." },
	{ "192.0.2.10 - shared\n", "192.0.2.10+" },
	{ "192.0.2.10 -\n", "192.0.2.10" },
	{ "192.0.2.0/24\n192.0.2.7 x.example\n",
	    "192.0.2.0/24 192.0.2.7=x.example" },
	{ "2001:DB8:0:0::10 six.example\n", "2001:db8::10=six.example" },
	{ "2001:db8::/32\n10.0.0.0/16\n", "10.0.0.0/16 2001:db8::/32" },
	{ "192.0.2.10/32\n", "192.0.2.10" },
	{ "192.0.2.10 " LABEL63 ".example\n",
	    "192.0.2.10=" LABEL63 ".example" },
	{ "192.0.2.10 1.example\n", "192.0.2.10=1.example" },
};

static void
addresses_are_read_as_xen_shell_wrote_them_and_more(void **state)
{
	struct policy *policy;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		help_write(IPS, good[i].text);
		policy = help_load(NULL);
		assert_ips(policy, "alice", good[i].wanted);
		assert_int_equal(policy->nfaults, 0);
		assert_int_equal(help_decide(policy, "alice", NULL, RIGHT_RDNS,
				     NULL),
		    VPSH_OK);
		policy_free(policy);
	}
}

static const struct {
	const char *text;
	const char *told;
} slips[] = {
	{ "192.0.2\n", "ips.txt:1: \"192.0.2\" is not an IPv4 or IPv6" },
	{ "192.0.2.256\n", "ips.txt:1: \"192.0.2.256\" is not" },
	{ "192.0.02.1\n", "ips.txt:1: \"192.0.02.1\" is not" },
	{ "0x7f000001\n", "ips.txt:1: \"0x7f000001\" is not" },
	{ "web.example.net 192.0.2.1\n", ":1: \"web.example.net\" is not" },
	{ "192.0.2.1,192.0.2.2\n", ":1: \"192.0.2.1,192.0.2.2\" is not" },
	{ "192.0.2.1\n\n# x\n192.0.2.1 a.example\n",
	    "ips.txt:4: 192.0.2.1 stands in line 1 already" },
	{ "2001:db8::1\n2001:DB8:0::1\n", ":2: 2001:db8::1 stands in line 1" },
	{ "192.0.2.1/33\n", ":1: \"/33\" is not the length" },
	{ "192.0.2.1/\n", ":1: \"/\" is not the length" },
	{ "192.0.2.1/-1\n", ":1: \"/-1\" is not the length" },
	{ "192.0.2.1/24\n", ":1: 192.0.2.1/24 has bits set behind" },
	{ "192.0.2.1/4294967320\n", "is not the length" },
	{ "10.0.0.0/8\n", ":1: 10.0.0.0/8 is too wide" },
	{ "0.0.0.0/0\n", ":1: 0.0.0.0 is not an address that a guest" },
	{ "::/0\n", ":1: :: is not an address that a guest" },
	{ "127.0.0.1\n", "is not an address that a guest" },
	{ "224.0.0.1\n", "is not an address that a guest" },
	{ "::1\n", "is not an address that a guest" },
	{ "fe80::1\n", "is not an address that a guest" },
	{ "ff02::1\n", "is not an address that a guest" },
	{ "::ffff:192.0.2.1\n", "is not an address that a guest" },
	{ "fe80::1%eth0\n", "is not an IPv4 or IPv6" },
	{ "192.0.2.1 a.example b.example\n",
	    ":1: there is nothing to do with \"b.example\"" },
	{ "192.0.2.1 - shared x\n", ":1: there is nothing to do with \"x\"" },
	{ "192.0.2.1 a_b.example\n", "\"a_b.example\" is not a host name" },
	{ "192.0.2.1 -a.example\n", "begins or ends with" },
	{ "192.0.2.1 a-.example\n", "begins or ends with" },
	{ "192.0.2.1 a..example\n", "a part between dots is empty" },
	{ "192.0.2.1 .\n", "it is empty" },
	{ "192.0.2.1 .example\n", "a part between dots is empty" },
	{ "192.0.2.1 a" LABEL63 ".example\n", "longer than 63" },
	{ "192.0.2.1 192.0.2.2\n", "its last part is a number" },
	{ "192.0.2.1 *.example\n", "letters, digits" },
	{ "192.0.2.1 @\n", "letters, digits" },
	{ "192.0.2.1 $(id)\n", "letters, digits" },
	{ "192.0.2.1 a;id\n", "letters, digits" },
	{ "192.0.2.1 \"a b\"\n", "letters, digits" },
	{ "192.0.2.1 %00\n", "letters, digits" },
	{ "192.0.2.1 \\\n", "letters, digits" },
	{ "$INCLUDE /etc/shadow\n", "is not an IPv4 or IPv6" },
	{ "192.0.2.1 \xc3\xa9.example\n", "letters, digits" },
	{ "192.0.2.1 \x1b[2J\n", "\\x1b[2J\" is not a host name" },
	{ "192.0.2.1\v192.0.2.2\n", "is not an IPv4 or IPv6" },
	{ "\xef\xbb\xbf"
	  "192.0.2.1\n",
	    "is not an IPv4 or IPv6" },
};

/* F01, and that a slip costs reverse DNS only: guests never notice. */
static void
F01_slips_are_told_and_close_reverse_dns_only(void **state)
{
	struct policy *policy;
	struct verdict verdict;
	char told[4096];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(slips) / sizeof(slips[0]); i++) {
		help_write(IPS, slips[i].text);
		policy = help_load(NULL);
		help_faults(policy, "alice/ips.txt", told, sizeof(told));
		if (strstr(told, slips[i].told) == NULL)
			fail_msg("%s: %s", slips[i].text, told);
		assert_ips(policy, "alice", "");
		assert_int_equal(help_decide(policy, "alice", NULL, RIGHT_RDNS,
				     &verdict),
		    VPSH_ERR_POLICY);
		assert_non_null(strstr(verdict.because, "alice/ips.txt:"));
		assert_alice(policy, VPSH_OK);
		assert_int_equal(help_decide(policy, "bob", NULL, RIGHT_RDNS,
				     NULL),
		    VPSH_OK);
		policy_free(policy);
	}
}

static void
write_lines(size_t n, const char *tail)
{
	static char text[64 * 1024];
	size_t i, used = 0;

	for (i = 0; i < n; i++) {
		text_format(text + used, sizeof(text) - used, "10.1.%zu.%zu\n",
		    i / 256, i % 256);
		used += strlen(text + used);
	}
	text_format(text + used, sizeof(text) - used, "%s", tail);
	help_write(IPS, text);
}

static void
lines_and_their_length_are_bounded(void **state)
{
	struct policy *policy;
	char told[4096], line[IPS_LINE_MAX + 100];

	(void)state;
	write_lines(IPS_MAX, "");
	policy = help_load(NULL);
	assert_int_equal(policy->nfaults, 0);
	assert_int_equal(policy_customer(policy, "alice")->nips, IPS_MAX);
	policy_free(policy);

	write_lines(IPS_MAX, "192.0.2.1\n");
	policy = help_load(NULL);
	help_faults(policy, "alice/ips.txt", told, sizeof(told));
	assert_non_null(strstr(told, "ips.txt:513: this is one more than"));
	policy_free(policy);

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	help_write(IPS, line);
	policy = help_load(NULL);
	help_faults(policy, "alice/ips.txt", told, sizeof(told));
	assert_non_null(strstr(told, "ips.txt:1: this line is longer"));
	policy_free(policy);
}

/* F07: judged as every other file of the operator's is. */
static void
F07_a_file_that_anybody_could_have_made_is_not_read(void **state)
{
	struct policy *policy;
	char path[512], told[4096];
	int kind;

	(void)state;
	for (kind = 0; kind < 6; kind++) {
		help_path(path, IPS);
		if (kind == 0)
			assert_int_equal(symlink("/dev/zero", path), 0);
		else if (kind == 1)
			assert_int_equal(mkfifo(path, 0644), 0);
		else if (kind == 2)
			assert_int_equal(mkdir(path, 0755), 0);
		else
			help_write_bytes(IPS, "192.0.2.1\n\0x", 12);
		if (kind == 3)
			help_chmod(IPS, 0666);
		if (kind == 4)
			assert_int_equal(truncate(path, 1024 * 1024 * 1024), 0);
		policy = help_load(NULL);
		help_faults(policy, "alice/ips.txt", told, sizeof(told));
		assert_non_null(strstr(told, "reverse DNS is closed"));
		assert_ips(policy, "alice", "");
		assert_alice(policy, VPSH_OK);
		policy_free(policy);
		assert_int_equal(remove(path), 0);
	}
}

static const struct {
	const char *alices;
	const char *bobs;
	const char *alice;
	const char *bob;
} claims[] = {
	{ "192.0.2.1\n", "192.0.2.2\n", "192.0.2.1", "192.0.2.2" },
	{ "192.0.2.1\n192.0.2.9\n", "192.0.2.1 x.example\n",
	    "192.0.2.1! 192.0.2.9", "192.0.2.1=x.example!" },
	{ "192.0.2.1 - shared\n", "192.0.2.1 - shared\n", "192.0.2.1+",
	    "192.0.2.1+" },
	{ "192.0.2.1 - shared\n", "192.0.2.1\n", "192.0.2.1+!", "192.0.2.1!" },
	{ "192.0.2.0/24\n", "192.0.2.77\n192.0.3.1\n", "192.0.2.0/24!",
	    "192.0.2.77! 192.0.3.1" },
	{ "192.0.2.77\n192.0.2.78\n", "192.0.2.0/24\n",
	    "192.0.2.77! 192.0.2.78!", "192.0.2.0/24!" },
	{ "192.0.2.0/25\n192.0.2.0/24\n", "192.0.2.200\n",
	    "192.0.2.0/24! 192.0.2.0/25", "192.0.2.200!" },
	{ "192.0.2.0/24\n192.0.2.5\n", "192.0.3.0/24\n",
	    "192.0.2.0/24 192.0.2.5", "192.0.3.0/24" },
	{ "2001:db8::/48\n", "2001:db8:0:1::/64\n", "2001:db8::/48!",
	    "2001:db8:0:1::/64!" },
	{ "2001:db8::/63\n", "2001:db8:0:2::/64\n", "2001:db8::/63",
	    "2001:db8:0:2::/64" },
	/* The same bytes in another family are another address. */
	{ "32.1.13.184\n", "2001:db8::\n", "32.1.13.184", "2001:db8::" },
};

static void
F04_what_two_claim_is_closed_for_both_unless_shared(void **state)
{
	struct policy *policy;
	char told[4096];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		help_write(IPS, claims[i].alices);
		help_write(BOBS, claims[i].bobs);
		policy = help_load(NULL);
		assert_ips(policy, "alice", claims[i].alice);
		assert_ips(policy, "bob", claims[i].bob);
		help_faults(policy, "bob/ips.txt", told, sizeof(told));
		assert_int_equal(strstr(told, "is claimed by alice/ips.txt:") !=
			NULL,
		    strchr(claims[i].bob, '!') != NULL);
		policy_free(policy);
	}
}

static void
random_bytes_are_no_addresses_of_a_crash(void **state)
{
	static const char alphabet[] = "0123456789abcdef.:/ -#\n\r\tshared\x80";
	char text[600];
	struct policy *policy;
	unsigned seed = 20261121;
	size_t i, k;

	(void)state;
	for (i = 0; i < 400; i++) {
		for (k = 0; k < sizeof(text); k++)
			text[k] = alphabet[(size_t)rand_r(&seed) %
			    (sizeof(alphabet) - 1)];
		help_write_bytes(IPS, text, sizeof(text));
		policy = help_load(NULL);
		assert_alice(policy, VPSH_OK);
		policy_free(policy);
	}
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, help_teardown)
	const struct CMUnitTest tests[] = {
		T(addresses_are_read_as_xen_shell_wrote_them_and_more),
		T(F01_slips_are_told_and_close_reverse_dns_only),
		T(lines_and_their_length_are_bounded),
		T(F07_a_file_that_anybody_could_have_made_is_not_read),
		T(F04_what_two_claim_is_closed_for_both_unless_shared),
		T(random_bytes_are_no_addresses_of_a_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
