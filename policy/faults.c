/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/faults.h"

static struct policy_fault *
faults_next(struct faults *faults)
{
	struct policy_fault *list;
	size_t room;

	if (faults->count == faults->room) {
		room = faults->room == 0 ? 8 : faults->room * 2;
		list = reallocarray(faults->list, room, sizeof(*list));
		if (list == NULL) {
			faults->nomem = true;
			return NULL;
		}
		faults->list = list;
		faults->room = room;
	}
	return &faults->list[faults->count++];
}

/* Index of the first of those of file that end the list. */
static size_t
first_of(const struct faults *faults, const char *file)
{
	size_t i = faults->count;

	while (i > 0 && strcmp(faults->list[i - 1].place.file, file) == 0)
		i--;
	return i;
}

void
faults_add(struct faults *faults, const char *file, int line, const char *fmt,
    ...)
{
	char text[POLICY_TEXT];
	struct policy_fault *fault;
	va_list ap;
	size_t n;

	n = faults->count - first_of(faults, file);
	if (n > FAULTS_PER_FILE || (fault = faults_next(faults)) == NULL)
		return;
	memset(fault, 0, sizeof(*fault));
	text_copy(fault->place.file, sizeof(fault->place.file), file);
	fault->place.line = n == FAULTS_PER_FILE ? 0 : line;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n == FAULTS_PER_FILE)
		text_copy(text, sizeof(text),
		    "has more mistakes; mend these first");
	text_escape(fault->text, sizeof(fault->text), text, strlen(text));
}

bool
faults_at(const struct faults *faults, const char *file, int line)
{
	size_t i;

	for (i = first_of(faults, file); i < faults->count; i++)
		if (faults->list[i].place.line == line)
			return true;
	return false;
}

/* What is said of the whole file comes last. */
static unsigned
rank(const struct policy_fault *fault)
{
	return (unsigned)fault->place.line - 1;
}

void
faults_sort(struct faults *faults, const char *file)
{
	struct policy_fault moved;
	size_t first = first_of(faults, file), i, k;

	for (i = first + 1; i < faults->count; i++) {
		moved = faults->list[i];
		for (k = i;
		     k > first && rank(&faults->list[k - 1]) > rank(&moved);
		     k--)
			faults->list[k] = faults->list[k - 1];
		faults->list[k] = moved;
	}
}

const struct policy_fault *
faults_of(const struct faults *faults, const char *file)
{
	size_t i = first_of(faults, file);

	return i < faults->count ? &faults->list[i] : NULL;
}
