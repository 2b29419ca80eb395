/* SPDX-License-Identifier: ISC */
#include "tests/unit/console_rig.h"

/*
 * Who is at a console, operators among them, and a console that is lent to
 * another tool: a real vpsh-console.
 */

static void
attach_as(struct rig *rig, struct rig_view *view,
    const struct rig_guest *guest, const char *who, struct wire_grant how)
{
	how.from = WIRE_FROM_TAIL;
	how.tail = 4096;
	rig_grant(rig, view, guest, who, how);
	while (view->told == 0)
		assert_true(rig_look(view));
}

static void
watch_as_operator(struct rig *rig, struct rig_view *view,
    const struct rig_guest *guest)
{
	const struct wire_grant how = { .may_write = 1,
		.flags = WIRE_ATTACH_OPERATOR };

	attach_as(rig, view, guest, "operator", how);
}

static void
ask_here(struct rig_view *view, const char *answer)
{
	const struct wire_empty body = { 0 };

	rig_send(view->fd, WIRE_HERE, &body, NULL, 0);
	rig_see_event(view, "here: ");
	assert_string_equal(view->event, answer);
	view->event[0] = '\0';
}

/* All events of a log, each with a line feed. */
static void
events_of_log(struct rig *rig, const struct rig_guest *guest, char *dst,
    size_t size)
{
	struct rig_view log;
	unsigned seen = 0;

	rig_log(rig, &log, guest, 0, -1);
	for (*dst = '\0'; !log.ended;) {
		assert_true(rig_look(&log));
		if (log.events == seen)
			continue;
		seen = log.events;
		(void)snprintf(dst + strlen(dst), size - strlen(dst), "%s\n",
		    log.event);
	}
	rig_view_free(&log);
}

/* So that what was asked of the server before that is done. */
static void
settle(struct rig *rig, struct rig_guest *guest, struct rig_view *view)
{
	(void)rig;
	rig_print(guest, "settled");
	rig_see_text(view, "settled");
}

static void
those_who_are_there_hear_who_comes_and_goes(void **state)
{
	struct rig_view alice, bob;
	struct rig_guest web;
	struct wire_msg msg;
	struct rig rig;
	char log[1024];

	(void)state;
	rig_open_view(&rig, &web, &alice);
	rig_attach(&rig, &bob, &web, "bob");
	rig_see_event(&alice, "bob has joined");
	rig_send(bob.fd, WIRE_TAKE, &(struct wire_empty){ 0 }, NULL, 0);
	rig_see_writer(&alice, false, "bob");
	rig_view_free(&bob);
	rig_recv(rig.broker, &msg, WIRE_CONSOLE_BROKER, WIRE_VIEWER_GONE);
	rig_see_writer(&alice, true, "alice");
	rig_see_event(&alice, "bob has left");
	/* Who writes they were told already. */
	assert_null(strstr(alice.event, "taken"));
	events_of_log(&rig, &web, log, sizeof(log));
	assert_string_equal(log, "console opened (boot 1)\n"
	    "alice has joined\nbob has joined\nbob has taken over\n"
	    "bob has left\n");
	rig_view_free(&alice);
	rig_close(&rig, &web);
}

static void
who_joins_hears_nothing_of_itself_or_of_those_before(void **state)
{
	struct rig_view view, late;
	struct rig_guest web;
	struct wire_msg msg;
	struct rig rig;
	int i;

	(void)state;
	rig_open(&rig, &web);
	for (i = 0; i < 3; i++) {
		rig_attach(&rig, &view, &web, "bob");
		rig_view_free(&view);
		rig_recv(rig.broker, &msg, WIRE_CONSOLE_BROKER,
		    WIRE_VIEWER_GONE);
	}
	rig_attach(&rig, &late, &web, "alice");
	settle(&rig, &web, &late);
	assert_int_equal(late.events, 1);
	assert_string_equal(late.event, "console opened (boot 1)");
	rig_view_free(&late);
	rig_close(&rig, &web);
}

static void
a_thousand_attaches_leave_the_marks_of_boots(void **state)
{
	struct rig_view view, stays;
	struct rig_guest web;
	struct wire_msg msg;
	struct rig rig;
	char log[4096];
	size_t lines;
	char *c;
	int i;

	(void)state;
	rig_open_view(&rig, &web, &stays);
	for (i = 0; i < 1000; i++) {
		rig_attach(&rig, &view, &web, "bob");
		rig_view_free(&view);
		rig_recv(rig.broker, &msg, WIRE_CONSOLE_BROKER,
		    WIRE_VIEWER_GONE);
		if (i % 100 == 0)
			settle(&rig, &web, &stays);
	}
	rig_see_event(&stays, "bob has left");
	events_of_log(&rig, &web, log, sizeof(log));
	assert_non_null(strstr(log, "console opened (boot 1)\n"));
	for (lines = 0, c = log; (c = strchr(c, '\n')) != NULL; c++)
		lines++;
	assert_in_range(lines, 3, 16);
	rig_view_free(&stays);
	rig_close(&rig, &web);
}

static void
here_names_who_is_there_and_who_types(void **state)
{
	const struct wire_grant looks = { .may_write = 0 };
	struct rig_view alice, second, overseer, log;
	struct rig_guest web;
	struct rig rig;

	(void)state;
	rig_open_view(&rig, &web, &alice);
	ask_here(&alice, "here: alice (types)");
	attach_as(&rig, &second, &web, "alice", looks);
	watch_as_operator(&rig, &overseer, &web);
	rig_log(&rig, &log, &web, WIRE_ATTACH_FOLLOW, -1);
	rig_see_event(&log, "the operator watches");
	ask_here(&second, "here: alice (types), alice (watches), "
			  "the operator (watches)");
	ask_here(&overseer, "here: alice (types), alice (watches), "
			    "the operator (watches)");
	rig_view_free(&alice);
	rig_see_event(&second, "alice has left");
	ask_here(&second, "here: alice (watches), the operator (watches)");
	rig_view_free(&second);
	rig_view_free(&overseer);
	rig_view_free(&log);
	rig_close(&rig, &web);
}

static void
many_with_long_names_are_counted(void **state)
{
	struct rig_view views[40];
	struct rig_guest web;
	struct rig rig;
	char name[WIRE_NAME];
	size_t i;

	(void)state;
	rig_open(&rig, &web);
	for (i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "a%031zu", i);
		rig_attach(&rig, &views[i], &web, name);
	}
	rig_send(views[39].fd, WIRE_HERE, &(struct wire_empty){ 0 }, NULL, 0);
	rig_see_event(&views[39], "here: a0000000000000000000000000000000 "
				  "(types), a0000000000000000000000000000001 "
				  "(watches), ");
	assert_non_null(strstr(views[39].event, " more"));
	assert_true(strlen(views[39].event) < WIRE_TEXT - 1);
	for (i = 0; i < 40; i++)
		rig_view_free(&views[i]);
	rig_close(&rig, &web);
}

/* --- operators ----------------------------------------------------------- */

static void
an_operator_sees_all_writes_nothing_and_is_announced(void **state)
{
	struct rig_view alice, overseer;
	struct rig_guest web;
	struct rig rig;

	(void)state;
	rig_open_view(&rig, &web, &alice);
	watch_as_operator(&rig, &overseer, &web);
	rig_see_event(&alice, "the operator watches");
	rig_print(&web, "secret\x1b]0;title\x07");
	rig_see_text(&overseer, "secret\x1b]0;title\x07");
	rig_type(&overseer, "rm -rf /\r");
	rig_send(overseer.fd, WIRE_TAKE, &(struct wire_empty){ 0 }, NULL, 0);
	rig_see_writer(&overseer, false, "alice");
	rig_type(&overseer, "rm -rf /\r");
	rig_type(&alice, "mine");
	rig_hears(&web, "mine");
	rig_hears_nothing(&web);
	/* Not even when nobody else is left. */
	rig_view_free(&alice);
	rig_see_writer(&overseer, false, "");
	rig_type(&overseer, "rm -rf /\r");
	rig_attach(&rig, &alice, &web, "alice");
	assert_true(alice.writer);
	rig_type(&alice, "mine");
	rig_hears(&web, "mine");
	rig_hears_nothing(&web);
	rig_view_free(&overseer);
	rig_see_event(&alice, "the operator has left");
	rig_view_free(&alice);
	rig_close(&rig, &web);
}

/* --- restarts ------------------------------------------------------------ */

static void
who_only_comes_back_after_a_restart_is_no_news(void **state)
{
	struct wire_grant back = { .from = 0, .may_write = 1 };
	struct rig_view alice, again, bob;
	struct rig_guest web;
	struct wire_msg msg;
	struct rig rig;
	char log[1024];

	(void)state;
	rig_open_view(&rig, &web, &alice);
	rig_attach(&rig, &bob, &web, "bob");
	settle(&rig, &web, &alice);
	back.from = alice.next;
	/* Another broker, which does not know of her. */
	fd_close(&rig.broker);
	rig.broker = rig_peer(&rig, WIRE_ROLE_BROKER);
	rig_recv(rig.broker, &msg, WIRE_CONSOLE_BROKER, WIRE_READY);
	rig_grant(&rig, &again, &web, "alice", back);
	while (again.told == 0)
		assert_true(rig_look(&again));
	rig_view_free(&alice);
	settle(&rig, &web, &bob);
	/* And another console server. */
	rig_kill(&rig);
	rig_view_free(&again);
	rig_view_free(&bob);
	rig_start(&rig);
	rig_hand_over(&rig, &web);
	rig_recv(rig.broker, &msg, WIRE_CONSOLE_BROKER, WIRE_READY);
	rig_grant(&rig, &again, &web, "alice", back);
	while (again.told == 0)
		assert_true(rig_look(&again));
	events_of_log(&rig, &web, log, sizeof(log));
	assert_non_null(strstr(log, "alice has joined\nbob has joined\n"));
	assert_ptr_equal(strstr(log, "alice has joined"),
	    strstr(log, "alice has"));
	assert_null(strstr(strstr(log, "bob has joined"),
	    "alice has joined"));
	/* One that ends in order takes nobody away, either. */
	back.from = again.next;
	rig_stop(&rig);
	rig_view_free(&again);
	rig_start(&rig);
	rig_hand_over(&rig, &web);
	rig_recv(rig.broker, &msg, WIRE_CONSOLE_BROKER, WIRE_READY);
	rig_grant(&rig, &again, &web, "alice", back);
	while (again.told == 0)
		assert_true(rig_look(&again));
	events_of_log(&rig, &web, log, sizeof(log));
	assert_null(strstr(log, "alice has left"));
	rig_view_free(&again);
	rig_close(&rig, &web);
}

/* --- lent ---------------------------------------------------------------- */

static void
lend(struct rig *rig, struct rig_guest *guest)
{
	struct wire_pty lent = guest->pty;
	struct wire_msg msg;

	lent.flags = WIRE_PTY_LENT;
	rig_send(rig->watch, WIRE_PTY_DROP, &lent, NULL, 0);
	rig_recv(rig->watch, &msg, WIRE_CONSOLE_WATCH, WIRE_PTY_LOST);
	assert_memory_equal(msg.u.pty.uuid, guest->pty.uuid, WIRE_UUID);
}

static void
take_back(struct rig *rig, struct rig_guest *guest)
{
	struct wire_msg msg;

	rig_hand_over(rig, guest);
	rig_recv(rig->broker, &msg, WIRE_CONSOLE_BROKER, WIRE_READY);
}

static void
a_lent_console_is_not_read_and_its_gap_is_marked(void **state)
{
	struct wire_stream mark = { .customer = "alice", .guest = "web",
		.text = "the operator has taken this console" };
	struct rig_view alice, late;
	struct rig_guest web;
	struct rig rig;
	char theirs[16];

	(void)state;
	rig_open_view(&rig, &web, &alice);
	rig_print(&web, "before");
	lend(&rig, &web);
	/* What came until then is shown, and not a byte is taken after it. */
	rig_see_text(&alice, "before");
	rig_send(rig.broker, WIRE_MARK, &mark, NULL, 0);
	rig_see_event(&alice, "the operator has taken this console");
	rig_print(&web, "for xl");
	rig_type(&alice, "lost");
	rig_attach(&rig, &late, &web, "bob");
	rig_see_event(&late, "the operator has taken this console");
	assert_int_equal(read(web.slave, theirs, sizeof(theirs)), 6);
	take_back(&rig, &web);
	rig_see_event(&alice, "console opened again (boot 1)");
	rig_print(&web, "after");
	rig_see_text(&alice, "after");
	assert_null(memmem(alice.data, alice.len, "for xl", 6));
	rig_type(&alice, "hi");
	rig_hears(&web, "hi");
	rig_view_free(&late);
	rig_log(&rig, &late, &web, 0, -1);
	rig_see_event(&late, "what was printed meanwhile is missing");
	rig_view_free(&late);
	rig_view_free(&alice);
	rig_close(&rig, &web);
}

static void
a_server_that_is_new_learns_what_is_lent(void **state)
{
	struct rig_view alice;
	struct rig_guest web;
	struct rig rig;

	(void)state;
	rig_open(&rig, &web);
	lend(&rig, &web);
	rig_kill(&rig);
	rig_start(&rig);
	lend(&rig, &web);
	rig_attach(&rig, &alice, &web, "alice");
	rig_see_event(&alice, "the operator has this console for a while");
	take_back(&rig, &web);
	rig_see_event(&alice, "what was printed meanwhile is missing");
	rig_see_event(&alice, "console opened again (boot 1)");
	rig_view_free(&alice);
	rig_close(&rig, &web);
}

static void
why_the_guest_went_off_is_said_once(void **state)
{
	struct wire_stream mark = { .customer = "alice", .guest = "web",
		.text = "the guest is rebooting" };
	struct rig_view alice;
	struct rig_guest web;
	struct wire_msg msg;
	struct rig rig;

	(void)state;
	rig_open_view(&rig, &web, &alice);
	rig_see_event(&alice, "console opened (boot 1)");
	rig_send(rig.broker, WIRE_MARK, &mark, NULL, 0);
	rig_see_event(&alice, "the guest is rebooting");
	rig_halt(&web);
	rig_recv(rig.watch, &msg, WIRE_CONSOLE_WATCH, WIRE_PTY_LOST);
	rig_boot(&rig, &web);
	rig_see_event(&alice, "console opened (boot 2)");
	assert_int_equal(alice.events, 3);
	/* The next time it does not go off then, and nobody knows why. */
	rig_send(rig.broker, WIRE_MARK, &mark, NULL, 0);
	rig_see_event(&alice, "the guest is rebooting");
	rig_print(&web, "not yet");
	rig_see_text(&alice, "not yet");
	rig_halt(&web);
	rig_see_event(&alice, "console closed; waiting for the guest");
	rig_view_free(&alice);
	rig_close(&rig, &web);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_who_are_there_hear_who_comes_and_goes),
		cmocka_unit_test(
		    who_joins_hears_nothing_of_itself_or_of_those_before),
		cmocka_unit_test(a_thousand_attaches_leave_the_marks_of_boots),
		cmocka_unit_test(here_names_who_is_there_and_who_types),
		cmocka_unit_test(many_with_long_names_are_counted),
		cmocka_unit_test(
		    an_operator_sees_all_writes_nothing_and_is_announced),
		cmocka_unit_test(
		    who_only_comes_back_after_a_restart_is_no_news),
		cmocka_unit_test(
		    a_lent_console_is_not_read_and_its_gap_is_marked),
		cmocka_unit_test(a_server_that_is_new_learns_what_is_lent),
		cmocka_unit_test(why_the_guest_went_off_is_said_once)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
