/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
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
	COLUMN_CPU,
	COLUMN_DISK,
	COLUMN_NET,
	COLUMN_MONTH,
	COLUMN_COUNT
};

#define COLUMN_COUNTERS COLUMN_CPU /* from here on they may be unknown */

static const struct {
	const char *title;
	const char *field;
	bool right; /* numbers line up at their end */
	const char *brief;
} columns_of[COLUMN_COUNT] = {
	[COLUMN_NAME] = { "NAME", "name", false, NULL },
	[COLUMN_STATE] = { "STATE", "state", false, NULL },
	[COLUMN_UPTIME] = { "UPTIME", "uptime", true, NULL },
	[COLUMN_VCPUS] = { "VCPUS", "vcpus", true, NULL },
	[COLUMN_MEMORY] = { "MEMORY", "memory", true, NULL },
	[COLUMN_CPU] = { "CPU", "cpu", true, "cpu" },
	[COLUMN_DISK] = { "READ/WRITTEN", "disk read/written", true, "disk" },
	[COLUMN_NET] = { "NET IN/OUT", "network in/out", true, "net" },
	[COLUMN_MONTH] = { "MONTH IN/OUT", "network this month", true,
	    "month" },
};

/* What a screen can do without, the first of these first. */
static const enum column dispensable[] = { COLUMN_DISK, COLUMN_VCPUS,
	COLUMN_NET, COLUMN_MEMORY, COLUMN_MONTH, COLUMN_CPU };

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
output_table_columns(FILE *out)
{
	return isatty(fileno(out)) ? output_columns(out) : OUTPUT_WIDE;
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
	char text[WIRE_TEXT * 2];

	if (*value == '\0')
		return;
	text_format(text, sizeof(text), "%s: %s", name, value);
	output_say(out, text);
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

/* "1.2 GB/340 MB" */
static void
fill_pair(char *cell, size_t size, uint64_t a, uint64_t b)
{
	char first[TEXT_BYTES], second[TEXT_BYTES];

	text_bytes(a, first);
	text_bytes(b, second);
	text_format(cell, size, "%s/%s", first, second);
}

bool
output_knows_month(const struct wire_counters *counters)
{
	return counters->at_ms > 0 || counters->month_in != 0 ||
	    counters->month_out != 0;
}

static void
fill_counters(struct row *row, const struct wire_guest *guest)
{
	const struct wire_counters *c = &guest->counters;

	if (guest->cpu_permille >= 0)
		text_format(row->cell[COLUMN_CPU], sizeof(row->cell[0]),
		    "%" PRId32 ".%" PRId32 " %%", guest->cpu_permille / 10,
		    guest->cpu_permille % 10);
	if (output_knows_month(c))
		fill_pair(row->cell[COLUMN_MONTH], sizeof(row->cell[0]),
		    c->month_in, c->month_out);
	if (c->at_ms <= 0)
		return;
	fill_pair(row->cell[COLUMN_DISK], sizeof(row->cell[0]), c->disk_read,
	    c->disk_written);
	fill_pair(row->cell[COLUMN_NET], sizeof(row->cell[0]), c->net_in,
	    c->net_out);
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
	fill_counters(row, guest);
}

/* Width 0: the column is left out. */
static void
put_cells(FILE *out, const char *const cell[COLUMN_COUNT],
    const int width[COLUMN_COUNT])
{
	int i, pad;

	for (i = 0; i < COLUMN_COUNT; i++) {
		if (width[i] == 0)
			continue;
		pad = width[i] - output_cells(cell[i]);
		fprintf(out, "%s%*s%s%*s", i > 0 ? "  " : "",
		    columns_of[i].right ? pad : 0, "", cell[i],
		    columns_of[i].right ? 0 : pad, "");
	}
	fputc('\n', out);
}

/* Does any guest have something in that column? */
static bool
column_known(const struct row *rows, size_t n, size_t column)
{
	size_t r;

	for (r = 0; r < n; r++)
		if (strcmp(rows[r].cell[column], "-") != 0)
			return true;
	return column < COLUMN_COUNTERS;
}

/* How wide each column is for the whole to fit. */
static void
fit(const struct row *rows, size_t n, int columns, int width[COLUMN_COUNT])
{
	int cells, sum = -2;
	size_t i, r;

	for (i = 0; i < COLUMN_COUNT; i++) {
		width[i] = 0;
		if (!column_known(rows, n, i))
			continue;
		width[i] = output_cells(columns_of[i].title);
		for (r = 0; r < n; r++) {
			cells = output_cells(rows[r].cell[i]);
			if (cells > width[i])
				width[i] = cells;
		}
		sum += width[i] + 2;
	}
	/* A line that ends in the last column makes some terminals wrap. */
	for (i = 0; i < sizeof(dispensable) / sizeof(dispensable[0]) &&
	     sum >= columns;
	     i++) {
		if (width[dispensable[i]] > 0)
			sum -= width[dispensable[i]] + 2;
		width[dispensable[i]] = 0;
	}
}

static void
put_table(FILE *out, int columns, const struct row *rows, size_t n)
{
	const char *cell[COLUMN_COUNT];
	int width[COLUMN_COUNT];
	size_t i, r;

	fit(rows, n, columns, width);
	for (i = 0; i < COLUMN_COUNT; i++)
		cell[i] = columns_of[i].title;
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
			if (column_known(&rows[r], 1, i))
				fprintf(out, "%s: %s\n", columns_of[i].field,
				    rows[r].cell[i]);
	}
}

/* A job under way and what the operator has to say. */
static void
put_notes(FILE *out, const struct wire_guest *guest)
{
	char text[WIRE_TEXT + WIRE_NAME];
	size_t len = strlen(guest->name);

	/* The broker's note says more than the two words. */
	if (strncmp(guest->note, guest->name, len) == 0 &&
	    guest->note[len] == ' ')
		text_copy(text, sizeof(text), guest->note);
	else if (guest->note[0] != '\0')
		text_format(text, sizeof(text), "%s: %s", guest->name,
		    guest->note);
	else if (guest->job_verb[0] != '\0')
		text_format(text, sizeof(text), "%s: %s is under way, ref %s.",
		    guest->name, guest->job_verb, guest->job_ref);
	else
		return;
	output_say(out, text);
}

void
output_list(FILE *out, int columns, const struct wire_guest *guests, size_t n)
{
	struct row *rows;
	size_t i;

	if (n == 0 || (rows = calloc(n, sizeof(*rows))) == NULL)
		return;
	for (i = 0; i < n; i++)
		fill_row(&rows[i], &guests[i]);
	if (columns < OUTPUT_NARROW)
		put_fields(out, rows, n);
	else
		put_table(out, columns, rows, n);
	free(rows);
	for (i = 0; i < n; i++)
		put_notes(out, &guests[i]);
}

/* "disk: 1.2 GB read, 340 MB written" */
static void
put_pair(FILE *out, const char *name, uint64_t a, const char *what_a,
    uint64_t b, const char *what_b)
{
	char first[TEXT_BYTES], second[TEXT_BYTES], text[WIRE_TEXT];

	text_bytes(a, first);
	text_bytes(b, second);
	text_format(text, sizeof(text), "%s %s, %s %s", first, what_a, second,
	    what_b);
	output_field(out, name, text);
}

static void
put_use(FILE *out, const struct wire_guest *guest)
{
	const struct wire_counters *c = &guest->counters;
	char text[OUTPUT_SPAN];

	if (guest->cpu_permille >= 0)
		fprintf(out, "cpu: %" PRId32 ".%" PRId32 " %%\n",
		    guest->cpu_permille / 10, guest->cpu_permille % 10);
	if (guest->uptime_ms >= 0) {
		output_span((int64_t)(c->cpu_ns / 1000000), text);
		output_field(out, "cpu time", text);
	}
	if (c->at_ms > 0) {
		put_pair(out, "disk", c->disk_read, "read", c->disk_written,
		    "written");
		put_pair(out, "network", c->net_in, "in", c->net_out, "out");
	}
	if (output_knows_month(c))
		put_pair(out, "network this month", c->month_in, "in",
		    c->month_out, "out");
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
	for (i = 0; i < COLUMN_COUNTERS; i++)
		fprintf(out, "%s: %s\n", columns_of[i].field, row.cell[i]);
	put_use(out, guest);
	text_format(text, sizeof(text), "%" PRIu64, guest->boot);
	output_field(out, "boot", text);
	if (guest->elsewhere)
		output_field(out, "managed", "elsewhere");
	if (guest->job_verb[0] != '\0') {
		text_format(text, sizeof(text), "%s, ref %s", guest->job_verb,
		    guest->job_ref);
		output_field(out, "job", text);
	}
	output_rights(guest->rights, rights, sizeof(rights));
	output_field(out, "you may", *rights != '\0' ? rights : "nothing");
	output_field(out, "note", guest->note);
}

static void
add_use(const struct row *row, char *text, size_t size)
{
	size_t i, len;

	for (i = COLUMN_COUNTERS; i < COLUMN_COUNT; i++) {
		if (!column_known(row, 1, i))
			continue;
		len = strlen(text);
		text_format(text + len, size - len, ", %s %s",
		    columns_of[i].brief, row->cell[i]);
	}
}

void
output_change(FILE *out, const struct wire_guest *guest, bool use)
{
	char text[WIRE_TEXT * 2], clock[16];
	time_t now = time(NULL);
	struct row row;
	struct tm tm;
	size_t len;

	fill_row(&row, guest);
	if (localtime_r(&now, &tm) == NULL ||
	    strftime(clock, sizeof(clock), "%H:%M:%S", &tm) == 0)
		text_copy(clock, sizeof(clock), "-");
	text_format(text, sizeof(text), "%s %s: %s", clock, guest->name,
	    row.cell[COLUMN_STATE]);
	len = strlen(text);
	if (guest->uptime_ms >= 0)
		text_format(text + len, sizeof(text) - len, ", up %s",
		    row.cell[COLUMN_UPTIME]);
	if (use)
		add_use(&row, text, sizeof(text));
	len = strlen(text);
	if (guest->note[0] != '\0')
		text_format(text + len, sizeof(text) - len, "; %s",
		    guest->note);
	else if (guest->job_verb[0] != '\0')
		text_format(text + len, sizeof(text) - len,
		    "; %s is under way, ref %s", guest->job_verb,
		    guest->job_ref);
	output_say(out, text);
}
