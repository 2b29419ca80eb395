/* SPDX-License-Identifier: ISC */
#ifndef POLICY_FAULTS_H
#define POLICY_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"

/*
 * The mistakes found so far, file after file.  One file reports at most
 * FAULTS_PER_FILE of them in a row.
 */
#define FAULTS_PER_FILE 20

struct faults {
	struct policy_fault *list; /* free(3) by whoever keeps it */
	size_t count;
	size_t room;
	bool nomem; /* one could not be stored */
};

/* Note a mistake; line 0 means the whole file.  The text is escaped. */
void faults_add(struct faults *faults, const char *file, int line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * Does that line of the file that is being read have one already?  A second
 * would be its echo.
 */
bool faults_at(const struct faults *faults, const char *file, int line);

/* Bring those of the file that is being read into the order of its lines. */
void faults_sort(struct faults *faults, const char *file);

/* The first of the file that is being read, or NULL. */
const struct policy_fault *
faults_of(const struct faults *faults, const char *file);

#endif
