/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "policy/blob.h"
#include "policy/faults.h"
#include "policy/folder.h"
#include "policy/keys.h"

#define BLANKS	 " \t"
#define NOTE_MAX 80

struct keys_reader {
	struct keys *keys;
	struct faults faults;
	const char *file;
	int line;
};

#define refuse(r, ...) \
	faults_add(&(r)->faults, (r)->file, (r)->line, __VA_ARGS__)

/* The next word; its length is 0 at the end. */
static size_t
word(const char **at)
{
	*at += strspn(*at, BLANKS);
	return strcspn(*at, BLANKS);
}

/* Does the line name a type of key further on?  Then options come first. */
static bool
has_options(const char *at)
{
	size_t len;

	while ((len = word(&at)) > 0) {
		if (blob_type_fault(at, len) == NULL)
			return true;
		at += len;
	}
	return false;
}

static void
keep(struct keys_reader *r, const char *type, size_t type_len, const char *text,
    size_t len)
{
	struct keys *keys = r->keys;
	const char *rest = text + len;
	char *line, *note;

	if (keys->nlines == KEYS_MAX) {
		refuse(r,
		    "this is one more than the %d keys that a file may "
		    "have",
		    KEYS_MAX);
		return;
	}
	line = malloc(type_len + 1 + len + 1);
	note = malloc(NOTE_MAX);
	if (line == NULL || note == NULL) {
		free(line);
		free(note);
		r->faults.nomem = true;
		return;
	}
	memcpy(line, type, type_len);
	line[type_len] = ' ';
	memcpy(line + type_len + 1, text, len);
	line[type_len + 1 + len] = '\0';
	rest += strspn(rest, BLANKS);
	text_escape(note, NOTE_MAX, rest, strlen(rest));
	keys->notes[keys->nlines] = note;
	keys->lines[keys->nlines++] = line;
}

/*
 * Options are refused and not dropped: whoever wrote command="..." or
 * from="..." relies on it, and here it would not hold.
 */
static void
read_line(struct keys_reader *r, const char *at)
{
	const char *type, *why;
	size_t type_len, len;

	type_len = word(&at);
	type = at;
	if (type_len == 0 || *at == '#')
		return;
	if (strlen(at) > KEYS_LINE_MAX) {
		refuse(r, "this line is longer than %d characters",
		    KEYS_LINE_MAX);
		return;
	}
	if ((why = blob_type_fault(type, type_len)) != NULL) {
		if (has_options(at))
			why = "options in front of a key are not taken; vpsh "
			      "sets its own";
		refuse(r, "%s", why);
		return;
	}
	at += type_len;
	len = word(&at);
	why = len == 0 ? "there is no key behind the type" :
			 blob_fault(type, type_len, at, len);
	if (why != NULL)
		refuse(r, "%s", why);
	else
		keep(r, type, type_len, at, len);
}

static void
read_text(struct keys_reader *r, char *text)
{
	char *line;
	size_t len;

	while ((line = strsep(&text, "\n")) != NULL) {
		r->line++;
		len = strlen(line);
		/* Files that went through Windows end their lines with it. */
		if (len > 0 && line[len - 1] == '\r')
			line[len - 1] = '\0';
		read_line(r, line);
	}
}

static char *
read_file(struct keys_reader *r, const char *etc, const char *customer)
{
	int fds[3] = { -1, -1, -1 };
	enum file_fault fault;
	const char *wrong;
	char *text = NULL;
	size_t len;

	if ((wrong = folder_open(AT_FDCWD, etc, &fds[0])) != NULL ||
	    (wrong = folder_open(fds[0], "customers", &fds[1])) != NULL ||
	    (wrong = folder_open(fds[1], customer, &fds[2])) != NULL) {
		refuse(r, "its directory %s", wrong);
		goto out;
	}
	fault = file_read_trusted(fds[2], "authorized_keys", &text, &len);
	if (fault == FILE_UNREADABLE)
		refuse(r, "%s: %s", file_fault_text(fault), strerror(errno));
	else if (fault != FILE_OK)
		refuse(r, "%s", file_fault_text(fault));
out:
	fd_close(&fds[2]);
	fd_close(&fds[1]);
	fd_close(&fds[0]);
	return text;
}

int
keys_load(const char *etc, const char *customer, struct keys *keys)
{
	char file[sizeof(keys->faults->place.file)];
	struct keys_reader r = { .keys = keys, .file = file };
	char *text = NULL;

	memset(keys, 0, sizeof(*keys));
	text_copy(file, sizeof(file), "customers");
	/* A name that is none could lead out of the directory. */
	if (!text_is_name(customer))
		refuse(&r, "\"%s\" is not a name", customer);
	else {
		text_format(file, sizeof(file), "%s/authorized_keys", customer);
		text = read_file(&r, etc, customer);
	}
	if (text != NULL)
		read_text(&r, text);
	keys->faults = r.faults.list;
	keys->nfaults = r.faults.count;
	free(text);
	return text != NULL && !r.faults.nomem ? 0 : -1;
}

int
keys_read(const char *file, char *text, struct keys *keys)
{
	struct keys_reader r = { .keys = keys, .file = file };

	memset(keys, 0, sizeof(*keys));
	read_text(&r, text);
	keys->faults = r.faults.list;
	keys->nfaults = r.faults.count;
	return r.faults.nomem ? -1 : 0;
}

void
keys_free(struct keys *keys)
{
	size_t i;

	for (i = 0; i < keys->nlines; i++) {
		free(keys->lines[i]);
		free(keys->notes[i]);
	}
	free(keys->faults);
	memset(keys, 0, sizeof(*keys));
}
