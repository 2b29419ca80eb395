/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "tests/sim/history.h"
#include "tests/sim/ring.h"

void
history_note(const char *world, uint32_t domid, const char *what,
    const char *detail)
{
	char path[512], line[SIM_TEXT + 64];
	int fd;

	(void)text_format(path, sizeof(path), "%s/sim/history", world);
	(void)text_format(line, sizeof(line), "%u %s %s\n", domid, what,
	    detail);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd == -1)
		return;
	(void)!write(fd, line, strlen(line));
	close(fd);
}
