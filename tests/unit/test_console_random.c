/* SPDX-License-Identifier: ISC */
#include "console/ring.h"
#include "tests/unit/console_rig.h"

/*
 * Anything at any time: a guest that prints, viewers that read, dawdle, go
 * and come back, reboots, and a console server that is killed.  Whoever looks
 * sees a piece of what the guest printed without a gap, or is told in that
 * very place that there is one.
 */

#define SAID	(24 * MIB)
#define VIEWERS	5
#define STEPS	3000
/* What dies with a pty, and what with a read that was never finished. */
#define GAP_MAX	(64 * 1024)
/* So many bytes of noise are like no others. */
#define KNOWN	24

struct looker {
	struct rig_view	 view;
	bool		 knows;		/* where in what was said it is */
	uint64_t	 shift;		/* from its offset to there */
	unsigned	 gaps;		/* it was told of, right here */
	unsigned	 lazy;		/* looks one time in so many */
	uint64_t	 shown;
};

struct scene {
	struct rig	 rig;
	struct rig_guest web;
	struct looker	 lookers[VIEWERS];
	uint8_t		*said;
	size_t		 at;
	uint64_t	 dice;
	unsigned	 kills;
	unsigned	 gaps;		/* found where they were told */
	uint64_t	 missed;	/* by who was too slow */
};

static unsigned
roll(struct scene *s, unsigned sides)
{
	s->dice ^= s->dice << 13;
	s->dice ^= s->dice >> 7;
	s->dice ^= s->dice << 17;
	return (unsigned)(s->dice >> 33) % sides;
}

/* --- what a viewer sees -------------------------------------------------- */

static bool
fits(const struct scene *s, const struct looker *l, uint64_t offset,
    uint64_t shift)
{
	return offset + shift + l->view.len <= s->at &&
	    memcmp(s->said + offset + shift, l->view.data, l->view.len) == 0;
}

static void
find_first(struct scene *s, struct looker *l, uint64_t offset)
{
	const uint8_t *found;

	if (l->view.len < KNOWN)
		return;
	found = memmem(s->said, s->at, l->view.data, l->view.len);
	if (found == NULL)
		fail_msg("what it sees was never said");
	l->shift = (uint64_t)(found - s->said) - offset;
	l->knows = true;
}

static void
check_bytes(struct scene *s, struct looker *l)
{
	const uint64_t offset = l->view.next - l->view.len;
	uint64_t more;

	l->shown += l->view.len;
	if (!l->knows) {
		find_first(s, l, offset);
	} else if (!fits(s, l, offset, l->shift)) {
		if (l->gaps == 0)
			fail_msg("a gap at %llu of which nobody was told",
			    (unsigned long long)offset);
		for (more = 1; more <= l->gaps * GAP_MAX; more++)
			if (fits(s, l, offset, l->shift + more))
				break;
		if (more > l->gaps * GAP_MAX)
			fail_msg("more is missing at %llu than can be",
			    (unsigned long long)offset);
		l->shift += more;
		s->gaps++;
		/* Few bytes may fit by chance: let it find out anew. */
		l->knows = l->view.len >= KNOWN;
	}
	l->gaps = 0;
}

/* One frame, if one is there. */
static bool
look(struct scene *s, struct looker *l)
{
	struct pollfd pfd = { l->view.fd, POLLIN, 0 };
	unsigned events = l->view.events;

	if (poll(&pfd, 1, 0) != 1)
		return false;
	l->view.len = 0;
	if (!rig_look(&l->view))
		fail_msg("it was hung up on");
	if (l->view.len > 0)
		check_bytes(s, l);
	if (l->view.events != events &&
	    (strstr(l->view.event, "may be missing") != NULL ||
	    strstr(l->view.event, "console opened") != NULL))
		l->gaps++;
	return true;
}

/* --- what happens -------------------------------------------------------- */

static void
attach(struct scene *s, struct looker *l, bool anew)
{
	struct wire_grant how = { .from = l->view.next, .tail = 4096,
		.may_write = 1, .since_ms = -1 };
	const struct rig_view was = l->view;

	anew = anew || !was.placed;
	if (anew)
		how.from = WIRE_FROM_TAIL;
	rig_grant(&s->rig, &l->view, &s->web, "alice", how);
	l->lazy = 1 + roll(s, 3) * roll(s, 40);
	if (anew) {
		l->knows = false;
		l->gaps = 0;
		return;
	}
	l->view.placed = true;
	l->view.next = was.next;
}

static void
leave(struct scene *s, struct looker *l)
{
	s->missed += l->view.missed;
	rig_view_free(&l->view);
}

/* What the server tells its broker and its watcher is not looked at. */
static void
ignore(struct scene *s)
{
	const int fds[2] = { s->rig.broker, s->rig.watch };
	struct pollfd pfd = { -1, POLLIN, 0 };
	struct wire_msg msg;
	size_t i;

	for (i = 0; i < 2; i++)
		for (pfd.fd = fds[i]; poll(&pfd, 1, 0) == 1;)
			if (wire_recv(pfd.fd, &msg, WIRE_ANY, NULL, NULL) <= 0)
				break;
}

static void
print(struct scene *s, size_t max)
{
	ssize_t n;

	if (max > SAID - s->at)
		max = SAID - s->at;
	n = write(s->web.master, s->said + s->at, max);
	if (n > 0)
		s->at += (size_t)n;
}

static void
kill_server(struct scene *s)
{
	size_t i;

	/* It is in the middle of something. */
	print(s, 1 + roll(s, 65536));
	for (i = 0; i < VIEWERS; i++)
		while (look(s, &s->lookers[i]))
			continue;
	print(s, 1 + roll(s, 65536));
	rig_kill(&s->rig);
	for (i = 0; i < VIEWERS; i++)
		leave(s, &s->lookers[i]);
	rig_start(&s->rig);
	if (roll(s, 2) == 0)
		rig_hand_over(&s->rig, &s->web);
	for (i = 0; i < VIEWERS; i++)
		attach(s, &s->lookers[i], false);
	rig_hand_over(&s->rig, &s->web);
	s->kills++;
}

static void
reboot(struct scene *s)
{
	ignore(s);
	rig_halt(&s->web);
	rig_openpty(&s->web);
	s->web.pty.boot++;
	s->web.pty.domid++;
	s->web.pty.uuid[0]++;
	rig_hand_over(&s->rig, &s->web);
}

static void
step(struct scene *s)
{
	struct looker *l = &s->lookers[roll(s, VIEWERS)];
	struct pollfd room = { s->web.master, POLLOUT, 0 };
	unsigned frames = roll(s, 12);

	switch (roll(s, 300)) {
	case 0:
	case 1:
		kill_server(s);
		return;
	case 2:
		reboot(s);
		return;
	case 3:
	case 4:
	case 5:
		leave(s, l);
		attach(s, l, roll(s, 3) == 0);
		return;
	default:
		break;
	}
	/* A guest that is full is mostly waited for. */
	(void)poll(&room, 1, roll(s, 10) == 0 ? 0 : 10);
	print(s, 1 + roll(s, 3) * roll(s, 16384));
	if (roll(s, l->lazy) == 0)
		while (frames-- > 0 && look(s, l))
			continue;
	ignore(s);
}

/* In the end all see the last byte. */
static void
settle(struct scene *s)
{
	struct looker *l;
	size_t i;

	rig_wait(s->web.master, POLLOUT);
	print(s, KNOWN);
	print(s, KNOWN);
	for (i = 0; i < VIEWERS; i++) {
		l = &s->lookers[i];
		while (!l->knows || l->view.next + l->shift < s->at) {
			rig_wait(l->view.fd, POLLIN);
			(void)look(s, l);
			if (!l->knows)
				print(s, KNOWN);
		}
		assert_int_equal(l->view.next + l->shift, s->at);
		assert_true(l->shown > 0);
	}
}

static void
play(uint64_t seed)
{
	struct scene s = { .dice = seed };
	size_t i;

	print_message("seed %llu\n", (unsigned long long)seed);
	s.said = rig_noise(SAID, (unsigned)seed);
	rig_open(&s.rig, &s.web);
	for (i = 0; i < VIEWERS; i++)
		attach(&s, &s.lookers[i], true);
	for (i = 0; i < STEPS && s.at < SAID - MIB; i++)
		step(&s);
	settle(&s);
	for (i = 0; i < VIEWERS; i++)
		leave(&s, &s.lookers[i]);
	print_message("%zu bytes, %u kills, %u gaps, %llu missed\n", s.at,
	    s.kills, s.gaps, (unsigned long long)s.missed);
	assert_true(s.at > 2 * MIB);
	assert_true(s.kills > 0 && s.gaps > 0);
	rig_close(&s.rig, &s.web);
	free(s.said);
}

static void
every_gap_is_told_where_it_is(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 2; seed++)
		play(seed * UINT64_C(0x2545f4914f6cdd1d));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_gap_is_told_where_it_is)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
