/* SPDX-License-Identifier: ISC */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/point.h"
#include "base/text.h"
#include "broker/broker.h"
#include "broker/operate.h"
#include "wire/err.h"

#define JOBS_MAX	4	/* of one question, at a time */
#define TICK_MS		500
#define BUSY_MS		10000	/* so long for a guest that is busy */
#define REASON_MAX	120

struct name {
	char	text[WIRE_DOMAIN];
};

/* One question.  It lives until its last job has ended. */
struct operate {
	TAILQ_ENTRY(operate)	 link;		/* operators.work */
	struct broker		*broker;
	struct operator_client	*client;	/* NULL: it hung up */
	struct peer		 peer;
	enum wire_op		 op;
	struct wire_operate	 what;
	struct name		*domains;
	size_t			 ndomains;
	size_t			 next;		/* to be begun */
	struct job		*jobs[JOBS_MAX];
	size_t			 njobs;
	uint32_t		 count;		/* answers */
	bool			 busy;		/* in operate_pump() */
	struct event		*timer;
};

static enum wire_op
op_of(uint32_t type)
{
	return type == WIRE_ADOPT ? WIRE_OP_ADOPT :
	    type == WIRE_HOLD ? WIRE_OP_HOLD :
	    type == WIRE_RELEASE ? WIRE_OP_RELEASE :
	    type == WIRE_FORGET_SAVED ? WIRE_OP_FORGET_SAVED : 0;
}

/* It is shown to customers, and escaping must not make it longer. */
static bool
is_reason(const char *text)
{
	char safe[WIRE_CLAIM];

	(void)text_escape(safe, sizeof(safe), text, strlen(text));
	return *text != '\0' && strlen(text) <= REASON_MAX &&
	    strcmp(safe, text) == 0;
}

bool
operate_is_good(const struct wire_msg *msg)
{
	const struct wire_operate *what = &msg->u.operate;
	enum wire_op op = op_of(msg->head.type);

	if (op == 0 || (what->guest[0] == '\0' && op != WIRE_OP_ADOPT) ||
	    (what->flags & ~(op == WIRE_OP_ADOPT ? WIRE_RUN_DRY : 0)) != 0)
		return false;
	if (op == WIRE_OP_HOLD)
		return is_reason(what->text) && what->until_ms >= 0;
	return what->text[0] == '\0' && what->until_ms == 0;
}

/* --- which guests -------------------------------------------------------- */

/* CUSTOMER/GUEST, or the name of a domain that is some customer's guest. */
static const struct policy_guest *
find(const struct policy *policy, const char *name)
{
	const struct policy_customer *customer;
	char owner[WIRE_DOMAIN];
	const char *slash = strchr(name, '/');

	if (slash == NULL)
		return policy_by_domain(policy, name);
	(void)text_format(owner, sizeof(owner), "%.*s", (int)(slash - name),
	    name);
	customer = policy_customer(policy, owner);
	return customer == NULL ? NULL : policy_guest(customer, slash + 1);
}

void
operate_name(const struct policy_guest *g, char dst[WIRE_DOMAIN])
{
	(void)text_format(dst, WIRE_DOMAIN, "%s/%s", g->owner, g->name);
}

/* What might have been meant: another one's of that name, or by a slip. */
static bool
nearest(const struct policy *policy, const char *name, char dst[WIRE_DOMAIN])
{
	struct name *names = calloc(policy->ndomains + 1, sizeof(*names));
	const char **words = calloc(policy->ndomains + 1, sizeof(*words));
	const char *word = NULL, *slash = strchr(name, '/');
	const char *guest = slash != NULL ? slash + 1 : name;
	size_t i;

	*dst = '\0';
	for (i = 0; names != NULL && words != NULL && i < policy->ndomains;
	    i++) {
		operate_name(policy->by_domain[i], names[i].text);
		words[i] = names[i].text;
		if (strcmp(policy->by_domain[i]->name, guest) == 0 &&
		    *dst == '\0')
			(void)text_copy(dst, WIRE_DOMAIN, words[i]);
	}
	if (*dst == '\0' && names != NULL && words != NULL)
		word = text_nearest(name, words, policy->ndomains);
	if (word != NULL)
		(void)text_copy(dst, WIRE_DOMAIN, word);
	free(names);
	free(words);
	return *dst != '\0';
}

/* As many as there is room for. */
static void
list(const struct policy *policy, char *dst, size_t size)
{
	char name[WIRE_DOMAIN];
	size_t i, used = 0;

	for (i = 0; i < policy->ndomains; i++) {
		operate_name(policy->by_domain[i], name);
		if (text_format(dst + used, size - used - 4, "%s%s",
		    i > 0 ? " " : "", name) == -1) {
			(void)text_copy(dst + used, size - used, " ...");
			return;
		}
		used += strlen(dst + used);
	}
}

static void
no_guest(const struct policy *policy, const char *name, char *dst,
    size_t size)
{
	char all[WIRE_TEXT / 2] = "", near[WIRE_DOMAIN];
	char safe[WIRE_DOMAIN * 2];

	(void)text_escape(safe, sizeof(safe), name, strlen(name));
	if (nearest(policy, name, near))
		(void)text_format(dst, size, "there is no guest \"%s\" (did "
		    "you mean %s?). Nothing was done.", safe, near);
	else {
		list(policy, all, sizeof(all));
		(void)text_format(dst, size, "there is no guest \"%s\"; there "
		    "%s%s. Nothing was done.", safe, *all != '\0' ? "are " :
		    "is none", all);
	}
}

/* --- answers ------------------------------------------------------------- */

static void
did(struct operate *w, const char *guest, int err, const char *ref,
    const char *text)
{
	struct wire_did out = { .err = err };

	w->count++;
	if (w->client == NULL)
		return;
	(void)text_copy(out.guest, sizeof(out.guest), guest);
	(void)text_copy(out.ref, sizeof(out.ref), ref);
	(void)text_copy(out.text, sizeof(out.text), text);
	channel_send(w->client->channel, WIRE_DID, w->client->id, &out, -1);
}

static void
operate_free(struct operate *w)
{
	struct wire_count end = { w->count };

	if (w->client != NULL) {
		channel_send(w->client->channel, WIRE_DID_END, w->client->id,
		    &end, -1);
		w->client->operate = NULL;
		operator_answered(w->client);
	}
	TAILQ_REMOVE(&w->broker->operators.work, w, link);
	event_free(w->timer);
	free(w->domains);
	free(w);
}

void
operate_say(struct operator_client *o, const char *guest, int err,
    const char *text)
{
	const struct wire_count end = { 1 };
	struct wire_did out = { .err = err };

	(void)text_copy(out.guest, sizeof(out.guest), guest);
	(void)text_copy(out.text, sizeof(out.text), text);
	channel_send(o->channel, WIRE_DID, o->id, &out, -1);
	channel_send(o->channel, WIRE_DID_END, o->id, &end, -1);
	operator_answered(o);
}

const struct policy_guest *
operate_guest(struct operator_client *o, const char *name)
{
	const struct policy_guest *g = find(o->broker->policy, name);
	char text[WIRE_TEXT];

	if (g != NULL)
		return g;
	no_guest(o->broker->policy, name, text, sizeof(text));
	operate_say(o, name, VPSH_ERR_NO_GUEST, text);
	return NULL;
}

/* --- jobs ---------------------------------------------------------------- */

static void
operate_pump(struct operate *w);

static void
on_ended(struct job *job, void *arg)
{
	const struct err_args args = { .verb = job->verb,
		.guest = job->guest, .ref = job->ref, .number = job->value };
	char guest[WIRE_DOMAIN], text[WIRE_TEXT];
	struct operate *w = arg;
	size_t i;

	(void)text_format(guest, sizeof(guest), "%s/%s", job->customer,
	    job->guest);
	if (job->said[0] != '\0')
		(void)text_copy(text, sizeof(text), job->said);
	else if (job->err == VPSH_OK)
		(void)text_format(text, sizeof(text), "%s %s", job->guest,
		    job->kind->done);
	else
		err_sentence(job->err, &args, text, sizeof(text));
	for (i = 0; i < w->njobs; i++)
		if (w->jobs[i] == job) {
			w->jobs[i] = w->jobs[--w->njobs];
			break;
		}
	did(w, guest, job->err, job->ref, text);
	operate_pump(w);
}

static void
record(struct operate *w, const struct job *job)
{
	const struct audit_record r = { .event = "operator",
		.peer = &w->peer, .verb = job->verb,
		.how = w->what.flags & WIRE_RUN_DRY ? "--dry-run" :
		    w->what.text[0] != '\0' ? w->what.text : NULL,
		.guest = job->guest, .domain = job->domain->name,
		.ref = job->ref, .verdict = "allow" };

	audit_write(&w->broker->audit, &r);
}

/* It has waited long enough, or there is no place to wait in. */
static void
give_up(struct job *job, const struct job *holder)
{
	char what[WIRE_TEXT / 2];

	job_describe(holder, what, sizeof(what));
	(void)text_format(job->said, sizeof(job->said), "%s is busy: %s. "
	    "Nothing was done; try again when that is over.", job->guest,
	    what);
	job_end(job, VPSH_ERR_BUSY, 0);
}

/*
 * A boot that has not begun: no hold is to be told that the guest is busy for
 * as long as that waits.
 */
static bool
gives_way(const struct job *other, const struct job *job)
{
	return other != NULL && job->op == WIRE_OP_HOLD &&
	    other->state == JOB_QUEUED && other->kind->creates &&
	    other->op < WIRE_OP_ADOPT;
}

/* A guest that is busy is waited for. */
static void
begin(struct job *job)
{
	struct domain *d = job->domain;

	if (gives_way(d->next, job))
		job_end(d->next, VPSH_ERR_BUSY, 0);
	if (gives_way(d->holder, job))
		job_end(d->holder, VPSH_ERR_BUSY, 0);
	point("broker-made");
	if (d->holder == NULL)
		job_hold(job);
	else if (d->next == NULL)
		job_hold_next(job);
	else
		give_up(job, d->next);
}

/* Asked for and in the journal, or NULL. */
static struct job *
make(struct operate *w, const struct policy_guest *g)
{
	struct domain *d = state_of(w->broker, g->domain);
	struct job *job = d == NULL ? NULL : job_new(w->broker, w->op,
	    "operator", g->owner, g->name, d);

	if (job == NULL)
		return NULL;
	job->run_flags = w->what.flags;
	job->until_ms = w->what.until_ms;
	memcpy(job->text, w->what.text, sizeof(job->text));
	job->audit_mark = journal_audit_mark(w->broker);
	if (journal_job_save(job) == -1) {
		job_drop(job);
		return NULL;
	}
	point("broker-journalled");
	return job;
}

static void
begin_guest(struct operate *w, const char *domain)
{
	const struct policy_guest *g = policy_by_domain(w->broker->policy,
	    domain);
	struct job *job = g != NULL ? make(w, g) : NULL;
	char name[WIRE_DOMAIN];

	if (job == NULL) {
		(void)text_copy(name, sizeof(name), domain);
		if (g != NULL)
			operate_name(g, name);
		did(w, name, g == NULL ? VPSH_ERR_NO_GUEST :
		    VPSH_ERR_MEMORY_HOST, "", "Nothing was done: the broker "
		    "has too much to do, or the guest was taken out of the "
		    "policy.");
		return;
	}
	job->ended = on_ended;
	job->ended_arg = w;
	w->jobs[w->njobs++] = job;
	record(w, job);
	point("broker-decided");
	begin(job);
}

/* Jobs may end while they are being begun. */
static void
operate_pump(struct operate *w)
{
	if (w->busy)
		return;
	w->busy = true;
	while (w->njobs < JOBS_MAX && w->next < w->ndomains) {
		begin_guest(w, w->domains[w->next++].text);
		job_pump(w->broker);
	}
	w->busy = false;
	if (w->njobs == 0)
		operate_free(w);
}

static void
on_timer(evutil_socket_t socket, short what, void *arg)
{
	struct operate *w = arg;
	struct job *job;
	size_t i;

	(void)socket;
	(void)what;
	for (i = 0; i < w->njobs; i++) {
		job = w->jobs[i];
		if (job->state != JOB_QUEUED || job->domain->holder == job ||
		    clock_ms() - job->began_ms < BUSY_MS)
			continue;
		/* Which may be the end of w as well. */
		give_up(job, job->domain->holder);
		return;
	}
}

/* --- questions ----------------------------------------------------------- */

static bool
is_meant(const struct operate *w, const struct domain *d)
{
	return w->broker->domains.known && d->present && d->now.ours == 0 &&
	    d->now.reason == WIRE_REASON_NONE &&
	    policy_by_domain(w->broker->policy, d->name) != NULL;
}

/* Every guest that runs and is not ours; false: no memory. */
static bool
collect(struct operate *w)
{
	const struct domain *d;
	size_t n = 1;

	TAILQ_FOREACH(d, &w->broker->domains.list, link)
		n++;
	w->domains = calloc(n, sizeof(*w->domains));
	if (w->domains == NULL)
		return false;
	if (!w->broker->domains.known)
		did(w, "", VPSH_ERR_HOST, "", "Xen does not answer, so nobody "
		    "knows which guests run. Nothing was done; try again in a "
		    "minute.");
	TAILQ_FOREACH(d, &w->broker->domains.list, link)
		if (is_meant(w, d))
			memcpy(w->domains[w->ndomains++].text, d->name,
			    sizeof(d->name));
	return true;
}

/* The one that is named; or it is said that there is none. */
static bool
resolve(struct operate *w)
{
	const struct policy *policy = w->broker->policy;
	const struct policy_guest *g = find(policy, w->what.guest);
	char text[WIRE_TEXT];

	w->domains = calloc(1, sizeof(*w->domains));
	if (w->domains == NULL)
		return false;
	if (g == NULL) {
		no_guest(policy, w->what.guest, text, sizeof(text));
		did(w, w->what.guest, VPSH_ERR_NO_GUEST, "", text);
	} else
		(void)text_copy(w->domains[w->ndomains++].text, WIRE_DOMAIN,
		    g->domain);
	return true;
}

bool
operate_begin(struct operator_client *o, const struct wire_msg *msg)
{
	const struct timeval tick = { 0, TICK_MS * 1000 };
	struct broker *b = o->broker;
	struct operate *w = calloc(1, sizeof(*w));

	if (w == NULL || (w->timer = event_new(b->base, -1, EV_PERSIST,
	    on_timer, w)) == NULL) {
		free(w);
		return false;
	}
	w->broker = b;
	w->client = o;
	w->peer = o->peer;
	w->op = op_of(msg->head.type);
	w->what = msg->u.operate;
	if (!(w->what.guest[0] == '\0' ? collect(w) : resolve(w))) {
		event_free(w->timer);
		free(w);
		return false;
	}
	o->operate = w;
	TAILQ_INSERT_TAIL(&b->operators.work, w, link);
	event_add(w->timer, &tick);
	operate_pump(w);
	return true;
}

void
operate_forget(struct operator_client *o)
{
	if (o->operate != NULL)
		o->operate->client = NULL;
	o->operate = NULL;
}
