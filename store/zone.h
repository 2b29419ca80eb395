/* SPDX-License-Identifier: ISC */
#ifndef STORE_ZONE_H
#define STORE_ZONE_H

#include <stddef.h>

/*
 * How far that time zone is from UTC and when it changes, as POSIX has it in
 * TZ: who has that needs no file of the zone any more.  dir is the folder
 * with the zones (tzfile(5)); name is a customer's word, and whatever it is,
 * nothing outside of dir is opened.
 *
 * Returns 0, or VPSH_ERR_ZONE.
 */
int	 zone_find(int dir, const char *name, char *tz, size_t size);

#endif
