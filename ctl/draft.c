/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ctl/draft.h"

#define HEAD                                                              \
	"# Made by vpshctl, which changes this file as long as it looks " \
	"like this. Edit it\n# as you like: vpshctl then says what to "   \
	"add, and leaves it alone. vpsh.conf(5).\n"

void
draft_of(struct draft *draft, const struct policy_customer *customer)
{
	size_t i;

	memset(draft, 0, sizeof(*draft));
	text_copy(draft->plan, sizeof(draft->plan), customer->base);
	for (i = 0; i < customer->nguests; i++)
		draft_guest(draft, customer->guests[i].name,
		    customer->guests[i].domain);
}

/* Sorted, so that one set of guests has one text. */
int
draft_guest(struct draft *draft, const char *name, const char *domain)
{
	struct draft_guest *g = draft->guests;
	size_t i = 0;

	while (i < draft->nguests && strcmp(g[i].name, name) < 0)
		i++;
	if (i == draft->nguests || strcmp(g[i].name, name) != 0) {
		if (draft->nguests == DRAFT_GUESTS_MAX)
			return -1;
		memmove(&g[i + 1], &g[i], (draft->nguests - i) * sizeof(*g));
		memset(&g[i], 0, sizeof(*g));
		text_copy(g[i].name, sizeof(g[i].name), name);
		draft->nguests++;
	} else if (strcmp(g[i].domain, domain) == 0)
		return 0;
	text_copy(g[i].domain, sizeof(g[i].domain), domain);
	return 1;
}

void
draft_guest_text(const struct draft_guest *guest, char *dst, size_t size)
{
	text_format(dst, size, "{ name = \"%s\"; domain = \"%s\"; }",
	    guest->name, guest->domain);
}

char *
draft_text(const struct draft *draft)
{
	char guest[TEXT_NAME_MAX + POLICY_DOMAIN + 40], *text = NULL;
	size_t i, len;
	FILE *to = open_memstream(&text, &len);

	if (to == NULL)
		return NULL;
	fprintf(to, HEAD "plan = \"%s\";\nguests = (\n", draft->plan);
	for (i = 0; i < draft->nguests; i++) {
		draft_guest_text(&draft->guests[i], guest, sizeof(guest));
		fprintf(to, "  %s%s\n", guest,
		    i + 1 < draft->nguests ? "," : "");
	}
	fputs(");\n", to);
	if (fclose(to) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

bool
draft_is_own(const struct policy_customer *customer, const char *text)
{
	struct draft draft;
	char *own;
	bool same;

	if (customer->nguests > DRAFT_GUESTS_MAX)
		return false;
	draft_of(&draft, customer);
	own = draft_text(&draft);
	same = own != NULL && strcmp(own, text) == 0;
	free(own);
	return same;
}

char *
draft_with_line(const char *text, const char *line)
{
	size_t len = text != NULL ? strlen(text) : 0;
	bool ended = len == 0 || text[len - 1] == '\n';
	size_t size = len + strlen(line) + 3;
	char *made = malloc(size);

	if (made != NULL)
		snprintf(made, size, "%s%s%s\n", text != NULL ? text : "",
		    ended ? "" : "\n", line);
	return made;
}

bool
draft_has_key(const struct keys *keys, const char *line, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(keys->lines[i], line) == 0)
			return true;
	return false;
}
