/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/ips.h"

#define BLANKS	     " \t"
#define NAME_MAX_DNS 253
#define LABEL_MAX    63
#define V4_MIN	     16 /* wider prefixes are slips */
#define V6_MIN	     32

struct reader {
	struct policy_customer *customer;
	struct faults *faults;
	char file[sizeof(((struct policy_place *)0)->file)];
	int line;
	bool bad;
};

#define refuse(r, ...)                                                      \
	do {                                                                \
		(r)->bad = true;                                            \
		faults_add((r)->faults, (r)->file, (r)->line, __VA_ARGS__); \
	} while (0)

static unsigned
width(int family)
{
	return family == AF_INET ? 32 : 128;
}

void
ips_format(const struct policy_ip *ip, char dst[IPS_TEXT])
{
	char address[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(ip->family, ip->address, address, sizeof(address));
	if (ip->prefix == width(ip->family))
		text_copy(dst, IPS_TEXT, address);
	else
		text_format(dst, IPS_TEXT, "%s/%u", address, ip->prefix);
}

/* Do the first n bits agree? */
static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned n)
{
	unsigned rest = n % 8;

	if (memcmp(a, b, n / 8) != 0)
		return false;
	return rest == 0 || ((a[n / 8] ^ b[n / 8]) >> (8 - rest)) == 0;
}

/* Is every bit behind the prefix zero? */
static bool
is_network(const struct policy_ip *ip)
{
	unsigned i;

	for (i = ip->prefix; i < width(ip->family); i++)
		if (ip->address[i / 8] & (0x80 >> (i % 8)))
			return false;
	return true;
}

/* What is delegated to nobody. */
static bool
is_special(const struct policy_ip *ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff }, zero[16];
	const uint8_t *a = ip->address;

	if (ip->family == AF_INET)
		return a[0] == 0 || a[0] == 127 || a[0] >= 224;
	return a[0] == 0xff || memcmp(a, mapped, sizeof(mapped)) == 0 ||
	    memcmp(a, zero, 15) == 0 || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

static bool
read_address(struct reader *r, char *word, struct policy_ip *ip)
{
	char *slash = strchr(word, '/');
	long long prefix;

	ip->family = strchr(word, ':') != NULL ? AF_INET6 : AF_INET;
	prefix = width(ip->family);
	if (slash != NULL) {
		*slash = '\0';
		if (text_number(slash + 1, 0, prefix, &prefix) != 0) {
			refuse(r, "\"/%s\" is not the length of a prefix",
			    slash + 1);
			return false;
		}
	}
	ip->prefix = (unsigned)prefix;
	if (inet_pton(ip->family, word, ip->address) != 1) {
		refuse(r, "\"%s\" is not an IPv4 or IPv6 address", word);
		return false;
	}
	if (is_special(ip))
		refuse(r, "%s is not an address that a guest can have", word);
	else if (ip->prefix < (ip->family == AF_INET ? V4_MIN : V6_MIN))
		refuse(r, "%s/%u is too wide for one customer: /%d at least",
		    word, ip->prefix, ip->family == AF_INET ? V4_MIN : V6_MIN);
	else if (!is_network(ip))
		refuse(r, "%s/%u has bits set behind its prefix", word,
		    ip->prefix);
	else
		return true;
	return false;
}

/* RFC 1123: what a PTR record may point to.  Returns NULL, or the fault. */
static const char *
name_fault(const char *name)
{
	size_t len = strlen(name), label;
	bool number = false;
	const char *at;

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > NAME_MAX_DNS)
		return "it is empty or longer than 253 characters";
	for (at = name; at < name + len; at += label + 1) {
		label = strcspn(at, ".");
		if (at + label > name + len)
			label = (size_t)(name + len - at);
		if (label == 0 || label > LABEL_MAX)
			return "a part between dots is empty or longer than 63 "
			       "characters";
		if (*at == '-' || at[label - 1] == '-')
			return "a part between dots begins or ends with \"-\"";
		if (strspn(at,
			"abcdefghijklmnopqrstuvwxyz"
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") < label)
			return "letters, digits, \"-\" and dots only";
		number = strspn(at, "0123456789") >= label;
	}
	return number ? "its last part is a number" : NULL;
}

/* The next word, ended; NULL behind the last.  A comment is no word. */
static char *
next_word(char **at)
{
	char *word = *at + strspn(*at, BLANKS);

	if (*word == '\0' || *word == '#')
		return NULL;
	*at = word + strcspn(word, BLANKS);
	if (**at != '\0')
		*(*at)++ = '\0';
	return word;
}

static void
keep(struct reader *r, const struct policy_ip *ip)
{
	struct policy_customer *c = r->customer;
	struct policy_ip *list = c->ips;
	char text[IPS_TEXT];
	size_t i;

	for (i = 0; i < c->nips; i++)
		if (list[i].family == ip->family &&
		    list[i].prefix == ip->prefix &&
		    memcmp(list[i].address, ip->address, 16) == 0) {
			ips_format(ip, text);
			refuse(r, "%s stands in line %d already", text,
			    list[i].line);
			return;
		}
	if (c->nips == IPS_MAX) {
		refuse(r, "this is one more than the %d that a file may have",
		    IPS_MAX);
		return;
	}
	if ((c->nips & (c->nips - 1)) == 0) {
		list = reallocarray(list, c->nips == 0 ? 1 : c->nips * 2,
		    sizeof(*list));
		if (list == NULL) {
			r->faults->nomem = true;
			return;
		}
		c->ips = list;
	}
	list[c->nips++] = *ip;
}

static void
read_line(struct reader *r, char *at)
{
	struct policy_ip ip = { .line = r->line };
	char *word, *name, *more;
	const char *why;

	if (strlen(at) > IPS_LINE_MAX) {
		refuse(r, "this line is longer than %d characters",
		    IPS_LINE_MAX);
		return;
	}
	if ((word = next_word(&at)) == NULL || !read_address(r, word, &ip))
		return;
	name = next_word(&at);
	if (name != NULL && strcmp(name, "-") != 0) {
		if ((why = name_fault(name)) != NULL) {
			refuse(r, "\"%s\" is not a host name: %s", name, why);
			return;
		}
		ip.name = name;
	}
	more = name != NULL ? next_word(&at) : NULL;
	ip.shared = more != NULL && strcmp(more, "shared") == 0;
	if (more != NULL && (!ip.shared || (more = next_word(&at)) != NULL))
		refuse(r,
		    "there is nothing to do with \"%s\": a line is an "
		    "address, a host name or \"-\", and perhaps \"shared\"",
		    more);
	else
		keep(r, &ip);
}

static int
by_address(const void *a, const void *b)
{
	const struct policy_ip *x = a, *y = b;
	int d = x->family == y->family ? 0 : x->family == AF_INET ? -1 : 1;

	if (d == 0)
		d = memcmp(x->address, y->address, sizeof(x->address));
	return d != 0 ? d : (int)x->prefix - (int)y->prefix;
}

static void
close_file(struct reader *r, const char *why)
{
	struct policy_customer *c = r->customer;

	text_format(c->ips_closed, sizeof(c->ips_closed), "%s", why);
	faults_add(r->faults, r->file, 0,
	    "reverse DNS is closed for %s until this is mended", c->name);
	free(c->ips);
	c->ips = NULL;
	c->nips = 0;
}

void
ips_read(struct policy_customer *customer, enum file_fault fault, char *text,
    struct faults *faults)
{
	struct reader r = { .customer = customer, .faults = faults };
	char why[POLICY_TEXT];
	int error = errno;
	char *line, *rest = text;
	size_t len;

	text_format(r.file, sizeof(r.file), "%s/ips.txt", customer->name);
	customer->ips_text = text;
	if (fault == FILE_MISSING)
		return;
	if (fault == FILE_UNREADABLE)
		refuse(&r, "%s: %s", file_fault_text(fault), strerror(error));
	else if (fault != FILE_OK)
		refuse(&r, "%s", file_fault_text(fault));
	while (fault == FILE_OK && (line = strsep(&rest, "\n")) != NULL) {
		r.line++;
		len = strlen(line);
		/* Files that went through Windows end their lines with it. */
		if (len > 0 && line[len - 1] == '\r')
			line[len - 1] = '\0';
		read_line(&r, line);
	}
	if (r.bad) {
		policy_fault_text(faults_of(faults, r.file), why, sizeof(why));
		close_file(&r, why);
	} else if (customer->nips > 0)
		qsort(customer->ips, customer->nips, sizeof(*customer->ips),
		    by_address);
}

struct claim {
	struct policy_customer *customer;
	struct policy_ip *ip;
};

/* The wider one first, so that what contains another stands before it. */
static int
by_claim(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int d = by_address(x->ip, y->ip);

	return d != 0 ? d : strcmp(x->customer->name, y->customer->name);
}

static bool
contains(const struct policy_ip *outer, const struct policy_ip *inner)
{
	return outer->family == inner->family &&
	    outer->prefix <= inner->prefix &&
	    same_bits(outer->address, inner->address, outer->prefix);
}

static void
close_ip(const struct claim *claim, const struct claim *other,
    struct faults *faults)
{
	char file[sizeof(((struct policy_place *)0)->file)];
	char text[IPS_TEXT], theirs[IPS_TEXT];

	if (claim->ip->closed)
		return;
	claim->ip->closed = true;
	ips_format(claim->ip, text);
	ips_format(other->ip, theirs);
	text_format(file, sizeof(file), "%s/ips.txt", claim->customer->name);
	faults_add(faults, file, claim->ip->line,
	    "%s is claimed by %s/ips.txt:%d (%s) as well, and not both lines "
	    "say \"shared\"; it is closed",
	    text, other->customer->name, other->ip->line, theirs);
}

int
ips_judge(struct policy *policy, struct faults *faults)
{
	struct claim *claims, *claim;
	size_t i, k, depth = 0, n = 0, *open;

	for (i = 0; i < policy->ncustomers; i++)
		n += policy->customers[i].nips;
	claims = calloc(n + 1, sizeof(*claims));
	open = calloc(n + 1, sizeof(*open)); /* all that contain this one */
	if (claims == NULL || open == NULL) {
		free(claims);
		free(open);
		return -1;
	}
	n = 0;
	for (i = 0; i < policy->ncustomers; i++)
		for (k = 0; k < policy->customers[i].nips; k++)
			claims[n++] = (struct claim){ &policy->customers[i],
				&policy->customers[i].ips[k] };
	qsort(claims, n, sizeof(*claims), by_claim);
	for (i = 0; i < n; i++) {
		claim = &claims[i];
		while (depth > 0 &&
		    !contains(claims[open[depth - 1]].ip, claim->ip))
			depth--;
		for (k = 0; k < depth; k++) {
			struct claim *outer = &claims[open[k]];

			if (outer->customer == claim->customer ||
			    (outer->ip->shared && claim->ip->shared))
				continue;
			close_ip(outer, claim, faults);
			close_ip(claim, outer, faults);
		}
		open[depth++] = i;
	}
	free(claims);
	free(open);
	return 0;
}
