/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "policy/blob.h"
#include "policy/keys.h"

#define RSA_BITS_MIN   2048
#define RSA_BITS_MAX   16384
#define RSA_E_BITS_MAX 256 /* NIST SP 800-56B */

struct bytes {
	const uint8_t *at;
	size_t len;
};

struct blob_type {
	const char *name;
	const char *curve; /* NIST curve, else NULL */
	size_t point;	   /* bytes of the public value */
	bool token;	   /* security key: has an application */
};

/* Points are uncompressed: 0x04 and two coordinates (RFC 5656, 3.1). */
static const struct blob_type types[] = {
	{ "ssh-ed25519", NULL, 32, false },
	{ "ssh-rsa", NULL, 0, false },
	{ "ecdsa-sha2-nistp256", "nistp256", 65, false },
	{ "ecdsa-sha2-nistp384", "nistp384", 97, false },
	{ "ecdsa-sha2-nistp521", "nistp521", 133, false },
	{ "sk-ssh-ed25519@openssh.com", NULL, 32, true },
	{ "sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", 65, true },
};

static const struct blob_type *
type_of(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strlen(types[i].name) == len &&
		    memcmp(types[i].name, name, len) == 0)
			return &types[i];
	return NULL;
}

const char *
blob_type_fault(const char *type, size_t len)
{
	if (type_of(type, len) != NULL)
		return NULL;
	if (len == 7 && memcmp(type, "ssh-dss", 7) == 0)
		return "DSA keys are too weak and not taken";
	if (memmem(type, len, "-cert-v", 7) != NULL)
		return "certificates are not taken, only plain keys";
	return "this is not a type of key that is taken";
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/*
 * RFC 4648 section 4 and nothing looser: one key has one spelling.  Returns
 * the number of bytes, or -1.  dst has room for len / 4 * 3.
 */
static long
base64_decode(uint8_t *dst, const char *text, size_t len)
{
	size_t i, n = 0, pad = 0;
	uint32_t word = 0;
	int value;

	if (len == 0 || len % 4 != 0)
		return -1;
	while (pad < 2 && text[len - 1 - pad] == '=')
		pad++;
	for (i = 0; i < len; i++) {
		value = i < len - pad ? base64_value(text[i]) : 0;
		if (value < 0)
			return -1;
		word = word << 6 | (uint32_t)value;
		if (i % 4 != 3)
			continue;
		dst[n++] = (uint8_t)(word >> 16);
		dst[n++] = (uint8_t)(word >> 8);
		dst[n++] = (uint8_t)word;
	}
	for (i = 0; i < pad; i++)
		if (dst[--n] != 0)
			return -1;
	return (long)n;
}

/* Take one string: a 32-bit length, big end first, and that many bytes. */
static bool
take(struct bytes *from, struct bytes *string)
{
	uint32_t len;

	if (from->len < 4)
		return false;
	len = (uint32_t)from->at[0] << 24 | (uint32_t)from->at[1] << 16 |
	    (uint32_t)from->at[2] << 8 | from->at[3];
	if (len > from->len - 4)
		return false;
	string->at = from->at + 4;
	string->len = len;
	from->at += 4 + (size_t)len;
	from->len -= 4 + (size_t)len;
	return true;
}

static bool
is(const struct bytes *string, const char *text, size_t len)
{
	return string->len == len && memcmp(string->at, text, len) == 0;
}

/*
 * Bits of a positive mpint in its shortest form (RFC 4251, section 5), or 0:
 * a second spelling of one number would make a second key of it.
 */
static size_t
mpint_bits(const struct bytes *number)
{
	const uint8_t *at = number->at;
	size_t len = number->len, bits;
	uint8_t top;

	if (len == 0 || at[0] & 0x80)
		return 0;
	if (at[0] == 0) {
		if (len == 1 || !(at[1] & 0x80))
			return 0;
		at++;
		len--;
	}
	bits = (len - 1) * 8;
	for (top = at[0]; top != 0; top >>= 1)
		bits++;
	return bits;
}

static bool
is_odd(const struct bytes *number)
{
	return number->len > 0 && number->at[number->len - 1] & 1;
}

/*
 * With an exponent of 1 a signature is the message itself: anybody could
 * sign with that key, whatever its modulus.
 */
static const char *
rsa_fault(struct bytes *from)
{
	struct bytes e, n;
	size_t bits;

	if (!take(from, &e) || !take(from, &n))
		return "the key is cut off";
	bits = mpint_bits(&e);
	if (bits < 2 || bits > RSA_E_BITS_MAX || !is_odd(&e))
		return "its RSA exponent is not sound";
	bits = mpint_bits(&n);
	if (bits == 0 || bits > RSA_BITS_MAX || !is_odd(&n))
		return "its RSA modulus is not sound";
	if (bits < RSA_BITS_MIN)
		return "RSA keys below 2048 bits are not taken";
	return NULL;
}

static const char *
point_fault(const struct blob_type *type, struct bytes *from)
{
	struct bytes curve, point, application;

	if (type->curve != NULL &&
	    (!take(from, &curve) ||
		!is(&curve, type->curve, strlen(type->curve))))
		return "the key is not on the curve of its type";
	if (!take(from, &point) || point.len != type->point)
		return "the key has the wrong length for its type";
	if (type->curve != NULL && point.at[0] != 0x04)
		return "the key is not a point of its curve";
	if (type->token && (!take(from, &application) || application.len == 0))
		return "the security key's application is missing";
	return NULL;
}

const char *
blob_fault(const char *type, size_t type_len, const char *text, size_t len)
{
	const struct blob_type *t = type_of(type, type_len);
	uint8_t data[KEYS_LINE_MAX];
	struct bytes from = { data, 0 }, name;
	const char *fault;
	long n;

	if (t == NULL || len > sizeof(data))
		return "this is not a type of key that is taken";
	if ((n = base64_decode(data, text, len)) < 0)
		return "the key is not whole: its base64 is broken";
	from.len = (size_t)n;
	if (!take(&from, &name))
		return "the key is cut off";
	if (!is(&name, type, type_len))
		return "the key is of another type than the line says";
	fault = t->point != 0 ? point_fault(t, &from) : rsa_fault(&from);
	if (fault == NULL && from.len != 0)
		fault = "there is something behind the key's end";
	return fault;
}
