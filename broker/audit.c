/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/audit.h"

#define RETRY_S	5	/* while there is something to be made good */

/* A line that grows; every value is cut so that the whole always fits. */
struct line {
	char	text[AUDIT_LINE];
	size_t	len;
};

/* One that waits. */
struct audit_line {
	STAILQ_ENTRY(audit_line) link;
	uint64_t		 number;
	size_t			 len;
	char			 text[];
};

/* --- lines --------------------------------------------------------------- */

static void
put_string(struct line *line, const char *name, const char *value)
{
	char escaped[800];

	if (value == NULL || *value == '\0')
		return;
	escaped[0] = '\0';
	text_json(escaped, sizeof(escaped), value, strlen(value));
	line->len += (size_t)snprintf(line->text + line->len,
	    sizeof(line->text) - line->len, ",\"%s\":\"%s\"", name, escaped);
}

static void
put_number(struct line *line, const char *name, long long value)
{
	line->len += (size_t)snprintf(line->text + line->len,
	    sizeof(line->text) - line->len, ",\"%s\":%lld", name, value);
}

static void
line_begin(struct line *line, const char *event)
{
	char now[CLOCK_RFC3339_LEN];

	clock_rfc3339(clock_wall_ms(), now);
	line->len = (size_t)snprintf(line->text, sizeof(line->text),
	    "{\"time\":\"%s\",\"event\":\"%s\"", now, event);
}

static void
line_end(struct line *line)
{
	line->text[line->len++] = '}';
	line->text[line->len++] = '\n';
}

static void
line_record(struct line *line, const struct audit_record *r)
{
	line_begin(line, r->event);
	put_string(line, "customer", r->customer);
	if (r->peer != NULL) {
		put_number(line, "uid", (long long)r->peer->uid);
		put_number(line, "pid", (long long)r->peer->pid);
	}
	put_string(line, "claim", r->claim);
	put_string(line, "verb", r->verb);
	put_string(line, "how", r->how);
	put_string(line, "guest", r->guest);
	put_string(line, "domain", r->domain);
	put_string(line, "ref", r->ref);
	put_string(line, "verdict", r->verdict);
	put_string(line, "because", r->because);
	put_string(line, "err", r->err);
	if (r->ms != 0)
		put_number(line, "ms", (long long)r->ms);
	line_end(line);
}

/* In the place of those that are missing. */
static void
line_gap(struct line *line, const struct audit *audit)
{
	char since[CLOCK_RFC3339_LEN];

	clock_rfc3339(audit->lost_since_ms, since);
	line_begin(line, "gap");
	put_number(line, "lost", audit->lost);
	put_string(line, "since", since);
	line_end(line);
}

/* --- those that wait ------------------------------------------------------ */

static bool
wait_in_line(struct audit *audit, const struct line *line, uint64_t number)
{
	struct audit_line *waiting = NULL;

	if (audit->nwaiting < AUDIT_WAITING_MAX)
		waiting = malloc(sizeof(*waiting) + line->len);
	if (waiting == NULL)
		return false;
	waiting->number = number;
	waiting->len = line->len;
	memcpy(waiting->text, line->text, line->len);
	STAILQ_INSERT_TAIL(&audit->waiting, waiting, link);
	audit->nwaiting++;
	return true;
}

static void
lose(struct audit *audit)
{
	if (audit->lost++ == 0)
		audit->lost_since_ms = clock_wall_ms();
	audit->lost_ever++;
}

/* First what is missing, so that nobody takes the log for complete. */
static bool
mark_gap(struct audit *audit)
{
	struct line gap;

	if (audit->lost == 0)
		return true;
	line_gap(&gap, audit);
	if (!wait_in_line(audit, &gap, audit->kept))
		return false;
	audit->lost = 0;
	return true;
}

static void
first_is_kept(struct audit *audit)
{
	struct audit_line *first = STAILQ_FIRST(&audit->waiting);

	if (first == NULL)
		return;
	if (first->number > audit->kept) /* a gap has an old one */
		audit->kept = first->number;
	STAILQ_REMOVE_HEAD(&audit->waiting, link);
	audit->nwaiting--;
	free(first);
}

/* --- how it is ------------------------------------------------------------ */

static void
say(const struct audit *audit, enum wire_audit state, const char *why)
{
	switch (state) {
	case WIRE_AUDIT_FINE:
		log_warn("the audit log is written again; %llu of its "
		    "records were lost since vpsh-broker was started",
		    (unsigned long long)audit->lost_ever);
		return;
	case WIRE_AUDIT_RESERVE:
		log_error("the audit log cannot be written: %s. Its records "
		    "go to audit.reserve beside it, and nothing is refused. "
		    "Make room before that is full", why);
		return;
	case WIRE_AUDIT_LOST:
		log_error("neither the audit log nor audit.reserve beside it "
		    "can be written: %s. Verbs that change a guest are "
		    "refused until one can; list, status, log and console "
		    "go on", why);
		return;
	}
}

static void
set_state(struct audit *audit, enum wire_audit state, const char *why)
{
	const struct timeval soon = { RETRY_S, 0 };

	if (state != audit->state)
		say(audit, state, why);
	audit->state = state;
	if (state != WIRE_AUDIT_FINE && audit->retry != NULL)
		event_add(audit->retry, &soon);
}

/* One thing to the disk.  False: not done yet. */
static bool
put(struct audit *audit, const char *text, size_t len, enum wire_audit *where)
{
	if (audit->writer.started)
		return audit_writer_put(&audit->writer, text, len, where);
	*where = audit_disk_put(&audit->disk, text, len);
	return true;
}

/* What became of the first one; true when the next may go. */
static bool
settle(struct audit *audit, enum wire_audit where)
{
	const char *why = strerror(errno);

	if (where != WIRE_AUDIT_LOST && !audit->nothing)
		first_is_kept(audit);
	/* The last one of them says how it is. */
	if (where == WIRE_AUDIT_LOST || STAILQ_EMPTY(&audit->waiting))
		set_state(audit, where, why);
	return where != WIRE_AUDIT_LOST;
}

static const struct audit_line *
next_line(struct audit *audit)
{
	if (STAILQ_EMPTY(&audit->waiting))
		(void)mark_gap(audit);
	return STAILQ_FIRST(&audit->waiting);
}

/* Everything that waits, as far as it goes; or what is in the reserve. */
static void
flush(struct audit *audit, bool reserve)
{
	const struct audit_line *line;
	enum wire_audit where;

	while (!audit->busy) {
		line = next_line(audit);
		if (line == NULL && !reserve)
			return;
		reserve = false;
		audit->nothing = line == NULL;
		audit->mark = audit_disk_mark(&audit->disk);
		audit->busy = !put(audit, line == NULL ? "" : line->text,
		    line == NULL ? 0 : line->len, &where);
		if (audit->busy)
			set_state(audit, WIRE_AUDIT_LOST,
			    "the disk does not answer");
		else if (!settle(audit, where))
			return;
	}
}

static void
on_late(evutil_socket_t socket, short what, void *arg)
{
	struct audit *audit = arg;
	enum wire_audit where;

	(void)socket;
	(void)what;
	if (!audit_writer_done(&audit->writer, &where))
		return;
	audit->busy = false;
	if (settle(audit, where))
		flush(audit, false);
}

static void
on_retry(evutil_socket_t socket, short what, void *arg)
{
	(void)socket;
	(void)what;
	flush(arg, true);
}

/* --- for the others ------------------------------------------------------- */

int
audit_open(struct audit *audit, const char *dir)
{
	int why;

	memset(audit, 0, sizeof(*audit));
	STAILQ_INIT(&audit->waiting);
	if (audit_disk_open(&audit->disk, dir) == -1)
		return -1;
	why = errno;
	if (audit->disk.log == -1)
		log_error("cannot make %s/audit.jsonl: %s. Reload vpshd when "
		    "that is put right; until then it is as if the log could "
		    "not be written", dir, strerror(audit->disk.no_log));
	if (audit->disk.size == 0)
		log_error("there is no %s/audit.reserve: %s. When the audit "
		    "log cannot be written, verbs that change a guest are "
		    "refused at once", dir, strerror(why));
	if (audit->disk.used == 0)
		return 0;
	log_warn("%s/audit.reserve holds records: they go into the audit log "
	    "first", dir);
	audit->state = WIRE_AUDIT_RESERVE;
	return 0;
}

int
audit_start(struct audit *audit, struct event_base *base)
{
	if (audit_writer_start(&audit->writer, &audit->disk) == -1)
		return -1;
	audit->retry = evtimer_new(base, on_retry, audit);
	audit->late = event_new(base, audit->writer.event,
	    EV_READ | EV_PERSIST, on_late, audit);
	if (audit->retry == NULL || audit->late == NULL ||
	    event_add(audit->late, NULL) == -1)
		return -1;
	flush(audit, true);
	return 0;
}

int
audit_write(struct audit *audit, const struct audit_record *r)
{
	uint64_t number = ++audit->last;
	struct line line;

	line_record(&line, r);
	if (audit->heard != NULL)
		audit->heard(audit->heard_arg, r);
	if (audit->nwaiting + 2 > AUDIT_WAITING_MAX) /* a gap and this one */
		flush(audit, false);
	if (!mark_gap(audit) || !wait_in_line(audit, &line, number))
		lose(audit);
	flush(audit, false);
	/* The operator's log has it at least. */
	if (audit->state != WIRE_AUDIT_FINE)
		log_warn("audit: %.*s", (int)line.len - 1, line.text);
	return audit->kept >= number ? 0 : -1;
}

void
audit_end(struct audit *audit)
{
	flush(audit, true);
	if (audit->nwaiting > 0)
		log_error("leaving with %zu records that are not in the "
		    "audit log", audit->nwaiting);
}

enum wire_audit
audit_state(const struct audit *audit)
{
	return audit->state;
}

uint64_t
audit_lost(const struct audit *audit)
{
	return audit->lost_ever;
}

int64_t
audit_mark(const struct audit *audit)
{
	/* While the thread has it, it is as it was before. */
	return audit->busy ? audit->mark : audit_disk_mark(&audit->disk);
}
