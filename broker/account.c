/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"

#define ASK_AGAIN_MS	2000
#define WORKER_MS	10000	/* a name service that is slower is down */
#define UID_LOWEST	1000	/* below are the system's own accounts */
#define ACCOUNTS_MAX	65536
#define CONNECTS_PER_MINUTE 300	/* each is two lines of the audit log */

static void
on_timer(evutil_socket_t socket, short what, void *arg)
{
	(void)socket;
	(void)what;
	account_refresh(arg);
}

int
account_init(struct broker *b)
{
	b->accounts.timer = evtimer_new(b->base, on_timer, b);
	return b->accounts.timer == NULL ? -1 : 0;
}

const char *
account_of(const struct broker *b, uid_t uid)
{
	size_t i;

	for (i = 0; i < b->accounts.nrows; i++)
		if (b->accounts.rows[i].uid == uid)
			return b->accounts.rows[i].refused ? NULL :
			    b->accounts.rows[i].customer;
	return NULL;
}

int
account_may_connect(struct broker *b, uid_t uid)
{
	struct account *row;
	size_t i;

	for (i = 0; i < b->accounts.nrows; i++) {
		row = &b->accounts.rows[i];
		if (row->uid == uid)
			return state_rate(&row->connects,
			    CONNECTS_PER_MINUTE);
	}
	return 0;
}

bool
account_down(const struct broker *b)
{
	return !b->accounts.known && b->accounts.failed &&
	    b->accounts.job == 0;
}

/* How often it has connected does not begin anew with each reload. */
static struct rate
connects_of(const struct account *rows, size_t nrows, uid_t uid)
{
	size_t i;

	for (i = 0; i < nrows; i++)
		if (rows[i].uid == uid)
			return rows[i].connects;
	return (struct rate){ 0 };
}

static void
add_row(struct broker *b, const char *customer, uid_t uid, bool by_policy)
{
	struct accounts *all = &b->accounts;
	bool ours = by_policy && uid != 0 && uid == b->single_uid;
	struct account *row;
	size_t i;

	for (i = 0; i < all->nrows; i++) {
		row = &all->rows[i];
		if (row->uid != uid)
			continue;
		log_error("uid %ld is claimed by %s and %s: neither may log "
		    "in", (long)uid, row->customer, customer);
		row->refused = true;
		return;
	}
	row = &all->rows[all->nrows++];
	row->uid = uid;
	row->refused = uid < UID_LOWEST && !ours;
	(void)text_copy(row->customer, sizeof(row->customer), customer);
	if (row->refused)
		log_error("customer %s has the uid %ld of a system account: "
		    "may not log in", customer, (long)uid);
}

static const struct account *
find_found(const struct accounts *all, const char *customer)
{
	size_t i;

	for (i = 0; i < all->nfound; i++)
		if (strcmp(all->found[i].customer, customer) == 0)
			return &all->found[i];
	return NULL;
}

void
account_rebuild(struct broker *b)
{
	const struct policy *policy = b->policy;
	struct accounts *all = &b->accounts;
	const struct policy_customer *customer;
	const struct account *found;
	struct account *before = all->rows;
	size_t nbefore = all->nrows, i;

	all->nrows = 0;
	all->rows = calloc(policy->ncustomers + 1, sizeof(*all->rows));
	for (i = 0; i < policy->ncustomers && all->rows != NULL; i++) {
		customer = &policy->customers[i];
		found = find_found(all, customer->name);
		if (customer->has_uid)
			add_row(b, customer->name, customer->uid, true);
		else if (found != NULL)
			add_row(b, customer->name, found->uid, false);
	}
	for (i = 0; i < all->nrows; i++)
		all->rows[i].connects = connects_of(before, nbefore,
		    all->rows[i].uid);
	free(before);
}

static bool
worker_frame(void *arg, const struct wire_msg *msg, int *fd)
{
	struct broker *b = arg;
	struct accounts *all = &b->accounts;
	const struct wire_account *said = &msg->u.account;
	struct account *grown;

	(void)fd;
	if (msg->head.type == WIRE_HELLO)
		return true;
	if (all->complete)
		return false;
	if (msg->head.type == WIRE_ACCOUNTS_END) {
		all->complete = true;
		return true;
	}
	if (msg->head.type != WIRE_ACCOUNT || all->ncoming >= ACCOUNTS_MAX)
		return false;
	if (said->known == 0)
		return true;
	grown = realloc(all->coming, (all->ncoming + 1) * sizeof(*grown));
	if (grown == NULL)
		return false;
	all->coming = grown;
	memset(&grown[all->ncoming], 0, sizeof(*grown));
	grown[all->ncoming].uid = (uid_t)said->uid;
	memcpy(grown[all->ncoming++].customer, said->customer, WIRE_NAME);
	return true;
}

static void
worker_closed(void *arg, const char *why)
{
	struct broker *b = arg;

	(void)why;
	channel_free(b->accounts.worker);
	b->accounts.worker = NULL;
}

static void
ask_again(struct broker *b)
{
	struct timeval tv = { ASK_AGAIN_MS / 1000, 0 };

	evtimer_add(b->accounts.timer, &tv);
}

/*
 * What an unfinished look-up says is not taken for an answer: what was known
 * before stays, and it is done again.
 */
bool
account_worker_gone(struct broker *b, const struct wire_gone *gone)
{
	struct accounts *all = &b->accounts;

	if (all->job == 0 || gone->job != all->job)
		return false;
	channel_drain(all->worker);
	channel_free(all->worker);
	all->worker = NULL;
	all->job = 0;
	all->failed = !all->complete;
	if (all->complete) {
		free(all->found);
		all->found = all->coming;
		all->nfound = all->ncoming;
		all->known = true;
	} else {
		log_error("accounts could not be looked up%s",
		    gone->killed ? ": no answer in time" : "");
		free(all->coming);
	}
	all->coming = NULL;
	all->ncoming = 0;
	account_rebuild(b);
	connection_recheck_all(b);
	connection_identify_all(b, all->asked_ms, all->complete);
	door_open(b);
	if (all->failed)
		ask_again(b);
	return true;
}

void
account_refresh(struct broker *b)
{
	static const struct channel_ops ops = { .frame = worker_frame,
		.closed = worker_closed };
	struct accounts *all = &b->accounts;
	int64_t left = all->asked_ms + ASK_AGAIN_MS - clock_ms();
	struct timeval tv = { left / 1000, left % 1000 * 1000 };

	if (all->job != 0)
		return;
	if (all->asked_ms != 0 && left > 0) {
		evtimer_add(all->timer, &tv);
		return;
	}
	evtimer_del(all->timer);
	all->asked_ms = clock_ms();
	all->complete = false;
	all->worker = broker_spawn(b, WIRE_WORKER_ACCOUNTS, WORKER_MS, &ops,
	    b, &all->job);
	if (all->worker == NULL) {
		log_error("no worker to look up accounts");
		all->failed = true;
		door_open(b);
		ask_again(b);
	}
}

static int
report_accounts(const struct policy *policy, int control)
{
	const struct wire_empty end = { 0 };
	struct wire_account answer;
	const struct passwd *pw;
	size_t i;

	for (i = 0; i < policy->ncustomers; i++) {
		if (policy->customers[i].has_uid)
			continue;
		memset(&answer, 0, sizeof(answer));
		(void)text_copy(answer.customer, sizeof(answer.customer),
		    policy->customers[i].name);
		errno = 0;
		pw = getpwnam(answer.customer);
		if (pw == NULL && errno != 0 && errno != ENOENT &&
		    errno != ESRCH)
			return 1;
		answer.known = pw != NULL;
		answer.uid = pw != NULL ? pw->pw_uid : 0;
		if (wire_send(control, WIRE_ACCOUNT, 0, &answer, NULL,
		    0) == -1)
			return 1;
	}
	return wire_send(control, WIRE_ACCOUNTS_END, 0, &end, NULL, 0) == 0 ?
	    0 : 1;
}

int
account_worker(const char *etc, const char *kept, int control)
{
	struct policy *last = policy_recall(kept);
	struct policy *policy = policy_load(etc, last);
	int r = 1;

	/* This one may wait, for the name service and for its reader. */
	if (policy != NULL && fcntl(control, F_SETFL,
	    fcntl(control, F_GETFL) & ~O_NONBLOCK) == 0)
		r = report_accounts(policy, control);
	policy_free(policy);
	policy_free(last);
	return r;
}
