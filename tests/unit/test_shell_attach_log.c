/* SPDX-License-Identifier: ISC */
#include <time.h>

#include "tests/unit/console_rig.h"

#include "shell/attach_log.h"
#include "shell/signals.h"

/* What the frames of a log become on the customer's side. */

#define NOON INT64_C(1795262400000) /* 2026-11-21T12:00:00Z */

struct scene {
	int viewer[2];
	struct attach_log_options options;
	struct attach_log log;
	char *text;
	size_t len;
	uint64_t offset;
};

static void
open_scene(struct scene *scene, const char *zone, unsigned lines)
{
	memset(scene, 0, sizeof(*scene));
	assert_int_equal(setenv("TZ", zone, 1), 0);
	tzset();
	assert_int_equal(fd_pair(scene->viewer), 0);
	scene->options.out = open_memstream(&scene->text, &scene->len);
	assert_non_null(scene->options.out);
	scene->options.lines = lines;
}

static void
close_scene(struct scene *scene)
{
	fd_close(&scene->viewer[0]);
	fd_close(&scene->viewer[1]);
	(void)fclose(scene->options.out);
	free(scene->text);
}

static void
stamp(struct scene *scene, int s)
{
	const struct wire_stamp body = { scene->offset, NOON + s * 1000 };

	rig_send(scene->viewer[0], WIRE_STAMP, &body, NULL, 0);
}

static void
bytes(struct scene *scene, const char *text)
{
	assert_int_equal(wire_send_data(scene->viewer[0], WIRE_OUTPUT,
			     scene->offset, text, strlen(text)),
	    0);
	scene->offset += strlen(text);
}

static void
mark(struct scene *scene, const char *text)
{
	struct wire_text body = { "" };

	(void)text_copy(body.text, sizeof(body.text), text);
	rig_send(scene->viewer[0], WIRE_EVENT, &body, NULL, 0);
}

static void
end(struct scene *scene, int err)
{
	const struct wire_outcome body = { .err = err };

	rig_send(scene->viewer[0], WIRE_VIEW_END, &body, NULL, 0);
}

/* A boot in the evening that goes on after midnight. */
static void
an_evening(struct scene *scene)
{
	stamp(scene, 42000);
	mark(scene, "console opened (boot 7)");
	bytes(scene, "Linux version 6.1\r\n\033[1;32mOK\033[0m st");
	stamp(scene, 42001);
	bytes(scene, "arted\r\n");
	stamp(scene, 43200);
	bytes(scene, "\r\n10%\r20%\r\nlogin: ");
	stamp(scene, 43201);
	mark(scene, "console closed; waiting for the guest");
	end(scene, VPSH_OK);
}

static void
assert_shows(struct scene *scene, const char *want)
{
	attach_log_init(&scene->log, &scene->options);
	assert_int_equal(attach_log_collect(&scene->log, scene->viewer[1],
			     RIG_MS),
	    VPSH_OK);
	assert_string_equal(scene->text, want);
}

static void
each_line_has_the_time_at_which_it_began(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene, "UTC0", 0);
	an_evening(&scene);
	assert_shows(&scene,
	    "-- 2026-11-21, times in UTC --\n"
	    "-- 23:40:00 console opened (boot 7) --\n"
	    "23:40:00 Linux version 6.1\n"
	    "23:40:00 OK started\n"
	    "-- 2026-11-22, times in UTC --\n"
	    "00:00:00\n"
	    "00:00:00 10%\n"
	    "00:00:00 20%\n"
	    "00:00:00 login: \n"
	    "-- 00:00:01 console closed; waiting for the guest --\n");
	close_scene(&scene);
}

static void
times_are_those_of_the_customers_zone(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene, "CET-1", 2);
	an_evening(&scene);
	assert_shows(&scene,
	    "-- 2026-11-22, times in CET --\n"
	    "01:00:00 login: \n"
	    "-- 01:00:01 console closed; waiting for the guest --\n");
	close_scene(&scene);
}

static void
the_last_lines_are_counted_as_they_are_shown(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene, "UTC0", 4);
	an_evening(&scene);
	assert_shows(&scene,
	    "-- 2026-11-22, times in UTC --\n"
	    "00:00:00 10%\n"
	    "00:00:00 20%\n"
	    "00:00:00 login: \n"
	    "-- 00:00:01 console closed; waiting for the guest --\n");
	close_scene(&scene);
	open_scene(&scene, "UTC0", 9999);
	stamp(&scene, 0);
	bytes(&scene, "one\ntwo");
	end(&scene, VPSH_OK);
	assert_shows(&scene,
	    "-- 2026-11-21, times in UTC --\n12:00:00 one\n12:00:00 two\n");
	close_scene(&scene);
}

static void
lines_without_a_time_are_shown_all_the_same(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene, "UTC0", 0);
	bytes(&scene, "old\n\nolder\n");
	mark(&scene, "a mark");
	stamp(&scene, 5);
	bytes(&scene, "new\n");
	end(&scene, VPSH_OK);
	assert_shows(&scene,
	    "         old\n\n         older\n-- a mark --\n"
	    "-- 2026-11-21, times in UTC --\n12:00:05 new\n");
	close_scene(&scene);
}

static void
as_json_each_line_is_an_object(void **state)
{
	const struct wire_missed missed = { 77 };
	struct scene scene;

	(void)state;
	open_scene(&scene, "CET-1", 0);
	scene.options.json = true;
	bytes(&scene, "old\n");
	stamp(&scene, 1);
	bytes(&scene, "say \"\033[31mhi\033[0m\"\a\n");
	mark(&scene, "gone");
	rig_send(scene.viewer[0], WIRE_MISSED, &missed, NULL, 0);
	end(&scene, VPSH_OK);
	assert_shows(&scene,
	    "{\"v\":1,\"at\":null,\"offset\":0,\"text\":\"old\"}\n"
	    "{\"v\":1,\"at\":\"2026-11-21T12:00:01.000Z\",\"offset\":4,"
	    "\"text\":\"say \\\"hi\\\"\\\\x07\"}\n"
	    "{\"v\":1,\"at\":\"2026-11-21T12:00:01.000Z\",\"offset\":23,"
	    "\"mark\":\"gone\"}\n"
	    "{\"v\":1,\"at\":null,\"offset\":23,\"missed\":77}\n");
	close_scene(&scene);
}

static void
C12_no_guest_can_write_a_line_of_ours(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene, "UTC0", 0);
	bytes(&scene, "-- 12:00:00 fake --\r\n");
	bytes(&scene, "x\r-- 12:00:00 fake --\r\n");
	stamp(&scene, 1);
	bytes(&scene, "-- 12:00:00 fake --\r-- fake --\n");
	mark(&scene, "\033[2Jtrue");
	end(&scene, VPSH_OK);
	assert_shows(&scene,
	    "         -- 12:00:00 fake --\n         x\n"
	    "         -- 12:00:00 fake --\n"
	    "-- 2026-11-21, times in UTC --\n"
	    "12:00:01 -- 12:00:00 fake --\n12:00:01 -- fake --\n"
	    "-- 12:00:01 \\x1b[2Jtrue --\n");
	close_scene(&scene);
}

static void
a_line_without_an_end_is_shown_in_pieces(void **state)
{
	char *line = malloc(3 * ATTACH_LOG_LINE);
	struct scene scene;

	(void)state;
	assert_non_null(line);
	memset(line, 'x', 3 * ATTACH_LOG_LINE);
	line[2 * ATTACH_LOG_LINE] = '\n';
	line[2 * ATTACH_LOG_LINE + 1] = '\0';
	open_scene(&scene, "UTC0", 0);
	bytes(&scene, line);
	end(&scene, VPSH_OK);
	attach_log_init(&scene.log, &scene.options);
	assert_int_equal(attach_log_collect(&scene.log, scene.viewer[1],
			     RIG_MS),
	    VPSH_OK);
	assert_int_equal(scene.log.count, 2);
	assert_int_equal(scene.len, 2 * (9 + ATTACH_LOG_LINE + 1));
	close_scene(&scene);
	free(line);
}

/* --- how it ends --------------------------------------------------------- */

static void
a_log_is_shown_when_it_is_whole(void **state)
{
	struct scene scene;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		open_scene(&scene, "UTC0", 0);
		bytes(&scene, "one\n");
		if (i == 0)
			end(&scene, VPSH_ERR_REVOKED);
		else if (i == 1)
			fd_close(&scene.viewer[0]);
		attach_log_init(&scene.log, &scene.options);
		assert_int_equal(attach_log_collect(&scene.log,
				     scene.viewer[1], i == 2 ? 50 : RIG_MS),
		    i == 0	   ? VPSH_ERR_REVOKED :
			i == 1 ? VPSH_ERR_CONSOLE :
				 VPSH_ERR_TIMEOUT);
		(void)fflush(scene.options.out);
		assert_int_equal(scene.len, 0);
		close_scene(&scene);
	}
}

struct follower {
	struct scene scene;
	int out[2];
	int broker[2];
	pid_t pid;
};

static void
follow(struct follower *f)
{
	struct client client = { .fd = f->broker[1] };
	int err;

	signals_init();
	fd_close(&f->scene.viewer[0]);
	fd_close(&f->broker[0]);
	fd_close(&f->out[0]);
	f->scene.options.out = fdopen(f->out[1], "w");
	f->scene.options.follow = true;
	attach_log_init(&f->scene.log, &f->scene.options);
	err = attach_log_follow(&f->scene.log, f->scene.viewer[1], &client);
	attach_log_end(&f->scene.log);
	_exit(-err);
}

static void
open_follower(struct follower *f)
{
	open_scene(&f->scene, "UTC0", 0);
	assert_int_equal(pipe2(f->out, O_CLOEXEC), 0);
	assert_int_equal(fd_pair(f->broker), 0);
	f->pid = fork();
	assert_int_not_equal(f->pid, -1);
	if (f->pid == 0)
		follow(f);
	fd_close(&f->scene.viewer[1]);
	fd_close(&f->broker[1]);
	fd_close(&f->out[1]);
}

static void
follower_ends(struct follower *f, int err)
{
	int status;

	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), -err);
	fd_close(&f->out[0]);
	fd_close(&f->broker[0]);
	close_scene(&f->scene);
}

static void
follower_shows(struct follower *f, const char *want)
{
	size_t have = 0, len = strlen(want);
	char got[512];
	ssize_t n;

	while (have < len) {
		rig_wait(f->out[0], POLLIN);
		n = read(f->out[0], got + have, len - have);
		assert_true(n > 0);
		have += (size_t)n;
	}
	assert_memory_equal(got, want, len);
}

static void
a_follower_leaves_with_ctrl_c_and_all_lines(void **state)
{
	struct follower f;

	(void)state;
	open_follower(&f);
	stamp(&f.scene, 0);
	bytes(&f.scene, "one\nlogin: ");
	follower_shows(&f, "-- 2026-11-21, times in UTC --\n12:00:00 one\n");
	assert_int_equal(kill(f.pid, SIGINT), 0);
	follower_shows(&f, "12:00:00 login: \n");
	follower_ends(&f, VPSH_OK);
}

static void
G11_a_follower_knows_why_it_ended(void **state)
{
	const struct wire_outcome bye = { .err = VPSH_ERR_REVOKED };
	struct follower f;

	(void)state;
	open_follower(&f);
	end(&f.scene, VPSH_ERR_REVOKED);
	follower_ends(&f, VPSH_ERR_REVOKED);
	open_follower(&f);
	rig_send(f.broker[0], WIRE_BYE, &bye, NULL, 0);
	follower_ends(&f, VPSH_ERR_REVOKED);
	open_follower(&f);
	fd_close(&f.broker[0]);
	follower_ends(&f, VPSH_ERR_CONSOLE);
	open_follower(&f);
	fd_close(&f.scene.viewer[0]);
	follower_ends(&f, VPSH_ERR_CONSOLE);
	open_follower(&f);
	fd_close(&f.out[0]);
	follower_ends(&f, VPSH_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_has_the_time_at_which_it_began),
		cmocka_unit_test(times_are_those_of_the_customers_zone),
		cmocka_unit_test(the_last_lines_are_counted_as_they_are_shown),
		cmocka_unit_test(lines_without_a_time_are_shown_all_the_same),
		cmocka_unit_test(as_json_each_line_is_an_object),
		cmocka_unit_test(C12_no_guest_can_write_a_line_of_ours),
		cmocka_unit_test(a_line_without_an_end_is_shown_in_pieces),
		cmocka_unit_test(a_log_is_shown_when_it_is_whole),
		cmocka_unit_test(a_follower_leaves_with_ctrl_c_and_all_lines),
		cmocka_unit_test(G11_a_follower_knows_why_it_ended)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
