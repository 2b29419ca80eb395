/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/text.h"
#include "shell/mode.h"

static bool
is_blank(const char *s)
{
	return s[strspn(s, " ")] == '\0';
}

/* What follows our own path in command, NULL when it is another program. */
static const char *
after_path(const char *command, const char *path)
{
	size_t len;

	if (path == NULL || *path == '\0')
		return NULL;
	command += strspn(command, " ");
	len = strlen(path);
	if (strncmp(command, path, len) != 0 ||
	    (command[len] != ' ' && command[len] != '\0'))
		return NULL;
	return command + len;
}

/*
 * "vpsh" alone was forced on the customer, or is the login shell's own
 * path typed as a command: what they asked for counts.  "vpsh list" was
 * pinned by the operator, for one key perhaps: only that counts.
 */
static void
decide_command(struct mode *mode, const char *command, const char *self,
    const char *original)
{
	const char *rest;

	rest = after_path(command, VPSH_BIN);
	if (rest == NULL)
		rest = after_path(command, self);
	if (rest == NULL)
		mode->command = command;
	else if (!is_blank(rest))
		mode->command = rest;
	else if (original != NULL && !is_blank(original))
		mode->command = original;
	else
		mode->line = true;
}

/* The one word that it is made of, if that is a wish. */
static enum wire_mode
wish_of(const char *command)
{
	size_t len;

	command += strspn(command, " ");
	len = strcspn(command, " ");
	if (len != 4 || !is_blank(command + len))
		return WIRE_MODE_DEFAULT;
	if (strncmp(command, "line", len) == 0)
		return WIRE_MODE_LINE;
	return strncmp(command, "menu", len) == 0 ? WIRE_MODE_MENU :
						    WIRE_MODE_DEFAULT;
}

static void
take_wish(struct mode *mode)
{
	if (mode->command == NULL)
		return;
	mode->wish = wish_of(mode->command);
	mode->line = mode->wish != WIRE_MODE_DEFAULT;
}

/* Words of our own argument list, as ssh(1) joins those of its own. */
static void
join(struct mode *mode, int n, char *const words[])
{
	size_t len = 0;
	int i;

	for (i = 0; i < n; i++) {
		/* Cut is still longer than a line may be: it is refused. */
		text_format(mode->joined + len, sizeof(mode->joined) - len,
		    "%s%s", i == 0 ? "" : " ", words[i]);
		len += strlen(mode->joined + len);
	}
	mode->command = mode->joined;
}

int
mode_decide(struct mode *mode, int argc, char *const argv[], const char *self,
    const char *original)
{
	int i;

	memset(mode, 0, sizeof(*mode));
	if (argc >= 2 && strcmp(argv[1], "-c") == 0) {
		if (argc != 3)
			return -1;
		decide_command(mode, argv[2], self, original);
		take_wish(mode);
		return 0;
	}
	for (i = 1; i < argc && argv[i][0] == '-'; i += 2) {
		if (strcmp(argv[i], "--line") == 0) {
			mode->wish = WIRE_MODE_LINE;
			i--;
			continue;
		}
		if (i + 1 >= argc)
			return -1;
		if (strcmp(argv[i], "-S") == 0)
			mode->socket = argv[i + 1];
		else if (strcmp(argv[i], "-p") == 0)
			mode->root = argv[i + 1];
		else
			return -1;
	}
	if (i >= argc) {
		mode->line = true;
		return 0;
	}
	join(mode, argc - i, argv + i);
	take_wish(mode);
	return 0;
}
