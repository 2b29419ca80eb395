/* SPDX-License-Identifier: ISC */
#include <sys/eventfd.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "broker/audit_writer.h"

#define STACK_BYTES	(256 * 1024)
#define WAIT_MS		500	/* a write to memory takes microseconds */
#define WAIT_SLOW_MS	20	/* after one that was late */

static void *
work(void *arg)
{
	const uint64_t one = 1;
	struct audit_writer *w = arg;
	enum wire_audit where;
	int64_t begun;
	int why;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->given)
			pthread_cond_wait(&w->changed, &w->lock);
		/* Text and disk are ours alone until it is done. */
		pthread_mutex_unlock(&w->lock);
		begun = clock_ms();
		where = audit_disk_put(w->disk, w->text, w->len);
		why = errno;
		pthread_mutex_lock(&w->lock);
		w->where = where;
		w->why = why;
		w->slow = clock_ms() - begun >= WAIT_MS;
		w->given = false;
		if (w->late)
			(void)!write(w->event, &one, sizeof(one));
		pthread_cond_broadcast(&w->changed);
	}
	return NULL;
}

static int
make_thread(struct audit_writer *w)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	/* Signals are the loop's. */
	sigfillset(&all);
	err = pthread_attr_init(&attr);
	if (err != 0)
		return err;
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (err == 0)
		err = pthread_attr_setdetachstate(&attr,
		    PTHREAD_CREATE_DETACHED);
	if (err == 0)
		err = pthread_create(&thread, &attr, work, w);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
	return err;
}

int
audit_writer_start(struct audit_writer *w, struct audit_disk *disk)
{
	pthread_condattr_t attr;
	int err;

	memset(w, 0, sizeof(*w));
	w->disk = disk;
	w->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->event == -1)
		return -1;
	err = pthread_condattr_init(&attr);
	if (err == 0)
		err = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (err == 0)
		err = pthread_cond_init(&w->changed, &attr);
	if (err == 0)
		err = pthread_mutex_init(&w->lock, NULL);
	if (err == 0)
		err = make_thread(w);
	if (err != 0) {
		fd_close(&w->event);
		errno = err;
		return -1;
	}
	w->started = true;
	return 0;
}

/* A disk that hangs is waited for once, and is then known to. */
static void
await(struct audit_writer *w)
{
	struct timespec end;
	int err = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += (w->slow ? WAIT_SLOW_MS : WAIT_MS) * 1000000L;
	end.tv_sec += end.tv_nsec / 1000000000L;
	end.tv_nsec %= 1000000000L;
	while (w->given && err == 0)
		err = pthread_cond_timedwait(&w->changed, &w->lock, &end);
}

bool
audit_writer_put(struct audit_writer *w, const char *text, size_t len,
    enum wire_audit *where)
{
	bool done;

	pthread_mutex_lock(&w->lock);
	memcpy(w->text, text, len);
	w->len = len;
	w->given = true;
	pthread_cond_broadcast(&w->changed);
	await(w);
	done = !w->given;
	w->late = !done;
	*where = w->where;
	errno = w->why;
	pthread_mutex_unlock(&w->lock);
	return done;
}

bool
audit_writer_done(struct audit_writer *w, enum wire_audit *where)
{
	uint64_t count;
	bool done;

	(void)!read(w->event, &count, sizeof(count));
	pthread_mutex_lock(&w->lock);
	done = w->late && !w->given;
	if (done) {
		w->late = false;
		*where = w->where;
		errno = w->why;
	}
	pthread_mutex_unlock(&w->lock);
	return done;
}
