/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"
#include "broker/operation.h"
#include "policy/prefs_text.h"
#include "wire/err.h"

#define STORE_MS	10000	/* for vpsh-store; a disk may be slow */
#define PREFERS_PER_MINUTE 20	/* each is a process and three fsync(2) */

/* What has to be known of a customer from one connection to the next. */
struct prefs_known {
	TAILQ_ENTRY(prefs_known) link;	/* prefs.known */
	char			 customer[WIRE_NAME];
	char			 back[WIRE_NAME];	/* a guest, or empty */
	int64_t			 back_at_ms;
	struct rate		 rate;
	bool			 broken;	/* its file; that was said */
};

/* One PREFER; of each customer only the oldest has a worker. */
struct prefs_put {
	TAILQ_ENTRY(prefs_put)	 link;	/* prefs.puts */
	struct broker		*broker;
	struct connection	*connection;	/* NULL: it is gone */
	uint32_t		 id;	/* of its request */
	struct wire_put		 put;
	struct channel		*worker;
	uint64_t		 job;	/* 0: it waits */
	bool			 answered;
	int			 err;	/* what the worker said */
	int64_t			 began_ms;
};

void
prefs_init(struct broker *b)
{
	TAILQ_INIT(&b->prefs.known);
	TAILQ_INIT(&b->prefs.puts);
}

/* NULL: no memory; with make false also: nothing is known. */
static struct prefs_known *
known_of(struct broker *b, const char *customer, bool make)
{
	struct prefs_known *k;

	TAILQ_FOREACH(k, &b->prefs.known, link)
		if (strcmp(k->customer, customer) == 0)
			return k;
	if (!make || (k = calloc(1, sizeof(*k))) == NULL)
		return NULL;
	(void)text_copy(k->customer, sizeof(k->customer), customer);
	TAILQ_INSERT_TAIL(&b->prefs.known, k, link);
	return k;
}

void
prefs_prune(struct broker *b)
{
	struct prefs_known *k, *next;

	for (k = TAILQ_FIRST(&b->prefs.known); k != NULL; k = next) {
		next = TAILQ_NEXT(k, link);
		if (policy_customer(b->policy, k->customer) != NULL)
			continue;
		TAILQ_REMOVE(&b->prefs.known, k, link);
		free(k);
	}
}

/* --- what they prefer ---------------------------------------------------- */

/* One line for the operator, however often it is asked for. */
static void
say_broken(struct broker *b, const char *customer, const char *path,
    const char *how)
{
	struct prefs_known *k = known_of(b, customer, how != NULL);

	if (k == NULL)
		return;
	if (how != NULL && !k->broken)
		log_error("%s %s: %s has the defaults", path, how, customer);
	k->broken = how != NULL;
}

/* Whatever is wrong with the file, these are preferences. */
static void
load(struct broker *b, const char *customer, struct wire_prefs *out)
{
	char path[PATH_MAX], *text = NULL;
	const char *how = NULL;
	enum file_fault fault;
	size_t len;

	memset(out, 0, sizeof(*out));
	if (text_format(path, sizeof(path), "%s/%s/" PREFS_TEXT_FILE,
	    b->prefs.dir, customer) == -1)
		return;
	fault = file_read_trusted(AT_FDCWD, path, &text, &len);
	if (fault == FILE_OK && (len >= PREFS_TEXT_MAX ||
	    !prefs_text_parse(text, out)))
		how = "is not as vpsh-store writes it";
	else if (fault != FILE_OK && fault != FILE_MISSING)
		how = file_fault_text(fault);
	free(text);
	say_broken(b, customer, path, how);
}

/* Only what they could go back to now. */
static void
fill_back(struct broker *b, const struct policy_customer *customer,
    struct wire_prefs *out)
{
	const struct operation_how how = { .look = false };
	const struct prefs_known *k = known_of(b, customer->name, false);
	struct verdict verdict;
	int64_t ago;

	out->back_ms = -1;
	if (k == NULL || k->back[0] == '\0' ||
	    (ago = clock_ms() - k->back_at_ms) >= PREFS_BACK_MS)
		return;
	operation_decide(operation_of(WIRE_CONSOLE), customer, k->back, &how,
	    &verdict);
	if (verdict.err != VPSH_OK)
		return;
	memcpy(out->back, k->back, sizeof(out->back));
	out->back_ms = ago;
}

static void
answer(struct broker *b, struct connection *c, uint32_t id,
    const struct policy_customer *customer)
{
	struct wire_prefs out;

	load(b, customer->name, &out);
	fill_back(b, customer, &out);
	out.policy_mode = customer->interface == POLICY_INTERFACE_LINE ?
	    WIRE_MODE_LINE : WIRE_MODE_MENU;
	connection_send(c, WIRE_PREFS_ARE, id, &out);
}

int
prefs_read(struct request *r)
{
	answer(r->broker, r->connection, r->msg->head.id, r->customer);
	return VPSH_OK;
}

/* --- having it kept ------------------------------------------------------ */

static const struct err_args keeping = { .verb = "Keeping",
	.guest = "your preferences" };

/* The decision is on record already. */
static void
record(const struct prefs_put *p)
{
	char how[WIRE_ZONE + 40];
	const struct audit_record r = { .event = "done",
		.customer = p->put.customer, .verb = "prefer", .how = how,
		.err = err_name(p->err), .ms = clock_ms() - p->began_ms + 1 };

	(void)text_format(how, sizeof(how), "mode %u, escape %u, zone %s",
	    p->put.prefs.mode, p->put.prefs.escape, p->put.prefs.zone);
	audit_write(&p->broker->audit, &r);
}

static void
put_answer(struct prefs_put *p)
{
	const struct policy_customer *customer = policy_customer(
	    p->broker->policy, p->put.customer);
	struct err_args args = keeping;

	args.support = p->broker->policy->support;
	args.detail = p->err == VPSH_ERR_ZONE ? p->put.prefs.zone : NULL;
	if (p->connection == NULL)
		return;
	if (p->err == VPSH_OK && customer != NULL)
		answer(p->broker, p->connection, p->id, customer);
	else
		connection_say(p->connection, WIRE_REFUSED, p->id, p->err,
		    &args);
	connection_pending(p->connection, -1);
}

static void
put_free(struct prefs_put *p)
{
	TAILQ_REMOVE(&p->broker->prefs.puts, p, link);
	channel_free(p->worker);
	free(p);
}

static bool
worker_frame(void *arg, const struct wire_msg *msg, int *fd)
{
	struct prefs_put *p = arg;

	(void)fd;
	if (msg->head.type == WIRE_HELLO)
		return true;
	if (msg->head.type != WIRE_RESULT || msg->u.result.job != p->job ||
	    msg->u.result.err > 0 || msg->u.result.err <= -VPSH_ERR_COUNT)
		return false;
	p->answered = true;
	p->err = msg->u.result.err;
	if (msg->u.result.text[0] != '\0')
		log_error("preferences of %s: %s", p->put.customer,
		    msg->u.result.text);
	return true;
}

static void
worker_closed(void *arg, const char *why)
{
	struct prefs_put *p = arg;

	(void)why;
	channel_free(p->worker);
	p->worker = NULL;
}

/* One after the other for each customer: the last one counts. */
static void
put_next(struct broker *b, const char *customer)
{
	static const struct channel_ops ops = { .frame = worker_frame,
		.closed = worker_closed };
	struct prefs_put *p, *next;

	for (p = TAILQ_FIRST(&b->prefs.puts); p != NULL; p = next) {
		next = TAILQ_NEXT(p, link);
		if (strcmp(p->put.customer, customer) != 0)
			continue;
		if (p->job != 0)
			return;
		p->worker = broker_spawn(b, WIRE_WORKER_STORE, STORE_MS, &ops,
		    p, &p->job);
		if (p->worker != NULL) {
			p->put.job = p->job;
			channel_send(p->worker, WIRE_PUT, 0, &p->put, -1);
			return;
		}
		p->err = VPSH_ERR_MEMORY_HOST;
		record(p);
		put_answer(p);
		put_free(p);
	}
}

bool
prefs_worker_gone(struct broker *b, const struct wire_gone *gone)
{
	char customer[WIRE_NAME];
	struct prefs_put *p;

	TAILQ_FOREACH(p, &b->prefs.puts, link)
		if (p->job != 0 && p->job == gone->job)
			break;
	if (p == NULL)
		return false;
	if (p->worker != NULL)
		channel_drain(p->worker);
	if (!p->answered)
		log_error("vpsh-store (for %s) ended without a word, %s %d",
		    p->put.customer,
		    WIFSIGNALED(gone->status) ? "signal" : "status",
		    WIFSIGNALED(gone->status) ? WTERMSIG(gone->status) :
		    WEXITSTATUS(gone->status));
	memcpy(customer, p->put.customer, sizeof(customer));
	record(p);
	put_answer(p);
	put_free(p);
	put_next(b, customer);
	return true;
}

int
prefs_prefer(struct request *r)
{
	const struct wire_prefs *want = &r->msg->u.prefs;
	struct broker *b = r->broker;
	struct prefs_known *k = known_of(b, r->customer->name, true);
	struct prefs_put *p;

	if (!prefs_text_is_known(want)) {
		r->args.verb = "prefs";
		return VPSH_ERR_USAGE;
	}
	r->args.verb = keeping.verb;
	r->args.guest = keeping.guest;
	if (want->zone[0] != '\0' && !prefs_text_is_zone(want->zone)) {
		r->args.detail = want->zone;
		return VPSH_ERR_ZONE;
	}
	if (k == NULL)
		return VPSH_ERR_MEMORY_HOST;
	r->args.number = state_rate(&k->rate, PREFERS_PER_MINUTE);
	if (r->args.number != 0)
		return VPSH_ERR_RATE;
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return VPSH_ERR_MEMORY_HOST;
	p->broker = b;
	p->connection = r->connection;
	p->id = r->msg->head.id;
	p->err = VPSH_ERR_FAILED;
	p->began_ms = clock_ms();
	(void)text_copy(p->put.customer, sizeof(p->put.customer),
	    r->customer->name);
	p->put.prefs.mode = want->mode;
	p->put.prefs.escape = want->escape;
	memcpy(p->put.prefs.zone, want->zone, sizeof(want->zone));
	TAILQ_INSERT_TAIL(&b->prefs.puts, p, link);
	connection_pending(r->connection, 1);
	put_next(b, r->customer->name);
	return VPSH_OK;
}

void
prefs_forget_connection(struct broker *b, const struct connection *c)
{
	struct prefs_put *p;

	TAILQ_FOREACH(p, &b->prefs.puts, link)
		if (p->connection == c) {
			connection_pending(p->connection, -1);
			p->connection = NULL;
		}
}

/* --- back to the console ------------------------------------------------- */

int
prefs_leave(struct request *r)
{
	connection_left(r->connection, true);
	return VPSH_OK;
}

void
prefs_vanished(struct broker *b, const char *customer, const char *guest)
{
	struct prefs_known *k = known_of(b, customer, true);

	if (k == NULL)
		return;
	(void)text_copy(k->back, sizeof(k->back), guest);
	k->back_at_ms = clock_ms();
}

void
prefs_returned(struct broker *b, const char *customer, const char *guest)
{
	struct prefs_known *k = known_of(b, customer, false);

	if (k != NULL && strcmp(k->back, guest) == 0)
		k->back[0] = '\0';
}
