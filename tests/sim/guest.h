/* SPDX-License-Identifier: ISC */
#ifndef SIM_GUEST_H
#define SIM_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/ring.h"

/*
 * A simulated guest: what a small Linux says and does on hvc0.  guest.c is
 * its hardware and its kernel, guest_store.c what it hears from the
 * toolstack, guest_shell.c getty and shell.  The terminal between shell and
 * console is the real kernel's: a pseudo terminal of the guest's own.
 */

/* Bytes on their way; size is the bound. */
struct pipeline {
	char	*data;
	size_t	 size;
	size_t	 len;
};

/* What the configuration's command line says about the guest. */
struct words {
	const char	*password;	/* NULL: none is asked for */
	bool		 no_pv;
	bool		 ignore_shutdown;
	bool		 slow_boot;
	bool		 deaf;
	int64_t		 dies_ms;	/* -1: it does not */
	int64_t		 reboots;	/* of its own accord, then no more */
	int64_t		 counts_ms;	/* between lines that count; -1 */
};

struct shell;
struct xs_handle;

struct guest {
	const char	*prefix;
	const char	*uuid;
	unsigned	 domid;
	char		 name[72];
	struct words	 words;
	int64_t		 born;		/* clock_ms() */
	int		 master;	/* of the guest's own terminal */
	int		 slave;
	int		 signals;
	struct pipeline	 out;		/* to the console ring */
	struct pipeline	 in;		/* from it, to the terminal */
	struct pipeline	 log;		/* what the kernel said, for dmesg */
	unsigned	 said;		/* lines */
	size_t		 boot_line;	/* next one to say */
	int64_t		 boot_at;	/* when; -1: booted */
	int64_t		 ends_at;	/* shutting down until then; -1 */
	int64_t		 counts_at;	/* the next line that counts; -1 */
	unsigned	 counted;
	int		 count_fd;	/* how far its console has it */
	enum sim_exit	 end;
	struct xs_handle *store;
	struct shell	*shell;
};

/* Adds all of it, or as much as there is room for, and says how much. */
size_t	 pipeline_add(struct pipeline *line, const char *data, size_t len);
/* Move on what the descriptor takes; -1 when it takes nothing any more. */
int	 pipeline_write(struct pipeline *line, int fd);

/* A line of the kernel, which goes to the console past any terminal. */
void	 guest_say(struct guest *guest, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* The init system brings everything down; then it ends. */
void	 guest_shutdown(struct guest *guest, enum sim_exit end);

/* At once, with the last words of the kernel. */
void	 guest_panic(struct guest *guest, const char *why)
	    __attribute__((noreturn));
void	 guest_exit(struct guest *guest, enum sim_exit end)
	    __attribute__((noreturn));

/* Nothing of it answers from here on. */
void	 guest_hang(struct guest *guest)
	    __attribute__((noreturn));

/* Its devices moved so many bytes. */
int	 guest_moved(struct guest *guest, enum sim_counter counter,
	    uint64_t bytes);

/* Its host name is the domain's name. */
void	 store_open_name(struct guest *guest);
/* From here on it hears what the toolstack asks. */
void	 store_connect(struct guest *guest);
int	 store_fd(const struct guest *guest);
void	 store_heard(struct guest *guest);

/* What one line typed at a login prompt or at a shell does. */
struct shell *shell_new(struct guest *guest);
void	 shell_login(struct shell *shell);
void	 shell_run(struct shell *shell, short events, int64_t now);
void	 shell_interrupt(struct shell *shell);
short	 shell_wants(const struct shell *shell);
int64_t	 shell_due(const struct shell *shell);	/* clock_ms(), or -1 */
/* It ends, and says this to whoever is at the terminal. */
void	 shell_down(struct shell *shell, const char *text);

#endif
