/* SPDX-License-Identifier: ISC */

/* The command line, typed or from ssh: words_split() and command_parse(). */

#include "shell/command.h"
#include "tests/fuzz/fuzz.h"
#include "wire/err.h"

static void
check_words(const struct words *words, size_t size)
{
	size_t i, len, total = 0;

	fuzz_check(words->n <= WORDS_MAX && words->word[words->n] == NULL);
	for (i = 0; i < words->n; i++) {
		fuzz_check(words->word[i] >= words->text);
		len = strnlen(words->word[i], sizeof(words->text));
		fuzz_check(words->word[i] + len <
		    words->text + sizeof(words->text));
		fuzz_check(fuzz_is_safe(words->word[i]));
		total += len;
	}
	/* Nothing expands. */
	fuzz_check(total <= size);
}

/* Is it one of the words, or the rest of one behind its "="? */
static bool
is_theirs(const struct words *words, const char *s)
{
	return s >= words->text && s < words->text + sizeof(words->text);
}

static void
check_call(const struct command_call *call, const struct words *words)
{
	const struct command_option *option;
	size_t i;

	fuzz_check(call->nargs <= call->command->max);
	fuzz_check(call->nargs <= COMMAND_ARGS_MAX);
	for (i = 0; i < call->nargs; i++)
		fuzz_check(is_theirs(words, call->args[i]));
	fuzz_check(call->guest == NULL || text_is_name(call->guest));
	fuzz_check(call->command->guest || call->guest == NULL);
	for (i = 0; i < COMMAND_OPTIONS_MAX; i++) {
		option = &call->command->options[i];
		if (call->options[i] == NULL)
			continue;
		fuzz_check(option->name != NULL);
		if (option->value != NULL)
			fuzz_check(is_theirs(words, call->options[i]) &&
			    *call->options[i] != '\0');
		else
			fuzz_check(*call->options[i] == '\0');
	}
}

static void
parse(const struct command *command, const struct words *words)
{
	struct command_call call, again;
	char detail[WIRE_TEXT], other[WIRE_TEXT];
	int err;

	memset(detail, 0x5a, sizeof(detail));
	err = command_parse(command, words, &call, detail, sizeof(detail));
	fuzz_check(strnlen(detail, sizeof(detail)) < sizeof(detail));
	fuzz_check(fuzz_is_safe(detail));
	fuzz_check(command_parse(command, words, &again, other,
		       sizeof(other)) == err);
	fuzz_check(strcmp(detail, other) == 0);
	if (err == 0)
		check_call(&call, words);
	else
		fuzz_check(err == VPSH_ERR_NO_GUEST ||
		    (err == VPSH_ERR_USAGE && *detail != '\0'));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct words words;
	const struct command *command;
	char *line = malloc(size == 0 ? 1 : size);
	size_t i;
	int err;

	fuzz_check(line != NULL);
	for (i = 0; i < size; i++)
		line[i] = (char)data[i];
	memset(&words, 0xa5, sizeof(words));
	err = words_split(&words, line, size);
	fuzz_check(words.n <= WORDS_MAX);
	if (err != 0) {
		fuzz_check(words.n == 0 && words.word[0] == NULL);
		fuzz_check(err == VPSH_ERR_BYTES || err == VPSH_ERR_QUOTE ||
		    err == VPSH_ERR_USAGE);
		goto out;
	}
	check_words(&words, size);
	if (words.n == 0)
		goto out;
	(void)command_is_foreign(words.word[0]);
	(void)command_find(words.word[0], true);
	/* The rest of the line behind every command there is. */
	for (i = 0; (command = command_at(i)) != NULL; i++)
		parse(command, &words);
out:
	free(line);
	return 0;
}
