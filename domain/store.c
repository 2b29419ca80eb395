/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenstore.h>
#include <xenstore_lib.h>

#include "base/fd.h"
#include "base/text.h"
#include "domain/store.h"

struct xs_handle *
store_open(void)
{
	struct xs_handle *store;

	alarm(STORE_PATIENCE_S);
	store = xs_open(0);
	alarm(0);
	return store;
}

void
store_close(struct xs_handle *store)
{
	if (store != NULL)
		xs_close(store);
}

static bool
is_text(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return true;
}

int
store_read(struct xs_handle *store, char *dst, size_t size, const char *fmt,
    ...)
{
	char path[256];
	unsigned int len = 0;
	va_list ap;
	char *value;
	int n, r = -1;

	dst[0] = '\0';
	va_start(ap, fmt);
	n = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -1;
	alarm(STORE_PATIENCE_S);
	value = xs_read(store, XBT_NULL, path, &len);
	alarm(0);
	if (value != NULL && len < size && is_text(value, len)) {
		memcpy(dst, value, len);
		dst[len] = '\0';
		r = 0;
	}
	free(value);
	return r;
}

bool
store_is_ours(struct xs_handle *store, const char *path)
{
	struct xs_permissions *perms;
	unsigned int n = 0, i;
	bool ours;

	alarm(STORE_PATIENCE_S);
	perms = xs_get_permissions(store, XBT_NULL, path, &n);
	alarm(0);
	/* The first entry is the owner and what everybody else may do. */
	ours = perms != NULL && n > 0 && perms[0].id == 0 &&
	    (perms[0].perms & XS_PERM_WRITE) == 0;
	for (i = 1; ours && i < n; i++)
		ours = perms[i].id == 0 ||
		    (perms[i].perms & XS_PERM_WRITE) == 0;
	free(perms);
	return ours;
}

int
store_write(struct xs_handle *store, const char *path, const char *value)
{
	bool ok;

	alarm(STORE_PATIENCE_S);
	ok = xs_write(store, XBT_NULL, path, value,
	    (unsigned int)strlen(value));
	alarm(0);
	return ok ? 0 : -1;
}

int
store_swap(struct xs_handle *store, const char *path, const char *from,
    const char *to)
{
	size_t want = strlen(from);
	unsigned int len;
	xs_transaction_t t;
	char *value;
	bool same;
	int r = -1;

	alarm(STORE_PATIENCE_S);
	while ((t = xs_transaction_start(store)) != XBT_NULL) {
		len = 0;
		value = xs_read(store, t, path, &len);
		same = value != NULL && len == want &&
		    memcmp(value, from, want) == 0;
		free(value);
		if (same && !xs_write(store, t, path, to,
		    (unsigned int)strlen(to))) {
			(void)xs_transaction_end(store, t, true);
			break;
		}
		if (xs_transaction_end(store, t, !same)) {
			r = same ? 1 : 0;
			break;
		}
		if (errno != EAGAIN)
			break;
	}
	alarm(0);
	return r;
}

int
store_lifeline(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const char *path = xs_daemon_socket();
	int fd;

	if (path == NULL ||
	    text_copy(sun.sun_path, sizeof(sun.sun_path), path) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1 && connect(fd, (const struct sockaddr *)&sun,
	    sizeof(sun)) == -1)
		fd_close(&fd);
	return fd;
}

bool
store_alive(struct xs_handle *store)
{
	unsigned int len = 0;
	char *value;
	bool alive;

	alarm(STORE_PATIENCE_S);
	value = xs_read(store, XBT_NULL, "/local/domain/0/name", &len);
	alive = value != NULL || errno == ENOENT;
	alarm(0);
	free(value);
	return alive;
}

bool
store_watch(struct xs_handle *store, const char *path, const char *token)
{
	bool ok;

	alarm(STORE_PATIENCE_S);
	ok = xs_watch(store, path, token);
	alarm(0);
	return ok;
}

void
store_unwatch(struct xs_handle *store, const char *path, const char *token)
{
	alarm(STORE_PATIENCE_S);
	(void)!xs_unwatch(store, path, token);
	alarm(0);
}
