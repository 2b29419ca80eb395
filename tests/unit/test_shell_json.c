/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "shell/json.h"
#include "shell/report.h"
#include "wire/err.h"
#include "wire/right.h"

static struct json json;
static char *text;
static size_t size;

static void
begin(void)
{
	free(text);
	text = NULL;
	json_begin(&json, open_memstream(&text, &size));
}

static const char *
end(void)
{
	FILE *out = json.out;

	json_end(&json);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
an_object_has_its_version_and_commas_where_they_belong(void **state)
{
	(void)state;
	begin();
	assert_string_equal(end(), "{\"v\":1}\n");
	begin();
	json_array(&json, "a");
	json_close(&json);
	json_array(&json, "b");
	json_number(&json, NULL, 1);
	json_object(&json, NULL);
	json_null(&json, "x");
	json_close(&json);
	json_string(&json, NULL, "y");
	json_close(&json);
	json_bool(&json, "t", true);
	json_bool(&json, "f", false);
	assert_string_equal(end(),
	    "{\"v\":1,\"a\":[],\"b\":[1,{\"x\":null},\"y\"],\"t\":true,"
	    "\"f\":false}\n");
}

static void
what_is_open_is_closed_at_the_end(void **state)
{
	(void)state;
	begin();
	json_array(&json, "a");
	json_object(&json, NULL);
	json_array(&json, "b");
	assert_string_equal(end(), "{\"v\":1,\"a\":[{\"b\":[]}]}\n");
}

static void
numbers_are_whole_or_tenths(void **state)
{
	(void)state;
	begin();
	json_number(&json, "a", INT64_MIN);
	json_count(&json, "b", UINT64_MAX);
	json_tenths(&json, "c", 1234);
	json_tenths(&json, "d", 5);
	json_tenths(&json, "e", -5);
	json_tenths(&json, "f", 0);
	json_time(&json, "g", INT64_C(1795273200250));
	assert_string_equal(end(),
	    "{\"v\":1,\"a\":-9223372036854775808,\"b\":18446744073709551615,"
	    "\"c\":123.4,\"d\":0.5,\"e\":-0.5,\"f\":0.0,"
	    "\"g\":\"2026-11-21T15:00:00.250Z\"}\n");
}

static void
G01_C11_strings_of_any_bytes_are_one_line_of_valid_text(void **state)
{
	(void)state;
	begin();
	json_string(&json, "a", "q\"b\\n\n\t\033[2J\x7f\xc2\x9b/");
	json_string(&json, "b", "\xff\xc3(\xe2\x80\xae\xed\xa0\x80");
	json_string(&json, "c", NULL);
	json_text(&json, "d", "");
	json_text(&json, "e", "x");
	end();
	assert_non_null(strstr(text, "\"a\":\"q\\\"b\\\\n"));
	assert_non_null(strstr(text, "\\u001b[2J"));
	assert_non_null(strstr(text, "\\u009b/"));
	assert_non_null(strstr(text, "\\u202e"));
	assert_non_null(strstr(text, "\"c\":null,\"d\":null,\"e\":\"x\"}\n"));
	assert_ptr_equal(strchr(text, '\n'), text + size - 1);
}

/* The bytes of a JSON string: printable, and escapes that there are. */
static const char *
skip_string(const char *at)
{
	assert_int_equal(*at, '"');
	for (at++; *at != '"'; at++) {
		assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
		if (*at != '\\')
			continue;
		at++;
		assert_non_null(strchr("\"\\/bfnrtu", *at));
		if (*at == 'u')
			assert_int_equal(strspn(at + 1,
					     "0123456789abcdefABCDEF") >= 4,
			    1);
	}
	return at + 1;
}

static void
random_bytes_never_leave_their_string(void **state)
{
	char bytes[600];
	const char *at;
	unsigned round;
	size_t i, len;

	(void)state;
	srandom(3);
	for (round = 0; round < 3000; round++) {
		len = (size_t)random() % (sizeof(bytes) - 1);
		for (i = 0; i < len; i++)
			bytes[i] = (char)(random() % 255 + 1);
		bytes[len] = '\0';
		begin();
		json_string(&json, "s", bytes);
		at = skip_string(end() + strlen("{\"v\":1,\"s\":"));
		assert_string_equal(at, "}\n");
	}
}

static void
the_longest_string_is_cut_and_still_valid(void **state)
{
	char *bytes = malloc(JSON_STRING_MAX + 100);

	(void)state;
	assert_non_null(bytes);
	memset(bytes, '\033', JSON_STRING_MAX + 99);
	bytes[JSON_STRING_MAX + 99] = '\0';
	begin();
	json_string(&json, "s", bytes);
	assert_string_equal(skip_string(end() + strlen("{\"v\":1,\"s\":")),
	    "}\n");
	assert_true(size > JSON_STRING_MAX * 6);
	free(bytes);
}

static void
too_deep_is_null_and_harms_nothing(void **state)
{
	int i, opened = 0;

	(void)state;
	begin();
	for (i = 0; i < JSON_DEPTH_MAX * 2; i++)
		json_array(&json, i == 0 ? "a" : NULL);
	end();
	for (i = 0; text[i] != '\0'; i++)
		opened += text[i] == '[' ? 1 : text[i] == ']' ? -1 : 0;
	assert_int_equal(opened, 0);
	assert_non_null(strstr(text, "null"));
}

static void
a_guest_that_is_off_has_nulls_where_nothing_is_known(void **state)
{
	struct wire_guest guest;

	(void)state;
	memset(&guest, 0, sizeof(guest));
	text_copy(guest.name, sizeof(guest.name), "db");
	guest.state = WIRE_STATE_OFF;
	guest.boot = 3;
	guest.uptime_ms = guest.cpu_permille = -1;
	guest.counters.at_ms = -1;
	begin();
	report_guests(&json, &guest, 1);
	assert_string_equal(end(),
	    "{\"v\":1,\"guests\":[{\"name\":\"db\",\"state\":\"off\","
	    "\"managed\":\"here\",\"boot\":3,\"uptime_s\":null,"
	    "\"vcpus\":null,\"memory_bytes\":null,\"cpu_percent\":null,"
	    "\"disk\":{\"read\":null,\"written\":null},\"net\":{\"in\":null,"
	    "\"out\":null,\"month_in\":null,\"month_out\":null},"
	    "\"rights\":[],\"job\":null,\"note\":null}]}\n");
}

static void
a_guest_that_runs_has_all_of_it(void **state)
{
	struct wire_guest guest;

	(void)state;
	memset(&guest, 0, sizeof(guest));
	text_copy(guest.name, sizeof(guest.name), "web");
	guest.state = WIRE_STATE_RUNNING;
	guest.elsewhere = 1;
	guest.boot = 7;
	guest.uptime_ms = 61999;
	guest.vcpus = 2;
	guest.memory_kib = 524288;
	guest.cpu_permille = 1015;
	guest.counters = (struct wire_counters){ 1, 2, 3, 4, 5, 6, 7,
		UINT64_MAX };
	guest.rights = RIGHT_BIT(RIGHT_VIEW) | RIGHT_BIT(RIGHT_START);
	text_copy(guest.job_verb, sizeof(guest.job_verb), "start");
	text_copy(guest.job_ref, sizeof(guest.job_ref), "K7F3");
	text_copy(guest.note, sizeof(guest.note), "so \"it\" is");
	begin();
	report_guest(&json, "guest", &guest);
	assert_string_equal(end(),
	    "{\"v\":1,\"guest\":{\"name\":\"web\",\"state\":\"running\","
	    "\"managed\":\"elsewhere\",\"boot\":7,\"uptime_s\":61,"
	    "\"vcpus\":2,\"memory_bytes\":536870912,\"cpu_percent\":101.5,"
	    "\"disk\":{\"read\":3,\"written\":4},\"net\":{\"in\":5,"
	    "\"out\":6,\"month_in\":7,\"month_out\":18446744073709551615},"
	    "\"rights\":[\"view\",\"start\"],\"job\":{\"verb\":\"start\","
	    "\"ref\":\"K7F3\"},\"note\":\"so \\\"it\\\" is\"}}\n");
}

static void
an_error_names_itself_and_its_exit_code(void **state)
{
	(void)state;
	begin();
	report_error(&json, VPSH_ERR_NO_GUEST, "No.", "");
	assert_string_equal(end(),
	    "{\"v\":1,\"error\":{\"name\":\"no-guest\",\"exit\":4,"
	    "\"text\":\"No.\",\"ref\":null}}\n");
}

static int
finish(void **state)
{
	(void)state;
	free(text);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_object_has_its_version_and_commas_where_they_belong),
		cmocka_unit_test(what_is_open_is_closed_at_the_end),
		cmocka_unit_test(numbers_are_whole_or_tenths),
		cmocka_unit_test(
		    G01_C11_strings_of_any_bytes_are_one_line_of_valid_text),
		cmocka_unit_test(random_bytes_never_leave_their_string),
		cmocka_unit_test(the_longest_string_is_cut_and_still_valid),
		cmocka_unit_test(too_deep_is_null_and_harms_nothing),
		cmocka_unit_test(
		    a_guest_that_is_off_has_nulls_where_nothing_is_known),
		cmocka_unit_test(a_guest_that_runs_has_all_of_it),
		cmocka_unit_test(an_error_names_itself_and_its_exit_code),
	};

	return cmocka_run_group_tests(tests, NULL, finish);
}
