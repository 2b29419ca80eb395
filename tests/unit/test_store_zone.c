/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "store/keep.h"
#include "store/zone.h"
#include "wire/err.h"
#include "wire/wire.h"

#define HEAD   44
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static char dir[200]; /* of the test that runs; its runner removes it */

static int
set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	umask(022);
	assert_int_equal(text_format(dir, sizeof(dir), "%s/vpsh-unit-XXXXXX",
			     tmp != NULL ? tmp : "/tmp"),
	    0);
	assert_non_null(mkdtemp(dir));
	return 0;
}

static void
path_of(char *path, size_t size, const char *name)
{
	assert_int_equal(text_format(path, size, "%s/%s", dir, name), 0);
}

static void
put(const char *name, const void *data, size_t len, mode_t mode)
{
	char path[256];
	FILE *f;

	path_of(path, sizeof(path), name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* Both parts with n transitions each, and the footer. */
static size_t
make(unsigned char *out, unsigned char n, const char *footer)
{
	size_t at = 0, part;
	unsigned bytes;

	for (bytes = 4; bytes <= 8; bytes += 4) {
		part = HEAD + (size_t)n * (bytes + 1) + 6 + 4;
		memset(out + at, 0, part);
		memcpy(out + at, "TZif2", 5);
		out[at + 35] = n;
		out[at + 39] = 1; /* type */
		out[at + 43] = 4; /* characters */
		at += part;
	}
	memcpy(out + at, footer, strlen(footer));
	return at + strlen(footer);
}

static int
find(const char *name, char *tz)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int err;

	assert_int_not_equal(fd, -1);
	err = zone_find(fd, name, tz, WIRE_ZONE);
	fd_close(&fd);
	return err;
}

static void
the_footer_of_a_zone_is_found(void **state)
{
	unsigned char data[4096];
	char tz[WIRE_ZONE];
	unsigned char n;

	(void)state;
	for (n = 0; n < 200; n += 7) {
		put("Zone", data, make(data, n, "\n" BERLIN "\n"), 0644);
		assert_int_equal(find("Zone", tz), VPSH_OK);
		assert_string_equal(tz, BERLIN);
	}
}

static void
a_file_that_is_no_zone_is_none(void **state)
{
	static const char *const footers[] = { "", "\n", "\n\n", "\nUTC0",
		"UTC0\n", "\nUTC\n", "\n:/etc/passwd\n", "\nUTC0\n\n",
		"\nUTC0\nUTC0\n", "\n/etc/passwd\n", "x\nUTC0\n",
		"\n<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa>0\n" };
	unsigned char data[4096];
	char tz[WIRE_ZONE];
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(footers) / sizeof(footers[0]); i++) {
		put("Bad", data, make(data, 3, footers[i]), 0644);
		assert_int_equal(find("Bad", tz), VPSH_ERR_ZONE);
		assert_string_equal(tz, "");
	}
	/* Cut off anywhere, and with a head that lies. */
	len = make(data, 3, "\nUTC0\n");
	for (i = 0; i < len; i++) {
		put("Bad", data, i, 0644);
		assert_int_equal(find("Bad", tz), VPSH_ERR_ZONE);
	}
	for (i = 20; i < HEAD; i++) {
		len = make(data, 3, "\nUTC0\n");
		data[i] = 0xff;
		put("Bad", data, len, 0644);
		assert_int_equal(find("Bad", tz), VPSH_ERR_ZONE);
	}
	len = make(data, 3, "\nUTC0\n");
	data[4] = '\0'; /* a file of version 1 has no footer */
	put("Bad", data, len, 0644);
	assert_int_equal(find("Bad", tz), VPSH_ERR_ZONE);
}

static void
E12_only_plain_files_of_the_folder_itself_are_read(void **state)
{
	static unsigned char data[80 * 1024];
	char tz[WIRE_ZONE], path[256], other[256];
	size_t len = make(data, 3, "\nUTC0\n");

	(void)state;
	put("Good", data, len, 0644);
	assert_int_equal(find("Good", tz), VPSH_OK);
	put("Open", data, len, 0666);
	assert_int_equal(find("Open", tz), VPSH_ERR_ZONE);
	path_of(path, sizeof(path), "Folder");
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(find("Folder", tz), VPSH_ERR_ZONE);
	put("Folder/Inner", data, len, 0644);
	assert_int_equal(find("Folder/Inner", tz), VPSH_OK);
	path_of(path, sizeof(path), "Fifo");
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_int_equal(find("Fifo", tz), VPSH_ERR_ZONE);
	/* tzdata has links within; whatever leads out of it does not. */
	path_of(path, sizeof(path), "Link");
	assert_int_equal(symlink("Folder/Inner", path), 0);
	assert_int_equal(find("Link", tz), VPSH_OK);
	path_of(path, sizeof(path), "Out");
	path_of(other, sizeof(other), "Good");
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(find("Out", tz), VPSH_ERR_ZONE);
	path_of(path, sizeof(path), "Up");
	assert_int_equal(symlink("../../etc/localtime", path), 0);
	assert_int_equal(find("Up", tz), VPSH_ERR_ZONE);
	memset(data + len, '\n', sizeof(data) - len);
	put("Big", data, sizeof(data), 0644);
	assert_int_equal(find("Big", tz), VPSH_ERR_ZONE);
	assert_int_equal(find("None", tz), VPSH_ERR_ZONE);
}

static void
the_zones_of_this_host_have_footers(void **state)
{
	static const struct {
		const char *name;
		const char *tz;
	} zones[] = {
		{ "Europe/Berlin", BERLIN },
		{ "America/New_York", "EST5EDT,M3.2.0,M11.1.0" },
		{ "Australia/Lord_Howe",
		    "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0" },
	};
	int fd = open("/usr/share/zoneinfo", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char tz[WIRE_ZONE];
	size_t i;

	(void)state;
	if (fd == -1)
		skip();
	for (i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		assert_int_equal(zone_find(fd, zones[i].name, tz, sizeof(tz)),
		    VPSH_OK);
		assert_string_equal(tz, zones[i].tz);
	}
	fd_close(&fd);
}

static void
E12_what_is_kept_is_below_its_customer_and_nowhere_else(void **state)
{
	static const char *const bad[] = { "", ".", "..", "../x", "a/b",
		"Alice", "a\n", "-a" };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[256], text[16] = "";
	size_t i;
	FILE *f;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(keep_text(fd, bad[i], "prefs", "x"), -1);
	assert_int_equal(keep_text(fd, "alice", "prefs", "old"), 0);
	assert_int_equal(keep_text(fd, "alice", "prefs", "new"), 0);
	path_of(path, sizeof(path), "alice/prefs");
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	assert_int_equal(fclose(f), 0);
	assert_string_equal(text, "new");
	/* A folder that leads elsewhere is none. */
	path_of(path, sizeof(path), "mallory");
	assert_int_equal(symlink("alice", path), 0);
	assert_int_equal(keep_text(fd, "mallory", "prefs", "x"), -1);
	fd_close(&fd);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_footer_of_a_zone_is_found),
		TEST(a_file_that_is_no_zone_is_none),
		TEST(E12_only_plain_files_of_the_folder_itself_are_read),
		TEST(the_zones_of_this_host_have_footers),
		TEST(E12_what_is_kept_is_below_its_customer_and_nowhere_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
