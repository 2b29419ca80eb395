/* SPDX-License-Identifier: ISC */
#ifndef POLICY_KEYS_H
#define POLICY_KEYS_H

#include <stddef.h>

#include "policy/policy.h"

/*
 * SSH public keys in authorized_keys format (sshd(8)).  Only the key itself
 * counts: type, blob and nothing else.
 */
#define KEYS_LINE_MAX 8192
#define KEYS_MAX      64 /* per file */

struct keys {
	char *lines[KEYS_MAX]; /* "TYPE BASE64" */
	char *notes[KEYS_MAX]; /* the rest of each line, escaped */
	size_t nlines;
	struct policy_fault *faults; /* one per refused line */
	size_t nfaults;
};

/*
 * Read one customer's file (as file_read_trusted() does).  A bad line costs
 * that key only.  Refused: options of any kind, DSA, RSA below 2048 bits,
 * certificates, unknown types, a type that the blob does not have, bad
 * base64.  Returns 0, or -1 when the file as a whole is unusable (one fault
 * says why).  keys_free() in both cases.
 */
int keys_load(const char *etc, const char *customer, struct keys *keys);

/*
 * The same with a text that was read already, which is cut up.  file is its
 * name in faults.  Returns -1 without memory only.
 */
int keys_read(const char *file, char *text, struct keys *keys);
void keys_free(struct keys *keys);

#endif
