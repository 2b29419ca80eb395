/* SPDX-License-Identifier: ISC */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>

/*
 * The operator's log.  Lines go as datagrams to /dev/log without ever
 * blocking; what does not fit is counted and the count is logged with the
 * next line that does.  With to_stderr they go to standard error instead.
 * Every line is escaped as text_escape() does.  errno is preserved.
 */

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* role is the process's name, "vpsh-broker"; it must stay valid. */
void	 log_open(const char *role, int to_stderr);
int	 log_to_stderr(void);

/* The socket for the sandboxed to know about, or -1. */
int	 log_fd(void);

void	 log_write(enum log_level level, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

#define log_error(...)	log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)	log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)	log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* For start-up only: log, also to standard error, and exit(1). */
void	 fatal(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2), noreturn));

#endif
