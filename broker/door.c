/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "base/log.h"
#include "broker/broker.h"
#include "wire/err.h"

#define CONNECTIONS_MAX	2200	/* 2,000 sessions, and those at the door */
#define STRANGERS_MAX	4	/* of one uid that is no customer's (yet) */
#define LEAVING_MAX	16	/* of one uid, beyond its limit */
#define RETRY_MS	200
#define ACCEPTS_AT_ONCE	32

/*
 * Is there a place for one more of that uid?  At the limit the session that
 * has been idle longest makes room, so that nobody is locked out by sessions
 * of their own that hang.
 */
static int
make_room(struct broker *b, uid_t uid)
{
	const char *name = account_of(b, uid);
	const struct policy_customer *customer = name == NULL ? NULL :
	    policy_customer(b->policy, name);
	struct connection_tally tally;
	int limit = STRANGERS_MAX;

	/* One who may do nothing is to hear that, not of sessions. */
	if (connection_customer_err(customer) == VPSH_OK)
		limit = customer->limits.sessions;
	connection_tally(b, uid, &tally);
	if (tally.count - tally.leaving < limit)
		return tally.count < limit + LEAVING_MAX ? VPSH_OK :
		    VPSH_ERR_SESSIONS;
	/* Whose uid it is will be known soon. */
	if (customer == NULL && !b->accounts.known)
		return VPSH_ERR_SERVICE;
	if (customer == NULL || tally.idle == NULL ||
	    tally.leaving >= LEAVING_MAX)
		return VPSH_ERR_SESSIONS;
	connection_end(tally.idle, VPSH_ERR_SESSIONS);
	return VPSH_OK;
}

/*
 * A close with frames of the client's still unread, or yet to come, may cost
 * it the reason: a few may stay until they have read it.
 */
static void
refuse(struct broker *b, int fd, const struct peer *peer, int err,
    int seconds)
{
	const struct err_args args = { .support = b->policy->support,
		.number = seconds };
	struct wire_outcome out = { .err = err };
	struct connection_tally tally;
	struct connection *c;
	char unread[1];

	log_info("uid %ld, pid %ld: not let in: %s", (long)peer->uid,
	    (long)peer->pid, err_name(err));
	connection_tally(b, peer->uid, &tally);
	if (tally.leaving < LEAVING_MAX) {
		c = connection_new(b, fd, peer);
		if (c != NULL)
			connection_turn_away(c, WIRE_BYE, err, &args);
		return;
	}
	(void)recv(fd, unread, sizeof(unread), MSG_DONTWAIT);
	err_sentence(err, &args, out.text, sizeof(out.text));
	(void)wire_send(fd, WIRE_BYE, 0, &out, NULL, 0);
	fd_close(&fd);
}

static void
admit(struct broker *b, int fd)
{
	struct peer peer;
	int err = VPSH_ERR_CONNECTS, seconds;

	if (fd_peer(fd, &peer) == -1) {
		log_error("a peer without identity: dropped");
		fd_close(&fd);
		return;
	}
	seconds = account_may_connect(b, peer.uid);
	if (seconds == 0)
		err = make_room(b, peer.uid);
	if (err != VPSH_OK)
		refuse(b, fd, &peer, err, seconds);
	else
		(void)connection_new(b, fd, &peer);
}

/* Until then connects wait in the backlog; nobody is refused. */
static void
pause_accepting(struct broker *b, const char *why)
{
	struct timeval tv = { 0, RETRY_MS * 1000 };

	if (!b->connections.full)
		log_error("new sessions wait at the door: %s; those that "
		    "are in go on", why);
	b->connections.full = true;
	event_del(b->connections.accept);
	evtimer_add(b->connections.retry, &tv);
}

static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct broker *b = arg;
	int fd, n;

	(void)what;
	for (n = 0; n < ACCEPTS_AT_ONCE; n++) {
		if (b->connections.count >= CONNECTIONS_MAX) {
			pause_accepting(b, "there are as many as can be");
			return;
		}
		fd = accept4(listener, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno != EAGAIN && errno != EINTR &&
			    errno != ECONNABORTED)
				pause_accepting(b, strerror(errno));
			return;
		}
		b->connections.full = false;
		admit(b, fd);
	}
}

static void
on_retry(evutil_socket_t socket, short what, void *arg)
{
	(void)socket;
	(void)what;
	door_open(arg);
}

void
door_listen(struct broker *b, int fd)
{
	struct connections *all = &b->connections;

	if (all->accept != NULL)
		event_free(all->accept);
	fd_close(&all->listener);
	all->listener = fd;
	all->accept = event_new(b->base, fd, EV_READ | EV_PERSIST, on_accept,
	    b);
	if (all->retry == NULL)
		all->retry = evtimer_new(b->base, on_retry, b);
	if (fd_set_nonblock(fd) == -1 || all->accept == NULL ||
	    all->retry == NULL)
		fatal("cannot listen: %m");
	door_open(b);
}

/*
 * Until accounts are known everybody would be a stranger: connects wait in
 * the backlog, as they did while there was no broker.  When the first
 * look-up has failed they are to hear so.
 */
void
door_open(struct broker *b)
{
	if ((b->accounts.known || b->accounts.failed) &&
	    b->connections.accept != NULL)
		event_add(b->connections.accept, NULL);
}
