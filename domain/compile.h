/* SPDX-License-Identifier: ISC */
#ifndef DOMAIN_COMPILE_H
#define DOMAIN_COMPILE_H

#include <stddef.h>

/*
 * Let Xen's own xl turn the operator's xl.cfg into libxl's JSON: `xl -N
 * create` parses, prints and stops (xl(1)).  Same parser, same defaults of
 * xl.conf, as when the operator types `xl create`.
 */
enum compile_fault {
	COMPILE_OK,
	COMPILE_MISSING,	/* there is no such file */
	COMPILE_FILE,		/* a link, not root's, too big, ... */
	COMPILE_XL,		/* xl refused it: see said */
	COMPILE_RUN		/* xl could not be run, or hung */
};

struct compile {
	char	*json;		/* the caller's to free, also on failure */
	size_t	 len;
	char	 said[512];	/* the beginning of what xl complained */
};

/*
 * The file is read once and judged by its descriptor; xl gets those very
 * bytes.  No argument and nothing of the environment comes from outside.
 * before is a setting in front of them, "" for none, in the same line as
 * the first: what the file says itself comes later and wins (libxlu_cfg.c).
 */
enum compile_fault compile_file(const char *xl, const char *path,
	    const char *before, struct compile *out);

#endif
