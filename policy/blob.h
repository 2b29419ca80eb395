/* SPDX-License-Identifier: ISC */
#ifndef POLICY_BLOB_H
#define POLICY_BLOB_H

#include <stddef.h>

/*
 * SSH public keys as they travel: RFC 4253 section 6.6, RFC 5656 section 3.1,
 * RFC 8709 section 4, and OpenSSH's PROTOCOL.u2f.
 */

/*
 * Is that the type of a key that we take?  Returns NULL, or what is wrong
 * with it.
 */
const char *blob_type_fault(const char *type, size_t len);

/*
 * Does text decode to a whole and sound key of that type, which
 * blob_type_fault() took?  Returns NULL, or what is wrong with it.
 */
const char *
blob_fault(const char *type, size_t type_len, const char *text, size_t len);

#endif
