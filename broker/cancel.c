/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/text.h"
#include "broker/broker.h"
#include "broker/cancel.h"
#include "broker/operation.h"
#include "wire/err.h"

/*
 * Of one's own, and of what another customer has begun on a guest of both
 * whatever one could have begun oneself.  Never the system's or an
 * operator's.
 */
static bool
may_cancel(const struct request *r, const struct job *job, const char *guest)
{
	const struct operation_how how = { .force = job->force,
		.key = (unsigned char)job->key };
	const struct operation *op = operation_by_name(job->verb);
	struct verdict verdict;

	if (op == NULL)
		return false;
	if (strcmp(job->owner, r->customer->name) == 0)
		return true;
	operation_decide(op, r->customer, guest, &how, &verdict);
	return verdict.err == VPSH_OK;
}

static void
record(const struct request *r, const struct job *job, const char *guest)
{
	const struct audit_record record = { .event = "done",
		.customer = r->customer->name,
		.peer = connection_peer(r->connection),
		.verb = r->operation->name, .how = r->how, .guest = guest,
		.domain = job->name, .err = err_name(VPSH_OK) };

	audit_write(&r->broker->audit, &record);
}

/* Its plug is not pulled any more, and nobody is to read that it was. */
static void
end(struct job *job)
{
	if (job->state == JOB_OVER)
		return;
	job->forced = false;
	job_end(job, VPSH_ERR_CANCELLED, 0);
}

int
cancel_request(struct request *r)
{
	struct wire_outcome out = { .err = VPSH_OK };
	const char *guest;
	struct job *job = operation_job(r, r->msg->u.ref.ref, &guest);

	if (job == NULL) {
		r->args.detail = r->how;
		return VPSH_ERR_NO_JOB;
	}
	(void)text_copy(out.ref, sizeof(out.ref), job->ref);
	r->args = (struct err_args){ .verb = job->verb, .guest = guest,
		.ref = job->ref, .support = r->broker->policy->support };
	if (!may_cancel(r, job, guest))
		return VPSH_ERR_DENIED;
	/* One that was cancelled is: its answer may have been lost. */
	if (job->state != JOB_QUEUED && job->state != JOB_WATCHING &&
	    (job->state != JOB_OVER || job->err != VPSH_ERR_CANCELLED))
		return VPSH_ERR_NO_CANCEL;
	record(r, job, guest);
	err_sentence(VPSH_ERR_CANCELLED, &r->args, out.text,
	    sizeof(out.text));
	end(job);
	connection_send(r->connection, WIRE_DONE, r->msg->head.id, &out);
	return VPSH_OK;
}
