/* SPDX-License-Identifier: ISC */
/*
 * libxl, xl and xenstored have their paths built in.  In a simulated host
 * these are below its world W.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/host.h"

#define EXEC_WORDS	32

static char world[PATH_MAX / 2];

static const char *const moved[] = { "/etc/xen", "/proc/xen", "/run/xen",
	"/run/xenstored", "/sys/bus/xen-backend", "/sys/class/net",
	"/sys/hypervisor", "/usr/lib/xen-4.17/bin", "/usr/sbin/xl",
	"/var/lib/xen", "/var/lock", "/var/log/xen", "/var/run/xen",
	"/var/run/xenstored" };

/* vpsh-domain's environment is fixed: it has W in "-p W". */
static void
find_argument(void)
{
	char line[8192], *word, *next, *end;
	size_t n;
	FILE *f;

	f = fopen("/proc/self/cmdline", "re");
	if (f == NULL)
		return;
	n = fread(line, 1, sizeof(line) - 1, f);
	fclose(f);
	line[n] = '\0';
	end = line + n;
	for (word = line; word < end; word = next) {
		next = word + strlen(word) + 1;
		if (strcmp(word, "-p") == 0 && next < end &&
		    strlen(next) < sizeof(world)) {
			memcpy(world, next, strlen(next) + 1);
			return;
		}
	}
}

static void redirect_open(void) __attribute__((constructor));

static void
redirect_open(void)
{
	const char *said = getenv("SIM_WORLD");
	char path[PATH_MAX];

	if (said == NULL)
		find_argument();
	else if (strlen(said) < sizeof(world))
		memcpy(world, said, strlen(said) + 1);
	if (world[0] == '\0')
		return;
	/* What is started from here is not to be preloaded into. */
	unsetenv("LD_PRELOAD");
	snprintf(path, sizeof(path), "%s/run/xenstored/socket", world);
	setenv("XENSTORED_PATH", path, 1);
	setenv("SIM_WORLD", world, 1);
}

const char *
host_world(void)
{
	return world;
}

static const char *
there(const char *path, char space[PATH_MAX])
{
	size_t i, len;

	if (path == NULL || path[0] != '/' || world[0] == '\0')
		return path;
	for (i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
		len = strlen(moved[i]);
		if (strncmp(path, moved[i], len) != 0 ||
		    (path[len] != '/' && path[len] != '\0'))
			continue;
		if (snprintf(space, PATH_MAX, "%s%s", world, path) >= PATH_MAX)
			return path;
		return space;
	}
	return path;
}

/* The function that this one stands in front of. */
static void *
next(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (function == NULL)
		abort();
	return function;
}

/*
 * TYPE NAME(PATH, MORE) calls the next NAME with PATH as it is here.
 * "static" is per function: looked up once.
 */
#define MOVE(type, name, params, ...)					\
	type name params;						\
	type								\
	name params							\
	{								\
		static type(*real) params;				\
		char space[PATH_MAX];					\
									\
		if (real == NULL)					\
			real = (type(*) params)next(#name);		\
		return real(__VA_ARGS__);				\
	}

#define HERE there(path, space)

MOVE(int, stat, (const char *path, struct stat *st), HERE, st)
MOVE(int, lstat, (const char *path, struct stat *st), HERE, st)
MOVE(int, stat64, (const char *path, struct stat64 *st), HERE, st)
MOVE(int, lstat64, (const char *path, struct stat64 *st), HERE, st)
MOVE(int, access, (const char *path, int mode), HERE, mode)
MOVE(int, chmod, (const char *path, mode_t mode), HERE, mode)
MOVE(int, mkdir, (const char *path, mode_t mode), HERE, mode)
MOVE(int, rmdir, (const char *path), HERE)
MOVE(int, unlink, (const char *path), HERE)
MOVE(ssize_t, readlink, (const char *path, char *dst, size_t size), HERE, dst,
    size)
MOVE(DIR *, opendir, (const char *path), HERE)
MOVE(FILE *, fopen, (const char *path, const char *mode), HERE, mode)
MOVE(FILE *, fopen64, (const char *path, const char *mode), HERE, mode)
MOVE(int, __open_2, (const char *path, int flags), HERE, flags)
MOVE(int, __open64_2, (const char *path, int flags), HERE, flags)
MOVE(int, execvp, (const char *path, char *const argv[]), HERE, argv)
MOVE(int, execve, (const char *path, char *const argv[], char *const envp[]),
    HERE, argv, envp)
MOVE(int, glob, (const char *path, int flags,
    int (*fail)(const char *, int), glob_t *found), HERE, flags, fail, found)

typedef int (*open_function)(const char *, int, ...);

#define OPEN(name)							\
	int name(const char *path, int flags, ...);			\
	int								\
	name(const char *path, int flags, ...)				\
	{								\
		static open_function real;				\
		char space[PATH_MAX];					\
		va_list ap;						\
		mode_t mode;						\
									\
		if (real == NULL)					\
			real = (open_function)next(#name);		\
		va_start(ap, flags);					\
		mode = va_arg(ap, mode_t);				\
		va_end(ap);						\
		return real(HERE, flags, mode);				\
	}

OPEN(open)
OPEN(open64)

/* xl's own helpers are as much of Xen as xl is. */
int
execl(const char *path, const char *arg, ...)
{
	char *argv[EXEC_WORDS] = { (char *)(uintptr_t)arg }, space[PATH_MAX];
	int n = 0;
	va_list ap;

	va_start(ap, arg);
	while (argv[n] != NULL && n < EXEC_WORDS - 2)
		argv[++n] = va_arg(ap, char *);
	va_end(ap);
	if (there(path, space) == space) {
		char library[PATH_MAX + 32];

		snprintf(library, sizeof(library), "%s/sim/libsimxen.so",
		    world);
		setenv("LD_PRELOAD", library, 1);
	}
	return execv(HERE, argv);
}

int
rename(const char *from, const char *to)
{
	static int (*real)(const char *, const char *);
	char here[PATH_MAX], space[PATH_MAX];

	if (real == NULL)
		real = (int (*)(const char *, const char *))next("rename");
	return real(there(from, here), there(to, space));
}
