/* SPDX-License-Identifier: ISC */
#include "tests/unit/shell_seat.h"

#include <locale.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "menu/menu.h"
#include "shell/menu_loop.h"

/*
 * The menu, its loop and the connection as they are, and a clock that can be
 * put forward.  In place of base/clock.c, for this program only.
 */
struct asleep {
	struct sockaddr_un address;
	volatile int64_t *ahead_ms;
};

static volatile int64_t *ahead_ms;

static int64_t
now_ms(clockid_t id)
{
	struct timespec now = { 0, 0 };

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_ms(void)
{
	return now_ms(CLOCK_MONOTONIC) + (ahead_ms != NULL ? *ahead_ms : 0);
}

int64_t
clock_boot_ms(void)
{
	return now_ms(CLOCK_BOOTTIME);
}

int64_t
clock_wall_ms(void)
{
	return now_ms(CLOCK_REALTIME);
}

void
clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_LEN])
{
	(void)wall_ms;
	out[0] = '\0';
}

static int
menu_body(void *arg)
{
	static struct session session;
	const struct asleep *asleep = arg;
	const struct menu_options options = { .term = "xterm",
		.in = 0,
		.out = 1,
		.utf8 = true };
	struct menu_loop_options loop = { .session = &session,
		.wish = WIRE_MODE_MENU };
	struct menu_loop_result result;
	struct termios before;

	if (setlocale(LC_ALL, "C.UTF-8") == NULL || tcgetattr(0, &before) == -1)
		return 10;
	if (client_init(&session.client, asleep->address.sun_path, "") == -1)
		return 11;
	session.menu = menu_open(&options);
	if (session.menu == NULL)
		return 12;
	loop.before = &before;
	menu_loop(&loop, &result);
	menu_close(session.menu);
	client_close(&session.client);
	return result.end == MENU_LOOP_QUIT ? 0 : 13;
}

/* The next request, which is that. */
static uint32_t
asked(int fd, uint32_t type, struct wire_msg *msg)
{
	size_t nfds = 0;
	int fds[FD_PASS_MAX];

	rig_wait(fd, POLLIN);
	assert_true(wire_recv(fd, msg, WIRE_CLIENT_BROKER, fds, &nfds) > 0);
	assert_int_equal(msg->head.type, type);
	return msg->head.id;
}

/* All guests are asked for, with their figures or without. */
static uint32_t
follows(int fd, uint32_t flags)
{
	struct wire_guest guest = { .name = "web",
		.state = WIRE_STATE_RUNNING,
		.boot = 7,
		.uptime_ms = 1000,
		.cpu_permille = -1,
		.rights = 0xffff };
	const struct wire_count count = { .count = 1 };
	struct wire_msg msg;
	uint32_t id = asked(fd, WIRE_FOLLOW, &msg);

	assert_int_equal(msg.u.look.flags, flags);
	assert_int_equal(wire_send(fd, WIRE_GUEST, id, &guest, NULL, 0), 0);
	text_copy(guest.name, sizeof(guest.name), "db");
	assert_int_equal(wire_send(fd, WIRE_GUEST, id, &guest, NULL, 0), 0);
	assert_int_equal(wire_send(fd, WIRE_END, id, &count, NULL, 0), 0);
	return id;
}

static void
after_five_minutes_without_a_key_it_asks_for_nothing(void **state)
{
	const struct wire_outcome no = { .err = VPSH_ERR_FAILED };
	struct wire_who who = { .customer = "alice", .host = "vm" };
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	struct asleep asleep = { .address.sun_family = AF_UNIX };
	char folder[] = "/tmp/vpsh-asleep-XXXXXX";
	struct wire_hello hello;
	struct wire_guest gone = { .name = "db", .uptime_ms = -1,
		.cpu_permille = -1, .rights = 0xffff };
	struct wire_msg msg;
	struct seat seat;
	uint32_t id;
	int listener, fd;

	(void)state;
	ahead_ms = mmap(NULL, sizeof(*ahead_ms), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(ahead_ms != MAP_FAILED);
	assert_non_null(mkdtemp(folder));
	text_format(asleep.address.sun_path, sizeof(asleep.address.sun_path),
	    "%s/socket", folder);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&asleep.address,
			     sizeof(asleep.address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	seat_open(&seat);
	assert_int_equal(ioctl(seat.slave, TIOCSWINSZ, &size), 0);
	seat_run(&seat, menu_body, &asleep);
	rig_wait(listener, POLLIN);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd != -1);
	asked(fd, WIRE_HELLO, &msg);
	wire_hello(&hello, WIRE_ROLE_BROKER, NULL);
	assert_int_equal(wire_send(fd, WIRE_HELLO, 0, &hello, NULL, 0), 0);
	id = asked(fd, WIRE_WHOAMI, &msg);
	assert_int_equal(wire_send(fd, WIRE_WHO, id, &who, NULL, 0), 0);
	id = asked(fd, WIRE_PREFS, &msg);
	assert_int_equal(wire_send(fd, WIRE_REFUSED, id, &no, NULL, 0), 0);
	follows(fd, 0);
	id = follows(fd, WIRE_LOOK_COUNTERS);
	seat_see(&seat, "web");

	/* What happens is still shown, but no figures are asked for. */
	*ahead_ms = MENU_ASLEEP_MS;
	assert_int_equal(wire_send(fd, WIRE_GUEST, id, &gone, NULL, 0), 0);
	follows(fd, 0);
	seat_see(&seat, "No key for 5 minutes");

	/* A key, which is also a key, and all is as before. */
	seat_type(&seat, "j");
	follows(fd, WIRE_LOOK_COUNTERS);
	seat_type(&seat, "q");
	assert_int_equal(seat_wait(&seat), 0);
	seat_close(&seat);
	close(fd);
	close(listener);
	unlink(asleep.address.sun_path);
	rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    after_five_minutes_without_a_key_it_asks_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
