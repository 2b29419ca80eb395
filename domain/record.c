/* SPDX-License-Identifier: ISC */
#include <sys/random.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/record.h"

void
record_host(char dst[RECORD_HOST])
{
	ssize_t n = -1;
	int fd;

	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		n = read(fd, dst, RECORD_HOST - 1);
		close(fd);
	}
	dst[n > 0 ? n : 0] = '\0';
	dst[strcspn(dst, "\n")] = '\0';
}

void
record_uuid_text(const uint8_t u[WIRE_UUID], char dst[UUID_TEXT])
{
	(void)text_format(dst, UUID_TEXT, "%02x%02x%02x%02x-%02x%02x-"
	    "%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2],
	    u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
	    u[13], u[14], u[15]);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int
record_uuid_parse(const char *s, uint8_t uuid[WIRE_UUID])
{
	char again[UUID_TEXT];
	const char *p = s;
	size_t i;

	for (i = 0; i < WIRE_UUID; i++, p += 2) {
		if (*p == '-')
			p++;
		if (hex_digit(p[0]) < 0 || hex_digit(p[1]) < 0)
			return -1;
		uuid[i] = (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
	}
	record_uuid_text(uuid, again);
	return strcmp(again, s) == 0 ? 0 : -1;
}

bool
record_uuid_is_zero(const uint8_t uuid[WIRE_UUID])
{
	static const uint8_t zero[WIRE_UUID];

	return memcmp(uuid, zero, WIRE_UUID) == 0;
}

int
record_text(const char *text, const char *key, char *value, size_t size)
{
	size_t klen = strlen(key), len;
	const char *line;

	value[0] = '\0';
	for (line = text; *line != '\0'; line += len + (line[len] != '\0')) {
		len = strcspn(line, "\n");
		if (len <= klen + 1 || strncmp(line, key, klen) != 0 ||
		    line[klen] != ' ' || len - klen - 1 >= size)
			continue;
		memcpy(value, line + klen + 1, len - klen - 1);
		value[len - klen - 1] = '\0';
		return 0;
	}
	return -1;
}

int
record_field(const char *text, const char *key, char value[RECORD_VALUE])
{
	return record_text(text, key, value, RECORD_VALUE);
}

int
record_number(const char *text, const char *key, long long min,
    long long max, long long *number)
{
	char value[RECORD_VALUE];

	if (record_field(text, key, value) == -1)
		return -1;
	return text_number(value, min, max, number);
}

int
record_uuid(const char *text, uint8_t uuid[WIRE_UUID])
{
	char value[RECORD_VALUE];

	if (record_field(text, "uuid", value) == -1)
		return -1;
	return record_uuid_parse(value, uuid);
}

char *
record_load(const char *dir, const char *domain)
{
	enum file_fault fault;
	char path[512];
	char *text = NULL;
	size_t len;

	if (!text_is_domain(domain) ||
	    text_format(path, sizeof(path), "%s/%s", dir, domain) == -1)
		return NULL;
	fault = file_read_trusted(AT_FDCWD, path, &text, &len);
	if (fault != FILE_OK && fault != FILE_MISSING)
		log_error("%s %s: it counts as missing", path,
		    file_fault_text(fault));
	return text;
}

int
record_save(const char *dir, const char *domain, const char *text)
{
	if (!text_is_domain(domain)) {
		errno = EINVAL;
		return -1;
	}
	return file_replace(dir, domain, text, strlen(text), 0600);
}

int
record_remove(const char *dir, const char *domain)
{
	char path[512];

	if (!text_is_domain(domain) ||
	    text_format(path, sizeof(path), "%s/%s", dir, domain) == -1) {
		errno = EINVAL;
		return -1;
	}
	return unlink(path) == -1 && errno != ENOENT ? -1 : 0;
}

/* Of ".NAME.PID", see file_replace(); -1 when it is no such file. */
static pid_t
writer_of(const char *file, const char *name)
{
	const char *dot = strrchr(file, '.');
	const size_t len = dot == NULL ? 0 : (size_t)(dot - file);
	long long pid;

	if (file[0] != '.' || len < 2 ||
	    text_number(dot + 1, 1, INT32_MAX, &pid) == -1 ||
	    (name != NULL && (strlen(name) != len - 1 ||
	    strncmp(file + 1, name, len - 1) != 0)))
		return -1;
	return (pid_t)pid;
}

static bool
is_dead(pid_t pid)
{
	struct pollfd p = { .events = POLLIN };
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	bool dead = fd == -1 && errno == ESRCH;

	/* Nobody may have waited for it yet. */
	p.fd = fd;
	if (fd != -1)
		dead = poll(&p, 1, 0) == 1;
	fd_close(&fd);
	return dead;
}

void
record_sweep(const char *dir, const char *domain)
{
	struct dirent *entry;
	pid_t pid;
	DIR *d;

	if ((d = opendir(dir)) == NULL)
		return;
	while ((entry = readdir(d)) != NULL) {
		pid = writer_of(entry->d_name, domain);
		if (pid != -1 && (domain != NULL || is_dead(pid)))
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	}
	closedir(d);
}

int
boot_load(const char *dir, const char *domain, struct boot *boot)
{
	long long number, domid, since, away, on;
	char host[RECORD_VALUE];
	char *text;
	int r = -1;

	memset(boot, 0, sizeof(*boot));
	if ((text = record_load(dir, domain)) == NULL)
		return -1;
	if (record_number(text, "boot", 1, INT64_MAX, &number) == -1 ||
	    record_number(text, "domid", 0, UINT32_MAX, &domid) == -1 ||
	    record_number(text, "since", -1, INT64_MAX, &since) == -1 ||
	    record_number(text, "away", 0, 1, &away) == -1 ||
	    record_uuid(text, boot->uuid) == -1 ||
	    record_field(text, "host", host) == -1 ||
	    text_copy(boot->host, sizeof(boot->host), host) == -1) {
		log_error("%s/%s: not a boot record, ignored", dir, domain);
		goto out;
	}
	boot->number = (uint64_t)number;
	boot->domid = (uint32_t)domid;
	boot->since_ms = since;
	boot->away = away != 0;
	/* Older records have none. */
	boot->on = record_number(text, "on", 0, 1, &on) == 0 && on != 0;
	r = 0;
out:
	free(text);
	return r;
}

int
boot_save(const char *dir, const char *domain, const struct boot *boot)
{
	char uuid[UUID_TEXT], text[256];

	record_uuid_text(boot->uuid, uuid);
	if (text_format(text, sizeof(text), "boot %" PRIu64 "\ndomid %" PRIu32
	    "\nuuid %s\nhost %s\nsince %" PRId64 "\naway %d\non %d\n",
	    boot->number, boot->domid, uuid, boot->host, boot->since_ms,
	    boot->away ? 1 : 0, boot->on ? 1 : 0) == -1) {
		errno = EINVAL;
		return -1;
	}
	return record_save(dir, domain, text);
}

static const char *const modes[] = { [INTENT_CREATING] = "creating",
	[INTENT_NORMAL] = "normal", [INTENT_RESTARTING] = "restarting" };

static int
parse_mode(const char *text, enum intent_mode *mode)
{
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(text, modes[i]) == 0) {
			*mode = (enum intent_mode)i;
			return 0;
		}
	return -1;
}

int
intent_load(const char *dir, const char *domain, struct intent *intent)
{
	char mark[RECORD_VALUE], host[RECORD_VALUE], mode[RECORD_VALUE];
	long long domid;
	char *text;
	int r = -1;

	memset(intent, 0, sizeof(*intent));
	if ((text = record_load(dir, domain)) == NULL)
		return -1;
	if (record_field(text, "job", mark) == -1 ||
	    record_field(text, "host", host) == -1 ||
	    record_field(text, "mode", mode) == -1 ||
	    record_number(text, "domid", 0, UINT32_MAX, &domid) == -1 ||
	    record_uuid(text, intent->uuid) == -1 ||
	    parse_mode(mode, &intent->mode) == -1 ||
	    text_copy(intent->mark, sizeof(intent->mark), mark) == -1 ||
	    text_copy(intent->host, sizeof(intent->host), host) == -1) {
		log_error("%s/%s: not an intent, ignored", dir, domain);
		goto out;
	}
	intent->domid = (uint32_t)domid;
	r = 0;
out:
	free(text);
	return r;
}

/* Where nothing new can be written; errno stays. */
static int
overwrite(const char *dir, const char *domain, const char *text)
{
	const size_t len = strlen(text);
	const int err = errno;
	char path[512];
	int fd = -1, r = -1;

	if (text_format(path, sizeof(path), "%s/%s", dir, domain) == 0)
		fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	/* One write, so that whoever is killed has written all or nothing. */
	if (fd != -1 && pwrite(fd, text, len, 0) == (ssize_t)len &&
	    ftruncate(fd, (off_t)len) == 0)
		r = fsync(fd);
	fd_close(&fd);
	errno = err;
	return r;
}

int
intent_save(const char *dir, const char *domain, const struct intent *intent)
{
	char uuid[UUID_TEXT], text[256];

	record_uuid_text(intent->uuid, uuid);
	if (text_format(text, sizeof(text),
	    "job %s\nuuid %s\ndomid %" PRIu32 "\nhost %s\nmode %s\n",
	    intent->mark, uuid, intent->domid, intent->host,
	    modes[intent->mode]) == -1) {
		errno = EINVAL;
		return -1;
	}
	if (record_save(dir, domain, text) == 0)
		return 0;
	/* A domain that is there is not to count as half made. */
	return intent->mode == INTENT_CREATING ? -1 :
	    overwrite(dir, domain, text);
}

int
intent_remove(const char *dir, const char *domain)
{
	return record_remove(dir, domain);
}

bool
intent_agrees(const struct intent *intent, const char *mark,
    const uint8_t uuid[WIRE_UUID], uint32_t domid)
{
	char host[RECORD_HOST];

	record_host(host);
	return mark[0] != '\0' && strcmp(intent->mark, mark) == 0 &&
	    strcmp(intent->host, host) == 0 &&
	    (intent->mode == INTENT_CREATING || intent->domid == domid) &&
	    memcmp(intent->uuid, uuid, WIRE_UUID) == 0;
}

int
record_own_uuid(const char *dir, const char *domain, uint8_t uuid[WIRE_UUID])
{
	char line[UUID_TEXT + 8], id[UUID_TEXT];
	char *text;
	int r;

	if ((text = record_load(dir, domain)) != NULL) {
		r = record_uuid(text, uuid);
		free(text);
		if (r == 0)
			return 0;
		log_error("%s/%s: no uuid, a new one is made", dir, domain);
	}
	if (getrandom(uuid, WIRE_UUID, 0) != WIRE_UUID)
		return -1;
	/* Version 4, variant 1: RFC 4122. */
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	record_uuid_text(uuid, id);
	if (text_format(line, sizeof(line), "uuid %s\n", id) == -1)
		return -1;
	return record_save(dir, domain, line);
}
