/* SPDX-License-Identifier: ISC */
#ifndef STORE_KEEP_H
#define STORE_KEEP_H

/*
 * Have that text as customers/NAME/file, for good: who reads it has the old
 * text or the new one, whenever the power goes.  One at a time for each
 * customer.  Returns 0 or -1 with errno.
 */
int	 keep_text(int customers, const char *name, const char *file,
	    const char *text);

#endif
