/* SPDX-License-Identifier: ISC */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

/*
 * Tell the service manager how this service is, as sd_notify(3) describes:
 * "READY=1", "WATCHDOG=1", "STOPPING=1".  Never blocks; does nothing when
 * none of them has said in NOTIFY_SOCKET that it wants to know.
 */
void	 notify_manager(const char *state);

#endif
