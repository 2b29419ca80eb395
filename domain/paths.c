/* SPDX-License-Identifier: ISC */
#include "base/text.h"
#include "domain/paths.h"

int
paths_init(struct paths *paths, const char *prefix)
{
	const struct {
		char		*dst;
		const char	*path;
	} all[] = {
		{ paths->prefix, "" },
		{ paths->etc, VPSH_ETC },
		{ paths->var, VPSH_VAR },
		{ paths->boots, VPSH_VAR "/boots" },
		{ paths->intents, VPSH_VAR "/intent" },
		{ paths->traffic, VPSH_VAR "/traffic" },
		{ paths->uuids, VPSH_VAR "/uuid" },
		{ paths->holds, VPSH_VAR "/hold" },
		{ paths->forgotten, VPSH_VAR "/forgotten" },
		{ paths->kept, VPSH_RUN "/policy" },
		{ paths->ring, VPSH_RUN "/ring" },
		{ paths->locks, VPSH_RUN "/lock" },
		{ paths->results, VPSH_RUN "/result" },
		{ paths->torn, VPSH_RUN "/torn" },
		{ paths->asked, VPSH_RUN "/asked" },
		{ paths->lent, VPSH_RUN "/lent" },
		{ paths->console_locks, "/var/lock" },
		{ paths->xl, "/usr/sbin/xl" },
		{ paths->sys, "/sys" },
		{ paths->xl_conf, "/etc/xen/xl.conf" },
		{ paths->saves, "/var/lib/xen/save" },
		{ paths->dumps, "/var/lib/xen/dump" },
		{ paths->xl_logs, "/var/log/xen" },
		{ paths->console_pid, "/run/xenconsoled.pid" },
		{ paths->console_pid2, "/run/xen/xenconsoled.pid" },
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (text_format(all[i].dst, PATHS_LEN, "%s%s", prefix,
		    all[i].path) == -1)
			return -1;
	return 0;
}
