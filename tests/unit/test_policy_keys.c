/* SPDX-License-Identifier: ISC */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/keys.h"
#include "tests/unit/policy_help.h"

#define FILE_NAME "customers/alice/authorized_keys"

/* As ssh-keygen writes them. */
#define ED25519                                                           \
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPBNiMM/2uHlFT+0Vs0K+pR/NRa" \
	"7lWXtdHVtOy5It0Ao"
#define NISTP256                                                          \
	"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHA" \
	"yNTYAAABBBBWSHgCwqFtzKe5G560MfI6bhBl8Nsym0zKirxkeAkKWMHUdAwV3Zd" \
	"uUjtXRoBd5Rju7cco39q/+PXY0nS+sUfM="
#define RSA1024                                                           \
	"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDxR5sYaIwZa8wLuu08rVARL4A" \
	"ltuqFzLnOw6OwnFO6oNopthRPsrE9Cg2DCN96a6rYG8QcT8OCM28xTL+o0ON0X5" \
	"eUvpzQCNGCbipR2b+1CQI329eIWA25iZr87Q0Msbu5c4TdjwL3Qh/+RehkcLe7u" \
	"Yo5+vOJCqY7iFScdsa/Iw=="
#define RSA2048                                                           \
	"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCgyQyEllcg5qLyPeGeUjz48WU" \
	"/5cvB0zR9fWsH8qUnpwE2tR0mntpW/OjwLxY/Eo9thhiFFvEAMlLGXF9/HoHXPA" \
	"IUnaRr1O5y01Zs5PhEXpxWQSfVnWIX3jRBpkNbdNHCHGO86oeh6GzGMX8NW/4I1" \
	"z9hXMkCBJfFRzcr9eJYVl/TSmqEwlCzpK9JCZlfn/tHODvnxSBPJQFuYG9BS6xc" \
	"yN4YKlV/D5lYs5iqUkIHjZoHVRrlxgb7SlxkaCpPqEgzttrOaeJGrBOwxGB5+vb" \
	"AJSRyCAGHcEa6NpFMg/XcyMre1W7EfNwLl+KNzRashuK86K/87o9K7z/LLnsrSa" \
	"Sh"

static int
setup(void **state)
{
	help_setup(state);
	help_mkdir("customers/alice");
	return 0;
}

/* A blob in the making. */
struct blob {
	uint8_t data[4096];
	size_t len;
};

static void
put(struct blob *blob, const void *data, size_t len)
{
	const uint8_t head[4] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16),
		(uint8_t)(len >> 8), (uint8_t)len };

	assert_true(blob->len + 4 + len <= sizeof(blob->data));
	memcpy(blob->data + blob->len, head, 4);
	if (len > 0)
		memcpy(blob->data + blob->len + 4, data, len);
	blob->len += 4 + len;
}

static void
put_text(struct blob *blob, const char *text)
{
	put(blob, text, strlen(text));
}

/* A public value that says 0x04 and then repeats itself. */
static void
put_point(struct blob *blob, size_t len)
{
	uint8_t point[200];

	memset(point, 0x5a, sizeof(point));
	point[0] = 0x04;
	put(blob, point, len);
}

/* An mpint of that many bits, odd or even. */
static void
put_number(struct blob *blob, size_t bits, bool odd)
{
	uint8_t number[2200] = { 0 };
	size_t lead = bits % 8 == 0 ? 1 : 0, len = (bits + 7) / 8 + lead;

	number[lead] = (uint8_t)(1 << (bits - 1) % 8);
	number[len - 1] = (uint8_t)((number[len - 1] & ~1) | odd);
	put(blob, number, len);
}

static void
encode(const struct blob *blob, char *dst)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i, k, n;
	uint32_t word;

	for (i = 0; i < blob->len; i += 3) {
		n = blob->len - i < 3 ? blob->len - i : 3;
		for (word = 0, k = 0; k < 3; k++)
			word = word << 8 | (k < n ? blob->data[i + k] : 0);
		for (k = 0; k < 4; k++)
			*dst++ = k <= n ? digits[word >> (18 - 6 * k) & 63] :
					  '=';
	}
	*dst = '\0';
}

/* The one line as it is taken, or what is said against it. */
static void
judge(const char *line, char *taken, char *said)
{
	char text[POLICY_TEXT + 100];
	struct keys keys;

	help_write(FILE_NAME, line);
	assert_int_equal(keys_load(help_etc, "alice", &keys), 0);
	assert_int_equal(keys.nlines + keys.nfaults, 1);
	*taken = *said = '\0';
	if (keys.nlines == 1)
		text_copy(taken, KEYS_LINE_MAX, keys.lines[0]);
	else {
		policy_fault_text(&keys.faults[0], text, sizeof(text));
		text_copy(said, 512, text);
	}
	keys_free(&keys);
}

static void
assert_taken(const char *line, const char *as)
{
	char taken[KEYS_LINE_MAX], said[512];

	judge(line, taken, said);
	assert_string_equal(said, "");
	assert_string_equal(taken, as);
}

static void
assert_refused(const char *line, const char *why)
{
	char taken[KEYS_LINE_MAX], said[512], expected[512];

	judge(line, taken, said);
	text_format(expected, sizeof(expected), "alice/authorized_keys:1: %s",
	    why);
	assert_string_equal(said, expected);
	assert_string_equal(taken, "");
}

static void
assert_blob(const char *type, const struct blob *blob, const char *why)
{
	char line[KEYS_LINE_MAX], text[KEYS_LINE_MAX - 64];

	encode(blob, text);
	text_format(line, sizeof(line), "%s %s", type, text);
	if (why == NULL)
		assert_taken(line, line);
	else
		assert_refused(line, why);
}

static void
keys_are_taken_without_their_comment(void **state)
{
	(void)state;
	assert_taken(ED25519, ED25519);
	assert_taken(ED25519 " alice@laptop\n", ED25519);
	assert_taken(" \t" NISTP256 " from=\"1.2.3.4\" x\r\n", NISTP256);
	assert_taken("\n# a comment\n\n" RSA2048 "\n#\n", RSA2048);
}

static void
A10_options_are_refused_not_dropped(void **state)
{
	static const char *const lines[] = { "command=\"sh\" " ED25519,
		"cert-authority " ED25519, "permitopen=\"*:1\",pty " ED25519,
		"restrict " ED25519, "environment=\"A=ssh-rsa B\" " ED25519 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_refused(lines[i],
		    "options in front of a key are not taken; vpsh sets its "
		    "own");
}

static void
A12_weak_and_foreign_types_are_refused(void **state)
{
	(void)state;
	assert_refused("ssh-dss AAAAB3NzaC1kc3MAAACBAA==",
	    "DSA keys are too weak and not taken");
	assert_refused(RSA1024, "RSA keys below 2048 bits are not taken");
	assert_refused("ssh-ed25519-cert-v01@openssh.com AAAA",
	    "certificates are not taken, only plain keys");
	assert_refused("ssh-rsa1 AAAA",
	    "this is not a type of key that is taken");
	assert_refused("-----BEGIN OPENSSH PRIVATE KEY-----",
	    "this is not a type of key that is taken");
}

static void
A12_broken_keys_are_refused(void **state)
{
	char line[sizeof(ED25519)];
	size_t cut;

	(void)state;
	assert_refused("ssh-ed25519", "there is no key behind the type");
	assert_refused("ssh-ed25519 ====",
	    "the key is not whole: its base64 is broken");
	assert_refused("ssh-ed25519 AAAB", "the key is cut off");
	/* Two last digits that spell the same bytes. */
	assert_refused("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPBNiMM/2uHlFT+0"
		       "Vs0K+pR/NRa7lWXtdHVtOy5It0B=",
	    "the key is not whole: its base64 is broken");
	for (cut = strlen("ssh-ed25519 ") + 1; cut < strlen(ED25519); cut++) {
		char taken[KEYS_LINE_MAX], said[512];

		text_copy(line, sizeof(line), ED25519);
		line[cut] = '\0';
		judge(line, taken, said);
		assert_string_equal(taken, "");
	}
}

static void
A12_type_of_the_blob_must_be_that_of_the_line(void **state)
{
	struct blob blob = { .len = 0 };

	(void)state;
	put_text(&blob, "ssh-rsa");
	put_point(&blob, 32);
	assert_blob("ssh-ed25519", &blob,
	    "the key is of another type than the line says");
	blob.len = 0;
	put_text(&blob, "ecdsa-sha2-nistp256");
	put_text(&blob, "nistp384");
	put_point(&blob, 65);
	assert_blob("ecdsa-sha2-nistp256", &blob,
	    "the key is not on the curve of its type");
}

static void
every_type_has_its_exact_length(void **state)
{
	static const struct {
		const char *type;
		const char *curve;
		size_t point;
		bool token;
	} types[] = {
		{ "ssh-ed25519", NULL, 32, false },
		{ "ecdsa-sha2-nistp256", "nistp256", 65, false },
		{ "ecdsa-sha2-nistp384", "nistp384", 97, false },
		{ "ecdsa-sha2-nistp521", "nistp521", 133, false },
		{ "sk-ssh-ed25519@openssh.com", NULL, 32, true },
		{ "sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", 65, true },
	};
	struct blob blob;
	size_t i;
	int off;

	(void)state;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (off = -1; off <= 1; off++) {
			blob.len = 0;
			put_text(&blob, types[i].type);
			if (types[i].curve != NULL)
				put_text(&blob, types[i].curve);
			put_point(&blob, types[i].point + (size_t)off);
			if (types[i].token)
				put_text(&blob, "ssh:");
			assert_blob(types[i].type, &blob,
			    off == 0 ? NULL :
				       "the key has the wrong length for its "
				       "type");
		}
		blob.len = 0;
		put_text(&blob, types[i].type);
		if (types[i].curve != NULL)
			put_text(&blob, types[i].curve);
		put_point(&blob, types[i].point);
		if (types[i].token)
			assert_blob(types[i].type, &blob,
			    "the security key's application is missing");
		put_text(&blob, "ssh:");
		put_text(&blob, "more");
		assert_blob(types[i].type, &blob,
		    "there is something behind the key's end");
	}
}

/* A compressed point, or one that does not say what it is. */
static void
points_are_uncompressed(void **state)
{
	struct blob blob = { .len = 0 };

	(void)state;
	put_text(&blob, "ecdsa-sha2-nistp256");
	put_text(&blob, "nistp256");
	put_point(&blob, 65);
	blob.data[blob.len - 65] = 0x02;
	assert_blob("ecdsa-sha2-nistp256", &blob,
	    "the key is not a point of its curve");
}

static void
B05_rsa_numbers_must_be_sound(void **state)
{
	static const struct {
		size_t e_bits;
		bool e_odd;
		size_t n_bits;
		bool n_odd;
		const char *why;
	} cases[] = {
		{ 17, true, 2048, true, NULL },
		{ 2, true, 2048, true, NULL },
		{ 17, true, 16384, true, NULL },
		{ 1, true, 2048, true, "its RSA exponent is not sound" },
		{ 17, false, 2048, true, "its RSA exponent is not sound" },
		{ 257, true, 2048, true, "its RSA exponent is not sound" },
		{ 17, true, 2048, false, "its RSA modulus is not sound" },
		{ 17, true, 16385, true, "its RSA modulus is not sound" },
		{ 17, true, 2047, true,
		    "RSA keys below 2048 bits are not taken" },
	};
	struct blob blob;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		blob.len = 0;
		put_text(&blob, "ssh-rsa");
		put_number(&blob, cases[i].e_bits, cases[i].e_odd);
		put_number(&blob, cases[i].n_bits, cases[i].n_odd);
		assert_blob("ssh-rsa", &blob, cases[i].why);
	}
	/* Zero, a negative one, and one with a zero too many in front. */
	blob.len = 0;
	put_text(&blob, "ssh-rsa");
	put(&blob, "", 0);
	put_number(&blob, 2048, true);
	assert_blob("ssh-rsa", &blob, "its RSA exponent is not sound");
	blob.len = 0;
	put_text(&blob, "ssh-rsa");
	put(&blob, "\x81", 1);
	put_number(&blob, 2048, true);
	assert_blob("ssh-rsa", &blob, "its RSA exponent is not sound");
	blob.len = 0;
	put_text(&blob, "ssh-rsa");
	put(&blob, "\0\3", 2);
	put_number(&blob, 2048, true);
	assert_blob("ssh-rsa", &blob, "its RSA exponent is not sound");
}

static void
a_bad_line_costs_that_key_only(void **state)
{
	struct keys keys;

	(void)state;
	help_write(FILE_NAME,
	    "# alice\n" ED25519 "\ncommand=\"sh\" " RSA2048 "\n" RSA1024
	    "\n" NISTP256 "\n");
	assert_int_equal(keys_load(help_etc, "alice", &keys), 0);
	assert_int_equal(keys.nlines, 2);
	assert_string_equal(keys.lines[0], ED25519);
	assert_string_equal(keys.lines[1], NISTP256);
	assert_int_equal(keys.nfaults, 2);
	assert_int_equal(keys.faults[0].place.line, 3);
	assert_int_equal(keys.faults[1].place.line, 4);
	keys_free(&keys);
}

static void
a_file_gives_sixty_four_keys_at_most(void **state)
{
	char text[(KEYS_MAX + 1) * sizeof(ED25519)] = "";
	struct keys keys;
	size_t i, used = 0;

	(void)state;
	for (i = 0; i < KEYS_MAX + 1; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "%s\n", ED25519);
	help_write(FILE_NAME, text);
	assert_int_equal(keys_load(help_etc, "alice", &keys), 0);
	assert_int_equal(keys.nlines, KEYS_MAX);
	assert_int_equal(keys.nfaults, 1);
	keys_free(&keys);
}

static void
assert_unusable(const char *customer, const char *why)
{
	struct keys keys;

	assert_int_equal(keys_load(help_etc, customer, &keys), -1);
	assert_int_equal(keys.nlines, 0);
	assert_int_equal(keys.nfaults, 1);
	assert_non_null(strstr(keys.faults[0].text, why));
	keys_free(&keys);
}

static void
E05_untrusted_file_gives_no_key(void **state)
{
	char path[512];

	(void)state;
	assert_unusable("alice", "is not there");
	help_write(FILE_NAME, ED25519 "\n");
	help_chmod(FILE_NAME, 0666);
	assert_unusable("alice", "can be written by");
	help_unlink(FILE_NAME);
	help_path(path, FILE_NAME);
	assert_int_equal(symlink("/etc/hostname", path), 0);
	assert_unusable("alice", "not a plain file");
	help_unlink(FILE_NAME);
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_unusable("alice", "not a plain file");
	help_unlink(FILE_NAME);
	help_write_bytes(FILE_NAME, ED25519 "\0", sizeof(ED25519));
	assert_unusable("alice", "NUL");
	help_chmod("customers/alice", 0777);
	assert_unusable("alice", "its directory can be written by others");
}

static void
names_lead_nowhere_else(void **state)
{
	(void)state;
	help_write("authorized_keys", ED25519 "\n");
	help_write("customers/authorized_keys", ED25519 "\n");
	assert_unusable("bob", "its directory is missing");
	assert_unusable("..", "is not a name");
	assert_unusable(".", "is not a name");
	assert_unusable("", "is not a name");
	assert_unusable("../customers/alice", "is not a name");
	assert_unusable("Alice", "is not a name");
	assert_unusable("alice~", "is not a name");
}

static void
random_lines_give_no_key(void **state)
{
	uint32_t seed = 7;
	struct keys keys;
	char text[600];
	size_t i, len;
	int round;

	(void)state;
	for (round = 0; round < 2000; round++) {
		len = strlen(ED25519);
		memcpy(text, ED25519, len + 1);
		for (i = 0; i < 1 + (size_t)round % 5; i++) {
			seed = seed * 1664525 + 1013904223;
			/* Not in the last digits: those are the key itself. */
			text[(seed >> 8) % 36] = (char)(1 + (seed >> 16) % 255);
		}
		if (strncmp(text, ED25519, 36) == 0)
			continue;
		help_write(FILE_NAME, text);
		assert_int_equal(keys_load(help_etc, "alice", &keys), 0);
		for (i = 0; i < keys.nlines; i++)
			assert_string_equal(keys.lines[i], ED25519);
		keys_free(&keys);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, help_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_are_taken_without_their_comment),
		TEST(A10_options_are_refused_not_dropped),
		TEST(A12_weak_and_foreign_types_are_refused),
		TEST(A12_broken_keys_are_refused),
		TEST(A12_type_of_the_blob_must_be_that_of_the_line),
		TEST(every_type_has_its_exact_length),
		TEST(points_are_uncompressed),
		TEST(B05_rsa_numbers_must_be_sound),
		TEST(a_bad_line_costs_that_key_only),
		TEST(a_file_gives_sixty_four_keys_at_most),
		TEST(E05_untrusted_file_gives_no_key),
		TEST(names_lead_nowhere_else),
		TEST(random_lines_give_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
