/* SPDX-License-Identifier: ISC */
/*
 * A running guest that xl made becomes ours: from then on it is vpsh that
 * takes it away and boots it again when it shuts down.  The domain itself
 * notices nothing.
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/point.h"
#include "base/text.h"
#include "domain/compile.h"
#include "domain/holder.h"
#include "domain/job.h"
#include "domain/result.h"
#include "domain/spec.h"
#include "domain/store.h"
#include "domain/torn.h"

/* How long xl may take to end when it is asked to, and when not. */
#define TERM_MS		5000
#define KILL_MS		2000

/*
 * One that was renamed since, or came from another host under the name of
 * "NAME--incoming", has its log elsewhere; but what xl waits for is in it:
 * create_domain() in xl's xl_vmcontrol.c.
 */
static bool
says_waiting(const char *path, pid_t pid, uint32_t domid)
{
	char says[64], *line = NULL;
	struct stat st;
	size_t size = 0;
	bool found = false;
	FILE *log;

	(void)text_format(says, sizeof(says), "(domid %" PRIu32
	    ") to die [pid %d]", domid, (int)pid);
	if (stat(path, &st) == -1 || !S_ISREG(st.st_mode) ||
	    (log = fopen(path, "re")) == NULL)
		return false;
	while (!found && getline(&line, &size, log) != -1)
		found = strstr(line, says) != NULL;
	free(line);
	fclose(log);
	return found;
}

/*
 * Does it write to that domain's log?  A later xl renames the log, by a
 * number at its end (libxl_create_logfile()).
 */
static bool
writes_log(const struct job *job, pid_t pid, uint32_t domid)
{
	char path[64], log[2 * PATHS_LEN], target[2 * PATHS_LEN];
	const char *rest;
	ssize_t n;

	(void)text_format(path, sizeof(path), "/proc/%d/fd/1", (int)pid);
	if (says_waiting(path, pid, domid))
		return true;
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0 || text_format(log, sizeof(log), "%s/xl-%s.log",
	    job->paths.xl_logs, job->guest.domain) == -1)
		return false;
	target[n] = '\0';
	if (strncmp(target, log, strlen(log)) != 0)
		return false;
	rest = target + strlen(log);
	if (*rest == '.' && rest[1] != '\0')
		rest += 1 + strspn(rest + 1, "0123456789");
	return *rest == '\0' || strcmp(rest, " (deleted)") == 0;
}

/*
 * The next process of xl's that waits for that domain's end.  Returns
 * whether there is one.
 */
static bool
find_monitor(const struct job *job, uint32_t domid, DIR *dir,
    struct holder *holder)
{
	struct dirent *entry;
	long long pid;

	while ((entry = readdir(dir)) != NULL) {
		if (text_number(entry->d_name, 2, INT32_MAX, &pid) == -1 ||
		    holder_take(holder, (pid_t)pid, "xl") == -1)
			continue;
		if (writes_log(job, (pid_t)pid, domid) &&
		    holder_alive(holder))
			return true;
		holder_release(holder);
	}
	return false;
}

static bool
end_monitor(const struct holder *holder)
{
	struct pollfd p = { .fd = holder->pidfd, .events = POLLIN };

	(void)syscall(SYS_pidfd_send_signal, p.fd, SIGTERM, NULL, 0);
	if (poll(&p, 1, TERM_MS) == 1)
		return true;
	(void)syscall(SYS_pidfd_send_signal, p.fd, SIGKILL, NULL, 0);
	return poll(&p, 1, KILL_MS) == 1;
}

/*
 * Two that handle one death would boot the guest twice.  Returns how many
 * there are, or were, -1 when one does not end.
 */
static int
monitors(const struct job *job, uint32_t domid, bool end)
{
	struct holder holder = HOLDER_NONE;
	int n = 0;
	DIR *dir;

	if ((dir = opendir("/proc")) == NULL)
		return -1;
	while (n != -1 && find_monitor(job, domid, dir, &holder)) {
		n++;
		if (end && !end_monitor(&holder))
			n = -1;
		else if (end)
			log_info("job %s: xl's process %d for %s was ended",
			    job->mark, (int)holder.pid, job->guest.domain);
		holder_release(&holder);
	}
	closedir(dir);
	return n;
}

/*
 * Did one who died begin with this very domain?  xl was perhaps ended, and
 * then nobody sees to what has become of it since.
 */
static bool
is_begun(struct job *job, const struct xen_domain *domain)
{
	struct intent intent;

	return job->run.op == WIRE_OP_RECOVER && intent_load(
	    job->paths.intents, job->guest.domain, &intent) == 0 &&
	    result_is_of(intent.mark, job->run.of, job->run.ref) &&
	    intent_agrees(&intent, intent.mark, domain->uuid, domain->domid);
}

/* The domain, if it is one that can be taken over. */
static int
find(struct job *job, struct xen_domain *domain)
{
	int r = torn_find(job, domain);
	bool begun;

	if (r == -1)
		return job_end_xen(job, VPSH_ERR_HOST, "Xen does not answer");
	if (r == 1)
		return job_end(job, VPSH_ERR_NOT_RUNNING, "%s is off: its "
		    "next start makes it vpsh's", job->guest.domain);
	if (xen_count(&job->xen, job->guest.domain) > 1)
		return job_end(job, VPSH_ERR_FAILED, "there are two domains "
		    "of the name %s", job->guest.domain);
	if (domain->reason == WIRE_REASON_SUSPEND)
		return job_end(job, VPSH_ERR_ELSEWHERE, "domain %" PRIu32
		    " is being saved or moved", domain->domid);
	begun = is_begun(job, domain);
	if (domain->dying || (domain->reason != WIRE_REASON_NONE && !begun))
		return job_end(job, VPSH_ERR_NOT_RUNNING, "domain %" PRIu32
		    " is down already", domain->domid);
	if (start_is_ours(job, domain)) {
		(void)job_end(job, VPSH_OK, "%s is vpsh's already, as domain "
		    "%" PRIu32, job->guest.domain, domain->domid);
		return 1;
	}
	if (domain->paused && !begun)
		return job_end(job, VPSH_ERR_PAUSED, "domain %" PRIu32
		    " is paused, or still being made", domain->domid);
	return VPSH_OK;
}

static int
mark(struct job *job, uint32_t domid)
{
	char path[64];

	(void)text_format(path, sizeof(path),
	    "/local/domain/%" PRIu32 "/vpsh/job", domid);
	if (store_write(job->store, path, job->mark) == -1)
		return job_end(job, VPSH_ERR_HOST,
		    "xenstored does not take the mark: %s", strerror(errno));
	if (!store_is_ours(job->store, path))
		return job_end(job, VPSH_ERR_FAILED,
		    "others than dom0 may write %s", path);
	return VPSH_OK;
}

/* Did xl begin to boot it again, before it was ended? */
static int
look_again(struct job *job, const struct xen_domain *domain)
{
	struct xen_domain now;
	int r = torn_find(job, &now);

	if (r == -1)
		return job_end_xen(job, VPSH_ERR_HOST, "Xen does not answer");
	if (r == 0 && now.domid == domain->domid && !now.dying)
		return VPSH_OK;
	(void)intent_remove(job->paths.intents, job->guest.domain);
	return job_end(job, VPSH_ERR_FAILED, "domain %" PRIu32 " went down "
	    "meanwhile, and xl was ended while it saw to that: %s",
	    domain->domid, r == 1 ? "start it" : "look at it in xl list");
}

/*
 * The intent says which, and that it was begun; with the mark it is done.
 * In between nobody handles its death, and whoever recovers goes on here.
 */
static int
take_over(struct job *job, const struct xen_domain *domain, const char *but)
{
	int err, ended;

	if (spec_remember(job, domain->domid) == -1)
		log_warn("job %s: the uuid and MAC addresses of %s are not "
		    "remembered", job->mark, job->guest.domain);
	err = start_save_intent(job, domain, INTENT_NORMAL);
	if (err != VPSH_OK)
		return err;
	point("adopt-intent");
	if ((ended = monitors(job, domain->domid, true)) == -1)
		return job_end(job, VPSH_ERR_FAILED, "the process of xl that "
		    "waits for the end of %s does not end itself",
		    job->guest.domain);
	point("adopt-ended");
	if ((err = look_again(job, domain)) != VPSH_OK)
		return err;
	if ((err = mark(job, domain->domid)) != VPSH_OK)
		return err;
	point("adopt-marked");
	start_sign(job, domain->domid);
	return job_end(job, VPSH_OK, "%s is vpsh's from now on, as domain %"
	    PRIu32 "%s%s", job->guest.domain, domain->domid, ended > 0 ?
	    "; the process of xl that waited for its end was ended" : "",
	    but);
}

/* What would keep it from being booted again. */
static void
look_ahead(struct job *job, char but[WIRE_TEXT])
{
	struct compile out;

	but[0] = '\0';
	if (compile_file(job->paths.xl, job->config, "", &out) != COMPILE_OK)
		(void)text_format(but, WIRE_TEXT, "; but it cannot be booted "
		    "again before this is mended: %s", out.said);
	free(out.json);
}

int
adopt_run(struct job *job)
{
	struct xen_domain domain;
	char but[WIRE_TEXT];
	int err;

	err = find(job, &domain);
	if (err == 1) {
		job->number = 1;
		return VPSH_OK;
	}
	if (err != VPSH_OK)
		return err;
	look_ahead(job, but);
	if ((job->run.flags & WIRE_RUN_DRY) == 0)
		return take_over(job, &domain, but);
	return job_end(job, VPSH_OK, "%s would become vpsh's, as domain %"
	    PRIu32 "%s%s", job->guest.domain, domain.domid,
	    monitors(job, domain.domid, false) > 0 ? "; the process of xl "
	    "that waits for its end would be ended" : "", but);
}
