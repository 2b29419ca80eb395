/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <string.h>

#include "shell/command.h"
#include "shell/complete.h"
#include "shell/session.h"

struct complete {
	const struct session *session;
	const char *typed; /* the word so far, not ended */
	size_t len;
	struct edit_matches *matches;
};

static void
offer(struct complete *c, const char *word)
{
	if (c->matches->n < EDIT_MATCHES_MAX &&
	    strncmp(word, c->typed, c->len) == 0)
		c->matches->word[c->matches->n++] = word;
}

static void
offer_commands(struct complete *c)
{
	const struct command *command;
	size_t i;

	for (i = 0; (command = command_at(i)) != NULL; i++)
		offer(c, command->name);
}

static void
offer_options(struct complete *c, const struct command *command)
{
	size_t i;

	for (i = 0; i < COMMAND_OPTIONS_MAX; i++)
		if (command->options[i].name != NULL)
			offer(c, command->options[i].name);
}

static void
offer_guests(struct complete *c)
{
	size_t i;

	for (i = 0; i < c->session->nseen; i++)
		offer(c, c->session->seen[i].guest);
}

static void
offer_jobs(struct complete *c)
{
	size_t i;

	for (i = 0; i < c->session->njobs; i++)
		offer(c, c->session->jobs[i]);
}

/* Does this word begin with a command?  Then its row. */
static const struct command *
first_command(const struct words *words, bool person)
{
	return words->n > 0 ? command_find(words->word[0], person) : NULL;
}

/* Is the word that is being typed the value of the option before it? */
static bool
is_value(const struct command *command, const struct words *words)
{
	const char *before = words->word[words->n - 1];
	size_t i;

	for (i = 0; i < COMMAND_OPTIONS_MAX; i++)
		if (command->options[i].name != NULL &&
		    command->options[i].value != NULL &&
		    strcmp(command->options[i].name, before) == 0)
			return true;
	return false;
}

/* How many words before this one are arguments? */
static size_t
arguments(const struct command *command, const struct words *words)
{
	struct words upto = *words;
	size_t i, n = 0;

	for (i = 1; i < words->n; i++) {
		upto.n = i;
		if (words->word[i][0] != '-' && !is_value(command, &upto))
			n++;
	}
	return n;
}

static void
offer_argument(struct complete *c, const struct command *command,
    const struct words *words)
{
	size_t n = arguments(command, words), i;

	for (i = 0; n == 0 && command->choices != NULL &&
	     command->choices[i] != NULL; i++)
		offer(c, command->choices[i]);
	if (strstr(command->args, "COMMAND") != NULL && n-- == 0)
		offer_commands(c);
	else if (n == 0 && strstr(command->args, "GUEST") != NULL)
		offer_guests(c);
	else if (n == 0 && strstr(command->args, "REF") != NULL)
		offer_jobs(c);
}

void
complete_line(void *arg, const char *line, size_t at,
    struct edit_matches *matches)
{
	struct complete c = { arg, line, 0, matches };
	const struct command *command;
	struct words words;
	size_t from = at;

	while (from > 0 && line[from - 1] != ' ')
		from--;
	matches->from = from;
	matches->n = 0;
	c.typed = line + from;
	c.len = at - from;
	if (words_split(&words, line, from) != 0)
		return;
	if (words.n == 0) {
		offer_commands(&c);
		return;
	}
	command = first_command(&words, c.session->line.person);
	if (command == NULL || is_value(command, &words))
		return;
	if (c.len > 0 && *c.typed == '-')
		offer_options(&c, command);
	else
		offer_argument(&c, command, &words);
}
