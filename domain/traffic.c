/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/text.h"
#include "domain/traffic.h"

static bool
is_month(const char *s)
{
	size_t i;

	for (i = 0; s[i] != '\0'; i++)
		if (i == 4 ? s[i] != '-' : s[i] < '0' || s[i] > '9')
			return false;
	return i == TRAFFIC_MONTH - 1;
}

static int
load_count(const char *text, const char *key, uint64_t *count)
{
	long long n;

	if (record_number(text, key, 0, INT64_MAX, &n) == -1)
		return -1;
	*count = (uint64_t)n;
	return 0;
}

static int
load_month(const char *text, const char *key, const char *in,
    const char *out, struct traffic_month *month)
{
	char name[RECORD_VALUE];

	if (record_field(text, key, name) == -1 || !is_month(name) ||
	    text_copy(month->name, sizeof(month->name), name) == -1)
		return -1;
	if (load_count(text, in, &month->in) == -1)
		return -1;
	return load_count(text, out, &month->out);
}

static int
load_seen(const char *text, struct traffic *traffic)
{
	char host[RECORD_VALUE];
	long long domid;

	if (record_field(text, "host", host) == -1 ||
	    text_copy(traffic->host, sizeof(traffic->host), host) == -1 ||
	    record_number(text, "domid", 0, UINT32_MAX, &domid) == -1 ||
	    record_uuid(text, traffic->uuid) == -1)
		return -1;
	traffic->domid = (uint32_t)domid;
	if (load_count(text, "seen-in", &traffic->seen_in) == -1)
		return -1;
	return load_count(text, "seen-out", &traffic->seen_out);
}

int
traffic_load(const char *dir, const char *domain, struct traffic *traffic)
{
	char *text;
	int r;

	memset(traffic, 0, sizeof(*traffic));
	if ((text = record_load(dir, domain)) == NULL)
		return -1;
	r = load_month(text, "month", "in", "out", &traffic->now);
	if (r == 0)
		r = load_seen(text, traffic);
	/* There is none in a guest's first month. */
	if (r == 0 && load_month(text, "before", "before-in", "before-out",
	    &traffic->before) == -1)
		memset(&traffic->before, 0, sizeof(traffic->before));
	free(text);
	if (r == -1) {
		log_error("%s/%s: not a traffic record, ignored: the month "
		    "is counted from zero", dir, domain);
		memset(traffic, 0, sizeof(*traffic));
	}
	return r;
}

int
traffic_save(const char *dir, const char *domain, struct traffic *traffic)
{
	const struct traffic_month *before = &traffic->before;
	char uuid[UUID_TEXT], past[128] = "", text[512];

	if (!traffic->dirty || traffic->now.name[0] == '\0')
		return 0;
	record_uuid_text(traffic->uuid, uuid);
	if (before->name[0] != '\0')
		(void)text_format(past, sizeof(past), "before %s\n"
		    "before-in %" PRIu64 "\nbefore-out %" PRIu64 "\n",
		    before->name, before->in, before->out);
	if (text_format(text, sizeof(text), "month %s\nin %" PRIu64
	    "\nout %" PRIu64 "\n%shost %s\ndomid %" PRIu32 "\nuuid %s\n"
	    "seen-in %" PRIu64 "\nseen-out %" PRIu64 "\n", traffic->now.name,
	    traffic->now.in, traffic->now.out, past, traffic->host,
	    traffic->domid, uuid, traffic->seen_in,
	    traffic->seen_out) == -1) {
		errno = EINVAL;
		return -1;
	}
	(void)mkdir(dir, 0700);
	if (record_save(dir, domain, text) == -1)
		return -1;
	traffic->dirty = false;
	return 0;
}

void
traffic_month_of(int64_t wall_ms, char name[TRAFFIC_MONTH])
{
	const time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL ||
	    strftime(name, TRAFFIC_MONTH, "%Y-%m", &tm) == 0)
		name[0] = '\0';
}

/* A clock that is set back across the turn finds the month it left. */
void
traffic_turn(struct traffic *traffic, int64_t wall_ms)
{
	struct traffic_month was = traffic->now;
	char name[TRAFFIC_MONTH];

	traffic_month_of(wall_ms, name);
	if (name[0] == '\0' || strcmp(name, was.name) == 0)
		return;
	if (strcmp(name, traffic->before.name) == 0)
		traffic->now = traffic->before;
	else {
		memset(&traffic->now, 0, sizeof(traffic->now));
		(void)text_copy(traffic->now.name, TRAFFIC_MONTH, name);
	}
	if (was.name[0] != '\0')
		traffic->before = was;
	traffic->dirty = true;
}

static bool
is_same_month(int64_t a_ms, int64_t b_ms)
{
	char a[TRAFFIC_MONTH], b[TRAFFIC_MONTH];

	traffic_month_of(a_ms, a);
	traffic_month_of(b_ms, b);
	return a_ms != -1 && strcmp(a, b) == 0;
}

void
traffic_follow(struct traffic *traffic, const struct boot *boot,
    int64_t began_ms, int64_t wall_ms)
{
	bool none = traffic->host[0] == '\0';

	if (!none && traffic->domid == boot->domid &&
	    strcmp(traffic->host, boot->host) == 0 &&
	    memcmp(traffic->uuid, boot->uuid, WIRE_UUID) == 0)
		return;
	(void)text_copy(traffic->host, sizeof(traffic->host), boot->host);
	traffic->domid = boot->domid;
	memcpy(traffic->uuid, boot->uuid, WIRE_UUID);
	traffic->seen_in = traffic->seen_out = 0;
	traffic->unknown = none && !is_same_month(began_ms, wall_ms);
	traffic->dirty = true;
}

static uint64_t
grown(uint64_t *seen, uint64_t now)
{
	uint64_t more = now > *seen ? now - *seen : 0;

	*seen = now;
	return more;
}

void
traffic_add(struct traffic *traffic, int64_t wall_ms, uint64_t in,
    uint64_t out)
{
	uint64_t was_in = traffic->seen_in, was_out = traffic->seen_out;

	traffic_turn(traffic, wall_ms);
	in = grown(&traffic->seen_in, in);
	out = grown(&traffic->seen_out, out);
	if (!traffic->unknown) {
		traffic->now.in += in;
		traffic->now.out += out;
	}
	if (traffic->unknown || traffic->seen_in != was_in ||
	    traffic->seen_out != was_out)
		traffic->dirty = true;
	traffic->unknown = false;
}
