/* SPDX-License-Identifier: ISC */
#ifndef SHELL_OUTPUT_H
#define SHELL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "wire/wire.h"

/*
 * Everything that is shown outside of a console.  Whoever made the text,
 * operator, guest or customer: it goes through text_escape() here.  Results
 * go to stdout, sentences about what went wrong to stderr.
 */

/* Below this a table would be cut by the screen. */
#define OUTPUT_NARROW	60
/* A pipe or a file takes all there is. */
#define OUTPUT_WIDE	1000

/* Line buffering; loads what later needs no file any more. */
void	 output_init(void);

/* Columns of the terminal behind out; 80 when there is none. */
int	 output_columns(FILE *out);
/* The same for a table: OUTPUT_WIDE when there is none. */
int	 output_table_columns(FILE *out);

/*
 * One sentence or more, as one paragraph; broken between words when out is a
 * terminal.
 */
void	 output_say(FILE *out, const char *text);

/* A key of the customer, Ctrl-C, was echoed by the terminal: a new line. */
void	 output_after_key(void);

/* "name: value"; nothing at all when value is empty. */
void	 output_field(FILE *out, const char *name, const char *value);

/*
 * A table, or name: value lines where columns are few.  What does not fit
 * beside the rest is left out, the least important first.
 */
void	 output_list(FILE *out, int columns, const struct wire_guest *guests,
	    size_t n);
void	 output_guest(FILE *out, const struct wire_guest *guest);

/* One line for what has just changed; use: with what it uses, too. */
void	 output_change(FILE *out, const struct wire_guest *guest, bool use);

/* Columns that escaped text takes on a terminal. */
int	 output_cells(const char *text);

/* The months outlive a boot, but not what was counted since it. */
bool	 output_knows_month(const struct wire_counters *counters);

/* "running"; "unknown" for a number that nobody knows. */
const char *output_state(uint32_t state);

#define OUTPUT_SPAN	48

/* "3d4h" for tables, "3 days 4 hours" for sentences; "-" when negative. */
void	 output_age(int64_t ms, char out[OUTPUT_SPAN]);
void	 output_span(int64_t ms, char out[OUTPUT_SPAN]);

/* "console view log": the names in a mask of rights. */
void	 output_rights(uint32_t rights, char *out, size_t size);

#endif
