/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/result.h"
#include "wire/err.h"

int
result_load(const char *dir, const char *domain, struct result *result)
{
	char mark[RECORD_VALUE], raw[WIRE_TEXT];
	long long op, err, number, youngest;
	char *text;
	int r = -1;

	memset(result, 0, sizeof(*result));
	if ((text = record_load(dir, domain)) == NULL)
		return -1;
	if (record_field(text, "job", mark) == -1 ||
	    text_copy(result->mark, sizeof(result->mark), mark) == -1 ||
	    record_number(text, "op", 0, UINT32_MAX, &op) == -1 ||
	    record_number(text, "err", 1 - VPSH_ERR_COUNT, 0, &err) == -1 ||
	    record_number(text, "number", INT32_MIN, INT32_MAX,
	    &number) == -1) {
		log_error("%s/%s: not a result, ignored", dir, domain);
		goto out;
	}
	result->op = (uint32_t)op;
	result->err = (int)err;
	result->number = (int)number;
	if (record_number(text, "youngest", 0, INT64_MAX, &youngest) == 0)
		result->youngest = youngest;
	(void)record_text(text, "text", raw, sizeof(raw));
	(void)text_escape(result->text, sizeof(result->text), raw,
	    strlen(raw));
	r = 0;
out:
	free(text);
	return r;
}

int
result_save(const char *dir, const char *domain, const struct result *result)
{
	char line[WIRE_TEXT], text[WIRE_TEXT + 256];

	(void)text_escape(line, sizeof(line), result->text,
	    strlen(result->text));
	if (!text_is_domain(domain) || text_format(text, sizeof(text),
	    "job %s\nop %" PRIu32 "\nerr %d\nnumber %d\nyoungest %" PRId64
	    "\ntext %s\n", result->mark, result->op, result->err,
	    result->number, result->youngest, line) == -1) {
		errno = EINVAL;
		return -1;
	}
	if (mkdir(dir, 0700) == -1 && errno != EEXIST)
		return -1;
	return file_replace_quickly(dir, domain, text, strlen(text), 0600);
}

bool
result_is_of(const char *mark, uint64_t job, const char *ref)
{
	char digits[24];
	size_t len = strcspn(mark, ".");
	long long number;

	if (mark[len] != '.' || ref[0] == '\0' ||
	    strcmp(mark + len + 1, ref) != 0 ||
	    text_format(digits, sizeof(digits), "%.*s", (int)len,
	    mark) == -1 ||
	    text_number(digits, 0, INT64_MAX, &number) == -1)
		return false;
	return (uint64_t)number <= job;
}
