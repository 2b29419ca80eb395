/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "tests/unit/base_help.h"

static char temp[64];

static int
enter(void **state)
{
	(void)state;
	umask(022);
	help_temp_enter(temp);
	return 0;
}

static int
leave(void **state)
{
	(void)state;
	help_temp_leave(temp);
	return 0;
}

static void
make_file(const char *name, const char *data, size_t len, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_int_not_equal(fd, -1);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

/* Refused, with nothing handed out and no descriptor left open. */
static void
assert_fault(const char *name, enum file_fault fault)
{
	char *text = temp;
	size_t len = 99;
	int before = help_count_fds();

	assert_int_equal(file_read_trusted(AT_FDCWD, name, &text, &len), fault);
	assert_null(text);
	assert_int_equal(len, 0);
	assert_int_equal(help_count_fds(), before);
}

static void
assert_content(const char *name, const char *expected, size_t expected_len)
{
	char *text = NULL;
	size_t len = 0;

	assert_int_equal(file_read_trusted(AT_FDCWD, name, &text, &len),
	    FILE_OK);
	assert_int_equal(len, expected_len);
	assert_memory_equal(text, expected, len);
	assert_int_equal(text[len], '\0');
	free(text);
}

static void
own_and_root_owned_files_are_read_whole(void **state)
{
	char *text = NULL;
	size_t len = 0;
	int dir;

	(void)state;
	make_file("plain", "one\ntwo\n", 8, 0644);
	assert_content("plain", "one\ntwo\n", 8);
	make_file("empty", "", 0, 0600);
	assert_content("empty", "", 0);

	dir = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_read_trusted(dir, "passwd", &text, &len),
	    FILE_OK);
	assert_non_null(strstr(text, "root:"));
	free(text);
	close(dir);
}

static void
E05_missing_file(void **state)
{
	(void)state;
	assert_fault("nothing", FILE_MISSING);
	assert_fault("", FILE_MISSING);
}

static void
E05_symbolic_link_even_to_a_good_file(void **state)
{
	(void)state;
	make_file("plain", "x", 1, 0644);
	assert_int_equal(symlink("plain", "link"), 0);
	assert_int_equal(symlink("nothing", "dangling"), 0);
	assert_fault("link", FILE_IRREGULAR);
	assert_fault("dangling", FILE_IRREGULAR);
}

static void
H10_fifo_and_socket_do_not_block(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_fault("fifo", FILE_IRREGULAR);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	assert_fault("sock", FILE_IRREGULAR);
}

static void
E05_directory_and_device(void **state)
{
	(void)state;
	assert_int_equal(mkdir("dir", 0700), 0);
	assert_fault("dir", FILE_IRREGULAR);
	assert_fault("/dev/zero", FILE_IRREGULAR);
	assert_fault("/dev/null", FILE_IRREGULAR);
}

static void
E05_writable_by_others(void **state)
{
	static const mode_t modes[] = { 0666, 0646, 0664, 0620, 0602 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		make_file("open", "x", 1, modes[i]);
		assert_fault("open", FILE_WRITABLE);
	}
	make_file("open", "x", 1, 0755);
	assert_content("open", "x", 1);
}

static void
read_foreign(void)
{
	char *text = NULL;
	size_t len = 0;

	if (geteuid() == 0) {
		if (chown("other", 47114, 47114) == -1)
			_exit(2);
	} else if (help_unshare(0, (unsigned)geteuid()) == -1)
		_exit(77);
	/* Root's files, too, are a stranger's in there. */
	_exit(file_read_trusted(AT_FDCWD,
		  geteuid() == 0 ? "other" : "/etc/passwd", &text,
		  &len) == FILE_FOREIGN &&
		    text == NULL ?
		0 :
		3);
}

static void
E05_wrong_owner(void **state)
{
	char said[512];
	int status;

	(void)state;
	make_file("other", "x", 1, 0644);
	status = help_in_child(read_foreign, said, sizeof(said));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static void
E05_unreadable(void **state)
{
	(void)state;
	make_file("plain", "x", 1, 0600);
	assert_fault("plain/below", FILE_UNREADABLE);
	if (geteuid() == 0)
		return;
	assert_int_equal(chmod("plain", 0), 0);
	assert_fault("plain", FILE_UNREADABLE);
}

static void
E05_one_gibibyte(void **state)
{
	(void)state;
	make_file("huge", "x", 1, 0600);
	assert_int_equal(truncate("huge", 1 << 30), 0);
	assert_fault("huge", FILE_TOO_BIG);
}

static void
size_limit_is_exact(void **state)
{
	static char data[FILE_MAX + 1];

	(void)state;
	memset(data, 'a', sizeof(data));
	make_file("big", data, FILE_MAX, 0600);
	assert_content("big", data, FILE_MAX);
	make_file("big", data, FILE_MAX + 1, 0600);
	assert_fault("big", FILE_TOO_BIG);
}

static void
E05_nul_inside(void **state)
{
	(void)state;
	make_file("nul", "a\0b", 3, 0600);
	assert_fault("nul", FILE_HAS_NUL);
	make_file("nul", "ab\0", 3, 0600);
	assert_fault("nul", FILE_HAS_NUL);
	make_file("nul", "\0", 1, 0600);
	assert_fault("nul", FILE_HAS_NUL);
}

static void
file_that_is_longer_than_it_said_is_refused(void **state)
{
	(void)state;
	/* Size 0 by stat(), and yet it has lines. */
	assert_fault("/proc/self/status", FILE_UNREADABLE);
	assert_int_equal(errno, EAGAIN);
}

static void
every_fault_has_words(void **state)
{
	int fault;

	(void)state;
	for (fault = FILE_OK; fault <= FILE_HAS_NUL; fault++)
		assert_true(
		    strlen(file_fault_text((enum file_fault)fault)) > 4);
}

static void
assert_only_entry(const char *name)
{
	struct dirent *entry;
	DIR *dir = opendir(".");

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			assert_string_equal(entry->d_name, name);
	closedir(dir);
}

static void
replace_writes_whole_with_its_mode(void **state)
{
	struct stat st;
	int before = help_count_fds();

	(void)state;
	umask(077);
	assert_int_equal(file_replace(temp, "f", "first", 5, 0644), 0);
	assert_int_equal(file_replace(temp, "f", "second", 6, 0640), 0);
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_content("f", "second", 6);
	assert_only_entry("f");
	assert_int_equal(help_count_fds(), before);
}

static void
F05_replace_never_writes_through_a_link(void **state)
{
	struct stat st;

	(void)state;
	make_file("victim", "mine", 4, 0600);
	assert_int_equal(symlink("victim", "f"), 0);
	assert_int_equal(file_replace(temp, "f", "new", 3, 0600), 0);
	assert_content("victim", "mine", 4);
	assert_content("f", "new", 3);
	assert_int_equal(lstat("f", &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void
replace_survives_what_a_crash_left(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), ".f.%ld", (long)getpid());
	make_file(name, "half", 4, 0600);
	assert_int_equal(file_replace(temp, "f", "whole", 5, 0600), 0);
	assert_content("f", "whole", 5);
	assert_only_entry("f");
}

static void
replace_that_fails_leaves_nothing_behind(void **state)
{
	int before = help_count_fds();

	(void)state;
	assert_int_equal(mkdir("dir", 0700), 0);
	assert_int_equal(file_replace(temp, "dir", "x", 1, 0600), -1);
	assert_int_equal(errno, EISDIR);
	assert_only_entry("dir");
	assert_int_equal(file_replace(temp, "../f", "x", 1, 0600), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(file_replace("/nonexistent", "f", "x", 1, 0600), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(help_count_fds(), before);
}

#define IN_TEMP(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TEMP(own_and_root_owned_files_are_read_whole),
		IN_TEMP(E05_missing_file),
		IN_TEMP(E05_symbolic_link_even_to_a_good_file),
		IN_TEMP(H10_fifo_and_socket_do_not_block),
		IN_TEMP(E05_directory_and_device),
		IN_TEMP(E05_writable_by_others),
		IN_TEMP(E05_wrong_owner),
		IN_TEMP(E05_unreadable),
		IN_TEMP(E05_one_gibibyte),
		IN_TEMP(size_limit_is_exact),
		IN_TEMP(E05_nul_inside),
		IN_TEMP(file_that_is_longer_than_it_said_is_refused),
		cmocka_unit_test(every_fault_has_words),
		IN_TEMP(replace_writes_whole_with_its_mode),
		IN_TEMP(F05_replace_never_writes_through_a_link),
		IN_TEMP(replace_survives_what_a_crash_left),
		IN_TEMP(replace_that_fails_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
