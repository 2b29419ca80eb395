/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_utils.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/balloon.h"
#include "domain/compile.h"
#include "domain/spec.h"

/*
 * xl makes up a new uuid, and libxl a new MAC address, whenever the xl.cfg
 * has none; xl itself keeps them over reboots, and so must we.  MAC addresses
 * are made from the uuid, in Xen's range, as random ones would be.
 */
static int
stable_uuid(struct job *job, char setting[64])
{
	uint8_t uuid[WIRE_UUID];
	char text[UUID_TEXT];

	(void)mkdir(job->paths.uuids, 0700);
	if (record_own_uuid(job->paths.uuids, job->guest.domain, uuid) == -1)
		return job_end(job, job_write_err(),
		    "no uuid can be remembered below %s: %s",
		    job->paths.uuids, strerror(errno));
	record_uuid_text(uuid, text);
	(void)text_format(setting, 64, "uuid = \"%s\"; ", text);
	return VPSH_OK;
}

static void
stable_mac(libxl_device_nic *nic, const uint8_t uuid[WIRE_UUID], int number)
{
	static const libxl_mac none;
	uint32_t hash = 2166136261u;	/* FNV-1a */
	int i;

	if (memcmp(nic->mac, none, sizeof(none)) != 0)
		return;
	for (i = 0; i < WIRE_UUID; i++)
		hash = (hash ^ uuid[i]) * 16777619u;
	hash = (hash ^ (uint32_t)number) * 16777619u;
	nic->mac[0] = 0x00;
	nic->mac[1] = 0x16;
	nic->mac[2] = 0x3e;
	nic->mac[3] = (uint8_t)(hash >> 16 & 0x7f);
	nic->mac[4] = (uint8_t)(hash >> 8);
	nic->mac[5] = (uint8_t)hash;
}

void
spec_macs(libxl_domain_config *config)
{
	int i;

	for (i = 0; i < config->num_nics; i++)
		stable_mac(&config->nics[i], config->c_info.uuid.uuid, i);
}

static void
mac_key(int number, char key[16])
{
	(void)text_format(key, 16, "mac%d", number);
}

/* Those that the guest had when it was adopted. */
static void
recall_macs(struct job *job, libxl_domain_config *config)
{
	static const libxl_mac none;
	unsigned m[6];
	char key[16], value[RECORD_VALUE], end, *text;
	int i, j;

	text = record_load(job->paths.uuids, job->guest.domain);
	for (i = 0; text != NULL && i < config->num_nics; i++) {
		mac_key(i, key);
		if (memcmp(config->nics[i].mac, none, sizeof(none)) != 0 ||
		    record_field(text, key, value) == -1 || sscanf(value,
		    "%2x:%2x:%2x:%2x:%2x:%2x%c", &m[0], &m[1], &m[2], &m[3],
		    &m[4], &m[5], &end) != 6)
			continue;
		for (j = 0; j < 6; j++)
			config->nics[i].mac[j] = (uint8_t)m[j];
	}
	free(text);
}

int
spec_remember(struct job *job, uint32_t domid)
{
	libxl_domain_config config;
	char id[UUID_TEXT], key[16], text[4096];
	size_t len;
	int i, r = -1;

	libxl_domain_config_init(&config);
	if (libxl_retrieve_domain_configuration(job->xen.ctx, domid, &config,
	    NULL) != 0)
		goto out;
	record_uuid_text(config.c_info.uuid.uuid, id);
	(void)text_format(text, sizeof(text), "uuid %s\n", id);
	for (i = 0; i < config.num_nics; i++) {
		const uint8_t *m = config.nics[i].mac;

		len = strlen(text);
		mac_key(i, key);
		if (text_format(text + len, sizeof(text) - len, "%s %02x:%02x:"
		    "%02x:%02x:%02x:%02x\n", key, m[0], m[1], m[2], m[3],
		    m[4], m[5]) == -1)
			goto out;
	}
	(void)mkdir(job->paths.uuids, 0700);
	r = record_save(job->paths.uuids, job->guest.domain, text);
out:
	libxl_domain_config_dispose(&config);
	return r;
}

static int
compile(struct job *job, struct compile *out)
{
	char setting[64];
	int err;

	memset(out, 0, sizeof(*out));
	if ((err = stable_uuid(job, setting)) != VPSH_OK)
		return err;
	switch (compile_file(job->paths.xl, job->config, setting, out)) {
	case COMPILE_OK:
		return VPSH_OK;
	case COMPILE_MISSING:
		return job_end(job, VPSH_ERR_NO_CONFIG, "%s", out->said);
	case COMPILE_FILE:
	case COMPILE_XL:
		return job_end(job, VPSH_ERR_CONFIG, "%s", out->said);
	case COMPILE_RUN:
		break;
	}
	return job_end(job, VPSH_ERR_HOST, "%s", out->said);
}

/* A kernel or ramdisk in dom0; libxl finds relative names by itself. */
static int
check_image(struct job *job, const char *what, const char *path)
{
	struct stat st;
	int fd, err;

	if (path == NULL || path[0] != '/')
		return VPSH_OK;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	err = errno;
	if (fd == -1)
		return job_end(job, VPSH_ERR_NO_KERNEL, "%s %s: %s", what,
		    path, strerror(err));
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size == 0) {
		close(fd);
		return job_end(job, VPSH_ERR_NO_KERNEL,
		    "%s %s is empty or no regular file", what, path);
	}
	close(fd);
	return VPSH_OK;
}

/* Only what is plainly a file or device of dom0; the rest its script knows. */
static int
check_disk(struct job *job, const libxl_device_disk *disk)
{
	struct stat st;

	if (disk->pdev_path == NULL || disk->pdev_path[0] != '/' ||
	    disk->script != NULL || disk->backend_domid != 0 ||
	    disk->backend_domname != NULL)
		return VPSH_OK;
	if (stat(disk->pdev_path, &st) == -1)
		return job_end(job, VPSH_ERR_NO_DISK, "disk %s: %s",
		    disk->pdev_path, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return job_end(job, VPSH_ERR_NO_DISK,
		    "disk %s is no file and no block device",
		    disk->pdev_path);
	return VPSH_OK;
}

/*
 * A bootloader reads the guest's own disk in dom0.  libxl puts it in a cage
 * only if one of these is in the environment (libxl_bootloader.c).
 */
static int
check_bootloader(struct job *job, const libxl_domain_build_info *info)
{
	const char *restricted = getenv("LIBXL_BOOTLOADER_RESTRICT");

	if (info->bootloader == NULL || info->bootloader[0] == '\0' ||
	    getenv("LIBXL_BOOTLOADER_USER") != NULL ||
	    (restricted != NULL && strcmp(restricted, "0") != 0))
		return VPSH_OK;
	return job_end(job, VPSH_ERR_PYGRUB,
	    "bootloader %s would run with all privileges: neither "
	    "LIBXL_BOOTLOADER_RESTRICT nor LIBXL_BOOTLOADER_USER is set",
	    info->bootloader);
}

static int
check(struct job *job, const libxl_domain_config *config)
{
	const libxl_domain_build_info *info = &config->b_info;
	bool images = info->bootloader == NULL || info->bootloader[0] == '\0';
	int i, err;

	if (config->c_info.name == NULL ||
	    strcmp(config->c_info.name, job->guest.domain) != 0)
		return job_end(job, VPSH_ERR_CONFIG,
		    "%s: its name is \"%s\" and the policy says \"%s\"",
		    job->config, config->c_info.name == NULL ? "" :
		    config->c_info.name, job->guest.domain);
	err = check_bootloader(job, info);
	if (err == VPSH_OK && images)
		err = check_image(job, "kernel", info->kernel);
	if (err == VPSH_OK && images)
		err = check_image(job, "ramdisk", info->ramdisk);
	for (i = 0; i < config->num_disks && err == VPSH_OK; i++)
		err = check_disk(job, &config->disks[i]);
	return err;
}

int
spec_load(struct job *job, libxl_domain_config *config)
{
	struct compile out;
	int err, rc;

	libxl_domain_config_init(config);
	err = compile(job, &out);
	if (err == VPSH_OK) {
		rc = libxl_domain_config_from_json(job->xen.ctx, config,
		    out.json);
		if (rc != 0)
			err = job_end_xen(job, VPSH_ERR_CONFIG,
			    "libxl does not take what xl made of it");
	}
	free(out.json);
	if (err != VPSH_OK)
		return err;
	recall_macs(job, config);
	spec_macs(config);
	/* xl's own policy about numbers is not ours. */
	config->c_info.domid = (libxl_domid)INVALID_DOMID;
	return check(job, config);
}

int
spec_mark(struct job *job, libxl_domain_config *config)
{
	libxl_key_value_list *list = &config->c_info.xsdata;
	size_t n = 2 * (size_t)libxl_key_value_list_length(list);
	char **more;

	more = reallocarray(*list, n + 3, sizeof(*more));
	if (more == NULL)
		return job_end(job, VPSH_ERR_MEMORY_HOST, "no memory");
	*list = more;
	more[n] = strdup("vpsh/job");
	more[n + 1] = more[n] == NULL ? NULL : strdup(job->mark);
	more[n + 2] = NULL;
	if (more[n + 1] == NULL)
		return job_end(job, VPSH_ERR_MEMORY_HOST, "no memory");
	return VPSH_OK;
}

int
spec_memory(struct job *job, libxl_domain_config *config)
{
	uint64_t need = 0, have = 0;
	int err, r;

	/* Without an answer libxl says itself whether it fits. */
	if (libxl_domain_need_memory(job->xen.ctx, config,
	    (uint32_t)INVALID_DOMID, &need) != 0 ||
	    libxl_get_free_memory(job->xen.ctx, &have) != 0 || need <= have)
		return VPSH_OK;
	r = balloon_make_room(&job->xen, job->paths.xl_conf,
	    job->paths.console_locks, need);
	if (r == 0)
		return VPSH_OK;
	if (r == -1)
		return job_end(job, VPSH_ERR_BUSY,
		    "xl is making room for another domain");
	(void)libxl_get_free_memory(job->xen.ctx, &have);
	err = job_end(job, VPSH_ERR_MEMORY,
	    "%" PRIu64 " MiB needed, %" PRIu64 " MiB free", (need + 1023) /
	    1024, have / 1024);
	job->number = need > have ? (int)((need - have + 1023) / 1024) : 1;
	return err;
}
