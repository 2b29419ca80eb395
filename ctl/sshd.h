/* SPDX-License-Identifier: ISC */
#ifndef CTL_SSHD_H
#define CTL_SSHD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What OpenSSH's server on this host would do with a customer, in its own
 * words: `sshd -T -C user=NAME,...`.
 */
#define SSHD_PROGRAM "/usr/sbin/sshd"
#define SSHD_TEXT    65536
#define SSHD_PORTS   4
#define SSHD_VALUE   300

struct passwd;

struct sshd {
	const char *file; /* its sshd_config */
	int ports[SSHD_PORTS];
	size_t nports;
	char text[SSHD_TEXT]; /* the last answer */
};

/* The i-th configuration that an sshd may run with; NULL past the end. */
const char *sshd_file(size_t i);

/*
 * Can that configuration be looked at?  Returns NULL, or why not; then
 * missing says that there is simply none.
 */
const char *sshd_open(struct sshd *sshd, const char *file, bool *missing);

/* Ask about that user, coming from outside to that port: 0 or -1. */
int sshd_ask(struct sshd *sshd, const char *user, int port);

/* The i-th value of a keyword of the answer, or NULL. */
const char *sshd_value(const struct sshd *sshd, const char *keyword, size_t i,
    char dst[SSHD_VALUE]);
bool sshd_is(const struct sshd *sshd, const char *keyword, const char *value);

/* Does the answer lead into vpsh and nowhere else? */
bool sshd_serves(const struct sshd *sshd);

/* Do the keys that vpsh knows open the door? */
bool sshd_takes_keys(const struct sshd *sshd);

/* May it let that account in at all? */
bool sshd_admits(const struct sshd *sshd, const struct passwd *account);

/*
 * Is there any key, in a place of its own, that opens the account?  Its path
 * is left in dst.
 */
bool sshd_has_key_of(const struct sshd *sshd, const struct passwd *account,
    char dst[SSHD_VALUE]);

/* The i-th thing in the answer that should be otherwise, or NULL. */
const char *sshd_fault(const struct sshd *sshd, size_t i, char *text,
    size_t size);

/*
 * "SHA256:..." and "ED25519" of the public key in that file, by ssh-keygen.
 * Returns 0, or -1 when there is none.
 */
int sshd_fingerprint(const char *file, char print[SSHD_VALUE],
    char type[SSHD_VALUE]);

#endif
