/* SPDX-License-Identifier: ISC */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in milliseconds: deadlines and rates. */
int64_t	 clock_ms(void);

/* CLOCK_BOOTTIME in milliseconds: uptimes. */
int64_t	 clock_boot_ms(void);

/* CLOCK_REALTIME in milliseconds since the epoch: what people read. */
int64_t	 clock_wall_ms(void);

/* RFC 3339 in UTC with milliseconds: 2026-01-31T09:00:00.000Z. */
#define CLOCK_RFC3339_LEN 25
void	 clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_LEN]);

#endif
