/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "wire/layout.h"
#include "wire/wire.h"

#define HELLO_WAIT_MS 10000

/* Does the body end all its strings, and is it as long as it must be? */
static bool
body_fits(const struct wire_layout *layout, const uint8_t *body, size_t len)
{
	size_t i;

	if (len < layout->min || len > layout->max ||
	    (!layout->bytes && len != layout->min && len != layout->max))
		return false;
	for (i = 0; i < WIRE_STRINGS && layout->strings[i].size != 0; i++)
		if (memchr(body + layout->strings[i].offset, '\0',
			layout->strings[i].size) == NULL)
			return false;
	return true;
}

ssize_t
wire_decode(struct wire_msg *msg, enum wire_way way, const void *frame,
    size_t len, size_t nfds)
{
	const struct wire_layout *layout;
	const uint8_t *body;

	if (len < sizeof(msg->head)) {
		errno = EPROTO;
		return -1;
	}
	memset(msg, 0, sizeof(*msg));
	memcpy(&msg->head, frame, sizeof(msg->head));
	body = (const uint8_t *)frame + sizeof(msg->head);
	len -= sizeof(msg->head);

	layout = wire_layout(msg->head.type);
	if (layout == NULL || (layout->way != way && layout->way != WIRE_ANY) ||
	    layout->fds != nfds || !body_fits(layout, body, len)) {
		errno = EPROTO;
		return -1;
	}
	memcpy(&msg->u, body, len);
	return (ssize_t)len;
}

ssize_t
wire_recv(int fd, struct wire_msg *msg, enum wire_way way, int fds[],
    size_t *nfds)
{
	static _Alignas(8) uint8_t frame[WIRE_FRAME_MAX];
	int got[FD_PASS_MAX];
	size_t ngot = 0;
	ssize_t len;

	if (nfds != NULL)
		*nfds = 0;
	len = fd_recv(fd, frame, sizeof(frame), got, &ngot);
	if (len == 0)
		return 0;
	if (len < 0) {
		if (errno == EMSGSIZE)
			errno = EPROTO;
		return -1;
	}
	len = wire_decode(msg, way, frame, (size_t)len, ngot);
	if (len < 0 || (ngot > 0 && nfds == NULL)) {
		while (ngot > 0)
			fd_close(&got[--ngot]);
		errno = EPROTO;
		return -1;
	}
	if (ngot > 0) {
		memcpy(fds, got, ngot * sizeof(got[0]));
		*nfds = ngot;
	}
	return len;
}

static int
send_body(int fd, const struct wire_head *head, const void *body, size_t len,
    const int *fds, size_t nfds)
{
	uint8_t frame[sizeof(struct wire_head) + sizeof(struct wire_guest)];

	if (sizeof(*head) + len > sizeof(frame)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(frame, head, sizeof(*head));
	memcpy(frame + sizeof(*head), body, len);
	return fd_send(fd, frame, sizeof(*head) + len, fds, nfds);
}

int
wire_send(int fd, uint32_t type, uint32_t id, const void *body, const int *fds,
    size_t nfds)
{
	const struct wire_layout *layout = wire_layout(type);
	const struct wire_head head = { type, id };

	if (layout == NULL || layout->bytes || layout->fds != nfds) {
		errno = EINVAL;
		return -1;
	}
	return send_body(fd, &head, body, layout->max, fds, nfds);
}

int
wire_send_version(int fd, unsigned version, uint32_t type, uint32_t id,
    const void *body)
{
	const struct wire_layout *layout = wire_layout(type);
	const struct wire_head head = { type, id };

	if (version == WIRE_VERSION)
		return wire_send(fd, type, id, body, NULL, 0);
	if (layout == NULL || layout->bytes || layout->fds != 0) {
		errno = EINVAL;
		return -1;
	}
	return send_body(fd, &head, body, layout->min, NULL, 0);
}

int
wire_send_data(int fd, uint32_t type, uint64_t offset, const void *data,
    size_t len)
{
	struct wire_head head = { type, 0 };
	uint8_t frame[WIRE_FRAME_MAX];
	size_t at = 0;

	if (len == 0 || len > WIRE_DATA ||
	    (type != WIRE_OUTPUT && type != WIRE_INPUT)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(frame, &head, sizeof(head));
	at += sizeof(head);
	memcpy(frame + at, &offset, sizeof(offset));
	at += sizeof(offset);
	memcpy(frame + at, data, len);
	return fd_send(fd, frame, at + len, NULL, 0);
}

void
wire_hello(struct wire_hello *hello, enum wire_role role, const char *claim)
{
	memset(hello, 0, sizeof(*hello));
	hello->magic = WIRE_MAGIC;
	hello->version = WIRE_VERSION;
	hello->oldest = WIRE_VERSION_OLDEST;
	hello->role = (uint32_t)role;
	(void)text_copy(hello->build, sizeof(hello->build), VPSH_BUILD);
	if (claim != NULL)
		(void)text_copy(hello->claim, sizeof(hello->claim), claim);
}

unsigned
wire_hello_version(const struct wire_hello *peer)
{
	unsigned version;

	if (peer->magic != WIRE_MAGIC || peer->oldest > peer->version)
		return 0;
	version = peer->version < WIRE_VERSION ? peer->version : WIRE_VERSION;
	if (version < WIRE_VERSION_OLDEST || version < peer->oldest)
		return 0;
	return version;
}

bool
wire_hello_same(const struct wire_hello *peer)
{
	struct wire_hello self;

	wire_hello(&self, WIRE_ROLE_BROKER, NULL);
	return peer->magic == WIRE_MAGIC && peer->version == self.version &&
	    strcmp(peer->build, self.build) == 0;
}

int
wire_hello_inner(int fd, enum wire_role self, enum wire_role peer)
{
	struct wire_hello hello;
	struct wire_msg msg;
	struct pollfd pfd = { fd, POLLIN, 0 };
	int64_t deadline = clock_ms() + HELLO_WAIT_MS, left;
	int r;

	wire_hello(&hello, self, NULL);
	if (wire_send(fd, WIRE_HELLO, 0, &hello, NULL, 0) == -1)
		return -1;
	do {
		left = deadline - clock_ms();
		r = poll(&pfd, 1, left > 0 ? (int)left : 0);
	} while (r == -1 && errno == EINTR);
	if (r <= 0) {
		if (r == 0)
			errno = ETIMEDOUT;
		return -1;
	}
	if (wire_recv(fd, &msg, WIRE_ANY, NULL, NULL) <= 0 ||
	    msg.head.type != WIRE_HELLO || msg.u.hello.role != (uint32_t)peer ||
	    !wire_hello_same(&msg.u.hello)) {
		errno = EPROTO;
		return -1;
	}
	return 0;
}
