/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/text.h"
#include "shell/output.h"
#include "wire/right.h"

#define COLUMNS_DEFAULT 80
#define COLUMNS_LEAST	20 /* a terminal of 0x0 or 1x1 says nothing */
#define COLUMNS_MOST	1000

/* The longest text of a frame when each byte becomes four. */
#define ESCAPED_MAX (WIRE_TEXT * 4)

enum column {
	COLUMN_NAME,
	COLUMN_STATE,
	COLUMN_UPTIME,
	COLUMN_VCPUS,
	COLUMN_MEMORY,
	COLUMN_COUNT
};

static const struct {
	const char *title;
	const char *field;
	bool right; /* numbers line up at their end */
} columns_of[COLUMN_COUNT] = {
	[COLUMN_NAME] = { "NAME", "name", false },
	[COLUMN_STATE] = { "STATE", "state", false },
	[COLUMN_UPTIME] = { "UPTIME", "uptime", true },
	[COLUMN_VCPUS] = { "VCPUS", "vcpus", true },
	[COLUMN_MEMORY] = { "MEMORY", "memory", true },
};

struct row {
	char cell[COLUMN_COUNT][WIRE_NAME * 4];
};

void
output_init(void)
{
	mbstate_t state;
	wchar_t wide;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* The conversion is found on first use. */
	memset(&state, 0, sizeof(state));
	if (mbrtowc(&wide, "\xc3\xa4", 2, &state) == 2)
		(void)wcwidth(wide);
}

int
output_columns(FILE *out)
{
	struct winsize size;

	if (ioctl(fileno(out), TIOCGWINSZ, &size) == -1 ||
	    size.ws_col < COLUMNS_LEAST)
		return COLUMNS_DEFAULT;
	return size.ws_col < COLUMNS_MOST ? size.ws_col : COLUMNS_MOST;
}

int
output_cells(const char *text)
{
	size_t left = strlen(text), n;
	mbstate_t state;
	int cells = 0, w;
	wchar_t wide;

	memset(&state, 0, sizeof(state));
	while (left > 0) {
		n = mbrtowc(&wide, text, left, &state);
		if (n == 0 || n > left) {
			/* Not in this locale: a cell for each byte. */
			memset(&state, 0, sizeof(state));
			n = 1;
			w = 1;
		} else if ((w = wcwidth(wide)) < 0)
			w = 1;
		cells += w;
		text += n;
		left -= n;
	}
	return cells;
}

/* Words of escaped text, broken before the last column. */
static void
put_wrapped(FILE *out, char *text, int columns)
{
	char *word, *save = NULL;
	int at = 0, cells;

	for (word = strtok_r(text, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		cells = output_cells(word);
		if (at > 0 && at + 1 + cells >= columns) {
			fputc('\n', out);
			at = 0;
		} else if (at > 0) {
			fputc(' ', out);
			at++;
		}
		fputs(word, out);
		at += cells;
	}
	fputc('\n', out);
}

void
output_say(FILE *out, const char *text)
{
	char escaped[ESCAPED_MAX];

	text_escape(escaped, sizeof(escaped), text, strlen(text));
	if (isatty(fileno(out)))
		put_wrapped(out, escaped, output_columns(out));
	else
		fprintf(out, "%s\n", escaped);
}

void
output_after_key(void)
{
	if (isatty(STDIN_FILENO))
		fputc('\n', stderr);
}

void
output_field(FILE *out, const char *name, const char *value)
{
	char escaped[ESCAPED_MAX];

	if (*value == '\0')
		return;
	text_escape(escaped, sizeof(escaped), value, strlen(value));
	fprintf(out, "%s: %s\n", name, escaped);
}

const char *
output_state(uint32_t state)
{
	switch ((enum wire_state)state) {
	case WIRE_STATE_UNKNOWN:
		break;
	case WIRE_STATE_OFF:
		return "off";
	case WIRE_STATE_STARTING:
		return "starting";
	case WIRE_STATE_RUNNING:
		return "running";
	case WIRE_STATE_PAUSED:
		return "paused";
	case WIRE_STATE_STOPPING:
		return "stopping";
	case WIRE_STATE_CRASHED:
		return "crashed";
	case WIRE_STATE_SAVED:
		return "saved";
	}
	return "unknown";
}

static const struct {
	int64_t seconds;
	const char *letter;
	const char *word;
} units[] = {
	{ 86400, "d", "day" },
	{ 3600, "h", "hour" },
	{ 60, "m", "minute" },
	{ 1, "s", "second" },
};

#define NUNITS (sizeof(units) / sizeof(units[0]))

/* The two largest units that are not zero, as a person would say it. */
static void
span(int64_t ms, bool words, char out[OUTPUT_SPAN])
{
	int64_t left = ms / 1000, n;
	size_t i, len = 0, first = NUNITS;

	text_copy(out, OUTPUT_SPAN, ms < 0 ? "-" : words ? "0 seconds" : "0s");
	for (i = 0; i < NUNITS && left > 0; i++) {
		n = left / units[i].seconds;
		left %= units[i].seconds;
		if (n == 0)
			continue;
		if (first == NUNITS)
			first = i;
		else if (i > first + 1)
			break;
		if (words)
			text_format(out + len, OUTPUT_SPAN - len,
			    "%s%" PRId64 " %s%s", len > 0 ? " " : "", n,
			    units[i].word, n == 1 ? "" : "s");
		else
			text_format(out + len, OUTPUT_SPAN - len,
			    "%" PRId64 "%s", n, units[i].letter);
		len = strlen(out);
	}
}

void
output_age(int64_t ms, char out[OUTPUT_SPAN])
{
	span(ms, false, out);
}

void
output_span(int64_t ms, char out[OUTPUT_SPAN])
{
	span(ms, true, out);
}

void
output_rights(uint32_t rights, char *out, size_t size)
{
	size_t len = 0;
	int right;

	*out = '\0';
	for (right = RIGHT_ANY + 1; right < RIGHT_COUNT; right++) {
		if ((rights & RIGHT_BIT(right)) == 0)
			continue;
		text_format(out + len, size - len, "%s%s", len > 0 ? " " : "",
		    right_name((enum right)right));
		len = strlen(out);
	}
}

static void
fill_row(struct row *row, const struct wire_guest *guest)
{
	char age[OUTPUT_SPAN];
	size_t i;

	for (i = 0; i < COLUMN_COUNT; i++)
		text_copy(row->cell[i], sizeof(row->cell[i]), "-");
	text_escape(row->cell[COLUMN_NAME], sizeof(row->cell[COLUMN_NAME]),
	    guest->name, strlen(guest->name));
	text_copy(row->cell[COLUMN_STATE], sizeof(row->cell[COLUMN_STATE]),
	    output_state(guest->state));
	output_age(guest->uptime_ms, age);
	text_copy(row->cell[COLUMN_UPTIME], sizeof(row->cell[COLUMN_UPTIME]),
	    age);
	if (guest->vcpus > 0)
		text_format(row->cell[COLUMN_VCPUS],
		    sizeof(row->cell[COLUMN_VCPUS]), "%" PRIu32, guest->vcpus);
	if (guest->memory_kib > 0)
		text_format(row->cell[COLUMN_MEMORY],
		    sizeof(row->cell[COLUMN_MEMORY]), "%" PRIu64 " MiB",
		    (guest->memory_kib + 512) / 1024);
}

static void
put_cells(FILE *out, const char *const cell[COLUMN_COUNT],
    const int width[COLUMN_COUNT])
{
	int i, pad;

	for (i = 0; i < COLUMN_COUNT; i++) {
		pad = width[i] - output_cells(cell[i]);
		if (i == COLUMN_COUNT - 1 && !columns_of[i].right)
			pad = 0;
		fprintf(out, "%s%*s%s%*s", i > 0 ? "  " : "",
		    columns_of[i].right ? pad : 0, "", cell[i],
		    columns_of[i].right ? 0 : pad, "");
	}
	fputc('\n', out);
}

static void
put_table(FILE *out, const struct row *rows, size_t n)
{
	const char *cell[COLUMN_COUNT];
	int width[COLUMN_COUNT], cells;
	size_t i, r;

	for (i = 0; i < COLUMN_COUNT; i++) {
		cell[i] = columns_of[i].title;
		width[i] = output_cells(cell[i]);
		for (r = 0; r < n; r++) {
			cells = output_cells(rows[r].cell[i]);
			if (cells > width[i])
				width[i] = cells;
		}
	}
	put_cells(out, cell, width);
	for (r = 0; r < n; r++) {
		for (i = 0; i < COLUMN_COUNT; i++)
			cell[i] = rows[r].cell[i];
		put_cells(out, cell, width);
	}
}

static void
put_fields(FILE *out, const struct row *rows, size_t n)
{
	size_t i, r;

	for (r = 0; r < n; r++) {
		if (r > 0)
			fputc('\n', out);
		for (i = 0; i < COLUMN_COUNT; i++)
			fprintf(out, "%s: %s\n", columns_of[i].field,
			    rows[r].cell[i]);
	}
}

void
output_list(FILE *out, int columns, const struct wire_guest *guests, size_t n)
{
	char note[WIRE_TEXT + WIRE_NAME];
	struct row *rows;
	size_t i;

	if (n == 0 || (rows = calloc(n, sizeof(*rows))) == NULL)
		return;
	for (i = 0; i < n; i++)
		fill_row(&rows[i], &guests[i]);
	if (columns < OUTPUT_NARROW)
		put_fields(out, rows, n);
	else
		put_table(out, rows, n);
	free(rows);
	for (i = 0; i < n; i++) {
		if (guests[i].note[0] == '\0')
			continue;
		text_format(note, sizeof(note), "%s: %s", guests[i].name,
		    guests[i].note);
		output_say(out, note);
	}
}

void
output_guest(FILE *out, const struct wire_guest *guest)
{
	char rights[WIRE_TEXT], text[OUTPUT_SPAN];
	struct row row;
	size_t i;

	fill_row(&row, guest);
	output_span(guest->uptime_ms, text);
	text_copy(row.cell[COLUMN_UPTIME], sizeof(row.cell[COLUMN_UPTIME]),
	    text);
	for (i = 0; i < COLUMN_COUNT; i++)
		fprintf(out, "%s: %s\n", columns_of[i].field, row.cell[i]);
	if (guest->uptime_ms >= 0) {
		output_span((int64_t)(guest->cpu_ns / 1000000), text);
		output_field(out, "cpu time", text);
	}
	text_format(text, sizeof(text), "%" PRIu64, guest->boot);
	output_field(out, "boot", text);
	if (guest->elsewhere)
		output_field(out, "managed", "elsewhere");
	output_rights(guest->rights, rights, sizeof(rights));
	output_field(out, "you may", *rights != '\0' ? rights : "nothing");
	output_field(out, "note", guest->note);
}
